//! What people are told.

use crate::{Alert, AlertId, Severity};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Version of the body of a webhook: a field may be added to it, never taken away.
const VERSION: u32 = 1;

/// Why people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Told {
    /// It stands from now on.
    Began,
    /// It stands, and is worse than it was.
    Worse,
    /// It still stands.
    Standing,
    /// It is over.
    Over,
    /// Somebody tries the routes; nothing is wrong.
    Test,
}

impl Told {
    /// The name in messages and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Worse => "worse",
            Self::Standing => "standing",
            Self::Over => "over",
            Self::Test => "test",
        }
    }
}

/// One message about one alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What it is about.
    pub id: AlertId,
    /// The alert.
    pub alert: Alert,
    /// Why people are told.
    pub told: Told,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
}

impl Message {
    /// One that says only that it arrives.
    pub fn test(at_ms: u64) -> Self {
        let id = AlertId::new(crate::Kind::OverallHealth, "test");
        let text = "a test of the alert routes: nothing is wrong".to_owned();
        let alert = Alert { severity: Severity::Warning, text, since_ms: at_ms };
        Self { id, alert, told: Told::Test, at_ms }
    }

    /// The body of a webhook; `node` is the name that the operator gave the node.
    pub fn body(&self, node: &str) -> Value {
        json!({
            "version": VERSION,
            "node": node,
            "id": self.id.to_string(),
            "kind": self.id.kind.name(),
            "subject": self.id.subject,
            "severity": self.alert.severity.name(),
            "state": self.told.name(),
            "text": self.alert.text,
            "runbook": self.id.kind.runbook(),
            "since": self.alert.since_ms,
            "at": self.at_ms,
        })
    }

    /// Writes it to the log, where every alert is, whatever routes there are.
    pub(crate) fn log(&self) {
        let (kind, severity) = (self.id.kind.name(), self.alert.severity.name());
        let (subject, told) = (self.id.subject.as_str(), self.told.name());
        let (text, runbook) = (self.alert.text.as_str(), self.id.kind.runbook());
        if self.told == Told::Over {
            tracing::info!(target: "bmn::alerts", kind, subject, severity, told, text, "alert is over");
        } else if self.alert.severity == Severity::Critical {
            tracing::error!(target: "bmn::alerts", kind, subject, severity, told, runbook, text, "alert");
        } else {
            tracing::warn!(target: "bmn::alerts", kind, subject, severity, told, runbook, text, "alert");
        }
    }
}
