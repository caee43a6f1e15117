#![doc = include_str!("../README.md")]

mod clock;
mod error;
mod face;
mod facts;
mod intake;
mod lane;
mod latency;
mod resolver;
mod rules;
mod run;

pub use clock::{Clock, SystemClock};
pub use error::NodeError;
pub use intake::{Intake, IntakeFailure, SecretTaken};
pub use latency::Latencies;
pub use resolver::{ChainHost, Resolver, ResolverHandle};
pub use rules::{policy_of, route_of, rules_of};
