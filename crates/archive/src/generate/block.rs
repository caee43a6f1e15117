//! Transactions to a block with the roots and hashes of a real one.

use crate::{ArchivedBlock, ArchivedReceipt, Trust, check::receipts_root};
use alloy::{
    consensus::{Header, Receipt, ReceiptEnvelope, ReceiptWithBloom},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bloom, Bytes, Log, LogData},
};
use bmn_primitives::BlockRef;
use rand::{Rng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

const GAS_LIMIT: u64 = 36_000_000;

/// Logs of the transactions of a block.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) transactions: Vec<Vec<Log>>,
}

impl Made {
    /// Adds a transaction.
    pub(super) fn add(&mut self, logs: Vec<Log>) {
        self.transactions.push(logs);
    }

    /// How many logs there are.
    pub(super) fn logs(&self) -> u32 {
        self.transactions.iter().map(|logs| logs.len() as u32).sum()
    }

    /// Puts the transactions in another order.
    pub(super) fn shuffle(&mut self, rng: &mut ChaCha8Rng) {
        self.transactions.shuffle(rng);
    }
}

/// A log.
pub(super) fn log(address: Address, data: LogData) -> Log {
    Log { address, data }
}

pub(super) fn make_block(
    parent: BlockRef,
    number: u64,
    timestamp: u64,
    transactions: Vec<Vec<Log>>,
    rng: &mut ChaCha8Rng,
) -> ArchivedBlock {
    let mut gas_used = 0;
    let mut bloom = Bloom::ZERO;
    let mut receipts = Vec::with_capacity(transactions.len());
    for logs in transactions {
        gas_used += 21_000 + 30_000 * logs.len() as u64;
        let receipt = Receipt { status: true.into(), cumulative_gas_used: gas_used, logs };
        let receipt = receipt.with_bloom();
        bloom |= receipt.logs_bloom;
        let receipt = typed(receipt, rng).encoded_2718().into();
        receipts.push(ArchivedReceipt { tx_hash: random_hash(rng), receipt });
    }
    let header = Header {
        parent_hash: parent.hash,
        beneficiary: Address::from(rng.random::<[u8; 20]>()),
        state_root: random_hash(rng),
        transactions_root: random_hash(rng),
        receipts_root: receipts_root(&receipts),
        logs_bloom: bloom,
        number,
        gas_limit: GAS_LIMIT,
        gas_used,
        timestamp,
        extra_data: Bytes::from_static(b"generated"),
        mix_hash: random_hash(rng),
        base_fee_per_gas: Some(rng.random_range(1_000_000_000..30_000_000_000)),
        withdrawals_root: Some(random_hash(rng)),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(random_hash(rng)),
        requests_hash: Some(random_hash(rng)),
        ..Header::default()
    };
    let bytes = alloy::rlp::encode(&header);
    let hash = alloy::primitives::keccak256(&bytes);
    ArchivedBlock { hash, header: bytes.into(), receipts, trust: Trust::default() }
}

/// Types as often as one sees them.
fn typed(receipt: ReceiptWithBloom<Receipt>, rng: &mut ChaCha8Rng) -> ReceiptEnvelope {
    match rng.random_range(0..20) {
        0..=13 => ReceiptEnvelope::Eip1559(receipt),
        14..=17 => ReceiptEnvelope::Legacy(receipt),
        18 => ReceiptEnvelope::Eip2930(receipt),
        _ => ReceiptEnvelope::Eip7702(receipt),
    }
}

fn random_hash(rng: &mut ChaCha8Rng) -> B256 {
    B256::from(rng.random::<[u8; 32]>())
}
