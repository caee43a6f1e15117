//! How far a subscriber has been told of one chain, and whether that still is what happened.

use crate::{
    RpcError, cursor,
    place::{self, Digest, Place},
    snapshot::Snapshot,
};
use alloy::primitives::B256;
use bmn_primitives::ChainId;
use bmn_rpc_api::{Cursor, SubscriptionKind};
use bmn_store::{EventKey, IndexedBlock, Mode};

type Result<T> = std::result::Result<T, RpcError>;

/// The log index that stands for the whole block.
const WHOLE: u32 = u32::MAX;

/// Blocks of which hash and digest are kept, to say exactly where a reorg began.
const KEPT: usize = 1_024;

/// Half of a block hash: enough to tell two blocks of one height apart.
type HalfHash = [u8; 16];

/// The last of what was told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Last {
    place: Place,
    /// None where the index does not remember the block: it is final and holds nothing.
    hash: Option<HalfHash>,
}

/// A block that was told of and was not final then.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Passed {
    number: u64,
    hash: B256,
    digest: Digest,
}

/// How far a subscriber has been told of one chain.
#[derive(Debug, Clone)]
pub(super) struct Position {
    chain: ChainId,
    /// None before the first block.
    last: Option<Last>,
    /// Oldest first.
    passed: Vec<Passed>,
}

/// Whether what was told still is what happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Go on from here.
    Good,
    /// The chain is being indexed again: nobody can say.
    Waits,
    /// What was told of this block and of those after it is void.
    Void(u64),
}

/// The end of a block as a place.
const fn whole(chain: ChainId, number: u64) -> EventKey {
    EventKey { chain, number, log_index: WHOLE }
}

fn half(hash: B256) -> HalfHash {
    let mut half = HalfHash::default();
    half.copy_from_slice(&hash[16..]);
    half
}

fn halved(block: &IndexedBlock) -> Passed {
    let digest = place::half(block.digest);
    Passed { number: block.block.number, hash: block.block.hash, digest }
}

/// Whether the index of a chain is being made again, so that it says nothing about the chain.
fn is_rebuilt(mode: Mode) -> bool {
    matches!(mode, Mode::Clearing(_) | Mode::Rebuilding(_))
}

impl Position {
    /// Before the first block.
    const fn start(chain: ChainId) -> Self {
        Self { chain, last: None, passed: Vec::new() }
    }

    fn at(snapshot: &Snapshot, key: EventKey, passed: Vec<Passed>) -> Result<Self> {
        let hash = snapshot.block(key.chain, key.number)?.map(|block| half(block.hash));
        let last = Some(Last { place: Place::of(snapshot, key)?, hash });
        Ok(Self { chain: key.chain, last, passed })
    }

    /// After what the index has now.
    ///
    /// # Errors
    /// [`RpcError::Behind`] while the chain is being indexed again.
    pub(super) fn now(snapshot: &Snapshot, chain: ChainId) -> Result<Self> {
        let cursor = snapshot.cursor(chain)?;
        if is_rebuilt(cursor.mode) {
            let why = format!("chain {chain} is being indexed again");
            return Err(RpcError::Behind(why));
        }
        Self::start(chain).until(snapshot, cursor.tip.map(|tip| tip.number))
    }

    /// Before block `number`.
    ///
    /// # Errors
    /// Those of [`now`](Self::now), and [`RpcError::Param`] when the block before it is not indexed.
    pub(super) fn before(snapshot: &Snapshot, chain: ChainId, number: u64) -> Result<Self> {
        let now = Self::now(snapshot, chain)?;
        let next = now.last.map_or(0, |last| last.place.key.number.saturating_add(1));
        if number > next {
            return Err(RpcError::param(
                "from",
                format!("a block number up to {next}, the next one"),
            ));
        }
        Self::start(chain).until(snapshot, number.checked_sub(1))
    }

    fn until(self, snapshot: &Snapshot, number: Option<u64>) -> Result<Self> {
        match number {
            Some(number) => self.after(snapshot, whole(self.chain, number)),
            None => Ok(self),
        }
    }

    /// The same after `key` was told, too.
    pub(super) fn after(&self, snapshot: &Snapshot, key: EventKey) -> Result<Self> {
        let finalized = snapshot.cursor(self.chain)?.finalized.map(|block| block.number);
        let mut passed = self.passed.clone();
        // No more than that is kept, so no older ones are read.
        let oldest = key.number.checked_sub(KEPT as u64);
        let from = self.number().max(finalized).max(oldest);
        let ahead = from.map_or(u64::MAX, |from| key.number.saturating_sub(from));
        let most = usize::try_from(ahead).unwrap_or(KEPT).min(KEPT);
        let more = snapshot.blocks_after(self.chain, from, most)?;
        passed.extend(more.iter().filter(|it| it.block.number <= key.number).map(halved));
        passed.retain(|it| finalized.is_none_or(|finalized| it.number > finalized));
        passed.drain(..passed.len().saturating_sub(KEPT));
        Self::at(snapshot, key, passed)
    }

    /// The same when the whole block `number` was told, too.
    pub(super) fn after_block(&self, snapshot: &Snapshot, number: u64) -> Result<Self> {
        self.after(snapshot, whole(self.chain, number))
    }

    /// The same with what was told of block `from` and of those after it forgotten.
    pub(super) fn rewound(&self, snapshot: &Snapshot, from: u64) -> Result<Self> {
        let Some(number) = from.checked_sub(1) else { return Ok(Self::start(self.chain)) };
        let mut passed = self.passed.clone();
        passed.retain(|it| it.number < from);
        Self::at(snapshot, whole(self.chain, number), passed)
    }

    /// The chain.
    pub(super) const fn chain(&self) -> ChainId {
        self.chain
    }

    /// The last place that was told.
    pub(super) fn key(&self) -> Option<EventKey> {
        self.last.as_ref().map(|last| last.place.key)
    }

    /// The last block that was told, all of it or in part.
    pub(super) fn number(&self) -> Option<u64> {
        self.key().map(|key| key.number)
    }

    /// Whether it can say more exactly than the same position of another where a reorg began.
    pub(super) const fn remembers_more_than(&self, other: &Self) -> bool {
        self.passed.len() > other.passed.len()
    }

    /// Whether both have been told the same. What was final at that time and what is remembered of the way make no
    /// difference.
    pub(super) fn is(&self, other: &Self) -> bool {
        let same = |one: &Last, other: &Last| {
            (one.place.key, one.place.digest, one.hash)
                == (other.place.key, other.place.digest, other.hash)
        };
        self.chain == other.chain
            && match (&self.last, &other.last) {
                (Some(one), Some(other)) => same(one, other),
                (None, None) => true,
                _ => false,
            }
    }

    /// Whether it still is what happened. Who is told of every block (`of_blocks`) has to know that an empty
    /// one is the same, too.
    pub(super) fn standing(&self, snapshot: &Snapshot, of_blocks: bool) -> Result<Standing> {
        if is_rebuilt(snapshot.cursor(self.chain)?.mode) {
            return Ok(Standing::Waits);
        }
        let Some(last) = &self.last else {
            snapshot.keeps(self.chain, 0)?;
            return Ok(Standing::Good);
        };
        snapshot.keeps_after(last.place.key)?;
        if last.place.stands(snapshot)? && self.is_same_block(snapshot, last, of_blocks)? {
            return Ok(Standing::Good);
        }
        for passed in self.passed.iter().rev() {
            let held = snapshot.block(self.chain, passed.number)?;
            let digest = place::digest(snapshot, self.chain, passed.number)?;
            if held.is_some_and(|held| held.hash == passed.hash) && digest == Some(passed.digest) {
                return Ok(Standing::Void(passed.number + 1));
            }
        }
        Ok(Standing::Void(last.place.void_from(snapshot)?))
    }

    fn is_same_block(&self, snapshot: &Snapshot, last: &Last, of_blocks: bool) -> Result<bool> {
        let number = last.place.key.number;
        let Some(hash) = last.hash else { return Ok(true) };
        Ok(match snapshot.block(self.chain, number)? {
            Some(held) => half(held.hash) == hash,
            // Not remembered: final, and without events. If it was final when it was told, it is the same.
            None => !of_blocks || number < last.place.open,
        })
    }

    /// Whether no event was told of block `from` or of those after it.
    pub(super) fn told_no_event_since(&self, snapshot: &Snapshot, from: u64) -> Result<bool> {
        let told = self.last.as_ref().map_or_else(Digest::default, |last| last.place.digest);
        Ok(match from.checked_sub(1) {
            Some(before) => place::digest(snapshot, self.chain, before)? == Some(told),
            None => told == Digest::default(),
        })
    }

    /// Whether the index has not come so far.
    pub(super) fn is_ahead(&self, snapshot: &Snapshot) -> Result<bool> {
        let cursor = snapshot.cursor(self.chain)?;
        Ok(!is_rebuilt(cursor.mode) && self.number() > cursor.tip.map(|tip| tip.number))
    }

    /// For the subscriber to come back with.
    pub(super) fn seal(&self, kind: SubscriptionKind) -> Cursor {
        let mut bytes = self.chain.0.to_be_bytes().to_vec();
        if let Some(last) = &self.last {
            bytes.extend(last.place.to_bytes());
            bytes.extend(last.hash.unwrap_or_default());
        }
        cursor::seal("subscribe", &kind, &bytes)
    }

    /// For the subscriber to come back with after the event `key`.
    pub(super) fn seal_at(
        snapshot: &Snapshot,
        kind: SubscriptionKind,
        key: EventKey,
    ) -> Result<Cursor> {
        Ok(Self::at(snapshot, key, Vec::new())?.seal(kind))
    }

    /// What a subscriber came back with.
    ///
    /// # Errors
    /// [`RpcError::BadCursor`] when it was not made by this kind of subscription.
    pub(super) fn open(kind: SubscriptionKind, sealed: &Cursor) -> Result<Self> {
        let bytes = cursor::open("subscribe", &kind, sealed)?;
        let (chain, rest) = bytes.split_first_chunk().ok_or(RpcError::BadCursor)?;
        let chain = ChainId(u64::from_be_bytes(*chain));
        if rest.is_empty() {
            return Ok(Self::start(chain));
        }
        let (place, hash) = rest.split_at_checked(Place::LEN).ok_or(RpcError::BadCursor)?;
        let place = Place::from_bytes(place).ok_or(RpcError::BadCursor)?;
        let hash = HalfHash::try_from(hash).map_err(|_| RpcError::BadCursor)?;
        let hash = Some(hash).filter(|hash| *hash != HalfHash::default());
        Ok(Self { chain, last: Some(Last { place, hash }), passed: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_kind_opens_a_position_and_no_byte_is_lost() {
        let start = Position::start(ChainId(7));
        let sealed = start.seal(SubscriptionKind::Orders);
        assert!(Position::open(SubscriptionKind::Orders, &sealed).unwrap().is(&start));
        assert!(Position::open(SubscriptionKind::Blocks, &sealed).is_err());
    }
}
