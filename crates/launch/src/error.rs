//! Why a resolver cannot be started.

use bmn_chain::ChainError;
use bmn_node::NodeError;
use bmn_primitives::ErrorClass;
use bmn_records::RecordsError;
use bmn_scheduler::SchedulerError;
use std::{io, path::PathBuf};

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The configuration, or what it names, says something wrong.
    #[error("{0}")]
    Configuration(String),
    /// A file cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// No endpoint of a chain answers.
    #[error("{chain} cannot be reached: {reason}")]
    Unreachable {
        /// The chain, for people.
        chain: String,
        /// Each endpoint and its failure.
        reason: String,
    },
    /// A contract that the specification names is not what it says.
    #[error(
        "{chain}: {reason}; correct its specification, wait until the node has caught up, or, on a \
         development chain, run `bmn dev deploy`"
    )]
    Contracts {
        /// The chain, for people.
        chain: String,
        /// Every contract that is wrong.
        reason: String,
    },
    /// A chain answered otherwise than it should.
    #[error("{chain}: {source}")]
    Chain {
        /// The chain, for people.
        chain: String,
        /// What it said.
        source: ChainError,
    },
    /// The resolver cannot be opened.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The records beside the store.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The scheduled jobs cannot be made.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
}

impl LaunchError {
    /// Whether to try again.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Configuration(_) | Self::File { .. } => ErrorClass::Permanent,
            // A chain that is still syncing has no code yet.
            Self::Unreachable { .. } | Self::Contracts { .. } => ErrorClass::Transient,
            Self::Chain { source, .. } => source.class(),
            Self::Node(error) => error.class(),
            Self::Records(error) => error.class(),
            Self::Scheduler(error) => error.class(),
        }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { path: path.into(), source }
    }
}

/// An error and its causes in one line. Many errors show their cause themselves: nothing is said twice.
pub fn in_one_line<'a>(
    errors: impl IntoIterator<Item = &'a (dyn std::error::Error + 'static)>,
) -> String {
    let mut told = String::new();
    for error in errors {
        let text = error.to_string();
        if told.is_empty() {
            told = text;
        } else if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmn_primitives::ChainId;

    #[test]
    fn what_somebody_must_correct_is_told_from_what_passes() {
        let silent = ChainError::Unavailable { chain: ChainId(1), reason: "timeout".to_owned() };
        let (chain, reason) = ("Chain A (1)".to_owned(), "no code".to_owned());
        for (error, class) in [
            (LaunchError::Configuration("`mode`".to_owned()), ErrorClass::Permanent),
            (LaunchError::file("bmn.toml", io::ErrorKind::NotFound.into()), ErrorClass::Permanent),
            (LaunchError::Contracts { chain: chain.clone(), reason }, ErrorClass::Transient),
            (LaunchError::Chain { chain, source: silent }, ErrorClass::Transient),
        ] {
            assert_eq!(error.class(), class, "{error}");
        }
    }
}
