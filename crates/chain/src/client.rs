//! Acting on a chain.

use crate::{ChainError, RawReceipts};
use alloy::primitives::{Address, B256, Bytes, U256};
use async_trait::async_trait;
use bmn_primitives::{BlockRef, ChainId};

/// A call to run against the newest state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallRequest {
    /// `msg.sender`.
    pub from: Address,
    /// Contract to call.
    pub to: Address,
    /// `msg.value`, wei.
    pub value: U256,
    /// Calldata.
    pub data: Bytes,
    /// Timestamp of the block the call pretends to be in, unix seconds. `None`: the time the next
    /// block would have. The newest block's own time fails at a window's edge.
    pub time: Option<u64>,
}

/// How a call ended. A revert is an answer, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// Return data.
    Success(Bytes),
    /// Revert data, possibly empty.
    Reverted(Bytes),
}

/// A call's outcome and what it would cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// How it ended.
    pub outcome: CallOutcome,
    /// Gas to set as the limit so that it passes, before any safety factor; 0 when it reverts.
    pub gas: u64,
}

/// EIP-1559 fees, wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fees {
    /// Base fee of the next block.
    pub base: u128,
    /// Suggested priority fee.
    pub priority: u128,
}

/// What became of a mined transaction on the canonical chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxReceipt {
    /// Hash of the transaction.
    pub tx_hash: B256,
    /// The block it is in.
    pub block: BlockRef,
    /// False when it reverted.
    pub success: bool,
    /// Gas used.
    pub gas_used: u64,
    /// Price paid, wei per gas.
    pub effective_gas_price: u128,
}

/// What a mined transaction called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinedCall {
    /// Who signed it.
    pub from: Address,
    /// Whom it called; none when it created a contract.
    pub to: Option<Address>,
    /// Its calldata.
    pub data: Bytes,
}

/// Acts on a chain through a host. All reads see the newest canonical state.
#[async_trait]
pub trait ChainClient: Send + Sync {
    /// The chain this client acts on.
    fn chain_id(&self) -> ChainId;

    /// The newest block.
    async fn head(&self) -> Result<BlockRef, ChainError>;

    /// Runs a call and estimates its gas; changes nothing.
    async fn simulate(&self, call: &CallRequest) -> Result<Simulation, ChainError>;

    /// Runs a call; changes nothing.
    async fn call(&self, call: &CallRequest) -> Result<CallOutcome, ChainError>;

    /// Transactions of `account` that the canonical chain has consumed: its next nonce.
    async fn nonce(&self, account: Address) -> Result<u64, ChainError>;

    /// Native balance, wei.
    async fn balance(&self, account: Address) -> Result<U256, ChainError>;

    /// Contract code; empty for an account without any.
    async fn code(&self, account: Address) -> Result<Bytes, ChainError>;

    /// Fees to bid for the next block.
    async fn fees(&self) -> Result<Fees, ChainError>;

    /// Hands over a signed EIP-2718 transaction. Repeating the same bytes is harmless.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] says why the pool refused it.
    async fn send_raw(&self, raw: &Bytes) -> Result<B256, ChainError>;

    /// The transaction's receipt if it is in the canonical chain.
    async fn receipt(&self, tx_hash: B256) -> Result<Option<TxReceipt>, ChainError>;

    /// What the transaction called, if it is in the canonical chain.
    async fn mined_call(&self, tx_hash: B256) -> Result<Option<MinedCall>, ChainError>;

    /// Header and receipts of the canonical block with this hash; none when there is no such block. Made for
    /// proofs: whoever makes one checks that the bytes are the block's.
    ///
    /// # Errors
    /// [`ChainError::Pruned`] when the host no longer has its receipts, [`ChainError::Inconsistent`] when it
    /// cannot give them as the block's root commits to them.
    async fn block_receipts(&self, block: B256) -> Result<Option<RawReceipts>, ChainError>;

    /// The next nonce of `account` after everything of it that waits to be mined, as far as the host
    /// knows; never below [`nonce`](Self::nonce).
    async fn pending_nonce(&self, account: Address) -> Result<u64, ChainError>;
}
