#![doc = include_str!("../README.md")]

mod account;
mod because;
mod behind;
mod bid;
mod call;
mod commit;
mod error;
mod executor;
mod gaps;
mod gate;
mod keeper;
mod lane;
mod mined;
mod sign;
mod stake;

pub use account::{Account, DailyCaps};
pub use error::ExecutorError;
pub use executor::{Executor, Limits, Monotonic, Outcome};
pub use gate::{GateContext, GateError, Proposal, Purpose, allow};
pub use keeper::KeeperLimits;
