#![doc = include_str!("../README.md")]

mod action;
mod admit;
mod assessment;
mod header;
mod keeper;
mod keeper_worth;
mod model;
mod modes;
mod named;
mod parts;
mod plan;
mod policy;
mod quotes;
mod recovered;
mod refusal;
mod stages;
mod status;
mod timeline;
mod times;
mod verify;
mod worth;

pub use action::{Action, ActionKey, Due, Wake, When};
pub use admit::{
    DirectFacts, Draft, IntakeFacts, Terms, admit_direct, admit_submitted, check_signature,
    choose_part, direct_id, read_direct, read_submitted, remaining,
};
pub use assessment::{Assessment, Circumstances, Slack, TimeSlack, assess};
pub use keeper::{
    Access, KeeperAction, KeeperChain, KeeperDue, KeeperPlan, KeeperView, find_destination, keep,
    watch,
};
pub use keeper_worth::{
    KeeperBudget, KeeperChoice, KeeperNumbers, KeeperRefusal, KeeperTerms, choose_kept,
};
pub use model::{
    Attempt, Decision, DestinationLeg, DestinationPlan, EscrowEnd, Evidence, Fill, Inclusion,
    NamedTerms, Order, Origin, Permission, SecretKnowledge, SignedOrder, SourceLeg, SourceTerms,
    writes_creation_time,
};
pub use modes::{MAX_SWITCHES, Mode, ModeReason, Modes, Switch, UnknownMode, hundredth};
pub use named::stated_terms;
pub use parts::{
    MOST_PARTS, Part, affordable_making, check_secrets, has_parts, next_part, taking_amount,
};
pub use plan::{
    Alarm, ChainView, Plan, SwapView, destination_immutables, intend_destination, plan,
};
pub use policy::{
    ConfirmationStep, FactoryTerms, OrderLimits, PATH_GAS, Policy, Price, Profit, Route, RouteCap,
    RouteLimits, TokenFlag, TokenTerms, profit,
};
pub use quotes::{
    AgedQuote, CLOCK_TOLERANCE, MAX_DATA_FEE_AGE, PriceTerms, Priced, Quote, Quotes,
    SourceTerms as PriceSourceTerms, price_of,
};
pub use recovered::{
    RECOVERED, created_in, is_in_doubt, is_orphan_worth, read_filled, read_named, read_orphan,
    recovered_plan, stated_destination,
};
pub use refusal::Refusal;
pub use stages::{
    Basis, DestinationTimes, Fault, Overdue, Progress, Role, SendState, Slot, TimedAction, Times,
    Timetable, Timing, Verdict,
};
pub use status::{Cause, Keeping, Status, TRANSITIONS, Transition, derive_kept, derive_status};
pub use timeline::{Pace, Shortfall, Step};
pub use times::{ALARM_INCLUSIONS, OrderTimes, timetable, timetable_at};
pub use verify::{
    DIRECT_CLOCK_TOLERANCE, DestinationFacts, Expected, check_destination, check_holdings,
    check_source,
};
pub use worth::{
    Cap, CapKind, DataFeeTerms, Exposure, GasStep, MakerClaims, Market, Outcomes, PathStep,
    RefundLimits, RefundWait, Refunded, Retention, Usage, Valuation, Valued, caps, data_fee,
    step_bytes, step_gas, through_contract, worth,
};
