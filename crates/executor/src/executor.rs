//! From a ready job to a recorded intent to a sent transaction.

use crate::{
    Account, ExecutorError,
    account::takes_risk,
    batch::Step,
    blind::Blind,
    call::{Call, call_for, with_room},
    gaps::Gaps,
    keeper::KeeperLimits,
    mined::Mined,
    refunds::is_refund,
    sign::Signing,
    verdict::Verdict,
};
use alloy::primitives::{Address, B256, U256};
use bmn_chain::{CallOutcome, CallRequest, ChainClient};
use bmn_contracts::{Retry, Revert, calldata};
use bmn_primitives::{BlockRef, ChainId, OrderId, Secret};
use bmn_queue::{FailureClass, JobRow, LiveRules, Loaded};
use bmn_store::{OrderState, Reads, Reservation, Store, StoreError, WriteTx};
use bmn_swap::{
    Action, ActionKey, Attempt, DIRECT_CLOCK_TOLERANCE, DestinationPlan, Origin, When,
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
    pub(crate) rules: LiveRules,
    pub(crate) clients: BTreeMap<ChainId, Arc<dyn ChainClient>>,
    pub(crate) account: Account,
    pub(crate) epoch: u64,
    pub(crate) limits: Limits,
    pub(crate) gaps: Gaps,
    pub(crate) mined: Mined,
    pub(crate) signing: Signing,
    pub(crate) blind: Blind,
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

impl Executor {
    /// An executor that acts with `account` as instance `epoch` of the store.
    pub fn new(
        store: Store,
        rules: impl Into<LiveRules>,
        clients: BTreeMap<ChainId, Arc<dyn ChainClient>>,
        account: impl Into<Account>,
        epoch: u64,
        limits: Limits,
    ) -> Self {
        let (rules, account) = (rules.into(), account.into());
        Self {
            store,
            rules,
            clients,
            account,
            epoch,
            limits,
            gaps: Gaps::default(),
            mined: Mined::default(),
            signing: Signing::default(),
            blind: Blind::default(),
            keeper: OnceLock::new(),
        }
    }

    /// The client of a chain.
    ///
    /// # Errors
    /// [`ExecutorError::UnknownChain`].
    pub fn client(&self, chain: ChainId) -> Result<&dyn ChainClient, ExecutorError> {
        self.clients.get(&chain).map(|client| &**client).ok_or(ExecutorError::UnknownChain(chain))
    }

    /// Why nothing can be signed, as the last attempts had it; none while the signer signs.
    pub fn signer_failure(&self) -> Option<String> {
        self.signing.failure()
    }

    /// Looks at a leased job: whether it is still due, and whether its call would do what it is for.
    pub(crate) async fn look(&self, job: &JobRow) -> Result<Step, ExecutorError> {
        let (loaded, secret) = {
            let read = self.store.read()?;
            // Before anything else, also while nothing says what is due: its transaction is out.
            if read.intent(&job.key)?.is_some() {
                return Ok(Step::Write(Verdict::InFlight));
            }
            let Some(loaded) = Loaded::read(&read, job.key.order, &self.rules)? else {
                return Ok(Step::Write(self.put_off(&read, job.key.chain)?));
            };
            let secret = self.secret_for(&read, job.key.action, &loaded)?;
            (loaded, secret)
        };
        match self.due(&loaded, job.key) {
            None => Ok(Step::Write(Verdict::Over)),
            Some(when @ When::Wake(_)) => Ok(Step::Write(Verdict::Later(when))),
            Some(When::Now) if let Some(chain) = self.waits_for_sight_of(&loaded, &job.key) => {
                let reason = format!("the blocks of chain {chain} are not seen for the moment");
                Ok(Step::Write(self.deferred(job.key.chain, reason)?))
            }
            Some(When::Now) if job.key.action == Action::Permit => {
                self.permission(&job.key, &loaded).await
            }
            Some(When::Now) if job.key.action.is_keeper() => {
                self.keep(job, &loaded, secret.as_ref()).await
            }
            Some(When::Now) => self.prepare(job, &loaded, secret.as_ref()).await,
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

    async fn prepare(
        &self,
        job: &JobRow,
        loaded: &Loaded,
        secret: Option<&Secret>,
    ) -> Result<Step, ExecutorError> {
        let key = job.key;
        // Before a host is asked anything.
        if is_refund(key.action, &loaded.order)
            && let Some(verdict) = self.refund_waits(&self.store.read()?, key.chain, U256::ONE)?
        {
            return Ok(Step::Write(verdict));
        }
        let client = self.client(key.chain)?;
        let plan = if key.action == Action::FundDestination {
            if let Some(reason) = self.short_of_inventory(loaded).await? {
                return Ok(Step::Write(Verdict::failed(FailureClass::Inventory, reason)));
            }
            match self.funding_plan(loaded, client.head().await?).await? {
                Ok(plan) => Some(plan),
                Err(reason) => return Ok(Step::Write(self.give_up(&key, reason))),
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
            return Ok(Step::Write(self.reverted(&key, loaded, &Revert::decode(&data))));
        }
        if !loaded.order.is_accepted() && simulation.gas > self.rules.policy.cancel_refused_gas {
            let reason = format!(
                "giving it back costs {} gas, the budget is {}",
                simulation.gas, self.rules.policy.cancel_refused_gas
            );
            return Ok(Step::Write(self.give_up(&key, reason)));
        }
        let plan = plan.filter(|_| key.action == Action::FundDestination);
        let gas_limit = with_room(simulation.gas, job.attempts);
        Ok(Step::Act(Box::new(Ready { call, plan, gas_limit })))
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
    fn reverted(&self, key: &ActionKey, loaded: &Loaded, revert: &Revert) -> Verdict {
        let reason = format!("simulation reverted: {revert}");
        match revert.retry() {
            // Too early is no verdict: a reorg may have set the chain's clock back.
            Retry::Later => Verdict::Failed(FailureClass::TooEarly, reason),
            _ if !loaded.order.is_accepted() => self.give_up(key, reason),
            Retry::AlreadyDone => Verdict::Failed(FailureClass::AlreadyDone, reason),
            Retry::Terminal if may_be_given_up(key.action) => self.give_up(key, reason),
            Retry::Terminal | Retry::Fixable | Retry::Unknown => {
                Verdict::Failed(FailureClass::Reverted, reason)
            }
        }
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
