//! What a development chain starts from.

use alloy::primitives::{Address, U256};
use bmn_primitives::ChainId;

/// Blocks between two stored states. Opening executes at most this many plus the kept history.
pub(crate) const CHECKPOINT_INTERVAL: u64 = 128;

/// How a development chain is set up. The genesis fields count only when the chain is created: an
/// existing data directory keeps its own.
#[derive(Debug, Clone)]
pub struct DevChainConfig {
    /// EIP-155 chain id.
    pub chain_id: ChainId,
    /// Timestamp of block 0, unix seconds.
    pub genesis_time: u64,
    /// Seconds from a block to the next when nobody sets a time; at least 1.
    pub block_time: u64,
    /// Accounts that exist at genesis, with their balance in wei.
    pub accounts: Vec<(Address, U256)>,
    /// Blocks on top of a block that make it final. No reorg goes below the finalized block.
    pub finality_depth: u64,
    /// Newest blocks whose state is kept, for reorgs and reads in the past.
    pub history: u64,
    /// Newest blocks that are kept with their transactions and receipts; none keeps all. Never fewer than
    /// the history and what is not final yet.
    pub keep_blocks: Option<u64>,
    /// Block gas limit.
    pub gas_limit: u64,
    /// Base fee of block 0, wei per gas.
    pub base_fee: u64,
    /// Priority fee suggested to senders, wei per gas.
    pub priority_fee: u128,
    /// Lowest maximum fee the pool takes, wei per gas.
    pub min_fee: u128,
    /// Receives the priority fees.
    pub beneficiary: Address,
    /// Transactions the pool holds at most.
    pub pool_limit: usize,
}

impl Default for DevChainConfig {
    fn default() -> Self {
        Self {
            chain_id: ChainId(31337),
            genesis_time: 1_700_000_000,
            block_time: 1,
            accounts: Vec::new(),
            finality_depth: 64,
            history: 256,
            keep_blocks: None,
            gas_limit: 30_000_000,
            base_fee: 1_000_000_000,
            priority_fee: 1_000_000_000,
            min_fee: 1,
            beneficiary: Address::repeat_byte(0xfe),
            pool_limit: 4096,
        }
    }
}

impl DevChainConfig {
    /// Blocks that are kept: enough for every reorg, whatever was asked for.
    pub(crate) fn kept_blocks(&self) -> Option<u64> {
        let least = self.history.max(self.finality_depth).saturating_add(2);
        self.keep_blocks.map(|keep| keep.max(least))
    }
}
