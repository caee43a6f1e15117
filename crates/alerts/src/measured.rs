//! Facts as measured values: what rules of a monitor and dashboards are made of.

use crate::{Alerts, Facts, Kind, Overall};
use metrics::{counter, gauge};
use std::collections::BTreeMap;

/// A measured value: its name, its labels with what they may be, and what it says.
pub type Described = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const CHAIN: (&str, &str) = ("chain", "chain id");
const TOKEN: (&str, &str) = ("token", "name or address of a token");
const JOB: (&str, &str) = ("job", "name of a scheduled job");

/// Gauges that [`publish`] sets with every look.
pub const GAUGES: [Described; 21] = [
    (
        "bmn_alert_active",
        &[("kind", "a kind of `docs/alerts.md`"), ("severity", "`warning` or `critical`")],
        "Alerts that stand",
    ),
    (
        "bmn_next_deadline_seconds",
        &[CHAIN],
        "Chain time until the next stage of an open swap that matters to us; `inf` when there is none",
    ),
    (
        "bmn_withdrawal_seconds_left",
        &[CHAIN],
        "Chain time until a withdrawal that is not done is too late; `inf` when there is none",
    ),
    ("bmn_queue_depth", &[CHAIN, ("lane", "a lane of jobs")], "Jobs that are ready and not begun"),
    ("bmn_queue_deadline_jobs", &[CHAIN], "Of those, jobs with a latest safe time"),
    ("bmn_chain_host_head_block", &[CHAIN], "Newest block that the chain's host showed"),
    ("bmn_chain_lag_blocks", &[CHAIN], "Blocks between the host's head and the index"),
    ("bmn_chain_head_age_seconds", &[CHAIN], "For how long the host has shown no new block"),
    ("bmn_chain_host_answers", &[CHAIN], "1 while the chain's host answers"),
    ("bmn_balance", &[CHAIN, TOKEN], "Balance of the account, base units"),
    ("bmn_balance_threshold", &[CHAIN, TOKEN], "The least that it should be, base units"),
    ("bmn_open_orders_limit", &[], "How many orders may be open; 0 when there is no limit"),
    ("bmn_health_level", &[], "The node as a whole: 0 healthy, 1 degraded, 2 unhealthy"),
    ("bmn_halted", &[], "1 when the node acts no more until a person did something"),
    ("bmn_dead_letters", &[], "Steps that were given up; counting stops at 1000"),
    ("bmn_missed_open_deadlines", &[], "Steps of open orders that missed their latest safe time"),
    ("bmn_stuck_orders", &[], "Orders whose money stays where it should not"),
    ("bmn_job_missed", &[JOB], "1 while a scheduled job did not start when it should have"),
    ("bmn_backup_age_seconds", &[], "Age of the newest backup; 0 where none is made"),
    ("bmn_disk_free_bytes", &[], "Room on the disk of the data directory"),
    ("bmn_store_file_bytes", &[], "Size of the store's file"),
];

/// More of them, by what happens.
pub const RECORDS_GAUGES: [Described; 2] = [
    ("bmn_records_failing", &[], "1 while the records beside the store cannot be written"),
    ("bmn_heartbeat_silent", &[], "1 while the dead-man signal is held back"),
];

/// Counters of messages and calls.
pub const COUNTERS: [Described; 3] = [
    (
        "bmn_alert_messages_total",
        &[("route", "name of a route"), ("outcome", "`sent`, `failed`, `refused` or `stale`")],
        "Attempts to tell a route of an alert",
    ),
    ("bmn_alert_dropped_total", &[], "Messages that made room for newer ones"),
    ("bmn_heartbeats_total", &[("outcome", "`sent` or `failed`")], "Calls of the dead-man signal"),
];

/// Sets every gauge to what the facts say.
pub fn publish(facts: &Facts, stands: &Alerts) {
    alerts(stands);
    deadlines(facts);
    chains(facts);
    queue(facts);
    orders(facts);
    for it in &facts.balances {
        let labels = [("chain", it.chain.to_string()), ("token", it.token.clone())];
        gauge!("bmn_balance", &labels).set(f64::from(it.balance));
        gauge!("bmn_balance_threshold", &labels).set(f64::from(it.threshold));
    }
    for job in &facts.jobs {
        gauge!("bmn_job_missed", "job" => job.name.clone()).set(flag(job.missed));
    }
    gauge!("bmn_backup_age_seconds").set(number(facts.backup_age.unwrap_or_default()));
    if let Some(disk) = facts.disk {
        gauge!("bmn_disk_free_bytes").set(number(disk.free));
    }
    gauge!("bmn_store_file_bytes").set(number(facts.store_bytes.unwrap_or_default()));
    gauge!("bmn_records_failing").set(flag(facts.records_failed.is_some()));
    // What has not happened yet is zero, not missing.
    gauge!("bmn_heartbeat_silent").increment(0.0);
    counter!("bmn_alert_dropped_total").increment(0);
    for outcome in ["sent", "failed"] {
        counter!("bmn_heartbeats_total", "outcome" => outcome).increment(0);
    }
}

fn alerts(stands: &Alerts) {
    for kind in Kind::ALL {
        for severity in kind.severities() {
            let count = stands
                .iter()
                .filter(|(id, alert)| id.kind == kind && alert.severity == *severity)
                .count();
            let labels = [("kind", kind.name()), ("severity", severity.name())];
            gauge!("bmn_alert_active", &labels).set(number(count as u64));
        }
    }
}

fn deadlines(facts: &Facts) {
    let (mut next, mut open) = (BTreeMap::new(), BTreeMap::new());
    let chains = facts.chains.iter().map(|chain| chain.chain);
    for chain in chains {
        next.insert(chain, f64::INFINITY);
        open.insert(chain, f64::INFINITY);
    }
    for stage in facts.stages.iter().filter(|stage| stage.seconds_left > 0) {
        let left = number(stage.seconds_left.unsigned_abs());
        let at = next.entry(stage.chain).or_insert(f64::INFINITY);
        *at = at.min(left);
        if stage.withdrawal_open {
            let at = open.entry(stage.chain).or_insert(f64::INFINITY);
            *at = at.min(left);
        }
    }
    for (chain, left) in next {
        gauge!("bmn_next_deadline_seconds", "chain" => chain.to_string()).set(left);
    }
    for (chain, left) in open {
        gauge!("bmn_withdrawal_seconds_left", "chain" => chain.to_string()).set(left);
    }
}

fn chains(facts: &Facts) {
    for it in &facts.chains {
        let labels = [("chain", it.chain.to_string())];
        let head = it.head.or(it.indexed).unwrap_or_default();
        let behind = head.saturating_sub(it.indexed.unwrap_or_default());
        gauge!("bmn_chain_host_head_block", &labels).set(number(head));
        gauge!("bmn_chain_lag_blocks", &labels).set(number(behind));
        gauge!("bmn_chain_head_age_seconds", &labels).set(number(it.head_age));
        gauge!("bmn_chain_host_answers", &labels).set(flag(it.answers));
    }
}

fn queue(facts: &Facts) {
    let mut deadlines = BTreeMap::<u64, u64>::new();
    for it in &facts.queue {
        let labels = [("chain", it.chain.to_string()), ("lane", it.lane.to_owned())];
        gauge!("bmn_queue_depth", &labels).set(number(it.jobs));
        *deadlines.entry(it.chain).or_default() += it.with_deadline;
    }
    for (chain, jobs) in deadlines {
        gauge!("bmn_queue_deadline_jobs", "chain" => chain.to_string()).set(number(jobs));
    }
}

fn orders(facts: &Facts) {
    let level = match facts.overall {
        Overall::Healthy => 0,
        Overall::Degraded => 1,
        Overall::Unhealthy => 2,
    };
    gauge!("bmn_health_level").set(number(level));
    gauge!("bmn_halted").set(flag(facts.halted.is_some()));
    gauge!("bmn_open_orders_limit").set(number(facts.max_open_orders));
    gauge!("bmn_dead_letters").set(number(facts.dead_letters.len() as u64));
    gauge!("bmn_missed_open_deadlines").set(number(facts.missed.len() as u64));
    gauge!("bmn_stuck_orders").set(number(facts.stuck.len() as u64));
}

const fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

#[allow(clippy::cast_precision_loss, reason = "monitors count in floating point")]
const fn number(of: u64) -> f64 {
    of as f64
}
