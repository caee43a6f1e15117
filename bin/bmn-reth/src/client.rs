//! Acting on the chain of the node we run in: state, calls, fees and the pool, all in process.

use crate::rejection;
use alloy::{
    consensus::{
        BlockHeader, Transaction, TxReceipt as _, proofs::ordered_trie_root_with_encoder,
        transaction::SignerRecoverable,
    },
    eips::{BlockId, Encodable2718},
    network::Ethereum,
    primitives::{Address, B256, Bytes, U256, keccak256},
    rlp::BufMut,
    rpc::types::{BlockOverrides, TransactionRequest, state::EvmOverrides},
};
use async_trait::async_trait;
use bmn_chain::{
    CallOutcome, CallRequest, ChainClient, ChainError, Fees, MinedCall, RawReceipts, SendRejection,
    Simulation, TxReceipt,
};
use bmn_primitives::{BlockRef, ChainId};
use reth_ethereum::{
    evm::revm::context::result::ExecutionResult,
    network::api::NetworkInfo,
    pool::{AddedTransactionOutcome, PoolTransaction, TransactionOrigin, TransactionPool},
    provider::{
        BlockNumReader, BlockReader, HeaderProvider, ProviderError, StateProviderBox,
        StateProviderFactory,
    },
    rpc::{
        api::eth::helpers::{EthCall, EthFees, FullEthApi},
        eth::EthApiError,
    },
};

/// Acts through the node's own `eth` handlers, without a request to ourselves.
#[derive(Debug, Clone)]
pub struct RethClient<Eth> {
    chain: ChainId,
    eth: Eth,
    /// Seconds between blocks: a call that names no time runs in the next block.
    block_time: u64,
}

impl<Eth> RethClient<Eth> {
    /// Acts on `chain` through `eth`.
    pub const fn new(chain: ChainId, eth: Eth, block_time: u64) -> Self {
        Self { chain, eth, block_time }
    }

    fn unavailable(&self, reason: impl ToString) -> ChainError {
        ChainError::Unavailable { chain: self.chain, reason: reason.to_string() }
    }

    fn rejected(&self, rejection: SendRejection) -> ChainError {
        ChainError::Rejected { chain: self.chain, rejection }
    }
}

impl<Eth> RethClient<Eth>
where
    Eth: FullEthApi<NetworkTypes = Ethereum, Error = EthApiError>,
{
    /// Reads the node's storage on a thread where that may take its time.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Eth::Provider) -> Result<T, ProviderError> + Send + 'static,
    ) -> Result<T, ChainError> {
        let provider = self.eth.provider().clone();
        match tokio::task::spawn_blocking(move || read(&provider)).await {
            Ok(answer) => answer.map_err(|error| self.unavailable(error)),
            Err(stopped) => Err(self.unavailable(stopped)),
        }
    }

    async fn state<T: Send + 'static>(
        &self,
        read: impl FnOnce(&StateProviderBox) -> Result<T, ProviderError> + Send + 'static,
    ) -> Result<T, ChainError> {
        self.read(move |provider| read(&provider.latest()?)).await
    }

    /// What is to be decided on the newest state must not be decided on an old one.
    fn check_synced(&self) -> Result<(), ChainError> {
        match self.eth.network().is_syncing() {
            true => Err(self.unavailable("the node is syncing")),
            false => Ok(()),
        }
    }

    /// The request, and the block it pretends to be in.
    async fn request(
        &self,
        call: &CallRequest,
    ) -> Result<(TransactionRequest, EvmOverrides), ChainError> {
        let head = self.head().await?;
        let next = head.time.saturating_add(self.block_time.max(1));
        let block = BlockOverrides {
            number: Some(U256::from(head.number.saturating_add(1))),
            time: Some(call.time.unwrap_or(next)),
            ..BlockOverrides::default()
        };
        let request = TransactionRequest::default()
            .from(call.from)
            .to(call.to)
            .value(call.value)
            .input(call.data.clone().into());
        Ok((request, EvmOverrides::block(Some(Box::new(block)))))
    }

    async fn run(
        &self,
        request: TransactionRequest,
        overrides: EvmOverrides,
    ) -> Result<CallOutcome, ChainError> {
        let ran = self.eth.transact_call_at(request, BlockId::latest(), overrides).await;
        let ran = ran.map_err(|error| rejection::of_call(self.chain, &error))?;
        Ok(match ran.result {
            ExecutionResult::Success { output, .. } => CallOutcome::Success(output.into_data()),
            ExecutionResult::Revert { output, .. } => CallOutcome::Reverted(output),
            ExecutionResult::Halt { .. } => CallOutcome::Reverted(Bytes::new()),
        })
    }
}

fn receipt_in<P: BlockReader>(
    provider: &P,
    tx_hash: B256,
) -> Result<Result<Option<TxReceipt>, String>, ProviderError> {
    let Some((tx, meta)) = provider.transaction_by_hash_with_meta(tx_hash)? else {
        return Ok(Ok(None));
    };
    let receipts = provider.receipts_by_block(meta.block_hash.into())?;
    // A receipt of a block that left the chain proves nothing.
    if provider.block_hash(meta.block_number)? != Some(meta.block_hash) {
        return Ok(Ok(None));
    }
    let place = usize::try_from(meta.index).unwrap_or(usize::MAX);
    let Some((receipts, receipt)) = receipts.as_ref().and_then(|all| Some((all, all.get(place)?)))
    else {
        let number = meta.block_number;
        return Ok(Err(format!("{tx_hash} is in block {number}, whose receipts are pruned")));
    };
    let before = place.checked_sub(1).and_then(|place| receipts.get(place));
    let before = before.map_or(0, alloy::consensus::TxReceipt::cumulative_gas_used);
    Ok(Ok(Some(TxReceipt {
        tx_hash,
        block: BlockRef { number: meta.block_number, hash: meta.block_hash, time: meta.timestamp },
        success: receipt.status(),
        gas_used: receipt.cumulative_gas_used().saturating_sub(before),
        effective_gas_price: tx.effective_gas_price(meta.base_fee),
    })))
}

fn call_in<P: BlockReader>(
    provider: &P,
    tx_hash: B256,
) -> Result<Result<Option<MinedCall>, String>, ProviderError> {
    let Some((tx, meta)) = provider.transaction_by_hash_with_meta(tx_hash)? else {
        return Ok(Ok(None));
    };
    if provider.block_hash(meta.block_number)? != Some(meta.block_hash) {
        return Ok(Ok(None));
    }
    let Ok(from) = tx.recover_signer() else {
        return Ok(Err(format!("the sender of {tx_hash} cannot be recovered")));
    };
    Ok(Ok(Some(MinedCall { from, to: tx.to(), data: tx.input().clone() })))
}

/// Header and receipts of a canonical block; `Err` with its number where the receipts are not all there.
fn receipts_in<P: BlockReader>(
    provider: &P,
    hash: B256,
) -> Result<Result<Option<RawReceipts>, u64>, ProviderError> {
    let Some(header) = provider.header(hash)? else { return Ok(Ok(None)) };
    let receipts = provider.receipts_by_block(hash.into())?;
    if provider.block_hash(header.number())? != Some(hash) {
        return Ok(Ok(None));
    }
    let receipts: Vec<Bytes> = receipts
        .unwrap_or_default()
        .iter()
        .map(|receipt| receipt.with_bloom_ref().encoded_2718().into())
        .collect();
    // Partial pruning leaves some.
    let root = ordered_trie_root_with_encoder(&receipts, |receipt, out| out.put_slice(receipt));
    if root != header.receipts_root() {
        return Ok(Err(header.number()));
    }
    Ok(Ok(Some(RawReceipts { header: alloy::rlp::encode(&header).into(), receipts })))
}

#[async_trait]
impl<Eth> ChainClient for RethClient<Eth>
where
    Eth: FullEthApi<NetworkTypes = Ethereum, Error = EthApiError>,
{
    fn chain_id(&self) -> ChainId {
        self.chain
    }

    async fn head(&self) -> Result<BlockRef, ChainError> {
        let head = self.read(|provider| {
            let best = provider.chain_info()?;
            let header = provider.header(best.best_hash)?;
            Ok(header.map(|header| BlockRef {
                number: header.number(),
                hash: best.best_hash,
                time: header.timestamp(),
            }))
        });
        head.await?.ok_or_else(|| self.unavailable("the head moved while it was read"))
    }

    async fn simulate(&self, call: &CallRequest) -> Result<Simulation, ChainError> {
        self.check_synced()?;
        let (request, overrides) = self.request(call).await?;
        let outcome = self.run(request.clone(), overrides.clone()).await?;
        let gas = match &outcome {
            CallOutcome::Reverted(_) => 0,
            CallOutcome::Success(_) => {
                let gas =
                    EthCall::estimate_gas_at(&self.eth, request, BlockId::latest(), overrides);
                let gas = gas.await.map_err(|error| rejection::of_call(self.chain, &error))?;
                u64::try_from(gas)
                    .map_err(|_| self.unavailable(format!("an estimate of {gas} gas")))?
            }
        };
        Ok(Simulation { outcome, gas })
    }

    async fn call(&self, call: &CallRequest) -> Result<CallOutcome, ChainError> {
        let (request, overrides) = self.request(call).await?;
        self.run(request, overrides).await
    }

    async fn nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.state(move |state| Ok(state.account_nonce(&account)?.unwrap_or_default())).await
    }

    async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        self.state(move |state| Ok(state.account_balance(&account)?.unwrap_or_default())).await
    }

    async fn code(&self, account: Address) -> Result<Bytes, ChainError> {
        let code = self.state(move |state| state.account_code(&account)).await?;
        Ok(code.map_or_else(Bytes::new, |code| code.original_bytes()))
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        self.check_synced()?;
        let failed = |error: EthApiError| self.unavailable(error);
        let base = EthFees::base_fee(&self.eth).await.map_err(failed)?.unwrap_or_default();
        let priority = EthFees::suggested_priority_fee(&self.eth).await.map_err(failed)?;
        Ok(Fees { base: base.saturating_to(), priority: priority.saturating_to() })
    }

    async fn send_raw(&self, raw: &Bytes) -> Result<B256, ChainError> {
        self.check_synced()?;
        let recovered = <<Eth::Pool as TransactionPool>::Transaction>::recover_raw_transaction(raw);
        let tx =
            recovered.map_err(|error| self.rejected(SendRejection::Other(error.to_string())))?;
        match self.eth.pool().add_transaction(TransactionOrigin::Local, tx).await {
            Ok(AddedTransactionOutcome { hash, .. }) => Ok(hash),
            Err(error) => match rejection::of_pool(&error) {
                SendRejection::AlreadyKnown => Ok(keccak256(raw)),
                rejection => Err(self.rejected(rejection)),
            },
        }
    }

    async fn receipt(&self, tx_hash: B256) -> Result<Option<TxReceipt>, ChainError> {
        let read = self.read(move |provider| receipt_in(provider, tx_hash)).await?;
        read.map_err(|reason| self.unavailable(reason))
    }

    async fn mined_call(&self, tx_hash: B256) -> Result<Option<MinedCall>, ChainError> {
        let read = self.read(move |provider| call_in(provider, tx_hash)).await?;
        read.map_err(|reason| self.unavailable(reason))
    }

    async fn block_receipts(&self, block: B256) -> Result<Option<RawReceipts>, ChainError> {
        let read = self.read(move |provider| receipts_in(provider, block)).await?;
        read.map_err(|number| ChainError::Pruned {
            chain: self.chain,
            block: number,
            reason: "its receipts are pruned".to_owned(),
        })
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, ChainError> {
        let mined = self.nonce(account).await?;
        let last = self.eth.pool().get_highest_consecutive_transaction_by_sender(account, mined);
        Ok(last.map_or(mined, |tx| tx.nonce().saturating_add(1)).max(mined))
    }
}
