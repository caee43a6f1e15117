//! Executing transactions into a block, and calls on top of one.

use super::{
    MinedBlock, SignedTx, TxOutcome,
    block::envelopes,
    state::{BlockHashes, Cheat, Execution, State, Written},
};
use alloy::{
    consensus::{
        EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header,
        proofs::{calculate_receipt_root, calculate_transaction_root},
    },
    eips::eip7685::EMPTY_REQUESTS_HASH,
    primitives::{Address, B256, Bytes, U256, keccak256},
};
use alloy_evm::{EthEvmFactory, Evm, EvmEnv, EvmFactory, eth::EthEvm, precompiles::PrecompilesMap};
use revm::{
    DatabaseCommit,
    context::{
        BlockEnv, CfgEnv,
        result::{EVMError, ExecutionResult, InvalidTransaction},
    },
    context_interface::block::BlobExcessGasAndPrice,
    inspector::NoOpInspector,
    primitives::hardfork::SpecId,
};
use std::sync::Arc;

/// What is fixed about a block before it has transactions.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) chain_id: u64,
    pub(crate) parent_hash: B256,
    pub(crate) number: u64,
    pub(crate) time: u64,
    pub(crate) base_fee: u64,
    pub(crate) gas_limit: u64,
    pub(crate) beneficiary: Address,
    /// Tells apart blocks of different forks that are otherwise equal.
    pub(crate) extra_data: Bytes,
}

impl Template {
    /// The environment a known block was executed in.
    pub(crate) fn of(chain_id: u64, header: &Header) -> Self {
        Self {
            chain_id,
            parent_hash: header.parent_hash,
            number: header.number,
            time: header.timestamp,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            gas_limit: header.gas_limit,
            beneficiary: header.beneficiary,
            extra_data: header.extra_data.clone(),
        }
    }

    /// Unpredictable to contracts, yet the same in every run.
    fn prevrandao(&self) -> B256 {
        keccak256([self.parent_hash.as_slice(), &self.number.to_be_bytes()].concat())
    }

    pub(crate) fn block_env(&self) -> BlockEnv {
        BlockEnv {
            number: U256::from(self.number),
            beneficiary: self.beneficiary,
            timestamp: U256::from(self.time),
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            prevrandao: Some(self.prevrandao()),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
                excess_blob_gas: 0,
                blob_gasprice: 1,
            }),
            ..BlockEnv::default()
        }
    }

    pub(crate) fn cfg_env(&self) -> CfgEnv {
        CfgEnv::new_with_spec(SpecId::PRAGUE).with_chain_id(self.chain_id)
    }

    fn header(&self) -> Header {
        Header {
            parent_hash: self.parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: self.beneficiary,
            number: self.number,
            gas_limit: self.gas_limit,
            timestamp: self.time,
            extra_data: self.extra_data.clone(),
            mix_hash: self.prevrandao(),
            base_fee_per_gas: Some(self.base_fee),
            withdrawals_root: Some(EMPTY_ROOT_HASH),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        }
    }
}

/// Why a transaction is not in the block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Its nonce is used: it will never fit again.
    Stale,
    /// It may fit a later block.
    NotYet,
}

/// A block in the making.
pub(crate) struct BlockBuilder {
    evm: EthEvm<Execution, NoOpInspector, PrecompilesMap>,
    template: Template,
    txs: Vec<Arc<SignedTx>>,
    outcomes: Vec<TxOutcome>,
    cheats: Vec<Cheat>,
    gas_used: u64,
}

impl BlockBuilder {
    /// Starts on the parent's state with `cheats` applied to it.
    pub(crate) fn new(
        template: Template,
        mut state: State,
        cheats: Vec<Cheat>,
        hashes: BlockHashes,
    ) -> Self {
        for cheat in &cheats {
            state.apply_cheat(cheat);
        }
        let env = EvmEnv::new(template.cfg_env(), template.block_env());
        let evm = EthEvmFactory::default().create_evm(Execution::new(state, hashes), env);
        Self { evm, template, txs: Vec::new(), outcomes: Vec::new(), cheats, gas_used: 0 }
    }

    /// Writes down from now on which accounts and slots change.
    pub(crate) fn noting_writes(mut self) -> Self {
        self.evm.db_mut().written = Some(Written::default());
        self
    }

    /// What has been written since [`Self::noting_writes`].
    pub(crate) fn written(&mut self) -> Written {
        self.evm.db_mut().written.take().unwrap_or_default()
    }

    pub(crate) fn nonce(&self, account: &Address) -> u64 {
        self.evm.db().state.nonce(account)
    }

    pub(crate) const fn gas_left(&self) -> u64 {
        self.template.gas_limit.saturating_sub(self.gas_used)
    }

    /// Appends the transaction, or says why it does not fit; then nothing changed.
    pub(crate) fn execute(&mut self, tx: &Arc<SignedTx>) -> Result<(), Unfit> {
        use alloy::consensus::Transaction;
        if tx.envelope().gas_limit() > self.gas_left() {
            return Err(Unfit::NotYet);
        }
        let executed = self.evm.transact(tx.recovered()).map_err(|error| match error {
            EVMError::Transaction(InvalidTransaction::NonceTooLow { .. }) => Unfit::Stale,
            _ => Unfit::NotYet,
        })?;
        let result = executed.result;
        self.evm.db_mut().commit(executed.state);
        self.gas_used += result.tx_gas_used();
        self.outcomes.push(TxOutcome {
            success: result.is_success(),
            gas_used: result.tx_gas_used(),
            cumulative_gas_used: self.gas_used,
            effective_gas_price: tx.envelope().effective_gas_price(Some(self.template.base_fee)),
            contract: result.created_address(),
            logs: match result {
                ExecutionResult::Success { logs, .. } => logs,
                // Reverted logs never happened.
                _ => Vec::new(),
            },
        });
        self.txs.push(tx.clone());
        Ok(())
    }

    /// Computes the roots and seals the block.
    pub(crate) fn finish(self) -> (Arc<MinedBlock>, State) {
        let state = self.evm.into_db().state;
        let txs: Vec<_> = self.txs.iter().map(|tx| tx.envelope().clone()).collect();
        let receipts: Vec<_> = envelopes(&self.txs, &self.outcomes).collect();
        let header = Header {
            state_root: state.root(),
            transactions_root: calculate_transaction_root(&txs),
            receipts_root: calculate_receipt_root(&receipts),
            logs_bloom: self.outcomes.iter().flat_map(|outcome| &outcome.logs).collect(),
            gas_used: self.gas_used,
            ..self.template.header()
        };
        let block = MinedBlock {
            hash: header.hash_slow(),
            header,
            txs: self.txs,
            outcomes: self.outcomes,
            cheats: self.cheats,
        };
        (Arc::new(block), state)
    }
}
