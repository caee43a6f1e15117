//! From calls that simulate well to durable intents to sent transactions.
//!
//! Signing may take seconds, so it never happens inside a write transaction: nonces and bids are chosen
//! on a snapshot, and what was signed counts only if the world still is as it was.

use crate::{
    Executor, ExecutorError,
    account::takes_risk,
    batch::{Looked, Step, all},
    because::latest_send,
    bid::{Bid, Pressure, cap},
    draft::{Draft, FreeNonces, Market, pledged},
    executor::{Monotonic, Outcome, Ready, set_attempt},
    gate::{GateContext, GateError, Purpose, allow},
    keeper::kept_stake,
    refunds::count_refund,
    sign::{Unsigned, sign, sign_permission},
    stake::{UNPRICED_MOST, at_stake, per_gas},
    verdict::{Verdict, left_alone},
};
use alloy::primitives::{B256, Bytes, U256};
use bmn_chain::{ChainError, Fees, SendRejection, TypedData};
use bmn_contracts::{PublicAction, permission_digest, public_action_document};
use bmn_primitives::{BlockRef, ChainId};
use bmn_queue::{
    FailureClass, JobRow, LEASE_SECONDS, Loaded, QueueError, check, has_expired, refresh, renew,
    sent,
};
use bmn_store::{IntentRow, Reads, SentTx, TxPayload, WriteTx};
use bmn_swap::{ActionKey, Attempt, DestinationPlan, Permission, When};

/// Signatures made for one run of a job before it waits for the next block: each further one only
/// because its nonce would leave a gap, or went to another action meanwhile.
const MOST_SIGNATURES: usize = 4;

/// What a host did with bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Handed {
    /// It took them.
    Taken,
    /// It would not, and says why.
    Refused(SendRejection),
    /// It did not answer.
    Unanswered,
}

/// The call that a bid is for.
#[derive(Clone, Copy)]
pub(crate) struct Bidding<'a> {
    pub(crate) key: ActionKey,
    pub(crate) loaded: &'a Loaded,
    pub(crate) plan: Option<&'a DestinationPlan>,
    pub(crate) gas_limit: u64,
    /// Versions that were signed before.
    pub(crate) versions: usize,
}

/// What was signed for a job.
struct Signed<'a> {
    job: &'a JobRow,
    ready: Box<Ready>,
    draft: Draft,
    hash: B256,
    raw: Vec<u8>,
}

/// Whether a job is still to be sent, as one state of the store has it.
pub(crate) enum Standing {
    Due(Box<Loaded>),
    Later(When),
    Over,
    Unknown,
}

impl Executor {
    /// Signs, records and sends the calls of a batch, and writes what else came of its jobs: everything
    /// durable in one transaction, before anything is sent. A nonce is used by the most urgent job first.
    pub(crate) async fn conclude<'a>(
        &self,
        chain: ChainId,
        mut looked: Looked<'a>,
        clock: Monotonic<'_>,
        outcomes: &mut Vec<(ActionKey, Outcome)>,
    ) -> Result<(), ExecutorError> {
        for _ in 0..MOST_SIGNATURES {
            if looked.ready.is_empty() {
                break;
            }
            let (signed, on_chain) = match self.sign_all(chain, &mut looked, clock).await {
                Err(ExecutorError::Chain(error)) => {
                    let failed =
                        |job| (job, Verdict::failed(FailureClass::Host, error.to_string()));
                    let jobs = looked.ready.drain(..).map(|(job, _)| job);
                    looked.verdicts.extend(jobs.map(failed));
                    break;
                }
                signed => signed?,
            };
            let recorded = self.record(chain, &mut looked, signed, on_chain, outcomes)?;
            // In the order of their nonces: some hosts take none above one that they do not have.
            let mut answers = true;
            for (key, tx_hash, raw) in recorded {
                // A host that is away costs its time limit once: what is durable is sent with the next head.
                let handed = if answers { self.send(chain, raw).await } else { Handed::Unanswered };
                answers &= handed != Handed::Unanswered;
                outcomes.push((key, Outcome::Sent { tx_hash, accepted: handed == Handed::Taken }));
            }
        }
        for (job, _) in std::mem::take(&mut looked.ready) {
            let reason = "its nonce was taken each time it was signed";
            looked.verdicts.push((job, self.deferred(chain, reason)?));
        }
        self.record(chain, &mut looked, Vec::new(), 0, outcomes).map(drop)
    }

    /// Signs what is ready and still due, each with a nonce of its own; also answers the nonce that the
    /// chain waits for. What may not be signed leaves with a verdict. The calls are taken from `looked`
    /// only when no host has to be asked any more.
    async fn sign_all<'a>(
        &self,
        chain: ChainId,
        looked: &mut Looked<'a>,
        clock: Monotonic<'_>,
    ) -> Result<(Vec<Signed<'a>>, u64), ExecutorError> {
        self.still_working(chain, looked, clock)?;
        let client = self.client(chain)?;
        let fees = client.fees().await?;
        let us = self.rules.us;
        let on_chain = client.nonce(us).await?;
        let is_risk = looked.ready.iter().any(|(job, _)| takes_risk(job.key.action));
        let held = if is_risk { client.balance(us).await? } else { U256::ZERO };
        let drafts = {
            let read = self.store.read()?;
            self.check_fence(&read, chain)?;
            let mut market = Market {
                fees,
                tip: read.cursor(chain)?.tip.unwrap_or_default(),
                nonces: FreeNonces::from(on_chain).beside(read.held_nonces(chain, us, on_chain)?),
                held,
                pledged: if is_risk { pledged(&read, chain, on_chain)? } else { U256::ZERO },
            };
            let mut drafts = Vec::with_capacity(looked.ready.len());
            for (job, ready) in std::mem::take(&mut looked.ready) {
                match self.draft(&read, &job.key, &ready, &mut market)? {
                    Ok(draft) => drafts.push((job, ready, draft)),
                    Err(verdict) => looked.verdicts.push((job, verdict)),
                }
            }
            drafts
        };
        let signer = &*self.account.signer;
        let signatures =
            all(drafts.iter().map(|(.., draft)| sign(signer, &draft.unsigned, draft.bid))).await;
        let mut signed = Vec::with_capacity(drafts.len());
        for ((job, ready, draft), signature) in drafts.into_iter().zip(signatures) {
            match self.noted(chain, signature) {
                Ok((hash, raw)) => signed.push(Signed { job, ready, draft, hash, raw }),
                Err(ExecutorError::Signer(reason)) => {
                    looked.verdicts.push((job, self.not_signed(chain, &reason)?));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((signed, on_chain))
    }

    // A host that is slow and answers is work under way. Only a lease that is half over is worth a
    // transaction of its own.
    fn still_working(
        &self,
        chain: ChainId,
        looked: &Looked<'_>,
        clock: Monotonic<'_>,
    ) -> Result<(), ExecutorError> {
        let now = clock().as_secs();
        let half = now.saturating_add(LEASE_SECONDS / 2);
        if !has_expired(&self.store.read()?, chain, half)? {
            return Ok(());
        }
        let mut tx = self.store.write()?;
        for (job, _) in &looked.ready {
            // Who was overtaken learns it when he writes.
            match renew(&mut tx, &job.claim(), now) {
                Ok(()) | Err(QueueError::Overtaken { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(tx.commit()?)
    }

    /// Makes durable what came of a batch, all at once; answers what is to be sent. What was signed for a
    /// nonce that it does not get stays ready, to be signed again.
    fn record<'a>(
        &self,
        chain: ChainId,
        looked: &mut Looked<'a>,
        signed: Vec<Signed<'a>>,
        on_chain: u64,
        outcomes: &mut Vec<(ActionKey, Outcome)>,
    ) -> Result<Vec<(ActionKey, B256, Vec<u8>)>, ExecutorError> {
        if signed.is_empty() && looked.verdicts.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.store.write()?;
        let mut recorded = Vec::with_capacity(signed.len());
        let mut nonces = FreeNonces::from(on_chain);
        if !signed.is_empty() {
            self.check_fence(&tx, chain)?;
            nonces = nonces.beside(tx.held_nonces(chain, self.rules.us, on_chain)?);
        }
        for signed in signed {
            let Signed { job, ready, draft, hash, raw } = signed;
            match self.record_one(&mut tx, job, &ready, draft, (hash, raw.clone()), &mut nonces) {
                Ok(Recorded::Done) => recorded.push((job.key, hash, raw)),
                Ok(Recorded::Not(verdict)) => looked.verdicts.push((job, verdict)),
                // What was signed is never sent.
                Ok(Recorded::NonceTaken) => looked.ready.push((job, ready)),
                Err(error) => outcomes.push((job.key, left_alone(chain, error)?)),
            }
        }
        for (job, verdict) in std::mem::take(&mut looked.verdicts) {
            let written = self.write_verdict(&mut tx, &job.claim(), verdict);
            let outcome = written.or_else(|error| left_alone(chain, error))?;
            outcomes.push((job.key, outcome));
        }
        tx.commit()?;
        Ok(recorded)
    }

    fn record_one(
        &self,
        tx: &mut WriteTx,
        job: &JobRow,
        ready: &Ready,
        draft: Draft,
        signed: (B256, Vec<u8>),
        nonces: &mut FreeNonces,
    ) -> Result<Recorded, ExecutorError> {
        let (key, claim) = (job.key, job.claim());
        check(tx, &claim)?;
        // The world may have moved since the plan was made: ask it once more, where it cannot.
        match self.standing(tx, key)? {
            Standing::Due(_) => {}
            standing => return Ok(Recorded::Not(self.not_now(tx, key, standing)?)),
        }
        if let Some(reason) = self.over_cap(tx, key, &draft)? {
            return Ok(Recorded::Not(self.deferred(key.chain, reason)?));
        }
        if let Some(verdict) = self.refund_must_wait(tx, key.chain, &draft.notes)? {
            return Ok(Recorded::Not(verdict));
        }
        let nonce = draft.unsigned.nonce;
        if nonce != nonces.next || tx.intent(&key)?.is_some() {
            return Ok(Recorded::NonceTaken);
        }
        put(tx, self, key, draft, signed)?;
        let next = tx.next_nonce(key.chain, self.rules.us)?.unwrap_or(0).max(nonce + 1);
        tx.set_next_nonce(key.chain, self.rules.us, next)?;
        set_attempt(tx, key, Attempt::Live, ready.plan.clone())?;
        sent(tx, &claim)?;
        refresh(tx, key.order, &self.rules)?;
        nonces.take();
        Ok(Recorded::Done)
    }

    pub(crate) fn standing(
        &self,
        read: &impl Reads,
        key: ActionKey,
    ) -> Result<Standing, ExecutorError> {
        let Some(loaded) = Loaded::read(read, key.order, &self.rules)? else {
            return Ok(Standing::Unknown);
        };
        Ok(match self.due(&loaded, key) {
            Some(When::Now) => Standing::Due(Box::new(loaded)),
            Some(when) => Standing::Later(when),
            None => Standing::Over,
        })
    }

    /// How hard a version is to be pressed.
    pub(crate) fn pressure(&self, bidding: &Bidding<'_>, tip: BlockRef, fees: Fees) -> Pressure {
        let Bidding { key, loaded, plan, versions, .. } = *bidding;
        let latest = latest_send(key, loaded, plan, &self.rules);
        Pressure {
            cap: self.cap_at(fees, Some(self.most_per_gas(bidding))),
            time_left: latest.map(|latest| self.time_left(key.chain, tip, latest)),
            ..self.no_pressure(key.chain, versions, fees)
        }
    }

    /// Seconds from the next block until `latest`.
    pub(crate) fn time_left(&self, chain: ChainId, tip: BlockRef, latest: u64) -> u64 {
        let pace = self.rules.terms().route(chain).map(|route| route.pace);
        let next = tip.time.saturating_add(pace.map_or(0, |pace| pace.block_time));
        latest.saturating_sub(next)
    }

    /// What is at stake, for each unit of gas.
    pub(crate) fn most_per_gas(&self, bidding: &Bidding<'_>) -> u128 {
        let Bidding { key, loaded, plan, gas_limit, .. } = *bidding;
        let stake =
            || Some(per_gas(at_stake(key, &loaded.order, plan, &self.rules.terms())?, gas_limit));
        kept_stake(key, loaded).or_else(stake).unwrap_or_else(|| self.unpriced())
    }

    // The operator's word goes before a number of ours.
    fn unpriced(&self) -> u128 {
        if self.account.max_fee.is_some() { u128::MAX } else { UNPRICED_MOST }
    }

    /// The most that is bid in this market with so much at stake for a unit of gas.
    pub(crate) fn cap_at(&self, fees: Fees, stake: Option<u128>) -> u128 {
        let stake = stake.unwrap_or_else(|| self.unpriced());
        let multiple = self.limits.max_bid_multiple;
        cap(Bid::market(fees), multiple, self.account.max_fee, Some(stake))
    }

    /// The same with neither a deadline nor anything at stake.
    pub(crate) fn no_pressure(&self, chain: ChainId, versions: usize, fees: Fees) -> Pressure {
        let pace = self.rules.terms().route(chain).map(|route| route.pace);
        Pressure {
            time_left: None,
            inclusion: pace.map_or(0, |pace| pace.inclusion),
            versions,
            max_versions: self.limits.max_versions,
            cap: self.cap_at(fees, None),
        }
    }

    /// The last look at a transaction of an action before it is signed.
    pub(crate) fn check_gate(
        &self,
        key: ActionKey,
        unsigned: &Unsigned,
        loaded: &Loaded,
        plan: Option<&DestinationPlan>,
    ) -> Result<(), GateError> {
        let (order, source) = (&loaded.order, loaded.source.as_ref());
        self.gate(unsigned, Purpose::Action { key, order, source, plan })
    }

    /// The same for one that only uses its nonce up.
    pub(crate) fn check_filler(&self, unsigned: &Unsigned) -> Result<(), ExecutorError> {
        let refused = |error: GateError| ExecutorError::Signer(error.to_string());
        self.gate(unsigned, Purpose::Filler).map_err(refused)
    }

    fn gate(&self, unsigned: &Unsigned, purpose: Purpose<'_>) -> Result<(), GateError> {
        let terms = self.rules.terms();
        let route = terms.route(unsigned.chain);
        let context = GateContext {
            us: self.rules.us,
            contract: route.and_then(|route| route.resolver),
            route,
            purpose,
        };
        allow(&unsigned.proposal(), &context)
    }

    /// Signs the maker's permission to withdraw the destination alone.
    pub(crate) async fn permission(
        &self,
        key: &ActionKey,
        loaded: &Loaded,
    ) -> Result<Step, ExecutorError> {
        let order = &loaded.order;
        let caller = order.beneficiary;
        let action = PublicAction::DstPublicWithdraw;
        let digest = permission_digest(key.chain, key.escrow, order.id.hash, caller, action);
        let data = TypedData {
            digest: digest.map_err(|error| ExecutorError::Signer(error.to_string()))?,
            document: public_action_document(key.chain, key.escrow, order.id.hash, caller, action),
        };
        let signature = sign_permission(&*self.account.signer, &data, self.rules.us).await;
        let signature = self.noted(key.chain, signature)?;
        let signature = Bytes::copy_from_slice(&signature.as_bytes());
        let permission = Permission { escrow: key.escrow, caller, signature };
        Ok(Step::Write(Verdict::Permitted(permission)))
    }

    /// Hands bytes over, whose intent is durable: whatever the host says is no failure of the job or the
    /// lane, which hands them over again.
    pub(crate) async fn send(&self, chain: ChainId, raw: Vec<u8>) -> Handed {
        let Ok(client) = self.client(chain) else { return Handed::Unanswered };
        match client.send_raw(&raw.into()).await {
            Ok(_) | Err(ChainError::Rejected { rejection: SendRejection::AlreadyKnown, .. }) => {
                Handed::Taken
            }
            Err(ChainError::Rejected { rejection, .. }) => {
                tracing::warn!(target: "bmn::executor", chain = %chain, ?rejection, "send refused");
                Handed::Refused(rejection)
            }
            Err(error) if error.class() == bmn_primitives::ErrorClass::Transient => {
                tracing::warn!(target: "bmn::executor", chain = %chain, %error, "send failed");
                Handed::Unanswered
            }
            Err(error) => {
                tracing::error!(
                    target: "bmn::executor", chain = %chain, %error, "send not understood"
                );
                Handed::Unanswered
            }
        }
    }
}

/// What became of a signed draft.
enum Recorded {
    Done,
    Not(Verdict),
    NonceTaken,
}

fn put(
    tx: &mut WriteTx,
    executor: &Executor,
    key: ActionKey,
    draft: Draft,
    (hash, raw): (B256, Vec<u8>),
) -> Result<(), ExecutorError> {
    let Draft { unsigned, bid, tip, notes } = draft;
    if let Some(spending) = &notes.spending {
        tx.spend(key.chain, spending)?;
        count_refund(tx, key.chain, spending)?;
    }
    let version = SentTx { hash, max_fee: bid.max_fee, priority_fee: bid.priority_fee, at: tip };
    Ok(tx.put_intent(&IntentRow {
        key,
        account: executor.rules.us,
        nonce: unsigned.nonce,
        to: unsigned.to,
        value: unsigned.value,
        gas_limit: unsigned.gas_limit,
        sent: vec![version],
        filler: false,
        payload: TxPayload { data: unsigned.data.to_vec(), raw },
        notes,
    })?)
}
