//! What can go wrong.

use bmn_primitives::ErrorClass;
use bmn_records::RecordsError;

/// A text that is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no schedule: {reason}")]
pub struct ScheduleError {
    /// What was read.
    pub text: String,
    /// What does not fit.
    pub reason: String,
}

/// Why a run of a job failed. Told to people and kept in the records: nothing secret belongs into it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// It may do better later: it is tried again by the job's list of delays.
    #[error("{0}")]
    Transient(String),
    /// Trying again is of no use before somebody did something.
    #[error("{0}")]
    Permanent(String),
    /// What it looked at contradicts itself.
    #[error("{0}")]
    Corrupt(String),
}

impl JobError {
    /// The error of something below, with its class.
    pub fn of(class: ErrorClass, error: impl std::fmt::Display) -> Self {
        let text = error.to_string();
        match class {
            ErrorClass::Transient => Self::Transient(text),
            ErrorClass::Permanent => Self::Permanent(text),
            ErrorClass::Corrupt => Self::Corrupt(text),
        }
    }

    /// Whether trying again may help.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Transient(_) => ErrorClass::Transient,
            Self::Permanent(_) => ErrorClass::Permanent,
            Self::Corrupt(_) => ErrorClass::Corrupt,
        }
    }
}

/// Errors of the scheduler itself.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// Two jobs have one name.
    #[error("two scheduled jobs are called `{0}`")]
    Duplicate(&'static str),
    /// There is no such job.
    #[error("no scheduled job is called `{name}`; there are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// It runs at this moment.
    #[error("`{0}` is running; ask again when it is done")]
    Running(String),
    /// The scheduler has ended, or was not begun.
    #[error("the scheduler is not running")]
    Stopped,
    /// A thread of the runtime ended before its work did.
    #[error("interrupted: {0}")]
    Interrupted(String),
}

impl SchedulerError {
    /// Whether trying again may help.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Records(error) => error.class(),
            Self::Duplicate(_) | Self::Unknown { .. } => ErrorClass::Permanent,
            Self::Running(_) | Self::Stopped | Self::Interrupted(_) => ErrorClass::Transient,
        }
    }
}
