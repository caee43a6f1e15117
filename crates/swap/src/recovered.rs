//! What the chain alone says of an order of ours: for when no stored row does.
//!
//! Nothing that comes out of here is ever filled or funded: it is brought to its end.

use crate::{
    Attempt, Decision, DestinationLeg, DestinationPlan, Evidence, FactoryTerms, Order, OrderTimes,
    Origin, Refusal, Route, SecretKnowledge, SignedOrder, SourceLeg,
    admit::{Terms, read_submitted},
    named::stated_terms,
    plan::answering,
    writes_creation_time,
};
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::{Call, decode_calldata};
use bmn_primitives::{
    AddressWord, ChainId, Dialect, Immutables, OrderHash, OrderId, Stage, SwapId,
};

/// Gas of a cancel through our contract, generously.
const CANCEL_GAS: u64 = 200_000;

/// A stranger's escrow must bring this many times the gas that its cancel costs.
const WORTH_TIMES: u128 = 4;

/// Most calls inside one call of our contract that are looked at.
const MOST_INNER: usize = 16;

/// The facts that a recovered order starts with: never filled again, and a funding that we forgot may
/// still be under way.
pub const RECOVERED: Evidence = Evidence {
    secret: SecretKnowledge::Unknown,
    fill: Attempt::Closed,
    funding: Attempt::Live,
    cancel_impossible: false,
};

/// True while a destination of ours may stand, or be under way, that the order does not know: a funding
/// of our own always comes with its plan. Nothing is funded and no source given back before it is
/// settled.
pub fn is_in_doubt(evidence: &Evidence, plan: Option<&DestinationPlan>) -> bool {
    evidence.funding == Attempt::Live && plan.is_none()
}

/// The order behind a source escrow that a fill of ours made, where its factory states what it is bound
/// to. `leaf` only tells fills of one order apart.
pub fn read_filled(leg: &SourceLeg, leaf: u16) -> Option<Order> {
    let (immutables, complement) = leg.stated()?;
    let fill = leg.fill?;
    let chain = u64::try_from(complement.chain_id).ok()?;
    Some(Order {
        id: OrderId {
            chain: leg.swap.chain,
            contract: fill.contract,
            hash: immutables.order_hash,
            leaf,
        },
        origin: Origin::Recovered(None),
        dialect: leg.dialect,
        factory: leg.factory,
        hashlock: immutables.hashlock,
        maker: immutables.maker.masked(),
        beneficiary: complement.maker.masked(),
        source_token: immutables.token.masked(),
        source_amount: immutables.amount,
        source_deposit: immutables.safety_deposit,
        destination_chain: ChainId(chain),
        destination_token: complement.token.masked(),
        destination_amount: complement.amount,
        destination_deposit: complement.safety_deposit,
        times: times(leg.dialect, immutables),
        seen_at: leg.created.block,
        decision: Decision::Accepted,
    })
}

fn times(dialect: Dialect, immutables: &Immutables) -> OrderTimes {
    let locks = immutables.timelocks;
    if dialect.has_absolute_times() {
        OrderTimes::Absolute {
            src_cancellation: locks.at(Stage::SrcCancellation),
            dst_withdrawal: locks.at(Stage::DstWithdrawal),
        }
    } else {
        OrderTimes::Offsets(locks.with_deployed_at(0))
    }
}

/// The order behind a source escrow that its factory only named, from the calldata of the transaction that
/// filled it: believed when it hashes to the order hash of the fill, and gives the escrow's address.
pub fn read_named(leg: &SourceLeg, input: &[u8], leaf: u16, terms: &Terms<'_>) -> Option<Order> {
    let factory = terms.route(leg.swap.chain)?.factory(leg.factory)?;
    calls_in(input).into_iter().find_map(|call| {
        let signed = signed_order(call)?;
        let draft = read_submitted(&signed, leg.swap.chain, leg.created.block, terms).ok()?;
        let mut order = draft.order().clone();
        order.origin = Origin::Recovered(Some(Box::new(signed)));
        stated_terms(&order, leg, factory)?;
        order.source_amount = leg.amount()?;
        order.id.leaf = leaf;
        Some(order)
    })
}

fn signed_order(call: Call) -> Option<SignedOrder> {
    let extension = Bytes::copy_from_slice(call.extension()?);
    let Call::FillOrder { order, signature, .. } = call else { return None };
    Some(SignedOrder { order, extension, signature, secret_hashes: Vec::new() })
}

/// Immutables of the destinations that a transaction created: called by the signer, or inside `run` of
/// our contract.
pub fn created_in(input: &[u8]) -> Vec<Immutables> {
    let created = |call| match call {
        Call::CreateDestination { immutables, .. } => Some(immutables),
        _ => None,
    };
    calls_in(input).into_iter().filter_map(created).collect()
}

fn calls_in(input: &[u8]) -> Vec<Call> {
    match decode_calldata(input) {
        Ok(Call::ResolverRun { calls, .. }) => {
            let inner = calls.iter().take(MOST_INNER);
            inner.filter_map(|call| decode_calldata(&call.data).ok()).collect()
        }
        Ok(call) => vec![call],
        Err(_) => Vec::new(),
    }
}

/// What the destination that answers `source` is bound to, where it follows from the source alone: its
/// factory writes the time of its block into it.
pub fn stated_destination(source: &SourceLeg, taker: Address) -> Option<Immutables> {
    let (bound, complement) = source.stated()?;
    let timelocks = bound.timelocks.with_deployed_at(0);
    writes_creation_time(source.dialect).then(|| answering(bound, complement, taker, timelocks))
}

/// The plan of which `leg` is the escrow, if these immutables are what it is bound to and it answers
/// `source`: the same order and secret, the maker paid what he is owed, and over before the source.
pub fn recovered_plan(
    source: &SourceLeg,
    leg: &DestinationLeg,
    immutables: &Immutables,
    factory: &FactoryTerms,
) -> Option<DestinationPlan> {
    let (bound, complement) = source.stated()?;
    let plan = plan_of(source.swap, leg, immutables, factory)?;
    let own = &plan.immutables;
    let answers = own.order_hash == bound.order_hash
        && own.hashlock == bound.hashlock
        && own.maker == complement.maker
        && own.token == complement.token
        && own.amount == complement.amount
        && own.taker == AddressWord::from(leg.taker)
        && complement.chain_id == U256::from(leg.chain.0)
        && own.timelocks.at(Stage::DstCancellation) <= bound.timelocks.at(Stage::SrcCancellation);
    answers.then_some(plan)
}

fn plan_of(
    source: SwapId,
    leg: &DestinationLeg,
    immutables: &Immutables,
    factory: &FactoryTerms,
) -> Option<DestinationPlan> {
    let plan = DestinationPlan {
        chain: leg.chain,
        factory: leg.factory,
        source,
        immutables: immutables.clone(),
        escrow: None,
    };
    plan.bound_to(leg, factory)
}

/// A destination escrow whose taker is ours and that answers no order, as an order of its own with its
/// plan: it is cancelled in its window. It repeats nobody's order hash and counts for no hashlock, so
/// whoever made it keeps no order out.
pub fn read_orphan(
    leg: &DestinationLeg,
    immutables: &Immutables,
    factory: &FactoryTerms,
) -> Option<(Order, DestinationPlan)> {
    let swap = SwapId { chain: leg.chain, escrow: leg.escrow };
    let plan = plan_of(swap, leg, immutables, factory)?;
    let own = &plan.immutables;
    let order = Order {
        id: OrderId {
            chain: leg.chain,
            contract: leg.escrow,
            hash: OrderHash(B256::left_padding_from(leg.escrow.as_slice())),
            leaf: 0,
        },
        origin: Origin::Recovered(None),
        dialect: leg.dialect,
        factory: leg.factory,
        hashlock: own.hashlock,
        maker: own.maker.masked(),
        beneficiary: own.maker.masked(),
        source_token: own.token.masked(),
        source_amount: own.amount,
        source_deposit: U256::ZERO,
        destination_chain: leg.chain,
        destination_token: own.token.masked(),
        destination_amount: own.amount,
        destination_deposit: own.safety_deposit,
        times: times(leg.dialect, own),
        seen_at: leg.created.block,
        decision: Decision::Refused(vec![Refusal::Orphaned(leg.escrow)]),
    };
    Some((order, plan))
}

/// Whether a stranger's escrow that names us is worth its cancel: only known tokens with a price, only
/// several times the gas. What we made ourselves is taken back whatever it is worth.
pub fn is_orphan_worth(immutables: &Immutables, route: &Route, base_fee: u128) -> bool {
    let price = |address: Address| route.token(address).filter(|token| token.price.0 > 0);
    let (Some(token), Some(coin)) = (price(immutables.token.masked()), price(Address::ZERO)) else {
        return false;
    };
    let value = token.price.value(immutables.amount, token.decimals);
    let gas = U256::from(CANCEL_GAS).saturating_mul(U256::from(base_fee));
    let cost = coin.price.value_up(gas, coin.decimals);
    // The deposit does not count: nobody made sure that it is there.
    value > cost.saturating_mul(WORTH_TIMES)
}
