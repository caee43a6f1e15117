//! The creation of a destination: what it holds, when it ends, and what may be allowed for it.

use super::{GateError, Judge, Proposal, exactly, same};
use alloy::primitives::{Address, B256, U256};
use bmn_contracts::calldata;
use bmn_primitives::{Dialect, Immutables, Stage, Timelocks};
use bmn_swap::{Action, DIRECT_CLOCK_TOLERANCE, DestinationPlan, OrderTimes, writes_creation_time};

/// An allowance that a call would grant.
pub(super) struct Grant {
    pub(super) spender: Address,
    pub(super) amount: U256,
}

/// Whether a factory takes an allowance only for the limit-order contract. At every other one anybody can
/// name whose allowance is taken, and into whose escrow (`protocol.md` 11.13).
const fn guards_allowances(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Bmn4 | Dialect::OneInch1 | Dialect::OneInch2)
}

impl Judge<'_> {
    pub(super) fn funding(
        &self,
        tx: &Proposal<'_>,
        immutables: &Immutables,
        claimed: Option<U256>,
    ) -> Result<(), GateError> {
        let plan = self.plan.ok_or(GateError::Missing("the destination plan"))?;
        same(plan.chain == self.key.chain, "chain")?;
        let factory = Some(plan.factory);
        let listed = self
            .served()
            .any(|served| Some(served.address) == factory && served.dialect == self.order.dialect);
        if Some(tx.to) != factory || !listed {
            return Err(GateError::Target(tx.to));
        }
        same(*immutables == plan.immutables, "immutables")?;
        // The plan itself must be one for this order.
        same(immutables.hashlock == self.order.hashlock, "hashlock")?;
        same(self.is_ours(immutables.taker.masked()), "taker")?;
        same(immutables.maker.masked() == self.order.beneficiary, "maker")?;
        same(immutables.token.masked() == self.order.destination_token, "token")?;
        same(immutables.amount <= self.order.destination_amount, "amount")?;
        same(immutables.safety_deposit <= self.order.destination_deposit, "safetyDeposit")?;
        let native = immutables.token.is_zero();
        let coin = if native { immutables.amount } else { U256::ZERO };
        exactly(tx.value, immutables.safety_deposit.saturating_add(coin))?;
        let claimed = claimed.and_then(|time| u64::try_from(time).ok());
        let expected = calldata::create_dst_escrow(self.order.dialect, immutables, claimed);
        if expected[..] != *tx.data {
            return Err(self.wrong_call(tx));
        }
        self.ends_before_its_source(plan, claimed)
    }

    // M1, M2: whatever planned it, what we lock ends while the source that it answers is still ours.
    fn ends_before_its_source(
        &self,
        plan: &DestinationPlan,
        claimed: Option<u64>,
    ) -> Result<(), GateError> {
        let leg = self.source.ok_or(GateError::Missing("the source escrow"))?;
        let source = leg.immutables();
        let source = source.ok_or(GateError::Missing("what the source escrow is bound to"))?;
        same(plan.source == leg.swap, "source")?;
        same(source.hashlock == self.order.hashlock, "hashlock")?;
        same(plan.immutables.order_hash == source.order_hash, "orderHash")?;
        let (locks, planned) = (source.timelocks, plan.immutables.timelocks);
        let source_ends = locks.at(Stage::SrcCancellation);
        if writes_creation_time(self.order.dialect) {
            let offsets = |locks: Timelocks| locks.with_deployed_at(0);
            same(self.order.times == OrderTimes::Offsets(offsets(locks)), "timelocks")?;
            same(offsets(planned) == offsets(locks), "timelocks")?;
            // The factory holds the new escrow to what is claimed here, whatever the source says.
            let claimed = claimed.ok_or(GateError::Argument("srcCancellationTimestamp"))?;
            return same(claimed < source_ends, "srcCancellationTimestamp");
        }
        let times = Some((source_ends, locks.at(Stage::DstWithdrawal)));
        same(self.order.times.absolute() == times, "timelocks")?;
        let deployed_at = planned.deployed_at();
        // Dated back, the rescue of what is the maker's would open early.
        let earliest = leg.created.block.time.saturating_sub(DIRECT_CLOCK_TOLERANCE);
        same(deployed_at >= earliest, "deployedAt")?;
        let opens = |stage| locks.at(stage).max(deployed_at) == planned.at(stage);
        same(opens(Stage::DstWithdrawal), "dstWithdrawal")?;
        same(opens(Stage::DstPublicWithdrawal), "dstPublicWithdrawal")?;
        let ends = planned.at(Stage::DstCancellation);
        let in_order = planned.at(Stage::DstWithdrawal) < ends && ends < source_ends;
        same(in_order, "dstCancellation")
    }

    /// Exact or less, and only to whom the rules name; taking one back is always right.
    pub(super) fn approval(&self, tx: &Proposal<'_>) -> Result<(), GateError> {
        let Grant { spender, amount } = self.grant(tx)?;
        let mut open = self.served().filter(|it| !guards_allowances(it.dialect));
        // Our contract grants one and has it used up in the same call; a key cannot.
        if !amount.is_zero() && open.any(|it| it.address == spender) {
            return Err(GateError::StandingAllowance(spender));
        }
        Ok(())
    }

    /// The allowance of a call that passes but for how long it would stand.
    pub(super) fn grant(&self, tx: &Proposal<'_>) -> Result<Grant, GateError> {
        exactly(tx.value, U256::ZERO)?;
        let word = |at: usize| tx.data.get(4 + 32 * at..36 + 32 * at).map(B256::from_slice);
        let (Some(spender), Some(amount), 68) = (word(0), word(1), tx.data.len()) else {
            return Err(self.wrong_call(tx));
        };
        let amount = U256::from_be_bytes(amount.0);
        let (token, spenders, most) = match self.key.action {
            Action::FundDestination => {
                let plan = self.plan.ok_or(GateError::Missing("the destination plan"))?;
                let spender = self.served().find(|factory| factory.address == plan.factory);
                let spenders = spender.map(|factory| factory.address);
                let token = plan.immutables.token.masked();
                (token, [spenders, None], plan.immutables.amount.min(self.order.destination_amount))
            }
            Action::Fill => {
                let served = self.served().find(|it| it.address == self.order.factory);
                let spenders = served.map(|it| [Some(it.address), Some(it.limit_order_protocol)]);
                let (token, most) = (self.order.source_token, self.order.source_amount);
                (token, spenders.unwrap_or_default(), most)
            }
            _ => return Err(self.wrong_call(tx)),
        };
        if tx.to != token || token.is_zero() {
            return Err(GateError::Target(tx.to));
        }
        let known = spenders.into_iter().flatten().find(|it| it.into_word() == spender);
        let spender = known.ok_or(GateError::Argument("spender"))?;
        if amount > most {
            return Err(GateError::Approval { amount, most });
        }
        Ok(Grant { spender, amount })
    }

    /// True for what an order can leave on our contract: the coin, and its tokens of this chain.
    pub(super) fn may_be_swept(&self, token: Address) -> bool {
        let chain = self.key.chain;
        let at_source = self.order.id.chain == chain && self.order.source_token == token;
        let at_destination =
            self.order.destination_chain == chain && self.order.destination_token == token;
        token.is_zero() || at_source || at_destination
    }
}
