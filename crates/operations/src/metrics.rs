//! What is measured, by name, and the values that follow from the store.
//!
//! Those are computed for each look, from one snapshot, into a recorder of that look alone: nothing that is gone
//! (an order's status, a chain) is left standing at its last value.

mod beside;

pub use beside::described_beside;

use crate::recorder;
use ::metrics::{
    counter, describe_counter, describe_gauge, describe_histogram, gauge, with_local_recorder,
};
use bmn_rpc::{IndexMode, Measures, Metric, MetricKind};
use bmn_rpc_api::{ChainStatus, HealthStatus, JobState, SwapStatus, SwitchKind};
use metrics_exporter_prometheus::BuildError;
use std::fmt::Write;

const CHAIN: (&str, &str) = ("chain", "chain id");

const JOB_STATES: [JobState; 5] =
    [JobState::Waiting, JobState::Ready, JobState::Leased, JobState::Sent, JobState::Dead];

const SWITCHES: [SwitchKind; 5] = [
    SwitchKind::Pause,
    SwitchKind::Drain,
    SwitchKind::Maintenance,
    SwitchKind::Chain,
    SwitchKind::Token,
];

/// What is counted while the node runs.
pub(crate) const RECORDED: [Metric; 2] = [
    Metric {
        name: "bmn_http_requests_total",
        kind: MetricKind::Counter,
        labels: &[("path", "a path of the operations port, or `other`"), ("status", "HTTP status")],
        help: "Requests of the operations port",
    },
    Metric {
        name: "bmn_http_request_seconds",
        kind: MetricKind::Histogram,
        labels: &[("path", "as above")],
        help: "From a request of the operations port to its answer",
    },
];

const fn of_a_chain(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels: &[CHAIN], help }
}

const fn of_the_node(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels: &[], help }
}

const fn labelled(
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    help: &'static str,
) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, help }
}

/// What follows from the store, and what the node says of itself.
pub(crate) const STANDING: [Metric; 23] = [
    labelled("bmn_build_info", &[("version", "version of the node")], "Always 1"),
    of_the_node("bmn_uptime_seconds", "How long the node has been up"),
    labelled(
        "bmn_health_status",
        &[("status", "`healthy`, `degraded` or `unhealthy`")],
        "1 for how the node does, 0 for the others",
    ),
    of_the_node("bmn_ready", "1 while every chain's index is live and the node takes requests"),
    labelled(
        "bmn_component_health_status",
        &[("component", "`store`, `index`, `acting`, `queue` or `deadlines`"), CHAIN],
        "Of a part: 0 healthy, 1 degraded, 2 unhealthy; the label chain is empty where it has none",
    ),
    of_the_node("bmn_store_read_seconds", "How long the read of the store took for this answer"),
    of_the_node("bmn_acting", "1 while the node acts on every chain"),
    of_a_chain("bmn_chain_head_block", "Newest indexed block"),
    of_a_chain("bmn_chain_head_timestamp_seconds", "Its time, unix seconds"),
    of_a_chain("bmn_chain_finalized_block", "Newest indexed block that is final"),
    of_a_chain("bmn_chain_unfinalized_blocks", "Indexed blocks that are not final yet"),
    of_a_chain("bmn_chain_next_nonce", "Nonce of the account's next transaction"),
    of_a_chain("bmn_chain_live_transactions", "Transactions that are sent and not settled"),
    labelled(
        "bmn_chain_index_mode",
        &[
            CHAIN,
            ("mode", "`notBegun`, `live`, `backfilling`, `clearing`, `rebuilding` or `deriving`"),
        ],
        "1 for the mode of the chain's index, 0 for the others",
    ),
    labelled(
        "bmn_orders",
        &[("status", "a status of orders")],
        "Orders by status; counting stops at 10000",
    ),
    of_the_node("bmn_open_orders", "Orders that were taken and are not at an end"),
    labelled("bmn_jobs", &[("state", "a state of jobs")], "Jobs by state; counting stops at 10000"),
    of_the_node("bmn_overdue_actions", "Steps whose latest safe time is near or over"),
    of_the_node("bmn_missed_deadlines", "Steps that were ever missed"),
    of_the_node("bmn_last_change", "Number of the newest change of an order"),
    labelled(
        "bmn_mode",
        &[("mode", "`full`, `shadow` or `percent`")],
        "1 for the mode that new orders are taken in, 0 for the others",
    ),
    labelled(
        "bmn_switches",
        &[("kind", "`pause`, `drain`, `maintenance`, `chain` or `token`")],
        "Switches that are on and keep new orders out",
    ),
    of_the_node("bmn_takes_orders", "1 while some new order may be taken"),
];

/// What the process says of itself, under the names that dashboards for any program know.
pub(crate) const PROCESS: [Metric; 8] = [
    Metric {
        name: "process_cpu_seconds_total",
        kind: MetricKind::Counter,
        labels: &[],
        help: "Time of processors that the process has used",
    },
    of_the_node("process_open_fds", "Open file descriptors"),
    of_the_node("process_max_fds", "How many there may be"),
    of_the_node("process_virtual_memory_bytes", "Virtual memory"),
    of_the_node("process_virtual_memory_max_bytes", "How much there may be"),
    of_the_node("process_resident_memory_bytes", "Memory in use"),
    of_the_node("process_start_time_seconds", "When it was started, unix seconds"),
    of_the_node("process_threads", "Threads"),
];

/// Everything that the port itself answers at `/metrics`, whatever runs beside it.
pub fn described() -> Vec<Metric> {
    let all: [&[Metric]; 4] = [&STANDING, &bmn_rpc::METRICS, &RECORDED, &PROCESS];
    all.into_iter().flatten().copied().collect()
}

/// Tells the recorder what there is.
pub(crate) fn describe(metrics: &[Metric]) {
    for metric in metrics {
        match metric.kind {
            MetricKind::Counter => describe_counter!(metric.name, metric.help),
            MetricKind::Gauge => describe_gauge!(metric.name, metric.help),
            MetricKind::Histogram => describe_histogram!(metric.name, metric.help),
        }
    }
}

/// The table that people read, as `docs/metrics.md` has it.
pub fn reference() -> String {
    let mut text = String::from(
        "# What `/metrics` answers\n\n\
         Prometheus text of the operations port (`operations` in the configuration of `bmn node`). Made by a test of\n\
         `crates/operations`, which writes it again with `BMN_BLESS=1 cargo test -p bmn-operations --test it`.\n\n\
         Values of the store are read for each answer from one snapshot, so they fit together. What is counted is\n\
         counted since the start. What looks at alerts and what runs jobs measure where they run: in `bmn node` and\n\
         `bmn dev`. `docs/alerts.md` has the alerts that follow, `etc/prometheus` and `etc/grafana` their rules and\n\
         dashboards.\n",
    );
    let beside = beside::parts();
    let parts: [(&str, &[Metric]); 4] = [
        ("The node, from its store", &STANDING),
        ("JSON-RPC", &bmn_rpc::METRICS),
        ("The operations port", &RECORDED),
        ("The process", &PROCESS),
    ];
    let beside = beside.iter().map(|(title, metrics)| (*title, metrics.as_slice()));
    for (title, metrics) in parts.into_iter().chain(beside) {
        let _ = write!(text, "\n## {title}\n\n| name | kind | labels | |\n|---|---|---|---|\n");
        for metric in metrics {
            let labels = metric.labels.iter().map(|(name, values)| format!("`{name}`: {values}"));
            let labels = labels.collect::<Vec<_>>().join("; ");
            let kind = match metric.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
                MetricKind::Histogram => "histogram",
            };
            let _ = writeln!(text, "| `{}` | {kind} | {labels} | {} |", metric.name, metric.help);
        }
    }
    text
}

/// The text of what is measured now.
pub(crate) fn standing(measures: &Measures) -> Result<String, BuildError> {
    let recorder = recorder::fresh()?;
    with_local_recorder(&recorder, || {
        describe(&STANDING);
        node(measures);
        orders(measures);
        measures.status.chains.iter().for_each(chain);
        for (id, now) in &measures.index {
            for mode in IndexMode::ALL {
                let labels = [("chain", id.to_string()), ("mode", mode.name().to_owned())];
                gauge!("bmn_chain_index_mode", &labels).set(flag(mode == *now));
            }
        }
        let process = metrics_process::Collector::default();
        process.describe();
        process.collect();
    });
    Ok(recorder.handle().render())
}

fn node(measures: &Measures) {
    let (status, health) = (&measures.status, &measures.health);
    gauge!("bmn_build_info", "version" => status.version.clone()).set(1.0);
    gauge!("bmn_uptime_seconds").set(number(status.uptime));
    gauge!("bmn_acting").set(flag(status.acting));
    gauge!("bmn_ready").set(flag(health.ready));
    for known in HealthStatus::ALL {
        gauge!("bmn_health_status", "status" => known.name()).set(flag(known == health.status));
    }
    for part in &health.components {
        let chain = part.chain.map(|chain| chain.to_string()).unwrap_or_default();
        let labels = [("component", part.name.name().to_owned()), ("chain", chain)];
        let grade = match part.status {
            HealthStatus::Healthy => 0.0,
            HealthStatus::Degraded => 1.0,
            HealthStatus::Unhealthy => 2.0,
        };
        gauge!("bmn_component_health_status", &labels).set(grade);
        if let Some(milliseconds) = part.latency_ms {
            gauge!("bmn_store_read_seconds").set(number(milliseconds) / 1_000.0);
        }
    }
}

fn orders(measures: &Measures) {
    let (status, modes) = (&measures.status, &measures.modes);
    for known in SwapStatus::ALL {
        let orders = status.orders.get(&known).copied().unwrap_or_default();
        gauge!("bmn_orders", "status" => word(&known)).set(number(orders));
    }
    for known in JOB_STATES {
        let jobs = status.jobs.get(&known).copied().unwrap_or_default();
        gauge!("bmn_jobs", "state" => word(&known)).set(number(jobs));
    }
    gauge!("bmn_open_orders").set(number(modes.open_orders));
    gauge!("bmn_overdue_actions").set(number(status.overdue));
    gauge!("bmn_missed_deadlines").set(number(status.missed_deadlines));
    gauge!("bmn_last_change").set(number(status.sequence));
    gauge!("bmn_takes_orders").set(flag(modes.takes_orders));
    for known in ["full", "shadow", "percent"] {
        let is_on = modes.mode.split('=').next() == Some(known);
        gauge!("bmn_mode", "mode" => known).set(flag(is_on));
    }
    for kind in SWITCHES {
        let on = modes.switches.iter().filter(|switch| switch.kind == kind).count();
        gauge!("bmn_switches", "kind" => word(&kind)).set(number(on as u64));
    }
}

fn chain(chain: &ChainStatus) {
    let labels = [("chain", chain.id.to_string())];
    let number = |of: Option<u64>| of.map_or(0.0, number);
    let (head, last) = (chain.head.map(|it| it.number), chain.finalized.map(|it| it.number));
    gauge!("bmn_chain_head_block", &labels).set(number(head));
    gauge!("bmn_chain_head_timestamp_seconds", &labels).set(number(chain.head.map(|it| it.time)));
    gauge!("bmn_chain_finalized_block", &labels).set(number(last));
    let behind = head.map(|head| head.saturating_sub(last.unwrap_or_default()));
    gauge!("bmn_chain_unfinalized_blocks", &labels).set(number(behind));
    gauge!("bmn_chain_next_nonce", &labels).set(number(Some(chain.next_nonce)));
    gauge!("bmn_chain_live_transactions", &labels).set(number(Some(chain.live_transactions)));
}

/// One request of this port.
pub(crate) fn answered(path: &str, status: u16, seconds: f64) {
    let labels = [("path", path.to_owned()), ("status", status.to_string())];
    counter!("bmn_http_requests_total", &labels).increment(1);
    ::metrics::histogram!("bmn_http_request_seconds", "path" => path.to_owned()).record(seconds);
}

/// The name of a value on the wire.
fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

const fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

#[allow(clippy::cast_precision_loss, reason = "monitors count in floating point")]
const fn number(of: u64) -> f64 {
    of as f64
}
