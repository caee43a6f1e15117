//! Why a child ended.

use bmn_primitives::ErrorClass;

/// Longest text that is kept of an error.
const LONGEST: usize = 500;

/// Why a child ended before it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    reason: String,
    class: ErrorClass,
}

impl Failure {
    /// A failure in words for people, without secrets; what is longer than 500 bytes is cut. `class` says whether
    /// starting again can help.
    pub fn new(reason: impl Into<String>, class: ErrorClass) -> Self {
        let mut reason = reason.into();
        if reason.len() > LONGEST {
            let cut = (0..=LONGEST).rev().find(|at| reason.is_char_boundary(*at)).unwrap_or(0);
            reason.truncate(cut);
            reason.push('…');
        }
        Self { reason, class }
    }

    /// One that may pass when it is tried again.
    pub fn transient(reason: impl std::fmt::Display) -> Self {
        Self::new(reason.to_string(), ErrorClass::Transient)
    }

    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        self.class
    }

    /// In words.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl From<std::convert::Infallible> for Failure {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// A vital child could not be kept running; its siblings were stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{component} cannot be kept running: {failure}")]
pub struct Escalation {
    /// The child, with its path.
    pub component: String,
    /// Its last failure.
    pub failure: Failure,
    /// Who had to be ended by force when the siblings were stopped.
    pub late: Vec<String>,
}

impl Escalation {
    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        self.failure.class()
    }
}

/// What a panic says.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let failure = Failure::transient("ä".repeat(LONGEST));
        assert!(failure.reason().len() <= LONGEST + '…'.len_utf8());
        assert!(failure.reason().ends_with('…'));
        assert_eq!(Failure::transient("short").reason(), "short");
    }
}
