#![doc = include_str!("../README.md")]

mod account;
mod batch;
mod because;
mod behind;
mod bid;
mod blind;
mod call;
mod commit;
mod draft;
mod error;
mod executor;
mod gaps;
mod gate;
mod keeper;
mod lane;
mod mined;
mod refunds;
mod settle;
mod sign;
mod stake;
mod verdict;

pub use account::{Account, DailyCaps};
pub use error::ExecutorError;
pub use executor::{Executor, Limits, Monotonic, Outcome};
pub use gate::{GateContext, GateError, Proposal, Purpose, allow};
pub use keeper::KeeperLimits;
