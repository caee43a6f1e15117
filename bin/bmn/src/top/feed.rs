//! Where the model comes from: the node's methods, and the chains' where their endpoints are told.

use super::{
    alerts::{self, Told},
    chains::Wallets,
    lines,
    model::{
        AlertLine, CutOff, Known, LaneLine, Model, NodeLine, RING, Ring, StateCount, StepLine,
    },
};
use crate::{chains::Chains, failure::Failure, operator::OperatorArgs};
use bmn_node::{Clock, SystemClock};
use bmn_rpc_api::{
    BmnApiClient, Cursor, DeadLetter, Health, HealthPart, HealthStatus, JobEntry, Limit,
    NodeStatus, OperatorApiClient, SummaryApiClient, Swap, SwapChange, SwapFilter, SwapStatus,
    SwapStatuses,
};
use jsonrpsee::core::ClientError;
use jsonrpsee_http_client::HttpClient;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A node that has not answered by then does not answer this look.
const PATIENCE: Duration = Duration::from_secs(5);
/// Items of one answer, and pages that one look reads of a list.
const PAGE: u32 = 200;
const PAGES: usize = 5;
/// Changes before the first look that are counted.
const BEFORE: u64 = 2_000;

const METHOD_NOT_FOUND: i32 = -32601;
const WITHHELD: &str = "the operator's methods are not at this URL; --rpc with the node's admin_rpc, and \
                        --jwt-secret, show it";

/// Statuses of orders at which something is still to be done.
const OPEN: [SwapStatus; 11] = [
    SwapStatus::Accepted,
    SwapStatus::SourceLocked,
    SwapStatus::BothLocked,
    SwapStatus::SecretKnown,
    SwapStatus::DestinationPaid,
    SwapStatus::DestinationRefunded,
    SwapStatus::DestinationStranded,
    SwapStatus::Refunding,
    SwapStatus::Exposed,
    SwapStatus::Owing,
    SwapStatus::Watched,
];

/// Asks, look after look.
pub(super) struct Feed {
    operator: OperatorArgs,
    chains: Chains,
    wallets: Wallets,
    clock: SystemClock,
    /// When the node last answered, unix seconds.
    answered: Option<u64>,
    /// The change after the last that was counted.
    next_change: Option<u64>,
    /// Completed orders by minute of chain time.
    completed: BTreeMap<u64, u64>,
    /// Kinds and places of alerts that were read and stand.
    standing: BTreeSet<(String, String)>,
    /// True while the node itself tells its alerts.
    subscribed: bool,
}

/// What one look brought.
struct Look {
    status: NodeStatus,
    health: Option<Health>,
    swaps: (Vec<Swap>, bool),
    index: BTreeMap<u64, String>,
    operator: Result<Operator, String>,
}

/// What the operator alone is told.
struct Operator {
    mode: String,
    lanes: Vec<bmn_rpc_api::QueueMetrics>,
    jobs: Vec<JobEntry>,
    dead: Vec<DeadLetter>,
}

impl Feed {
    /// A feed that has asked nothing yet.
    pub(super) fn new(operator: OperatorArgs, chains: Chains, wallets: Wallets) -> Self {
        Self {
            operator,
            chains,
            wallets,
            clock: SystemClock::new(),
            answered: None,
            next_change: None,
            completed: BTreeMap::new(),
            standing: BTreeSet::new(),
            subscribed: false,
        }
    }

    /// This machine's clock, unix seconds.
    pub(super) fn now(&self) -> u64 {
        self.clock.unix_seconds()
    }

    /// The name of a chain.
    pub(super) fn name(&self, chain: u64) -> String {
        self.chains.name(chain)
    }

    /// Whom it asks.
    pub(super) fn operator(&self) -> OperatorArgs {
        self.operator.clone()
    }

    /// Takes what the node says of its alerts.
    pub(super) fn told(&mut self, told: &Told, model: &mut Model) {
        match told {
            // A new subscription tells everything that stands; after its end nobody knows.
            Told::Begun | Told::Ended => {
                self.subscribed = matches!(told, Told::Begun);
                let is_polled = |alert: &AlertLine| {
                    self.standing.contains(&(alert.kind.clone(), alert.place.clone()))
                };
                let others = model.alerts.iter_mut().filter(|alert| !is_polled(alert));
                others.for_each(|alert| alert.standing = false);
            }
            Told::Alert(alert) => model.tell(alerts::line(self, alert, model.now)),
        }
    }

    /// Brings the model up to date, or marks it as cut off.
    ///
    /// # Errors
    /// Why the node did not answer; the model says it, too.
    pub(super) async fn look(&mut self, model: &mut Model) -> Result<(), Failure> {
        model.source = self.operator.node.shown();
        let asked = tokio::time::timeout(PATIENCE, self.ask()).await;
        model.now = self.now();
        let silent = || Failure::Unreachable {
            url: self.operator.node.shown(),
            reason: format!("no answer within {} s", PATIENCE.as_secs()),
            hint: None,
        };
        match asked.unwrap_or_else(|_| Err(silent())) {
            Ok(look) => {
                self.answered = Some(model.now);
                model.cut_off = None;
                self.take(look, model).await;
                Ok(())
            }
            Err(failure) => {
                let reason = match &failure {
                    Failure::Unreachable { reason, .. } => reason.clone(),
                    other => other.to_string(),
                };
                let since = self.answered.unwrap_or(model.now);
                match &mut model.cut_off {
                    Some(cut) => cut.reason = reason,
                    none => *none = Some(CutOff { since, reason }),
                }
                Err(failure)
            }
        }
    }

    async fn ask(&mut self) -> Result<Look, Failure> {
        let client = self.operator.http()?;
        let status = client.status().await.map_err(|error| self.operator.failed(error))?;
        let (health, index, swaps, operator) = tokio::join!(
            client.health(),
            client.indexer_status(),
            open_swaps(&client),
            operators(&client),
        );
        self.count_changes(&client, status.sequence).await;
        let word = |state: &bmn_rpc_api::IndexerState| lines::word(state);
        let index = index.unwrap_or_default();
        Ok(Look {
            health: health.ok(),
            swaps: swaps.map_err(|error| self.operator.failed(error))?,
            index: index.iter().map(|chain| (chain.chain, word(&chain.state))).collect(),
            operator: operator.map_err(|error| match error {
                ClientError::Call(call) if call.code() == METHOD_NOT_FOUND => WITHHELD.to_owned(),
                other => self.operator.failed(other).to_string(),
            }),
            status,
        })
    }

    /// Counts what was completed since the look before. A log that cannot be read leaves the trend as it is.
    async fn count_changes(&mut self, client: &HttpClient, newest: u64) {
        let mut next = self.next_change.unwrap_or_else(|| newest.saturating_sub(BEFORE).max(1));
        for _ in 0..=BEFORE / u64::from(PAGE) {
            if next > newest {
                break;
            }
            let Ok(page) = client.get_changes(next, Limit::new(PAGE)).await else { return };
            let Some(last) = page.last() else { break };
            next = last.sequence + 1;
            page.iter().for_each(|change| count(&mut self.completed, change));
        }
        self.next_change = Some(next);
        while self.completed.len() > RING {
            self.completed.pop_first();
        }
    }

    async fn take(&mut self, look: Look, model: &mut Model) {
        let status = &look.status;
        model.node = Some(node_line(&look));
        model.states = states(status);
        model.chains = lines::chains(status, &look.index, &model.chains, model.now);
        let steps = look.operator.as_ref().ok().map(|operator| operator.jobs.as_slice());
        let (swaps, more) = &look.swaps;
        model.swaps = swaps.iter().map(|swap| lines::swap(swap, steps, &self.chains)).collect();
        model.more_swaps = *more;
        match &look.operator {
            Ok(operator) => {
                model.lanes = Known::Known(self.lanes(operator));
                model.steps = Known::Known(self.steps(operator));
            }
            Err(why) => {
                model.lanes = Known::NotKnown(why.clone());
                model.steps = Known::NotKnown(why.clone());
            }
        }
        self.wallets.look(model, swaps, &self.chains).await;
        self.alert(&look, model);
        let trends = &mut model.trends;
        trends.queue.push(status.jobs.values().sum());
        let ages = model.chains.iter().filter_map(|chain| chain.age(model.now));
        if let Some(oldest) = ages.max() {
            trends.head_age.push(oldest);
        }
        let time = model.chains.iter().filter_map(|chain| chain.head_time).max();
        trends.completed = minutes(&self.completed, time);
    }

    fn lanes(&self, operator: &Operator) -> Vec<LaneLine> {
        let lane = |lane: &bmn_rpc_api::QueueMetrics| LaneLine {
            chain: self.chains.name(lane.chain),
            id: lane.chain,
            waiting: lane.waiting,
            ready: lane.ready,
            leased: lane.leased,
            sent: lane.sent,
            dead: lane.dead,
            next: match (lane.next_height, lane.next_time) {
                (Some(height), _) => format!("block {height}"),
                (None, Some(time)) => format!("time {time}"),
                (None, None) => "-".to_owned(),
            },
        };
        operator.lanes.iter().map(lane).collect()
    }

    /// Steps for a person first: given up, then failed, then those with the earliest latest safe time.
    fn steps(&self, operator: &Operator) -> Vec<StepLine> {
        let dead = operator.dead.iter().map(|letter| StepLine {
            order: lines::order_of(&letter.order_id),
            action: letter.action.clone(),
            chain: self.chains.name(letter.chain),
            state: "dead".to_owned(),
            attempts: letter.attempts,
            deadline: letter.deadline.map(|at| (letter.chain, at)),
            error: letter.reason.clone(),
        });
        let mut jobs: Vec<_> =
            operator.jobs.iter().filter(|job| job.state != bmn_rpc_api::JobState::Dead).collect();
        jobs.sort_by_key(|job| (job.last_error.is_none(), job.deadline.unwrap_or(u64::MAX)));
        let open = jobs.into_iter().map(|job| StepLine {
            order: lines::order_of(&job.order_id),
            action: job.action.clone(),
            chain: self.chains.name(job.chain),
            state: job.state.to_string(),
            attempts: job.attempts,
            deadline: job.deadline.map(|at| (job.chain, at)),
            error: job.last_error.clone().unwrap_or_default(),
        });
        dead.chain(open).collect()
    }

    /// Tells what stands now, and that what stood before is over.
    fn alert(&mut self, look: &Look, model: &mut Model) {
        let now = model.now;
        let mut found = Vec::new();
        let unwell = look.health.iter().flat_map(|health| &health.components);
        // What the node tells by itself is told once.
        let is_told = |part: &HealthPart| self.subscribed && *part != HealthPart::Store;
        let unwell = unwell.filter(|part| part.status != HealthStatus::Healthy);
        for part in unwell.filter(|part| !is_told(&part.name)) {
            let place = part.chain.map(|chain| self.chains.name(chain)).unwrap_or_default();
            found.push((part.name.name(), place, part.detail.clone()));
        }
        if let Ok(operator) = &look.operator {
            for letter in &operator.dead {
                let place = format!("{} of {}", letter.action, lines::brief(&letter.order_id));
                found.push(("deadLetter", place, letter.reason.clone()));
            }
            for job in &operator.jobs {
                let Some(error) = &job.last_error else { continue };
                let place = format!("{} of {}", job.action, lines::brief(&job.order_id));
                found.push(("failed", place, error.clone()));
            }
        }
        if look.status.missed_deadlines > 0 && !self.subscribed {
            let text = format!("{} steps were not sent in time", look.status.missed_deadlines);
            found.push(("missedDeadline", String::new(), text));
        }
        let mut standing = BTreeSet::new();
        for (kind, place, text) in found {
            standing.insert((kind.to_owned(), place.clone()));
            model.tell(AlertLine { at: now, kind: kind.to_owned(), place, text, standing: true });
        }
        for (kind, place) in self.standing.difference(&standing) {
            let is_it = |alert: &&mut AlertLine| alert.kind == *kind && alert.place == *place;
            if let Some(alert) = model.alerts.iter_mut().find(is_it) {
                alert.standing = false;
            }
        }
        self.standing = standing;
    }
}

async fn open_swaps(client: &HttpClient) -> Result<(Vec<Swap>, bool), ClientError> {
    let filter = SwapFilter { status: SwapStatuses::new(OPEN), ..SwapFilter::default() };
    let (mut swaps, mut cursor) = (Vec::new(), None::<Cursor>);
    for _ in 0..PAGES {
        let page = client.get_swaps(Some(filter.clone()), cursor, Limit::new(PAGE)).await?;
        swaps.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok((swaps, cursor.is_some()))
}

async fn operators(client: &HttpClient) -> Result<Operator, ClientError> {
    let (lanes, jobs, dead, mode) = tokio::join!(
        client.queue_metrics(),
        client.get_jobs(None, None, Limit::new(PAGE)),
        client.list_dead_letters(None, None, Limit::new(PAGE)),
        client.get_mode(),
    );
    Ok(Operator { lanes: lanes?, jobs: jobs?.items, dead: dead?.items, mode: mode?.mode })
}

fn count(completed: &mut BTreeMap<u64, u64>, change: &SwapChange) {
    if change.to != SwapStatus::Completed {
        return;
    }
    let time = change.heads.iter().map(|head| head.block.time).max().unwrap_or_default();
    *completed.entry(time / 60).or_default() += 1;
}

/// Completed orders of every minute from the first that is known to the newest.
fn minutes(completed: &BTreeMap<u64, u64>, time: Option<u64>) -> Ring {
    let mut ring = Ring::default();
    let newest = completed.last_key_value().map(|(minute, _)| *minute);
    let last = newest.max(time.map(|time| time / 60));
    if let (Some((first, _)), Some(last)) = (completed.first_key_value(), last) {
        let first = (*first).max(last.saturating_sub(RING as u64));
        (first..=last).for_each(|minute| ring.push(completed.get(&minute).copied().unwrap_or(0)));
    } else if time.is_some() {
        ring.push(0);
    }
    ring
}

fn node_line(look: &Look) -> NodeLine {
    let status = &look.status;
    NodeLine {
        version: status.version.clone(),
        uptime: status.uptime,
        acting: status.acting,
        why: status.not_acting_because.clone(),
        health: look.health.as_ref().map(|health| health.status.name().to_owned()),
        mode: look.operator.as_ref().ok().map(|operator| operator.mode.clone()),
        overdue: status.overdue,
        missed: status.missed_deadlines,
    }
}

/// What needs a person first, then what is open, then what is at an end.
fn states(status: &NodeStatus) -> Vec<StateCount> {
    let rank = |status: SwapStatus| match status {
        SwapStatus::Lost
        | SwapStatus::Violated
        | SwapStatus::DestinationStranded
        | SwapStatus::Exposed => 0,
        open if OPEN.contains(&open) => 1,
        _ => 2,
    };
    let mut counts: Vec<_> = status.orders.iter().collect();
    counts.sort_by_key(|(status, _)| (rank(**status), **status));
    let line = |(state, count): (&SwapStatus, &u64)| StateCount {
        state: state.to_string(),
        count: *count,
    };
    counts.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_without_a_completed_order_are_shown_as_such() {
        let completed = [(10, 2), (12, 1)].into();
        assert_eq!(minutes(&completed, Some(13 * 60)).newest(9), [2, 0, 1, 0]);
        assert_eq!(minutes(&completed, None).newest(9), [2, 0, 1]);
        assert_eq!(minutes(&BTreeMap::new(), Some(60)).newest(9), [0]);
        let far = minutes(&completed, Some(1_000_000 * 60));
        assert_eq!(far.newest(usize::MAX).len(), RING);
    }

    #[test]
    fn what_needs_a_person_comes_first() {
        let status: NodeStatus = serde_json::from_value(serde_json::json!({
            "version": "v", "uptime": 1, "acting": true, "notActingBecause": null, "sequence": 0,
            "chains": [], "jobs": {},
            "orders": { "completed": 5, "accepted": 2, "violated": 1 },
        }))
        .unwrap();
        let told: Vec<_> =
            states(&status).into_iter().map(|line| (line.state, line.count)).collect();
        let told: Vec<_> = told.iter().map(|(state, count)| (state.as_str(), *count)).collect();
        assert_eq!(told, [("violated", 1), ("accepted", 2), ("completed", 5)]);
    }
}
