//! What a person should look at, as it begins and ends.

use super::{Ground, Sink, told};
use crate::{
    NodeView, RpcError,
    health::{STOPPED_AFTER, Tips},
    jobs,
    snapshot::Snapshot,
};
use bmn_primitives::{BlockRef, ChainId};
use bmn_rpc_api::{AlertKind, AlertNotice, Notice};
use bmn_store::Mode;
use jsonrpsee::{PendingSubscriptionSink, core::SubscriptionResult, server::SendTimeoutError};
use std::{collections::BTreeMap, time::Duration};

type Result<T> = std::result::Result<T, RpcError>;

/// Alerts of one kind that are told of.
const LISTED: usize = 1_000;

/// Letters of a reason.
const WORDS: usize = 512;

/// How often it is looked at what no commit announces.
const LOOKS: Duration = Duration::from_secs(1);

/// What an alert is about: its kind, chain, order and action.
type About = (AlertKind, Option<u64>, Option<String>, Option<String>);

/// What stands, and why.
type Standing = BTreeMap<About, String>;

/// Tells what stands, and then what begins and ends, until the subscriber leaves, is too slow, or the node
/// stops.
pub(crate) async fn run(
    pending: PendingSubscriptionSink,
    mut ground: Ground<'_>,
) -> SubscriptionResult {
    let mut sink = Sink { sink: pending.accept().await?, patience: ground.patience };
    let (mut known, mut tips) = (Standing::new(), Tips::default());
    loop {
        ground.committed.mark_unchanged();
        let store = ground.store.clone();
        let read = tokio::task::spawn_blocking(move || Read::of(&Snapshot::of(&store)?));
        let read = read.await.map_err(|error| RpcError::Interrupted(error.to_string()));
        let read = read.and_then(|read| read).map_err(super::in_words)?;
        let stopped = tips.stopped(read.tips.iter().copied(), ground.view.uptime());
        let stands = standing(read, &stopped, ground.view);
        for notice in changes(&known, &stands) {
            match sink.offer(&told::written(&Notice::Alert(notice))).await {
                Ok(()) => {}
                Err(SendTimeoutError::Timeout(_)) => {
                    sink.last(&told::lagged(Vec::new())).await;
                    return Ok(());
                }
                Err(SendTimeoutError::Closed(_)) => return Ok(()),
            }
        }
        known = stands;
        tokio::select! {
            () = sink.sink.closed() => return Ok(()),
            changed = ground.committed.changed() => if changed.is_err() { return Ok(()) },
            () = tokio::time::sleep(LOOKS) => {}
        }
    }
}

/// What the store says of alerts.
struct Read {
    stands: Standing,
    tips: Vec<(ChainId, BlockRef)>,
}

impl Read {
    fn of(snapshot: &Snapshot) -> Result<Self> {
        let (mut stands, mut tips) = (Standing::new(), Vec::new());
        for (chain, cursor) in snapshot.cursors()? {
            tips.extend(cursor.tip.map(|tip| (chain, tip)));
            if cursor.mode != Mode::Live {
                let about = (AlertKind::ChainBehind, Some(chain.0), None, None);
                stands.insert(about, cursor.mode.to_string());
            }
        }
        for (order, action, late) in snapshot.late_rows(LISTED)? {
            let about =
                |kind| (kind, None, Some(order.to_string()), Some(action.name().to_owned()));
            if late.overdue {
                let why = "its latest safe time is near or over".to_owned();
                stands.insert(about(AlertKind::Overdue), why);
            }
            if let Some(latest) = late.missed {
                let why = format!("not sent by its latest safe time, {latest}");
                stands.insert(about(AlertKind::MissedDeadline), why);
            }
        }
        let letters = snapshot.dead_letters(None, None, None, LISTED)?;
        for letter in letters.into_iter().filter_map(jobs::letter) {
            let about = (
                AlertKind::DeadLetter,
                Some(letter.chain),
                Some(letter.order_id),
                Some(letter.action),
            );
            stands.insert(about, letter.reason);
        }
        Ok(Self { stands, tips })
    }
}

fn standing(read: Read, stopped: &[ChainId], view: &dyn NodeView) -> Standing {
    let mut stands = read.stands;
    if let Some(why) = view.not_acting() {
        stands.insert((AlertKind::NotActing, None, None, None), why);
    }
    for chain in stopped {
        let why = format!("no new block for {} s", STOPPED_AFTER.as_secs());
        stands.insert((AlertKind::ChainStopped, Some(chain.0), None, None), why);
    }
    stands
}

/// What began, first, and what is over.
fn changes(before: &Standing, after: &Standing) -> Vec<AlertNotice> {
    let began = after.iter().filter(|(about, why)| before.get(*about) != Some(*why));
    let over = before.iter().filter(|(about, _)| !after.contains_key(*about));
    let began = began.map(|(about, why)| notice(about, why, true));
    began.chain(over.map(|(about, why)| notice(about, why, false))).collect()
}

fn notice((kind, chain, order, action): &About, why: &str, standing: bool) -> AlertNotice {
    AlertNotice {
        kind: *kind,
        standing,
        chain: *chain,
        order_id: order.clone(),
        action: action.clone(),
        reason: why.chars().take(WORDS).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_ends_or_has_another_reason_is_told_and_nothing_else() {
        let about = |chain| (AlertKind::ChainBehind, Some(chain), None, None);
        let of = |all: &[(u64, &str)]| -> Standing {
            all.iter().map(|(chain, why)| (about(*chain), (*why).to_owned())).collect()
        };
        let told =
            changes(&of(&[(1, "a"), (2, "b"), (3, "c")]), &of(&[(2, "b"), (3, "d"), (4, "e")]));
        let told: Vec<_> =
            told.iter().map(|it| (it.chain.unwrap(), it.reason.as_str(), it.standing)).collect();
        assert_eq!(told, [(3, "d", true), (4, "e", true), (1, "a", false)]);
        assert_eq!(changes(&of(&[(1, "a")]), &of(&[(1, "a")])), []);
        let long = "x".repeat(2 * WORDS);
        assert_eq!(changes(&Standing::new(), &of(&[(1, &long)]))[0].reason.len(), WORDS);
    }
}
