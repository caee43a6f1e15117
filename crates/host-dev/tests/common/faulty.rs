//! A development chain whose host breaks one rule of the seam.

use super::bed::DevBed;
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    signers::local::PrivateKeySigner,
};
use async_trait::async_trait;
use bmn_chain::{
    Block, CallOutcome, CallRequest, ChainClient, ChainError, ChainEvent, ChainSource, Fees,
    History, KnownBlocks, RawReceipts, Segment, SendRejection, Simulation, TxReceipt,
    conformance::Testbed,
};
use bmn_host_dev::{DevChain, DevClient, DevSource};
use bmn_primitives::{BlockRef, ChainId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceFault {
    /// Leaves empty final blocks out of history, which is allowed.
    NoneButSparse,
    LosesALog,
    SwapsLogs,
    CountsLogsByTransaction,
    InventsALog,
    HeaderWithoutBaseFee,
    HidesReorgs,
    RevertsOldestFirst,
    RevertsACommonBlock,
    HidesReverts,
    SendsTooMany,
    RemembersWhatItSent,
    NeverWakes,
    IgnoresTheStart,
    BelievesAnyCursor,
    FinalizedIsTheHead,
    HeadIsGenesis,
    AnotherChainId,
    HistoryLosesABlock,
    HistoryAboveFinality,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientFault {
    AnotherChainId,
    HeadIsGenesis,
    CountsThePool,
    DropsRevertData,
    IgnoresTheTime,
    SimulatesAtTheHead,
    HalvesTheGas,
    NamesNoReason,
    RemembersReceipts,
    EverythingSucceeds,
    FeesAreZero,
    LeavesOutAReceipt,
    AnswersForAnyBlock,
}

pub(crate) struct FaultyBed {
    bed: DevBed,
    source: Option<SourceFault>,
    client: Option<ClientFault>,
    receipts: Arc<Mutex<HashMap<B256, TxReceipt>>>,
}

impl FaultyBed {
    pub(crate) fn of_source(fault: SourceFault) -> Self {
        let receipts = Arc::default();
        Self { bed: DevBed::in_memory(), source: Some(fault), client: None, receipts }
    }

    pub(crate) fn of_client(fault: ClientFault) -> Self {
        let receipts = Arc::default();
        Self { bed: DevBed::in_memory(), source: None, client: Some(fault), receipts }
    }
}

#[async_trait]
impl Testbed for FaultyBed {
    fn chain_id(&self) -> ChainId {
        self.bed.chain_id()
    }

    fn signer(&self) -> PrivateKeySigner {
        self.bed.signer()
    }

    fn finality_depth(&self) -> u64 {
        self.bed.finality_depth()
    }

    fn client(&self) -> Arc<dyn ChainClient> {
        let Some(fault) = self.client else { return self.bed.client() };
        let (chain, receipts) = (self.bed.chain().clone(), self.receipts.clone());
        Arc::new(FaultyClient { inner: chain.client(), chain, fault, receipts })
    }

    async fn open(&mut self, start: u64) -> Box<dyn ChainSource> {
        let Some(fault) = self.source else { return self.bed.open(start).await };
        let start = if fault == SourceFault::IgnoresTheStart { 0 } else { start };
        let chain = self.bed.chain().clone();
        let inner = chain.source_from(start);
        Box::new(FaultySource { inner, chain, fault, sent: None })
    }

    async fn restart(&mut self) {
        self.bed.restart().await;
    }

    async fn mine(&mut self, txs: &[Bytes]) {
        self.bed.mine(txs).await;
    }

    async fn replace(&mut self, depth: u64, length: u64, txs: &[Bytes]) {
        self.bed.replace(depth, length, txs).await;
    }

    async fn mine_deposit(&mut self, to: Address, data: Bytes) -> B256 {
        self.bed.mine_deposit(to, data).await
    }

    async fn head(&self) -> BlockRef {
        self.bed.head().await
    }

    async fn block(&self, number: u64) -> Option<Block> {
        self.bed.block(number).await
    }
}

struct FaultySource {
    inner: DevSource,
    chain: DevChain,
    fault: SourceFault,
    sent: Option<BlockRef>,
}

fn segment(blocks: Vec<Block>) -> Segment {
    Segment::new(blocks).expect("contiguous")
}

impl FaultySource {
    fn finalized(&self) -> u64 {
        self.chain.finalized().expect("readable").map_or(0, |block| block.number)
    }

    fn spoil_block(&self, block: &mut Block) {
        match self.fault {
            SourceFault::LosesALog => drop(block.logs.pop()),
            SourceFault::SwapsLogs if block.logs.len() > 1 => block.logs.swap(0, 1),
            SourceFault::CountsLogsByTransaction => {
                let mut first = HashMap::new();
                for log in &mut block.logs {
                    log.log_index -= *first.entry(log.tx_index).or_insert(log.log_index);
                    log.log_index += log.tx_index * 1_000;
                }
            }
            SourceFault::InventsALog => {
                if let Some(mut log) = block.logs.first().cloned() {
                    log.topics = vec![B256::repeat_byte(0xee)];
                    log.log_index = block.logs.len().try_into().expect("few");
                    log.tx_index = u32::MAX;
                    block.logs.push(log);
                }
            }
            SourceFault::HeaderWithoutBaseFee => block.header.base_fee = None,
            _ => {}
        }
    }

    /// Final blocks as history without the empty ones.
    fn history(&self, mut blocks: Vec<Block>) -> ChainEvent {
        let final_ones = match self.fault {
            SourceFault::HistoryAboveFinality => blocks.len(),
            _ => blocks.iter().filter(|b| b.header.number <= self.finalized()).count(),
        };
        if final_ones == 0 {
            return ChainEvent::Committed(segment(blocks));
        }
        blocks.truncate(final_ones);
        let from = blocks[0].header.number;
        let through = blocks[final_ones - 1].header.block_ref();
        blocks.retain(|block| !block.logs.is_empty());
        if self.fault == SourceFault::HistoryLosesABlock {
            blocks.pop();
        }
        ChainEvent::Backfilled(History::new(from, blocks, through).expect("a history"))
    }

    fn spoil(&self, event: ChainEvent, known: &dyn KnownBlocks) -> Option<ChainEvent> {
        let mut blocks = event.committed().to_vec();
        for block in &mut blocks {
            self.spoil_block(block);
        }
        let mut reverted = event.reverted().to_vec();
        match (self.fault, &event) {
            (SourceFault::HidesReverts, ChainEvent::Reverted { .. }) => return None,
            (SourceFault::HidesReorgs, ChainEvent::Reorged { .. }) => reverted.clear(),
            (SourceFault::RevertsOldestFirst, _) => reverted.reverse(),
            (SourceFault::RevertsACommonBlock, ChainEvent::Reorged { .. }) => {
                let common = blocks[0].header.number - 1;
                let block = self.chain.block(common).expect("readable").expect("there");
                if known.at(common).is_some() && common > self.finalized() {
                    reverted.push(block.block_ref());
                    blocks.insert(0, block.view());
                }
            }
            (
                SourceFault::NoneButSparse
                | SourceFault::HistoryLosesABlock
                | SourceFault::HistoryAboveFinality,
                ChainEvent::Committed(_),
            ) => return Some(self.history(blocks)),
            _ => {}
        }
        Some(match (reverted.is_empty(), blocks.is_empty()) {
            (false, true) => ChainEvent::Reverted { reverted },
            (false, false) => ChainEvent::Reorged { reverted, committed: segment(blocks) },
            (true, _) => ChainEvent::Committed(segment(blocks)),
        })
    }
}

#[async_trait]
impl ChainSource for FaultySource {
    fn chain_id(&self) -> ChainId {
        let wrong = u64::from(self.fault == SourceFault::AnotherChainId);
        ChainId(self.inner.chain_id().0 + wrong)
    }

    async fn next_event(
        &mut self,
        cursor: Option<BlockRef>,
        known: &dyn KnownBlocks,
        max_blocks: usize,
    ) -> Result<Option<ChainEvent>, ChainError> {
        let most =
            if self.fault == SourceFault::SendsTooMany { max_blocks + 1 } else { max_blocks };
        let event = match self.inner.next_event(cursor, known, most).await {
            Err(ChainError::BeyondHistory { .. })
                if self.fault == SourceFault::BelievesAnyCursor =>
            {
                return Ok(None);
            }
            other => other?,
        };
        if self.fault == SourceFault::RemembersWhatItSent {
            let tip = event.as_ref().and_then(ChainEvent::tip);
            if tip.is_some() && self.sent.map(|sent| sent.number) >= tip.map(|tip| tip.number) {
                return Ok(None);
            }
            self.sent = tip.or(self.sent);
        }
        Ok(event.and_then(|event| self.spoil(event, known)))
    }

    async fn changed(&mut self) -> Result<(), ChainError> {
        if self.fault == SourceFault::NeverWakes {
            std::future::pending::<()>().await;
        }
        self.inner.changed().await
    }

    async fn head(&self) -> Result<Option<BlockRef>, ChainError> {
        match self.fault {
            SourceFault::HeadIsGenesis => {
                Ok(self.chain.block(0).expect("readable").map(|block| block.block_ref()))
            }
            _ => self.inner.head().await,
        }
    }

    async fn finalized(&self) -> Result<Option<BlockRef>, ChainError> {
        match self.fault {
            SourceFault::FinalizedIsTheHead => self.inner.head().await,
            _ => self.inner.finalized().await,
        }
    }

    fn acknowledge(&mut self, block: BlockRef) {
        self.inner.acknowledge(block);
    }
}

struct FaultyClient {
    inner: DevClient,
    chain: DevChain,
    fault: ClientFault,
    receipts: Arc<Mutex<HashMap<B256, TxReceipt>>>,
}

impl FaultyClient {
    fn request(&self, call: &CallRequest, forgets: ClientFault) -> CallRequest {
        let time = if self.fault == forgets { None } else { call.time };
        CallRequest { time, ..call.clone() }
    }

    fn spoil(&self, outcome: CallOutcome) -> CallOutcome {
        match (self.fault, outcome) {
            (ClientFault::DropsRevertData, CallOutcome::Reverted(_)) => {
                CallOutcome::Reverted(Bytes::new())
            }
            (_, outcome) => outcome,
        }
    }
}

#[async_trait]
impl ChainClient for FaultyClient {
    fn chain_id(&self) -> ChainId {
        let wrong = u64::from(self.fault == ClientFault::AnotherChainId);
        ChainId(self.inner.chain_id().0 + wrong)
    }

    async fn head(&self) -> Result<BlockRef, ChainError> {
        match self.fault {
            ClientFault::HeadIsGenesis => {
                Ok(self.chain.block(0).expect("readable").expect("genesis").block_ref())
            }
            _ => self.inner.head().await,
        }
    }

    async fn simulate(&self, call: &CallRequest) -> Result<Simulation, ChainError> {
        let request = self.request(call, ClientFault::SimulatesAtTheHead);
        let Simulation { outcome, mut gas } = self.inner.simulate(&request).await?;
        if self.fault == ClientFault::HalvesTheGas {
            gas /= 2;
        }
        Ok(Simulation { outcome: self.spoil(outcome), gas })
    }

    async fn call(&self, call: &CallRequest) -> Result<CallOutcome, ChainError> {
        let request = self.request(call, ClientFault::IgnoresTheTime);
        Ok(self.spoil(self.inner.call(&request).await?))
    }

    async fn nonce(&self, account: Address) -> Result<u64, ChainError> {
        let pooled = match self.fault {
            ClientFault::CountsThePool => self.chain.pooled().len() as u64,
            _ => 0,
        };
        Ok(self.inner.nonce(account).await? + pooled)
    }

    async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        self.inner.balance(account).await
    }

    async fn code(&self, account: Address) -> Result<Bytes, ChainError> {
        self.inner.code(account).await
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        match self.fault {
            ClientFault::FeesAreZero => Ok(Fees { base: 0, priority: 0 }),
            _ => self.inner.fees().await,
        }
    }

    async fn send_raw(&self, raw: &Bytes) -> Result<B256, ChainError> {
        match self.inner.send_raw(raw).await {
            Err(ChainError::Rejected { chain, rejection })
                if self.fault == ClientFault::NamesNoReason =>
            {
                let rejection = SendRejection::Other(format!("{rejection:?}"));
                Err(ChainError::Rejected { chain, rejection })
            }
            other => other,
        }
    }

    async fn receipt(&self, tx_hash: B256) -> Result<Option<TxReceipt>, ChainError> {
        let mut receipt = self.inner.receipt(tx_hash).await?;
        if self.fault == ClientFault::EverythingSucceeds
            && let Some(receipt) = &mut receipt
        {
            receipt.success = true;
        }
        if self.fault == ClientFault::RemembersReceipts {
            let mut receipts = self.receipts.lock().expect("not poisoned");
            receipts.extend(receipt.map(|receipt| (tx_hash, receipt)));
            return Ok(receipts.get(&tx_hash).copied());
        }
        Ok(receipt)
    }

    async fn mined_call(&self, tx_hash: B256) -> Result<Option<bmn_chain::MinedCall>, ChainError> {
        self.inner.mined_call(tx_hash).await
    }

    async fn block_receipts(&self, block: B256) -> Result<Option<RawReceipts>, ChainError> {
        let asked = match self.fault {
            ClientFault::AnswersForAnyBlock => self.chain.head().hash,
            _ => block,
        };
        let found = self.inner.block_receipts(asked).await?;
        Ok(found.map(|mut found| {
            if self.fault == ClientFault::LeavesOutAReceipt {
                found.receipts.pop();
            }
            found
        }))
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.inner.pending_nonce(account).await
    }
}
