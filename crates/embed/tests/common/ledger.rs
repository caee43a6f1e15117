//! A development chain in the place of a node, without reth.
#![allow(dead_code)] // Each test binary uses its own part.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use alloy::primitives::B256;
use bmn_chain::{Block, ChainLog};
use bmn_embed::ledger::{Ledger, LedgerError, StoredHeader};
use bmn_host_dev::{DevChain, MinedBlock};
use bmn_host_rpc::LogSelection;
use bmn_primitives::BlockRef;
use std::ops::RangeInclusive;

/// A development chain in the place of a node's storage.
pub(crate) struct DevLedger {
    pub(crate) chain: DevChain,
    /// Whether it names its final block, as a node does once its consensus client told it.
    pub(crate) names_final: bool,
}

pub(crate) fn view(block: &MinedBlock) -> (StoredHeader, Vec<ChainLog>) {
    let Block { header, logs } = block.view();
    (StoredHeader { header, gas_used: block.header().gas_used }, logs)
}

pub(crate) fn wanted(logs: Vec<ChainLog>, selection: &LogSelection) -> Vec<ChainLog> {
    logs.into_iter().filter(|log| selection.matches(log)).collect()
}

impl Ledger for DevLedger {
    fn head(&self) -> Result<BlockRef, LedgerError> {
        Ok(self.chain.head())
    }

    fn finalized(&self) -> Result<Option<BlockRef>, LedgerError> {
        let named = self.chain.finalized().map_err(|error| LedgerError::Storage(error.to_string()));
        if self.names_final { named } else { Ok(None) }
    }

    fn hash(&self, number: u64) -> Result<Option<B256>, LedgerError> {
        let block = self.chain.block(number);
        let block = block.map_err(|error| LedgerError::Storage(error.to_string()))?;
        Ok(block.map(|block| block.hash()))
    }

    fn headers(&self, range: RangeInclusive<u64>) -> Result<Vec<StoredHeader>, LedgerError> {
        let blocks = range.map_while(|number| self.chain.block(number).unwrap());
        Ok(blocks.map(|block| view(&block).0).collect())
    }

    fn logs(
        &self,
        block: &StoredHeader,
        selection: &LogSelection,
    ) -> Result<Vec<ChainLog>, LedgerError> {
        let number = block.header.number;
        let found = self.chain.block(number).unwrap().filter(|it| it.hash() == block.header.hash);
        let found = found.ok_or(LedgerError::Moved { number })?;
        Ok(wanted(view(&found).1, selection))
    }

    fn logs_of_run(
        &self,
        run: &[StoredHeader],
        selection: &LogSelection,
    ) -> Result<Vec<Vec<ChainLog>>, LedgerError> {
        run.iter().map(|block| self.logs(block, selection)).collect()
    }
}
