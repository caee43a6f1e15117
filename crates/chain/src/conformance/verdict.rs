//! What a case finds out.

use crate::ChainError;
use std::fmt::Debug;

/// A rule of the seam that a host broke, with what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub(super) String);

/// `Ok` when every rule held.
pub type Verdict<T = ()> = Result<T, Broken>;

pub(super) fn broken<T>(what: impl Into<String>) -> Verdict<T> {
    Err(Broken(what.into()))
}

pub(super) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { broken(what()) }
}

pub(super) fn ensure_eq<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Verdict {
    ensure(found == expected, || format!("{what}: expected {expected:?}, found {found:?}"))
}

/// An answer that must come.
pub(super) trait Answer<T> {
    fn answers(self, method: &str) -> Verdict<T>;
}

impl<T> Answer<T> for Result<T, ChainError> {
    fn answers(self, method: &str) -> Verdict<T> {
        self.map_err(|error| Broken(format!("{method} must answer; it failed: {error}")))
    }
}
