//! Tests of the queue.

mod behaviour;
mod crash;
mod fixtures;
mod model;
