//! Mined blocks.

use super::{SignedTx, state::Cheat};
use alloy::{
    consensus::{Eip658Value, Header, Receipt, ReceiptEnvelope, TxType},
    eips::Encodable2718,
    primitives::{Address, B256, Log},
};
use bmn_chain::{Block, ChainLog, Header as HeaderView, RawReceipts, TxReceipt};
use bmn_primitives::BlockRef;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a mined transaction did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxOutcome {
    /// False when it reverted or ran out of gas.
    pub success: bool,
    /// Gas used, refunds deducted.
    pub gas_used: u64,
    /// Gas used in the block up to and with this transaction.
    pub cumulative_gas_used: u64,
    /// Price paid, wei per gas.
    pub effective_gas_price: u128,
    /// The contract it created.
    pub contract: Option<Address>,
    /// Its logs in order; none when it did not succeed.
    pub logs: Vec<Log>,
}

impl TxOutcome {
    fn envelope(&self, tx_type: TxType) -> ReceiptEnvelope {
        let receipt = Receipt {
            status: Eip658Value::Eip658(self.success),
            cumulative_gas_used: self.cumulative_gas_used,
            logs: self.logs.clone(),
        };
        ReceiptEnvelope::from_typed(tx_type, receipt)
    }
}

/// Receipts of transactions, as the trie has them.
pub(super) fn envelopes(
    txs: &[Arc<SignedTx>],
    outcomes: &[TxOutcome],
) -> impl Iterator<Item = ReceiptEnvelope> {
    txs.iter().zip(outcomes).map(|(tx, outcome)| outcome.envelope(tx.envelope().tx_type()))
}

/// A block with its transactions and what they did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinedBlock {
    pub(crate) header: Header,
    pub(crate) hash: B256,
    pub(crate) txs: Vec<Arc<SignedTx>>,
    pub(crate) outcomes: Vec<TxOutcome>,
    /// Applied to the parent's state before the first transaction.
    pub(crate) cheats: Vec<Cheat>,
}

impl MinedBlock {
    /// The consensus header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Block hash.
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// Transactions in block order.
    pub fn txs(&self) -> &[Arc<SignedTx>] {
        &self.txs
    }

    /// What each transaction did, in block order.
    pub fn outcomes(&self) -> &[TxOutcome] {
        &self.outcomes
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn footprint(&self) -> u64 {
        let txs: usize = self.txs.iter().map(|tx| tx.raw().len() + size_of::<SignedTx>()).sum();
        let logs = self.outcomes.iter().flat_map(|outcome| &outcome.logs);
        let logs: usize =
            logs.map(|log| log.data.data.len() + 32 * log.topics().len() + size_of_val(log)).sum();
        (txs + logs + self.outcomes.len() * size_of::<TxOutcome>() + size_of::<Self>()) as u64
    }

    /// The reference of this block.
    pub const fn block_ref(&self) -> BlockRef {
        BlockRef { number: self.header.number, hash: self.hash, time: self.header.timestamp }
    }

    /// Receipt of the transaction at `index`.
    pub(crate) fn receipt(&self, index: usize) -> Option<TxReceipt> {
        let outcome = self.outcomes.get(index)?;
        Some(TxReceipt {
            tx_hash: self.txs.get(index)?.hash(),
            block: self.block_ref(),
            success: outcome.success,
            gas_used: outcome.gas_used,
            effective_gas_price: outcome.effective_gas_price,
        })
    }

    /// Header and receipts, byte for byte as the block commits to them.
    pub(crate) fn raw_receipts(&self) -> RawReceipts {
        let receipts = envelopes(&self.txs, &self.outcomes);
        let receipts = receipts.map(|receipt| receipt.encoded_2718().into()).collect();
        RawReceipts { header: alloy::rlp::encode(&self.header).into(), receipts }
    }

    /// Logs before the transaction at `index`: the block-wide index of its first one.
    pub(crate) fn first_log_index(&self, index: usize) -> usize {
        self.outcomes.iter().take(index).map(|outcome| outcome.logs.len()).sum()
    }

    /// The block as it passes the seam.
    pub fn view(&self) -> Block {
        let mut logs = Vec::new();
        for (tx_index, (tx, outcome)) in (0u32..).zip(self.txs.iter().zip(&self.outcomes)) {
            for log in &outcome.logs {
                logs.push(ChainLog {
                    address: log.address,
                    topics: log.topics().to_vec(),
                    data: log.data.data.clone(),
                    tx_hash: tx.hash(),
                    tx_index,
                    log_index: u32::try_from(logs.len()).unwrap_or(u32::MAX),
                });
            }
        }
        let header = &self.header;
        Block {
            header: HeaderView {
                number: header.number,
                hash: self.hash,
                parent_hash: header.parent_hash,
                timestamp: header.timestamp,
                logs_bloom: header.logs_bloom,
                receipts_root: header.receipts_root,
                base_fee: header.base_fee_per_gas,
            },
            logs,
        }
    }
}
