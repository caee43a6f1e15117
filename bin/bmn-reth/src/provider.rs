//! The node's storage as a [`Ledger`]: stored headers and receipts; blocks are executed again only where
//! receipts were pruned.

use crate::notify;
use alloy::{
    consensus::{BlockHeader, TxReceipt, transaction::TxHashRef},
    primitives::{B256, Log},
};
use bmn_chain::ChainLog;
use bmn_embed::ledger::{Ledger, LedgerError, StoredHeader};
use bmn_host_rpc::LogSelection;
use bmn_primitives::BlockRef;
use reth_ethereum::{
    evm::primitives::ConfigureEvm,
    exex::BackfillJobFactory,
    node::api::NodePrimitives,
    primitives::{BlockBody, SealedHeader},
    provider::{BlockIdReader, BlockReader, ProviderError, StateProviderFactory},
};
use std::{
    ops::RangeInclusive,
    sync::atomic::{AtomicBool, Ordering},
};

/// What an operator can do about receipts that are not there.
const CURE: &str = "keep receipts from the configured start block on (no `--full`, `--minimal` or \
    `--prune.receipts.*` that reaches below it; `receipts` in the `[prune.segments]` of reth.toml), sync \
    the node again, or set a start block that is later than what is pruned";

/// A provider of the node and what executes its blocks.
#[derive(Debug)]
pub struct NodeLedger<P, E> {
    provider: P,
    evm: E,
    /// Whether it was said that blocks are executed again.
    told: AtomicBool,
}

impl<P, E> NodeLedger<P, E> {
    /// Over the node's own provider: it sees blocks that are still in memory, too.
    pub const fn new(provider: P, evm: E) -> Self {
        Self { provider, evm, told: AtomicBool::new(false) }
    }
}

fn storage(error: ProviderError) -> LedgerError {
    LedgerError::Storage(error.to_string())
}

fn stored(header: &SealedHeader<impl BlockHeader + alloy::consensus::Sealable>) -> StoredHeader {
    let gas_used = header.header().gas_used();
    StoredHeader { header: notify::header(header.header(), header.hash()), gas_used }
}

/// Whether these are all receipts of the block, in their order: the gas they add up to must rise and end at
/// what the header says. Receipts of other transactions, as after partial pruning, do not.
fn are_whole<R: TxReceipt>(receipts: &[R], block: &StoredHeader) -> bool {
    let rises = |pair: &[R]| pair[0].cumulative_gas_used() <= pair[1].cumulative_gas_used();
    receipts.windows(2).all(rises)
        && receipts.last().map_or(0, R::cumulative_gas_used) == block.gas_used
}

fn has_wanted(receipts: &[impl TxReceipt<Log = Log>], selection: &LogSelection) -> bool {
    receipts.iter().flat_map(TxReceipt::logs).any(|log| notify::is_wanted(log, selection))
}

/// The wanted logs of a block, with the hashes of its transactions.
fn named(
    number: u64,
    receipts: &[impl TxReceipt<Log = Log>],
    txs: &[impl TxHashRef],
    selection: &LogSelection,
) -> Result<Vec<ChainLog>, LedgerError> {
    if txs.len() != receipts.len() {
        let reason = format!("{} transactions and {} receipts", txs.len(), receipts.len());
        return Err(LedgerError::Contradiction { number, reason });
    }
    Ok(notify::logs(receipts, selection, |index| txs.get(index).map(|tx| *tx.tx_hash())))
}

impl<P, E> NodeLedger<P, E>
where
    P: BlockReader + BlockIdReader + StateProviderFactory + Clone + Send + Sync + 'static,
    E: ConfigureEvm<Primitives: NodePrimitives<Block = P::Block, Receipt = P::Receipt>>
        + Clone
        + Send
        + Sync
        + 'static,
{
    fn reference(&self, hash: B256) -> Result<Option<BlockRef>, LedgerError> {
        let header = self.provider.header(hash).map_err(storage)?;
        let reference = |header: P::Header| BlockRef {
            number: header.number(),
            hash,
            time: header.timestamp(),
        };
        Ok(header.map(reference))
    }

    /// The wanted logs of a block whose receipts are here.
    fn matching(
        &self,
        block: &StoredHeader,
        receipts: &[impl TxReceipt<Log = Log>],
        selection: &LogSelection,
    ) -> Result<Vec<ChainLog>, LedgerError> {
        if !has_wanted(receipts, selection) {
            return Ok(vec![]);
        }
        let (number, hash) = (block.header.number, block.header.hash);
        let txs = self.provider.transactions_by_block(hash.into()).map_err(storage)?;
        named(number, receipts, &txs.ok_or(LedgerError::Moved { number })?, selection)
    }

    /// The same of a run that is in the database. Where half of its blocks hold something, the transactions of
    /// all are read at once, too, instead of by a question for each block.
    fn matching_run(
        &self,
        run: &[StoredHeader],
        receipts: &[Vec<P::Receipt>],
        selection: &LogSelection,
    ) -> Result<Vec<Vec<ChainLog>>, LedgerError>
    where
        P::Receipt: TxReceipt<Log = Log>,
    {
        let wanted = receipts.iter().filter(|it| has_wanted(it, selection)).count();
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(vec![]) };
        let blocks = run.iter().zip(receipts);
        if wanted * 2 < run.len() {
            return blocks
                .map(|(block, receipts)| self.matching(block, receipts, selection))
                .collect();
        }
        let range = first.header.number..=last.header.number;
        let txs = self.provider.transactions_by_block_range(range).map_err(storage)?;
        if txs.len() != run.len() {
            return Err(LedgerError::Moved { number: first.header.number });
        }
        let all = blocks.zip(&txs);
        all.map(|((block, receipts), txs)| named(block.header.number, receipts, txs, selection))
            .collect()
    }

    /// The wanted logs of a run, from executing its blocks again.
    fn executed(
        &self,
        run: &[StoredHeader],
        selection: &LogSelection,
    ) -> Result<Vec<Vec<ChainLog>>, LedgerError> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(vec![]) };
        let range = first.header.number..=last.header.number;
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: "bmn::reth", from = range.start(),
                "receipts are pruned: blocks are executed again, which is many times slower; {CURE}"
            );
        }
        metrics::counter!("bmn_extension_executed_again_total").increment(run.len() as u64);
        let factory = BackfillJobFactory::new(self.evm.clone(), self.provider.clone());
        let mut found = Vec::with_capacity(run.len());
        for chain in factory.backfill(range) {
            let chain = chain.map_err(|error| LedgerError::Pruned {
                number: first.header.number,
                reason: format!(
                    "its receipts are pruned and it cannot be executed again ({error}); {CURE}"
                ),
            })?;
            for (block, receipts) in chain.blocks_and_receipts() {
                let number = block.header().number();
                let expected = run.get(found.len()).map(|stored| stored.header.hash);
                if expected != Some(block.hash()) {
                    return Err(LedgerError::Moved { number });
                }
                let hash =
                    |index: usize| block.body().transactions().get(index).map(|tx| *tx.tx_hash());
                found.push(notify::logs(receipts, selection, hash));
            }
        }
        match found.len() == run.len() {
            true => Ok(found),
            false => Err(LedgerError::Moved { number: first.header.number }),
        }
    }
}

impl<P, E> Ledger for NodeLedger<P, E>
where
    P: BlockReader + BlockIdReader + StateProviderFactory + Clone + Send + Sync + 'static,
    E: ConfigureEvm<Primitives: NodePrimitives<Block = P::Block, Receipt = P::Receipt>>
        + Clone
        + Send
        + Sync
        + 'static,
{
    fn head(&self) -> Result<BlockRef, LedgerError> {
        let best = self.provider.chain_info().map_err(storage)?;
        let found = self.reference(best.best_hash)?;
        found.ok_or(LedgerError::Moved { number: best.best_number })
    }

    fn finalized(&self) -> Result<Option<BlockRef>, LedgerError> {
        match self.provider.finalized_block_num_hash().map_err(storage)? {
            Some(block) => self.reference(block.hash),
            None => Ok(None),
        }
    }

    fn hash(&self, number: u64) -> Result<Option<B256>, LedgerError> {
        self.provider.block_hash(number).map_err(storage)
    }

    fn headers(&self, range: RangeInclusive<u64>) -> Result<Vec<StoredHeader>, LedgerError> {
        let headers = self.provider.sealed_headers_range(range).map_err(storage)?;
        Ok(headers.iter().map(stored).collect())
    }

    fn logs(
        &self,
        block: &StoredHeader,
        selection: &LogSelection,
    ) -> Result<Vec<ChainLog>, LedgerError> {
        let (number, hash) = (block.header.number, block.header.hash);
        let receipts = self.provider.receipts_by_block(hash.into()).map_err(storage)?;
        if let Some(receipts) = receipts.filter(|receipts| are_whole(receipts, block)) {
            return self.matching(block, &receipts, selection);
        }
        // Not there, or not all of them: the block left the chain, or its receipts were pruned.
        if self.hash(number)? != Some(hash) {
            return Err(LedgerError::Moved { number });
        }
        let found = self.executed(std::slice::from_ref(block), selection)?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    fn logs_of_run(
        &self,
        run: &[StoredHeader],
        selection: &LogSelection,
    ) -> Result<Vec<Vec<ChainLog>>, LedgerError> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(vec![]) };
        let range = first.header.number..=last.header.number;
        // NB: this reads the database alone and deals receipts out by the transaction counts there. Blocks
        // that are only in memory look empty, and after partial pruning receipts go to the wrong block.
        // Both show in the gas, so what does not add up is asked for one by one.
        let dealt = self.provider.receipts_by_block_range(range).unwrap_or_default();
        let whole = dealt.len() == run.len()
            && dealt.iter().zip(run).all(|(receipts, block)| are_whole(receipts, block));
        if whole {
            return self.matching_run(run, &dealt, selection);
        }
        let alone = |block: &StoredHeader| {
            let hash = block.header.hash;
            let receipts = self.provider.receipts_by_block(hash.into()).map_err(storage)?;
            Ok(receipts.filter(|receipts| are_whole(receipts, block)))
        };
        let receipts: Vec<_> = run.iter().map(alone).collect::<Result<_, LedgerError>>()?;
        if receipts.iter().any(Option::is_none) {
            for block in run {
                if self.hash(block.header.number)? != Some(block.header.hash) {
                    return Err(LedgerError::Moved { number: block.header.number });
                }
            }
            return self.executed(run, selection);
        }
        let blocks = run.iter().zip(receipts.iter().flatten());
        blocks.map(|(block, receipts)| self.matching(block, receipts, selection)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::consensus::Header;
    use reth_ethereum::{Receipt, TxType};

    fn receipts(gas: &[u64]) -> Vec<Receipt> {
        let receipt = |gas: &u64| Receipt {
            tx_type: TxType::Legacy,
            success: true,
            cumulative_gas_used: *gas,
            logs: vec![],
        };
        gas.iter().map(receipt).collect()
    }

    #[test]
    fn receipts_that_are_not_all_of_the_block_are_not_taken_for_it() {
        let header = notify::header(&Header { number: 1, ..Header::default() }, B256::ZERO);
        let of = |gas_used| StoredHeader { header: header.clone(), gas_used };
        let is_whole = |gas: &[u64], used| are_whole(&receipts(gas), &of(used));
        assert!(is_whole(&[], 0) && is_whole(&[21_000, 60_000], 60_000));
        assert!(!is_whole(&[], 60_000), "pruned, or in memory only");
        assert!(!is_whole(&[21_000], 60_000), "the last one is missing");
        assert!(!is_whole(&[60_000, 21_000], 21_000), "the last one is of the next block");
        assert!(!is_whole(&[21_000, 70_000], 60_000), "of another block");
    }
}
