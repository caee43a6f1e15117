//! The command as a process: what it writes where, and its exit codes.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod archive;
mod bmn;
mod decode;
mod dialects;
mod help;
mod kill;
mod network;
mod node;
mod operations;
mod operator;
mod orders;
mod proofs;
mod queue;
mod run_node;
