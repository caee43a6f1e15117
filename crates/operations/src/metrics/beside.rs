//! What is measured by what runs beside the port: alerts, scheduled jobs, the supervision tree.

use bmn_alerts::Described;
use bmn_rpc::{Metric, MetricKind};
use bmn_scheduler::MeasuredKind;

const fn gauge(
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    help: &'static str,
) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, help }
}

/// What single scheduled jobs find (`docs/jobs.md`).
const FOUND_BY_JOBS: [Metric; 5] = [
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

/// What the executor counts.
const OF_THE_EXECUTOR: [Metric; 1] = [Metric {
    name: "bmn_action_panics_total",
    kind: MetricKind::Counter,
    labels: &[("action", "a step of an order")],
    help: "Looks at a step that a mistake of ours ended; the step is tried again, the others go on",
}];

/// Everything that is measured beside the port where it runs.
pub fn described_beside() -> Vec<Metric> {
    parts().into_iter().flat_map(|(_, metrics)| metrics).collect()
}

fn of(kind: MetricKind, all: &[Described]) -> impl Iterator<Item = Metric> {
    all.iter().map(move |(name, labels, help)| Metric { name, kind, labels, help })
}

pub(super) fn parts() -> [(&'static str, Vec<Metric>); 5] {
    let alerts = of(MetricKind::Gauge, &bmn_alerts::GAUGES)
        .chain(of(MetricKind::Gauge, &bmn_alerts::RECORDS_GAUGES))
        .chain(of(MetricKind::Counter, &bmn_alerts::COUNTERS));
    let jobs = bmn_scheduler::MEASURED.iter().map(|it| Metric {
        name: it.name,
        kind: match it.kind {
            MeasuredKind::Counter => MetricKind::Counter,
            MeasuredKind::Gauge => MetricKind::Gauge,
            MeasuredKind::Histogram => MetricKind::Histogram,
        },
        labels: it.labels,
        help: it.help,
    });
    let components = bmn_supervisor::MEASURED.iter().map(|it| Metric {
        name: it.name,
        kind: if it.is_counter { MetricKind::Counter } else { MetricKind::Gauge },
        labels: it.labels,
        help: it.help,
    });
    [
        ("Alerts, and what they are judged by", alerts.collect()),
        ("Scheduled jobs", jobs.collect()),
        ("What scheduled jobs find", FOUND_BY_JOBS.to_vec()),
        ("Components", components.collect()),
        ("Actions", OF_THE_EXECUTOR.to_vec()),
    ]
}
