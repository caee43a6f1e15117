//! Sizes and mix of a generated history.

use std::{fmt, ops::RangeInclusive};

/// A kind of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// 600 blocks of 5 transactions with 6 source and 4 destination escrows each: 30 000 events.
    Dense,
    /// 5 000 blocks of 1 transaction with 2 source and 2 destination escrows: 20 000 events.
    Sparse,
    /// 1 000 blocks of 300 to 500 logs, one in a hundred ours: escrows that are created, filled,
    /// withdrawn and cancelled; reorgs.
    Mainnet,
    /// 10 500 blocks with 100 events of ours each, over a million: whole lives; reorgs.
    Large,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dense => "dense",
            Self::Sparse => "sparse",
            Self::Mainnet => "mainnet",
            Self::Large => "large",
        })
    }
}

/// How many logs are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quota {
    /// One log in so many.
    OneIn(u32),
    /// So many in every block.
    PerBlock(u32),
}

impl Quota {
    /// Hundredths of a log that a block of `total` logs may have.
    pub(super) const fn of(self, total: u32) -> i64 {
        match self {
            Self::OneIn(many) => total as i64 * 100 / many as i64,
            Self::PerBlock(logs) => logs as i64 * 100,
        }
    }
}

/// What the transactions of a block are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Creations alone, the same in every transaction.
    Created { transactions: u32, sources: u32, destinations: u32 },
    /// Whole lives of swaps among what others do.
    Life { ours: Quota },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) blocks: u64,
    pub(super) content: Content,
    /// Logs of a block, ours included.
    pub(super) others: RangeInclusive<u32>,
    /// Blocks between reorgs, on average.
    pub(super) reorg_every: Option<u64>,
    /// Deepest reorg, blocks.
    pub(super) reorg_depth: u64,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 4] = [Self::Dense, Self::Sparse, Self::Mainnet, Self::Large];

    pub(super) const fn profile(self) -> Profile {
        match self {
            Self::Dense => Profile {
                blocks: 600,
                content: Content::Created { transactions: 5, sources: 6, destinations: 4 },
                others: 0..=0,
                reorg_every: None,
                reorg_depth: 1,
            },
            Self::Sparse => Profile {
                blocks: 5_000,
                content: Content::Created { transactions: 1, sources: 2, destinations: 2 },
                others: 0..=0,
                reorg_every: None,
                reorg_depth: 1,
            },
            Self::Mainnet => Profile {
                blocks: 1_000,
                content: Content::Life { ours: Quota::OneIn(100) },
                others: 300..=500,
                reorg_every: Some(50),
                reorg_depth: 6,
            },
            Self::Large => Profile {
                blocks: 10_500,
                content: Content::Life { ours: Quota::PerBlock(100) },
                others: 110..=130,
                reorg_every: Some(1_000),
                reorg_depth: 6,
            },
        }
    }
}
