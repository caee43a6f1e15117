//! Reorgs at random: of every so many blocks one is the head of a reorg.

use crate::{Network, SimError, driver::draw_reorg};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Blocks a chain gets in peace between two reorgs, so that swaps go on.
const PEACE: u64 = 2;

/// Draws reorgs. None is deeper than what the chain's confirmations survive.
pub(super) struct Disturbance {
    rng: ChaCha8Rng,
    /// Of a hundred blocks, how many begin one.
    percent: f64,
    /// Heights up to which it was drawn, by chain.
    seen: [u64; 2],
    /// Heights below which nothing is touched.
    floor: [u64; 2],
    pub(super) reorgs: u64,
    pub(super) reverted: u64,
}

impl Disturbance {
    pub(super) fn new(seed: u64, percent: f64, heads: [u64; 2]) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed ^ 0x6c6f_6164);
        Self { rng, percent, seen: heads, floor: heads, reorgs: 0, reverted: 0 }
    }

    /// Draws once for each block that came since.
    pub(super) fn strike(&mut self, network: &Network, now: u64) -> Result<(), SimError> {
        for (index, node) in network.chains.iter().enumerate() {
            let head = node.chain.head().number;
            let chance = (self.percent / 100.0).clamp(0.0, 1.0);
            let new = head.saturating_sub(self.seen[index]);
            let hit = (0..new).any(|_| self.rng.random_bool(chance));
            self.seen[index] = self.seen[index].max(head);
            if !hit {
                continue;
            }
            let depth = self.rng.random_range(1..=node.spec.confirmations.max(1));
            if head < self.floor[index] + depth {
                continue;
            }
            let replacement = draw_reorg(&mut self.rng, node, depth, now)?;
            node.chain.reorg(depth, &replacement)?;
            let head = node.chain.head().number;
            (self.seen[index], self.floor[index]) = (head, head + PEACE);
            self.reorgs += 1;
            self.reverted += depth;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SIMULATION_GENESIS;

    /// Reorgs that come while each chain mines so many blocks.
    fn reorgs_in(blocks: u64, percent: f64, seed: u64) -> Disturbance {
        let network = Network::in_memory(SIMULATION_GENESIS).unwrap();
        let mut disturbance = Disturbance::new(seed, percent, [0, 0]);
        for _ in 0..blocks {
            for node in &network.chains {
                node.chain.mine(None).unwrap();
            }
            let now = network.chains[0].chain.head().time;
            disturbance.strike(&network, now).unwrap();
        }
        disturbance
    }

    #[test]
    fn about_as_many_blocks_begin_a_reorg_as_were_asked_for() {
        assert_eq!(reorgs_in(200, 0.0, 1).reorgs, 0);
        let few = reorgs_in(1_000, 1.0, 7);
        assert!((8..40).contains(&few.reorgs), "{} of 2000 blocks", few.reorgs);
        assert!(few.reverted > few.reorgs && few.reverted < 6 * few.reorgs);
        let many = reorgs_in(200, 20.0, 7).reorgs;
        assert!((30..120).contains(&many), "{many} of 400 blocks");
    }
}
