#![doc = include_str!("../README.md")]

pub mod backups;
mod facts;
mod ground;
mod jobs;
mod schedules;
mod upkeep;

pub use facts::{FactParts, NodeFacts};
pub use ground::{Balance, Balances, Expected, Ground};
pub use jobs::{
    DailyReport, HealthRecord, Sums, Window, jobs, latest_health, report_of, windows_since,
};
pub use schedules::{JOBS, Known, named, overrides};
pub use upkeep::{Machine, Upkeep};
