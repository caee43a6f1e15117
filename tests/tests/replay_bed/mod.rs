//! Playing a recording again: what the original contracts did, on our contracts in our own chain.
#![allow(dead_code)] // Each test binary uses its own part.

pub(crate) mod net;
pub(crate) mod recording;
pub(crate) mod replay;
