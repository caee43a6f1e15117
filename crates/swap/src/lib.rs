#![doc = include_str!("../README.md")]

mod action;
mod admit;
mod model;
mod plan;
mod policy;
mod refusal;
mod status;
mod timeline;
mod verify;

pub use action::{Action, ActionKey, Due, Wake, When};
pub use admit::{
    DirectFacts, Draft, IntakeFacts, Terms, admit_direct, admit_submitted, direct_id, read_direct,
    read_submitted,
};
pub use model::{
    Attempt, Decision, DestinationLeg, DestinationPlan, EscrowEnd, Evidence, Fill, Inclusion,
    NamedTerms, Order, Origin, Permission, SecretKnowledge, SignedOrder, SourceLeg, SourceTerms,
};
pub use plan::{
    Alarm, ChainView, Plan, SwapView, destination_immutables, intend_destination, plan,
};
pub use policy::{FactoryTerms, PATH_GAS, Policy, Price, Profit, Route, TokenTerms, profit};
pub use refusal::Refusal;
pub use status::{Cause, Status, TRANSITIONS, Transition, derive_status};
pub use timeline::{Pace, Schedule, Shortfall, Step, Windows, compile};
pub use verify::{
    DIRECT_CLOCK_TOLERANCE, DestinationFacts, Expected, check_destination, check_source,
};
