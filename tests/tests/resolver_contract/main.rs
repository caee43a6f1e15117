//! Our resolver contract on our own chain: it obeys its owner, keeps nothing, and says what went wrong
//! in the words of whoever refused.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bed;
mod obeys;
mod one_inch;
#[path = "../replay_bed/mod.rs"]
mod replay_bed;
mod swaps;
mod sweeps;
