//! Deeds become logs.

use super::{
    cast::{self, Spoken},
    chain::{Chain, Escrow, Escrows, Fact},
    step::{Deed, Flaw, How},
};
use alloy::primitives::{Address, B256, LogData, U256};
use bmn_primitives::{Dialect, Leg};
use bmn_swap::EscrowEnd;

/// What a deed leaves on the chain.
#[derive(Default)]
pub(super) struct Transaction {
    /// The logs of one transaction, or of two.
    pub(super) transactions: Vec<Vec<Spoken>>,
    /// What of it must be believed, in order.
    pub(super) facts: Vec<Fact>,
    /// What it is an example of.
    pub(super) kinds: Vec<&'static str>,
}

impl Transaction {
    /// `escrows` are those of the branch so far; `time` is the block's.
    pub(super) fn of(deed: &Deed, chain: &Chain, escrows: &Escrows, time: u64) -> Self {
        let side = chain.side();
        match *deed {
            Deed::Fill { order, lock, flaw } => fill(side, escrows, (order, lock), flaw, time),
            Deed::Direct { .. } => direct(side, escrows, deed),
            Deed::Destination { lock, salt, foreign } => {
                destination(side, escrows, lock, salt, foreign)
            }
            Deed::End { pick, how } => {
                let back = usize::from(pick) % chain.seen.len().max(1);
                match chain.seen.iter().rev().nth(back) {
                    Some(escrow) => end(*escrow, how, escrows),
                    None => Self::default(),
                }
            }
            Deed::Order { order, what } => {
                let contract = cast::factory(side, false).limit_order_protocol;
                let kind = ["order filled", "order cancelled", "bits used"][usize::from(what % 3)];
                Self::ignored(kind, cast::order_event(contract, order, what))
            }
            Deed::Forged { slot, what } => {
                let (_, words) = example(side, slot, what);
                Self::ignored("forged log", (cast::STRANGER, words))
            }
            Deed::Damaged { slot, what, how } => {
                let (address, words) = example(side, slot, what % 6);
                let (kind, words) = damage(words, how);
                Self::ignored(kind, (address, words))
            }
            Deed::Noise => Self::ignored("noise", cast::transfer()),
        }
    }

    fn ignored(kind: &'static str, log: Spoken) -> Self {
        Self { transactions: vec![vec![log]], facts: vec![], kinds: vec![kind] }
    }
}

fn fill(
    side: usize,
    escrows: &Escrows,
    (order, lock): (u8, u8),
    flaw: Flaw,
    time: u64,
) -> Transaction {
    let factory = cast::factory(side, false);
    let immutables = cast::immutables(order, lock, 0, true, time);
    let address = cast::escrow_of(&factory, &immutables);
    if escrows.contains_key(&address) {
        return Transaction::default();
    }
    let other = (order + 1) % 3;
    let named = if flaw == Flaw::OtherHashlock { lock + 1 } else { lock };
    let created = cast::source_created(side, &factory, &immutables);
    let interacted = cast::post_interaction(&factory, address, cast::hashlock(named));
    let by = if flaw == Flaw::ForgedFill { cast::STRANGER } else { factory.limit_order_protocol };
    let filled = cast::order_event(by, if flaw == Flaw::OtherOrder { other } else { order }, 0);
    let (transactions, kind) = match flaw {
        Flaw::NoInteraction => (vec![vec![created, filled]], "fill without interaction"),
        Flaw::FilledBefore => (vec![vec![filled, created, interacted]], "fill before escrow"),
        Flaw::NextTransaction => (vec![vec![created, interacted], vec![filled]], "fill elsewhere"),
        Flaw::OtherHashlock => (vec![vec![created, interacted, filled]], "fill of other hashlock"),
        Flaw::OtherOrder => (vec![vec![created, interacted, filled]], "fill of other order"),
        Flaw::ForgedFill => (vec![vec![created, interacted, filled]], "forged fill"),
        Flaw::None => (vec![vec![created, interacted, filled]], "fill"),
    };
    let fact = Fact::Created(Escrow {
        address,
        leg: Leg::Source,
        lock,
        filled: Some(flaw == Flaw::None),
        end: None,
    });
    let mut kinds = vec![kind];
    if order != lock {
        kinds.push("repeated hashlock");
    }
    Transaction { transactions, facts: vec![fact], kinds }
}

fn direct(side: usize, escrows: &Escrows, deed: &Deed) -> Transaction {
    let Deed::Direct { order, lock, salt, ours, foreign, ended_before } = *deed else {
        return Transaction::default();
    };
    let factory = cast::factory(side, foreign);
    // The time is fixed, so that the same escrow comes again on another branch.
    let immutables = cast::immutables(order, lock, salt, ours, cast::GENESIS_TIME);
    let address = cast::escrow_of(&factory, &immutables);
    if escrows.contains_key(&address) {
        return Transaction::default();
    }
    let mut kinds = vec![if ours { "direct source" } else { "direct source of others" }];
    let mut logs = vec![cast::source_created(side, &factory, &immutables)];
    if ended_before {
        logs.insert(0, cast::cancelled(address));
        kinds.push("end before creation");
    }
    let filled = (factory.dialect == Dialect::Bmn4).then_some(false);
    let escrow = Escrow { address, leg: Leg::Source, lock, filled, end: None };
    Transaction { transactions: vec![logs], facts: vec![Fact::Created(escrow)], kinds }
}

fn destination(side: usize, escrows: &Escrows, lock: u8, salt: u8, foreign: bool) -> Transaction {
    let address = cast::destination(side, lock, salt);
    if escrows.contains_key(&address) {
        return Transaction::default();
    }
    let factory = cast::factory(side, foreign);
    let ours = address == cast::plan_of(lock).escrow;
    let kind = if ours { "destination" } else { "unmatched destination" };
    let escrow = Escrow { address, leg: Leg::Destination, lock, filled: None, end: None };
    Transaction {
        transactions: vec![vec![cast::destination_created(&factory, address, lock)]],
        facts: vec![Fact::Created(escrow)],
        kinds: vec![kind],
    }
}

fn end(escrow: Escrow, how: How, escrows: &Escrows) -> Transaction {
    let address = escrow.address;
    let secret = |slot| B256::from(*cast::secret(slot).expose());
    let (kind, log, end) = match how {
        How::Withdrawn | How::WrongSecret => {
            let right = how == How::Withdrawn;
            let secret = if right { secret(escrow.lock) } else { B256::repeat_byte(0x66) };
            let kind = if right { "withdrawn" } else { "withdrawn with a wrong secret" };
            (kind, cast::withdrawn(address, secret), EscrowEnd::Withdrawn { secret })
        }
        How::Cancelled => ("cancelled", cast::cancelled(address), EscrowEnd::Cancelled),
        How::Rescued | How::RescuedOther => {
            let own = how == How::Rescued;
            let token = if own { cast::TOKEN } else { cast::OTHER_TOKEN };
            let kind = if own { "rescued" } else { "rescued of another token" };
            (kind, cast::rescued(address, token), EscrowEnd::Rescued { token })
        }
    };
    let known = escrows.get(&address).is_some_and(|known| known.leg == escrow.leg);
    let kinds = if known { vec![kind] } else { vec!["end of no escrow"] };
    Transaction { transactions: vec![vec![log]], facts: vec![Fact::Ended(address, end)], kinds }
}

/// A log of each kind, as the true contract would say it; the first six are from registered ones.
fn example(side: usize, slot: u8, what: u8) -> Spoken {
    let factory = cast::factory(side, false);
    let immutables = cast::immutables(slot, slot, 9, true, cast::GENESIS_TIME);
    let escrow = Address::repeat_byte(0x99);
    match what % 8 {
        0 => cast::source_created(side, &factory, &immutables),
        1 => cast::post_interaction(&factory, escrow, cast::hashlock(slot)),
        2 => cast::destination_created(&factory, escrow, slot),
        3 => cast::destination_created(&cast::factory(side, true), escrow, slot),
        4 => cast::order_event(factory.limit_order_protocol, slot, 0),
        5 => cast::order_event(factory.limit_order_protocol, slot, 1),
        6 => cast::withdrawn(escrow, B256::from(*cast::secret(slot).expose())),
        _ => cast::cancelled(escrow),
    }
}

/// Words that no encoder of Solidity writes for this topic.
fn damage(words: LogData, how: u8) -> (&'static str, LogData) {
    let (mut topics, data) = words.split();
    let mut data = data.to_vec();
    let kind = match how % 6 {
        0 if !data.is_empty() => {
            data.truncate(data.len() / 2);
            "truncated data"
        }
        1 if data.len() > 64 => {
            data[..32].copy_from_slice(&U256::MAX.to_be_bytes::<32>());
            "absurd offset"
        }
        2 if data.len() > 320 => {
            // The length of the first `parameters`, as much as an address space holds.
            data[11 * 32..12 * 32].copy_from_slice(&U256::from(u64::MAX).to_be_bytes::<32>());
            "absurd length"
        }
        3 => {
            topics.clear();
            "no topic"
        }
        4 => {
            data.push(0);
            "surplus data"
        }
        _ => {
            topics.push(B256::repeat_byte(1));
            "surplus topic"
        }
    };
    (kind, LogData::new_unchecked(topics, data.into()))
}
