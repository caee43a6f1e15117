//! The contract call behind an action: a pure function of what is stored.
//!
//! Where our contract is the taker, every call goes through it, and whatever comes to it goes on to its
//! owner in the same transaction.

use crate::ExecutorError;
use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::{
    InnerCall, ResolverFill, SecretTree, TakerTraits,
    calldata::{self, resolver_fill, resolver_run, secret_proof, transfer_from},
};
use bmn_primitives::{AddressWord, ChainId, Immutables, Secret};
use bmn_queue::Loaded;
use bmn_swap::{
    Action, DestinationPlan, EscrowEnd, Order, OrderTimes, Origin, SignedOrder, SourceLeg, Terms,
    Timetable, timetable_at, writes_creation_time,
};

/// A call to send.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) to: Address,
    pub(crate) value: U256,
    pub(crate) data: Bytes,
}

/// The native coin among tokens.
const COIN: Address = Address::ZERO;

/// Builds the call of `action`. `secret` is needed to withdraw the destination alone; the source is
/// only ever withdrawn with the secret that the destination's withdrawal published (M10).
pub(crate) fn call_for(
    action: Action,
    loaded: &Loaded,
    plan: Option<&DestinationPlan>,
    secret: Option<&Secret>,
    terms: &Terms<'_>,
) -> Result<Call, ExecutorError> {
    let missing = |missing| ExecutorError::Incomplete { action, missing };
    let source = || loaded.source.as_ref().ok_or_else(|| missing("a source escrow"));
    let plan = || plan.ok_or_else(|| missing("a destination plan"));
    let bound = |source| bound_to(source).ok_or_else(|| missing("what the source is bound to"));
    let escrow = |plan: &DestinationPlan| {
        plan.escrow.ok_or_else(|| missing("a destination escrow: its plan is not bound to one"))
    };
    let dialect = loaded.order.dialect;
    let through = |chain| Taker::of(chain, loaded, terms).ok_or_else(|| missing("a taker of ours"));
    match action {
        Action::Fill => fill(&loaded.order, &through(loaded.order.id.chain)?),
        Action::FundDestination => {
            let plan = plan()?;
            let ends = destination_ends(loaded, terms)?;
            Ok(fund(&loaded.order, ends, plan, &through(plan.chain)?))
        }
        Action::WithdrawDestination => {
            let plan = plan()?;
            let secret = secret.ok_or_else(|| missing("the secret"))?;
            let data = calldata::withdraw(dialect, secret, &plan.immutables);
            Ok(through(plan.chain)?.call(escrow(plan)?, data, &[COIN]))
        }
        Action::WithdrawSource => {
            let source = source()?;
            let imm = bound(source)?;
            let secret = published(loaded).ok_or_else(|| missing("a published secret"))?;
            let data = calldata::withdraw(source.dialect, &secret, imm);
            Ok(through(source.swap.chain)?.call(
                source.swap.escrow,
                data,
                &[imm.token.masked(), COIN],
            ))
        }
        Action::CancelDestination => {
            let plan = plan()?;
            let data = calldata::cancel(dialect, &plan.immutables);
            let token = plan.immutables.token.masked();
            Ok(through(plan.chain)?.call(escrow(plan)?, data, &[token, COIN]))
        }
        Action::CancelSource => {
            let source = source()?;
            let data = calldata::cancel(source.dialect, bound(source)?);
            Ok(through(source.swap.chain)?.call(source.swap.escrow, data, &[COIN]))
        }
        Action::RescueSource => {
            let source = source()?;
            Ok(rescue(source, bound(source)?, &through(source.swap.chain)?))
        }
        // The signer himself: the deposit goes to whoever calls, and he holds the access token.
        Action::PublicWithdrawDestination => {
            let plan = plan()?;
            let secret = secret.ok_or_else(|| missing("the public secret"))?;
            let data = calldata::public_withdraw(dialect, secret, &plan.immutables);
            Ok(Taker::Signer.call(escrow(plan)?, data, &[]))
        }
        Action::PublicWithdrawSource => {
            let source = source()?;
            let secret = secret.ok_or_else(|| missing("the public secret"))?;
            let data = calldata::public_withdraw(source.dialect, secret, bound(source)?);
            Ok(Taker::Signer.call(source.swap.escrow, data, &[]))
        }
        Action::PublicCancelSource => {
            let source = source()?;
            let data = calldata::public_cancel(source.dialect, bound(source)?);
            Ok(Taker::Signer.call(source.swap.escrow, data, &[]))
        }
        Action::Permit => Err(missing("a transaction: a permission is only signed")),
    }
}

/// Who calls the protocol: the signer, or our contract for him.
enum Taker {
    Signer,
    Contract { contract: Address, owner: Address },
}

impl Taker {
    fn of(chain: ChainId, loaded: &Loaded, terms: &Terms<'_>) -> Option<Self> {
        let taker = terms.taker(chain, loaded.order.dialect)?;
        let owner = terms.us;
        Some(if taker == owner { Self::Signer } else { Self::Contract { contract: taker, owner } })
    }

    /// A call that brings us `sweep`, and costs nothing.
    fn call(&self, to: Address, data: Bytes, sweep: &[Address]) -> Call {
        match self {
            Self::Signer => Call { to, value: U256::ZERO, data },
            Self::Contract { contract, .. } => {
                run(*contract, vec![InnerCall::new(to, data)], sweep)
            }
        }
    }
}

/// Lets the contract make calls and give everything back. Its own coins pay nothing: what the calls send
/// along comes with the transaction.
fn run(contract: Address, calls: Vec<InnerCall>, sweep: &[Address]) -> Call {
    let value = calls.iter().fold(U256::ZERO, |sum, call| sum.saturating_add(call.value));
    let mut swept: Vec<Address> = Vec::with_capacity(sweep.len());
    for token in sweep {
        if !swept.contains(token) {
            swept.push(*token);
        }
    }
    Call { to: contract, value, data: resolver_run(&calls, &swept) }
}

const fn bound_to(source: &SourceLeg) -> Option<&Immutables> {
    source.immutables()
}

fn fill(order: &Order, taker: &Taker) -> Result<Call, ExecutorError> {
    let Origin::Submitted(signed) = &order.origin else {
        return Err(ExecutorError::Incomplete { action: Action::Fill, missing: "a signed order" });
    };
    match (taker, order.times) {
        (Taker::Contract { contract, .. }, OrderTimes::Offsets(offsets)) => {
            let immutables = Immutables {
                order_hash: order.id.hash,
                hashlock: order.hashlock,
                maker: signed.order.maker,
                taker: AddressWord::from(*contract),
                token: signed.order.maker_asset,
                amount: order.source_amount,
                safety_deposit: order.source_deposit,
                timelocks: offsets,
                parameters: Bytes::new(),
            };
            fill_at_escrow(order, signed, immutables, *contract)
        }
        (Taker::Contract { contract, .. }, OrderTimes::Absolute { .. }) => {
            // Anybody can have this factory take what it is allowed (`protocol.md` 11.13): the allowance
            // is made and used up in one transaction.
            let allow = calldata::approve(order.factory, order.source_amount);
            let calls = vec![
                InnerCall::new(order.source_token, allow),
                InnerCall::new(order.id.contract, plain_fill(signed)),
            ];
            Ok(run(*contract, calls, &[order.source_token, COIN]))
        }
        (Taker::Signer, _) => {
            Ok(Call { to: order.id.contract, value: U256::ZERO, data: plain_fill(signed) })
        }
    }
}

fn plain_fill(signed: &SignedOrder) -> Bytes {
    let traits = TakerTraits::bmn_fill(signed.extension.len(), signed.order.taking_amount);
    calldata::fill_order_args(
        &signed.order,
        &signed.signature,
        signed.order.making_amount,
        traits,
        signed.extension.clone(),
    )
}

/// A fill straight into the source escrow, whose deposit comes with the transaction.
fn fill_at_escrow(
    order: &Order,
    signed: &SignedOrder,
    immutables: Immutables,
    contract: Address,
) -> Result<Call, ExecutorError> {
    let interaction = interaction(order, signed)?;
    let (extension, taking) = (&signed.extension, order.destination_amount);
    let deposit = order.source_deposit;
    let fill = ResolverFill {
        immutables,
        factory: order.factory,
        limit_order_protocol: order.id.contract,
        order: signed.order.clone(),
        signature: signed.signature.clone(),
        amount: order.source_amount,
        taker_traits: TakerTraits::one_inch_fill(extension.len(), interaction.len(), taking),
        args: [&extension[..], &interaction[..]].concat().into(),
    };
    Ok(Call { to: contract, value: deposit, data: resolver_fill(order.dialect, &fill) })
}

/// What proves the secret of a part; nothing for an order that is filled at once.
fn interaction(order: &Order, signed: &SignedOrder) -> Result<Bytes, ExecutorError> {
    if signed.secret_hashes.is_empty() {
        return Ok(Bytes::new());
    }
    let leaf = order.id.leaf;
    let tree = SecretTree::new(&signed.secret_hashes).ok();
    let proof = tree.and_then(|tree| tree.proof(usize::from(leaf)).ok());
    let proof = proof.ok_or(ExecutorError::Incomplete {
        action: Action::Fill,
        missing: "a proof of its secret",
    })?;
    Ok(secret_proof(order.factory, &proof, u64::from(leaf), order.hashlock))
}

/// Where the destination's windows count from its creation: when they must end. The factory refuses what is
/// mined too late for it, which would leave less time for the source than the timetable asks for.
fn destination_ends(loaded: &Loaded, terms: &Terms<'_>) -> Result<Option<u64>, ExecutorError> {
    if !writes_creation_time(loaded.order.dialect) {
        return Ok(None);
    }
    let order = &loaded.order;
    // The end follows from the source alone, whatever the time is.
    let table = loaded.source.as_ref().and_then(|leg| {
        timetable_at(order, Some(leg), leg.created.block.time, terms).filter(Timetable::fits)
    });
    let table = table.ok_or(ExecutorError::Incomplete {
        action: Action::FundDestination,
        missing: "a timetable that fits",
    })?;
    Ok(Some(table.dst_cancellation_by))
}

// `createDstEscrow` takes the deposit, and a native amount, as value; BMN's checks neither
// (`protocol.md` section 9): too little locks the escrow for ever.
fn fund(order: &Order, ends: Option<u64>, plan: &DestinationPlan, taker: &Taker) -> Call {
    let imm = &plan.immutables;
    let token = imm.token.masked();
    let native = if imm.token.is_zero() { imm.amount } else { U256::ZERO };
    // A sum that does not fit is one that nobody can pay: it must not wrap to one we can.
    let value = imm.safety_deposit.saturating_add(native);
    let data = calldata::create_dst_escrow(order.dialect, imm, ends);
    match taker {
        Taker::Signer => Call { to: plan.factory, value, data },
        Taker::Contract { contract, owner } => {
            let mut calls = Vec::new();
            if !token.is_zero() {
                calls.push(InnerCall::new(token, transfer_from(*owner, *contract, imm.amount)));
                calls.push(InnerCall::new(token, calldata::approve(plan.factory, imm.amount)));
            }
            calls.push(InnerCall::new(plan.factory, data).paying(value));
            run(*contract, calls, &[token, COIN])
        }
    }
}

// The deposit first: the last of an escrow's rescues is the one that is taken for its end.
fn rescue(source: &SourceLeg, imm: &Immutables, taker: &Taker) -> Call {
    let (escrow, token) = (source.swap.escrow, imm.token.masked());
    let rescue = |token, amount| {
        InnerCall::new(escrow, calldata::rescue_funds(source.dialect, token, amount, imm))
    };
    let tokens = rescue(token, imm.amount);
    match taker {
        Taker::Signer => Call { to: escrow, value: U256::ZERO, data: tokens.data },
        Taker::Contract { contract, .. } => {
            let deposit = imm.safety_deposit;
            let coins = (!deposit.is_zero()).then(|| rescue(COIN, deposit));
            let calls = coins.into_iter().chain([tokens]).collect();
            run(*contract, calls, &[token, COIN])
        }
    }
}

fn published(loaded: &Loaded) -> Option<Secret> {
    match loaded.destination.as_ref()?.end? {
        (EscrowEnd::Withdrawn { secret }, _) => Some(Secret::new(secret.0)),
        _ => None,
    }
}

/// A quarter more than estimated, and another quarter for every attempt that failed, up to three times
/// the estimate: what runs out of gas on chain needs more than the simulation said.
pub(crate) fn with_room(gas: u64, attempts: u32) -> u64 {
    let quarters = u64::from(attempts.min(7)) + 1;
    gas.saturating_add((gas / 4).saturating_mul(quarters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;
    use bmn_contracts::{
        Call as Decoded, LimitOrder, MakerTraits, OrderSignature, decode_calldata,
    };
    use bmn_primitives::{
        BlockRef, Complement, Dialect, Hashlock, OrderHash, OrderId, SwapId, Timelocks,
    };
    use bmn_swap::{Decision, Inclusion, SourceTerms};

    const OWNER: Address = Address::repeat_byte(1);
    const CONTRACT: Address = Address::repeat_byte(2);
    const FACTORY: Address = Address::repeat_byte(3);
    const PROTOCOL: Address = Address::repeat_byte(4);
    const TOKEN: Address = Address::repeat_byte(5);
    const ESCROW: Address = Address::repeat_byte(6);
    const THROUGH: Taker = Taker::Contract { contract: CONTRACT, owner: OWNER };

    fn run_arguments(data: &[u8]) -> (Vec<(Address, U256, Bytes)>, Vec<Address>) {
        let Ok(Decoded::ResolverRun { calls, sweep }) = decode_calldata(data) else {
            panic!("no call of `run`")
        };
        (calls.into_iter().map(|call| (call.to, call.value, call.data)).collect(), sweep)
    }

    fn order(dialect: Dialect) -> Order {
        let signed = SignedOrder {
            order: LimitOrder {
                salt: U256::ZERO,
                maker: Address::repeat_byte(7).into(),
                receiver: AddressWord::ZERO,
                maker_asset: TOKEN.into(),
                taker_asset: AddressWord::ZERO,
                making_amount: U256::from(1_000),
                taking_amount: U256::from(900),
                maker_traits: MakerTraits::cross_chain(),
            },
            extension: Bytes::from_static(&[8; 212]),
            signature: OrderSignature::Compact { r: B256::ZERO, vs: B256::ZERO },
            secret_hashes: Vec::new(),
        };
        Order {
            id: OrderId {
                chain: ChainId(1),
                contract: PROTOCOL,
                hash: OrderHash::default(),
                leaf: 0,
            },
            origin: Origin::Submitted(Box::new(signed)),
            dialect,
            factory: FACTORY,
            hashlock: Hashlock::default(),
            maker: Address::repeat_byte(7),
            beneficiary: Address::repeat_byte(7),
            source_token: TOKEN,
            source_amount: U256::from(1_000),
            source_deposit: U256::from(11),
            destination_chain: ChainId(2),
            destination_token: TOKEN,
            destination_amount: U256::from(900),
            destination_deposit: U256::from(5),
            times: if dialect.has_absolute_times() {
                OrderTimes::Absolute { src_cancellation: 2_000, dst_withdrawal: 1_100 }
            } else {
                OrderTimes::Offsets(Timelocks::pack(0, [1, 2, 1_000, 4, 5, 6, 7]))
            },
            seen_at: BlockRef::default(),
            decision: Decision::Accepted,
        }
    }

    fn immutables(token: Address) -> Immutables {
        Immutables {
            order_hash: OrderHash::default(),
            hashlock: Hashlock::default(),
            maker: Address::repeat_byte(7).into(),
            taker: CONTRACT.into(),
            token: token.into(),
            amount: U256::from(900),
            safety_deposit: U256::from(5),
            timelocks: Timelocks::pack(1_000, [1, 2, 1_000, 4, 5, 6, 7]),
            parameters: Bytes::new(),
        }
    }

    fn source(dialect: Dialect) -> SourceLeg {
        let complement = Complement {
            maker: AddressWord::ZERO,
            amount: U256::ZERO,
            token: AddressWord::ZERO,
            safety_deposit: U256::ZERO,
            chain_id: U256::ZERO,
            parameters: Bytes::new(),
        };
        let created = Inclusion { block: BlockRef::default(), tx_hash: B256::ZERO, log_index: 0 };
        SourceLeg {
            swap: SwapId { chain: ChainId(1), escrow: ESCROW },
            factory: FACTORY,
            dialect,
            terms: SourceTerms::Stated { immutables: immutables(TOKEN), complement },
            created,
            fill: None,
            end: None,
        }
    }

    fn plan(token: Address) -> DestinationPlan {
        let source = SwapId { chain: ChainId(1), escrow: ESCROW };
        let immutables = immutables(token);
        DestinationPlan { chain: ChainId(2), factory: FACTORY, source, immutables, escrow: None }
    }

    fn approved(token: Address, amount: u64) -> (Address, U256, Bytes) {
        (token, U256::ZERO, calldata::approve(FACTORY, U256::from(amount)))
    }

    #[test]
    fn an_allowance_lasts_no_longer_than_the_fill_that_uses_it_up() {
        let Ok(call) = fill(&order(Dialect::Bmn302), &THROUGH) else { panic!() };
        assert_eq!((call.to, call.value), (CONTRACT, U256::ZERO));
        let (calls, sweep) = run_arguments(&call.data);
        assert_eq!(calls[0], approved(TOKEN, 1_000));
        assert_eq!((calls.len(), calls[1].0, calls[1].1), (2, PROTOCOL, U256::ZERO));
        let plain = fill(&order(Dialect::Bmn4), &Taker::Signer);
        let Ok(plain) = plain else { panic!() };
        assert_eq!((plain.to, &plain.data), (PROTOCOL, &calls[1].2), "the signer's own fill");
        assert!(decode_calldata(&plain.data).is_ok());
        assert_eq!(sweep, [TOKEN, COIN]);
    }

    #[test]
    fn a_fill_into_the_escrow_brings_the_deposit_along() {
        for dialect in [Dialect::OneInch1, Dialect::OneInch2] {
            let Ok(call) = fill(&order(dialect), &THROUGH) else { panic!() };
            assert_eq!((call.to, call.value), (CONTRACT, U256::from(11)));
            let Ok(Decoded::ResolverFill(fill)) = decode_calldata(&call.data) else { panic!() };
            assert_eq!((fill.factory, fill.limit_order_protocol), (FACTORY, PROTOCOL));
        }
    }

    #[test]
    fn funding_takes_from_the_owner_allows_as_much_and_gives_the_rest_back() {
        for dialect in [Dialect::Bmn302, Dialect::OneInch1, Dialect::OneInch2] {
            let latest = writes_creation_time(dialect).then_some(2_000);
            let call = fund(&order(dialect), latest, &plan(TOKEN), &THROUGH);
            let (calls, sweep) = run_arguments(&call.data);
            assert_eq!((call.to, call.value), (CONTRACT, U256::from(5)));
            let taken = transfer_from(OWNER, CONTRACT, U256::from(900));
            assert_eq!(calls[..2], [(TOKEN, U256::ZERO, taken), approved(TOKEN, 900)]);
            let created = calldata::create_dst_escrow(dialect, &immutables(TOKEN), latest);
            assert_eq!(calls[2..], [(FACTORY, U256::from(5), created)]);
            assert_eq!(sweep, [TOKEN, COIN]);
            let native = plan(Address::ZERO);
            let call = fund(&order(dialect), latest, &native, &THROUGH);
            let (calls, sweep) = run_arguments(&call.data);
            assert_eq!((call.value, calls.len()), (U256::from(905), 1));
            assert_eq!(sweep, [COIN]);
        }
    }

    #[test]
    fn a_rescue_takes_the_deposit_first_and_the_tokens_last() {
        let leg = source(Dialect::OneInch1);
        let imm = immutables(TOKEN);
        let (calls, sweep) = run_arguments(&rescue(&leg, &imm, &THROUGH).data);
        let of = |token, amount: u64| {
            let data = calldata::rescue_funds(Dialect::OneInch1, token, U256::from(amount), &imm);
            (ESCROW, U256::ZERO, data)
        };
        assert_eq!(calls, [of(COIN, 5), of(TOKEN, 900)]);
        assert_eq!(sweep, [TOKEN, COIN]);
        let own = rescue(&source(Dialect::Bmn4), &imm, &Taker::Signer);
        assert_eq!(own.to, ESCROW);
    }

    #[test]
    fn what_the_signer_calls_himself_is_called_as_before() {
        let call = Taker::Signer.call(ESCROW, Bytes::from_static(&[1]), &[TOKEN]);
        assert_eq!((call.to, call.data), (ESCROW, Bytes::from_static(&[1])));
        let call = THROUGH.call(ESCROW, Bytes::from_static(&[1]), &[COIN, COIN]);
        let (calls, sweep) = run_arguments(&call.data);
        assert_eq!(calls, [(ESCROW, U256::ZERO, Bytes::from_static(&[1]))]);
        assert_eq!(sweep, [COIN]);
    }
}
