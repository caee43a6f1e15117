//! Every method over a store with hand-made rows, through the JSON a client would send.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod dead_letters;
mod fixture;
mod index;
mod operator;
mod reads;
mod resuming;
mod serving;
mod submissions;
mod subscriptions;
