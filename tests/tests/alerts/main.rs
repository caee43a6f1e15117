//! Each alert of section (b) of the requirements is fired by what causes it, in a world of two chains: the webhook
//! is told, once, and what is measured says the same.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod causes;
mod desk;
mod jobs;
mod unseen;
