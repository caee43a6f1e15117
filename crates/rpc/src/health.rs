//! `bmn_health`: what is looked at, and what is seen.

use crate::{Acting, BmnRpc, NodeView, RpcError, ServedChain, snapshot::Snapshot};
use bmn_primitives::{BlockRef, ChainId};
use bmn_rpc_api::{Health, HealthComponent, HealthPart, HealthStatus};
use bmn_store::{Cursor, Mode};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// How long a chain may go without a block.
pub(crate) const STOPPED_AFTER: Duration = Duration::from_secs(120);

/// A read of the database that takes longer is slow.
const SLOW: Duration = Duration::from_secs(1);

/// Where counting stops.
const COUNTED: usize = 1_000;

type Result<T> = std::result::Result<T, RpcError>;

/// The newest block of each chain, and since when it is.
#[derive(Debug, Default)]
pub(crate) struct Tips(HashMap<ChainId, (BlockRef, Duration)>);

impl Tips {
    /// Chains whose newest block is the same for too long.
    pub(crate) fn stopped(
        &mut self,
        tips: impl IntoIterator<Item = (ChainId, BlockRef)>,
        now: Duration,
    ) -> Vec<ChainId> {
        let mut stopped = Vec::new();
        for (chain, tip) in tips {
            let seen = self.0.entry(chain).or_insert((tip, now));
            if seen.0 != tip {
                *seen = (tip, now);
            } else if now.saturating_sub(seen.1) >= STOPPED_AFTER {
                stopped.push(chain);
            }
        }
        stopped
    }
}

/// What looks before have seen.
#[derive(Debug, Default)]
pub(crate) struct Looks(Mutex<Tips>);

/// What the store says.
pub(crate) struct Read {
    cursors: BTreeMap<ChainId, Cursor>,
    dead_letters: usize,
    overdue: usize,
    /// Steps that missed their latest safe time, of orders that are not at an end.
    pub(crate) open_deadlines: usize,
}

impl Read {
    pub(crate) fn of(snapshot: &Snapshot) -> Result<Self> {
        let (mut overdue, mut open_deadlines) = (0, 0);
        for (order, _, late) in snapshot.late_rows(COUNTED)? {
            overdue += usize::from(late.overdue);
            if late.missed.is_some() {
                let ended = snapshot.loaded(order)?.is_none_or(|it| it.state.status.is_terminal());
                open_deadlines += usize::from(!ended);
            }
        }
        Ok(Self {
            cursors: snapshot.cursors()?.into_iter().collect(),
            dead_letters: snapshot.dead_letters(None, None, None, COUNTED)?.len(),
            overdue,
            open_deadlines,
        })
    }
}

/// Looks at everything. Never an error: a database that cannot be read is an answer.
pub(crate) async fn look(rpc: &BmnRpc, looks: &Looks) -> Health {
    let view = rpc.view();
    let begun = view.uptime();
    let read = rpc.looked(Read::of).await;
    let took = view.uptime().saturating_sub(begun);
    if let Err(error) = &read {
        tracing::error!(target: "bmn::rpc", %error, "the database cannot be read");
    }
    judge(read.ok().as_ref(), took, view.as_ref(), looks)
}

/// What was read, and what the node says, as parts.
pub(crate) fn judge(
    read: Option<&Read>,
    took: Duration,
    view: &dyn NodeView,
    looks: &Looks,
) -> Health {
    let mut components = vec![store(read.is_some(), took)];
    if let Some(read) = read {
        let tips = read.cursors.iter().filter_map(|(chain, it)| Some((*chain, it.tip?)));
        let stopped = looks.0.lock().stopped(tips, view.uptime());
        let index = |chain: &ServedChain| {
            index(chain, read.cursors.get(&chain.id), stopped.contains(&chain.id))
        };
        components.extend(view.chains().iter().map(index));
        components.extend([acting(view), queue(read), deadlines(read)]);
    } else {
        components.push(acting(view));
    }
    let live = |cursor: Option<&Cursor>| {
        cursor.is_some_and(|cursor| cursor.tip.is_some() && cursor.mode == Mode::Live)
    };
    let all_live =
        read.is_some_and(|read| view.chains().iter().all(|it| live(read.cursors.get(&it.id))));
    let works = matches!(view.acting(), Acting::Everywhere | Acting::IndexOnly);
    Health {
        status: HealthStatus::of(&components),
        ready: all_live && works,
        version: view.version(),
        uptime: view.uptime().as_secs(),
        components,
    }
}

fn store(readable: bool, took: Duration) -> HealthComponent {
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let (status, detail) = match (readable, took > SLOW) {
        (true, false) => (HealthStatus::Healthy, "it can be read"),
        (true, true) => (HealthStatus::Degraded, "a read took more than a second"),
        (false, _) => (HealthStatus::Unhealthy, "it cannot be read; the log says why"),
    };
    HealthComponent {
        latency_ms: Some(milliseconds),
        ..HealthComponent::new(HealthPart::Store, status, detail)
    }
}

fn index(chain: &ServedChain, cursor: Option<&Cursor>, stopped: bool) -> HealthComponent {
    let place = cursor.and_then(|cursor| Some((cursor.tip?, cursor.mode)));
    let (status, detail) = match place {
        None => (HealthStatus::Unhealthy, "not begun".to_owned()),
        Some((tip, Mode::Live)) if stopped => {
            let why = format!(
                "no new block for {} s; the newest is {}",
                STOPPED_AFTER.as_secs(),
                tip.number
            );
            (HealthStatus::Degraded, why)
        }
        Some((tip, Mode::Live)) => {
            (HealthStatus::Healthy, format!("live, at block {}", tip.number))
        }
        Some((tip, mode)) => (HealthStatus::Degraded, format!("{mode}, at block {}", tip.number)),
    };
    let component = HealthComponent::new(HealthPart::Index, status, detail);
    HealthComponent { chain: Some(chain.id.0), ..component }
}

fn acting(view: &dyn NodeView) -> HealthComponent {
    let status = match view.acting() {
        Acting::Everywhere | Acting::IndexOnly => HealthStatus::Healthy,
        Acting::Behind => HealthStatus::Degraded,
        Acting::Halted => HealthStatus::Unhealthy,
    };
    let detail = view.not_acting().unwrap_or_else(|| "it acts on every chain".to_owned());
    HealthComponent::new(HealthPart::Acting, status, detail)
}

fn queue(read: &Read) -> HealthComponent {
    let (given_up, overdue) = (read.dead_letters, read.overdue);
    let status = worth_a_look(given_up + overdue);
    let detail = format!("{} given up, {} overdue", counted(given_up), counted(overdue));
    HealthComponent::new(HealthPart::Queue, status, detail)
}

fn deadlines(read: &Read) -> HealthComponent {
    let missed = read.open_deadlines;
    let detail = format!("{} missed by open orders", counted(missed));
    HealthComponent::new(HealthPart::Deadlines, worth_a_look(missed), detail)
}

const fn worth_a_look(number: usize) -> HealthStatus {
    if number == 0 { HealthStatus::Healthy } else { HealthStatus::Degraded }
}

fn counted(number: usize) -> String {
    if number < COUNTED { number.to_string() } else { format!("{number} or more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;

    fn tip(number: u64) -> (ChainId, BlockRef) {
        (ChainId(1), BlockRef { number, hash: B256::with_last_byte(1), time: number })
    }

    #[test]
    fn a_chain_has_stopped_when_its_newest_block_stays_the_same_for_two_minutes() {
        let mut tips = Tips::default();
        let seconds = Duration::from_secs;
        assert_eq!(tips.stopped([tip(7)], seconds(5)), []);
        assert_eq!(tips.stopped([tip(7)], seconds(124)), []);
        assert_eq!(tips.stopped([tip(7)], seconds(125)), [ChainId(1)]);
        assert_eq!(tips.stopped([tip(8)], seconds(126)), []);
        assert_eq!(tips.stopped([tip(8)], seconds(245)), []);
        assert_eq!(tips.stopped([tip(8)], seconds(246)), [ChainId(1)]);
    }

    #[test]
    fn a_slow_read_is_degraded_and_a_failed_one_unhealthy() {
        let status = |readable, took| store(readable, took).status;
        assert_eq!(status(true, SLOW), HealthStatus::Healthy);
        assert_eq!(status(true, SLOW * 2), HealthStatus::Degraded);
        assert_eq!(status(false, Duration::ZERO), HealthStatus::Unhealthy);
        assert_eq!(store(true, Duration::from_millis(1_500)).latency_ms, Some(1_500));
    }
}
