//! The next block.

use super::{
    Chain, ChainUpdate, Change, MinedBlock, Tip,
    blocks::Entry,
    execute::{BlockBuilder, Template},
    state::State,
};
use crate::DevChainError;
use alloy::{
    eips::eip1559::BaseFeeParams,
    primitives::{Bytes, U256},
};
use std::sync::Arc;

impl Chain {
    /// Base fee of the block after the head, wei per gas.
    pub(crate) fn next_base_fee(&self) -> u64 {
        self.tip.next_base_fee.unwrap_or_else(|| base_fee_after(self.blocks.head()))
    }

    /// What the block after the head would be.
    pub(crate) fn next_template(&self, time: u64) -> Template {
        Template {
            base_fee: self.next_base_fee(),
            ..self.template_after(self.blocks.head(), time, self.tip.fork)
        }
    }

    pub(super) fn template_after(&self, parent: &MinedBlock, time: u64, fork: u64) -> Template {
        Template {
            chain_id: self.config.chain_id.0,
            parent_hash: parent.hash,
            number: parent.header.number + 1,
            time,
            base_fee: base_fee_after(parent),
            gas_limit: self.config.gas_limit,
            beneficiary: self.config.beneficiary,
            extra_data: fork_mark(fork),
        }
    }

    pub(crate) fn mine(&mut self, time: Option<u64>) -> Result<ChainUpdate, DevChainError> {
        let time = time.unwrap_or_else(|| self.pending_time());
        let (block, state, mut tip) = self.next_block(time)?;
        tip.pool.drop_stale(&state);
        tip.state = state.clone();
        tip.cheats.clear();
        tip.next_time = tip.next_time.filter(|candidate| *candidate > time);
        tip.next_base_fee = None;
        let appended = vec![Entry { block, state: Some(state) }];
        self.commit(Change { ancestor: self.blocks.head().clone(), appended, tip })
    }

    /// The block that mining would make now; nothing changes.
    pub(crate) fn preview(&self) -> Result<Arc<MinedBlock>, DevChainError> {
        self.next_block(self.pending_time()).map(|(block, _, _)| block)
    }

    /// The next block, the state after it, and the tip without the transactions it took.
    fn next_block(&self, time: u64) -> Result<(Arc<MinedBlock>, State, Tip), DevChainError> {
        check_time(self.blocks.head(), time)?;
        let template = self.next_template(time);
        let (number, base_fee) = (template.number, template.base_fee);
        let hashes = self.blocks.hashes(number - 1)?;
        let mut tip = self.tip.clone();
        let cheats = tip.cheats.clone();
        let mut builder = BlockBuilder::new(template, self.head_state()?, cheats, hashes);
        tip.pool.fill(&mut builder, number, base_fee);
        let (block, state) = builder.finish();
        Ok((block, state, tip))
    }

    pub(super) fn head_state(&self) -> Result<State, DevChainError> {
        let number = self.blocks.head_number();
        let missing = DevChainError::NoState { number, history: self.config.history };
        self.blocks.state_at(number).cloned().ok_or(missing)
    }
}

pub(super) fn check_time(parent: &MinedBlock, time: u64) -> Result<(), DevChainError> {
    if time > parent.header.timestamp {
        return Ok(());
    }
    Err(DevChainError::TimeNotAfterParent { requested: time, parent: parent.block_ref() })
}

fn base_fee_after(parent: &MinedBlock) -> u64 {
    parent.header.next_block_base_fee(BaseFeeParams::ethereum()).unwrap_or_default()
}

/// Without it a block mined again with the same content would have the same hash.
fn fork_mark(fork: u64) -> Bytes {
    U256::from(fork).to_be_bytes_trimmed_vec().into()
}
