//! That a log is in a block, shown so that nobody need be believed who says so.
//!
//! A header's hash commits to the receipts of its block through `receiptsRoot`, the root of a Merkle-Patricia trie
//! from a transaction's index to its receipt (Ethereum yellow paper, 4.4; EIP-2718). What is left to trust is the
//! block's hash, which whoever verifies asks a node of his own choice for.
//!
//! Headers and receipts are read by position, not by type: chains have headers with fields of their own, and
//! transaction types that nobody else knows.

use crate::{
    rlp::{items, whole},
    trie,
};
use alloy::primitives::{B256, Bytes, Log, keccak256};
use alloy_trie::{HashBuilder, Nibbles, proof::ProofRetainer};
use bmn_primitives::BlockRef;
use serde::{Deserialize, Serialize};

/// Position of `receiptsRoot` in a header.
const RECEIPTS_ROOT: usize = 5;
/// Position of `number`.
const NUMBER: usize = 8;
/// Position of `timestamp`.
const TIMESTAMP: usize = 11;
/// Position of the logs in a receipt.
const LOGS: usize = 3;

/// A log with all that shows it to be in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogProof {
    /// Chain id. A header does not say it: the block's hash has to be asked for on this chain.
    pub chain: u64,
    /// The block's hash.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub block_hash: B256,
    /// The block's header, RLP.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Bytes"))]
    pub header: Bytes,
    /// The transaction's index in the block.
    pub transaction_index: u64,
    /// Its receipt as the trie has it: RLP, after one byte of the type unless that is legacy.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Bytes"))]
    pub receipt: Bytes,
    /// The trie's nodes from the root to the receipt, RLP.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<crate::schema::Bytes>"))]
    pub nodes: Vec<Bytes>,
    /// Index of the log in the receipt.
    pub log_index: u32,
}

/// What a proof shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenLog {
    /// The block; that its hash is the chain's at this number is still to be asked for.
    pub block: BlockRef,
    /// The log.
    pub log: Log,
}

/// Why a proof shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Bytes that are not what they should be.
    #[error("`{field}` cannot be read: expected {expected}")]
    Unreadable {
        /// The field of [`LogProof`].
        field: &'static str,
        /// The accepted form.
        expected: &'static str,
    },
    /// The header is another block's.
    #[error("`header` has the hash {found}, `blockHash` is {expected}")]
    OtherHeader {
        /// What it hashes to.
        found: B256,
        /// What it should.
        expected: B256,
    },
    /// The nodes do not lead from the header's root to this receipt.
    #[error("`receipt` is not the one of transaction {index} under the receipts root {root}")]
    NotInBlock {
        /// The transaction's index.
        index: u64,
        /// The header's root.
        root: B256,
    },
    /// The receipt has not so many logs.
    #[error("`logIndex` is {index}, there are {logs} logs")]
    NoSuchLog {
        /// What was asked for.
        index: u32,
        /// How many there are.
        logs: usize,
    },
    /// The receipts of which a proof was to be made are not all of the block's.
    #[error("the receipts have the root {found}, the header has {expected}")]
    OtherReceipts {
        /// Their root.
        found: B256,
        /// The header's.
        expected: B256,
    },
}

impl LogProof {
    /// The log, if all of this is true.
    ///
    /// # Errors
    /// [`ProofError`], naming the first field that does not fit.
    pub fn verify(&self) -> Result<ProvenLog, ProofError> {
        let found = keccak256(&self.header);
        if found != self.block_hash {
            return Err(ProofError::OtherHeader { found, expected: self.block_hash });
        }
        let header = ReadHeader::read(&self.header)?;
        let (index, root) = (self.transaction_index, header.receipts_root);
        if trie::value_at(root, &key_of(index), &self.nodes) != Some(&*self.receipt) {
            return Err(ProofError::NotInBlock { index, root });
        }
        let mut logs = logs(&self.receipt)?;
        let place = usize::try_from(self.log_index).unwrap_or(usize::MAX);
        if place >= logs.len() {
            return Err(ProofError::NoSuchLog { index: self.log_index, logs: logs.len() });
        }
        let block = BlockRef { number: header.number, hash: found, time: header.time };
        Ok(ProvenLog { block, log: logs.swap_remove(place) })
    }
}

/// The receipts of a block as its trie has them, with its header: what proofs are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockReceipts {
    /// Chain id.
    pub chain: u64,
    /// The header, RLP.
    pub header: Bytes,
    /// All receipts, in the order of their transactions, encoded as in [`LogProof::receipt`].
    pub receipts: Vec<Bytes>,
}

impl BlockReceipts {
    /// The proof of a log, by its transaction's index and its own in the receipt.
    ///
    /// # Errors
    /// [`ProofError::OtherReceipts`] when these are not the header's receipts, else what the proof would fail by.
    pub fn prove(&self, transaction_index: u64, log_index: u32) -> Result<LogProof, ProofError> {
        let header = ReadHeader::read(&self.header)?;
        let place = usize::try_from(transaction_index).ok();
        let none = ProofError::NotInBlock { index: transaction_index, root: header.receipts_root };
        let receipt = place.and_then(|place| self.receipts.get(place)).ok_or(none)?;
        let (found, nodes) = self.trie(transaction_index);
        if found != header.receipts_root {
            return Err(ProofError::OtherReceipts { found, expected: header.receipts_root });
        }
        let proof = LogProof {
            chain: self.chain,
            block_hash: keccak256(&self.header),
            header: self.header.clone(),
            transaction_index,
            receipt: receipt.clone(),
            nodes,
            log_index,
        };
        proof.verify().map(|_| proof)
    }

    /// Where a log of the block is, by its index in the block: its transaction's index and its own in the receipt.
    ///
    /// # Errors
    /// [`ProofError::Unreadable`]; [`ProofError::NoSuchLog`] when the block has fewer.
    pub fn place_of(&self, log_index: u32) -> Result<(u64, u32), ProofError> {
        let mut before = 0;
        for (transaction, receipt) in (0..).zip(&self.receipts) {
            let here = logs(receipt)?.len();
            let after = before + here;
            let place = usize::try_from(log_index).unwrap_or(usize::MAX);
            if place < after {
                let offset = u32::try_from(place - before).unwrap_or(u32::MAX);
                return Ok((transaction, offset));
            }
            before = after;
        }
        Err(ProofError::NoSuchLog { index: log_index, logs: before })
    }

    /// The root, and the nodes that lead to one receipt.
    fn trie(&self, index: u64) -> (B256, Vec<Bytes>) {
        let retained = ProofRetainer::from_iter([Nibbles::unpack(key_of(index))]);
        let mut builder = HashBuilder::default().with_proof_retainer(retained);
        let mut leaves: Vec<_> =
            (0..).map(|index| Nibbles::unpack(key_of(index))).zip(&self.receipts).collect();
        leaves.sort_by_key(|(key, _)| *key);
        for (key, receipt) in leaves {
            builder.add_leaf(key, receipt);
        }
        let root = builder.root();
        let nodes = builder.take_proof_nodes().into_nodes_sorted();
        (root, nodes.into_iter().map(|(_, node)| node).collect())
    }
}

/// A transaction's key in the trie: the RLP of its index.
fn key_of(index: u64) -> Vec<u8> {
    alloy::rlp::encode(index)
}

struct ReadHeader {
    receipts_root: B256,
    number: u64,
    time: u64,
}

impl ReadHeader {
    fn read(header: &[u8]) -> Result<Self, ProofError> {
        let unreadable =
            || ProofError::Unreadable { field: "header", expected: "the RLP of a block header" };
        let items = items(header).ok_or_else(unreadable)?;
        let item = |position: usize| items.get(position).copied().ok_or_else(unreadable);
        let number = |position: usize| whole(item(position)?).ok_or_else(unreadable);
        let receipts_root = whole(item(RECEIPTS_ROOT)?).ok_or_else(unreadable)?;
        Ok(Self { receipts_root, number: number(NUMBER)?, time: number(TIMESTAMP)? })
    }
}

fn logs(receipt: &[u8]) -> Result<Vec<Log>, ProofError> {
    let unreadable =
        || ProofError::Unreadable { field: "receipt", expected: "a receipt as in EIP-2718" };
    // A type is at most 0x7f, the first byte of a list at least 0xc0.
    let body = match receipt.split_first() {
        Some((kind, body)) if *kind < 0x80 => body,
        _ => receipt,
    };
    let items = items(body).ok_or_else(unreadable)?;
    items.get(LOGS).and_then(|item| whole(item)).ok_or_else(unreadable)
}
