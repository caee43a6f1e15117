//! How a chain begins, and how it comes back.

use super::{
    Chain, DevChainConfig, MinedBlock, Pool, Tip,
    blocks::{Blocks, Entry},
    execute::{BlockBuilder, Template},
    state::{Cheat, State},
    store::{Store, Stored},
};
use crate::DevChainError;
use alloy::primitives::{B256, Bytes};
use std::{collections::BTreeMap, sync::Arc};

impl Chain {
    /// A chain that lives in memory only.
    pub(crate) fn in_memory(config: DevChainConfig) -> Self {
        let (genesis, tip) = genesis(&config);
        let blocks = Blocks::new(genesis, &config, None);
        Self::assemble(config, blocks, tip, None)
    }

    /// The chain in `store`, which starts with a genesis block of `config` when it is new. Blocks
    /// after the newest usable state are executed again and must come out with their hashes.
    pub(crate) fn on_store(config: DevChainConfig, store: Store) -> Result<Self, DevChainError> {
        let store = Arc::new(store);
        let Some(stored) = store.load(config.chain_id)? else {
            let (genesis, tip) = genesis(&config);
            store.create(config.chain_id, &genesis, &tip)?;
            let blocks = Blocks::new(genesis, &config, Some(store.clone()));
            return Ok(Self::assemble(config, blocks, tip, Some(store)));
        };
        let Stored { checkpoint, blocks: replay, mut tip } = stored;
        let mut state = checkpoint.state.clone().unwrap_or_default();
        let mut blocks = Blocks::new(checkpoint, &config, Some(store.clone()));
        for block in replay {
            let number = block.header.number;
            let hashes = blocks.hashes(number.saturating_sub(1))?;
            let (executed, after) = execute_again(config.chain_id.0, &block, state, hashes);
            if executed.hash != block.hash || executed.outcomes != block.outcomes {
                let found = executed.hash;
                let reason = format!("block {number} {} executes to {found}", block.hash);
                return Err(store.corrupt(reason));
            }
            state = after;
            blocks.push(Entry { block: executed, state: Some(state.clone()) });
        }
        for cheat in &tip.cheats {
            state.apply_cheat(cheat);
        }
        tip.state = state;
        Ok(Self::assemble(config, blocks, tip, Some(store)))
    }

    fn assemble(
        config: DevChainConfig,
        blocks: Blocks,
        tip: Tip,
        store: Option<Arc<Store>>,
    ) -> Self {
        let snapshots = BTreeMap::new();
        Self { config, blocks, tip, snapshots, next_snapshot: 0, store, acknowledged: None }
    }
}

fn genesis(config: &DevChainConfig) -> (Entry, Tip) {
    let template = Template {
        chain_id: config.chain_id.0,
        parent_hash: B256::ZERO,
        number: 0,
        time: config.genesis_time,
        base_fee: config.base_fee,
        gas_limit: config.gas_limit,
        beneficiary: config.beneficiary,
        // Two chains with the same accounts must not share their first block.
        extra_data: Bytes::copy_from_slice(&config.chain_id.0.to_be_bytes()),
    };
    let funded = config.accounts.iter().map(|(account, wei)| Cheat::Balance(*account, *wei));
    let builder = BlockBuilder::new(template, State::default(), funded.collect(), Arc::default());
    let (block, state) = builder.finish();
    let tip = Tip {
        pool: Pool::default(),
        state: state.clone(),
        cheats: Vec::new(),
        next_time: None,
        next_base_fee: None,
        fork: 0,
        finalized: 0,
    };
    (Entry { block, state: Some(state) }, tip)
}

fn execute_again(
    chain_id: u64,
    block: &MinedBlock,
    parent: State,
    hashes: Arc<BTreeMap<u64, B256>>,
) -> (Arc<MinedBlock>, State) {
    let template = Template::of(chain_id, &block.header);
    let mut builder = BlockBuilder::new(template, parent, block.cheats.clone(), hashes);
    for tx in &block.txs {
        // One that does not fit leaves its roots wrong, which the caller sees in the hash.
        let _ = builder.execute(tx);
    }
    builder.finish()
}
