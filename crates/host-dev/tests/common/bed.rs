//! A development chain as the conformance suite commands it.
#![allow(dead_code)] // Each test binary uses its own part.

use alloy::{
    consensus::Header,
    primitives::{Address, B256, Bloom, Bytes, U256, keccak256},
    signers::local::PrivateKeySigner,
};
use async_trait::async_trait;
use bmn_chain::{
    Block, ChainClient, ChainLog, ChainSource, Header as HeaderView, SendRejection,
    conformance::Testbed,
};
use bmn_host_dev::{
    DevChain, DevChainConfig, DevChainError, MinedBlock, Replacement, ReplacementTimes,
};
use bmn_primitives::{BlockRef, ChainId};
use std::{collections::BTreeSet, sync::Arc};
use tempfile::TempDir;

const ETHER: u128 = 1_000_000_000_000_000_000;
const FINALITY: u64 = 6;

pub(crate) struct DevBed {
    /// Only a restart takes it out, for a moment.
    chain: Option<DevChain>,
    /// Where the chain is closed and opened again; without one it stays open in a restart.
    directory: Option<TempDir>,
}

fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(b"the testbed's account")).expect("a valid key")
}

fn config() -> DevChainConfig {
    DevChainConfig {
        chain_id: ChainId(31337),
        block_time: 12,
        accounts: vec![(signer().address(), U256::from(1_000 * ETHER))],
        finality_depth: FINALITY,
        ..DevChainConfig::default()
    }
}

impl DevBed {
    pub(crate) fn in_memory() -> Self {
        Self { chain: Some(DevChain::new(config())), directory: None }
    }

    pub(crate) fn on_disk() -> Self {
        Self::open_on_disk(config())
    }

    /// One that forgets blocks as soon as nothing can take it back to them.
    pub(crate) fn forgetful(blocks: u64) -> Self {
        let config =
            DevChainConfig { keep_blocks: Some(blocks), history: FINALITY + 2, ..config() };
        Self { chain: Some(DevChain::new(config)), directory: None }
    }

    fn open_on_disk(config: DevChainConfig) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let chain = DevChain::open(directory.path(), config).expect("a new chain");
        Self { chain: Some(chain), directory: Some(directory) }
    }

    pub(crate) fn chain(&self) -> &DevChain {
        self.chain.as_ref().expect("open")
    }

    fn submit(&self, txs: &[Bytes]) {
        for tx in txs {
            match self.chain().submit_raw(tx) {
                Ok(_) | Err(DevChainError::Rejected(SendRejection::AlreadyKnown)) => {}
                Err(error) => panic!("the pool refused a transaction: {error}"),
            }
        }
    }

    fn mined(&self, number: u64) -> Option<Arc<MinedBlock>> {
        self.chain().block(number).expect("readable")
    }

    fn assert_mined(&self, number: u64, txs: &[Bytes]) {
        let block = self.mined(number).expect("just mined");
        let mined: BTreeSet<B256> = block.txs().iter().map(|tx| tx.hash()).collect();
        let sent: BTreeSet<B256> = txs.iter().map(keccak256).collect();
        assert_eq!(mined, sent, "the block has the transactions it should have");
    }
}

#[async_trait]
impl Testbed for DevBed {
    fn chain_id(&self) -> ChainId {
        self.chain().chain_id()
    }

    fn signer(&self) -> PrivateKeySigner {
        signer()
    }

    fn finality_depth(&self) -> u64 {
        FINALITY
    }

    fn client(&self) -> Arc<dyn ChainClient> {
        Arc::new(self.chain().client())
    }

    async fn open(&mut self, start: u64) -> Box<dyn ChainSource> {
        Box::new(self.chain().source_from(start))
    }

    async fn restart(&mut self) {
        if let Some(directory) = &self.directory {
            self.chain = None;
            let chain = DevChain::open(directory.path(), config());
            self.chain = Some(chain.expect("nobody else holds the chain"));
        }
    }

    async fn mine(&mut self, txs: &[Bytes]) {
        self.submit(txs);
        let head = self.chain().mine(None).expect("mines");
        self.assert_mined(head.number, txs);
    }

    async fn replace(&mut self, depth: u64, length: u64, txs: &[Bytes]) {
        let head = self.chain().head().number;
        let old = (head - depth + 1..=head).filter_map(|number| self.mined(number));
        let drop = old.flat_map(|block| block.txs().to_vec()).map(|tx| tx.hash()).collect();
        let replacement = Replacement {
            length: Some(length),
            times: ReplacementTimes::Shift(1),
            drop,
            extra: txs.to_vec(),
            ..Replacement::default()
        };
        self.chain().reorg(depth, &replacement).expect("within finality");
        if length > 0 {
            self.assert_mined(head - depth + 1, txs);
        }
        assert!(self.chain().pooled().is_empty(), "old transactions are gone");
    }

    async fn mine_deposit(&mut self, _: Address, _: Bytes) -> B256 {
        unreachable!("a development chain takes no deposits and does not claim to")
    }

    async fn head(&self) -> BlockRef {
        self.chain().head()
    }

    async fn block(&self, number: u64) -> Option<Block> {
        self.mined(number).map(|block| account_of(&block))
    }
}

/// The block from its parts, with hash and bloom computed anew.
fn account_of(block: &MinedBlock) -> Block {
    let header: &Header = block.header();
    let mut logs_bloom = Bloom::ZERO;
    let mut logs = Vec::new();
    for (tx_index, outcome) in block.outcomes().iter().enumerate() {
        for log in &outcome.logs {
            logs_bloom.accrue_log(log);
            logs.push(ChainLog {
                address: log.address,
                topics: log.topics().to_vec(),
                data: log.data.data.clone(),
                tx_hash: keccak256(block.txs()[tx_index].raw()),
                tx_index: tx_index.try_into().expect("few transactions"),
                log_index: logs.len().try_into().expect("few logs"),
            });
        }
    }
    let header = HeaderView {
        number: header.number,
        hash: header.hash_slow(),
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
        logs_bloom,
        receipts_root: header.receipts_root,
        base_fee: header.base_fee_per_gas,
    };
    Block { header, logs }
}
