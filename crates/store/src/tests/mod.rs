//! Tests of the whole store.

mod crash;
mod fixtures;
mod opening;
mod operational;
mod reorg;
mod sealing;
