//! What is measured of components and mailboxes.

use metrics::{counter, gauge};

/// A measured value of this crate: name, `counter` or `gauge`, labels with their values, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Its name, with its unit at the end.
    pub name: &'static str,
    /// Whether it only rises.
    pub is_counter: bool,
    /// Its labels, each with the values it may have.
    pub labels: &'static [(&'static str, &'static str)],
    /// What it is, for people.
    pub help: &'static str,
}

const COMPONENT: (&str, &str) = ("component", "a component of the supervision tree, with its path");
const MAILBOX: (&str, &str) = ("mailbox", "a mailbox, by name");

/// Everything that this crate measures (S4-71).
pub const MEASURED: [Measured; 4] = [
    Measured {
        name: "bmn_component_up",
        is_counter: false,
        labels: &[COMPONENT],
        help: "1 while the component runs; 0 while it waits for its restart, is left off or has ended",
    },
    Measured {
        name: "bmn_component_restarts_total",
        is_counter: true,
        labels: &[COMPONENT],
        help: "How often the component was started again after a failure",
    },
    Measured {
        name: "bmn_mailbox_depth",
        is_counter: false,
        labels: &[MAILBOX],
        help: "Messages that wait in the mailbox",
    },
    Measured {
        name: "bmn_mailbox_dropped_total",
        is_counter: true,
        labels: &[MAILBOX],
        help: "Messages that found the mailbox full and were dropped or refused",
    },
];

pub(crate) fn up(component: &str, is_up: bool) {
    gauge!("bmn_component_up", "component" => component.to_owned()).set(f64::from(u8::from(is_up)));
    // What has not happened yet is zero, not missing.
    counter!("bmn_component_restarts_total", "component" => component.to_owned()).increment(0);
}

pub(crate) fn restarted(component: &str) {
    counter!("bmn_component_restarts_total", "component" => component.to_owned()).increment(1);
}

#[allow(clippy::cast_precision_loss, reason = "monitors count in floating point")]
pub(crate) fn depth(mailbox: &'static str, messages: usize) {
    gauge!("bmn_mailbox_depth", "mailbox" => mailbox).set(messages as f64);
}

pub(crate) fn dropped(mailbox: &'static str) {
    counter!("bmn_mailbox_dropped_total", "mailbox" => mailbox).increment(1);
}
