//! How a node does, in words that say nothing of its insides.

use serde::{Deserialize, Serialize};

/// How well something does. The greater is the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum HealthStatus {
    /// As it should.
    Healthy,
    /// It works, and a person should look.
    Degraded,
    /// It does not work.
    Unhealthy,
}

impl HealthStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Degraded, Self::Unhealthy];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }

    /// Of the whole: unhealthy when a part is that the node cannot work without, degraded when any part is
    /// less than healthy.
    pub fn of(components: &[HealthComponent]) -> Self {
        let weight = |component: &HealthComponent| match component.status {
            Self::Unhealthy if !component.critical => Self::Degraded,
            status => status,
        };
        components.iter().map(weight).max().unwrap_or(Self::Healthy)
    }
}

/// A part of the node that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum HealthPart {
    /// The database: a read of it, and how long it took.
    Store,
    /// The index of a chain: live, behind, without a new block for two minutes (counted from the first
    /// look on), or not begun.
    Index,
    /// Whether the node acts on its chains. A node that is told to index only is healthy.
    Acting,
    /// Steps that were given up, and steps whose latest safe time is near or over.
    Queue,
    /// Latest safe times that passed without the step, of orders that are not at an end.
    Deadlines,
}

impl HealthPart {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Index => "index",
            Self::Acting => "acting",
            Self::Queue => "queue",
            Self::Deadlines => "deadlines",
        }
    }

    /// Whether the node cannot work without it.
    pub const fn is_critical(self) -> bool {
        matches!(self, Self::Store | Self::Index | Self::Acting)
    }
}

/// One part, and how it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HealthComponent {
    /// What it is.
    pub name: HealthPart,
    /// Its chain, by id, where it has one.
    pub chain: Option<u64>,
    /// How it does.
    pub status: HealthStatus,
    /// True when the node as a whole is unhealthy with it.
    pub critical: bool,
    /// Why, in words for everybody.
    pub detail: String,
    /// How long the look took, milliseconds, where it was timed.
    pub latency_ms: Option<u64>,
}

impl HealthComponent {
    /// A part that was looked at.
    pub fn new(name: HealthPart, status: HealthStatus, detail: impl Into<String>) -> Self {
        let (critical, detail) = (name.is_critical(), detail.into());
        Self { name, chain: None, status, critical, detail, latency_ms: None }
    }
}

/// Answer of `bmn_health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Of the whole: unhealthy when a critical part is, degraded when any part is less than healthy.
    pub status: HealthStatus,
    /// True while every chain's index is live and the node does all that it is told to do: it takes requests.
    pub ready: bool,
    /// Version of the node.
    pub version: String,
    /// Seconds since it was started.
    pub uptime: u64,
    /// Every part, in an order that does not change.
    pub components: Vec<HealthComponent>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: HealthPart, status: HealthStatus) -> HealthComponent {
        HealthComponent::new(name, status, "")
    }

    #[test]
    fn the_whole_is_as_its_worst_part_and_unhealthy_only_by_a_critical_one() {
        use HealthPart::{Index, Queue, Store};
        use HealthStatus::{Degraded, Healthy, Unhealthy};
        let whole = |parts: &[(HealthPart, HealthStatus)]| {
            let parts: Vec<_> = parts.iter().map(|(name, status)| part(*name, *status)).collect();
            HealthStatus::of(&parts)
        };
        assert_eq!(whole(&[]), Healthy);
        assert_eq!(whole(&[(Store, Healthy), (Queue, Healthy)]), Healthy);
        assert_eq!(whole(&[(Store, Healthy), (Queue, Degraded)]), Degraded, "any degraded part");
        assert_eq!(whole(&[(Index, Degraded), (Index, Degraded)]), Degraded, "not by their number");
        assert_eq!(whole(&[(Queue, Unhealthy)]), Degraded, "the node works without it");
        assert_eq!(whole(&[(Queue, Degraded), (Index, Unhealthy)]), Unhealthy, "one is enough");
    }

    #[test]
    fn names_are_those_on_the_wire() {
        use HealthPart::{Acting, Deadlines, Index, Queue, Store};
        for status in HealthStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
        for part in [Store, Index, Acting, Queue, Deadlines] {
            assert_eq!(serde_json::to_value(part).unwrap(), part.name());
        }
    }
}
