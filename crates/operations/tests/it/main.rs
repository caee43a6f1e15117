//! The port over real HTTP, over a store with hand-made rows.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod admin;
mod api;
mod contract;
#[allow(dead_code, reason = "the rows of the handlers' own tests, of which these need a part")]
#[path = "../../../rpc/tests/it/fixture.rs"]
mod fixture;
mod health;
mod metrics;
#[allow(dead_code, reason = "as above")]
#[path = "../../../rpc/tests/it/rows.rs"]
mod rows;
#[allow(dead_code, reason = "as above")]
#[path = "../../../rpc/tests/it/wire.rs"]
mod wire;
mod world;
