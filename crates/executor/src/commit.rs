//! From a call that simulates well to a durable intent to a sent transaction.
//!
//! Signing may take seconds, so it never happens inside a write transaction: nonce and bid are chosen
//! on a snapshot, and what was signed counts only if the world still is as it was.

use crate::{
    Executor, ExecutorError,
    account::{day_of, takes_risk},
    because::{justification, latest_send},
    bid::{Bid, Pressure, cap},
    executor::{Monotonic, Outcome, Ready, may_be_given_up, set_attempt, update},
    gate::{GateContext, GateError, Purpose, allow},
    keeper::{KEEPER_GAS, kept_stake},
    sign::{Unsigned, sign},
    stake::{UNPRICED_MOST, at_stake, per_gas},
};
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_chain::{ChainError, Fees, SendRejection, TypedData};
use bmn_contracts::{PublicAction, permission_digest, public_action_document};
use bmn_primitives::{BlockRef, ChainId};
use bmn_queue::{Claim, FailureClass, Loaded, check, finish, refresh, sent};
use bmn_store::{IntentNotes, IntentRow, Reads, SentTx, Spending, TxPayload, WriteTx};
use bmn_swap::{Action, ActionKey, Attempt, DestinationPlan, Permission, When};

/// Signatures made for one run of a job before it waits for the next block: each further one only
/// because the nonce went to another action meanwhile.
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

/// What is about to be signed.
struct Draft {
    unsigned: Unsigned,
    bid: Bid,
    tip: BlockRef,
    notes: IntentNotes,
}

/// Whether a job is still to be sent, as one state of the store has it.
enum Standing {
    Due(Box<Loaded>),
    Later(When),
    Over,
    Unknown,
}

impl Executor {
    /// Signs, records and sends the call of a job.
    pub(crate) async fn commit_and_send(
        &self,
        claim: Claim,
        ready: Ready,
        clock: Monotonic<'_>,
    ) -> Result<Outcome, ExecutorError> {
        let key = claim.key;
        let client = self.client(key.chain)?;
        for _ in 0..MOST_SIGNATURES {
            self.still_working(&claim, clock)?;
            let fees = client.fees().await?;
            let on_chain = client.nonce(self.rules.us).await?;
            let read = self.store.read()?;
            self.check_fence(&read, key.chain)?;
            let loaded = match self.standing(&read, key)? {
                Standing::Due(loaded) => loaded,
                standing => return self.not_now(claim, standing),
            };
            let draft = self.draft(&read, key, &ready, &loaded, (fees, on_chain))?;
            let over = match self.too_dear(key.action, &draft, fees) {
                Some(reason) => Some(reason),
                None => self.over_cap(&read, key, &draft)?,
            };
            let pledged = pledged(&read, key, on_chain)?;
            drop(read);
            let over = match over {
                None => self.cannot_pay(key, &draft, pledged).await?,
                over => over,
            };
            if let Some(reason) = over {
                return self.put_off_because(claim, &reason);
            }
            let plan = ready.plan.as_ref().or(loaded.state.plan.as_ref());
            if let Err(error) = self.check_gate(key, &draft.unsigned, &loaded, plan) {
                return self.refuse_to_sign(claim, &error);
            }
            let signed = sign(&*self.account.signer, &draft.unsigned, draft.bid).await?;
            let raw = signed.1.clone();
            match self.record(claim, &ready, on_chain, draft, signed)? {
                Recorded::Done(tx_hash) => {
                    let accepted = self.send(key.chain, raw).await == Handed::Taken;
                    return Ok(Outcome::Sent { tx_hash, accepted });
                }
                Recorded::Not(standing) => return self.not_now(claim, standing),
                Recorded::Capped(reason) => return self.put_off_because(claim, &reason),
                // The nonce went to another action while this was signed; what was signed is never sent.
                Recorded::NonceTaken => {}
            }
        }
        self.put_off_because(claim, "its nonce was taken each time it was signed")
    }

    fn standing(&self, read: &impl Reads, key: ActionKey) -> Result<Standing, ExecutorError> {
        let Some(loaded) = Loaded::read(read, key.order, &self.rules)? else {
            return Ok(Standing::Unknown);
        };
        Ok(match self.due(&loaded, key) {
            Some(When::Now) => Standing::Due(Box::new(loaded)),
            Some(when) => Standing::Later(when),
            None => Standing::Over,
        })
    }

    fn not_now(&self, claim: Claim, standing: Standing) -> Result<Outcome, ExecutorError> {
        match standing {
            Standing::Later(when) => self.park_job(claim, &when),
            Standing::Over => self.drop_job(claim),
            Standing::Due(_) | Standing::Unknown => self.put_off(claim),
        }
    }

    fn draft(
        &self,
        read: &impl Reads,
        key: ActionKey,
        ready: &Ready,
        loaded: &Loaded,
        (fees, on_chain): (Fees, u64),
    ) -> Result<Draft, ExecutorError> {
        let tip = read.cursor(key.chain)?.tip.unwrap_or_default();
        let unsigned = Unsigned {
            chain: key.chain,
            nonce: lowest_free(read, key.chain, self.rules.us, on_chain)?,
            to: ready.call.to,
            value: ready.call.value,
            gas_limit: ready.gas_limit,
            data: ready.call.data.clone(),
        };
        let plan = ready.plan.as_ref().or(loaded.state.plan.as_ref());
        let bidding = Bidding { key, loaded, plan, gas_limit: ready.gas_limit, versions: 0 };
        let bid = Bid::first(fees, self.pressure(&bidding, tip, fees));
        let token = match (key.action, plan) {
            (Action::FundDestination, Some(plan)) if !plan.immutables.token.is_zero() => {
                Some((plan.immutables.token.masked(), plan.immutables.amount))
            }
            _ => None,
        };
        let coin = unsigned.cost(bid);
        let token = if key.action.is_keeper() { Some((KEEPER_GAS, coin)) } else { token };
        let spending = Spending { day: day_of(tip.time), coin, token };
        let notes = IntentNotes {
            because: Some(justification(key.action, loaded, key.chain, tip)),
            foreign: None,
            spending: Some(spending),
        };
        Ok(Draft { unsigned, bid, tip, notes })
    }

    // What is sent all the same would wait at the head of the lane, and every way out behind it. A way
    // out waits for a better price only where gas alone costs more than it saves.
    fn too_dear(&self, action: Action, draft: &Draft, fees: Fees) -> Option<String> {
        let (base, bid) = (fees.base, draft.bid.max_fee);
        if bid > base {
            return None;
        }
        match self.account.max_fee.filter(|most| *most <= base) {
            Some(most) => takes_risk(action)
                .then(|| format!("gas costs {base} wei, the operator's most is {most}")),
            None => Some(format!("gas costs {base} wei, what is at stake pays for {bid}")),
        }
    }

    // A pool takes nothing that the account cannot pay beside what it holds already, and a nonce that
    // waits for coin keeps every way out behind it waiting, too.
    async fn cannot_pay(
        &self,
        key: ActionKey,
        draft: &Draft,
        pledged: U256,
    ) -> Result<Option<String>, ExecutorError> {
        if !takes_risk(key.action) {
            return Ok(None);
        }
        let held = self.client(key.chain)?.balance(self.rules.us).await?;
        let needed = draft.unsigned.cost(draft.bid);
        let over = needed.saturating_add(pledged) > held;
        Ok(over.then(|| {
            format!("it may cost {needed} wei; the account holds {held}, {pledged} of it pledged")
        }))
    }

    fn over_cap(
        &self,
        read: &impl Reads,
        key: ActionKey,
        draft: &Draft,
    ) -> Result<Option<String>, ExecutorError> {
        let Some(spending) = &draft.notes.spending else { return Ok(None) };
        Ok(self.account.caps.over(read, key.chain, key.action, spending)?)
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

    // Whatever built it, built something else than the rules know: a person must look. A way out is tried
    // for as long as it is due all the same (M8): its rows may be put right.
    fn refuse_to_sign(&self, claim: Claim, error: &GateError) -> Result<Outcome, ExecutorError> {
        let key = claim.key;
        let reason = format!("not signed: {error}");
        if !self.is_told(&key, &reason)? {
            tracing::error!(
                target: "bmn::executor", order = %key.order, action = key.action.name(), %reason,
                alarm = true, "the gate refused a transaction"
            );
        }
        if may_be_given_up(key.action) {
            return self.give_up(claim, reason);
        }
        self.try_later(claim, FailureClass::Deferred, &reason)
    }

    fn record(
        &self,
        claim: Claim,
        ready: &Ready,
        on_chain: u64,
        draft: Draft,
        (hash, raw): (B256, Vec<u8>),
    ) -> Result<Recorded, ExecutorError> {
        let key = claim.key;
        let mut tx = self.store.write()?;
        self.check_fence(&tx, key.chain)?;
        check(&tx, &claim)?;
        // The world may have moved since the plan was made: ask it once more, where it cannot.
        match self.standing(&tx, key)? {
            Standing::Due(_) => {}
            standing => return Ok(Recorded::Not(standing)),
        }
        let nonce = lowest_free(&tx, key.chain, self.rules.us, on_chain)?;
        if nonce != draft.unsigned.nonce || tx.intent(&key)?.is_some() {
            return Ok(Recorded::NonceTaken);
        }
        if let Some(reason) = self.over_cap(&tx, key, &draft)? {
            return Ok(Recorded::Capped(reason));
        }
        put(&mut tx, self, key, draft, (hash, raw))?;
        let next = tx.next_nonce(key.chain, self.rules.us)?.unwrap_or(0).max(nonce + 1);
        tx.set_next_nonce(key.chain, self.rules.us, next)?;
        set_attempt(&mut tx, key, Attempt::Live, ready.plan.clone())?;
        sent(&mut tx, &claim)?;
        refresh(&mut tx, key.order, &self.rules)?;
        tx.commit()?;
        Ok(Recorded::Done(hash))
    }

    /// Signs the maker's permission to withdraw the destination alone.
    pub(crate) async fn permit(
        &self,
        claim: Claim,
        loaded: &Loaded,
    ) -> Result<Outcome, ExecutorError> {
        let key = claim.key;
        let order = &loaded.order;
        let caller = order.beneficiary;
        let action = PublicAction::DstPublicWithdraw;
        let digest = permission_digest(key.chain, key.escrow, order.id.hash, caller, action);
        let data = TypedData {
            digest: digest.map_err(|error| ExecutorError::Signer(error.to_string()))?,
            document: public_action_document(key.chain, key.escrow, order.id.hash, caller, action),
        };
        let signature = self.account.signer.sign_typed(&data).await;
        let signature = signature.map_err(|error| ExecutorError::Signer(error.to_string()))?;
        let by = signature.recover_address_from_prehash(&data.digest);
        if by.ok() != Some(self.rules.us) {
            let reason = format!("its signature is not that of {}", self.rules.us);
            return Err(ExecutorError::Signer(reason));
        }
        let signature = Bytes::copy_from_slice(&signature.as_bytes());
        let permission = Permission { escrow: key.escrow, caller, signature };
        let mut tx = self.store.write()?;
        self.check_fence(&tx, key.chain)?;
        match self.standing(&tx, key)? {
            Standing::Due(_) => {}
            standing => {
                drop(tx);
                return self.not_now(claim, standing);
            }
        }
        update(&mut tx, key.order, |state| state.permission = Some(permission))?;
        finish(&mut tx, &claim)?;
        refresh(&mut tx, key.order, &self.rules)?;
        tx.commit()?;
        Ok(Outcome::Permitted)
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
    Done(B256),
    Not(Standing),
    Capped(String),
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

/// What the transactions of a chain that are not mined may cost, where a risk is about to be added to them.
fn pledged(read: &impl Reads, key: ActionKey, on_chain: u64) -> Result<U256, ExecutorError> {
    if !takes_risk(key.action) {
        return Ok(U256::ZERO);
    }
    let waiting = read.intents(key.chain)?.into_iter().filter(|intent| intent.nonce >= on_chain);
    let costs = waiting.filter_map(|intent| Some(intent.notes.spending?.coin));
    Ok(costs.fold(U256::ZERO, U256::saturating_add))
}

/// The lowest nonce that no chain and no intent has used: a gap that a deep reorg left closes with
/// the next transaction (M6).
fn lowest_free(
    read: &impl Reads,
    chain: ChainId,
    us: Address,
    on_chain: u64,
) -> Result<u64, ExecutorError> {
    let mut nonce = on_chain;
    for held in read.held_nonces(chain, us, on_chain)? {
        if held != nonce {
            break;
        }
        nonce += 1;
    }
    Ok(nonce)
}
