//! What can go wrong with alerts.

use bmn_primitives::ErrorClass;
use bmn_records::RecordsError;

/// Errors of this crate. None of them names a URL: it may hold a key.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// Marks and messages that wait could not be read or written.
    #[error("alerts: {0}")]
    Records(#[from] RecordsError),
    /// A route has no usable URL.
    #[error(
        "alert route `{route}`: its URL is none; write one such as https://alerts.example/hook in the \
         configuration, or in the file or variable that it names"
    )]
    BadUrl {
        /// Name of the route.
        route: String,
    },
    /// No HTTP client could be made.
    #[error("alert route `{route}`: no HTTP client: {reason}")]
    NoClient {
        /// Name of the route.
        route: String,
        /// Why.
        reason: String,
    },
    /// What reads the facts, or writes marks, broke off.
    #[error("alerts: {0}")]
    Interrupted(String),
}

impl AlertError {
    /// Whether trying again may help.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Records(error) => error.class(),
            Self::BadUrl { .. } => ErrorClass::Permanent,
            Self::NoClient { .. } | Self::Interrupted(_) => ErrorClass::Transient,
        }
    }
}
