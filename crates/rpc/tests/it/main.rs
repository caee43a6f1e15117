//! Every method over a store with hand-made rows, through the JSON a client would send.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod fixture;
mod index;
mod reads;
mod resuming;
mod serving;
mod submissions;
mod subscriptions;
