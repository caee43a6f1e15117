//! Checks of one leg before money follows it: ours before we fund, a maker's before he discloses.

use crate::{Order, OrderTimes, Origin, Refusal, SourceLeg, admit::Terms};
use alloy::primitives::{Address, U256};
use bmn_contracts::{EscrowImplementations, destination_escrow};
use bmn_primitives::{
    AddressWord, ChainId, Complement, Dialect, Hashlock, Immutables, OrderHash, Stage, Timelocks,
};

/// Oldest creation of a direct source escrow relative to its own clock, seconds (design rule M1).
pub const DIRECT_CLOCK_TOLERANCE: u64 = 300;

/// Checks a source escrow against its order and against us (design rule M1). What needs the chain's
/// state (the amount actually held, confirmations) is checked where the funding is prepared.
pub fn check_source(order: &Order, leg: &SourceLeg, terms: &Terms<'_>) -> Vec<Refusal> {
    let Some((immutables, complement)) = leg.stated() else {
        return vec![Refusal::ImmutablesUnknown(leg.swap.escrow)];
    };
    let mut reasons = Vec::new();
    let taker = terms.taker(leg.swap.chain, leg.dialect);
    if taker.is_none_or(|taker| immutables.taker != AddressWord::from(taker)) {
        reasons.push(Refusal::NotOurs(immutables.taker));
    }
    if leg.dialect.has_absolute_times() && !immutables.safety_deposit.is_zero() {
        reasons.push(Refusal::SourceDeposit(immutables.safety_deposit));
    }
    reasons.extend(fees(leg.dialect, complement));
    for (field, word) in [
        ("maker", immutables.maker),
        ("token", immutables.token),
        ("complement.maker", complement.maker),
        ("complement.token", complement.token),
    ] {
        if word.is_dirty() {
            reasons.push(Refusal::DirtyAddress { field: field.to_owned(), word });
        }
    }
    reasons.extend(mismatches(order, leg, immutables, complement));
    reasons.extend(clock(order, leg, immutables));
    reasons.extend(window_order(immutables.timelocks, terms.policy.max_window));
    for (amount, name) in [(immutables.amount, "amount"), (complement.amount, "complement.amount")]
    {
        if amount.is_zero() {
            reasons.push(Refusal::ZeroAmount(name.to_owned()));
        }
    }
    reasons
}

fn mismatches(order: &Order, leg: &SourceLeg, imm: &Immutables, com: &Complement) -> Vec<Refusal> {
    [
        ("chain", leg.swap.chain == order.id.chain),
        ("factory", leg.factory == order.factory && leg.dialect == order.dialect),
        ("orderHash", imm.order_hash == order.id.hash),
        ("hashlock", imm.hashlock == order.hashlock),
        ("maker", imm.maker.masked() == order.maker),
        ("token", imm.token.masked() == order.source_token),
        ("amount", imm.amount == order.source_amount),
        ("complement.maker", com.maker.masked() == order.beneficiary),
        ("complement.token", com.token.masked() == order.destination_token),
        ("complement.amount", com.amount == order.destination_amount),
        ("complement.safetyDeposit", com.safety_deposit == order.destination_deposit),
        ("complement.chainId", com.chain_id == U256::from(order.destination_chain.0)),
        ("safetyDeposit", imm.safety_deposit == order.source_deposit),
    ]
    .into_iter()
    .chain(times(order, imm.timelocks))
    .filter(|(_, same)| !same)
    .map(|(field, _)| Refusal::Mismatch { field: field.to_owned() })
    .collect()
}

fn times(order: &Order, locks: Timelocks) -> [(&'static str, bool); 2] {
    let at = |stage| locks.at(stage);
    match order.times {
        OrderTimes::Absolute { src_cancellation, dst_withdrawal } => [
            ("srcCancellation", at(Stage::SrcCancellation) == src_cancellation),
            ("dstWithdrawal", at(Stage::DstWithdrawal) == dst_withdrawal),
        ],
        OrderTimes::Offsets(offsets) => [
            ("timelocks", locks.offsets() == offsets.offsets()),
            ("dstCancellation", at(Stage::DstCancellation) <= at(Stage::SrcCancellation)),
        ],
    }
}

/// `abi.encode(protocolFee, integratorFee, protocolRecipient, integratorRecipient)`.
const FEE_WORDS: usize = 4;

// `oneinch2` pays the fees out of the destination's amount when it is withdrawn: shorter parameters, or
// fees above the amount, and the withdrawal reverts (`protocol.md` section 3).
fn fees(dialect: Dialect, complement: &Complement) -> Option<Refusal> {
    if dialect != Dialect::OneInch2 {
        return None;
    }
    let bad = |reason: &str| Some(Refusal::BadFees(reason.to_owned()));
    let Some(words) = complement.parameters.get(..FEE_WORDS * 32) else {
        return bad("the parameters are shorter than four words");
    };
    let word = |index: usize| U256::from_be_slice(&words[index * 32..(index + 1) * 32]);
    let [protocol, integrator] = [word(0), word(1)];
    match protocol.checked_add(integrator) {
        Some(sum) if sum <= complement.amount => {}
        _ => return bad("they are more than the amount"),
    }
    for (fee, recipient) in [(protocol, word(2)), (integrator, word(3))] {
        let recipient = AddressWord(recipient);
        if !fee.is_zero() && (recipient.is_dirty() || recipient.masked().is_zero()) {
            return bad("a fee has no recipient");
        }
    }
    None
}

/// Checks what a source escrow holds against what it promises (design rule M1). `coin` is the chain's
/// native balance of the escrow, wei: where the dialect pays a safety deposit out of it, it must be there.
///
/// # Errors
/// What is missing, for people.
pub fn check_holdings(immutables: &Immutables, token: U256, coin: U256) -> Result<(), String> {
    let Immutables { amount, safety_deposit, .. } = immutables;
    if token < *amount {
        return Err(format!("the source escrow holds {token}, it promises {amount}"));
    }
    if coin < *safety_deposit {
        return Err(format!(
            "the source escrow holds {coin} wei, its safety deposit is {safety_deposit}"
        ));
    }
    Ok(())
}

fn clock(order: &Order, leg: &SourceLeg, immutables: &Immutables) -> Option<Refusal> {
    let deployed_at = immutables.timelocks.deployed_at();
    let block_time = leg.created.block.time;
    let good = match order.origin {
        Origin::Submitted(_) | Origin::Recovered(_) => deployed_at == block_time,
        Origin::DirectSource | Origin::Watched => {
            deployed_at <= block_time && block_time - deployed_at <= DIRECT_CLOCK_TOLERANCE
        }
    };
    (!good).then_some(Refusal::Backdated { deployed_at, block_time })
}

fn window_order(timelocks: Timelocks, max_window: u64) -> Vec<Refusal> {
    let at = |stage| timelocks.at(stage);
    let latest = timelocks.deployed_at().saturating_add(max_window);
    let mut reasons: Vec<_> = Stage::ALL
        .into_iter()
        .filter(|stage| at(*stage) > latest.saturating_add(3_600))
        .map(|stage| Refusal::BadWindow {
            field: format!("{stage:?}"),
            value: at(stage),
            expected: format!("not after {latest}"),
        })
        .collect();
    for (field, early, late) in [
        ("srcWithdrawal", Stage::SrcWithdrawal, Stage::SrcCancellation),
        ("srcPublicCancellation", Stage::SrcCancellation, Stage::SrcPublicCancellation),
        ("dstPublicWithdrawal", Stage::DstWithdrawal, Stage::DstPublicWithdrawal),
    ] {
        if at(early) > at(late) {
            reasons.push(Refusal::BadWindow {
                field: field.to_owned(),
                value: at(early),
                expected: format!("{early:?} not after {late:?} at {}", at(late)),
            });
        }
    }
    reasons
}

/// What a careful maker looked up about a destination escrow before he discloses
/// (end of `protocol.md` section 12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationFacts {
    /// Destination chain.
    pub chain: ChainId,
    /// Factory that emitted `DstEscrowCreated`.
    pub factory: Address,
    /// Its dialect.
    pub dialect: Dialect,
    /// Implementations behind its clones.
    pub implementations: EscrowImplementations,
    /// Escrow named by the event.
    pub escrow: Address,
    /// Immutables the resolver showed or the creation's calldata holds.
    pub immutables: Immutables,
    /// Timestamp of the creating block.
    pub created_at: u64,
    /// Token balance of the escrow (native: its balance without the deposit).
    pub token_balance: U256,
    /// Native balance of the escrow.
    pub native_balance: U256,
}

/// What the maker ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Order hash.
    pub order_hash: OrderHash,
    /// Hashlock.
    pub hashlock: Hashlock,
    /// Who is to be paid.
    pub beneficiary: Address,
    /// Token on the destination chain.
    pub token: Address,
    /// Least amount.
    pub amount: U256,
    /// Latest start of destination withdrawal, unix seconds.
    pub dst_withdrawal: u64,
    /// Seconds he needs between the public window's start and its end.
    pub margin: u64,
}

/// Checks a destination escrow as a careful maker does; names every field that is wrong.
pub fn check_destination(facts: &DestinationFacts, expected: &Expected) -> Vec<&'static str> {
    let imm = &facts.immutables;
    let locks = imm.timelocks;
    let derived = destination_escrow(facts.dialect, facts.factory, &facts.implementations, imm);
    let native = expected.token.is_zero();
    let coin = imm.safety_deposit.saturating_add(if native { imm.amount } else { U256::ZERO });
    let public_ends = locks.at(Stage::DstCancellation);
    [
        ("escrow address", derived == facts.escrow),
        ("orderHash", imm.order_hash == expected.order_hash),
        ("hashlock", imm.hashlock == expected.hashlock),
        ("maker", imm.maker == AddressWord::from(expected.beneficiary)),
        ("token", imm.token == AddressWord::from(expected.token)),
        ("amount", imm.amount >= expected.amount),
        ("deployedAt", facts.created_at.abs_diff(locks.deployed_at()) <= DIRECT_CLOCK_TOLERANCE),
        (
            "dstWithdrawal",
            locks.at(Stage::DstWithdrawal) <= expected.dst_withdrawal.max(facts.created_at),
        ),
        ("dstCancellation", public_ends > locks.at(Stage::DstWithdrawal)),
        (
            "public window",
            public_ends >= locks.at(Stage::DstPublicWithdrawal).saturating_add(expected.margin),
        ),
        ("token balance", native || facts.token_balance >= imm.amount),
        ("native balance", facts.native_balance >= coin),
    ]
    .into_iter()
    .filter(|(_, good)| !good)
    .map(|(field, _)| field)
    .collect()
}
