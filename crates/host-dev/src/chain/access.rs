//! The handle's view of transactions and accounts.

use super::{
    Call, CallResult, Cheat, DevChain, MinedBlock, SignedTx, TxDecodeError, check_code,
    pool::Pooled,
};
use crate::DevChainError;
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_chain::{SendRejection, Simulation, TxReceipt};
use std::sync::Arc;

/// A transaction in the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PooledTx {
    /// The transaction.
    pub tx: Arc<SignedTx>,
    /// Number of the first block that may take it, when it is held.
    pub held_until: Option<u64>,
    /// Whether every earlier nonce of the sender is mined or waits in the pool too.
    pub executable: bool,
}

/// Transactions.
impl DevChain {
    /// Hands a signed EIP-2718 transaction to the pool.
    ///
    /// # Errors
    /// [`DevChainError::Rejected`].
    pub fn submit_raw(&self, raw: &Bytes) -> Result<B256, DevChainError> {
        let refused =
            |error: TxDecodeError| DevChainError::Rejected(SendRejection::Other(error.to_string()));
        // Recovering the sender is slow and needs no lock.
        let tx = Arc::new(SignedTx::decode(raw).map_err(refused)?);
        let hash = tx.hash();
        let mut chain = self.lock();
        let admission = chain.admission();
        chain.change_tip(|tip| {
            tip.pool.submit(tx, &tip.state, admission).map_err(DevChainError::Rejected)
        })?;
        self.arrived();
        Ok(hash)
    }

    /// Every pooled transaction, by sender and nonce.
    pub fn pooled(&self) -> Vec<PooledTx> {
        let chain = self.lock();
        let describe = |pooled: &Pooled| {
            let sender = pooled.tx.sender();
            let next = chain.tip.pool.pending_nonce(sender, chain.tip.state.nonce(&sender));
            PooledTx {
                tx: pooled.tx.clone(),
                held_until: pooled.held_until,
                executable: pooled.tx.nonce() < next,
            }
        };
        chain.tip.pool.iter().map(describe).collect()
    }

    /// Forgets a pooled transaction.
    ///
    /// # Errors
    /// [`DevChainError::NotPooled`].
    pub fn pool_drop(&self, hash: B256) -> Result<(), DevChainError> {
        self.lock().change_tip(|tip| {
            tip.pool.remove(&hash).then_some(()).ok_or(DevChainError::NotPooled(hash))
        })
    }

    /// Keeps a pooled transaction out of every block before number `until_block`, and with it the
    /// sender's later ones.
    ///
    /// # Errors
    /// [`DevChainError::NotPooled`].
    pub fn pool_hold(&self, hash: B256, until_block: u64) -> Result<(), DevChainError> {
        self.lock().change_tip(|tip| {
            tip.pool.hold(&hash, until_block).then_some(()).ok_or(DevChainError::NotPooled(hash))
        })
    }

    /// The canonical block of a transaction and its index there.
    pub fn transaction(
        &self,
        hash: B256,
    ) -> Result<Option<(Arc<MinedBlock>, usize)>, DevChainError> {
        self.lock().blocks.find_tx(&hash)
    }

    /// Receipt of a canonical transaction.
    pub fn receipt(&self, hash: B256) -> Result<Option<TxReceipt>, DevChainError> {
        Ok(self.transaction(hash)?.and_then(|(block, index)| block.receipt(index)))
    }

    /// Runs a call; changes nothing.
    ///
    /// # Errors
    /// [`DevChainError::InvalidCall`] when it cannot even start, [`DevChainError::NoState`] for a
    /// block too old.
    pub fn call(&self, call: &Call) -> Result<CallResult, DevChainError> {
        self.lock().call(call)
    }

    /// Runs a call and finds a gas limit with which it passes.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn simulate(&self, call: &Call) -> Result<Simulation, DevChainError> {
        self.lock().estimate(call).map(|(simulation, _)| simulation)
    }

    /// Whether the pool has something the next block can take.
    pub(crate) fn has_ready(&self) -> bool {
        let chain = self.lock();
        let number = chain.blocks.head_number() + 1;
        chain.tip.pool.has_ready(&chain.tip.state, number, chain.next_base_fee())
    }
}

/// Accounts, in the newest state.
impl DevChain {
    /// Native balance, wei.
    pub fn balance(&self, account: Address) -> U256 {
        self.lock().tip.state.balance(&account)
    }

    /// Next nonce.
    pub fn nonce(&self, account: Address) -> u64 {
        self.lock().tip.state.nonce(&account)
    }

    /// Contract code.
    pub fn code(&self, account: Address) -> Bytes {
        self.lock().tip.state.code(&account)
    }

    /// One storage slot.
    pub fn storage(&self, account: Address, slot: U256) -> U256 {
        self.lock().tip.state.storage(&account, slot)
    }

    /// Sets a native balance, wei. Like every change of this kind it shows at once and belongs to
    /// the next block.
    pub fn set_balance(&self, account: Address, wei: U256) -> Result<(), DevChainError> {
        self.lock().cheat(Cheat::Balance(account, wei))
    }

    /// Sets the next nonce.
    pub fn set_nonce(&self, account: Address, nonce: u64) -> Result<(), DevChainError> {
        self.lock().cheat(Cheat::Nonce(account, nonce))
    }

    /// Sets contract code.
    ///
    /// # Errors
    /// [`DevChainError::InvalidCode`].
    pub fn set_code(&self, account: Address, code: Bytes) -> Result<(), DevChainError> {
        check_code(&code)?;
        self.lock().cheat(Cheat::Code(account, code))
    }

    /// Makes several changes as one, which costs the chain as much as a single one.
    ///
    /// # Errors
    /// [`DevChainError::InvalidCode`], and then nothing changed.
    pub fn change(&self, cheats: Vec<Cheat>) -> Result<(), DevChainError> {
        for cheat in &cheats {
            if let Cheat::Code(_, code) = cheat {
                check_code(code)?;
            }
        }
        self.lock().change_tip(|tip| {
            cheats.iter().for_each(|cheat| tip.state.apply_cheat(cheat));
            tip.cheats.extend(cheats);
            Ok(())
        })
    }

    /// Sets one storage slot of an account that exists.
    pub fn set_storage(
        &self,
        account: Address,
        slot: U256,
        value: U256,
    ) -> Result<(), DevChainError> {
        self.lock().cheat(Cheat::Storage(account, slot, value))
    }
}
