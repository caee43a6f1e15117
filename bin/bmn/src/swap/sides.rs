//! Whether the two sides of a swap answer each other: a pure judgement of what was proven.

use alloy::primitives::U256;
use bmn_contracts::{ContractEvent, Payout};
use bmn_primitives::{
    AddressWord, BlockRef, ChainId, Complement, Dialect, Immutables, Stage, Timelocks,
};
use bmn_rpc_api::{EscrowSide, ProvenEscrow};
use bmn_swap::{
    DIRECT_CLOCK_TOLERANCE, DestinationFacts, Expected, check_destination, writes_creation_time,
};
use std::fmt::Display;

/// What is to be relied on of a proof.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// These two, by their index, are a source and the destination that answers it.
    Answered {
        /// The source.
        source: usize,
        /// The destination.
        destination: usize,
    },
    /// Nothing that is shown is wrong, and this is not shown.
    Unshown(Vec<String>),
    /// Something is wrong, with what was found and what was expected.
    Wrong(String),
}

/// What is known of an escrow's chain and factory, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delays {
    /// How long a transaction takes to be mined.
    pub(super) inclusion: u64,
    /// From its deployment until its taker may take out whatever is in it.
    pub(super) rescue: u64,
}

/// How an escrow stands, as far as its events say.
pub(super) fn state(escrow: &ProvenEscrow) -> &'static str {
    let rescued = |event: &ContractEvent| matches!(event, ContractEvent::Rescued { .. });
    match escrow.end() {
        Some((_, ContractEvent::Withdrawn { .. })) => "withdrawn",
        Some(_) => "cancelled",
        None if escrow.events.iter().any(|(_, event)| rescued(event)) => "rescued",
        None => "open",
    }
}

/// Finds the source and the destination that answer each other. Escrows may stand in any order, and strangers may
/// repeat the hashlock in theirs.
pub(super) fn judge(
    proven: &[ProvenEscrow],
    delays: impl Fn(&ProvenEscrow) -> Delays,
) -> Judgement {
    let of = |side| {
        let all = proven.iter().enumerate();
        all.filter(move |(_, escrow)| escrow.side == side).collect::<Vec<_>>()
    };
    let (sources, destinations) = (of(EscrowSide::Source), of(EscrowSide::Destination));
    if sources.is_empty() || destinations.is_empty() {
        return one_side(proven, sources.is_empty(), &delays);
    }
    let (mut answered, mut unshown, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (source, one) in &sources {
        for (destination, other) in &destinations {
            let pair = Pair { source: one, destination: other };
            match pair.judge(delays(other)) {
                Verdict { wrong: Some(reason), .. } => wrong.push(reason),
                Verdict { unshown, .. } if unshown.is_empty() => {
                    answered.push((*source, *destination));
                }
                verdict => unshown.extend(verdict.unshown),
            }
        }
    }
    unshown.dedup();
    match answered.as_slice() {
        [(source, destination)] => {
            Judgement::Answered { source: *source, destination: *destination }
        }
        [] if !unshown.is_empty() => Judgement::Unshown(unshown),
        [] => Judgement::Wrong(wrong.join("; ")),
        several => Judgement::Wrong(format!(
            "{} pairs of escrows answer each other: ask for the swap by its order id, or leave only its own in \
             `escrows`",
            several.len()
        )),
    }
}

fn one_side(
    proven: &[ProvenEscrow],
    is_source: bool,
    delays: &impl Fn(&ProvenEscrow) -> Delays,
) -> Judgement {
    let missing = if is_source { "source" } else { "destination" };
    let mut unshown = vec![format!("the {missing} of the swap")];
    for escrow in proven {
        let alone = alone(escrow, delays(escrow));
        match alone.wrong {
            Some(reason) => return Judgement::Wrong(reason),
            None => unshown.extend(alone.unshown),
        }
    }
    Judgement::Unshown(unshown)
}

/// What was compared, with the first that does not hold; and what could not be.
#[derive(Debug, Default)]
struct Verdict {
    wrong: Option<String>,
    unshown: Vec<String>,
}

impl Verdict {
    fn needs(
        &mut self,
        holds: bool,
        what: impl Display,
        found: impl Display,
        expected: impl Display,
    ) {
        if !holds && self.wrong.is_none() {
            self.wrong = Some(format!("{what}: found {found}, expected {expected}"));
        }
    }

    fn and(&mut self, other: Self) {
        self.wrong = self.wrong.take().or(other.wrong);
        self.unshown.extend(other.unshown);
    }
}

/// What is true or not of one escrow, whatever the other side is.
fn alone(escrow: &ProvenEscrow, delays: Delays) -> Verdict {
    let mut verdict = Verdict::default();
    let side = name(escrow.side);
    let (Some(bound), Some((block, _))) = (&escrow.immutables, escrow.created()) else {
        verdict.unshown.push(format!("what the {side} {:#x} is bound to", escrow.escrow));
        return verdict;
    };
    for (field, word) in [("maker", bound.maker), ("taker", bound.taker), ("token", bound.token)] {
        verdict.needs(!word.is_dirty(), format!("{side} {field}"), word, "an address");
    }
    let taker = format!("{side} taker");
    verdict.needs(bound.taker != bound.maker, taker, bound.taker, "somebody else than the maker");
    let amount = format!("{side} amount");
    verdict.needs(!bound.amount.is_zero(), amount, bound.amount, "more than nothing");
    verdict.and(clock(escrow, bound.timelocks, block));
    verdict.and(match escrow.side {
        EscrowSide::Source => source_windows(bound.timelocks),
        EscrowSide::Destination => destination_windows(bound.timelocks, delays),
    });
    verdict
}

/// It came out of the fill of an order, which its maker has signed. Anybody may make one that did not.
fn is_filled(escrow: &ProvenEscrow) -> bool {
    escrow.events.iter().any(|(_, event)| matches!(event, ContractEvent::PostInteraction { .. }))
}

/// The windows count from the block that created the escrow. By an older clock its taker could rescue what is in
/// it sooner.
fn clock(escrow: &ProvenEscrow, locks: Timelocks, block: &BlockRef) -> Verdict {
    let (found, made) = (locks.deployed_at(), block.time);
    let dialect = escrow.factory.dialect;
    let filled = is_filled(escrow);
    let by_factory = writes_creation_time(dialect)
        || (escrow.side == EscrowSide::Source && (filled || !dialect.states_immutables()));
    let mut verdict = Verdict::default();
    let what = format!("{} deployedAt", name(escrow.side));
    if by_factory {
        verdict.needs(found == made, what, found, format!("{made}, when it was created"));
    } else {
        // Whoever creates it himself chooses the time before he knows the block.
        let near = found.abs_diff(made) <= DIRECT_CLOCK_TOLERANCE;
        let expected =
            format!("at most {DIRECT_CLOCK_TOLERANCE} s from {made}, when it was created");
        verdict.needs(near, what, found, expected);
    }
    verdict
}

fn source_windows(locks: Timelocks) -> Verdict {
    let (mut verdict, at) = (Verdict::default(), |stage| locks.at(stage));
    let (from, cancel) = (at(Stage::SrcWithdrawal), at(Stage::SrcCancellation));
    verdict.needs(
        from < cancel,
        "source withdrawal",
        from,
        format!("before {cancel}, its cancellation"),
    );
    let public = at(Stage::SrcPublicCancellation);
    let expected = format!("not before {cancel}, its cancellation");
    verdict.needs(public >= cancel, "source public cancellation", public, expected);
    verdict
}

fn destination_windows(locks: Timelocks, delays: Delays) -> Verdict {
    let Delays { inclusion, rescue } = delays;
    let (mut verdict, at) = (Verdict::default(), |stage| locks.at(stage));
    let (from, public) = (at(Stage::DstWithdrawal), at(Stage::DstPublicWithdrawal));
    let cancel = at(Stage::DstCancellation);
    verdict.needs(
        from.saturating_add(inclusion) <= cancel,
        "destination withdrawal",
        from,
        format!("at least {inclusion} s before {cancel}, its cancellation"),
    );
    verdict.needs(
        public.saturating_add(inclusion) <= cancel,
        "destination public withdrawal",
        public,
        format!("at least {inclusion} s before {cancel}, its cancellation"),
    );
    let (last, rescue) = (from.max(public), locks.deployed_at().saturating_add(rescue));
    verdict.needs(
        last.saturating_add(inclusion) <= rescue,
        "destination withdrawal",
        last,
        format!("at least {inclusion} s before {rescue}, from when its taker may empty it"),
    );
    verdict
}

/// A source and a destination.
struct Pair<'a> {
    source: &'a ProvenEscrow,
    destination: &'a ProvenEscrow,
}

impl Pair<'_> {
    fn judge(&self, delays: Delays) -> Verdict {
        let mut verdict = alone(self.source, delays);
        verdict.and(alone(self.destination, delays));
        let Self { source, destination } = self;
        let (dialect, stands) = (source.factory.dialect, state(destination));
        let other = destination.factory.dialect;
        verdict.needs(other == dialect, "destination dialect", other, dialect);
        // Where it was withdrawn the maker was paid, and the secret is known.
        let pays = matches!(stands, "open" | "withdrawn");
        verdict.needs(pays, "destination", stands, "open, or withdrawn for the maker");
        if dialect.names_fills() && !is_filled(source) {
            let what = "that the source came out of an order: no fill of it is there";
            verdict.unshown.push(what.to_owned());
        }
        if source.complement.is_none() {
            let dialect = source.factory.dialect;
            let what = format!("what the source asks for: no event of {dialect} states it");
            verdict.unshown.push(what);
        }
        let (Some(from), Some(to)) = (&source.immutables, &destination.immutables) else {
            return verdict;
        };
        verdict.and(self.same_order(from, to));
        if let Some(asked) = &source.complement {
            verdict.and(self.pays(from, asked, to, delays.inclusion));
        }
        verdict
    }

    /// What ties two escrows, whatever is in them.
    fn same_order(&self, from: &Immutables, to: &Immutables) -> Verdict {
        let mut verdict = Verdict::default();
        let (lock, hash) = (from.hashlock.0, from.order_hash.0);
        verdict.needs(to.order_hash.0 == hash, "destination orderHash", to.order_hash.0, hash);
        verdict.needs(to.hashlock.0 == lock, "destination hashlock", to.hashlock.0, lock);
        let dialect = self.source.factory.dialect;
        if writes_creation_time(dialect) {
            let (found, signed) = (to.timelocks.offsets(), from.timelocks.offsets());
            let words = |offsets: [u32; 7]| format!("{offsets:?}");
            verdict.needs(found == signed, "destination timelocks", words(found), words(signed));
        }
        let ends = to.timelocks.at(Stage::DstCancellation);
        let until = from.timelocks.at(Stage::SrcCancellation);
        let expected = format!("before {until}, the source's");
        verdict.needs(ends < until, "destination cancellation", ends, expected);
        verdict
    }

    /// The destination is what the source asks for, by the check that the engine makes of a destination.
    fn pays(
        &self,
        from: &Immutables,
        asked: &Complement,
        to: &Immutables,
        inclusion: u64,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        let factory = self.destination.factory;
        let chain = U256::from(factory.chain);
        verdict.needs(asked.chain_id == chain, "destination chain", chain, asked.chain_id);
        for (field, word) in [("maker", asked.maker), ("token", asked.token)] {
            let what = format!("{field} that the source asks for");
            verdict.needs(!word.is_dirty(), what, word, "an address");
        }
        let Some((block, _)) = self.destination.created() else { return verdict };
        let expected = self.expected(from, asked, block.time, inclusion);
        let facts = DestinationFacts {
            chain: ChainId(factory.chain),
            factory: factory.address,
            dialect: factory.dialect,
            implementations: factory.implementations,
            escrow: self.destination.escrow,
            immutables: to.clone(),
            created_at: block.time,
            // What it holds, the verifier's nodes are asked.
            token_balance: U256::MAX,
            native_balance: U256::MAX,
        };
        if let Some(field) = check_destination(&facts, &expected).first() {
            let (found, expected) = values(field, &facts, &expected);
            verdict.needs(false, format!("destination {field}"), found, expected);
        }
        let deposit = to.safety_deposit;
        let least = format!("at least {}", asked.safety_deposit);
        verdict.needs(deposit >= asked.safety_deposit, "destination safetyDeposit", deposit, least);
        let (found, ordered) = (&to.parameters, &asked.parameters);
        verdict.needs(found == ordered, "destination parameters", found, ordered);
        verdict.and(pays_out(factory.dialect, to));
        verdict
    }

    fn expected(
        &self,
        from: &Immutables,
        asked: &Complement,
        created_at: u64,
        inclusion: u64,
    ) -> Expected {
        let locks = from.timelocks;
        // Offsets count from the escrow's own creation.
        let dst_withdrawal = match writes_creation_time(self.source.factory.dialect) {
            true => created_at.saturating_add(u64::from(locks.offset(Stage::DstWithdrawal))),
            false => locks.at(Stage::DstWithdrawal),
        };
        Expected {
            order_hash: from.order_hash,
            hashlock: from.hashlock,
            beneficiary: asked.maker.masked(),
            token: asked.token.masked(),
            amount: asked.amount,
            dst_withdrawal,
            margin: inclusion,
        }
    }
}

/// The fees in the parameters leave the maker something, or no withdrawal can succeed.
fn pays_out(dialect: Dialect, to: &Immutables) -> Verdict {
    let mut verdict = Verdict::default();
    let expected = format!("fees below the amount, {}", to.amount);
    match Payout::of(dialect, to) {
        Ok(payout) => {
            let fees = payout.fees;
            for (amount, to) in
                [(fees.protocol_amount, fees.protocol), (fees.integrator_amount, fees.integrator)]
            {
                let is_whole = amount.is_zero() || !to.is_zero();
                verdict.needs(is_whole, "destination parameters", "a fee", "somebody who gets it");
            }
            verdict.needs(!payout.maker.is_zero(), "destination parameters", "no rest", expected);
        }
        Err(error) => verdict.needs(false, "destination parameters", error, expected),
    }
    verdict
}

/// What a field of [`check_destination`] is, and what it should be.
fn values(field: &str, facts: &DestinationFacts, expected: &Expected) -> (String, String) {
    let bound = &facts.immutables;
    let at = |stage| bound.timelocks.at(stage);
    let word = |address| AddressWord::from(address).to_string();
    match field {
        "escrow address" => (format!("{:#x}", facts.escrow), "that of its terms".to_owned()),
        "orderHash" => (bound.order_hash.0.to_string(), expected.order_hash.0.to_string()),
        "hashlock" => (bound.hashlock.0.to_string(), expected.hashlock.0.to_string()),
        "maker" => (bound.maker.to_string(), word(expected.beneficiary)),
        "token" => (bound.token.to_string(), word(expected.token)),
        "amount" => (bound.amount.to_string(), format!("at least {}", expected.amount)),
        "deployedAt" => (
            bound.timelocks.deployed_at().to_string(),
            format!("at most {DIRECT_CLOCK_TOLERANCE} s from {}", facts.created_at),
        ),
        "dstWithdrawal" => (
            at(Stage::DstWithdrawal).to_string(),
            format!("not after {}", expected.dst_withdrawal.max(facts.created_at)),
        ),
        _ => (
            format!("cancellation at {}", at(Stage::DstCancellation)),
            format!("{} s after {}", expected.margin, at(Stage::DstPublicWithdrawal)),
        ),
    }
}

const fn name(side: EscrowSide) -> &'static str {
    match side {
        EscrowSide::Source => "source",
        EscrowSide::Destination => "destination",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Address, B256, Bytes};
    use bmn_contracts::{DestinationFees, EscrowImplementations, destination_escrow};
    use bmn_primitives::{Hashlock, OrderHash};
    use bmn_rpc_api::BelievedFactory;

    const T0: u64 = 1_000_000;
    const INCLUSION: u64 = 12;
    const MAKER: Address = Address::repeat_byte(0x11);
    const PAID: Address = Address::repeat_byte(0x12);
    const TAKER: Address = Address::repeat_byte(0x99);

    fn factory(chain: u64, dialect: Dialect) -> BelievedFactory {
        let address = Address::with_last_byte(chain as u8);
        let implementations = EscrowImplementations::for_factory(dialect, address);
        BelievedFactory { chain, address, dialect, implementations }
    }

    fn block(time: u64) -> BlockRef {
        BlockRef { number: 7, hash: B256::repeat_byte(7), time }
    }

    fn locks(deployed_at: u64) -> Timelocks {
        Timelocks::pack(deployed_at as u32, [0, 60, 900, 960, 60, 120, 500])
    }

    fn fees() -> Bytes {
        let (amount, to) = (U256::from(3), Address::repeat_byte(0xfe));
        DestinationFees { protocol_amount: amount, protocol: to, ..DestinationFees::default() }
            .parameters()
    }

    fn source(dialect: Dialect) -> ProvenEscrow {
        let immutables = Immutables {
            order_hash: OrderHash(B256::repeat_byte(1)),
            hashlock: Hashlock(B256::repeat_byte(2)),
            maker: MAKER.into(),
            taker: TAKER.into(),
            token: Address::repeat_byte(0xa1).into(),
            amount: U256::from(100),
            safety_deposit: U256::ZERO,
            timelocks: locks(T0),
            parameters: Bytes::new(),
        };
        let complement = Complement {
            maker: PAID.into(),
            amount: U256::from(90),
            token: Address::repeat_byte(0xa2).into(),
            safety_deposit: U256::from(5),
            chain_id: U256::from(2),
            parameters: if dialect == Dialect::OneInch2 { fees() } else { Bytes::new() },
        };
        let created = ContractEvent::SourceCreated {
            immutables: immutables.clone(),
            complement: complement.clone(),
        };
        let filled = ContractEvent::PostInteraction {
            escrow: Address::repeat_byte(0x51),
            hashlock: immutables.hashlock,
            protocol: Address::ZERO,
            taker: TAKER,
            amount: immutables.amount,
        };
        let fill = dialect.names_fills().then_some((block(T0), filled));
        ProvenEscrow {
            side: EscrowSide::Source,
            factory: factory(1, dialect),
            escrow: Address::repeat_byte(0x51),
            immutables: Some(immutables),
            complement: Some(complement),
            events: [(block(T0), created)].into_iter().chain(fill).collect(),
        }
    }

    /// What answers it, created 40 seconds later.
    fn answer(source: &ProvenEscrow) -> ProvenEscrow {
        let dialect = source.factory.dialect;
        let (from, asked) =
            (source.immutables.as_ref().unwrap(), source.complement.as_ref().unwrap());
        let later = T0 + 40;
        let timelocks = match writes_creation_time(dialect) {
            true => from.timelocks.with_deployed_at(later),
            false => Timelocks::pack(later as u32, [0, 20, 860, 920, 20, 80, 400]),
        };
        let mut escrow = ProvenEscrow {
            side: EscrowSide::Destination,
            factory: factory(2, dialect),
            escrow: Address::ZERO,
            immutables: Some(Immutables {
                maker: asked.maker,
                token: asked.token,
                amount: asked.amount,
                safety_deposit: asked.safety_deposit,
                parameters: asked.parameters.clone(),
                timelocks,
                ..from.clone()
            }),
            complement: None,
            events: vec![],
        };
        bind(&mut escrow, later);
        escrow
    }

    /// Puts a destination where its terms put it.
    fn bind(escrow: &mut ProvenEscrow, time: u64) {
        let (factory, bound) = (escrow.factory, escrow.immutables.as_ref().unwrap());
        let clones = &factory.implementations;
        escrow.escrow = destination_escrow(factory.dialect, factory.address, clones, bound);
        let created = ContractEvent::DestinationCreated {
            escrow: escrow.escrow,
            hashlock: bound.hashlock,
            taker: bound.taker,
        };
        escrow.events = vec![(block(time), created)];
    }

    fn judged(proven: &[ProvenEscrow]) -> Judgement {
        judge(proven, |_| Delays { inclusion: INCLUSION, rescue: 604_800 })
    }

    fn wrong(proven: &[ProvenEscrow]) -> String {
        match judged(proven) {
            Judgement::Wrong(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    const SETTLED: [Dialect; 3] = [Dialect::Bmn4, Dialect::OneInch1, Dialect::OneInch2];

    #[test]
    fn sides_that_answer_each_other_are_found_in_any_order() {
        for dialect in SETTLED {
            let (one, two) = (source(dialect), answer(&source(dialect)));
            let found = judged(&[one.clone(), two.clone()]);
            assert_eq!(found, Judgement::Answered { source: 0, destination: 1 }, "{dialect}");
            let found = judged(&[two, one]);
            assert_eq!(found, Judgement::Answered { source: 1, destination: 0 }, "{dialect}");
        }
    }

    type Change = fn(&mut Immutables);

    #[test]
    fn a_destination_that_is_not_what_the_source_asks_for_is_refused_with_both_values() {
        let cases: [(Change, &str, &str, &str); 11] = [
            (|it| it.order_hash.0 = B256::repeat_byte(9), "orderHash", "0x0909", "0x0101"),
            (|it| it.hashlock.0 = B256::repeat_byte(9), "hashlock", "0x0909", "0x0202"),
            (|it| it.maker = Address::repeat_byte(9).into(), "maker", "0x0909", "0x1212"),
            (|it| it.taker = it.maker, "taker", "0x1212", "than the maker"),
            (|it| it.token = Address::repeat_byte(9).into(), "token", "0x0909", "0xa2A2"),
            (|it| it.token.0 |= U256::from(1) << 200, "token", "0x", "an address"),
            (|it| it.amount = U256::from(89), "amount", "found 89", "at least 90"),
            (|it| it.safety_deposit = U256::from(4), "safetyDeposit", "found 4", "at least 5"),
            (|it| it.parameters = Bytes::from_static(&[1; 128]), "parameters", "0x0101", "0x"),
            (
                |it| it.timelocks = it.timelocks.with_deployed_at(T0 - 400),
                "deployedAt",
                "found 999600",
                "1000040",
            ),
            (|it| it.timelocks.0 |= U256::from(1 << 12) << 192, "destination", "found", "expected"),
        ];
        for dialect in SETTLED {
            for (change, field, found, expected) in cases {
                let (one, mut two) = (source(dialect), answer(&source(dialect)));
                change(two.immutables.as_mut().unwrap());
                bind(&mut two, T0 + 40);
                for proven in [[one.clone(), two.clone()], [two.clone(), one.clone()]] {
                    let said = wrong(&proven);
                    for words in [field, found, expected] {
                        assert!(said.contains(words), "{dialect} {field}: {said}");
                    }
                }
            }
        }
    }

    #[test]
    fn another_chain_than_the_source_asks_for_is_refused() {
        let (mut one, two) = (source(Dialect::Bmn4), answer(&source(Dialect::Bmn4)));
        one.complement.as_mut().unwrap().chain_id = U256::from(3);
        assert_eq!(wrong(&[one.clone(), two.clone()]), "destination chain: found 2, expected 3");
        let asked = one.complement.as_mut().unwrap();
        (asked.chain_id, asked.maker.0) = (U256::from(2), asked.maker.0 | (U256::from(1) << 200));
        let said = wrong(&[one, two]);
        assert!(said.starts_with("maker that the source asks for: found 0x"), "{said}");
    }

    #[test]
    fn a_source_of_nothing_is_refused() {
        let (mut one, two) = (source(Dialect::Bmn4), answer(&source(Dialect::Bmn4)));
        one.immutables.as_mut().unwrap().amount = U256::ZERO;
        assert_eq!(wrong(&[one, two]), "source amount: found 0, expected more than nothing");
    }

    /// One destination after another, each with other windows.
    #[test]
    fn windows_in_which_somebody_would_come_too_late_are_refused() {
        // Offsets of withdrawal, public withdrawal and cancellation, from 40 s after the source.
        for (offsets, words) in [
            ([20, 80, 860], "destination cancellation: found 1000900, expected before 1000900"),
            ([20, 80, 861], "destination cancellation: found 1000901"),
            (
                [20, 389, 400],
                "destination public withdrawal: found 1000429, expected at least 12 s",
            ),
            ([21, 80, 400], "destination dstWithdrawal: found 1000061, expected not after 1000060"),
            ([390, 80, 400], "destination withdrawal: found 1000430"),
        ] {
            let (one, mut two) = (source(Dialect::Bmn4), answer(&source(Dialect::Bmn4)));
            let [from, public, cancel] = offsets;
            two.immutables.as_mut().unwrap().timelocks =
                Timelocks::pack((T0 + 40) as u32, [0, 20, 860, 920, from, public, cancel]);
            bind(&mut two, T0 + 40);
            assert!(wrong(&[one.clone(), two]).starts_with(words), "{words}");
        }
        let mut one = source(Dialect::Bmn4);
        let two = answer(&one);
        one.immutables.as_mut().unwrap().timelocks =
            Timelocks::pack(T0 as u32, [900, 60, 900, 960, 60, 120, 500]);
        let said = wrong(&[one.clone(), two.clone()]);
        assert!(said.starts_with("source withdrawal: found 1000900, expected before"), "{said}");
        one.immutables.as_mut().unwrap().timelocks =
            Timelocks::pack(T0 as u32, [0, 60, 900, 899, 60, 120, 500]);
        let said = wrong(&[one, two]);
        assert!(said.starts_with("source public cancellation: found 1000899"), "{said}");
    }

    #[test]
    fn a_source_counts_from_its_own_block() {
        let (mut one, two) = (source(Dialect::Bmn4), answer(&source(Dialect::Bmn4)));
        // The same windows, by an older clock.
        let since = |seconds: u32| {
            let offsets = [0, 60, 900, 960, 60, 120, 500].map(|offset| offset + seconds);
            Timelocks::pack(T0 as u32 - seconds, offsets)
        };
        one.immutables.as_mut().unwrap().timelocks = since(1);
        let said = wrong(&[one.clone(), two.clone()]);
        assert!(said.starts_with("source deployedAt: found 999999, expected 1000000"), "{said}");
        // Without a fill whoever made it chose the time, and everything else.
        one.events.truncate(1);
        let Judgement::Unshown(what) = judged(&[one.clone(), two.clone()]) else { panic!() };
        assert_eq!(what, ["that the source came out of an order: no fill of it is there"]);
        one.immutables.as_mut().unwrap().timelocks = since(301);
        assert!(wrong(&[one, two]).starts_with("source deployedAt: found 999699"));
    }

    #[test]
    fn a_destination_that_was_given_back_is_refused_and_one_that_was_paid_is_not() {
        let one = source(Dialect::Bmn4);
        let ended = |event: ContractEvent| {
            let mut two = answer(&one);
            two.events.push((block(T0 + 900), event));
            [one.clone(), two]
        };
        let said = wrong(&ended(ContractEvent::Cancelled));
        assert_eq!(said, "destination: found cancelled, expected open, or withdrawn for the maker");
        let rescued = ContractEvent::Rescued { token: Address::ZERO, amount: U256::from(1) };
        assert!(wrong(&ended(rescued)).starts_with("destination: found rescued"));
        let paid = ContractEvent::Withdrawn { secret: B256::repeat_byte(3) };
        assert!(matches!(judged(&ended(paid)), Judgement::Answered { .. }));
    }

    #[test]
    fn windows_that_open_after_the_taker_may_empty_the_destination_are_refused() {
        let day = 86_400;
        let mut one = source(Dialect::Bmn4);
        let bound = one.immutables.as_mut().unwrap();
        let offsets = [0, 60, 10 * day, 10 * day, 8 * day, 8 * day, 9 * day];
        bound.timelocks = Timelocks::pack(T0 as u32, offsets);
        let mut two = answer(&one);
        let offsets = [0, 20, 10 * day, 10 * day, 8 * day - 40, 8 * day - 40, 9 * day];
        two.immutables.as_mut().unwrap().timelocks = Timelocks::pack((T0 + 40) as u32, offsets);
        bind(&mut two, T0 + 40);
        let said = wrong(&[one, two]);
        let words = "destination withdrawal: found 1691200, expected at least 12 s before 1604840";
        assert!(said.starts_with(words), "{said}");
    }

    #[test]
    fn a_destination_of_another_dialect_is_refused() {
        let mut one = source(Dialect::Bmn4);
        one.complement.as_mut().unwrap().parameters = fees();
        let mut two = answer(&one);
        two.factory = factory(2, Dialect::OneInch2);
        bind(&mut two, T0 + 40);
        assert_eq!(wrong(&[one, two]), "destination dialect: found oneinch2, expected bmn4");
    }

    #[test]
    fn other_offsets_than_were_signed_are_refused() {
        let (one, mut two) = (source(Dialect::OneInch1), answer(&source(Dialect::OneInch1)));
        two.immutables.as_mut().unwrap().timelocks =
            Timelocks::pack((T0 + 40) as u32, [0, 60, 900, 960, 60, 121, 500]);
        bind(&mut two, T0 + 40);
        let said = wrong(&[one, two]);
        assert!(
            said.starts_with("destination timelocks: found [0, 60, 900, 960, 60, 121"),
            "{said}"
        );
    }

    #[test]
    fn fees_that_no_withdrawal_could_pay_are_refused() {
        let fees = |amount: u64, to: Address| {
            let protocol_amount = U256::from(amount);
            DestinationFees { protocol_amount, protocol: to, ..DestinationFees::default() }
        };
        let somebody = Address::repeat_byte(0xfe);
        for (parameters, words) in [
            (fees(91, somebody).parameters(), "expected fees below the amount, 90"),
            (fees(90, somebody).parameters(), "found no rest, expected fees below the amount, 90"),
            (fees(3, Address::ZERO).parameters(), "found a fee, expected somebody who gets it"),
            (Bytes::from_static(&[0; 31]), "expected fees below the amount"),
        ] {
            let mut one = source(Dialect::OneInch2);
            one.complement.as_mut().unwrap().parameters = parameters;
            let two = answer(&one);
            let said = wrong(&[one, two]);
            let is_named = said.starts_with("destination parameters: ");
            assert!(is_named && said.contains(words), "{words}: {said}");
        }
    }

    #[test]
    fn what_is_not_shown_is_said() {
        let (one, two) = (source(Dialect::Bmn4), answer(&source(Dialect::Bmn4)));
        let unshown = |proven: &[ProvenEscrow]| match judged(proven) {
            Judgement::Unshown(what) => what.join("; "),
            other => panic!("{other:?}"),
        };
        assert_eq!(unshown(std::slice::from_ref(&one)), "the destination of the swap");
        assert_eq!(unshown(std::slice::from_ref(&two)), "the source of the swap");
        let loose = ProvenEscrow { immutables: None, ..two.clone() };
        assert!(unshown(&[one.clone(), loose]).starts_with("what the destination 0x"));
        let named = ProvenEscrow { complement: None, ..one.clone() };
        assert!(unshown(&[named, two.clone()]).starts_with("what the source asks for"));
        // What is shown of it is judged nevertheless.
        let mut late = two;
        late.immutables.as_mut().unwrap().timelocks = locks(T0 - 400);
        assert!(wrong(std::slice::from_ref(&late)).starts_with("destination deployedAt"));
        let named = ProvenEscrow { complement: None, ..one };
        bind(&mut late, T0 - 400);
        late.immutables.as_mut().unwrap().order_hash.0 = B256::repeat_byte(9);
        assert!(wrong(&[named.clone(), late.clone()]).starts_with("destination orderHash"));
        let bound = late.immutables.as_mut().unwrap();
        bound.order_hash.0 = B256::repeat_byte(1);
        bound.hashlock.0 = B256::repeat_byte(9);
        assert!(wrong(&[named, late]).starts_with("destination hashlock"));
    }

    #[test]
    fn strangers_that_repeat_the_hashlock_do_not_stand_in_the_way() {
        let (one, two) = (source(Dialect::Bmn4), answer(&source(Dialect::Bmn4)));
        let mut foreign = one.clone();
        foreign.escrow = Address::repeat_byte(0x52);
        foreign.immutables.as_mut().unwrap().order_hash.0 = B256::repeat_byte(9);
        let loose = ProvenEscrow { immutables: None, escrow: Address::ZERO, ..two.clone() };
        let found = judged(&[foreign, one.clone(), loose, two.clone()]);
        assert_eq!(found, Judgement::Answered { source: 1, destination: 3 });
        let mut twin = ProvenEscrow { escrow: Address::repeat_byte(0x53), ..one.clone() };
        twin.events.truncate(1);
        let found = judged(&[twin.clone(), one.clone(), two.clone()]);
        assert_eq!(found, Judgement::Answered { source: 1, destination: 2 }, "no order made it");
        twin.events.clone_from(&one.events);
        assert!(wrong(&[one, twin, two]).starts_with("2 pairs of escrows"));
    }
}
