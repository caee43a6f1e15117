//! What is wrong with a file, where, and what would be accepted.

use crate::layers::Place;
use bmn_primitives::ErrorClass;
use std::fmt;

/// One thing wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The text is not TOML.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// A key that nobody reads.
    #[error("unknown key `{key}`: {}", hint(*suggestion, known))]
    UnknownKey {
        /// The key with its path.
        key: String,
        /// The nearest known key, when one is near.
        suggestion: Option<&'static str>,
        /// Every key known in this table.
        known: Vec<&'static str>,
    },
    /// A key that has no default.
    #[error("`{key}` is missing: expected {expected}")]
    Missing {
        /// The key with its path.
        key: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A value of the wrong type, form or range.
    #[error("`{key}`: expected {expected}, found {found}")]
    Unexpected {
        /// The key with its path.
        key: String,
        /// What would be accepted.
        expected: &'static str,
        /// What stands there; long texts only by their length, since they may be secrets.
        found: String,
    },
    /// A value that is well formed and contradicts another one.
    #[error("`{key}`: {reason}")]
    Contradiction {
        /// The key with its path.
        key: String,
        /// The rule and the other value.
        reason: String,
    },
}

/// A problem and the line it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Line, counted from 1; `None` when something is missing from the file as a whole.
    pub line: Option<usize>,
    /// What stands above the file and holds it: an environment variable, a flag.
    pub place: Option<String>,
    /// What is wrong there.
    pub problem: Problem,
}

/// Everything wrong with one configuration file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file, as its reader named it.
    pub origin: String,
    /// At least one problem.
    pub problems: Vec<Located>,
}

impl ConfigError {
    /// A file that is wrong stays wrong until somebody edits it.
    pub const fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }
}

impl Located {
    pub(crate) fn at(place: Option<Place>, problem: Problem) -> Self {
        let (line, place) = match place {
            Some(Place::Line(line)) => (Some(line), None),
            Some(Place::Above(name)) => (None, Some(name)),
            None => (None, None),
        };
        Self { line, place, problem }
    }
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, &self.place) {
            (Some(line), _) => write!(f, "line {line}: {}", self.problem),
            (None, Some(place)) => write!(f, "{place}: {}", self.problem),
            (None, None) => self.problem.fmt(f),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "{}: {count} {noun}", self.origin)?;
        self.problems.iter().try_for_each(|located| write!(f, "\n  {located}"))
    }
}

fn hint(suggestion: Option<&str>, known: &[&str]) -> String {
    match suggestion {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here are {}", known.join(", ")),
    }
}
