//! Where an order stands.

use crate::OneOrMany;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SwapStatus {
    /// The resolver funded nothing and never will. Terminal.
    Refused,
    /// Taken; the fill is not mined.
    Accepted,
    /// The source escrow stands; no destination yet.
    SourceLocked,
    /// Both escrows stand; the resolver does not know the secret.
    BothLocked,
    /// Both escrows stand and the resolver knows the secret.
    SecretKnown,
    /// The destination paid the maker; the source is still to be withdrawn.
    DestinationPaid,
    /// The destination came back; the source is still to be given back.
    DestinationRefunded,
    /// The source was given back while the destination still stands.
    DestinationStranded,
    /// A direct source escrow that was refused; it is to be given back.
    Refunding,
    /// A destination escrow stands without a source.
    Exposed,
    /// Both sides paid. Terminal.
    Completed,
    /// Every leg that exists was given back. Terminal.
    Cancelled,
    /// The fill never was mined, or was reorged out and cannot come back. Terminal.
    Void,
    /// The destination paid the maker and the source went back to him too. Terminal, a failure.
    Lost,
    /// The source was taken although the destination did not pay. Terminal, a failure.
    Violated,
    /// The source came to the resolver before the maker was paid; the destination still stands and
    /// pays him.
    Owing,
    /// A stranger's escrow stands, which the resolver may finish for its safety deposit.
    Watched,
    /// Strangers' escrows that ended, at least one of them by the resolver. Terminal.
    Kept,
    /// Strangers' escrows that ended without the resolver, or are left alone. Terminal.
    Released,
}

impl SwapStatus {
    /// Every status.
    pub const ALL: [Self; 19] = [
        Self::Refused,
        Self::Accepted,
        Self::SourceLocked,
        Self::BothLocked,
        Self::SecretKnown,
        Self::DestinationPaid,
        Self::DestinationRefunded,
        Self::DestinationStranded,
        Self::Refunding,
        Self::Exposed,
        Self::Completed,
        Self::Cancelled,
        Self::Void,
        Self::Lost,
        Self::Violated,
        Self::Owing,
        Self::Watched,
        Self::Kept,
        Self::Released,
    ];
}

/// One status or several, as filters take them.
pub type SwapStatuses = OneOrMany<SwapStatus>;

impl fmt::Display for SwapStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl FromStr for SwapStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.to_string() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(ToString::to_string).collect();
            format!("expected one of {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_one_name_in_json_text_and_filters() {
        for status in SwapStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.to_string());
            assert_eq!(status.to_string().parse(), Ok(status));
        }
        assert!("done".parse::<SwapStatus>().unwrap_err().contains("bothLocked"));
    }
}
