//! Acting on the chain.

use crate::{Call, DevChain, DevChainError, PooledTx, chain::Overrides, source::unavailable};
use alloy::{
    consensus::Transaction,
    primitives::{Address, B256, Bytes, U256},
};
use async_trait::async_trait;
use bmn_chain::{
    CallOutcome, CallRequest, ChainClient, ChainError, Fees, MinedCall, RawReceipts, SendRejection,
    Simulation, TxReceipt,
};
use bmn_primitives::{BlockRef, ChainId};

/// Acts on a [`DevChain`]. Every future is ready at once.
#[derive(Debug, Clone)]
pub struct DevClient {
    chain: DevChain,
}

impl DevClient {
    pub(crate) const fn new(chain: DevChain) -> Self {
        Self { chain }
    }

    fn explain(&self, error: &DevChainError) -> ChainError {
        let chain = self.chain.chain_id();
        let rejection = match error {
            DevChainError::Rejected(rejection) => rejection.clone(),
            DevChainError::InvalidCall { insufficient_funds: true, .. } => {
                SendRejection::InsufficientFunds
            }
            DevChainError::InvalidCall { reason, .. } => SendRejection::Other(reason.clone()),
            other => return unavailable(chain, other),
        };
        ChainError::Rejected { chain, rejection }
    }
}

impl From<&CallRequest> for Call {
    fn from(request: &CallRequest) -> Self {
        Self {
            from: request.from,
            to: Some(request.to),
            value: request.value,
            data: request.data.clone(),
            overrides: Overrides { time: request.time, ..Overrides::default() },
            ..Self::default()
        }
    }
}

#[async_trait]
impl ChainClient for DevClient {
    fn chain_id(&self) -> ChainId {
        self.chain.chain_id()
    }

    async fn head(&self) -> Result<BlockRef, ChainError> {
        Ok(self.chain.head())
    }

    async fn simulate(&self, call: &CallRequest) -> Result<Simulation, ChainError> {
        self.chain.simulate(&call.into()).map_err(|error| self.explain(&error))
    }

    async fn call(&self, call: &CallRequest) -> Result<CallOutcome, ChainError> {
        let result = self.chain.call(&call.into()).map_err(|error| self.explain(&error))?;
        Ok(result.outcome)
    }

    async fn nonce(&self, account: Address) -> Result<u64, ChainError> {
        Ok(self.chain.nonce(account))
    }

    async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        Ok(self.chain.balance(account))
    }

    async fn code(&self, account: Address) -> Result<Bytes, ChainError> {
        Ok(self.chain.code(account))
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        Ok(self.chain.fees())
    }

    async fn send_raw(&self, raw: &Bytes) -> Result<B256, ChainError> {
        self.chain.submit_raw(raw).map_err(|error| self.explain(&error))
    }

    async fn receipt(&self, tx_hash: B256) -> Result<Option<TxReceipt>, ChainError> {
        self.chain.receipt(tx_hash).map_err(|error| self.explain(&error))
    }

    async fn mined_call(&self, tx_hash: B256) -> Result<Option<MinedCall>, ChainError> {
        let found = self.chain.transaction(tx_hash).map_err(|error| self.explain(&error))?;
        let tx = found.as_ref().and_then(|(block, index)| block.txs().get(*index));
        Ok(tx.map(|tx| MinedCall {
            from: tx.sender(),
            to: tx.envelope().to(),
            data: tx.envelope().input().clone(),
        }))
    }

    async fn block_receipts(&self, block: B256) -> Result<Option<RawReceipts>, ChainError> {
        let found = self.chain.block_by_hash(block).map_err(|error| self.explain(&error))?;
        Ok(found.map(|block| block.raw_receipts()))
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, ChainError> {
        let own = |tx: &PooledTx| tx.tx.sender() == account && tx.executable;
        let waiting = self.chain.pooled().into_iter().filter(own).map(|tx| tx.tx.nonce() + 1);
        Ok(waiting.fold(self.chain.nonce(account), u64::max))
    }
}
