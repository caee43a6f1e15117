//! Conservation of value, exact, per party, token and chain (design rule M11).
//!
//! Totals prove nothing: a resolver that pays one maker with another's tokens keeps the total. So
//! every balance of every party is predicted from the ends of the swaps and from the receipts of
//! the transactions that party sent, and compared with what the chain says.

use crate::scenario::End;
use alloy::primitives::{Address, I256, U256};
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
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolver => f.write_str("the resolver"),
            Self::Maker(index) => write!(f, "maker {index}"),
            Self::Griefer => f.write_str("the griefer"),
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
}

/// An unsigned amount as a gain. Amounts of the simulation are far below 2^255.
pub fn gain(amount: U256) -> I256 {
    I256::try_from(amount).unwrap_or(I256::MAX)
}

/// An unsigned amount as a loss.
pub fn loss(amount: U256) -> I256 {
    -gain(amount)
}

/// The changes that an end allows, gas apart. `deposit_to` is who ended the destination escrow.
pub fn settlement(terms: &Terms, end: Option<End>, deposit_to: Option<Party>) -> Vec<Entry> {
    if end != Some(End::Completed) {
        return Vec::new();
    }
    let maker = Party::Maker(terms.swap);
    let entry = |party, side: Side, reason, amount| Entry {
        holding: Holding { party, chain: side.chain, token: side.token },
        swap: Some(terms.swap),
        reason,
        amount,
    };
    let Terms { source, destination, deposit, .. } = *terms;
    let mut entries = vec![
        entry(maker, source, Reason::Principal, loss(source.amount)),
        entry(maker, destination, Reason::Principal, gain(destination.amount)),
        entry(Party::Resolver, source, Reason::Principal, gain(source.amount)),
        entry(Party::Resolver, destination, Reason::Principal, loss(destination.amount)),
    ];
    if let Some(winner) = deposit_to.filter(|party| *party != Party::Resolver) {
        let coin = Side { token: Address::ZERO, ..destination };
        entries.push(entry(Party::Resolver, coin, Reason::Deposit, loss(deposit)));
        entries.push(entry(winner, coin, Reason::Deposit, gain(deposit)));
    }
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
        Terms { swap: 3, source: SOURCE, destination: DESTINATION, deposit: U256::from(7) }
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
            for entry in settlement(&terms(), Some(End::Completed), Some(winner)) {
                ledger.expect(entry);
            }
            assert_eq!(ledger.discrepancies(), []);
        }
    }

    #[test]
    fn any_other_end_moves_nothing() {
        for end in [None, Some(End::Cancelled), Some(End::Refused), Some(End::Void)] {
            assert_eq!(settlement(&terms(), end, Some(Party::Maker(3))), []);
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
        for entry in settlement(&terms(), Some(End::Completed), None) {
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
