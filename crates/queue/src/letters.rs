//! Dead letters: what a person does with them. The plan has the last word.

use crate::job::{self, JobRow, JobState, require};
use crate::{Loaded, QueueError, Rules, StateKind, deadline_of, refresh};
use bmn_store::{Reads, WriteTx};
use bmn_swap::{Action, ActionKey, Attempt, Due};

/// Makes a dead letter a job again, as its plan wants it: with its history, and with all its attempts
/// before it. A fill or a funding that was given up is not given up any more.
///
/// # Errors
/// [`QueueError::NoSuchJob`]; [`QueueError::WrongState`] unless it is dead; [`QueueError::NotWanted`]
/// with the reason; [`QueueError::NotJudged`].
pub fn requeue(tx: &mut WriteTx, key: &ActionKey, rules: &Rules) -> Result<JobRow, QueueError> {
    let before = dead(tx, key, "requeue")?;
    let loaded = judged(tx, key, rules)?;
    let not_wanted =
        |why: String| QueueError::NotWanted { order: key.order, action: key.action, why };
    let stored = tx.order_state(key.order)?.map(|state| state.status);
    let takes_balance = matches!(key.action, Action::Fill | Action::FundDestination);
    if let Some(status) = stored.filter(|status| takes_balance && status.is_terminal()) {
        // What it was promised is promised to others now (design rule M7).
        return Err(not_wanted(format!("the order is {status}")));
    }
    let due = wanted(&loaded, key, rules).ok_or_else(|| {
        not_wanted(format!(
            "nothing of that kind is due for an order that is {}",
            loaded.state.status
        ))
    })?;
    tx.put_order_state(key.order, &loaded.state)?;
    let after = JobRow {
        state: JobState::due(&due.when),
        attempts: 0,
        not_before: None,
        deadline: deadline_of(&loaded, rules, key),
        is_revoked: false,
        ..before.clone()
    };
    job::replace(tx, &before, &after)?;
    refresh(tx, key.order, rules)?;
    require(tx, key)
}

/// Forgets a dead letter whose action nothing wants: nothing is at stake any more. Answers what it
/// was.
///
/// # Errors
/// [`QueueError::NoSuchJob`]; [`QueueError::WrongState`] unless it is dead; [`QueueError::StillDue`];
/// [`QueueError::NotJudged`].
pub fn drop_letter(tx: &mut WriteTx, key: &ActionKey, rules: &Rules) -> Result<JobRow, QueueError> {
    let job = dead(tx, key, "drop")?;
    let Some(loaded) = Loaded::read(tx, key.order, rules)? else {
        return Err(QueueError::NotJudged { order: key.order });
    };
    if wanted(&loaded, key, rules).is_some() {
        return Err(QueueError::StillDue { order: key.order, action: key.action });
    }
    job::remove(tx, &job)?;
    Ok(job)
}

fn dead(tx: &WriteTx, key: &ActionKey, wanted: &'static str) -> Result<JobRow, QueueError> {
    let job = require(tx, key)?;
    match job.state.kind() {
        StateKind::Dead => Ok(job),
        found => Err(QueueError::WrongState { key: *key, found, wanted }),
    }
}

// The order as it would be if this action had not been given up.
fn judged(tx: &WriteTx, key: &ActionKey, rules: &Rules) -> Result<Loaded, QueueError> {
    let Some(mut loaded) = Loaded::read(tx, key.order, rules)? else {
        return Err(QueueError::NotJudged { order: key.order });
    };
    let known = tx.secret_knowledge(loaded.order.hashlock)?;
    let evidence = &mut loaded.state.evidence;
    evidence.secret = evidence.secret.max(known);
    let reopen = |attempt: &mut Attempt| {
        if *attempt == Attempt::Closed {
            *attempt = Attempt::Idle;
        }
    };
    match key.action {
        Action::Fill => reopen(&mut evidence.fill),
        Action::FundDestination => reopen(&mut evidence.funding),
        Action::CancelSource => evidence.cancel_impossible = false,
        _ => {}
    }
    Ok(loaded)
}

fn wanted(loaded: &Loaded, key: &ActionKey, rules: &Rules) -> Option<Due> {
    let plan = loaded.plan(rules);
    plan.due.into_iter().find(|due| due.key == *key)
}
