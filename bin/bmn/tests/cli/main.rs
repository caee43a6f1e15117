//! The command as a process: what it writes where, and its exit codes.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod alerts;
mod archive;
mod bmn;
mod captures;
mod config;
mod decode;
mod deployment;
mod dialects;
mod help;
mod import;
mod keyring;
mod kill;
mod measured;
mod network;
mod node;
mod operations;
mod operator;
mod orders;
mod proofs;
mod queue;
mod repair;
mod run_node;
