//! Blocks, transactions, receipts and logs in their JSON-RPC shapes.

use crate::chain::{MinedBlock, SignedTx};
use alloy::{
    consensus::{
        Block as ConsensusBlock, BlockBody, Receipt, ReceiptEnvelope, ReceiptWithBloom, Sealed,
        Transaction as _, TxEnvelope,
    },
    primitives::U256,
    rlp::Encodable,
    rpc::types::{Block, BlockTransactions, Filter, Header, Log, Transaction, TransactionReceipt},
};

pub(super) fn header(block: &MinedBlock) -> Header {
    let transactions: Vec<TxEnvelope> =
        block.txs().iter().map(|tx| tx.envelope().clone()).collect();
    let body = BlockBody { transactions, ommers: vec![], withdrawals: Some(vec![].into()) };
    let size = ConsensusBlock { header: block.header().clone(), body }.length();
    let sealed = Sealed::new_unchecked(block.header().clone(), block.hash());
    Header::from_consensus(sealed, Some(U256::ZERO), Some(U256::from(size)))
}

pub(super) fn block(block: &MinedBlock, full: bool) -> Block {
    let transactions = if full {
        let all = (0..block.txs().len()).filter_map(|index| transaction(block, index));
        BlockTransactions::Full(all.collect())
    } else {
        BlockTransactions::Hashes(block.txs().iter().map(|tx| tx.hash()).collect())
    };
    Block::new(header(block), transactions).with_withdrawals(Some(vec![].into()))
}

/// A mined transaction; `None` past the end of the block.
pub(super) fn transaction(block: &MinedBlock, index: usize) -> Option<Transaction> {
    let tx = block.txs().get(index)?;
    Some(Transaction {
        inner: tx.recovered(),
        block_hash: Some(block.hash()),
        block_number: Some(block.header().number),
        transaction_index: Some(index as u64),
        effective_gas_price: Some(block.outcomes().get(index)?.effective_gas_price),
        block_timestamp: Some(block.header().timestamp),
    })
}

/// A transaction that waits in the pool.
pub(super) fn pending_transaction(tx: &SignedTx) -> Transaction {
    Transaction {
        inner: tx.recovered(),
        block_hash: None,
        block_number: None,
        transaction_index: None,
        effective_gas_price: Some(tx.envelope().max_fee_per_gas()),
        block_timestamp: None,
    }
}

/// Receipt of a mined transaction; `None` past the end of the block.
pub(super) fn receipt(block: &MinedBlock, index: usize) -> Option<TransactionReceipt> {
    let (tx, outcome) = (block.txs().get(index)?, block.outcomes().get(index)?);
    let first = block.first_log_index(index);
    let logs = outcome.logs.iter().enumerate();
    let logs = logs.map(|(offset, entry)| log(block, index, first + offset, entry, false));
    let receipt = Receipt {
        status: outcome.success.into(),
        cumulative_gas_used: outcome.cumulative_gas_used,
        logs: logs.collect(),
    };
    let with_bloom = ReceiptWithBloom { receipt, logs_bloom: outcome.logs.iter().collect() };
    Some(TransactionReceipt {
        inner: ReceiptEnvelope::from_typed(tx.envelope().tx_type(), with_bloom),
        transaction_hash: tx.hash(),
        transaction_index: Some(index as u64),
        block_hash: Some(block.hash()),
        block_number: Some(block.header().number),
        gas_used: outcome.gas_used,
        effective_gas_price: outcome.effective_gas_price,
        blob_gas_used: None,
        blob_gas_price: None,
        from: tx.sender(),
        to: tx.envelope().to(),
        contract_address: outcome.contract,
    })
}

/// Logs of a block that match the filter's addresses and topics, in block order.
pub(super) fn logs(block: &MinedBlock, filter: &Filter, removed: bool) -> Vec<Log> {
    if !filter.matches_bloom(block.header().logs_bloom) {
        return Vec::new();
    }
    let mut logs = Vec::new();
    let mut log_index = 0;
    for (tx_index, outcome) in block.outcomes().iter().enumerate() {
        for entry in &outcome.logs {
            if filter.matches(entry) {
                logs.push(log(block, tx_index, log_index, entry, removed));
            }
            log_index += 1;
        }
    }
    logs
}

fn log(
    block: &MinedBlock,
    tx_index: usize,
    log_index: usize,
    entry: &alloy::primitives::Log,
    removed: bool,
) -> Log {
    Log {
        inner: entry.clone(),
        block_hash: Some(block.hash()),
        block_number: Some(block.header().number),
        block_timestamp: Some(block.header().timestamp),
        transaction_hash: block.txs().get(tx_index).map(|tx| tx.hash()),
        transaction_index: Some(tx_index as u64),
        log_index: Some(log_index as u64),
        removed,
    }
}
