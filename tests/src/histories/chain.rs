//! A chain that is a list of blocks, and what each of its branches must leave in the index.

use super::{
    cast::{self, CHAINS, GENESIS_TIME, Spoken},
    deed::Transaction,
    step::Deed,
};
use alloy::primitives::{Address, B256, Bloom, keccak256};
use bmn_chain::{Block, ChainLog, Header};
use bmn_primitives::{BlockRef, Hashlock, Leg, Secret};
use bmn_swap::EscrowEnd;
use std::collections::{BTreeMap, HashMap};

/// Blocks at the start, empty and never replaced: orders are taken only on chains that are indexed
/// already, and an index starts at a block that is long final.
const FIRST_STAYS: usize = 1;

/// What a believed log says of an escrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    /// It exists.
    Created(Escrow),
    /// It ended, or a token was taken out.
    Ended(Address, EscrowEnd),
}

/// An escrow as a branch shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Escrow {
    pub(super) address: Address,
    pub(super) leg: Leg,
    /// Whose hashlock.
    pub(super) lock: u8,
    /// The creation says which hashlock.
    pub(super) states_lock: bool,
    /// Came out of a fill.
    pub(super) filled: bool,
    pub(super) end: Option<EscrowEnd>,
}

/// Every escrow of a branch.
pub(super) type Escrows = BTreeMap<Address, Escrow>;

pub(super) fn learn(escrows: &mut Escrows, fact: Fact) {
    match fact {
        // An escrow is what its first creation made it.
        Fact::Created(escrow) => {
            escrows.entry(escrow.address).or_insert(escrow);
        }
        // Nothing is believed of an address before its creation, and only a rescue leaves room for
        // another end.
        Fact::Ended(address, end) => {
            if let Some(escrow) = escrows.get_mut(&address)
                && matches!(escrow.end, None | Some(EscrowEnd::Rescued { .. }))
            {
                escrow.end = Some(end);
            }
        }
    }
}

/// The secrets that the facts show, with the hashlocks they open.
pub(super) fn shown<'a>(facts: impl Iterator<Item = &'a Fact>) -> Vec<(Hashlock, B256)> {
    let (mut escrows, mut shown) = (Escrows::new(), Vec::new());
    for fact in facts {
        if let Fact::Ended(address, EscrowEnd::Withdrawn { secret }) = fact
            && let Some(escrow) = escrows.get(address)
        {
            let opened = Secret::new(secret.0).hashlock();
            if !escrow.states_lock || opened == cast::hashlock(escrow.lock) {
                shown.push((opened, *secret));
            }
        }
        learn(&mut escrows, *fact);
    }
    shown
}

/// A block and what is behind its logs.
pub(super) struct Made {
    pub(super) block: Block,
    pub(super) facts: Vec<Fact>,
    pub(super) kinds: Vec<&'static str>,
    deeds: Vec<Deed>,
}

/// Every block ever made of one chain, and which of them are canonical.
pub(super) struct Chain {
    side: usize,
    blocks: HashMap<B256, Made>,
    /// Blocks 1, 2, … of the canonical chain.
    canonical: Vec<B256>,
    finalized: usize,
    /// Escrows ever seen on any branch, oldest first.
    pub(super) seen: Vec<Escrow>,
    /// Makes hashes of blocks and transactions differ.
    counter: u64,
}

impl Chain {
    pub(super) fn new(side: usize) -> Self {
        let (blocks, canonical, seen) = (HashMap::new(), Vec::new(), Vec::new());
        let mut chain = Self { side, blocks, canonical, finalized: 0, seen, counter: 0 };
        chain.grow(&[vec![]; FIRST_STAYS], 0);
        chain
    }

    /// The newest block.
    pub(super) fn head(&self) -> Option<BlockRef> {
        self.at(self.height()).map(|made| made.block.header.block_ref())
    }

    pub(super) const fn side(&self) -> usize {
        self.side
    }

    fn fresh(&mut self, what: &[u8]) -> B256 {
        self.counter += 1;
        let chain = CHAINS[self.side].0.to_be_bytes();
        keccak256([what, &chain, &self.counter.to_be_bytes()].concat())
    }

    pub(super) fn grow(&mut self, blocks: &[Vec<Deed>], pace: u8) {
        for deeds in blocks {
            self.mine(deeds, pace);
        }
    }

    /// Replaces the newest blocks above the final ones; false when there are none.
    pub(super) fn fork(&mut self, depth: u8, kept: u8, blocks: &[Vec<Deed>], pace: u8) -> bool {
        let stay = self.finalized.max(FIRST_STAYS).min(self.canonical.len());
        let depth = usize::from(depth).min(self.canonical.len() - stay);
        self.replace(depth, kept, blocks, pace)
    }

    /// Replaces final blocks too, `below` of them, which no chain should do.
    pub(super) fn fork_deep(&mut self, below: u8, blocks: &[Vec<Deed>], pace: u8) -> bool {
        let stay = self.finalized.saturating_sub(usize::from(below)).max(FIRST_STAYS);
        if stay >= self.finalized {
            return false;
        }
        self.finalized = stay;
        self.replace(self.canonical.len() - stay, 0, blocks, pace)
    }

    fn replace(&mut self, depth: usize, kept: u8, blocks: &[Vec<Deed>], pace: u8) -> bool {
        if depth == 0 {
            return false;
        }
        let gone = self.canonical.split_off(self.canonical.len() - depth);
        let redone = gone.iter().take(usize::from(kept)).filter_map(|hash| self.blocks.get(hash));
        let mut again: Vec<Vec<Deed>> = redone.map(|made| made.deeds.clone()).collect();
        // A bare revert stays bare.
        if blocks.is_empty() {
            again.clear();
        }
        self.grow(&again, pace);
        self.grow(blocks, pace);
        true
    }

    pub(super) fn finalize(&mut self, by: u8) -> bool {
        let before = self.finalized;
        self.finalized = (before + usize::from(by)).min(self.canonical.len());
        self.finalized > before
    }

    pub(super) fn finalized(&self) -> Option<BlockRef> {
        self.at(self.finalized as u64).map(|made| made.block.header.block_ref())
    }

    pub(super) fn height(&self) -> u64 {
        self.canonical.len() as u64
    }

    /// The canonical block of a number.
    pub(super) fn at(&self, number: u64) -> Option<&Made> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.blocks.get(self.canonical.get(index)?)
    }

    pub(super) fn is_canonical(&self, block: BlockRef) -> bool {
        self.at(block.number).is_some_and(|made| made.block.header.hash == block.hash)
    }

    pub(super) fn made(&self, hash: B256) -> Option<&Made> {
        self.blocks.get(&hash)
    }

    /// The branch that ends with `tip`, oldest block first.
    pub(super) fn branch(&self, tip: Option<BlockRef>) -> Vec<&Made> {
        let mut branch = Vec::new();
        let mut next = tip.and_then(|tip| self.blocks.get(&tip.hash));
        while let Some(made) = next {
            branch.push(made);
            next = self.blocks.get(&made.block.header.parent_hash);
        }
        branch.reverse();
        branch
    }

    fn mine(&mut self, deeds: &[Deed], pace: u8) {
        let parent = self.canonical.last().and_then(|hash| self.blocks.get(hash));
        let parent = parent.map(|made| made.block.header.block_ref());
        let number = parent.map_or(0, |parent| parent.number) + 1;
        let time = parent.map_or(GENESIS_TIME, |parent| parent.time) + 1 + u64::from(pace);
        let hash = self.fresh(b"block");
        let mut escrows = Escrows::new();
        let branch = self.branch(parent);
        branch.iter().flat_map(|made| &made.facts).for_each(|fact| learn(&mut escrows, *fact));
        let (mut logs, mut facts, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
        for deed in deeds {
            let done = Transaction::of(deed, self, &escrows, time);
            for fact in &done.facts {
                learn(&mut escrows, *fact);
                if let Fact::Created(escrow) = fact {
                    self.seen.retain(|seen| seen.address != escrow.address);
                    self.seen.push(*escrow);
                }
            }
            facts.extend(done.facts);
            kinds.extend(done.kinds);
            for spoken in done.transactions.into_iter().filter(|spoken| !spoken.is_empty()) {
                let tx_hash = self.fresh(b"transaction");
                place(&mut logs, spoken, tx_hash);
            }
        }
        if logs.is_empty() {
            kinds.push("empty block");
        }
        let header = Header {
            number,
            hash,
            parent_hash: parent.map_or_else(|| keccak256("genesis"), |parent| parent.hash),
            timestamp: time,
            logs_bloom: bloom(&logs),
            receipts_root: keccak256(hash),
            base_fee: Some(7),
        };
        let deeds = deeds.to_vec();
        self.blocks.insert(hash, Made { block: Block { header, logs }, facts, kinds, deeds });
        self.canonical.push(hash);
    }
}

fn place(logs: &mut Vec<ChainLog>, spoken: Vec<Spoken>, tx_hash: B256) {
    let tx_index = logs.last().map_or(0, |log: &ChainLog| log.tx_index + 1);
    for (address, said) in spoken {
        let (topics, data) = said.split();
        let log_index = logs.len() as u32;
        logs.push(ChainLog { address, topics, data, tx_hash, tx_index, log_index });
    }
}

fn bloom(logs: &[ChainLog]) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in logs {
        bloom.accrue_raw_log(log.address, &log.topics);
    }
    bloom
}

/// True when a host that filters must hand the log over: its address is registered, or its topic is
/// one that an escrow may log.
pub(super) fn can_matter(side: usize, log: &ChainLog) -> bool {
    let registered = (0..cast::DIALECTS.len() as u8).any(|which| {
        let factory = cast::factory(side, which);
        [factory.address, factory.limit_order_protocol].contains(&log.address)
    });
    let escrow = bmn_contracts::Emitter::Escrow(bmn_primitives::Dialect::Bmn4);
    registered
        || log.topics.first().is_some_and(|topic| bmn_contracts::topics(escrow).contains(topic))
}
