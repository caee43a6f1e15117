//! Conservation of value, exact, per party, token and chain (design rule M11).
//!
//! Totals prove nothing: a resolver that pays one maker with another's tokens keeps the total. So
//! every balance of every party is predicted from the ends of the swaps and from the receipts of
//! the transactions that party sent, and compared with what the chain says.

use crate::scenario::End;
use alloy::primitives::{Address, I256, U256};
use bmn_contracts::DestinationFees;
use bmn_primitives::ChainId;
use std::{collections::BTreeMap, fmt};

/// Who owns a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// The resolver.
    Resolver,
    /// The maker of the swap with this number.
    Maker(u32),
    /// The stranger who gets in the way.
    Griefer,
    /// The resolver's contract, which keeps nothing.
    ResolverContract,
    /// Who is paid the integrators' fees.
    Integrator,
    /// Who is paid the protocol's fees.
    Protocol,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolver => f.write_str("the resolver"),
            Self::Maker(index) => write!(f, "maker {index}"),
            Self::Griefer => f.write_str("the griefer"),
            Self::ResolverContract => f.write_str("the resolver's contract"),
            Self::Integrator => f.write_str("the integrator"),
            Self::Protocol => f.write_str("the protocol"),
        }
    }
}

/// One balance: a party's, on a chain, of a token (zero is the native coin).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holding {
    /// Whose.
    pub party: Party,
    /// Where.
    pub chain: ChainId,
    /// Of what; zero is the native coin.
    pub token: Address,
}

/// Why a balance changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The amount that is swapped.
    Principal,
    /// A safety deposit: paid by who funds, earned by who ends the escrow.
    Deposit,
    /// A fee that the destination pays out of the maker's amount.
    Fee,
    /// Fee of a transaction the party sent.
    Gas,
    /// What a party locked or burnt by its own trap.
    OwnLoss,
}

/// One predicted change, smallest unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Which balance.
    pub holding: Holding,
    /// Because of which swap; none for what belongs to no single one.
    pub swap: Option<u32>,
    /// Why.
    pub reason: Reason,
    /// How much; negative is a loss.
    pub amount: I256,
}

/// A balance that is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discrepancy {
    /// Which balance.
    pub holding: Holding,
    /// Predicted change.
    pub expected: I256,
    /// Actual change.
    pub actual: I256,
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holding { party, chain, token } = self.holding;
        let token = if token.is_zero() { "native coin".to_owned() } else { token.to_string() };
        let Self { expected, actual, .. } = self;
        write!(f, "{party} on chain {chain}, {token}: changed by {actual}, expected {expected}")
    }
}

/// One side of a swap: an amount of a token on a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// Chain.
    pub chain: ChainId,
    /// Token; zero is the native coin.
    pub token: Address,
    /// Amount, smallest unit.
    pub amount: U256,
}

/// What a swap moves when it completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Number of the swap, and of its maker.
    pub swap: u32,
    /// What the maker gives.
    pub source: Side,
    /// What he gets.
    pub destination: Side,
    /// Safety deposit of the destination, wei.
    pub deposit: U256,
    /// Safety deposit of the source, wei.
    pub source_deposit: U256,
    /// What the destination pays to others than the maker.
    pub fees: DestinationFees,
}

/// Who ended each escrow of a swap, where somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndedBy {
    /// The source.
    pub source: Option<Party>,
    /// The destination.
    pub destination: Option<Party>,
}

/// An unsigned amount as a gain. Amounts of the simulation are far below 2^255.
pub fn gain(amount: U256) -> I256 {
    I256::try_from(amount).unwrap_or(I256::MAX)
}

/// An unsigned amount as a loss.
pub fn loss(amount: U256) -> I256 {
    -gain(amount)
}

/// The changes that an end allows, gas apart. Every deposit is the resolver's, and goes to who ended the
/// escrow.
pub fn settlement(terms: &Terms, end: Option<End>, ended_by: EndedBy) -> Vec<Entry> {
    let entry = |party, side: Side, reason, amount| Entry {
        holding: Holding { party, chain: side.chain, token: side.token },
        swap: Some(terms.swap),
        reason,
        amount,
    };
    let Terms { source, destination, deposit, source_deposit, fees, .. } = *terms;
    let mut entries = Vec::new();
    if end == Some(End::Completed) {
        let maker = Party::Maker(terms.swap);
        let (integrator, protocol) = (fees.integrator_amount, fees.protocol_amount);
        entries.extend([
            entry(maker, source, Reason::Principal, loss(source.amount)),
            entry(maker, destination, Reason::Principal, gain(destination.amount)),
            entry(maker, destination, Reason::Fee, loss(integrator) + loss(protocol)),
            entry(Party::Integrator, destination, Reason::Fee, gain(integrator)),
            entry(Party::Protocol, destination, Reason::Fee, gain(protocol)),
            entry(Party::Resolver, source, Reason::Principal, gain(source.amount)),
            entry(Party::Resolver, destination, Reason::Principal, loss(destination.amount)),
        ]);
    }
    let deposits =
        [(destination, deposit, ended_by.destination), (source, source_deposit, ended_by.source)];
    for (side, deposit, winner) in deposits {
        let coin = Side { token: Address::ZERO, ..side };
        if let Some(winner) = winner.filter(|party| *party != Party::Resolver) {
            entries.push(entry(Party::Resolver, coin, Reason::Deposit, loss(deposit)));
            entries.push(entry(winner, coin, Reason::Deposit, gain(deposit)));
        }
    }
    entries.retain(|entry| !entry.amount.is_zero());
    entries
}

/// Balances before and after, and everything that may have changed them.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    start: BTreeMap<Holding, U256>,
    end: BTreeMap<Holding, U256>,
    entries: Vec<Entry>,
}

impl Ledger {
    /// Notes a balance at the start of the run.
    pub fn opens_with(&mut self, holding: Holding, balance: U256) {
        self.start.insert(holding, balance);
    }

    /// Notes a balance at the end of the run.
    pub fn closes_with(&mut self, holding: Holding, balance: U256) {
        self.end.insert(holding, balance);
    }

    /// Every balance that is watched.
    pub fn holdings(&self) -> Vec<Holding> {
        self.start.keys().copied().collect()
    }

    /// Predicts a change.
    pub fn expect(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Predicted changes.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Sum of the predicted changes of a swap for one reason and party, by chain and token.
    pub fn of_swap(&self, swap: u32, party: Party, reason: Reason) -> BTreeMap<Holding, I256> {
        let mut sums: BTreeMap<Holding, I256> = BTreeMap::new();
        for entry in &self.entries {
            if entry.swap == Some(swap) && entry.holding.party == party && entry.reason == reason {
                *sums.entry(entry.holding).or_default() += entry.amount;
            }
        }
        sums
    }

    /// Every balance that did not change by exactly what was predicted. A predicted change of a
    /// balance that nobody watches is one too.
    pub fn discrepancies(&self) -> Vec<Discrepancy> {
        let mut expected: BTreeMap<Holding, I256> =
            self.start.keys().map(|holding| (*holding, I256::ZERO)).collect();
        for entry in &self.entries {
            *expected.entry(entry.holding).or_default() += entry.amount;
        }
        expected
            .into_iter()
            .map(|(holding, expected)| {
                let at = |side: &BTreeMap<Holding, U256>| {
                    gain(side.get(&holding).copied().unwrap_or_default())
                };
                Discrepancy { holding, expected, actual: at(&self.end) - at(&self.start) }
            })
            .filter(|found| found.expected != found.actual)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Side = Side {
        chain: ChainId(1),
        token: Address::repeat_byte(1),
        amount: U256::from_limbs([50, 0, 0, 0]),
    };
    const DESTINATION: Side =
        Side { chain: ChainId(2), token: Address::ZERO, amount: U256::from_limbs([40, 0, 0, 0]) };

    fn terms() -> Terms {
        Terms {
            swap: 3,
            source: SOURCE,
            destination: DESTINATION,
            deposit: U256::from(7),
            source_deposit: U256::ZERO,
            fees: DestinationFees::default(),
        }
    }

    fn destination_by(party: Party) -> EndedBy {
        EndedBy { destination: Some(party), source: None }
    }

    fn holding(party: Party, side: Side) -> Holding {
        Holding { party, chain: side.chain, token: side.token }
    }

    /// A ledger after the given changes from 1000 everywhere.
    fn ledger(changes: &[(Party, Side, i64)]) -> Ledger {
        let mut ledger = Ledger::default();
        for party in [Party::Resolver, Party::Maker(3)] {
            for side in [SOURCE, DESTINATION] {
                let change: i64 =
                    changes.iter().filter(|c| (c.0, c.1) == (party, side)).map(|c| c.2).sum();
                ledger.opens_with(holding(party, side), U256::from(1_000));
                ledger.closes_with(
                    holding(party, side),
                    U256::from(1_000u64.saturating_add_signed(change)),
                );
            }
        }
        ledger
    }

    #[test]
    fn a_completed_swap_is_a_mirror_image_and_the_deposit_goes_to_who_withdrew() {
        let maker = Party::Maker(3);
        for (winner, extra) in [(Party::Resolver, 0), (maker, 7)] {
            let mut ledger = ledger(&[
                (maker, SOURCE, -50),
                (maker, DESTINATION, 40 + extra),
                (Party::Resolver, SOURCE, 50),
                (Party::Resolver, DESTINATION, -40 - extra),
            ]);
            for entry in settlement(&terms(), Some(End::Completed), destination_by(winner)) {
                ledger.expect(entry);
            }
            assert_eq!(ledger.discrepancies(), []);
        }
    }

    #[test]
    fn fees_come_out_of_what_the_maker_gets_and_a_source_deposit_goes_to_who_ended_it() {
        let fees = DestinationFees {
            integrator_amount: U256::from(3),
            protocol_amount: U256::from(2),
            ..DestinationFees::default()
        };
        let terms = Terms { fees, source_deposit: U256::from(9), ..terms() };
        let by = EndedBy { source: Some(Party::Griefer), destination: Some(Party::Resolver) };
        let entries = settlement(&terms, Some(End::Completed), by);
        let sum = |party, chain, token| -> I256 {
            let of = entries.iter().filter(|it| it.holding == Holding { party, chain, token });
            of.map(|entry| entry.amount).sum()
        };
        let (there, coin) = (DESTINATION.chain, Address::ZERO);
        assert_eq!(sum(Party::Maker(3), there, coin), gain(U256::from(35)));
        assert_eq!(sum(Party::Integrator, there, coin), gain(U256::from(3)));
        assert_eq!(sum(Party::Protocol, there, coin), gain(U256::from(2)));
        assert_eq!(sum(Party::Resolver, SOURCE.chain, coin), loss(U256::from(9)));
        assert_eq!(sum(Party::Griefer, SOURCE.chain, coin), gain(U256::from(9)));
        let cancelled = settlement(&terms, Some(End::Cancelled), by);
        assert_eq!(cancelled.len(), 2, "the deposit alone");
    }

    #[test]
    fn any_other_end_moves_nothing() {
        for end in [None, Some(End::Cancelled), Some(End::Refused), Some(End::Void)] {
            assert_eq!(settlement(&terms(), end, destination_by(Party::Resolver)), []);
        }
        let taken = ledger(&[(Party::Maker(3), SOURCE, -50), (Party::Resolver, SOURCE, 50)]);
        let found = taken.discrepancies();
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[1].to_string(),
            "maker 3 on chain 1, 0x0101010101010101010101010101010101010101: changed by -50, \
             expected 0"
        );
    }

    #[test]
    fn a_total_that_fits_does_not_hide_a_wrong_party() {
        let mut swapped = ledger(&[
            (Party::Maker(3), SOURCE, 50),
            (Party::Resolver, SOURCE, -50),
            (Party::Maker(3), DESTINATION, -40),
            (Party::Resolver, DESTINATION, 40),
        ]);
        for entry in settlement(&terms(), Some(End::Completed), EndedBy::default()) {
            swapped.expect(entry);
        }
        assert_eq!(swapped.discrepancies().len(), 4);
    }

    #[test]
    fn gas_is_exact_and_a_change_of_an_unwatched_balance_is_found() {
        let gas = |party, amount: u64| Entry {
            holding: holding(party, DESTINATION),
            swap: Some(3),
            reason: Reason::Gas,
            amount: loss(U256::from(amount)),
        };
        let mut paid = ledger(&[(Party::Resolver, DESTINATION, -9)]);
        paid.expect(gas(Party::Resolver, 9));
        assert_eq!(paid.discrepancies(), []);
        assert_eq!(
            paid.of_swap(3, Party::Resolver, Reason::Gas).values().copied().collect::<Vec<_>>(),
            [loss(U256::from(9))]
        );
        paid.expect(gas(Party::Griefer, 1));
        assert_eq!(paid.discrepancies().len(), 1);
    }
}
