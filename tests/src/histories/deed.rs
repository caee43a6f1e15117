//! Deeds become logs.

use super::{
    cast::{self, Spoken},
    chain::{Chain, Escrow, Escrows, Fact},
    step::{Deed, Flaw, How},
};
use alloy::primitives::{Address, B256, LogData, U256};
use bmn_primitives::Leg;
use bmn_swap::{EscrowEnd, FactoryTerms};

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
            Deed::Fill { .. } => fill(side, escrows, deed, time),
            Deed::Direct { .. } => direct(side, escrows, deed),
            Deed::Destination { lock, salt, factory } => {
                destination(side, escrows, lock, salt, factory)
            }
            Deed::End { pick, how } => {
                let back = usize::from(pick) % chain.seen.len().max(1);
                match chain.seen.iter().rev().nth(back) {
                    Some(escrow) => end(*escrow, how, escrows),
                    None => Self::default(),
                }
            }
            Deed::Order { order, what } => {
                let contract = cast::factory(side, 0).limit_order_protocol;
                let kind = ["order filled", "order cancelled", "bits used"][usize::from(what % 3)];
                Self::ignored(kind, cast::order_event(contract, order, what))
            }
            Deed::Forged { slot, what } => {
                let (_, words) = example(side, slot, what);
                Self::ignored("forged log", (cast::STRANGER, words))
            }
            Deed::Damaged { slot, what, how } => {
                let (address, words) = example(side, slot, what % REGISTERED);
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

fn fill(side: usize, escrows: &Escrows, deed: &Deed, time: u64) -> Transaction {
    let Deed::Fill { order, lock, flaw, factory } = *deed else { return Transaction::default() };
    let factory = cast::factory(side, factory);
    let immutables = cast::immutables(order, lock, 0, true, time);
    let address = cast::escrow_of(&factory, &immutables);
    let contract = factory.limit_order_protocol;
    let named = if flaw == Flaw::OtherHashlock { lock + 1 } else { lock };
    let filled_order = if flaw == Flaw::OtherOrder { (order + 1) % 3 } else { order };
    let by = if flaw == Flaw::ForgedFill { cast::STRANGER } else { contract };
    let filled = cast::order_event(by, filled_order, 0);
    let spoken =
        |protocol| cast::post_interaction(&factory, address, cast::hashlock(named), protocol);
    let (created, lock, is_proven) = if factory.dialect.states_immutables() {
        let created = cast::source_created(side, &factory, &immutables);
        let names = factory.dialect.names_fills();
        // A factory that names its fills must; one that does not, must not.
        let speaks = names != (flaw == Flaw::NoInteraction);
        let logs = if speaks { vec![created, spoken(contract)] } else { vec![created] };
        let is_named = !names || flaw != Flaw::OtherHashlock;
        (logs, lock, is_named && flaw != Flaw::NoInteraction && flaw != Flaw::OtherOrder)
    } else {
        // The post-interaction is the creation: hashlock and order are what it and the fill say.
        let is_strange = flaw == Flaw::NoInteraction;
        let protocol = if is_strange { cast::STRANGER } else { contract };
        (vec![spoken(protocol)], named, !is_strange)
    };
    let misplaced = matches!(flaw, Flaw::FilledBefore | Flaw::NextTransaction | Flaw::ForgedFill);
    let transactions = match flaw {
        Flaw::NextTransaction => vec![created, vec![filled]],
        Flaw::FilledBefore => vec![[vec![filled], created].concat()],
        _ => vec![[created, vec![filled]].concat()],
    };
    let kind = match flaw {
        Flaw::NoInteraction => "fill without interaction",
        Flaw::FilledBefore => "fill before escrow",
        Flaw::NextTransaction => "fill elsewhere",
        Flaw::OtherHashlock => "fill of other hashlock",
        Flaw::OtherOrder => "fill of other order",
        Flaw::ForgedFill => "forged fill",
        Flaw::None => "fill",
    };
    let mut kinds = vec![kind];
    if order != lock {
        kinds.push("repeated hashlock");
    }
    let filled = is_proven && !misplaced;
    let escrow = Escrow { address, leg: Leg::Source, lock, states_lock: true, filled, end: None };
    creation(escrows, &factory, transactions, escrow, kinds)
}

fn direct(side: usize, escrows: &Escrows, deed: &Deed) -> Transaction {
    let Deed::Direct { order, lock, salt, ours, factory, ended_before } = *deed else {
        return Transaction::default();
    };
    let factory = cast::factory(side, factory);
    // The time is fixed, so that the same escrow comes again on another branch.
    let immutables = cast::immutables(order, lock, salt, ours, cast::GENESIS_TIME);
    let address = cast::escrow_of(&factory, &immutables);
    let mut kinds = vec![if ours { "direct source" } else { "direct source of others" }];
    let mut logs = vec![cast::source_created(side, &factory, &immutables)];
    if ended_before && !escrows.contains_key(&address) {
        logs.insert(0, cast::cancelled(address));
        kinds.push("end before creation");
    }
    let states_lock = factory.dialect.states_immutables();
    let escrow = Escrow { address, leg: Leg::Source, lock, states_lock, filled: false, end: None };
    creation(escrows, &factory, vec![logs], escrow, kinds)
}

fn destination(side: usize, escrows: &Escrows, lock: u8, salt: u8, factory: u8) -> Transaction {
    let address = cast::destination(side, lock, salt);
    let factory = cast::factory(side, factory);
    let ours = Some(address) == cast::plan_of(lock).escrow;
    let kind = if ours { "destination" } else { "unmatched destination" };
    let escrow = Escrow {
        address,
        leg: Leg::Destination,
        lock,
        states_lock: true,
        filled: false,
        end: None,
    };
    let logs = vec![cast::destination_created(&factory, address, lock)];
    creation(escrows, &factory, vec![logs], escrow, vec![kind])
}

fn creation(
    escrows: &Escrows,
    factory: &FactoryTerms,
    transactions: Vec<Vec<Spoken>>,
    escrow: Escrow,
    mut kinds: Vec<&'static str>,
) -> Transaction {
    kinds.push(factory.dialect.name());
    if escrows.contains_key(&escrow.address) {
        kinds.push("created again");
    }
    Transaction { transactions, facts: vec![Fact::Created(escrow)], kinds }
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
        How::Rescued | How::RescuedOther | How::RescuedOften => {
            let own = how == How::Rescued;
            let token = if own { cast::TOKEN } else { cast::OTHER_TOKEN };
            let kind = match how {
                How::Rescued => "rescued",
                How::RescuedOther => "rescued of another token",
                _ => "rescued again and again",
            };
            (kind, cast::rescued(address, token), EscrowEnd::Rescued { token })
        }
    };
    let known = escrows.get(&address).is_some_and(|known| known.leg == escrow.leg);
    let kinds = if known { vec![kind] } else { vec!["end of no escrow"] };
    let times = if how == How::RescuedOften { 9 } else { 1 };
    Transaction {
        transactions: vec![vec![log; times]],
        facts: vec![Fact::Ended(address, end); times],
        kinds,
    }
}

/// Examples that registered contracts log.
const REGISTERED: u8 = 10;

/// A log of each kind, as the true contract would say it; the first are from registered ones.
fn example(side: usize, slot: u8, what: u8) -> Spoken {
    let ours = cast::factory(side, 0);
    let immutables = cast::immutables(slot, slot, 9, true, cast::GENESIS_TIME);
    let escrow = Address::repeat_byte(0x99);
    let source = |which| cast::source_created(side, &cast::factory(side, which), &immutables);
    let destination = |which| cast::destination_created(&cast::factory(side, which), escrow, slot);
    match what % (REGISTERED + 2) {
        0 => source(0),
        1 => {
            let contract = ours.limit_order_protocol;
            cast::post_interaction(&ours, escrow, cast::hashlock(slot), contract)
        }
        2 => destination(0),
        3 => destination(1),
        4 => cast::order_event(ours.limit_order_protocol, slot, 0),
        5 => cast::order_event(ours.limit_order_protocol, slot, 1),
        6 => source(2),
        7 => source(3),
        8 => source(4),
        9 => destination(3),
        10 => cast::withdrawn(escrow, B256::from(*cast::secret(slot).expose())),
        _ => cast::cancelled(escrow),
    }
}

/// The longest data without an offset in it.
const STATIC: usize = 13 * 32;

/// Words that no encoder of Solidity writes for this topic.
fn damage(words: LogData, how: u8) -> (&'static str, LogData) {
    let (mut topics, data) = words.split();
    let mut data = data.to_vec();
    let kind = match how % 6 {
        0 if !data.is_empty() => {
            data.truncate(data.len() / 2);
            "truncated data"
        }
        1 if data.len() > STATIC => {
            data[..32].copy_from_slice(&U256::MAX.to_be_bytes::<32>());
            "absurd offset"
        }
        2 if data.len() > STATIC => {
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
