//! Whether a block's bytes give the hashes that the chain gave it.

use crate::{
    error::Misfit,
    receipt::ReceiptView,
    record::{ArchivedBlock, ArchivedReceipt},
};
use alloy::{
    primitives::{B256, Bloom, keccak256},
    rlp::Error,
};
use alloy_trie::root::ordered_trie_root_with_encoder;
use bmn_chain::Header;

/// What does not fit in a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockProblem {
    /// The header does not hash to the block's hash.
    #[error("the header hashes to {found}, the block's hash is {expected}")]
    HeaderHash {
        /// What the bytes give.
        found: B256,
        /// The block's hash.
        expected: B256,
    },
    /// The receipts do not give the header's root.
    #[error("the receipts give the root {found}, the header says {expected}")]
    ReceiptsRoot {
        /// What the bytes give.
        found: B256,
        /// Root in the header.
        expected: B256,
    },
    /// A receipt's bloom is not that of its logs.
    #[error("the bloom of receipt {0} is not that of its logs")]
    ReceiptBloom(usize),
    /// The header's bloom is not that of its receipts.
    #[error("the header's bloom is not that of the block's logs")]
    HeaderBloom,
    /// Something is no RLP, or not of the form it should have.
    #[error("{what} cannot be read: {error}")]
    Form {
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        error: Error,
    },
    /// The record does not continue the history.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

/// Checks a block against its own hash: header, receipts root, blooms. What the block says cannot be
/// checked is left out. Answers the header.
///
/// # Errors
/// The first thing that does not fit.
pub fn check_block(block: &ArchivedBlock) -> Result<Header, BlockProblem> {
    let form = |what| move |error| BlockProblem::Form { what, error };
    let header = block.header_view().map_err(form("the header"))?;
    if !block.trust.header_unverified {
        let found = keccak256(&block.header);
        if found != block.hash {
            return Err(BlockProblem::HeaderHash { found, expected: block.hash });
        }
    }
    if !block.trust.receipts_unverified {
        let found = receipts_root(&block.receipts);
        if found != header.receipts_root {
            let expected = header.receipts_root;
            return Err(BlockProblem::ReceiptsRoot { found, expected });
        }
    }
    let mut bloom = Bloom::ZERO;
    for (index, receipt) in block.receipts.iter().enumerate() {
        let view = ReceiptView::new(&receipt.receipt).map_err(form("a receipt"))?;
        let expected = view.expected_bloom().map_err(form("a log"))?;
        if view.bloom() != expected {
            return Err(BlockProblem::ReceiptBloom(index));
        }
        bloom |= expected;
    }
    if bloom != header.logs_bloom && !block.trust.receipts_unverified {
        return Err(BlockProblem::HeaderBloom);
    }
    Ok(header)
}

/// Root of the trie of a block's receipts, from their EIP-2718 bytes.
pub fn receipts_root(receipts: &[ArchivedReceipt]) -> B256 {
    ordered_trie_root_with_encoder(receipts, |receipt, out| {
        out.extend_from_slice(&receipt.receipt);
    })
}
