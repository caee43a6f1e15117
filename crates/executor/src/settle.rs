//! The end of transactions: their nonce is used, and that is as final as their orders' values ask for.

use crate::{
    Executor, ExecutorError, because::is_reverted, executor::set_attempt, refunds::purse,
    verdict::left_alone,
};
use alloy::primitives::U256;
use bmn_chain::{ChainError, TxReceipt};
use bmn_primitives::{BlockRef, ChainId, ErrorClass};
use bmn_queue::{
    Claim, FailureClass, QueueError, Retried, adopt, check, claim_of, finish, policy, refresh,
    retry,
};
use bmn_store::{IntentRow, Justification, Reads, Spending, WriteTx};
use bmn_swap::{ActionKey, Attempt};

/// Transactions that are settled in one of the store, which holds the writer for some milliseconds (P4).
const SETTLED_AT_ONCE: usize = 16;

/// Where a transaction stands whose nonce is used.
enum Ending {
    /// Not as final as it must be.
    Waits,
    /// Somebody else used the nonce, which is noted and waited for.
    Noted,
    /// It has ended: as its receipt says, or in favour of somebody else's.
    Final(Option<TxReceipt>),
}

/// A transaction that has ended.
struct Ended {
    intent: IntentRow,
    claim: Claim,
    receipt: Option<TxReceipt>,
}

impl Executor {
    /// The claim to the job of an intent. A job that nobody holds is given back to its intent: its
    /// transaction may be mined, whatever became of the job. None when the intent is settled meanwhile.
    pub(crate) fn claim_for(&self, key: &ActionKey) -> Result<Option<Claim>, ExecutorError> {
        match claim_of(&self.store.read()?, key) {
            Ok(claim) => Ok(Some(claim)),
            Err(QueueError::WrongState { .. } | QueueError::NoSuchJob { .. }) => {
                let mut tx = self.store.write()?;
                self.check_fence(&tx, key.chain)?;
                let claim = adopt(&mut tx, key)?;
                tx.commit()?;
                tracing::warn!(
                    target: "bmn::executor", order = %key.order, action = key.action.name(),
                    "a job was not held by its transaction any more"
                );
                Ok(claim)
            }
            Err(error) => Err(error.into()),
        }
    }

    // A reorg that the order's value is waited for takes back no less than one that its action rests on.
    fn confirmations(&self, key: &ActionKey) -> Result<u64, ExecutorError> {
        let terms = self.rules.terms();
        let Some(route) = terms.route(key.chain) else { return Ok(0) };
        let order = self.store.read()?.order(key.order)?;
        // An order that is not there may have been worth anything.
        let value = order.map_or(u128::MAX, |order| terms.reference_value(&order));
        Ok(route.confirmations_for(value))
    }

    /// Ends what used its nonce and is as final as it must be, [`SETTLED_AT_ONCE`] in a transaction. What a
    /// host says of one that cannot be goes to `failed` and holds up no other. True when something changed.
    pub(crate) async fn settle(
        &self,
        chain: ChainId,
        done: Vec<IntentRow>,
        tip: BlockRef,
        failed: &mut Option<ChainError>,
    ) -> Result<bool, ExecutorError> {
        let (mut changed, mut broken, mut ended) = (false, None, Vec::new());
        for intent in done {
            let Some(claim) = self.claim_for(&intent.key)? else { continue };
            match self.ending(&intent, tip).await {
                Ok(Ending::Waits) => {}
                Ok(Ending::Noted) => changed = true,
                Ok(Ending::Final(receipt)) => ended.push(Ended { intent, claim, receipt }),
                Err(ExecutorError::Chain(error)) if error.class() != ErrorClass::Transient => {
                    failed.get_or_insert(error);
                }
                // What is known of the others is written all the same.
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        for ended in ended.chunks(SETTLED_AT_ONCE) {
            self.end_all(chain, ended)?;
            changed = true;
        }
        broken.map_or(Ok(changed), Err)
    }

    async fn ending(&self, intent: &IntentRow, tip: BlockRef) -> Result<Ending, ExecutorError> {
        let chain = intent.key.chain;
        let confirmations = self.confirmations(&intent.key)?;
        if self.is_known_unconfirmed(intent, tip, confirmations)? {
            return Ok(Ending::Waits);
        }
        let receipt = self.receipt_of(intent).await?;
        let used_at = match receipt {
            Some(receipt) => receipt.block.number,
            // Somebody else's transaction has our nonce. Ours may be mined after all if a reorg takes
            // that one back, so the action is not tried anew before it is as final as our own.
            None => match self.foreign_since(intent, tip)? {
                Some(seen) => seen.number,
                None => {
                    let head = self.client(chain)?.head().await?;
                    self.note_foreign(intent, Some(head))?;
                    return Ok(Ending::Noted);
                }
            },
        };
        // The index must have seen as much as the client, or the outcome would look missing.
        if tip.number < used_at.saturating_add(confirmations) {
            if let Some(receipt) = receipt {
                self.mined.note(intent, receipt.block);
            }
            return Ok(Ending::Waits);
        }
        Ok(Ending::Final(receipt))
    }

    fn end_all(&self, chain: ChainId, ended: &[Ended]) -> Result<(), ExecutorError> {
        let mut tx = self.store.write()?;
        self.check_fence(&tx, chain)?;
        for ended in ended {
            match check(&tx, &ended.claim) {
                Ok(_) => self.end(&mut tx, ended)?,
                // Somebody else has it, and settles it.
                Err(error) => left_alone(chain, error.into()).map(drop)?,
            }
        }
        Ok(tx.commit()?)
    }

    fn end(&self, tx: &mut WriteTx, ended: &Ended) -> Result<(), ExecutorError> {
        let Ended { intent, claim, receipt } = ended;
        tx.remove_intent(&intent.key)?;
        if let Some(unspent) = unspent(intent, receipt.as_ref()) {
            tx.unspend(intent.key.chain, &unspent)?;
        }
        set_attempt(tx, intent.key, Attempt::Idle, None)?;
        let failed = match receipt {
            Some(receipt) => !receipt.success && !intent.filler,
            None => true,
        };
        if failed {
            self.failed(tx, intent, claim)?;
        } else {
            finish(tx, claim)?;
        }
        refresh(tx, intent.key.order, &self.rules)?;
        Ok(())
    }

    /// Whether its host has told where it was mined, that block still stands and has not blocks enough
    /// upon it: the host would only say so again.
    fn is_known_unconfirmed(
        &self,
        intent: &IntentRow,
        tip: BlockRef,
        confirmations: u64,
    ) -> Result<bool, ExecutorError> {
        let Some(block) = self.mined.block_of(intent) else { return Ok(false) };
        let at = Justification { chain: intent.key.chain, block };
        Ok(tip.number < block.number.saturating_add(confirmations)
            && !is_reverted(&self.store.read()?, &at)?)
    }

    fn failed(
        &self,
        tx: &mut WriteTx,
        intent: &IntentRow,
        claim: &Claim,
    ) -> Result<(), ExecutorError> {
        tracing::warn!(
            target: "bmn::executor", order = %intent.key.order,
            action = intent.key.action.name(), nonce = intent.nonce, "transaction without effect"
        );
        // Bounded for what was refused: a token may pass the simulation and fail on chain. Not at
        // the first failure, since a reorg may have set the chain's clock back.
        let refused = tx.order(intent.key.order)?.is_some_and(|order| !order.is_accepted());
        let class = FailureClass::NoEffect;
        let policy = policy(intent.key.action, class);
        let policy = if refused { policy.at_most(self.limits.max_attempts) } else { policy };
        let retried = retry(tx, claim, class, "mined without effect", policy)?;
        if matches!(retried, Retried::Dead(_)) {
            set_attempt(tx, intent.key, Attempt::Closed, None)?;
        }
        Ok(())
    }

    /// The block by which the nonce was used by somebody else's transaction, if our chain still has it.
    fn foreign_since(
        &self,
        intent: &IntentRow,
        tip: BlockRef,
    ) -> Result<Option<BlockRef>, ExecutorError> {
        let Some(block) = intent.notes.foreign else { return Ok(None) };
        // The client may be ahead of the index, which then cannot tell yet.
        if tip.number < block.number {
            return Ok(Some(block));
        }
        let seen = Justification { chain: intent.key.chain, block };
        let gone = is_reverted(&self.store.read()?, &seen)?;
        Ok((!gone).then_some(block))
    }

    pub(crate) fn note_foreign(
        &self,
        intent: &IntentRow,
        at: Option<BlockRef>,
    ) -> Result<bool, ExecutorError> {
        if at.is_some() {
            tracing::warn!(
                target: "bmn::executor", chain = %intent.key.chain, nonce = intent.nonce,
                "somebody else used our nonce"
            );
        }
        self.update_intent(intent, |row| row.notes.foreign = at)
    }

    pub(crate) fn update_intent(
        &self,
        intent: &IntentRow,
        change: impl FnOnce(&mut IntentRow),
    ) -> Result<bool, ExecutorError> {
        let mut row = intent.clone();
        change(&mut row);
        let mut tx = self.store.write()?;
        self.check_fence(&tx, intent.key.chain)?;
        tx.put_intent(&row)?;
        tx.commit()?;
        Ok(true)
    }

    async fn receipt_of(&self, intent: &IntentRow) -> Result<Option<TxReceipt>, ExecutorError> {
        let client = self.client(intent.key.chain)?;
        for sent in intent.sent.iter().rev() {
            if let Some(receipt) = client.receipt(sent.hash).await? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }
}

/// What a settled intent counted as spent and did not spend.
fn unspent(intent: &IntentRow, receipt: Option<&TxReceipt>) -> Option<Spending> {
    let counted = intent.notes.spending?;
    let Some(receipt) = receipt else { return Some(counted) };
    let gas = U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price);
    // Of several versions with and without the call only the newest is known for what it is.
    let newest = intent.sent.last().is_some_and(|sent| sent.hash == receipt.tx_hash);
    let acted = receipt.success && !(intent.filler && newest);
    let (value, token) = if acted { (intent.value, None) } else { (U256::ZERO, counted.token) };
    let coin = counted.coin.saturating_sub(gas.saturating_add(value));
    let kept = purse(&counted).map(|purse| (purse, coin));
    Some(Spending { day: counted.day, coin, token: kept.or(token) })
}
