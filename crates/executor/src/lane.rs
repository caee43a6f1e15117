//! The nonce lane of a chain: every intent from its first send until its nonce is settled (M3, M6).

use crate::{
    Executor, ExecutorError,
    account::takes_risk,
    because::{is_reverted, justification},
    behind::Behind,
    bid::Bid,
    commit::Handed,
    refunds::purse,
    sign::{Unsigned, sign},
};
use alloy::primitives::U256;
use bmn_chain::SendRejection;
use bmn_primitives::{BlockRef, ChainId, ErrorClass};
use bmn_queue::Loaded;
use bmn_store::{IntentRow, Justification, Reads, SentTx, Spending, TxPayload};
use bmn_swap::When;

/// What is to become of a transaction that is not mined.
enum Verdict {
    /// It is still what we want.
    Keep,
    /// It is, for another reason: the block that justified it is gone, and a new one does.
    Renew(Justification),
    /// Its nonce is to be used up by nothing.
    Cancel(&'static str),
}

/// What became of a bid for the next version.
enum Raised {
    /// It is signed, recorded and handed over.
    Sent,
    /// The intent was not any more what was signed for.
    Lost,
    /// No bid replaces the last one: a cap, the number of versions, or the balance is reached.
    Impossible,
}

impl Executor {
    /// Looks after every live intent of `chain`: settles what is mined and confirmed, sends the rest
    /// again, raises fees, replaces what is no longer wanted. Call it once for every new head.
    /// True when something changed.
    pub async fn maintain(&self, chain: ChainId) -> Result<bool, ExecutorError> {
        let read = self.store.read()?;
        let intents = read.intents(chain)?;
        let Some(tip) = read.cursor(chain)?.tip else { return Ok(false) };
        drop(read);
        self.signing.passed(chain, tip.number);
        if intents.is_empty() {
            return Ok(false);
        }
        let consumed = self.client(chain)?.nonce(self.rules.us).await?;
        self.mined.keep(chain, &intents);
        let (done, live): (Vec<_>, Vec<_>) =
            intents.into_iter().partition(|intent| intent.nonce < consumed);
        let behind = self.behind(&self.store.read()?, &live)?;
        let mut failed = None;
        let mut changed = self.settle(chain, done, tip, &mut failed).await?;
        for (intent, behind) in live.into_iter().zip(behind) {
            let (key, nonce) = (intent.key, intent.nonce);
            if self.claim_for(&key)?.is_none() {
                continue;
            }
            changed |= match self.keep_alive(intent, tip, consumed, behind).await {
                // What was signed before stays what is sent; a remote signer that is away comes back.
                Err(ExecutorError::Signer(reason)) => {
                    tracing::error!(
                        target: "bmn::executor", order = %key.order, action = key.action.name(),
                        nonce, %reason, "not replaced: the signer failed"
                    );
                    false
                }
                // A host that contradicts itself about one holds up no other.
                Err(ExecutorError::Chain(error)) if error.class() != ErrorClass::Transient => {
                    failed.get_or_insert(error);
                    false
                }
                done => done?,
            };
        }
        changed |= self.close_gaps(chain, tip, consumed).await?;
        failed.map_or(Ok(changed), |error| Err(error.into()))
    }

    async fn keep_alive(
        &self,
        mut intent: IntentRow,
        tip: BlockRef,
        consumed: u64,
        behind: Behind,
    ) -> Result<bool, ExecutorError> {
        let chain = intent.key.chain;
        let mut changed = false;
        if intent.notes.foreign.is_some() {
            // The stranger's transaction was taken back.
            changed |= self.note_foreign(&intent, None)?;
            intent.notes.foreign = None;
        }
        let read = self.store.read()?;
        let Some(loaded) = Loaded::read(&read, intent.key.order, &self.rules)? else {
            // The index says nothing now, so nothing says that the action is not wanted any more.
            drop(read);
            self.send(chain, intent.payload.raw.clone()).await;
            return Ok(changed);
        };
        self.check_fence(&read, chain)?;
        let verdict = self.verdict(&read, &intent, &loaded, tip)?;
        drop(read);
        match verdict {
            Verdict::Keep => {}
            Verdict::Renew(because) => {
                intent.notes.because = Some(because);
                changed |= self.update_intent(&intent, |_| {})?;
            }
            Verdict::Cancel(why) => {
                tracing::info!(
                    target: "bmn::executor", order = %intent.key.order,
                    action = intent.key.action.name(), nonce = intent.nonce, why, "cancelled"
                );
                return Ok(changed | self.replace(intent, &loaded, tip, true, &behind).await?);
            }
        }
        let filler = intent.filler;
        if intent.nonce == consumed && self.is_stuck(&intent, &loaded, tip, &behind) {
            return Ok(changed | self.replace(intent, &loaded, tip, filler, &behind).await?);
        }
        // At most one version for each block: the answer to the next one may be another.
        let waited = intent.sent.last().is_some_and(|sent| tip.number > sent.at.number);
        match self.send(chain, intent.payload.raw.clone()).await {
            Handed::Refused(SendRejection::Underpriced | SendRejection::ReplacementUnderpriced)
                if waited =>
            {
                Ok(changed | self.replace(intent, &loaded, tip, filler, &behind).await?)
            }
            // What cannot be paid waits for coin, but no way out waits for it.
            Handed::Refused(SendRejection::InsufficientFunds)
                if waited && gives_way(&intent, &behind) =>
            {
                Ok(changed | self.replace(intent, &loaded, tip, true, &behind).await?)
            }
            // No fee helps bytes with a gas limit that no block takes: the action is made anew.
            Handed::Refused(SendRejection::GasLimit(_)) if waited && !filler => {
                Ok(changed | self.replace(intent, &loaded, tip, true, &behind).await?)
            }
            _ => Ok(changed),
        }
    }

    fn verdict(
        &self,
        read: &impl Reads,
        intent: &IntentRow,
        loaded: &Loaded,
        tip: BlockRef,
    ) -> Result<Verdict, ExecutorError> {
        if intent.filler {
            return Ok(Verdict::Keep);
        }
        let Some(when) = self.due(loaded, intent.key) else {
            return Ok(Verdict::Cancel("no longer wanted"));
        };
        let Some(because) = &intent.notes.because else { return Ok(Verdict::Keep) };
        if !is_reverted(read, because)? {
            return Ok(Verdict::Keep);
        }
        // The very same call must be right by what the chain shows now, and due at once.
        let plan = loaded.state.plan.as_ref();
        let allowed = self.check_gate(intent.key, &unsigned(intent), loaded, plan).is_ok();
        if when == When::Now && allowed {
            let action = intent.key.action;
            return Ok(Verdict::Renew(justification(action, loaded, intent.key.chain, tip)));
        }
        Ok(Verdict::Cancel("the block that justified it was reverted"))
    }

    // Only what the chain waits for is raised: the rest is stuck behind it, not underpaid.
    fn is_stuck(
        &self,
        intent: &IntentRow,
        loaded: &Loaded,
        tip: BlockRef,
        behind: &Behind,
    ) -> bool {
        let waited = intent.sent.last().map_or(0, |sent| tip.number.saturating_sub(sent.at.number));
        let hurried = || {
            let fees = bmn_chain::Fees { base: 0, priority: 0 };
            self.pressed(intent, loaded, intent.filler, behind, tip, fees).is_urgent()
        };
        waited > 0 && (waited >= self.limits.bump_after || hurried())
    }

    // The version after the last one. What takes a risk and can be neither raised nor paid is taken
    // back where a way out waits for its nonce; everything else stays as it was sent.
    async fn replace(
        &self,
        intent: IntentRow,
        loaded: &Loaded,
        tip: BlockRef,
        filler: bool,
        behind: &Behind,
    ) -> Result<bool, ExecutorError> {
        let filler = filler || self.is_refused(&intent, loaded);
        let mut raised = self.raise(&intent, loaded, tip, filler, behind).await?;
        if matches!(raised, Raised::Impossible) && !filler && gives_way(&intent, behind) {
            tracing::warn!(
                target: "bmn::executor", order = %intent.key.order, nonce = intent.nonce,
                action = intent.key.action.name(), "taken back: a way out waits for its nonce"
            );
            raised = self.raise(&intent, loaded, tip, true, behind).await?;
        }
        match raised {
            Raised::Sent => Ok(true),
            Raised::Lost => Ok(false),
            // The last version that we can pay stays the one that is sent.
            Raised::Impossible => {
                self.send(intent.key.chain, intent.payload.raw.clone()).await;
                Ok(false)
            }
        }
    }

    // M6: the bid rises, but never without end: a bounded number of versions, a bounded price for
    // gas, never more than the account holds, and for what takes a risk never above the day's cap.
    async fn raise(
        &self,
        intent: &IntentRow,
        loaded: &Loaded,
        tip: BlockRef,
        filler: bool,
        behind: &Behind,
    ) -> Result<Raised, ExecutorError> {
        let (chain, mut intent) = (intent.key.chain, intent.clone());
        let Some(last) = intent.sent.last().copied() else { return Ok(Raised::Lost) };
        let fees = self.client(chain)?.fees().await?;
        let unsigned = if filler {
            Unsigned::filler(chain, intent.nonce, self.rules.us)
        } else {
            unsigned(&intent)
        };
        let last = Bid { max_fee: last.max_fee, priority_fee: last.priority_fee };
        let mut pressure = self.pressed(&intent, loaded, filler, behind, tip, fees);
        if filler && !intent.filler {
            // Taking a call back is worth one step above whatever was bid for it.
            let step = last.floor_above();
            pressure.cap = pressure.cap.max(step.max_fee).max(step.priority_fee);
            pressure.max_versions = pressure.max_versions.max(intent.sent.len() + 1);
        }
        let bid = last.raise(fees, pressure);
        let balance = self.client(chain)?.balance(self.rules.us).await?;
        let payable = |bid: &Bid| unsigned.cost(*bid) <= balance;
        let Some(bid) = bid.filter(payable) else { return Ok(Raised::Impossible) };
        let more = more_spending(&intent, unsigned.cost(bid));
        if !filler
            && let Some(more) = &more
            && let Some(reason) =
                self.account.caps.over(&self.store.read()?, chain, intent.key.action, more)?
        {
            tracing::warn!(target: "bmn::executor", chain = %chain, %reason, "fee not raised");
            return Ok(Raised::Impossible);
        }
        if filler {
            self.check_filler(&unsigned)?;
        }
        let signed = sign(&*self.account.signer, &unsigned, bid).await;
        let (hash, raw) = self.noted(chain, signed)?;
        intent.filler = filler;
        intent.payload = TxPayload { data: intent.payload.data.clone(), raw: raw.clone() };
        let version =
            SentTx { hash, max_fee: bid.max_fee, priority_fee: bid.priority_fee, at: tip };
        intent.sent.push(version);
        if !self.record_version(&mut intent, more)? {
            return Ok(Raised::Lost);
        }
        self.send(chain, raw).await;
        Ok(Raised::Sent)
    }

    /// Whether the gate would not let the call of an intent pass any more: its rows changed under it.
    fn is_refused(&self, intent: &IntentRow, loaded: &Loaded) -> bool {
        let plan = loaded.state.plan.as_ref();
        let Err(error) = self.check_gate(intent.key, &unsigned(intent), loaded, plan) else {
            return false;
        };
        tracing::error!(
            target: "bmn::executor", order = %intent.key.order, nonce = intent.nonce, %error,
            action = intent.key.action.name(), alarm = true, "the gate refused a transaction again"
        );
        true
    }

    /// False when the intent is not any more what was signed for.
    fn record_version(
        &self,
        intent: &mut IntentRow,
        more: Option<Spending>,
    ) -> Result<bool, ExecutorError> {
        let chain = intent.key.chain;
        let mut tx = self.store.write()?;
        self.check_fence(&tx, chain)?;
        let stored = tx.intent(&intent.key)?;
        let before = intent.sent.len().saturating_sub(1);
        if !stored.is_some_and(|row| row.nonce == intent.nonce && row.sent.len() == before) {
            return Ok(false);
        }
        if let (Some(more), Some(spending)) = (more, &mut intent.notes.spending) {
            tx.spend(chain, &more)?;
            spending.coin = spending.coin.saturating_add(more.coin);
            if let (Some((_, more)), Some((_, counted))) = (more.token, &mut spending.token) {
                *counted = counted.saturating_add(more);
            }
        }
        tx.put_intent(intent)?;
        tx.commit()?;
        Ok(true)
    }
}

/// Whether it takes a risk while a way out waits for its nonce.
const fn gives_way(intent: &IntentRow, behind: &Behind) -> bool {
    !intent.filler && behind.way_out && takes_risk(intent.key.action)
}

/// The call of an intent, to be signed again.
fn unsigned(intent: &IntentRow) -> Unsigned {
    Unsigned {
        chain: intent.key.chain,
        nonce: intent.nonce,
        to: intent.to,
        value: intent.value,
        gas_limit: intent.gas_limit,
        data: intent.payload.data.clone().into(),
    }
}

/// What a version that costs `cost` counts beyond what the intent counts already.
fn more_spending(intent: &IntentRow, cost: U256) -> Option<Spending> {
    let before = intent.notes.spending?;
    let coin = cost.checked_sub(before.coin).filter(|more| !more.is_zero())?;
    let kept = purse(&before).map(|purse| (purse, coin));
    Some(Spending { day: before.day, coin, token: kept })
}
