//! Hosts whose calls can be the last thing a process does.

use super::{CallKind, Faults, Moment};
use alloy::primitives::{Address, B256, Bytes, U256};
use async_trait::async_trait;
use bmn_chain::{
    CallOutcome, CallRequest, ChainClient, ChainError, ChainEvent, ChainSource, Fees, KnownBlocks,
    MinedCall, RawReceipts, Simulation, TxReceipt,
};
use bmn_primitives::{BlockRef, ChainId};
use std::{future::Future, sync::Arc};

impl Faults {
    /// Makes a call, unless the process dies before or after it.
    async fn around<T>(&self, kind: CallKind, call: impl Future<Output = T>) -> T {
        if self.passes(kind, Moment::Before) {
            std::future::pending::<()>().await;
        }
        let answer = call.await;
        if self.passes(kind, Moment::After) {
            std::future::pending::<()>().await;
        }
        answer
    }
}

/// A client whose caller may die.
pub struct FaultyClient {
    inner: Arc<dyn ChainClient>,
    faults: Faults,
}

impl FaultyClient {
    /// Wraps a client.
    pub fn new(inner: Arc<dyn ChainClient>, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl ChainClient for FaultyClient {
    fn chain_id(&self) -> ChainId {
        self.inner.chain_id()
    }

    async fn head(&self) -> Result<BlockRef, ChainError> {
        self.faults.around(CallKind::Head, self.inner.head()).await
    }

    async fn simulate(&self, call: &CallRequest) -> Result<Simulation, ChainError> {
        self.faults.around(CallKind::Simulate, self.inner.simulate(call)).await
    }

    async fn call(&self, call: &CallRequest) -> Result<CallOutcome, ChainError> {
        self.faults.around(CallKind::Call, self.inner.call(call)).await
    }

    async fn nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.faults.around(CallKind::Nonce, self.inner.nonce(account)).await
    }

    async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        self.faults.around(CallKind::Balance, self.inner.balance(account)).await
    }

    async fn code(&self, account: Address) -> Result<Bytes, ChainError> {
        self.faults.around(CallKind::Code, self.inner.code(account)).await
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        self.faults.around(CallKind::Fees, self.inner.fees()).await
    }

    async fn send_raw(&self, raw: &Bytes) -> Result<B256, ChainError> {
        self.faults.around(CallKind::Send, self.inner.send_raw(raw)).await
    }

    async fn receipt(&self, tx_hash: B256) -> Result<Option<TxReceipt>, ChainError> {
        self.faults.around(CallKind::Receipt, self.inner.receipt(tx_hash)).await
    }

    async fn mined_call(&self, tx_hash: B256) -> Result<Option<MinedCall>, ChainError> {
        self.faults.around(CallKind::MinedCall, self.inner.mined_call(tx_hash)).await
    }

    async fn block_receipts(&self, block: B256) -> Result<Option<RawReceipts>, ChainError> {
        // Nobody who writes asks for it: no place to die at.
        self.inner.block_receipts(block).await
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.faults.around(CallKind::PendingNonce, self.inner.pending_nonce(account)).await
    }
}

/// A source whose follower may die.
pub struct FaultySource<S> {
    inner: S,
    faults: Faults,
}

impl<S: ChainSource + Sync> FaultySource<S> {
    /// Wraps a source.
    pub const fn new(inner: S, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl<S: ChainSource + Sync> ChainSource for FaultySource<S> {
    fn chain_id(&self) -> ChainId {
        self.inner.chain_id()
    }

    async fn next_event(
        &mut self,
        cursor: Option<BlockRef>,
        known: &dyn KnownBlocks,
        max_blocks: usize,
    ) -> Result<Option<ChainEvent>, ChainError> {
        let call = self.inner.next_event(cursor, known, max_blocks);
        self.faults.around(CallKind::NextEvent, call).await
    }

    async fn changed(&mut self) -> Result<(), ChainError> {
        self.inner.changed().await
    }

    async fn head(&self) -> Result<Option<BlockRef>, ChainError> {
        self.faults.around(CallKind::Head, self.inner.head()).await
    }

    async fn finalized(&self) -> Result<Option<BlockRef>, ChainError> {
        self.faults.around(CallKind::Finalized, self.inner.finalized()).await
    }

    fn acknowledge(&mut self, block: BlockRef) {
        self.inner.acknowledge(block);
    }
}
