#![doc = include_str!("../README.md")]

mod beside;
mod change;
mod clock;
mod error;
mod face;
mod facts;
mod intake;
mod keeper;
mod lane;
mod latency;
mod modes;
mod parts;
mod prices;
mod recovery;
mod recovery_pages;
mod resolver;
mod rules;
mod run;
mod takers;

pub use clock::{Clock, SystemClock};
pub use error::NodeError;
pub use intake::{Intake, IntakeFailure, SecretTaken};
pub use keeper::keeper_limits_of;
pub use latency::Latencies;
pub use prices::{
    FeedPrice, HttpPrice, Listed, PoolPrice, PriceBook, PriceBookError, PriceFault, PriceParts,
    PriceSource, Word, read_data_fee, read_price,
};
pub use resolver::{ChainHost, Resolver, ResolverHandle};
pub use rules::{believed_factories, policy_of, route_of, rules_of};
