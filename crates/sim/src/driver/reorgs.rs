//! Reorgs in every state a swap can be in.

use crate::{Maker, Network, NetworkChain, SimError};
use alloy::primitives::B256;
use bmn_host_dev::{Replacement, ReplacementTimes};
use bmn_primitives::Leg;
use bmn_swap::Status;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Blocks a chain gets in peace between two reorgs, so that swaps go on.
const PEACE: u64 = 2;
/// Seconds a chain may run ahead of the clock through longer replacements.
const LEAD: u64 = 6;

/// A reorg of one depth on the chain of one leg while a swap was in one state.
type Case = (Status, Leg, u64);

/// How long swaps stay in a state, roughly: a state that is soon over comes first.
const fn lasts(status: Status) -> u8 {
    match status {
        Status::Accepted => 0,
        Status::SourceLocked | Status::DestinationPaid | Status::Exposed => 1,
        Status::SecretKnown | Status::DestinationRefunded | Status::DestinationStranded => 2,
        Status::BothLocked | Status::Refunding => 3,
        _ => 4,
    }
}

/// Triggers reorgs until every case was seen that comes up. No reorg is deeper than the chain's
/// confirmations, and no replacement is shorter than what it replaces, so that the height never
/// falls below its maximum: N confirmations survive all of it (design rule M1).
pub(crate) struct Reorgs {
    rng: ChaCha8Rng,
    seen: BTreeSet<Case>,
    /// Height of each chain after its last reorg.
    last: [u64; 2],
    /// Heights below which nothing is touched: the set-up.
    floor: [u64; 2],
    count: u64,
}

impl Reorgs {
    /// Reorgs drawn from a seed, above the given heights.
    pub(crate) fn new(seed: u64, floor: [u64; 2]) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x7265_6f72_6773),
            seen: BTreeSet::new(),
            last: floor,
            floor,
            count: 0,
        }
    }

    /// Reorgs so far.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The cases that were hit: depths by state and leg.
    pub(crate) fn coverage(&self) -> BTreeMap<String, Vec<u64>> {
        let mut coverage: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (status, leg, depth) in &self.seen {
            let leg = match leg {
                Leg::Source => "source",
                Leg::Destination => "destination",
            };
            coverage.entry(format!("{status}/{leg}")).or_default().push(*depth);
        }
        coverage
    }

    /// Makes one reorg when there is a case not seen yet. True when there was.
    pub(crate) fn disturb(
        &mut self,
        network: &Network,
        makers: &[Maker],
        now: u64,
    ) -> Result<bool, SimError> {
        let open = self.open_cases(network, makers);
        if open.is_empty() {
            return Ok(false);
        }
        let fleeting = open.iter().map(|(_, case)| lasts(case.0)).min();
        let open: Vec<_> =
            open.into_iter().filter(|(_, case)| Some(lasts(case.0)) == fleeting).collect();
        let (index, case) = open[self.rng.random_range(0..open.len())];
        let node = &network.chains[index];
        let replacement = draw_reorg(&mut self.rng, node, case.2, now)?;
        node.chain.reorg(case.2, &replacement)?;
        self.last[index] = node.chain.head().number;
        self.count += 1;
        // The same reorg meets every swap in that state.
        self.note(index, case.2, makers);
        Ok(true)
    }

    fn cases_of(maker: &Maker) -> Vec<(usize, Status, Leg)> {
        let direction = maker.spec().direction;
        let Some(status) = maker.status() else { return Vec::new() };
        vec![
            (direction.source(), status, Leg::Source),
            (direction.destination(), status, Leg::Destination),
        ]
    }

    fn open_cases(&self, network: &Network, makers: &[Maker]) -> Vec<(usize, Case)> {
        let mut open = BTreeSet::new();
        for (index, status, leg) in makers.iter().flat_map(Self::cases_of) {
            let node = &network.chains[index];
            let head = node.chain.head().number;
            if head < self.last[index] + PEACE {
                continue;
            }
            for depth in 1..=node.spec.confirmations {
                let case = (status, leg, depth);
                if !self.seen.contains(&case) && head >= self.floor[index] + depth {
                    open.insert((index, case));
                }
            }
        }
        open.into_iter().collect()
    }

    fn note(&mut self, chain: usize, depth: u64, makers: &[Maker]) {
        for (index, status, leg) in makers.iter().flat_map(Self::cases_of) {
            if index == chain {
                self.seen.insert((status, leg, depth));
            }
        }
    }
}

/// Other times, some transactions gone, some late, the rest in another order.
pub(crate) fn draw_reorg(
    rng: &mut ChaCha8Rng,
    node: &NetworkChain,
    depth: u64,
    now: u64,
) -> Result<Replacement, SimError> {
    let head = node.chain.head();
    let mut replacement = Replacement { reorder: Some(rng.random()), ..Replacement::default() };
    let ahead = head.time > now + LEAD;
    let longer = !ahead && rng.random_ratio(1, 3);
    replacement.length = Some(depth + u64::from(longer));
    let shift = if ahead { -2 } else { rng.random_range(-2..=2) };
    replacement.times = ReplacementTimes::Shift(shift);
    for number in head.number + 1 - depth..=head.number {
        let Some(block) = node.chain.block(number)? else { continue };
        for tx in block.txs() {
            let hash: B256 = tx.hash();
            match rng.random_range(0..6) {
                0 => replacement.drop.insert(hash),
                1 => replacement.delay.insert(hash),
                _ => false,
            };
        }
    }
    Ok(replacement)
}
