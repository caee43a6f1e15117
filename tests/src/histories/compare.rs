//! What the index must hold, found by another way: a rebuild, and the facts of the branch.

use super::{
    cast::{self, CHAINS},
    chain::{Escrow, Escrows, learn},
    disk::{empty_store, filters, rules},
    machine::{Failure, Machine, text},
};
use bmn_indexer::{Touched, fold_filtered};
use bmn_primitives::{AddressWord, Leg};
use bmn_store::{AnyLeg, LegIndex, Mode, ReadTx, Reads, Staged, Verification, chain_rows, verify};
use bmn_swap::{Order, Origin, SecretKnowledge, SourceLeg, derive_status};

/// Every so many comparisons, the store verifies itself too.
const VERIFY_EVERY: u64 = 4;

impl Machine {
    /// Compares both chains with a rebuild from their first block, with what the branches say, and
    /// every status with one that is derived from the rebuild.
    pub(super) fn compare(&mut self) -> Result<(), Failure> {
        let rebuilt = empty_store()?;
        let mut expected = rebuilt.write().map_err(text)?;
        for side in [0, 1] {
            self.rebuild_into(&mut expected, side)?;
        }
        let expected: &Staged = &expected;
        let found = self.store()?.read().map_err(text)?;
        let verifies = self.tally.of("comparison").is_multiple_of(VERIFY_EVERY);
        for side in [0, 1] {
            // What is being cleared is nothing yet.
            if matches!(found.cursor(CHAINS[side]).map_err(text)?.mode, Mode::Clearing(_)) {
                continue;
            }
            same_rows(side, &found, expected)?;
            same_digests(side, &found, expected)?;
            self.check_known(side, &found.known_blocks(CHAINS[side]))?;
            let mut escrows = Escrows::new();
            let branch = self.chains[side].branch(self.durable[side]);
            branch.iter().flat_map(|made| &made.facts).for_each(|fact| learn(&mut escrows, *fact));
            same_escrows(side, &found, &escrows)?;
            if verifies {
                is_sound(side, &found)?;
            }
        }
        if self.underived == [false; 2] {
            self.same_statuses(&found, expected)?;
            self.tally.count("statuses compared");
        }
        whole_log(&found)?;
        drop(found);
        self.tally.count("comparison");
        if verifies {
            self.tally.count("verified");
        }
        Ok(())
    }

    /// The blocks of the branch that is durable, one by one, as if nothing had ever happened.
    fn rebuild_into(&self, staged: &mut Staged, side: usize) -> Result<(), Failure> {
        let rules = rules();
        let (route, filter) = (&rules.routes[side], &filters()[side]);
        for made in self.chains[side].branch(self.durable[side]) {
            let block = &made.block;
            staged.begin_block(CHAINS[side], &block.header).map_err(text)?;
            fold_filtered(staged, filter, route, rules.us, block, &mut Touched::default())
                .map_err(text)?;
            staged.end_block().map_err(text)?;
        }
        Ok(())
    }

    /// Statuses follow from the order, the legs of the rebuild and the stored evidence (design rule
    /// I1), and the evidence knows of every secret that a chain has shown.
    fn same_statuses(&self, found: &ReadTx, rebuilt: &Staged) -> Result<(), Failure> {
        for order in found.orders(None, usize::MAX).map_err(text)? {
            let id = order.id;
            let state = found.order_state(id).map_err(text)?.ok_or("an order without a state")?;
            let source = source_of(rebuilt, &order)?;
            let escrow = state.plan.as_ref().and_then(|plan| Some((plan.chain, plan.escrow?)));
            let destination = match escrow {
                Some((chain, escrow)) => rebuilt.destination_leg(chain, escrow).map_err(text)?,
                None => None,
            };
            let bound = source.as_ref().map(|leg| leg.swap);
            let evidence = &state.evidence;
            let status = derive_status(&order, source.as_ref(), destination.as_ref(), evidence);
            if (state.status, state.source) != (status, bound) {
                return Err(format!(
                    "order {id}: {} of {:?}, derived anew {status} of {bound:?}",
                    state.status, state.source
                ));
            }
            let is_shown = self.shown.contains_key(&order.hashlock);
            let is_known = evidence.secret == SecretKnowledge::Public;
            // Of an order that is refused or at its end nobody asks.
            let is_asked = order.is_accepted() && !status.is_terminal();
            if is_known && !is_shown || is_shown && !is_known && is_asked {
                return Err(format!(
                    "order {id}: shown {is_shown}, its secret is {:?}",
                    evidence.secret
                ));
            }
            let listed = found.orders_by_status(status, None, usize::MAX).map_err(text)?;
            if !listed.contains(&id) {
                return Err(format!("order {id} is {status} and not listed there"));
            }
        }
        Ok(())
    }
}

fn same_rows(side: usize, found: &ReadTx, expected: &Staged) -> Result<(), Failure> {
    let found = chain_rows(found, CHAINS[side]).map_err(text)?;
    let expected = chain_rows(expected, CHAINS[side]).map_err(text)?;
    if found == expected {
        return Ok(());
    }
    let surplus = found.iter().find(|row| !expected.contains(row));
    let missing = expected.iter().find(|row| !found.contains(row));
    let name = |row: Option<&bmn_store::ChainRow>| {
        row.map(|row| {
            let key = alloy::primitives::hex::encode(&row.key);
            format!("{} {key} = {}", row.table, alloy::primitives::hex::encode(&row.value))
        })
    };
    Err(format!(
        "chain {side}: {} rows, a rebuild has {}; first surplus {:?}; first missing {:?}",
        found.len(),
        expected.len(),
        name(surplus),
        name(missing),
    ))
}

/// The rolling digest is the rebuild's at every block.
fn same_digests(side: usize, found: &ReadTx, expected: &Staged) -> Result<(), Failure> {
    let chain = CHAINS[side];
    let cursors = (found.cursor(chain).map_err(text)?, expected.cursor(chain).map_err(text)?);
    if (cursors.0.tip, cursors.0.digest) != (cursors.1.tip, cursors.1.digest) {
        let (found, expected) = cursors;
        return Err(format!("chain {side}: the cursor is {found:?}, a rebuild's {expected:?}"));
    }
    for number in 0..=cursors.0.tip.map_or(0, |tip| tip.number) + 1 {
        let (found, expected) = (found.digest_at(chain, number), expected.digest_at(chain, number));
        let (found, expected) = (found.map_err(text)?, expected.map_err(text)?);
        if found != expected {
            return Err(format!(
                "chain {side}: digest {found:?} at block {number}, a rebuild's {expected:?}"
            ));
        }
    }
    Ok(())
}

fn is_sound(side: usize, read: &ReadTx) -> Result<(), Failure> {
    let chain = CHAINS[side];
    let cursor = read.cursor(chain).map_err(text)?;
    match verify(read, chain, 0..=u64::MAX, &mut |_| ()).map_err(text)? {
        Verification::Sound(verified)
            if verified.digest.is_some_and(|of| of.digest == cursor.digest) =>
        {
            Ok(())
        }
        Verification::Sound(verified) => {
            Err(format!("chain {side}: verified {verified:?}, the cursor is {cursor:?}"))
        }
        Verification::Differs(difference) => Err(format!("chain {side}: {difference}")),
    }
}

/// The legs are those that the branch tells of, and no others: forged and damaged logs are nothing.
fn same_escrows(side: usize, read: &ReadTx, expected: &Escrows) -> Result<(), Failure> {
    let chain = CHAINS[side];
    let mut found = Escrows::new();
    for leg in read.source_legs(chain, None, usize::MAX).map_err(text)? {
        let address = leg.swap.escrow;
        let states_lock = leg.hashlock().is_some();
        let lock = match leg.hashlock() {
            Some(lock) => slot_of(|slot| lock == cast::hashlock(slot))?,
            None => expected.get(&address).map_or(0, |escrow| escrow.lock),
        };
        let filled = leg.fill.is_some();
        let end = leg.end.map(|(end, _)| end);
        let escrow = Escrow { address, leg: Leg::Source, lock, states_lock, filled, end };
        found.insert(address, escrow);
    }
    for slot in 0..super::step::SLOTS as u8 {
        let by = LegIndex::DestinationHashlock(cast::hashlock(slot));
        for leg in read.legs_by(chain, by, None, usize::MAX).map_err(text)? {
            let AnyLeg::Destination(leg) = leg else {
                return Err(format!("chain {side}: a source among the destinations"));
            };
            let (address, end) = (leg.escrow, leg.end.map(|(end, _)| end));
            let escrow = Escrow {
                address,
                leg: Leg::Destination,
                lock: slot,
                states_lock: true,
                filled: false,
                end,
            };
            found.insert(address, escrow);
        }
    }
    if found == *expected {
        return Ok(());
    }
    let differs = |a: &Escrows, b: &Escrows| -> Option<Escrow> {
        a.iter()
            .find(|(address, escrow)| b.get(*address) != Some(escrow))
            .map(|(_, escrow)| *escrow)
    };
    let (surplus, missing) = (differs(&found, expected), differs(expected, &found));
    Err(format!("chain {side}: the index has {surplus:?}, its branch says {missing:?}"))
}

fn slot_of(is: impl Fn(u8) -> bool) -> Result<u8, Failure> {
    let mut slots = 0..super::step::SLOTS as u8 + 1;
    slots.find(|slot| is(*slot)).ok_or_else(|| "a hashlock of nobody's".to_owned())
}

/// The escrow that an order is bound to: of those of its chain that may be, the first.
fn source_of(read: &Staged, order: &Order) -> Result<Option<SourceLeg>, Failure> {
    let us = AddressWord::from(rules().us);
    let legs = read.source_legs(order.id.chain, None, usize::MAX).map_err(text)?;
    let may = legs.into_iter().filter(|leg| {
        if order.origin == Origin::DirectSource {
            return leg.swap.escrow == order.id.contract;
        }
        leg.fill.is_some_and(|fill| fill.contract == order.id.contract)
            && leg.factory == order.factory
            && leg.order_hash() == Some(order.id.hash)
            && leg.hashlock() == Some(order.hashlock)
            && leg.taker() == Some(us)
    });
    Ok(may.min_by_key(|leg| (leg.created.block.number, leg.created.log_index)))
}

/// The log of changes has no gap, and each order's last change is its status.
fn whole_log(read: &ReadTx) -> Result<(), Failure> {
    let changes = read.changes(1, usize::MAX).map_err(text)?;
    if let Some((at, change)) = (1..).zip(&changes).find(|(at, change)| *at != change.seq) {
        return Err(format!("change {} stands at place {at}", change.seq));
    }
    for order in read.orders(None, usize::MAX).map_err(text)? {
        let last = read.changes_of(order.id, 1).map_err(text)?;
        let state = read.order_state(order.id).map_err(text)?;
        if last.first().map(|change| change.to) != state.map(|state| state.status) {
            return Err(format!("order {}: its last change is not its status", order.id));
        }
    }
    Ok(())
}
