#![doc = include_str!("../README.md")]

pub mod acks;
mod arrivals;
pub mod feed;
pub mod front;
pub mod ledger;
pub mod local;
pub mod measures;
pub mod read;
pub mod runner;
pub mod session;
pub mod source;
pub mod supervise;
#[cfg(test)]
mod testing;
pub mod window;
