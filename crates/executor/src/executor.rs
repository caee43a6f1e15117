//! From a ready job to a recorded intent to a sent transaction.

use crate::{
    ExecutorError,
    call::{Call, call_for},
    sign::{Bid, Unsigned, sign},
};
use alloy::{
    primitives::{Address, B256, U256},
    signers::local::PrivateKeySigner,
};
use bmn_chain::{CallOutcome, CallRequest, ChainClient, ChainError, SendRejection};
use bmn_contracts::{PublicAction, Retry, Revert, calldata, sign_permission};
use bmn_primitives::{BlockRef, ChainId, OrderId, Secret};
use bmn_queue::{
    JobRow, Loaded, Rules, bury, finish, has_ready, lease, park, refresh, retry, sent,
};
use bmn_store::{
    IntentRow, OrderState, Reads, Reservation, SentTx, Store, StoreError, TxPayload, WriteTx,
};
use bmn_swap::{
    Action, ActionKey, Attempt, DIRECT_CLOCK_TOLERANCE, DestinationPlan, Origin, Permission, Wake,
    When, intend_destination,
};
use std::{collections::BTreeMap, sync::Arc};

/// Bounds on trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Attempts of one action before it becomes a dead letter.
    pub max_attempts: u32,
    /// Blocks a transaction may wait before its fee is raised.
    pub bump_after: u64,
    /// Signed versions of one transaction at most.
    pub max_versions: usize,
    /// Largest bid as a multiple of the one a new transaction would make.
    pub max_bid_multiple: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_attempts: 12, bump_after: 3, max_versions: 32, max_bid_multiple: 10 }
    }
}

/// What became of a leased job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The intent is durable and the transaction handed over; `accepted` is the pool's answer.
    Sent {
        /// Hash of the transaction.
        tx_hash: B256,
        /// False when the host did not take it now; it is sent again with the next block.
        accepted: bool,
    },
    /// A permission was signed and stored.
    Permitted,
    /// Not due any more.
    Dropped,
    /// Due later.
    Parked,
    /// Tried in simulation, to be tried again.
    Retried(String),
    /// Given up.
    Buried(String),
}

/// Acts on every chain with one account.
pub struct Executor {
    pub(crate) store: Store,
    pub(crate) rules: Arc<Rules>,
    pub(crate) clients: BTreeMap<ChainId, Arc<dyn ChainClient>>,
    pub(crate) signer: PrivateKeySigner,
    pub(crate) epoch: u64,
    pub(crate) limits: Limits,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor")
            .field("account", &self.rules.us)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// A call that simulated well, and what it would cost.
struct Ready {
    call: Call,
    plan: Option<DestinationPlan>,
    gas_limit: u64,
}

/// What the preparation of a job came to.
enum Prepared {
    Ready(Box<Ready>),
    Reverted(Revert),
    /// The claim behind the funding does not hold.
    Unfounded(String),
}

impl Executor {
    /// An executor that signs with `signer` as instance `epoch` of the store.
    pub fn new(
        store: Store,
        rules: Arc<Rules>,
        clients: BTreeMap<ChainId, Arc<dyn ChainClient>>,
        signer: PrivateKeySigner,
        epoch: u64,
        limits: Limits,
    ) -> Self {
        Self { store, rules, clients, signer, epoch, limits }
    }

    /// The client of a chain.
    ///
    /// # Errors
    /// [`ExecutorError::UnknownChain`].
    pub fn client(&self, chain: ChainId) -> Result<&dyn ChainClient, ExecutorError> {
        self.clients.get(&chain).map(|client| &**client).ok_or(ExecutorError::UnknownChain(chain))
    }

    /// Leases and runs the most urgent ready job of `chain`; `None` when there is none.
    pub async fn run_one(
        &self,
        chain: ChainId,
    ) -> Result<Option<(ActionKey, Outcome)>, ExecutorError> {
        // Looking costs a snapshot; only leasing needs the writer.
        if !has_ready(&self.store.read()?, chain)? {
            return Ok(None);
        }
        let mut tx = self.store.write()?;
        let Some(job) = lease(&mut tx, chain, self.epoch)? else { return Ok(None) };
        tx.commit()?;
        let outcome = match self.run(&job).await {
            Err(ExecutorError::Chain(error)) => {
                // The host failed, not the action: it stays due.
                let reason = error.to_string();
                self.again(&job, &reason, u32::MAX)?
            }
            Err(error) => {
                self.hand_over(job.key);
                return Err(error);
            }
            Ok(outcome) => outcome,
        };
        tracing::debug!(
            target: "bmn::executor", order = %job.key.order, action = job.key.action.name(),
            chain = %chain, ?outcome, "job run"
        );
        Ok(Some((job.key, outcome)))
    }

    async fn run(&self, job: &JobRow) -> Result<Outcome, ExecutorError> {
        let read = self.store.read()?;
        let Some(loaded) = Loaded::read(&read, job.key.order, &self.rules)? else {
            drop(read);
            return self.put_off(job.key);
        };
        if read.intent(&job.key)?.is_some() {
            return self.hand_back(job.key);
        }
        let secret = self.secret_for(&read, job.key.action, &loaded)?;
        drop(read);
        match self.due(&loaded, job.key) {
            None => self.drop_job(job.key),
            Some(when @ When::Wake(_)) => self.park_job(job.key, &when),
            Some(When::Now) if job.key.action == Action::Permit => self.permit(job.key, &loaded),
            Some(When::Now) => self.transact(job, &loaded, secret.as_ref()).await,
        }
    }

    pub(crate) fn due(&self, loaded: &Loaded, key: ActionKey) -> Option<When> {
        loaded.plan(&self.rules).due.into_iter().find(|due| due.key == key).map(|due| due.when)
    }

    fn secret_for(
        &self,
        read: &impl Reads,
        action: Action,
        loaded: &Loaded,
    ) -> Result<Option<Secret>, ExecutorError> {
        if action != Action::WithdrawDestination {
            return Ok(None);
        }
        let lock = loaded.order.hashlock;
        if let Some(public) = read.public_secret(lock)? {
            return Ok(Some(Secret::new(public.0)));
        }
        Ok(read.open_secret(lock)?)
    }

    fn permit(&self, key: ActionKey, loaded: &Loaded) -> Result<Outcome, ExecutorError> {
        let order = &loaded.order;
        let caller = order.beneficiary;
        let signature = sign_permission(
            &self.signer,
            key.chain,
            key.escrow,
            order.id.hash,
            caller,
            PublicAction::DstPublicWithdraw,
        )
        .map_err(|error| ExecutorError::Signer(error.to_string()))?;
        let permission = Permission { escrow: key.escrow, caller, signature };
        let mut tx = self.store.write()?;
        update(&mut tx, key.order, |state| state.permission = Some(permission))?;
        finish(&mut tx, &key)?;
        refresh(&mut tx, key.order, &self.rules)?;
        tx.commit()?;
        Ok(Outcome::Permitted)
    }

    async fn transact(
        &self,
        job: &JobRow,
        loaded: &Loaded,
        secret: Option<&Secret>,
    ) -> Result<Outcome, ExecutorError> {
        if job.key.action == Action::FundDestination
            && let Some(reason) = self.short_of_inventory(loaded).await?
        {
            return self.again(job, &reason, self.limits.max_attempts);
        }
        match self.prepare(job.key, loaded, secret).await? {
            Prepared::Ready(ready) => self.commit_and_send(job.key, *ready).await,
            Prepared::Reverted(revert) => self.reverted(job, loaded, &revert),
            Prepared::Unfounded(reason) => self.give_up(job.key, reason),
        }
    }

    async fn prepare(
        &self,
        key: ActionKey,
        loaded: &Loaded,
        secret: Option<&Secret>,
    ) -> Result<Prepared, ExecutorError> {
        let client = self.client(key.chain)?;
        let plan = if key.action == Action::FundDestination {
            match self.funding_plan(loaded, client.head().await?).await? {
                Ok(plan) => Some(plan),
                Err(reason) => return Ok(Prepared::Unfounded(reason)),
            }
        } else {
            loaded.state.plan.clone()
        };
        let call = call_for(key.action, loaded, plan.as_ref(), secret)?;
        let request = CallRequest {
            from: self.rules.us,
            to: call.to,
            value: call.value,
            data: call.data.clone(),
            time: None,
        };
        let simulation = client.simulate(&request).await?;
        if let CallOutcome::Reverted(data) = simulation.outcome {
            return Ok(Prepared::Reverted(Revert::decode(&data)));
        }
        if !loaded.order.is_accepted() && simulation.gas > self.rules.policy.cancel_refused_gas {
            let reason = format!(
                "giving it back costs {} gas, the budget is {}",
                simulation.gas, self.rules.policy.cancel_refused_gas
            );
            return Ok(Prepared::Unfounded(reason));
        }
        let plan = plan.filter(|_| key.action == Action::FundDestination);
        let gas_limit = simulation.gas.saturating_add(simulation.gas / 4);
        Ok(Prepared::Ready(Box::new(Ready { call, plan, gas_limit })))
    }

    // M1's last check needs the chain: what the source escrow actually holds.
    async fn funding_plan(
        &self,
        loaded: &Loaded,
        head: BlockRef,
    ) -> Result<Result<DestinationPlan, String>, ExecutorError> {
        let Some(leg) = &loaded.source else {
            return Ok(Err("the source escrow is gone".to_owned()));
        };
        let Some(immutables) = leg.immutables() else {
            return Ok(Err("what the source escrow is bound to is unknown".to_owned()));
        };
        let token = immutables.token.masked();
        let held = self.balance_of(leg.swap.chain, token, leg.swap.escrow).await?;
        if held < immutables.amount {
            let promised = immutables.amount;
            return Ok(Err(format!("the source escrow holds {held}, it promises {promised}")));
        }
        let fresh = |plan: &DestinationPlan| {
            let age = head.time.abs_diff(plan.immutables.timelocks.deployed_at());
            plan.source == leg.swap && age <= DIRECT_CLOCK_TOLERANCE / 2
        };
        if let Some(plan) = loaded.state.plan.as_ref().filter(|plan| fresh(plan)) {
            return Ok(Ok(plan.clone()));
        }
        Ok(intend_destination(&loaded.order, leg, &self.rules.terms(), head.time)
            .ok_or_else(|| "no destination fits the windows any more".to_owned()))
    }

    // M7: a direct source escrow was taken without a look at the balance; what is promised to others
    // is not for it.
    async fn short_of_inventory(&self, loaded: &Loaded) -> Result<Option<String>, ExecutorError> {
        let order = &loaded.order;
        if order.origin != Origin::DirectSource {
            return Ok(None);
        }
        let (chain, us) = (order.destination_chain, self.rules.us);
        let promised: Vec<(Reservation, U256)> = {
            let read = self.store.read()?;
            let own = read.reservations(order.id)?.into_iter();
            own.map(|own| Ok((own, read.reserved(chain, own.token)?)))
                .collect::<Result<_, StoreError>>()?
        };
        for (own, total) in promised {
            let held = if own.token.is_zero() {
                self.client(chain)?.balance(us).await?
            } else {
                self.balance_of(chain, own.token, us).await?
            };
            let free = held.saturating_sub(total.saturating_sub(own.amount));
            if free < own.amount {
                let needed = own.amount;
                return Ok(Some(format!("{free} of {} free, {needed} needed", own.token)));
            }
        }
        Ok(None)
    }

    async fn balance_of(
        &self,
        chain: ChainId,
        token: Address,
        holder: Address,
    ) -> Result<U256, ExecutorError> {
        let request = CallRequest {
            from: self.rules.us,
            to: token,
            data: calldata::balance_of(holder),
            ..CallRequest::default()
        };
        match self.client(chain)?.call(&request).await? {
            CallOutcome::Success(data) if data.len() == 32 => Ok(U256::from_be_slice(&data)),
            _ => Ok(U256::ZERO),
        }
    }

    async fn commit_and_send(
        &self,
        key: ActionKey,
        ready: Ready,
    ) -> Result<Outcome, ExecutorError> {
        let client = self.client(key.chain)?;
        let bid = Bid::first(client.fees().await?);
        let on_chain = client.nonce(self.rules.us).await?;
        let mut tx = self.store.write()?;
        self.check_fence(&tx, key.chain)?;
        // The world may have moved since the plan was made: ask it once more, where it cannot.
        let Some(loaded) = Loaded::read(&tx, key.order, &self.rules)? else {
            drop(tx);
            return self.put_off(key);
        };
        match self.due(&loaded, key) {
            Some(When::Now) => {}
            later => {
                drop(tx);
                return later.map_or_else(|| self.drop_job(key), |when| self.park_job(key, &when));
            }
        }
        let nonce = lowest_free(&tx, key.chain, on_chain)?;
        let tip = tx.cursor(key.chain)?.tip.unwrap_or_default();
        let unsigned = Unsigned {
            chain: key.chain,
            nonce,
            to: ready.call.to,
            value: ready.call.value,
            gas_limit: ready.gas_limit,
            data: ready.call.data,
        };
        let (tx_hash, raw) = sign(&self.signer, &unsigned, bid)?;
        let payload = TxPayload { data: unsigned.data.to_vec(), raw };
        let bytes = payload.raw.clone();
        tx.put_intent(&IntentRow {
            key,
            account: self.rules.us,
            nonce,
            to: unsigned.to,
            value: unsigned.value,
            gas_limit: unsigned.gas_limit,
            sent: vec![SentTx {
                hash: tx_hash,
                max_fee: bid.max_fee,
                priority_fee: bid.priority_fee,
                at: tip,
            }],
            filler: false,
            payload,
        })?;
        let next = tx.next_nonce(key.chain, self.rules.us)?.unwrap_or(0).max(nonce + 1);
        tx.set_next_nonce(key.chain, self.rules.us, next)?;
        set_attempt(&mut tx, key, Attempt::Live, ready.plan)?;
        sent(&mut tx, &key)?;
        refresh(&mut tx, key.order, &self.rules)?;
        tx.commit()?;
        let accepted = self.send(key.chain, bytes).await?;
        Ok(Outcome::Sent { tx_hash, accepted })
    }

    /// Hands bytes over. False when the host would not take them now; the lane tries again.
    pub(crate) async fn send(&self, chain: ChainId, raw: Vec<u8>) -> Result<bool, ExecutorError> {
        match self.client(chain)?.send_raw(&raw.into()).await {
            Ok(_) | Err(ChainError::Rejected { rejection: SendRejection::AlreadyKnown, .. }) => {
                Ok(true)
            }
            Err(error @ ChainError::Rejected { .. }) => {
                tracing::warn!(target: "bmn::executor", chain = %chain, %error, "send refused");
                Ok(false)
            }
            Err(error) if error.class() == bmn_primitives::ErrorClass::Transient => {
                tracing::warn!(target: "bmn::executor", chain = %chain, %error, "send failed");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn check_fence(&self, tx: &WriteTx, chain: ChainId) -> Result<(), ExecutorError> {
        match tx.lease(chain, self.rules.us)? {
            Some(holder) if holder != self.epoch => Err(ExecutorError::Fenced(chain)),
            _ => Ok(()),
        }
    }

    // `protocol.md` section 14: what a revert means for trying again.
    fn reverted(
        &self,
        job: &JobRow,
        loaded: &Loaded,
        revert: &Revert,
    ) -> Result<Outcome, ExecutorError> {
        let reason = format!("simulation reverted: {revert}");
        match revert.retry() {
            // Too early is no verdict: a reorg may have set the chain's clock back.
            Retry::Later => self.again(job, &reason, u32::MAX),
            _ if !loaded.order.is_accepted() => self.give_up(job.key, reason),
            Retry::AlreadyDone => self.again(job, &reason, u32::MAX),
            Retry::Terminal if may_be_given_up(job.key.action) => self.give_up(job.key, reason),
            Retry::Terminal | Retry::Fixable | Retry::Unknown => {
                self.again(job, &reason, self.most_attempts(job.key.action))
            }
        }
    }

    fn again(&self, job: &JobRow, reason: &str, max: u32) -> Result<Outcome, ExecutorError> {
        if job.attempts.saturating_add(1) >= max {
            return self.give_up(job.key, reason.to_owned());
        }
        let mut tx = self.store.write()?;
        let tip = tx.cursor(job.key.chain)?.tip.map_or(0, |tip| tip.number);
        let wake = Wake::Height { chain: job.key.chain, number: tip + 1 };
        retry(&mut tx, &job.key, reason, wake, max)?;
        tx.commit()?;
        Ok(Outcome::Retried(reason.to_owned()))
    }

    pub(crate) const fn most_attempts(&self, action: Action) -> u32 {
        if may_be_given_up(action) { self.limits.max_attempts } else { u32::MAX }
    }

    // The action will not be tried again: a dead letter, and the order goes another way.
    fn give_up(&self, key: ActionKey, reason: String) -> Result<Outcome, ExecutorError> {
        tracing::error!(
            target: "bmn::executor", order = %key.order, action = key.action.name(), %reason,
            "action given up"
        );
        let mut tx = self.store.write()?;
        bury(&mut tx, &key, &reason)?;
        set_attempt(&mut tx, key, Attempt::Closed, None)?;
        refresh(&mut tx, key.order, &self.rules)?;
        tx.commit()?;
        Ok(Outcome::Buried(reason))
    }

    fn drop_job(&self, key: ActionKey) -> Result<Outcome, ExecutorError> {
        let mut tx = self.store.write()?;
        finish(&mut tx, &key)?;
        refresh(&mut tx, key.order, &self.rules)?;
        tx.commit()?;
        Ok(Outcome::Dropped)
    }

    // An index that does not show its chain as it is says neither that an action is due nor that it is
    // not: the job waits for the next block, and the derivation before that looks at it again.
    fn put_off(&self, key: ActionKey) -> Result<Outcome, ExecutorError> {
        let tip = self.store.read()?.cursor(key.chain)?.tip.map_or(0, |tip| tip.number);
        let next = Wake::Height { chain: key.chain, number: tip + 1 };
        self.park_job(key, &When::Wake(vec![next]))
    }

    // A failure of ours is no verdict on the action: without this the job would stay leased by a
    // process that still lives, and nobody would ever run it.
    fn hand_over(&self, key: ActionKey) {
        if let Err(error) = self.park_job(key, &When::Now) {
            tracing::error!(
                target: "bmn::executor", order = %key.order, action = key.action.name(), %error,
                "job not handed back; a restart frees it"
            );
        }
    }

    fn park_job(&self, key: ActionKey, when: &When) -> Result<Outcome, ExecutorError> {
        let mut tx = self.store.write()?;
        park(&mut tx, &key, when)?;
        tx.commit()?;
        Ok(Outcome::Parked)
    }

    fn hand_back(&self, key: ActionKey) -> Result<Outcome, ExecutorError> {
        let mut tx = self.store.write()?;
        sent(&mut tx, &key)?;
        tx.commit()?;
        Ok(Outcome::Parked)
    }
}

/// The lowest nonce that no chain and no intent has used: a gap that a deep reorg left closes with
/// the next transaction (M6).
fn lowest_free(tx: &WriteTx, chain: ChainId, on_chain: u64) -> Result<u64, ExecutorError> {
    let mut nonce = on_chain;
    for intent in tx.intents(chain)? {
        if intent.nonce == nonce {
            nonce += 1;
        }
    }
    Ok(nonce)
}

/// Giving these up loses a profit. Giving up a way out of an escrow loses what is in it, so those are
/// tried for as long as they are due (M8).
const fn may_be_given_up(action: Action) -> bool {
    matches!(action, Action::Fill | Action::FundDestination)
}

/// Changes an order's state in place.
pub(crate) fn update(
    tx: &mut WriteTx,
    order: OrderId,
    change: impl FnOnce(&mut OrderState),
) -> Result<(), ExecutorError> {
    let Some(mut state) = tx.order_state(order)? else { return Ok(()) };
    let before = state.clone();
    change(&mut state);
    if state != before {
        tx.put_order_state(order, &state)?;
    }
    Ok(())
}

/// Records what became of our transactions for an action, where the status depends on it.
pub(crate) fn set_attempt(
    tx: &mut WriteTx,
    key: ActionKey,
    attempt: Attempt,
    plan: Option<DestinationPlan>,
) -> Result<(), ExecutorError> {
    let refused = tx.order(key.order)?.is_some_and(|order| !order.is_accepted());
    update(tx, key.order, |state| {
        match key.action {
            Action::Fill => state.evidence.fill = attempt,
            Action::FundDestination => state.evidence.funding = attempt,
            Action::CancelSource if refused && attempt == Attempt::Closed => {
                state.evidence.cancel_impossible = true;
            }
            _ => {}
        }
        if plan.is_some() {
            state.plan = plan;
        }
    })
}
