//! Histories made from a seed: the same options give the same records, on every machine.

mod block;
mod life;
mod others;
mod shape;

use crate::{ArchiveError, ArchivedBlock, Flags, Preamble, Record, Rollback};
use alloy::primitives::{Address, B256};
use block::{Made, make_block};
use bmn_contracts::EscrowImplementations;
use bmn_primitives::{BlockRef, ChainId, Dialect};
use life::Life;
use others::Others;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
pub use shape::Shape;
use shape::{Content, Profile};
use std::collections::VecDeque;

/// Dialects whose events can be generated.
pub const DIALECTS: [Dialect; 2] = [Dialect::Bmn4, Dialect::OneInch2];

/// Time of the block before the first, unix seconds.
const GENESIS_TIME: u64 = 1_700_000_000;
const BLOCK_TIME: u64 = 12;

/// A factory whose events are ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factory {
    /// Its address.
    pub address: Address,
    /// What it speaks: one of [`DIALECTS`].
    pub dialect: Dialect,
    /// The limit-order protocol that calls it.
    pub limit_order_protocol: Address,
}

impl Factory {
    fn implementations(&self) -> EscrowImplementations {
        EscrowImplementations::for_factory(self.dialect, self.address)
    }
}

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Sizes and mix.
    pub shape: Shape,
    /// Everything random comes from this.
    pub seed: u64,
    /// Blocks of the history at its end; the shape's own number when none.
    pub blocks: Option<u64>,
    /// The chain.
    pub chain: ChainId,
    /// The chain of the other legs.
    pub counterpart: ChainId,
    /// Take the other side of every swap: with `chain` and `counterpart` exchanged and the same
    /// seed, the file of the other chain.
    pub mirrored: bool,
    /// Factories that are ours. DENSE and SPARSE use the first.
    pub factories: Vec<Factory>,
    /// Tokens that are swapped.
    pub tokens: Vec<Address>,
}

impl Options {
    /// The preamble of the file.
    pub fn preamble(&self, writer: &str) -> Preamble {
        Preamble {
            chain: self.chain,
            first_block: 1,
            flags: Flags { generated: true, rollbacks: self.shape.profile().reorg_every.is_some() },
            writer: format!("{writer}, shape {}, seed {}", self.shape, self.seed),
        }
    }

    /// Blocks of the history at its end.
    pub const fn block_count(&self) -> u64 {
        match self.blocks {
            Some(blocks) => blocks,
            None => self.shape.profile().blocks,
        }
    }
}

/// Makes the records of a history, one at a time.
#[derive(Debug)]
pub struct Generator {
    options: Options,
    profile: Profile,
    others: Others,
    world: World,
    forks: ChaCha8Rng,
    next_fork: Option<u64>,
    ready: VecDeque<Record>,
}

/// All that a block changes: what a fork begins with.
#[derive(Debug, Clone)]
struct World {
    tip: BlockRef,
    rng: ChaCha8Rng,
    life: Life,
}

impl Generator {
    /// A generator at its beginning.
    ///
    /// # Errors
    /// [`ArchiveError::Options`].
    pub fn new(options: Options) -> Result<Self, ArchiveError> {
        if options.factories.is_empty() || options.tokens.is_empty() {
            return Err(ArchiveError::Options("a chain without factories or tokens"));
        }
        if options.factories.iter().any(|factory| !DIALECTS.contains(&factory.dialect)) {
            return Err(ArchiveError::Options("only bmn4 and oneinch2 factories are generated"));
        }
        if options.block_count() == 0 {
            return Err(ArchiveError::Options("no blocks: ask for at least one"));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let tip =
            BlockRef { number: 0, hash: B256::from(rng.random::<[u8; 32]>()), time: GENESIS_TIME };
        let mut forks = rng.clone();
        forks.set_stream(1);
        let mut generator = Self {
            profile: options.shape.profile(),
            others: Others::new(&mut rng),
            world: World { tip, rng, life: Life::default() },
            forks,
            next_fork: None,
            ready: VecDeque::new(),
            options,
        };
        generator.plan_fork(1);
        Ok(generator)
    }

    fn plan_fork(&mut self, from: u64) {
        let gap =
            |every: u64, rng: &mut ChaCha8Rng| rng.random_range(every / 2..=every + every / 2);
        self.next_fork = self.profile.reorg_every.map(|every| from + gap(every, &mut self.forks));
    }

    fn block(&mut self) -> (ArchivedBlock, BlockRef) {
        let World { tip, rng, life } = &mut self.world;
        let mut made = Made::default();
        let (number, time) = (tip.number + 1, tip.time + BLOCK_TIME);
        match self.profile.content {
            Content::Created { transactions, sources, destinations } => {
                for _ in 0..transactions {
                    life.created(&self.options, time, sources, destinations, &mut made);
                }
            }
            Content::Life { ours } => {
                let total = rng.random_range(self.profile.others.clone());
                life.grow(ours.of(total), &self.options, number, time, rng, &mut made);
                self.others.fill(total.saturating_sub(made.logs()), rng, &mut made);
                made.shuffle(rng);
            }
        }
        let block = make_block(*tip, number, time, made.transactions, rng);
        *tip = BlockRef { number, hash: block.hash, time };
        (block, *tip)
    }

    // Blocks that will leave again, the rollback, and the world as it was before them.
    fn fork(&mut self, depth: u64) {
        let before = self.world.clone();
        let mut reverted = Vec::new();
        for _ in 0..depth {
            let (block, at) = self.block();
            self.ready.push_back(Record::Block(block));
            reverted.push(at);
        }
        reverted.reverse();
        // One in four comes without replacements: the host tells of the new blocks later.
        let replaced_by = if self.forks.random_ratio(1, 4) { 0 } else { depth + 1 };
        self.ready.push_back(Record::Rollback(Rollback { reverted, replaced_by }));
        self.world = before;
        // The same height, another course of events.
        self.world.rng.set_stream(self.forks.random_range(2..u64::MAX));
        self.plan_fork(self.world.tip.number + depth + 2);
    }
}

impl Iterator for Generator {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if let Some(record) = self.ready.pop_front() {
            return Some(record);
        }
        let (next, last) = (self.world.tip.number + 1, self.options.block_count());
        if self.next_fork.is_some_and(|fork| fork <= next) {
            let depth = self.forks.random_range(1..=self.profile.reorg_depth);
            if next + depth <= last {
                self.fork(depth);
                return self.ready.pop_front();
            }
            self.next_fork = None;
        }
        (next <= last).then(|| Record::Block(self.block().0))
    }
}
