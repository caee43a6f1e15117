//! What there is to be alerted about.

use serde::{Deserialize, Serialize};
use std::fmt;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// How urgent an alert is. The greater is the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Somebody should look today.
    Warning,
    /// Somebody must look now: money or a deadline is at stake.
    Critical,
}

impl Severity {
    /// Every severity.
    pub const ALL: [Self; 2] = [Self::Warning, Self::Critical];

    /// The name in messages, metrics and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

/// A kind of alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A stage of an open swap is near (S1-58, S3-19). About an order and a stage.
    TimelockApproaching,
    /// A withdrawal is not done, and its last moment is near (S3-21). About an order and a stage.
    CancelWindow,
    /// Many jobs are ready and not done (S1-59). About a chain.
    HighQueueDepth,
    /// The index is behind the head of its host (S1-61). About a chain.
    IndexerLag,
    /// The host shows no new block (S1-61). About a chain.
    RemoteLag,
    /// A balance is below its threshold (S1-60, S3-40). About a chain and a token.
    LowBalance,
    /// Nearly as many orders are open as may be (S3-32).
    Capacity,
    /// The node as a whole is less than healthy (S3-33, S3-34).
    OverallHealth,
    /// A scheduled job keeps failing (S3-60). About a job.
    JobUnhealthy,
    /// A scheduled job did not start (S3-61). About a job.
    JobMissed,
    /// A step was not sent by its latest safe time. About an order and an action.
    MissedDeadline,
    /// A step was given up. About an order and an action.
    DeadLetters,
    /// Money stays where it should not (design rule M8). About an order.
    StuckMoney,
    /// The newest backup is too old.
    BackupOld,
    /// The disk is nearly full.
    DiskLow,
    /// The node acts no more, until a person did something.
    Halted,
    /// The records beside the store cannot be written.
    RecordsFailing,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::TimelockApproaching,
        Self::CancelWindow,
        Self::HighQueueDepth,
        Self::IndexerLag,
        Self::RemoteLag,
        Self::LowBalance,
        Self::Capacity,
        Self::OverallHealth,
        Self::JobUnhealthy,
        Self::JobMissed,
        Self::MissedDeadline,
        Self::DeadLetters,
        Self::StuckMoney,
        Self::BackupOld,
        Self::DiskLow,
        Self::Halted,
        Self::RecordsFailing,
    ];

    /// The name in messages, metrics, rules and of the runbook.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TimelockApproaching => "timelockApproaching",
            Self::CancelWindow => "cancelWindow",
            Self::HighQueueDepth => "highQueueDepth",
            Self::IndexerLag => "indexerLag",
            Self::RemoteLag => "remoteLag",
            Self::LowBalance => "lowBalance",
            Self::Capacity => "capacity",
            Self::OverallHealth => "overallHealth",
            Self::JobUnhealthy => "jobUnhealthy",
            Self::JobMissed => "jobMissed",
            Self::MissedDeadline => "missedDeadline",
            Self::DeadLetters => "deadLetters",
            Self::StuckMoney => "stuckMoney",
            Self::BackupOld => "backupOld",
            Self::DiskLow => "diskLow",
            Self::Halted => "halted",
            Self::RecordsFailing => "recordsFailing",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Where its runbook is, from the root of the sources.
    pub fn runbook(self) -> String {
        format!("docs/runbooks/{}.md", self.name())
    }

    /// The severities that it comes with.
    pub const fn severities(self) -> &'static [Severity] {
        use Severity::{Critical, Warning};
        match self {
            Self::TimelockApproaching
            | Self::CancelWindow
            | Self::StuckMoney
            | Self::MissedDeadline
            | Self::Halted
            | Self::RemoteLag
            | Self::IndexerLag => &[Critical],
            Self::HighQueueDepth | Self::OverallHealth | Self::JobUnhealthy => &[Warning, Critical],
            _ => &[Warning],
        }
    }

    /// How long it must have been so before anybody is told, milliseconds.
    pub const fn hold(self) -> u64 {
        match self {
            Self::TimelockApproaching => MINUTE,
            Self::HighQueueDepth | Self::IndexerLag => 5 * MINUTE,
            _ => 0,
        }
    }

    /// For how long nobody is told again of a subject that was over and comes back, milliseconds (S3-20, S3-39).
    pub const fn mark(self) -> u64 {
        match self {
            Self::TimelockApproaching | Self::CancelWindow => 10 * MINUTE,
            Self::LowBalance => HOUR,
            // Every change of the whole is told (S3-34); a minute keeps one that flutters quiet.
            Self::OverallHealth | Self::Halted => MINUTE,
            _ => 5 * MINUTE,
        }
    }

    /// After how long what still stands is told again, milliseconds (S3-20, S3-39); none where the operator says so
    /// ([`Thresholds`](crate::Thresholds)).
    pub const fn repeat(self) -> Option<u64> {
        match self {
            Self::TimelockApproaching | Self::CancelWindow => Some(10 * MINUTE),
            Self::LowBalance => Some(HOUR),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an alert is about. Never holds a measured value: a new value is no new alert (S3-39).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertId {
    /// Its kind.
    pub kind: Kind,
    /// Order, stage, chain, token, job: whatever tells it from others of its kind; may be empty.
    pub subject: String,
}

impl AlertId {
    /// The alert of this kind about `subject`.
    pub fn new(kind: Kind, subject: impl Into<String>) -> Self {
        Self { kind, subject: subject.into() }
    }

    /// The key of its mark.
    pub(crate) fn key(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.subject)
    }
}
