#![doc = include_str!("../README.md")]

mod call;
mod error;
mod executor;
mod lane;
mod sign;

pub use error::ExecutorError;
pub use executor::{Executor, Limits, Outcome};
