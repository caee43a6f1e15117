//! The node's notifications, as changes of the window.
//!
//! Nothing is copied that nobody wants: the header's bloom is asked first, then the logs are looked
//! through by reference, and only those that match are cloned. Generic over the node's primitives.

use alloy::{
    consensus::{BlockHeader, TxReceipt, transaction::TxHashRef},
    primitives::{B256, Log},
};
use bmn_chain::{Block, ChainLog, Header};
use bmn_embed::window::Change;
use bmn_host_rpc::LogSelection;
use reth_ethereum::{
    exex::ExExNotification,
    node::api::NodePrimitives,
    primitives::{BlockBody, RecoveredBlock},
    provider::Chain,
};

/// What the notification changes, of the newest `most` blocks.
pub fn changes<N: NodePrimitives>(
    notification: &ExExNotification<N>,
    selection: &LogSelection,
    most: usize,
) -> Vec<Change> {
    let commit = |chain: &Chain<N>| Change::Commit(blocks(chain, selection, most));
    match notification {
        ExExNotification::ChainCommitted { new } => vec![commit(new)],
        ExExNotification::ChainReorged { old, new } => {
            revert(old).into_iter().chain([commit(new)]).collect()
        }
        ExExNotification::ChainReverted { old } => revert(old).into_iter().collect(),
    }
}

fn revert<N: NodePrimitives>(old: &Chain<N>) -> Option<Change> {
    old.blocks().first_key_value().map(|(number, _)| Change::Revert(*number))
}

// A pipeline's notification may cover hundreds of thousands of blocks: those that would leave the window
// at once are not looked at.
fn blocks<N: NodePrimitives>(
    chain: &Chain<N>,
    selection: &LogSelection,
    most: usize,
) -> Vec<Block> {
    let older = chain.len().saturating_sub(most);
    let newest = chain.blocks_and_receipts().skip(older);
    newest.map(|(block, receipts)| view(block, receipts, selection)).collect()
}

fn view<B: reth_ethereum::primitives::Block>(
    block: &RecoveredBlock<B>,
    receipts: &[impl TxReceipt<Log = Log>],
    selection: &LogSelection,
) -> Block {
    let header = header(block.header(), block.hash());
    let logs = match selection.may_match(&header.logs_bloom) {
        true => logs(receipts, selection, |index| {
            block.body().transactions().get(index).map(|tx| *tx.tx_hash())
        }),
        false => vec![],
    };
    Block { header, logs }
}

/// Our view of a header whose hash is known.
pub fn header(header: &impl BlockHeader, hash: B256) -> Header {
    Header {
        number: header.number(),
        hash,
        parent_hash: header.parent_hash(),
        timestamp: header.timestamp(),
        logs_bloom: header.logs_bloom(),
        receipts_root: header.receipts_root(),
        base_fee: header.base_fee_per_gas(),
    }
}

/// Whether the selection wants this log.
pub fn is_wanted(log: &Log, selection: &LogSelection) -> bool {
    let topic = || log.topics().first().is_some_and(|it| selection.topics_anywhere.contains(it));
    selection.is_everything() || selection.addresses.contains(&log.address) || topic()
}

/// The wanted logs of a block's receipts; `hash_of` is asked for the hashes of their transactions alone.
pub fn logs<R: TxReceipt<Log = Log>>(
    receipts: &[R],
    selection: &LogSelection,
    mut hash_of: impl FnMut(usize) -> Option<B256>,
) -> Vec<ChainLog> {
    let (mut found, mut log_index) = (Vec::new(), 0u32);
    for (index, receipt) in receipts.iter().enumerate() {
        for log in receipt.logs() {
            if is_wanted(log, selection) {
                found.push(ChainLog {
                    address: log.address,
                    topics: log.topics().to_vec(),
                    data: log.data.data.clone(),
                    // A block's receipts are as many as its transactions; the caller sees to it.
                    tx_hash: hash_of(index).unwrap_or_default(),
                    tx_index: u32::try_from(index).unwrap_or(u32::MAX),
                    log_index,
                });
            }
            log_index = log_index.saturating_add(1);
        }
    }
    found
}
