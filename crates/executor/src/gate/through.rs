//! Calls to our resolver contract: signed only when every call inside would be signed alone.

use super::{APPROVE, GateError, Judge, Proposal, exactly, funding::Grant, same};
use alloy::primitives::{Address, U256};
use bmn_contracts::{
    Call, InnerCall, ResolverFill, SecretTree, TakerTraits, calldata, decode_calldata, order_domain,
};
use bmn_primitives::Immutables;
use bmn_swap::{Action, OrderTimes, Origin, SignedOrder};

/// Most calls in one call of our resolver contract; the longest path needs a handful.
const MOST_INNER: usize = 16;

impl Judge<'_> {
    pub(super) fn through_contract(
        &self,
        tx: &Proposal<'_>,
        contract: Address,
    ) -> Result<(), GateError> {
        match decode_calldata(tx.data) {
            Ok(Call::ResolverRun { calls, sweep }) => {
                self.inner_calls(tx, contract, &calls)?;
                self.swept(&sweep)?;
                let expected = calldata::resolver_run(&calls, &sweep);
                same(expected[..] == *tx.data, "encoding")
            }
            Ok(Call::ResolverFill(fill)) => self.fill_at_escrow(tx, contract, &fill),
            _ => Err(GateError::Inner),
        }
    }

    fn inner_calls(
        &self,
        tx: &Proposal<'_>,
        contract: Address,
        calls: &[InnerCall],
    ) -> Result<(), GateError> {
        if calls.is_empty() || calls.len() > MOST_INNER {
            return Err(GateError::Inner);
        }
        let mut value = U256::ZERO;
        for (place, call) in calls.iter().enumerate() {
            if call.to == contract {
                return Err(GateError::Inner);
            }
            let inner = Proposal { to: call.to, value: call.value, data: &call.data, ..*tx };
            match decode_calldata(&call.data) {
                Ok(Call::TransferFrom { from, to, amount }) => {
                    self.taken_from_us(&inner, contract, (from, to, amount))?;
                }
                _ if call.data.starts_with(&APPROVE) => {
                    self.used_up(&inner, calls.get(place + 1..).unwrap_or_default())?;
                }
                _ => self.call(&inner)?,
            }
            value = value.saturating_add(call.value);
        }
        exactly(tx.value, value)
    }

    // What is swept goes to the contract's owner, and each is asked for its balance: no stranger's code is
    // called for that.
    fn swept(&self, sweep: &[Address]) -> Result<(), GateError> {
        for (place, token) in sweep.iter().enumerate() {
            if !self.may_be_swept(*token) || sweep[..place].contains(token) {
                return Err(GateError::Sweep(*token));
            }
        }
        Ok(())
    }

    // The allowance is the exact amount that the fill or the creation after it takes, so that none is left
    // when the transaction ends.
    fn used_up(&self, tx: &Proposal<'_>, later: &[InnerCall]) -> Result<(), GateError> {
        let Grant { spender, amount } = self.grant(tx)?;
        let takes = |call: &InnerCall| match decode_calldata(&call.data) {
            Ok(Call::FillOrder { .. }) => spender == self.order.factory,
            Ok(Call::CreateDestination { .. }) => spender == call.to,
            _ => false,
        };
        if amount.is_zero() || later.iter().any(takes) {
            return Ok(());
        }
        Err(GateError::UnusedAllowance(spender))
    }

    // The inventory lies with the owner; the contract takes what it is about to lock, and no more.
    fn taken_from_us(
        &self,
        tx: &Proposal<'_>,
        contract: Address,
        (from, to, amount): (Address, Address, U256),
    ) -> Result<(), GateError> {
        if self.key.action != Action::FundDestination {
            return Err(self.wrong_call(tx));
        }
        let plan = self.plan.ok_or(GateError::Missing("the destination plan"))?;
        let token = plan.immutables.token.masked();
        if token.is_zero() || tx.to != token {
            return Err(GateError::Target(tx.to));
        }
        exactly(tx.value, U256::ZERO)?;
        same(from == self.context.us, "from")?;
        same(to == contract, "to")?;
        same(amount == plan.immutables.amount, "amount")?;
        let expected = calldata::transfer_from(from, to, amount);
        if expected[..] == *tx.data { Ok(()) } else { Err(self.wrong_call(tx)) }
    }

    /// A fill whose source escrow is computed, paid its deposit and filled in one transaction.
    fn fill_at_escrow(
        &self,
        tx: &Proposal<'_>,
        contract: Address,
        fill: &ResolverFill,
    ) -> Result<(), GateError> {
        if self.key.action != Action::Fill {
            return Err(self.wrong_call(tx));
        }
        let order = self.order;
        let listed = self.served().any(|factory| {
            factory.limit_order_protocol == order.id.contract && factory.address == order.factory
        });
        if !listed || fill.factory != order.factory {
            return Err(GateError::Target(fill.factory));
        }
        if fill.limit_order_protocol != order.id.contract {
            return Err(GateError::Target(fill.limit_order_protocol));
        }
        exactly(tx.value, order.source_deposit)?;
        let Origin::Submitted(signed) = &order.origin else {
            return Err(GateError::Missing("a signed order"));
        };
        let domain = order_domain(order.dialect, self.key.chain, order.id.contract);
        same(fill.order.hash(&domain) == order.id.hash, "order")?;
        same(fill.signature == signed.signature, "signature")?;
        same(fill.amount == order.source_amount, "amount")?;
        same(fill.amount <= fill.order.making_amount, "amount")?;
        self.source_of_fill(contract, &fill.immutables)?;
        self.options_of_fill(fill, signed)?;
        let expected = calldata::resolver_fill(order.dialect, fill);
        if expected[..] == *tx.data { Ok(()) } else { Err(self.wrong_call(tx)) }
    }

    fn source_of_fill(&self, contract: Address, source: &Immutables) -> Result<(), GateError> {
        let order = self.order;
        let OrderTimes::Offsets(offsets) = order.times else {
            return Err(GateError::Argument("timelocks"));
        };
        same(source.order_hash == order.id.hash, "orderHash")?;
        same(source.hashlock == order.hashlock, "hashlock")?;
        same(source.maker == order.maker.into(), "maker")?;
        same(source.taker == contract.into(), "taker")?;
        same(source.token == order.source_token.into(), "token")?;
        same(source.amount == order.source_amount, "amount")?;
        same(source.safety_deposit == order.source_deposit, "safetyDeposit")?;
        same(source.timelocks == offsets, "timelocks")?;
        same(source.parameters.is_empty(), "parameters")
    }

    // Extension, then what proves the secret of a part; no option beside those of such a fill.
    fn options_of_fill(&self, fill: &ResolverFill, signed: &SignedOrder) -> Result<(), GateError> {
        let order = self.order;
        let interaction = fill.args.strip_prefix(&signed.extension[..]);
        let interaction = interaction.ok_or(GateError::Argument("extension"))?;
        if signed.secret_hashes.is_empty() {
            same(interaction.is_empty(), "interaction")?;
        } else {
            let leaf = order.id.leaf;
            let tree = SecretTree::new(&signed.secret_hashes).ok();
            let proof = tree.and_then(|tree| tree.proof(usize::from(leaf)).ok());
            let proof = proof.ok_or(GateError::Missing("the proof of its secret"))?;
            let proved =
                calldata::secret_proof(order.factory, &proof, u64::from(leaf), order.hashlock);
            same(proved[..] == *interaction, "interaction")?;
        }
        // Never more than what the destination is to hold.
        let most = order.destination_amount;
        let options = TakerTraits::one_inch_fill(signed.extension.len(), interaction.len(), most);
        same(fill.taker_traits == options, "takerTraits")
    }
}
