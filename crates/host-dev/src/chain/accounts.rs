//! Every account of a chain, for a genesis file that another node begins with.

use super::{
    Chain, DevChain, MinedBlock,
    execute::{BlockBuilder, Template},
    state::{Cheat, State, Written},
};
use crate::DevChainError;
use alloy::primitives::{Address, Bytes, U256};
use std::{collections::BTreeMap, sync::Arc};

/// An account with all it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountState {
    /// Next nonce.
    pub nonce: u64,
    /// Native balance, wei.
    pub balance: U256,
    /// Contract code; empty where there is none.
    pub code: Bytes,
    /// Slots that are not zero.
    pub storage: BTreeMap<U256, U256>,
}

impl DevChain {
    /// Every account in the newest state. A state holds addresses and slots by their hashes alone, so the chain
    /// is executed again from its first block to learn them.
    ///
    /// # Errors
    /// [`DevChainError`]: a block cannot be read.
    pub fn accounts(&self) -> Result<BTreeMap<Address, AccountState>, DevChainError> {
        self.lock().accounts()
    }
}

impl Chain {
    fn accounts(&self) -> Result<BTreeMap<Address, AccountState>, DevChainError> {
        let (mut state, mut written) = (State::default(), Written::default());
        for number in 0..=self.blocks.head_number() {
            let Some(block) = self.blocks.at(number)? else { continue };
            let hashes = self.blocks.hashes(number.saturating_sub(1))?;
            state = write_again(self.config.chain_id.0, &block, state, hashes, &mut written);
        }
        for cheat in &self.tip.cheats {
            state.apply_cheat(cheat);
            note(cheat, &mut written);
        }
        debug_assert_eq!(state.root(), self.tip.state.root());
        let account = |(address, slots): (Address, _)| {
            let found = account_of(&state, &address, slots);
            (!found.is_empty()).then_some((address, found))
        };
        Ok(written.into_iter().filter_map(account).collect())
    }
}

fn write_again(
    chain_id: u64,
    block: &MinedBlock,
    parent: State,
    hashes: Arc<BTreeMap<u64, alloy::primitives::B256>>,
    written: &mut Written,
) -> State {
    let template = Template::of(chain_id, &block.header);
    let cheats = block.cheats.clone();
    cheats.iter().for_each(|cheat| note(cheat, written));
    let mut builder = BlockBuilder::new(template, parent, cheats, hashes).noting_writes();
    for tx in block.txs() {
        // A mined transaction fits again.
        let _ = builder.execute(tx);
    }
    for (address, slots) in builder.written() {
        written.entry(address).or_default().extend(slots);
    }
    builder.finish().1
}

fn note(cheat: &Cheat, written: &mut Written) {
    match cheat {
        Cheat::Balance(address, _) | Cheat::Nonce(address, _) | Cheat::Code(address, _) => {
            written.entry(*address).or_default();
        }
        Cheat::Storage(address, slot, _) => {
            written.entry(*address).or_default().insert(*slot);
        }
    }
}

fn account_of(
    state: &State,
    address: &Address,
    slots: impl IntoIterator<Item = U256>,
) -> AccountState {
    let value = |slot| (slot, state.storage(address, slot));
    AccountState {
        nonce: state.nonce(address),
        balance: state.balance(address),
        code: state.code(address),
        storage: slots.into_iter().map(value).filter(|(_, value)| !value.is_zero()).collect(),
    }
}

impl AccountState {
    fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code.is_empty()
    }
}
