//! The net under the blocks: asks the plan of every open order again (S3-04, S3-06, S3-18 to S3-24).
//!
//! Steps follow from blocks, not from here. What these jobs find was missed, and is made good: the order is derived again
//! in the transaction in which a block would have done it.

use crate::{
    Ground,
    ground::{queue, store},
};
use async_trait::async_trait;
use bmn_primitives::{ChainId, OrderId};
use bmn_queue::{JobFilter, JobState, Loaded, Rules, get, list, refresh};
use bmn_scheduler::{Job, JobContext, JobError, JobSpec, Outcome};
use bmn_store::{ReadTx, Reads, Store};
use bmn_swap::{Action, Due, Status};
use metrics::gauge;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Orders of one snapshot.
const PAGE: usize = 256;

/// Orders that are derived again in one transaction.
const MOST_REFRESHED: usize = 32;

/// Jobs of one order; it has few actions and few escrows.
const MOST_JOBS: usize = 64;

/// What takes back what was put in.
const BACK: [Action; 3] = [Action::CancelSource, Action::CancelDestination, Action::RescueSource];

/// Asks every plan again, and counts steps whose latest safe time is near (S3-48).
pub(super) struct TimelockMonitor(pub(super) Ground);

/// Looks for cancellations that nothing was made of (S3-50).
pub(super) struct CancellationCheck(pub(super) Ground);

/// What was seen of open orders.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Seen {
    orders: u64,
    /// Orders that cannot be judged: the index of one of their chains is not current.
    unjudged: u64,
    /// Steps within the seconds that the operator named of their latest safe time.
    closing: u64,
    late: u64,
    cancellations: u64,
    given_up: u64,
    stale: Vec<OrderId>,
    refreshed: u64,
}

/// What decides whether an order is derived again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Anything that its plan wants has no job, or its status is another.
    Whole,
    /// A cancellation or rescue has no job.
    Back,
}

#[async_trait]
impl Job for TimelockMonitor {
    fn spec(&self) -> JobSpec {
        crate::schedules::spec("timelockMonitor", self.0.config.profile)
    }

    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError> {
        let seen = sweep(&self.0, ctx, Look::Whole).await?;
        gauge!("bmn_steps_closing").set(f64::from(u32::try_from(seen.closing).unwrap_or(u32::MAX)));
        if seen.refreshed > 0 {
            tracing::warn!(
                target: "bmn::upkeep", orders = seen.refreshed, "derived again: no block had done it"
            );
        }
        let near = self.0.config.alerts.timelock_secs;
        let outcome = Outcome::counted([
            ("ordersChecked", seen.orders),
            ("ordersUnjudged", seen.unjudged),
            ("ordersRefreshed", seen.refreshed),
            ("stepsClosing", seen.closing),
            ("stepsLate", seen.late),
        ]);
        Ok(if seen.closing + seen.late == 0 {
            outcome
        } else {
            outcome.noted(format!("{} steps within {near} s, {} late", seen.closing, seen.late))
        })
    }
}

#[async_trait]
impl Job for CancellationCheck {
    fn spec(&self) -> JobSpec {
        crate::schedules::spec("cancellationCheck", self.0.config.profile)
    }

    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError> {
        let seen = sweep(&self.0, ctx, Look::Back).await?;
        if seen.refreshed > 0 {
            tracing::warn!(
                target: "bmn::upkeep", orders = seen.refreshed, alarm = true,
                "cancellations were due and had no step"
            );
        }
        let outcome = Outcome::counted([
            ("ordersChecked", seen.orders),
            ("cancellationsDue", seen.cancellations),
            ("cancellationsMissing", seen.refreshed),
            ("cancellationsGivenUp", seen.given_up),
        ]);
        Ok(match seen.given_up {
            0 => outcome,
            some => outcome.noted(format!("{some} were given up: bmn queue list")),
        })
    }
}

async fn sweep(ground: &Ground, ctx: &JobContext, look: Look) -> Result<Seen, JobError> {
    let (store, rules, stop) = (ground.store().clone(), ground.rules(), ctx.stop.clone());
    let near = ground.config.alerts.timelock_secs;
    ctx.blocking(move || {
        let mut seen = looked_at(&store, &rules, near, look, &stop)?;
        if seen.stale.is_empty() {
            return Ok(seen);
        }
        for some in std::mem::take(&mut seen.stale).chunks(MOST_REFRESHED) {
            if stop.is_cancelled() {
                break;
            }
            seen.refreshed += derived_again(&store, &rules, some, look)?;
        }
        Ok(seen)
    })
    .await
}

fn looked_at(
    of: &Store,
    rules: &Arc<Rules>,
    near: u64,
    look: Look,
    stop: &CancellationToken,
) -> Result<Seen, JobError> {
    let mut seen = Seen::default();
    for status in Status::ALL.into_iter().filter(|it| !it.is_terminal() && !it.is_keeper()) {
        let mut after = None;
        loop {
            let read = of.read().map_err(store)?;
            let page = read.orders_by_status(status, after, PAGE).map_err(store)?;
            for id in &page {
                one(&read, rules, *id, near, look, &mut seen)?;
            }
            after = page.last().copied();
            if page.len() < PAGE || stop.is_cancelled() {
                break;
            }
        }
    }
    Ok(seen)
}

fn one(
    read: &ReadTx,
    rules: &Rules,
    id: OrderId,
    near: u64,
    look: Look,
    seen: &mut Seen,
) -> Result<(), JobError> {
    seen.orders += 1;
    let Some(loaded) = Loaded::read(read, id, rules).map_err(queue)? else {
        seen.unjudged += 1;
        return Ok(());
    };
    for job in list(read, &JobFilter { order: Some(id), ..JobFilter::default() }, None, MOST_JOBS)
        .map_err(queue)?
    {
        let is_back = BACK.contains(&job.key.action);
        seen.given_up += u64::from(is_back && matches!(job.state, JobState::Dead { .. }));
        let Some(deadline) = job.deadline else { continue };
        let now = head_time(read, job.key.chain)?;
        seen.closing += u64::from(deadline > now && deadline - now < near);
        seen.late += u64::from(deadline <= now);
    }
    if is_stale(read, &loaded, rules, look, seen)? {
        seen.stale.push(id);
    }
    Ok(())
}

fn head_time(read: &ReadTx, chain: ChainId) -> Result<u64, JobError> {
    Ok(read.cursor(chain).map_err(store)?.tip.map_or(0, |tip| tip.time))
}

fn is_stale(
    read: &impl Reads,
    loaded: &Loaded,
    rules: &Rules,
    look: Look,
    seen: &mut Seen,
) -> Result<bool, JobError> {
    let plan = loaded.plan(rules);
    let back = plan.due.iter().filter(|due| BACK.contains(&due.key.action)).count();
    seen.cancellations += back as u64;
    let counts = |due: &&Due| look == Look::Whole || BACK.contains(&due.key.action);
    let mut stale = look == Look::Whole && plan.status != loaded.state.status;
    for due in plan.due.iter().filter(counts) {
        stale |= get(read, &due.key).map_err(queue)?.is_none();
    }
    Ok(stale)
}

/// Derives orders again that are still stale now that nobody else writes; how many were.
fn derived_again(
    of: &Store,
    rules: &Rules,
    orders: &[OrderId],
    look: Look,
) -> Result<u64, JobError> {
    let mut tx = of.write().map_err(store)?;
    let mut count = 0;
    for id in orders {
        let Some(loaded) = Loaded::read(&tx, *id, rules).map_err(queue)? else { continue };
        if is_stale(&tx, &loaded, rules, look, &mut Seen::default())? {
            refresh(&mut tx, *id, rules).map_err(queue)?;
            count += 1;
        }
    }
    if count > 0 {
        tx.commit().map_err(store)?;
    }
    Ok(count)
}
