//! What the index must hold, found by another way: a rebuild, and the facts of the branch.

use super::{
    cast::{self, CHAINS},
    chain::{Escrow, Escrows, learn},
    machine::{Failure, Machine, empty_store, rules, text},
};
use bmn_chain::{ChainEvent, Segment};
use bmn_indexer::Indexer;
use bmn_primitives::{AddressWord, Leg};
use bmn_store::{ReadTx, Reads, chain_rows};
use bmn_swap::{Order, Origin, SourceLeg, derive_status};

impl Machine {
    /// Compares both chains with a rebuild from their first block, with what the branches say, and
    /// every status with one that is derived from the rebuild.
    pub(super) fn compare(&mut self) -> Result<(), Failure> {
        let rebuilt = empty_store()?;
        let indexer = Indexer::new(rebuilt.clone(), rules());
        for side in [0, 1] {
            let branch = self.chains[side].branch(self.durable[side]);
            let blocks: Vec<_> = branch.iter().map(|made| made.block.clone()).collect();
            if !blocks.is_empty() {
                let event = ChainEvent::Committed(Segment::new(blocks).map_err(text)?);
                indexer.apply(CHAINS[side], &event, None).map_err(text)?;
            }
        }
        drop(indexer);
        let found = self.store()?.read().map_err(text)?;
        let expected = rebuilt.read().map_err(text)?;
        for side in [0, 1] {
            same_rows(side, &found, &expected)?;
            let mut escrows = Escrows::new();
            let branch = self.chains[side].branch(self.durable[side]);
            branch.iter().flat_map(|made| &made.facts).for_each(|fact| learn(&mut escrows, *fact));
            same_escrows(side, &found, &escrows)?;
        }
        same_statuses(&found, &expected)?;
        whole_log(&found)?;
        drop(found);
        self.tally.count("comparison");
        Ok(())
    }
}

fn same_rows(side: usize, found: &ReadTx, expected: &ReadTx) -> Result<(), Failure> {
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

/// The legs are those that the branch tells of, and no others: forged and damaged logs are nothing.
fn same_escrows(side: usize, read: &ReadTx, expected: &Escrows) -> Result<(), Failure> {
    let chain = CHAINS[side];
    let mut found = Escrows::new();
    for leg in read.source_legs(chain, None, usize::MAX).map_err(text)? {
        let address = leg.swap.escrow;
        let lock = slot_of(|slot| leg.hashlock() == Some(cast::hashlock(slot)))?;
        let stated = expected.get(&address).and_then(|escrow| escrow.filled);
        let filled = stated.map(|_| leg.fill.is_some());
        let end = leg.end.map(|(end, _)| end);
        found.insert(address, Escrow { address, leg: Leg::Source, lock, filled, end });
    }
    for slot in 0..super::step::SLOTS as u8 {
        let legs = read.destination_legs_by_hashlock(chain, cast::hashlock(slot));
        for leg in legs.map_err(text)? {
            let (address, end) = (leg.escrow, leg.end.map(|(end, _)| end));
            let escrow = Escrow { address, leg: Leg::Destination, lock: slot, filled: None, end };
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

/// Statuses follow from the order, the legs of the rebuild and the stored evidence (design rule I1).
fn same_statuses(found: &ReadTx, rebuilt: &ReadTx) -> Result<(), Failure> {
    let legs = |side: usize| rebuilt.source_legs(CHAINS[side], None, usize::MAX).map_err(text);
    let legs = [legs(0)?, legs(1)?];
    for order in found.orders(None, usize::MAX).map_err(text)? {
        let id = order.id;
        let state = found.order_state(id).map_err(text)?.ok_or("an order without a state")?;
        let side = usize::from(id.chain != CHAINS[0]);
        let source = source_of(&legs[side], &order);
        let destination = match &state.plan {
            Some(plan) => rebuilt.destination_leg(plan.chain, plan.escrow).map_err(text)?,
            None => None,
        };
        let bound = source.map(|leg| leg.swap);
        let status = derive_status(&order, source, destination.as_ref(), &state.evidence);
        if (state.status, state.source) != (status, bound) {
            return Err(format!(
                "order {id}: {} of {:?}, derived anew {status} of {bound:?}",
                state.status, state.source
            ));
        }
        let listed = found.orders_by_status(status, None, usize::MAX).map_err(text)?;
        if !listed.contains(&id) {
            return Err(format!("order {id} is {status} and not listed there"));
        }
    }
    Ok(())
}

/// The escrow that an order is bound to, among those of its chain.
fn source_of<'a>(legs: &'a [SourceLeg], order: &Order) -> Option<&'a SourceLeg> {
    let us = AddressWord::from(rules().us);
    legs.iter().find(|leg| {
        if order.origin == Origin::DirectSource {
            return leg.swap.escrow == order.id.contract;
        }
        leg.fill.is_some_and(|fill| fill.contract == order.id.contract)
            && leg.factory == order.factory
            && leg.order_hash() == Some(order.id.hash)
            && leg.hashlock() == Some(order.hashlock)
            && leg.taker() == Some(us)
    })
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
