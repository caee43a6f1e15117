//! Every method over a store with hand-made rows, through the JSON a client would send.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod access;
mod alerts;
mod audit;
mod chain;
mod contract;
mod crowd;
mod dead_letters;
mod fixture;
mod index;
mod limits;
mod notices;
mod operator;
mod private;
mod proofs;
mod pruned;
mod reads;
mod resuming;
mod rows;
mod serving;
mod submissions;
mod subscriptions;
mod summary;
mod wire;
