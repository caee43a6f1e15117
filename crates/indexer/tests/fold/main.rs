//! What the fold makes of the logs of each dialect.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod dialects;
mod filter;
mod world;
