//! What alerts are judged by: plain values, gathered by others.

use crate::Unseen;
use alloy::primitives::U256;

/// A stage that an open swap comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageFacts {
    /// The order, as in answers.
    pub order: String,
    /// The chain whose clock the stage goes by.
    pub chain: u64,
    /// Name of the stage, as in the tables of `docs/timelocks.md`.
    pub stage: &'static str,
    /// Seconds of that chain's time until the stage begins; negative once it has.
    pub seconds_left: i64,
    /// A withdrawal that must be done before the stage is not done yet.
    pub withdrawal_open: bool,
}

/// Ready jobs of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueFacts {
    /// Chain id.
    pub chain: u64,
    /// Lane, by its name.
    pub lane: &'static str,
    /// How many are ready.
    pub jobs: u64,
    /// How many of them have a latest safe time.
    pub with_deadline: u64,
}

/// A chain, and how far the index is behind its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChainFacts {
    /// Chain id.
    pub chain: u64,
    /// Newest indexed block.
    pub indexed: Option<u64>,
    /// Newest block that the host showed so far.
    pub head: Option<u64>,
    /// For how many seconds the host has shown no new block.
    pub head_age: u64,
    /// Whether the host answered when it was asked last.
    pub answers: bool,
    /// Whether a newer block came since it was looked at first: before that its age is the least that it may be.
    pub moved: bool,
}

/// A balance, and the least that it should be. Base units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceFacts {
    /// Chain id.
    pub chain: u64,
    /// The token's name, or its address.
    pub token: String,
    /// What the account has.
    pub balance: U256,
    /// Less is too little.
    pub threshold: U256,
}

/// A scheduled job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFacts {
    /// Its name.
    pub name: String,
    /// Whether money depends on it (S3-60: the timelock watch).
    pub critical: bool,
    /// It failed so often in a row that it counts as unhealthy.
    pub unhealthy: bool,
    /// What its last failure said.
    pub error: Option<String>,
    /// It should have started and did not.
    pub missed: bool,
}

/// A part of the node that is less than healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartFacts {
    /// Its name, with its chain where it has one.
    pub name: String,
    /// Why, in words for everybody.
    pub detail: String,
    /// Whether it was healthy once since the node began.
    pub was_well: bool,
}

/// How the node as a whole does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overall {
    /// As it should.
    #[default]
    Healthy,
    /// It works, and a person should look.
    Degraded,
    /// It does not work.
    Unhealthy,
}

/// An order, and in words what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFacts {
    /// What it is about: the order, with the action where it is about one.
    pub subject: String,
    /// What is wrong.
    pub detail: String,
}

/// Room on the disk of the data directory, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskFacts {
    /// Free for this process.
    pub free: u64,
    /// All there is.
    pub total: u64,
}

/// Everything that is looked at, at one moment. What could not be looked at is absent and named in `unseen`: no alert
/// follows from it, and none is over because of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// Stages of open swaps, both those to come and those that begun while something is owed.
    pub stages: Vec<StageFacts>,
    /// Ready jobs by chain and lane.
    pub queue: Vec<QueueFacts>,
    /// The chains.
    pub chains: Vec<ChainFacts>,
    /// Balances of the account.
    pub balances: Vec<BalanceFacts>,
    /// Orders that are open.
    pub open_orders: u64,
    /// How many may be; zero when there is no limit.
    pub max_open_orders: u64,
    /// The node as a whole.
    pub overall: Overall,
    /// Its parts that are less than healthy.
    pub parts: Vec<PartFacts>,
    /// For how long the node has been looked at, seconds; none where that says nothing.
    pub up_seconds: Option<u64>,
    /// Scheduled jobs.
    pub jobs: Vec<JobFacts>,
    /// Steps of open orders that were not sent by their latest safe time.
    pub missed: Vec<OrderFacts>,
    /// Steps that were given up.
    pub dead_letters: Vec<OrderFacts>,
    /// Orders whose money stays where it should not.
    pub stuck: Vec<OrderFacts>,
    /// Age of the newest backup, seconds; none where none is made.
    pub backup_age: Option<u64>,
    /// The disk; none where it cannot be asked.
    pub disk: Option<DiskFacts>,
    /// Size of the store's file, bytes.
    pub store_bytes: Option<u64>,
    /// Why the node acts no more.
    pub halted: Option<String>,
    /// Why the records could not be written.
    pub records_failed: Option<String>,
    /// What could not be looked at.
    pub unseen: Unseen,
}
