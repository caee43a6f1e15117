//! Every case of `vectors.json` for the two dialects. The cases were produced by, or checked against,
//! contracts compiled from their public sources and run on local chains.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod calls;
mod clones;
mod json;
mod logs;
mod mainnet;
mod orders;
mod permissions;
mod reverts;
mod selectors;
mod traits;
