//! What can go wrong with an archive.

use crate::check::BlockProblem;
use bmn_primitives::{BlockRef, ErrorClass};
use std::{fmt, io};

/// Where in a file something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Byte at which the frame begins; of the preamble, 0.
    pub offset: u64,
    /// Number of the frame, from 0.
    pub frame: u64,
    /// Number of the block, where one is known.
    pub block: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {} at byte {}", self.frame, self.offset)?;
        self.block.map_or(Ok(()), |block| write!(f, ", block {block}"))
    }
}

/// Errors of reading, writing and checking archives.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file could not be read or written.
    #[error("the archive cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// The file begins with something else.
    #[error("not an archive: it does not begin with the eight bytes of one ({0})")]
    NotAnArchive(&'static str),
    /// The file was written by a later version.
    #[error("the archive has format {found}; this build knows up to {known}: use a newer bmn")]
    NewerFormat {
        /// Version in the file.
        found: u64,
        /// Newest version this build reads.
        known: u64,
    },
    /// The file says something about itself that no version does.
    #[error("the archive's preamble is damaged: {0}; record or generate the file again")]
    Preamble(&'static str),
    /// Bytes are not what they were when the file was written.
    #[error(
        "{place}: {problem}; everything before it is whole: `bmn archive record --resume` goes on \
         from there, or write the file again"
    )]
    Damaged {
        /// Where.
        place: Place,
        /// What does not fit.
        problem: String,
    },
    /// The file is whole, but what it holds contradicts itself.
    #[error("{place}: {problem}; record the range again, from another endpoint if it stays so")]
    Contradiction {
        /// Where.
        place: Place,
        /// What does not fit.
        problem: BlockProblem,
    },
    /// A frame claims to be larger than any may be.
    #[error("{place}: {what} of {found} is above the limit of {limit}; not written by bmn")]
    TooLarge {
        /// Where.
        place: Place,
        /// What is too large.
        what: &'static str,
        /// What the file says.
        found: u64,
        /// What is accepted.
        limit: u64,
    },
    /// A record handed to the writer does not continue what is in the file.
    #[error("cannot be added to the archive: {0}")]
    Unfit(#[from] Misfit),
    /// Nothing can be generated from these options.
    #[error("cannot generate: {0}")]
    Options(&'static str),
    /// A record handed to the writer does not fit into a frame.
    #[error("block {block} takes {bytes} bytes; a frame holds up to {limit}")]
    BlockTooLarge {
        /// Number of the block.
        block: u64,
        /// Its size.
        bytes: usize,
        /// What is accepted.
        limit: usize,
    },
}

impl ArchiveError {
    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Io(_) => ErrorClass::Transient,
            Self::NotAnArchive(_)
            | Self::NewerFormat { .. }
            | Self::Unfit(_)
            | Self::Options(_)
            | Self::BlockTooLarge { .. } => ErrorClass::Permanent,
            Self::Preamble(_)
            | Self::Damaged { .. }
            | Self::Contradiction { .. }
            | Self::TooLarge { .. } => ErrorClass::Corrupt,
        }
    }

    pub(crate) fn damaged(place: Place, problem: impl fmt::Display) -> Self {
        Self::Damaged { place, problem: problem.to_string() }
    }
}

/// A record does not continue the history before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The header is not one.
    #[error("its header is no header: {0}")]
    Header(alloy::rlp::Error),
    /// A receipt is not one.
    #[error("a receipt is no receipt: {0}")]
    Receipts(alloy::rlp::Error),
    /// The first block is not the one the preamble names.
    #[error("block {found} comes first; the preamble says block {expected}")]
    First {
        /// Number of the block.
        found: u64,
        /// Number in the preamble.
        expected: u64,
    },
    /// The block is not the child of the tip.
    #[error(
        "block {block} is not the child of {tip}: the chain was reorganised in between, or a block is missing"
    )]
    NotChild {
        /// The block.
        block: BlockRef,
        /// The newest block.
        tip: BlockRef,
    },
    /// A rollback takes away blocks that are not on top.
    #[error("a rollback takes {found} away, but the newest block is {tip:?}")]
    NotTip {
        /// What it names.
        found: BlockRef,
        /// The newest block; none when there is none.
        tip: Option<BlockRef>,
    },
    /// A rollback of nothing, or of more than anybody keeps.
    #[error("a rollback of {0} blocks: expected 1 to {limit}", limit = crate::MAX_ROLLBACK)]
    Rollback(usize),
}
