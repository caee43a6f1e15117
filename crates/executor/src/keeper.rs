//! Public actions on strangers' escrows: the last look before one is sent.
//!
//! What the escrows allow is the plan's to say; here it is asked whether they let us, whether it pays, and
//! whether our own work leaves room for it.

use crate::{
    Executor, ExecutorError,
    account::day_of,
    batch::Step,
    call::{call_for, with_room},
    executor::Ready,
    verdict::Verdict,
};
use alloy::primitives::{Address, U256, address, keccak256};
use bmn_chain::{CallOutcome, CallRequest, ChainClient, ChainError};
use bmn_contracts::{Retry, Revert};
use bmn_primitives::{ChainId, Secret};
use bmn_queue::{FailureClass, JobRow, KeeperFacts, Loaded, own_due_in};
use bmn_store::Reads;
use bmn_swap::{
    Access, Action, ActionKey, KeeperBudget, KeeperDue, KeeperRefusal, KeeperTerms, Price,
    choose_kept,
};
use std::collections::BTreeMap;

/// Stands for the gas of keeping among the tokens that are counted day by day: a part of the coin, and
/// no token.
pub(crate) const KEEPER_GAS: Address = address!("00000000000000000000000000000000006b6565");

/// Where OP-stack chains tell what a transaction's data costs.
const GAS_PRICE_ORACLE: Address = address!("420000000000000000000000000000000000000F");

/// Blocks after which what did not pay, or was not let through, is asked again.
const ASK_AGAIN: u64 = 8;

/// Room beside calldata in a signed transaction, bytes.
const ENVELOPE: usize = 120;

/// The operator's limits for finishing strangers' swaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeeperLimits {
    /// When it is worth it.
    pub terms: KeeperTerms,
    /// Most that it may spend on gas on a day of a chain, wei.
    pub gas_per_day: u128,
    /// Transactions of it that are not settled yet, on a chain.
    pub max_open: u32,
    /// Strangers' swaps that are watched at the same time.
    pub max_watched: u32,
}

impl Executor {
    /// Finishes strangers' swaps from now on, within these limits. They are set once.
    pub fn keep_within(&self, limits: KeeperLimits) {
        let _ = self.keeper.set(limits);
    }

    /// The limits; none where strangers' swaps are left alone.
    pub fn keeper(&self) -> Option<&KeeperLimits> {
        self.keeper.get()
    }

    /// Whether an escrow would let us make a public action on it now, as its chain answers a call.
    ///
    /// # Errors
    /// A host that fails.
    pub async fn probe(&self, key: ActionKey, loaded: &Loaded) -> Result<Access, ExecutorError> {
        let secret = self.secret_for(&self.store.read()?, key.action, loaded)?;
        let (plan, terms) = (loaded.state.plan.as_ref(), self.rules.terms());
        let call = call_for(key.action, loaded, plan, secret.as_ref(), &terms)?;
        let request = CallRequest {
            from: self.rules.us,
            to: call.to,
            value: call.value,
            data: call.data,
            time: None,
        };
        Ok(match self.client(key.chain)?.call(&request).await? {
            CallOutcome::Success(_) => Access::from_probe(None),
            CallOutcome::Reverted(data) => Access::from_probe(Some(&data)),
        })
    }

    pub(crate) async fn keep(
        &self,
        job: &JobRow,
        loaded: &Loaded,
        secret: Option<&Secret>,
    ) -> Result<Step, ExecutorError> {
        let (key, chain) = (job.key, job.key.chain);
        let not_kept = |reason: &str, blocks| self.not_kept(chain, reason, blocks).map(Step::Write);
        let Some(limits) = self.keeper.get() else {
            return not_kept("strangers' swaps are left alone", ASK_AGAIN);
        };
        // Before a host is asked anything.
        if let Some(refusal) = self.own_work(chain, limits)? {
            return not_kept(&refusal.to_string(), 1);
        }
        let plan = loaded.state.plan.as_ref();
        let call = call_for(key.action, loaded, plan, secret, &self.rules.terms())?;
        let client = self.client(chain)?;
        let request = CallRequest {
            from: self.rules.us,
            to: call.to,
            value: call.value,
            data: call.data.clone(),
            time: None,
        };
        let simulation = client.simulate(&request).await?;
        if let CallOutcome::Reverted(data) = &simulation.outcome {
            if Access::from_probe(Some(data)) == Access::Refused {
                return not_kept(&KeeperRefusal::NoAccessToken.to_string(), ASK_AGAIN);
            }
            let revert = Revert::decode(data);
            let class = match revert.retry() {
                Retry::Later => FailureClass::TooEarly,
                Retry::AlreadyDone => FailureClass::AlreadyDone,
                _ => FailureClass::Reverted,
            };
            let reason = format!("simulation reverted: {revert}");
            return Ok(Step::Write(Verdict::failed(class, reason)));
        }
        let facts = self.keeper_facts(client, chain, call.data.len()).await?;
        match self.worth_keeping(key, loaded, &facts, &limits.terms, simulation.gas) {
            Err(reason) => not_kept(&reason, ASK_AGAIN),
            Ok(due) => {
                if let Some(refusal) = self.over_budget(due, limits)? {
                    return not_kept(&refusal.to_string(), 1);
                }
                let gas_limit = with_room(simulation.gas, job.attempts);
                Ok(Step::Act(Box::new(Ready { call, plan: None, gas_limit })))
            }
        }
    }

    fn own_work(
        &self,
        chain: ChainId,
        limits: &KeeperLimits,
    ) -> Result<Option<KeeperRefusal>, ExecutorError> {
        let quiet = limits.terms.quiet_blocks;
        let due = own_due_in(&self.store.read()?, chain, quiet, &self.rules)?;
        let due = due.filter(|blocks| *blocks <= quiet);
        Ok(due.map(|blocks| KeeperRefusal::OwnWorkFirst { blocks, quiet }))
    }

    async fn keeper_facts(
        &self,
        client: &dyn ChainClient,
        chain: ChainId,
        calldata: usize,
    ) -> Result<KeeperFacts, ExecutorError> {
        let fees = client.fees().await?;
        let terms = self.rules.terms();
        let route = terms.route(chain);
        let native = |token: &&bmn_swap::TokenTerms| token.address.is_zero();
        let coin = route.and_then(|route| route.tokens.iter().find(native));
        let data_fee = if route.is_some_and(|route| route.limits.op_stack) {
            data_fee(client, calldata.saturating_add(ENVELOPE)).await?
        } else {
            Some(0)
        };
        Ok(KeeperFacts {
            // Without the fee for data, what it costs is not known.
            gas_price: data_fee.map(|_| fees.base.saturating_add(fees.priority)),
            data_fee: data_fee.unwrap_or(0),
            access: Access::Held,
            own_due_in: None,
            coin: coin.map_or(Price(0), |coin| coin.price),
        })
    }

    fn worth_keeping(
        &self,
        key: ActionKey,
        loaded: &Loaded,
        facts: &KeeperFacts,
        terms: &KeeperTerms,
        gas: u64,
    ) -> Result<KeeperDue, String> {
        let nothing = || "nothing of it is due".to_owned();
        let plan = loaded.keep(&self.rules, facts, terms).ok_or_else(nothing)?;
        let refused = plan.refused.iter().find(|(action, _)| action.action() == key.action);
        if let Some((_, refusal)) = refused {
            return Err(refusal.to_string());
        }
        let due = plan.due.into_iter().find(|due| due.action.action() == key.action);
        let due = due.ok_or_else(nothing)?;
        // A token that takes more gas than the protocol's own calls is not what was reckoned with.
        let most = due.action.gas(loaded.order.dialect);
        let most = most.saturating_add(most / 4);
        if gas > most {
            return Err(format!("it takes {gas} gas, at most {most} is reckoned with"));
        }
        Ok(due)
    }

    fn over_budget(
        &self,
        due: KeeperDue,
        limits: &KeeperLimits,
    ) -> Result<Option<KeeperRefusal>, ExecutorError> {
        let read = self.store.read()?;
        let chain = due.chain;
        let day = day_of(read.cursor(chain)?.tip.unwrap_or_default().time);
        let spent = read.spent(chain, day, KEEPER_GAS)?;
        let left = U256::from(limits.gas_per_day).saturating_sub(spent);
        let open = read.intents(chain)?.iter().filter(|row| row.key.action.is_keeper()).count();
        let budget = KeeperBudget {
            gas_left: u128::try_from(left).unwrap_or(u128::MAX),
            open: u32::try_from(open).unwrap_or(u32::MAX),
            max_open: limits.max_open,
        };
        let choice = choose_kept(vec![due], &mut BTreeMap::from([(chain, budget)]));
        Ok(choice.put_off.into_iter().next().map(|(_, refusal)| refusal))
    }
}

async fn data_fee(client: &dyn ChainClient, bytes: usize) -> Result<Option<u128>, ChainError> {
    let bytes = U256::from(bytes).to_be_bytes::<32>();
    let request = CallRequest {
        to: GAS_PRICE_ORACLE,
        data: [&keccak256("getL1FeeUpperBound(uint256)")[..4], &bytes].concat().into(),
        ..CallRequest::default()
    };
    Ok(match client.call(&request).await? {
        CallOutcome::Success(answer) if answer.len() == 32 => {
            u128::try_from(U256::from_be_slice(&answer)).ok()
        }
        _ => None,
    })
}

/// The most that a unit of gas may cost in a public action: more than the deposit pays for is never bid.
pub(crate) fn kept_stake(key: ActionKey, loaded: &Loaded) -> Option<u128> {
    use bmn_swap::KeeperAction::{CancelSource, WithdrawDestination, WithdrawSource};
    let (action, bound) = match key.action {
        Action::PublicWithdrawDestination => {
            (WithdrawDestination, &loaded.state.plan.as_ref()?.immutables)
        }
        Action::PublicWithdrawSource => (WithdrawSource, loaded.source.as_ref()?.immutables()?),
        Action::PublicCancelSource => (CancelSource, loaded.source.as_ref()?.immutables()?),
        _ => return None,
    };
    let gas = U256::from(action.gas(loaded.order.dialect));
    u128::try_from(bound.safety_deposit / gas).ok()
}
