//! What open orders come to, and what went wrong with some.

use bmn_alerts::{Facts, Kind, OrderFacts, StageFacts};
use bmn_primitives::{OrderId, Stage};
use bmn_queue::{JobState, Loaded, QueueError, Rules};
use bmn_store::{LateReads, ReadTx, Reads};
use bmn_swap::{Action, Status};
use std::collections::BTreeSet;

/// Open orders that are looked at, of each status, those with most at stake first.
const MOST_ORDERS: usize = 1_000;

/// Dead letters and missed steps that are counted.
const MOST: usize = 1_000;

/// Statuses in which a stage that comes matters to us, worst first.
const WATCHED: [Status; 7] = [
    Status::DestinationPaid,
    Status::SecretKnown,
    Status::Owing,
    Status::BothLocked,
    Status::DestinationRefunded,
    Status::SourceLocked,
    Status::DestinationStranded,
];

/// Statuses in which money is where it should not be.
const STUCK: [Status; 3] = [Status::DestinationStranded, Status::Exposed, Status::Owing];

/// Stages that matter in a status, and whether a withdrawal must be done before (S3-19, G-05).
const fn stages(status: Status) -> &'static [(Stage, bool)] {
    use Stage::{
        DstCancellation, DstPublicWithdrawal, SrcCancellation, SrcPublicCancellation,
        SrcPublicWithdrawal,
    };
    match status {
        Status::SourceLocked => &[(SrcCancellation, false)],
        Status::BothLocked => &[(DstCancellation, false), (SrcCancellation, false)],
        Status::SecretKnown => {
            &[(DstPublicWithdrawal, false), (DstCancellation, true), (SrcCancellation, true)]
        }
        Status::Owing => &[(DstCancellation, true)],
        Status::DestinationPaid => &[(SrcPublicWithdrawal, false), (SrcCancellation, true)],
        Status::DestinationRefunded => &[(SrcCancellation, false), (SrcPublicCancellation, false)],
        _ => &[],
    }
}

const fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::SrcWithdrawal => "srcWithdrawal",
        Stage::SrcPublicWithdrawal => "srcPublicWithdrawal",
        Stage::SrcCancellation => "srcCancellation",
        Stage::SrcPublicCancellation => "srcPublicCancellation",
        Stage::DstWithdrawal => "dstWithdrawal",
        Stage::DstPublicWithdrawal => "dstPublicWithdrawal",
        Stage::DstCancellation => "dstCancellation",
    }
}

const fn is_source(stage: Stage) -> bool {
    matches!(
        stage,
        Stage::SrcWithdrawal
            | Stage::SrcPublicWithdrawal
            | Stage::SrcCancellation
            | Stage::SrcPublicCancellation
    )
}

pub(super) fn look(read: &ReadTx, rules: &Rules, facts: &mut Facts) -> Result<(), QueueError> {
    let mut left = MOST_ORDERS;
    for status in WATCHED {
        for id in read.orders_by_status(status, None, left)? {
            left -= 1;
            open(read, rules, id, facts)?;
        }
    }
    for status in STUCK {
        for id in read.orders_by_status(status, None, MOST)? {
            let detail = format!("order {id} is {status}: money is where it should not be");
            facts.stuck.push(OrderFacts { subject: id.to_string(), detail });
        }
    }
    missed(read, facts)?;
    letters(read, facts)
}

/// The stages that an open order comes to.
fn open(read: &ReadTx, rules: &Rules, id: OrderId, facts: &mut Facts) -> Result<(), QueueError> {
    let subject = id.to_string();
    let Some(loaded) = Loaded::read(read, id, rules)? else {
        // The index of one of its chains is not current: it says nothing of what comes.
        not_seen(facts, &subject);
        return Ok(());
    };
    let Some(table) = loaded.timetable(rules) else { return Ok(()) };
    let status = loaded.state.status;
    for (stage, withdrawal_open) in stages(status) {
        let source = is_source(*stage);
        let chain = if source { id.chain } else { loaded.order.destination_chain };
        let Some(head) = read.cursor(chain)?.tip else {
            not_seen(facts, &subject);
            continue;
        };
        let start = table.stage(*stage).start;
        let Some(seconds_left) = start.checked_signed_diff(head.time) else { continue };
        // What never comes has no seconds left.
        if start == u64::MAX {
            continue;
        }
        facts.stages.push(StageFacts {
            order: subject.clone(),
            chain: chain.0,
            stage: name(*stage),
            seconds_left,
            withdrawal_open: *withdrawal_open,
        });
        if status == Status::DestinationPaid
            && *stage == Stage::SrcCancellation
            && seconds_left <= 0
        {
            let detail = format!(
                "order {id}: the maker was paid, and the window to withdraw the source is over"
            );
            facts.stuck.push(OrderFacts { subject: subject.clone(), detail });
        }
    }
    Ok(())
}

fn not_seen(facts: &mut Facts, order: &str) {
    for kind in [Kind::TimelockApproaching, Kind::CancelWindow, Kind::StuckMoney] {
        facts.unseen.subject(kind, order);
    }
}

/// Steps of open orders that missed their latest safe time.
fn missed(read: &ReadTx, facts: &mut Facts) -> Result<(), QueueError> {
    let mut ended = BTreeSet::new();
    for (id, action, late) in read.late_rows(MOST)? {
        let Some(latest) = late.missed else { continue };
        let is_over = ended.contains(&id)
            || read.order_state(id)?.is_none_or(|state| state.status.is_terminal());
        if is_over {
            ended.insert(id);
            continue;
        }
        let detail = format!("{} of order {id} was not sent by {latest}", action.name());
        facts.missed.push(OrderFacts { subject: subject(id, action), detail });
    }
    Ok(())
}

fn letters(read: &ReadTx, facts: &mut Facts) -> Result<(), QueueError> {
    for job in bmn_queue::dead_letters(read, None, None, None, MOST)? {
        let JobState::Dead { reason, .. } = &job.state else { continue };
        let (id, action) = (job.key.order, job.key.action);
        let detail = format!("{} of order {id} was given up: {reason}", action.name());
        facts.dead_letters.push(OrderFacts { subject: subject(id, action), detail });
    }
    Ok(())
}

fn subject(id: OrderId, action: Action) -> String {
    format!("{id}/{}", action.name())
}
