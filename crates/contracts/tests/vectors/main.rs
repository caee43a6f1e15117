//! Every case of `vectors.json` for each dialect that has some. The cases were produced by, or checked
//! against, contracts compiled from their public sources and run on local chains.
//!
//! `vectors.json` is a compact copy of a larger collection, one section a line. Left out are its tables of
//! gas and of facts, what a case says about itself in prose, logs of tokens except those of `bmn4` and
//! `oneinch2`, and all but two signed orders each of `bmn302` and `bmn23`, which are signed and hashed as
//! those of `bmn4`. Of `bmn1` and `bmn11` no recorded log exists; they are tested with the words of
//! `oneinch1`, whose structs they share.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod calls;
mod clones;
mod drafts;
mod fill_terms;
mod json;
mod logs;
mod mainnet;
mod merkle;
mod orders;
mod permissions;
mod reverts;
mod selectors;
mod traits;
