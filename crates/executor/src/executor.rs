//! From a ready job to a recorded intent to a sent transaction.

use crate::{
    Account, ExecutorError,
    account::takes_risk,
    call::{Call, call_for, with_room},
    gaps::Gaps,
    keeper::KeeperLimits,
    mined::Mined,
};
use alloy::primitives::{Address, B256, U256};
use bmn_chain::{CallOutcome, CallRequest, ChainClient};
use bmn_contracts::{Retry, Revert, calldata};
use bmn_primitives::{BlockRef, ChainId, OrderId, Secret};
use bmn_queue::{
    Claim, FailureClass, JobRow, LEASE_SECONDS, Loaded, QueueError, Retried, Rules, bury, defer,
    expire, finish, get, has_expired, has_ready, lease, park, policy, refresh, renew, retry, sent,
};
use bmn_store::{OrderState, Reads, Reservation, Store, StoreError, WriteTx};
use bmn_swap::{
    Action, ActionKey, Attempt, DIRECT_CLOCK_TOLERANCE, DestinationPlan, Origin, Wake, When,
    check_holdings, intend_destination,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Bounds on trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tries after the first to give a refused source escrow back, before that is a dead letter.
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
    /// Its lease was over before it was done; nothing was written.
    Overtaken,
}

/// Time since some fixed moment, for the length of leases.
pub type Monotonic<'a> = &'a (dyn Fn() -> Duration + Sync);

/// Acts on every chain with one account.
pub struct Executor {
    pub(crate) store: Store,
    pub(crate) rules: Arc<Rules>,
    pub(crate) clients: BTreeMap<ChainId, Arc<dyn ChainClient>>,
    pub(crate) account: Account,
    pub(crate) epoch: u64,
    pub(crate) limits: Limits,
    pub(crate) gaps: Gaps,
    pub(crate) mined: Mined,
    pub(crate) keeper: OnceLock<KeeperLimits>,
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
pub(crate) struct Ready {
    pub(crate) call: Call,
    pub(crate) plan: Option<DestinationPlan>,
    pub(crate) gas_limit: u64,
}

/// What the preparation of a job came to.
enum Prepared {
    Ready(Box<Ready>),
    Reverted(Revert),
    /// The claim behind the funding does not hold.
    Unfounded(String),
}

impl Executor {
    /// An executor that acts with `account` as instance `epoch` of the store.
    pub fn new(
        store: Store,
        rules: Arc<Rules>,
        clients: BTreeMap<ChainId, Arc<dyn ChainClient>>,
        account: impl Into<Account>,
        epoch: u64,
        limits: Limits,
    ) -> Self {
        let account = account.into();
        let (gaps, mined) = (Gaps::default(), Mined::default());
        Self { store, rules, clients, account, epoch, limits, gaps, mined, keeper: OnceLock::new() }
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
        clock: Monotonic<'_>,
    ) -> Result<Option<(ActionKey, Outcome)>, ExecutorError> {
        let now = clock().as_secs();
        // Looking costs a snapshot; only leasing needs the writer.
        let read = self.store.read()?;
        let is_idle = !has_ready(&read, chain)? && !has_expired(&read, chain, now)?;
        drop(read);
        if is_idle {
            return Ok(None);
        }
        let mut tx = self.store.write()?;
        let expired = expire(&mut tx, chain, now)? > 0;
        let job = lease(&mut tx, chain, self.epoch, now)?;
        if expired || job.is_some() {
            tx.commit()?;
        }
        let Some(job) = job else { return Ok(None) };
        let ran = match self.run(&job, clock).await {
            Err(ExecutorError::Chain(error)) => {
                self.again(&job, FailureClass::Host, &error.to_string())
            }
            ran => ran,
        };
        let outcome = match ran {
            Err(ExecutorError::Queue(error @ QueueError::Overtaken { .. })) => {
                tracing::warn!(target: "bmn::executor", chain = %chain, %error, "overtaken");
                Outcome::Overtaken
            }
            Err(ExecutorError::Queue(error @ QueueError::InFlight { .. })) => {
                tracing::warn!(target: "bmn::executor", chain = %chain, %error, "left to its transaction");
                Outcome::Parked
            }
            Err(error @ ExecutorError::Incomplete { .. }) => {
                self.not_made(&job, &error.to_string())?
            }
            Err(ExecutorError::Signer(reason)) => {
                // A remote signer that is away comes back.
                tracing::error!(target: "bmn::executor", chain = %chain, %reason, "signer failed");
                self.put_off_because(job.claim(), &format!("the signer failed: {reason}"))?
            }
            Err(error) => {
                self.hand_over(job.claim());
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

    async fn run(&self, job: &JobRow, clock: Monotonic<'_>) -> Result<Outcome, ExecutorError> {
        let claim = job.claim();
        let read = self.store.read()?;
        // Before anything else, also while nothing says what is due: its transaction is out.
        if read.intent(&job.key)?.is_some() {
            return self.hand_back(claim);
        }
        let Some(loaded) = Loaded::read(&read, job.key.order, &self.rules)? else {
            drop(read);
            return self.put_off(claim);
        };
        let secret = self.secret_for(&read, job.key.action, &loaded)?;
        drop(read);
        match self.due(&loaded, job.key) {
            None => self.drop_job(claim),
            Some(when @ When::Wake(_)) => self.park_job(claim, &when),
            Some(When::Now) if job.key.action == Action::Permit => {
                self.permit(claim, &loaded).await
            }
            Some(When::Now) => self.transact(job, &loaded, secret.as_ref(), clock).await,
        }
    }

    pub(crate) fn due(&self, loaded: &Loaded, key: ActionKey) -> Option<When> {
        loaded.plan(&self.rules).due.into_iter().find(|due| due.key == key).map(|due| due.when)
    }

    pub(crate) fn secret_for(
        &self,
        read: &impl Reads,
        action: Action,
        loaded: &Loaded,
    ) -> Result<Option<Secret>, ExecutorError> {
        let lock = loaded.order.hashlock;
        // For strangers only what everybody knows.
        if matches!(action, Action::PublicWithdrawDestination | Action::PublicWithdrawSource) {
            return Ok(read.public_secret(lock)?.map(|public| Secret::new(public.0)));
        }
        if action != Action::WithdrawDestination {
            return Ok(None);
        }
        if let Some(public) = read.public_secret(lock)? {
            return Ok(Some(Secret::new(public.0)));
        }
        Ok(read.open_secret(lock)?)
    }

    async fn transact(
        &self,
        job: &JobRow,
        loaded: &Loaded,
        secret: Option<&Secret>,
        clock: Monotonic<'_>,
    ) -> Result<Outcome, ExecutorError> {
        if job.key.action.is_keeper() {
            return self.keep(job, loaded, secret, clock).await;
        }
        if job.key.action == Action::FundDestination
            && let Some(reason) = self.short_of_inventory(loaded).await?
        {
            return self.again(job, FailureClass::Inventory, &reason);
        }
        match self.prepare(job, loaded, secret).await? {
            Prepared::Ready(ready) => self.commit_and_send(job.claim(), *ready, clock).await,
            Prepared::Reverted(revert) => self.reverted(job, loaded, &revert),
            Prepared::Unfounded(reason) => self.give_up(job.claim(), reason),
        }
    }

    // A host that is slow and answers is work under way. Only a lease that is half over is worth a
    // transaction of its own.
    pub(crate) fn still_working(
        &self,
        claim: &Claim,
        clock: Monotonic<'_>,
    ) -> Result<(), ExecutorError> {
        let now = clock().as_secs();
        let half = now.saturating_add(LEASE_SECONDS / 2);
        if has_expired(&self.store.read()?, claim.key.chain, half)? {
            let mut tx = self.store.write()?;
            renew(&mut tx, claim, now)?;
            tx.commit()?;
        }
        Ok(())
    }

    async fn prepare(
        &self,
        job: &JobRow,
        loaded: &Loaded,
        secret: Option<&Secret>,
    ) -> Result<Prepared, ExecutorError> {
        let key = job.key;
        let client = self.client(key.chain)?;
        let plan = if key.action == Action::FundDestination {
            match self.funding_plan(loaded, client.head().await?).await? {
                Ok(plan) => Some(plan),
                Err(reason) => return Ok(Prepared::Unfounded(reason)),
            }
        } else {
            loaded.state.plan.clone()
        };
        let call = call_for(key.action, loaded, plan.as_ref(), secret, &self.rules.terms())?;
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
        let gas_limit = with_room(simulation.gas, job.attempts);
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
        let coin = if immutables.safety_deposit.is_zero() {
            U256::ZERO
        } else {
            self.client(leg.swap.chain)?.balance(leg.swap.escrow).await?
        };
        if let Err(reason) = check_holdings(immutables, held, coin) {
            return Ok(Err(reason));
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

    pub(crate) fn check_fence(&self, tx: &impl Reads, chain: ChainId) -> Result<(), ExecutorError> {
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
            Retry::Later => self.again(job, FailureClass::TooEarly, &reason),
            _ if !loaded.order.is_accepted() => self.give_up(job.claim(), reason),
            Retry::AlreadyDone => self.again(job, FailureClass::AlreadyDone, &reason),
            Retry::Terminal if may_be_given_up(job.key.action) => self.give_up(job.claim(), reason),
            Retry::Terminal | Retry::Fixable | Retry::Unknown => {
                self.again(job, FailureClass::Reverted, &reason)
            }
        }
    }

    pub(crate) fn again(
        &self,
        job: &JobRow,
        class: FailureClass,
        reason: &str,
    ) -> Result<Outcome, ExecutorError> {
        self.try_later(job.claim(), class, reason)
    }

    pub(crate) fn try_later(
        &self,
        claim: Claim,
        class: FailureClass,
        reason: &str,
    ) -> Result<Outcome, ExecutorError> {
        let key = claim.key;
        let mut tx = self.store.write()?;
        let retried = retry(&mut tx, &claim, class, reason, policy(key.action, class))?;
        if let Retried::Dead(_) = &retried {
            set_attempt(&mut tx, key, Attempt::Closed, None)?;
            refresh(&mut tx, key.order, &self.rules)?;
        }
        tx.commit()?;
        Ok(match retried {
            Retried::Later => Outcome::Retried(reason.to_owned()),
            Retried::Dead(why) => Outcome::Buried(why),
            Retried::Revoked => Outcome::Dropped,
        })
    }

    // The action will not be tried again: a dead letter, and the order goes another way.
    pub(crate) fn give_up(&self, claim: Claim, reason: String) -> Result<Outcome, ExecutorError> {
        let key = claim.key;
        tracing::error!(
            target: "bmn::executor", order = %key.order, action = key.action.name(), %reason,
            "action given up"
        );
        let mut tx = self.store.write()?;
        bury(&mut tx, &claim, FailureClass::Final, &reason)?;
        set_attempt(&mut tx, key, Attempt::Closed, None)?;
        refresh(&mut tx, key.order, &self.rules)?;
        tx.commit()?;
        Ok(Outcome::Buried(reason))
    }

    pub(crate) fn drop_job(&self, claim: Claim) -> Result<Outcome, ExecutorError> {
        let mut tx = self.store.write()?;
        finish(&mut tx, &claim)?;
        refresh(&mut tx, claim.key.order, &self.rules)?;
        tx.commit()?;
        Ok(Outcome::Dropped)
    }

    // An index that does not show its chain as it is says neither that an action is due nor that it is
    // not: the job waits for the next block, and the derivation before that looks at it again.
    pub(crate) fn put_off(&self, claim: Claim) -> Result<Outcome, ExecutorError> {
        let next = self.next_block(claim.key.chain)?;
        self.park_job(claim, &When::Wake(vec![next]))
    }

    fn next_block(&self, chain: ChainId) -> Result<Wake, ExecutorError> {
        let tip = self.store.read()?.cursor(chain)?.tip.map_or(0, |tip| tip.number);
        Ok(Wake::Height { chain, number: tip + 1 })
    }

    // A failure of ours is no verdict on the action: without this nobody would run the job before its
    // lease is over.
    fn hand_over(&self, claim: Claim) {
        if let Err(error) = self.park_job(claim, &When::Now) {
            tracing::error!(
                target: "bmn::executor", order = %claim.key.order,
                action = claim.key.action.name(), %error,
                "job not handed back; it is when its lease is over, or by a restart"
            );
        }
    }

    // What is stored of one order does not make its call. Every other order goes on.
    fn not_made(&self, job: &JobRow, reason: &str) -> Result<Outcome, ExecutorError> {
        if !self.is_told(&job.key, reason)? {
            tracing::error!(
                target: "bmn::executor", order = %job.key.order, action = job.key.action.name(),
                chain = %job.key.chain, %reason, alarm = true, "an action cannot be made"
            );
        }
        self.put_off_because(job.claim(), reason)
    }

    /// Whether a job was held back for that reason the last time, too: one alarm is enough.
    pub(crate) fn is_told(&self, key: &ActionKey, reason: &str) -> Result<bool, ExecutorError> {
        let job = get(&self.store.read()?, key)?;
        // What is kept of a reason is its beginning.
        Ok(job.is_some_and(|job| {
            job.last_error().is_some_and(|last| !last.is_empty() && reason.starts_with(last))
        }))
    }

    // No failure of the action: it waits for the next block with its reason beside it.
    pub(crate) fn put_off_because(
        &self,
        claim: Claim,
        reason: &str,
    ) -> Result<Outcome, ExecutorError> {
        let next = self.next_block(claim.key.chain)?;
        let mut tx = self.store.write()?;
        defer(&mut tx, &claim, reason, next)?;
        tx.commit()?;
        Ok(Outcome::Retried(reason.to_owned()))
    }

    pub(crate) fn park_job(&self, claim: Claim, when: &When) -> Result<Outcome, ExecutorError> {
        let mut tx = self.store.write()?;
        park(&mut tx, &claim, when)?;
        tx.commit()?;
        Ok(Outcome::Parked)
    }

    fn hand_back(&self, claim: Claim) -> Result<Outcome, ExecutorError> {
        let mut tx = self.store.write()?;
        sent(&mut tx, &claim)?;
        tx.commit()?;
        Ok(Outcome::Parked)
    }
}

/// Giving these up loses a profit. Giving up a way out of an escrow loses what is in it, so those are
/// tried for as long as they are due (M8).
pub(crate) const fn may_be_given_up(action: Action) -> bool {
    takes_risk(action)
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
    if key.action.is_keeper() && attempt == Attempt::Closed {
        tx.close_keeping(key.order)?;
    }
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
