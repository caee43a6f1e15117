//! What may be signed at all: the last look at a transaction, by its bytes alone, whoever asked for it.
//!
//! The gate trusts nothing that built the call. It decodes the calldata and compares it with the rules
//! (the limit-order contracts and factories that are served) and with the rows of the order (its
//! escrows, their immutables, the destination plan). What it does not know is refused.

mod funding;
mod through;

use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::{
    Call, LimitOrder, OrderSignature, TakerTraits, calldata, decode_calldata, order_domain,
};
use bmn_primitives::{ChainId, Immutables, Secret};
use bmn_swap::{Action, ActionKey, DestinationPlan, FactoryTerms, Order, Origin, Route, SourceLeg};

/// A transaction that is to be signed: what matters of it.
#[derive(Clone, Copy)]
pub struct Proposal<'a> {
    /// Acting chain.
    pub chain: ChainId,
    /// Target.
    pub to: Address,
    /// Coin it carries, wei.
    pub value: U256,
    /// Calldata.
    pub data: &'a [u8],
}

// The calldata of a withdrawal holds the secret.
impl std::fmt::Debug for Proposal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proposal").field("to", &self.to).field("value", &self.value).finish()
    }
}

/// What the transaction is for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// Nothing but to use a nonce up.
    Filler,
    /// An action for an order, with the order's rows.
    Action {
        /// The action.
        key: ActionKey,
        /// The order.
        order: &'a Order,
        /// Its source escrow.
        source: Option<&'a SourceLeg>,
        /// Its destination, planned or created.
        plan: Option<&'a DestinationPlan>,
    },
}

/// What a proposal is judged by.
#[derive(Debug, Clone, Copy)]
pub struct GateContext<'a> {
    /// Our account, which owns the resolver contract.
    pub us: Address,
    /// Our resolver contract on the acting chain, where there is one.
    pub contract: Option<Address>,
    /// The acting chain as the rules have it.
    pub route: Option<&'a Route>,
    /// What the transaction is for.
    pub purpose: Purpose<'a>,
}

/// Why a transaction is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// The acting chain is another one than the action's.
    #[error("it is for chain {found}, the action is on chain {expected}")]
    Chain {
        /// Chain of the transaction.
        found: ChainId,
        /// Chain of the action.
        expected: ChainId,
    },
    /// The target is none that the rules or the order's rows name for this action.
    #[error("the target {0} is not on the list for this action")]
    Target(Address),
    /// The call is none that this action makes.
    #[error("the call {selector} is not what {action} sends")]
    Selector {
        /// First four bytes of the calldata, fewer when there are none.
        selector: Bytes,
        /// What the transaction is for.
        action: &'static str,
    },
    /// A public cancel of an escrow of ours opens it to whoever sees it; none is ever signed.
    #[error("it is a public cancel, which is never signed for an escrow of ours")]
    PublicCancel,
    /// It carries another value than the action needs.
    #[error("it carries {found} wei, the action needs {expected}")]
    Value {
        /// Value of the transaction.
        found: U256,
        /// What the action needs.
        expected: U256,
    },
    /// An argument differs from the order's rows.
    #[error("`{0}` differs from what is stored of the order")]
    Argument(&'static str),
    /// An approval of more than the action spends.
    #[error("it approves {amount}, the action spends {most}")]
    Approval {
        /// What it approves.
        amount: U256,
        /// What the action spends.
        most: U256,
    },
    /// An allowance that stands until somebody uses it, at a factory where anybody can.
    #[error("it leaves {0} an allowance, which anybody can take there")]
    StandingAllowance(Address),
    /// An allowance that no later call of the same transaction uses up.
    #[error("it leaves {0} an allowance that nothing after it uses up")]
    UnusedAllowance(Address),
    /// A token that is none of the order's, or more of them than it has.
    #[error("it sweeps {0}, which is none of the order's tokens on this chain")]
    Sweep(Address),
    /// What the action rests on is not stored.
    #[error("{0} is not stored, so nothing can be compared with it")]
    Missing(&'static str),
    /// A call to our resolver contract that holds no calls, too many, or such a call again.
    #[error("what our resolver contract is asked to do is not understood")]
    Inner,
}

/// `approve(address,uint256)`.
const APPROVE: [u8; 4] = [0x09, 0x5e, 0xa7, 0xb3];

/// Judges a transaction before it is signed.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn allow(tx: &Proposal<'_>, context: &GateContext<'_>) -> Result<(), GateError> {
    let (key, judge) = match context.purpose {
        Purpose::Filler => return allow_filler(tx, context.us),
        Purpose::Action { key, order, source, plan } => {
            (key, Judge { context, key, order, source, plan })
        }
    };
    if tx.chain != key.chain {
        return Err(GateError::Chain { found: tx.chain, expected: key.chain });
    }
    match context.contract {
        // What is kept for strangers goes straight to their escrow.
        Some(contract) if contract == tx.to && key.action.is_keeper() => {
            Err(GateError::Target(tx.to))
        }
        Some(contract) if contract == tx.to => judge.through_contract(tx, contract),
        _ => judge.call(tx),
    }
}

fn allow_filler(tx: &Proposal<'_>, us: Address) -> Result<(), GateError> {
    if tx.to != us {
        return Err(GateError::Target(tx.to));
    }
    if !tx.data.is_empty() {
        return Err(GateError::Selector { selector: selector(tx.data), action: "a filler" });
    }
    exactly(tx.value, U256::ZERO)
}

fn exactly(found: U256, expected: U256) -> Result<(), GateError> {
    if found == expected { Ok(()) } else { Err(GateError::Value { found, expected }) }
}

fn same(equal: bool, field: &'static str) -> Result<(), GateError> {
    if equal { Ok(()) } else { Err(GateError::Argument(field)) }
}

fn selector(data: &[u8]) -> Bytes {
    Bytes::copy_from_slice(data.get(..4).unwrap_or(data))
}

/// One call for one action.
struct Judge<'a> {
    context: &'a GateContext<'a>,
    key: ActionKey,
    order: &'a Order,
    source: Option<&'a SourceLeg>,
    plan: Option<&'a DestinationPlan>,
}

impl<'a> Judge<'a> {
    fn call(&self, tx: &Proposal<'_>) -> Result<(), GateError> {
        if tx.data.get(..4) == Some(&APPROVE[..]) {
            return self.approval(tx);
        }
        let call = decode_calldata(tx.data).map_err(|_| self.wrong_call(tx))?;
        match (self.key.action, call) {
            (Action::Fill, Call::FillOrder { order, signature, amount, taker_traits, args }) => {
                self.fill(tx, &order, &signature, (amount, taker_traits), &args)
            }
            (
                Action::FundDestination,
                Call::CreateDestination { immutables, src_cancellation_timestamp },
            ) => self.funding(tx, &immutables, src_cancellation_timestamp),
            (
                Action::WithdrawSource | Action::WithdrawDestination,
                Call::Withdraw { secret, immutables, .. },
            ) => self.withdrawal(tx, &secret, &immutables),
            (
                Action::PublicWithdrawSource | Action::PublicWithdrawDestination,
                Call::Withdraw { secret, immutables, .. },
            ) => {
                same(secret.hashlock() == self.order.hashlock, "secret")?;
                self.exact_at_stranger(tx, &immutables, |bound| {
                    Ok(calldata::public_withdraw(self.dialect()?, &secret, bound))
                })
            }
            (Action::PublicCancelSource, Call::Cancel { immutables, .. }) => {
                let bound = self.escrow()?.1;
                // Whoever asks for it: one of ours is never opened.
                if self.is_ours(bound.taker.masked()) || self.is_ours(immutables.taker.masked()) {
                    return Err(GateError::PublicCancel);
                }
                self.exact_at_stranger(tx, &immutables, |bound| {
                    Ok(calldata::public_cancel(self.dialect()?, bound))
                })
            }
            (action, Call::Cancel { immutables, .. }) => {
                // Before anything else: whatever asked for it, a public cancel must be named as one.
                let private = calldata::cancel(self.dialect()?, &immutables);
                if private[..4] != tx.data[..4] {
                    return Err(GateError::PublicCancel);
                }
                match action {
                    Action::CancelSource | Action::CancelDestination => {
                        self.exact_at_escrow(tx, &immutables, |bound| {
                            Ok(calldata::cancel(self.dialect()?, bound))
                        })
                    }
                    _ => Err(self.wrong_call(tx)),
                }
            }
            (Action::RescueSource, Call::Rescue { token, immutables, .. }) => {
                // Escrows send what is rescued to their taker, and the taker is one of ours.
                self.exact_at_escrow(tx, &immutables, |bound| {
                    let held = bound.token.masked();
                    let coin = token.is_zero() && !held.is_zero();
                    let amount = if coin { bound.safety_deposit } else { bound.amount };
                    let token = if coin { token } else { held };
                    Ok(calldata::rescue_funds(self.dialect()?, token, amount, bound))
                })
            }
            _ => Err(self.wrong_call(tx)),
        }
    }

    fn wrong_call(&self, tx: &Proposal<'_>) -> GateError {
        GateError::Selector { selector: selector(tx.data), action: self.key.action.name() }
    }

    fn served(&self) -> impl Iterator<Item = &'a FactoryTerms> {
        let factories = self.context.route.map_or(&[][..], |route| &route.factories[..]);
        factories.iter().filter(|factory| factory.index_only_reason().is_none())
    }

    fn is_ours(&self, taker: Address) -> bool {
        taker == self.context.us || self.context.contract == Some(taker)
    }

    fn at_source(&self) -> bool {
        matches!(
            self.key.action,
            Action::WithdrawSource
                | Action::CancelSource
                | Action::RescueSource
                | Action::PublicWithdrawSource
                | Action::PublicCancelSource
        )
    }

    fn dialect(&self) -> Result<bmn_primitives::Dialect, GateError> {
        if self.at_source() {
            return Ok(self.source.ok_or(GateError::Missing("the source escrow"))?.dialect);
        }
        Ok(self.order.dialect)
    }

    /// The escrow that the action touches and what it is bound to, from the order's own rows.
    fn escrow(&self) -> Result<(Address, &'a Immutables), GateError> {
        if self.at_source() {
            let leg = self.source.ok_or(GateError::Missing("the source escrow"))?;
            let bound = leg.immutables();
            let bound = bound.ok_or(GateError::Missing("what the source escrow is bound to"))?;
            same(leg.swap.chain == self.key.chain, "chain")?;
            return Ok((leg.swap.escrow, bound));
        }
        let plan = self.plan.ok_or(GateError::Missing("the destination plan"))?;
        same(plan.chain == self.key.chain, "chain")?;
        let escrow = plan.escrow.ok_or(GateError::Missing("the destination escrow"))?;
        Ok((escrow, &plan.immutables))
    }

    /// A call to the action's escrow, with its own immutables, byte for byte as `expected` makes it.
    fn exact_at_escrow(
        &self,
        tx: &Proposal<'_>,
        stated: &Immutables,
        expected: impl FnOnce(&Immutables) -> Result<Bytes, GateError>,
    ) -> Result<(), GateError> {
        let (escrow, bound) = self.escrow()?;
        if tx.to != escrow {
            return Err(GateError::Target(tx.to));
        }
        exactly(tx.value, U256::ZERO)?;
        same(self.key.escrow == escrow, "escrow")?;
        same(self.is_ours(bound.taker.masked()), "taker")?;
        same(stated == bound, "immutables")?;
        if expected(bound)?[..] == *tx.data { Ok(()) } else { Err(self.wrong_call(tx)) }
    }

    /// The same at an escrow that is none of ours, for a row of the keeper's.
    fn exact_at_stranger(
        &self,
        tx: &Proposal<'_>,
        stated: &Immutables,
        expected: impl FnOnce(&Immutables) -> Result<Bytes, GateError>,
    ) -> Result<(), GateError> {
        let (escrow, bound) = self.escrow()?;
        if tx.to != escrow {
            return Err(GateError::Target(tx.to));
        }
        exactly(tx.value, U256::ZERO)?;
        same(self.order.origin == Origin::Watched, "origin")?;
        same(self.key.escrow == escrow, "escrow")?;
        same(!self.is_ours(bound.taker.masked()), "taker")?;
        same(bound.hashlock == self.order.hashlock, "hashlock")?;
        same(stated == bound, "immutables")?;
        if expected(bound)?[..] == *tx.data { Ok(()) } else { Err(self.wrong_call(tx)) }
    }

    fn withdrawal(
        &self,
        tx: &Proposal<'_>,
        secret: &Secret,
        immutables: &Immutables,
    ) -> Result<(), GateError> {
        same(secret.hashlock() == self.order.hashlock, "secret")?;
        // Without a receiver: a source pays its taker, a destination its maker.
        self.exact_at_escrow(tx, immutables, |bound| {
            Ok(calldata::withdraw(self.dialect()?, secret, bound))
        })
    }

    fn fill(
        &self,
        tx: &Proposal<'_>,
        order: &LimitOrder,
        signature: &OrderSignature,
        (amount, traits): (U256, TakerTraits),
        args: &[u8],
    ) -> Result<(), GateError> {
        let contract = self.order.id.contract;
        let listed = self.served().any(|factory| {
            factory.limit_order_protocol == contract && factory.address == self.order.factory
        });
        if tx.to != contract || !listed {
            return Err(GateError::Target(tx.to));
        }
        exactly(tx.value, U256::ZERO)?;
        let Origin::Submitted(signed) = &self.order.origin else {
            return Err(GateError::Missing("a signed order"));
        };
        let domain = order_domain(self.order.dialect, self.key.chain, contract);
        same(order.hash(&domain) == self.order.id.hash, "order")?;
        same(*signature == signed.signature, "signature")?;
        same(traits.is_maker_amount() && amount == self.order.source_amount, "amount")?;
        same(amount <= order.making_amount, "amount")?;
        // A target would send the maker's tokens past us; an interaction would call a stranger.
        same(!traits.has_target() && traits.interaction_length() == 0, "takerTraits")?;
        let most = TakerTraits::default().with_threshold(order.taking_amount).threshold();
        let threshold = traits.threshold();
        // A part is paid for with a part.
        let whole = amount == order.making_amount;
        let fits = threshold == most || (!whole && threshold < most && !threshold.is_zero());
        same(fits, "threshold")?;
        same(
            *args == signed.extension[..] && traits.extension_length() == args.len(),
            "extension",
        )?;
        // No option beside those: permits and unwrapping are none of ours.
        same(traits == TakerTraits::bmn_fill(args.len(), threshold), "takerTraits")?;
        let extension = signed.extension.clone();
        let expected = calldata::fill_order_args(order, signature, amount, traits, extension);
        if expected[..] == *tx.data { Ok(()) } else { Err(self.wrong_call(tx)) }
    }
}
