//! The format from outside: what is written is read, and what was changed is found.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod damage;
mod files;
mod generated;
mod resuming;
mod round_trip;
