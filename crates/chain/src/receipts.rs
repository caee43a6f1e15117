//! What a proof about a block is made of.

use alloy::primitives::Bytes;

/// A block's header and all its receipts, byte for byte as its hash and its receipts root commit to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawReceipts {
    /// The header, RLP; its keccak256 is the block's hash.
    pub header: Bytes,
    /// All receipts in the order of their transactions, as the receipts trie has them (EIP-2718): RLP,
    /// after one byte of the type unless that is legacy.
    pub receipts: Vec<Bytes>,
}
