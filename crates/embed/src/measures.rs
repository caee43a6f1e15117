//! What is measured, by name. A full node puts its own prefix before each (reth: `reth_`).

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Counters, with what they count.
pub const COUNTERS: [(&str, &str); 6] = [
    ("bmn_extension_notifications_total", "Notifications that the node sent"),
    ("bmn_extension_panics_total", "Notifications that made our reader panic"),
    ("bmn_extension_window_hits_total", "Times that new blocks were taken out of notifications"),
    (
        "bmn_extension_storage_reads_total",
        "Times that new blocks were read from the node's storage",
    ),
    (
        "bmn_extension_executed_again_total",
        "Blocks executed again because their receipts were pruned",
    ),
    ("bmn_extension_resolver_failures_total", "Times that the resolver ended by a failure"),
];

/// Gauges, with what they show.
pub const GAUGES: [(&str, &str); 4] = [
    ("bmn_extension_window_blocks", "Blocks kept of notifications"),
    ("bmn_extension_window_bytes", "Bytes kept of notifications"),
    ("bmn_extension_finished_height", "The block up to which the node was told that it may prune"),
    ("bmn_extension_resolver_up", "1 while the resolver runs, else 0"),
];

/// Times in seconds, with what takes them.
pub const TIMES: [(&str, &str); 2] = [
    (
        "bmn_extension_notification_seconds",
        "From a notification to its end: what the node's own threads spend on us for it",
    ),
    (
        "bmn_extension_durable_seconds",
        "From a block's notification until it is durable in the index",
    ),
];

/// Tells the recorder what there is, at zero, so that nothing is missing before it happens first. Times have no
/// zero.
pub fn describe() {
    for (name, what) in COUNTERS {
        describe_counter!(name, what);
        metrics::counter!(name).increment(0);
    }
    for (name, what) in GAUGES {
        describe_gauge!(name, what);
        metrics::gauge!(name).increment(0.0);
    }
    for (name, what) in TIMES {
        describe_histogram!(name, Unit::Seconds, what);
    }
}
