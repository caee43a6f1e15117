//! What the jobs measure, beside what `bmn-scheduler` measures of every job.

use bmn_rpc::{Metric, MetricKind};

const fn gauge(
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    help: &'static str,
) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, help }
}

/// Everything that the jobs measure.
pub const METRICS: [Metric; 5] = [
    gauge(
        "bmn_steps_closing",
        &[],
        "Steps whose latest safe time comes within `alerts.timelock_secs`",
    ),
    gauge("bmn_store_verified_blocks", &[], "Blocks that the last slice of verification compared"),
    gauge(
        "bmn_chain_probe_seconds",
        &[("chain", "chain id")],
        "How long the chain's host took to tell its head",
    ),
    gauge(
        "bmn_orders_last_day",
        &[("what", "`created`, `refused`, `completed`, `cancelled` or `failed`")],
        "Orders of the last 24 hours by what became of them, from windows",
    ),
    gauge(
        "bmn_order_completion_average_seconds",
        &[],
        "Time from an order to its completion, average of the last 24 hours; absent while there is none",
    ),
];
