//! From facts to what is wrong. Pure: no clock, no memory; how long something must be so is decided by
//! [`Watch`](crate::Watch).

use crate::{AlertId, Facts, Kind, Overall, Severity, unseen::begins};
use std::collections::BTreeMap;

/// Most alerts of one kind: a thousand orders with one cause are one cause.
const MOST: usize = 100;

/// From when on facts are wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    /// Less than so many seconds to a stage (S1-54).
    pub timelock_seconds: u64,
    /// Less than so many seconds to the end of a withdrawal's window (S3-21).
    pub cancel_seconds: u64,
    /// More ready jobs of a chain (S1-59).
    pub queue_depth: u64,
    /// More blocks between the host's head and the index (S1-61).
    pub lag_blocks: u64,
    /// So many seconds without a new block of the host.
    pub head_age_seconds: u64,
    /// So many percent of the orders that may be open (S3-32).
    pub capacity_percent: u64,
    /// A backup older than so many seconds.
    pub backup_age_seconds: u64,
    /// Less free room on the disk, bytes.
    pub disk_free_bytes: u64,
    /// What still stands is told again after so many seconds, unless its kind says otherwise.
    pub repeat_seconds: u64,
    /// For so many seconds after its start a node is given for each of its parts to be well once.
    pub start_seconds: u64,
}

impl Thresholds {
    /// After how long what still stands is told again, milliseconds.
    pub fn repeat(&self, kind: Kind) -> u64 {
        kind.repeat().unwrap_or_else(|| self.repeat_seconds.saturating_mul(1_000))
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            timelock_seconds: 300,
            cancel_seconds: 30,
            queue_depth: 100,
            lag_blocks: 10,
            head_age_seconds: 120,
            capacity_percent: 90,
            backup_age_seconds: 26 * 3_600,
            disk_free_bytes: 1 << 30,
            repeat_seconds: 3_600,
            start_seconds: 120,
        }
    }
}

/// What is wrong with one subject now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// How urgent.
    pub severity: Severity,
    /// One sentence for people, with values.
    pub text: String,
}

/// What is wrong, by what it is about.
pub type Conditions = BTreeMap<AlertId, Condition>;

/// Everything that is wrong.
pub fn judge(facts: &Facts, limits: &Thresholds) -> Conditions {
    let mut found = Found::default();
    stages(facts, limits, &mut found);
    queue(facts, limits, &mut found);
    chains(facts, limits, &mut found);
    money(facts, &mut found);
    orders(facts, limits, &mut found);
    health(facts, limits, &mut found);
    jobs(facts, &mut found);
    files(facts, limits, &mut found);
    found.conditions
}

#[derive(Default)]
struct Found {
    conditions: Conditions,
    counts: BTreeMap<Kind, usize>,
}

impl Found {
    fn add(&mut self, kind: Kind, subject: impl Into<String>, severity: Severity, text: String) {
        let count = self.counts.entry(kind).or_default();
        if *count < MOST {
            *count += 1;
            self.conditions.insert(AlertId::new(kind, subject), Condition { severity, text });
        }
    }

    fn critical(&mut self, kind: Kind, subject: impl Into<String>, text: String) {
        self.add(kind, subject, Severity::Critical, text);
    }

    fn warning(&mut self, kind: Kind, subject: impl Into<String>, text: String) {
        self.add(kind, subject, Severity::Warning, text);
    }
}

fn stages(facts: &Facts, limits: &Thresholds, found: &mut Found) {
    for stage in &facts.stages {
        let Ok(left) = u64::try_from(stage.seconds_left) else { continue };
        let subject = format!("{}/{}", stage.order, stage.stage);
        let of = format!("{} of order {} on chain {}", stage.stage, stage.order, stage.chain);
        if left > 0 && left < limits.timelock_seconds {
            let text = format!("{of} begins in {left} s");
            found.critical(Kind::TimelockApproaching, subject.clone(), text);
        }
        if left > 0 && left < limits.cancel_seconds && stage.withdrawal_open {
            let text = format!("{of} begins in {left} s, and the withdrawal before it is not done");
            found.critical(Kind::CancelWindow, subject, text);
        }
    }
}

fn queue(facts: &Facts, limits: &Thresholds, found: &mut Found) {
    let mut chains = BTreeMap::<u64, (u64, u64)>::new();
    for lane in &facts.queue {
        let sums = chains.entry(lane.chain).or_default();
        *sums = (sums.0.saturating_add(lane.jobs), sums.1.saturating_add(lane.with_deadline));
    }
    for (chain, (jobs, with_deadline)) in chains {
        if jobs > limits.queue_depth {
            let severity = if with_deadline > 0 { Severity::Critical } else { Severity::Warning };
            let text = format!(
                "{jobs} jobs are ready on chain {chain}, {with_deadline} of them with a latest safe time"
            );
            found.add(Kind::HighQueueDepth, chain.to_string(), severity, text);
        }
    }
}

fn chains(facts: &Facts, limits: &Thresholds, found: &mut Found) {
    for chain in &facts.chains {
        let subject = chain.chain.to_string();
        let behind = match (chain.head, chain.indexed) {
            (Some(head), indexed) => head.saturating_sub(indexed.unwrap_or_default()),
            (None, _) => 0,
        };
        let id = AlertId::new(Kind::IndexerLag, subject.clone());
        let is_known = chain.indexed.is_some() || !facts.unseen.has(&id);
        if behind > limits.lag_blocks && is_known {
            let text =
                format!("the index of chain {} is {behind} blocks behind its host", chain.chain);
            found.critical(Kind::IndexerLag, subject.clone(), text);
        }
        if chain.head_age >= limits.head_age_seconds {
            let why = if chain.answers { "shows no new block" } else { "does not answer" };
            let text = format!(
                "the host of chain {} {why}; its newest block came {} s ago",
                chain.chain, chain.head_age
            );
            found.critical(Kind::RemoteLag, subject, text);
        }
    }
}

fn money(facts: &Facts, found: &mut Found) {
    for it in facts.balances.iter().filter(|it| it.balance < it.threshold) {
        let subject = format!("{}/{}", it.chain, it.token);
        let text = format!(
            "{} on chain {}: {} is less than {} (base units)",
            it.token, it.chain, it.balance, it.threshold
        );
        found.warning(Kind::LowBalance, subject, text);
    }
    for it in &facts.stuck {
        found.critical(Kind::StuckMoney, it.subject.clone(), it.detail.clone());
    }
}

fn orders(facts: &Facts, limits: &Thresholds, found: &mut Found) {
    let (open, most) = (facts.open_orders, facts.max_open_orders);
    // In whole numbers: 90 % of 10 are 9.
    let is_near = u128::from(open) * 100 >= u128::from(most) * u128::from(limits.capacity_percent);
    if most > 0 && is_near {
        found.warning(Kind::Capacity, "", format!("{open} of {most} orders are open"));
    }
    for it in &facts.missed {
        found.critical(Kind::MissedDeadline, it.subject.clone(), it.detail.clone());
    }
    for it in &facts.dead_letters {
        found.warning(Kind::DeadLetters, it.subject.clone(), it.detail.clone());
    }
}

fn health(facts: &Facts, limits: &Thresholds, found: &mut Found) {
    let parts: Vec<_> =
        facts.parts.iter().map(|part| format!("{}: {}", part.name, part.detail)).collect();
    let why = parts.join("; ");
    match facts.overall {
        Overall::Healthy => {}
        _ if begins(facts, limits) => {}
        Overall::Degraded => {
            found.warning(Kind::OverallHealth, "", format!("the node is degraded: {why}"));
        }
        Overall::Unhealthy => {
            found.critical(Kind::OverallHealth, "", format!("the node is unhealthy: {why}"));
        }
    }
    if let Some(why) = &facts.halted {
        found.critical(Kind::Halted, "", format!("the node acts no more: {why}"));
    }
}

fn jobs(facts: &Facts, found: &mut Found) {
    for job in &facts.jobs {
        if job.unhealthy {
            let severity = if job.critical { Severity::Critical } else { Severity::Warning };
            let error = job.error.as_deref().unwrap_or("no reason is known");
            let text = format!("job {} keeps failing: {error}", job.name);
            found.add(Kind::JobUnhealthy, job.name.clone(), severity, text);
        }
        if job.missed {
            let text = format!("job {} did not start when it should have", job.name);
            found.warning(Kind::JobMissed, job.name.clone(), text);
        }
    }
}

fn files(facts: &Facts, limits: &Thresholds, found: &mut Found) {
    if let Some(age) = facts.backup_age.filter(|age| *age > limits.backup_age_seconds) {
        found.warning(Kind::BackupOld, "", format!("the newest backup is {} h old", age / 3_600));
    }
    if let Some(disk) = facts.disk.filter(|disk| disk.free < limits.disk_free_bytes) {
        let text = format!("{} MiB of {} MiB are free", disk.free >> 20, disk.total >> 20);
        found.warning(Kind::DiskLow, "", text);
    }
    if let Some(why) = &facts.records_failed {
        found.warning(Kind::RecordsFailing, "", format!("the records cannot be written: {why}"));
    }
}

#[cfg(test)]
mod tests;
