#![doc = include_str!("../README.md")]

mod child;
mod failure;
mod mailbox;
mod measured;
mod policy;
mod registry;
mod supervisor;

pub use child::Child;
pub use failure::{Escalation, Failure};
pub use mailbox::{
    Letters, MoneyOverflow, Overflow, Postbox, Refused, Sent, mailbox, mailbox_of_money,
};
pub use measured::{MEASURED, Measured};
pub use policy::{Decision, History, Importance, Policy, Strategy};
pub use registry::{ComponentState, Lifecycle, Registry};
pub use supervisor::{Drained, Supervisor};
