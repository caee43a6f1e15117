//! What is written of a job that was looked at and sends nothing: decided first, without the store, and
//! written in the one transaction of its batch.

use crate::{
    Executor, ExecutorError, Outcome,
    commit::Standing,
    executor::{may_be_given_up, set_attempt, update},
};
use bmn_primitives::ChainId;
use bmn_queue::{
    Claim, FailureClass, QueueError, Retried, bury, check, defer, finish, get, park, policy,
    refresh, retry, sent,
};
use bmn_store::{Reads, WriteTx};
use bmn_swap::{ActionKey, Attempt, Permission, Wake, When};

/// What is to become of a leased job.
pub(crate) enum Verdict {
    /// Its transaction is out already, and it belongs to that.
    InFlight,
    /// Not due any more.
    Over,
    /// Due later.
    Later(When),
    /// Waits with a reason beside it, which is no failure of it.
    Deferred(String, Wake),
    /// Failed, and to be tried again as its policy says.
    Failed(FailureClass, String),
    /// Not to be tried again: a dead letter, and the order goes another way.
    GivenUp(String),
    /// The maker's permission is signed.
    Permitted(Permission),
}

impl Verdict {
    pub(crate) fn failed(class: FailureClass, reason: impl Into<String>) -> Self {
        Self::Failed(class, reason.into())
    }
}

impl Executor {
    /// Writes a verdict. Nothing of it is written where the claim does not hold any more.
    pub(crate) fn write_verdict(
        &self,
        tx: &mut WriteTx,
        claim: &Claim,
        verdict: Verdict,
    ) -> Result<Outcome, ExecutorError> {
        let key = claim.key;
        Ok(match verdict {
            Verdict::InFlight => {
                sent(tx, claim)?;
                Outcome::Parked
            }
            Verdict::Over => {
                finish(tx, claim)?;
                refresh(tx, key.order, &self.rules)?;
                Outcome::Dropped
            }
            Verdict::Later(when) => {
                park(tx, claim, &when)?;
                Outcome::Parked
            }
            Verdict::Deferred(reason, until) => {
                defer(tx, claim, &reason, until)?;
                Outcome::Retried(reason)
            }
            Verdict::Failed(class, reason) => self.write_failure(tx, claim, class, reason)?,
            Verdict::GivenUp(reason) => {
                bury(tx, claim, FailureClass::Final, &reason)?;
                set_attempt(tx, key, Attempt::Closed, None)?;
                refresh(tx, key.order, &self.rules)?;
                Outcome::Buried(reason)
            }
            Verdict::Permitted(permission) => self.write_permission(tx, claim, permission)?,
        })
    }

    fn write_failure(
        &self,
        tx: &mut WriteTx,
        claim: &Claim,
        class: FailureClass,
        reason: String,
    ) -> Result<Outcome, ExecutorError> {
        let key = claim.key;
        Ok(match retry(tx, claim, class, &reason, policy(key.action, class))? {
            Retried::Later => Outcome::Retried(reason),
            Retried::Revoked => Outcome::Dropped,
            Retried::Dead(why) => {
                set_attempt(tx, key, Attempt::Closed, None)?;
                refresh(tx, key.order, &self.rules)?;
                Outcome::Buried(why)
            }
        })
    }

    fn write_permission(
        &self,
        tx: &mut WriteTx,
        claim: &Claim,
        permission: Permission,
    ) -> Result<Outcome, ExecutorError> {
        let key = claim.key;
        self.check_fence(tx, key.chain)?;
        check(tx, claim)?;
        match self.standing(tx, key)? {
            Standing::Due(_) => {}
            standing => {
                let verdict = self.not_now(tx, key, standing)?;
                return self.write_verdict(tx, claim, verdict);
            }
        }
        update(tx, key.order, |state| state.permission = Some(permission))?;
        finish(tx, claim)?;
        refresh(tx, key.order, &self.rules)?;
        Ok(Outcome::Permitted)
    }

    /// What becomes of a job that turns out not to be due.
    pub(crate) fn not_now(
        &self,
        read: &impl Reads,
        key: ActionKey,
        standing: Standing,
    ) -> Result<Verdict, ExecutorError> {
        match standing {
            Standing::Later(when) => Ok(Verdict::Later(when)),
            Standing::Over => Ok(Verdict::Over),
            Standing::Due(_) | Standing::Unknown => self.put_off(read, key.chain),
        }
    }

    // An index that does not show its chain as it is says neither that an action is due nor that it is
    // not: the job waits for the next block, and the derivation before that looks at it again.
    pub(crate) fn put_off(
        &self,
        read: &impl Reads,
        chain: ChainId,
    ) -> Result<Verdict, ExecutorError> {
        Ok(Verdict::Later(When::Wake(vec![wake_after(read, chain, 1)?])))
    }

    // No failure of the action: it waits for the next block with its reason beside it.
    pub(crate) fn deferred(
        &self,
        chain: ChainId,
        reason: impl Into<String>,
    ) -> Result<Verdict, ExecutorError> {
        let until = wake_after(&self.store.read()?, chain, 1)?;
        Ok(Verdict::Deferred(reason.into(), until))
    }

    /// No failure either: asked again some blocks later.
    pub(crate) fn not_kept(
        &self,
        chain: ChainId,
        reason: impl Into<String>,
        blocks: u64,
    ) -> Result<Verdict, ExecutorError> {
        let until = wake_after(&self.store.read()?, chain, blocks)?;
        Ok(Verdict::Deferred(reason.into(), until))
    }

    /// The action is given up, and somebody told.
    pub(crate) fn give_up(&self, key: &ActionKey, reason: String) -> Verdict {
        tracing::error!(
            target: "bmn::executor", order = %key.order, action = key.action.name(), %reason,
            "action given up"
        );
        Verdict::GivenUp(reason)
    }

    /// What is stored of one order does not make its call. Every other order goes on.
    pub(crate) fn not_made(&self, key: &ActionKey, reason: &str) -> Result<Verdict, ExecutorError> {
        if !self.is_told(key, reason)? {
            tracing::error!(
                target: "bmn::executor", order = %key.order, action = key.action.name(),
                chain = %key.chain, %reason, alarm = true, "an action cannot be made"
            );
        }
        self.deferred(key.chain, reason)
    }

    /// Whatever built a call, built something else than the rules know: a person must look. A way out is
    /// tried for as long as it is due all the same (M8): its rows may be put right.
    pub(crate) fn refused_by_gate(
        &self,
        key: &ActionKey,
        error: &crate::GateError,
    ) -> Result<Verdict, ExecutorError> {
        let reason = format!("not signed: {error}");
        if !self.is_told(key, &reason)? {
            tracing::error!(
                target: "bmn::executor", order = %key.order, action = key.action.name(), %reason,
                alarm = true, "the gate refused a transaction"
            );
        }
        Ok(if may_be_given_up(key.action) {
            self.give_up(key, reason)
        } else {
            Verdict::Failed(FailureClass::Deferred, reason)
        })
    }

    /// Whether a job was held back for that reason the last time, too: one alarm is enough.
    fn is_told(&self, key: &ActionKey, reason: &str) -> Result<bool, ExecutorError> {
        let job = get(&self.store.read()?, key)?;
        // What is kept of a reason is its beginning.
        Ok(job.is_some_and(|job| {
            job.last_error().is_some_and(|last| !last.is_empty() && reason.starts_with(last))
        }))
    }
}

fn wake_after(read: &impl Reads, chain: ChainId, blocks: u64) -> Result<Wake, ExecutorError> {
    let tip = read.cursor(chain)?.tip.map_or(0, |tip| tip.number);
    Ok(Wake::Height { chain, number: tip.saturating_add(blocks) })
}

/// What became of a job of a batch whose lease was over, or whose transaction is out: nothing of it was
/// written, and the others of its batch go on.
pub(crate) fn left_alone(chain: ChainId, error: ExecutorError) -> Result<Outcome, ExecutorError> {
    match error {
        ExecutorError::Queue(error @ QueueError::Overtaken { .. }) => {
            tracing::warn!(target: "bmn::executor", chain = %chain, %error, "overtaken");
            Ok(Outcome::Overtaken)
        }
        ExecutorError::Queue(error @ QueueError::InFlight { .. }) => {
            tracing::warn!(target: "bmn::executor", chain = %chain, %error, "left to its transaction");
            Ok(Outcome::Parked)
        }
        error => Err(error),
    }
}
