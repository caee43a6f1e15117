//! Tests of the queue.

mod behaviour;
mod crash;
pub(crate) mod dead_letters;
pub(crate) mod fixtures;
mod in_flight;
mod late;
mod leases;
mod model;
mod retries;
mod urgency;
