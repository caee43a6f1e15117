//! What a development chain refuses.

use alloy::primitives::B256;
use bmn_chain::SendRejection;
use bmn_primitives::{BlockRef, ChainId, ErrorClass};
use std::{net::SocketAddr, path::PathBuf};

/// Errors of [`DevChain`](crate::DevChain) and [`DevServer`](crate::DevServer).
#[derive(Debug, thiserror::Error)]
pub enum DevChainError {
    /// Timestamps of a chain rise strictly.
    #[error("a block at {requested} s cannot follow {parent} at {} s; ask for a later time", parent.time)]
    TimeNotAfterParent {
        /// The timestamp asked for, unix seconds.
        requested: u64,
        /// The block it would follow.
        parent: BlockRef,
    },
    /// The chain has no state that old, or not that many blocks.
    #[error("cannot go back {depth} blocks from block {head}; {available} are possible")]
    TooDeep {
        /// Blocks to take back.
        depth: u64,
        /// The newest block.
        head: u64,
        /// Blocks that can be taken back: bounded by genesis, the kept history and finality.
        available: u64,
    },
    /// The replacement of a reorg contradicts itself.
    #[error("the replacement cannot be built: {reason}")]
    InvalidReplacement {
        /// What does not fit.
        reason: String,
    },
    /// There is no such snapshot: never taken, or gone with an earlier revert.
    #[error("there is no snapshot {0}")]
    UnknownSnapshot(u64),
    /// No block, or no state any more, at that number.
    #[error("no state is kept for block {number}; the newest {history} blocks have theirs")]
    NoState {
        /// Block number asked for.
        number: u64,
        /// Blocks whose state is kept.
        history: u64,
    },
    /// The block was there and is not kept any more.
    #[error("block {number} is not kept any more; the oldest one that is has number {oldest}")]
    Pruned {
        /// Block number asked for.
        number: u64,
        /// Oldest block that is kept, block 0 apart.
        oldest: u64,
    },
    /// The bytes are not contract code: `0xef0100` must be followed by one address (EIP-7702).
    #[error("the code is not valid EVM bytecode: {reason}")]
    InvalidCode {
        /// What is wrong with it.
        reason: String,
    },
    /// The pool refused the transaction.
    #[error("transaction refused: {0:?}")]
    Rejected(SendRejection),
    /// The pool holds no such transaction.
    #[error("transaction {0} is not in the pool")]
    NotPooled(B256),
    /// The caller of a call cannot pay for it, or the call is malformed.
    #[error("the call cannot run: {reason}")]
    InvalidCall {
        /// The EVM's reason.
        reason: String,
        /// Whether the caller's balance is the reason.
        insufficient_funds: bool,
    },
    /// Another process has the directory open.
    #[error(
        "{} is in use by another process; stop that one or choose another directory",
        directory.display()
    )]
    InUse {
        /// The chain's directory.
        directory: PathBuf,
    },
    /// The data was written by a newer version.
    #[error(
        "{} has schema {found}, this version reads up to {supported}; use the newer version",
        directory.display()
    )]
    NewerSchema {
        /// The chain's directory.
        directory: PathBuf,
        /// Schema version of the data.
        found: u32,
        /// Newest schema version this program reads.
        supported: u32,
    },
    /// The data belongs to another chain.
    #[error("{} holds chain {found}, expected chain {expected}", directory.display())]
    WrongChain {
        /// The chain's directory.
        directory: PathBuf,
        /// Chain id asked for.
        expected: ChainId,
        /// Chain id of the data.
        found: ChainId,
    },
    /// Stored data contradicts itself.
    #[error("{} is corrupt: {reason}", directory.display())]
    Corrupt {
        /// The chain's directory.
        directory: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The disk refused. Nothing of the change was kept.
    #[error("{}: storage failed: {reason}", directory.display())]
    Storage {
        /// The chain's directory.
        directory: PathBuf,
        /// The storage's words.
        reason: String,
    },
    /// The server's address is taken.
    #[error("{address} is already in use; stop the other program or choose another port")]
    AddressInUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The server cannot listen there for another reason.
    #[error("cannot listen on {address}: {reason}")]
    CannotListen {
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's words.
        reason: String,
    },
}

impl DevChainError {
    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Corrupt { .. } => ErrorClass::Corrupt,
            Self::Storage { .. } | Self::InUse { .. } | Self::AddressInUse { .. } => {
                ErrorClass::Transient
            }
            Self::Rejected(rejection) => match rejection {
                SendRejection::Other(_) => ErrorClass::Permanent,
                _ => ErrorClass::Transient,
            },
            _ => ErrorClass::Permanent,
        }
    }
}
