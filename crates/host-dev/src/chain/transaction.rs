//! Signed transactions.

use alloy::{
    consensus::{
        Transaction, TxEnvelope,
        transaction::{Recovered, SignerRecoverable},
    },
    eips::eip2718::Decodable2718,
    primitives::{Address, B256, Bytes, U256},
};
use alloy_evm::FromRecoveredTx;
use bmn_chain::SendRejection;
use revm::{
    context::{TxEnv, result::InvalidTransaction},
    handler::validation::validate_initial_tx_gas,
    primitives::{eip3860::MAX_INITCODE_SIZE, hardfork::SpecId},
};

/// A transaction whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTx {
    envelope: TxEnvelope,
    raw: Bytes,
    sender: Address,
}

/// The bytes are no transaction this chain takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TxDecodeError {
    /// Not an EIP-2718 encoding.
    #[error("not a signed EIP-2718 transaction: {0}")]
    Malformed(String),
    /// The signature belongs to no account.
    #[error("the signature recovers to no sender")]
    BadSignature,
    /// Blob transactions need a consensus layer.
    #[error("blob transactions are not supported; use type 0, 1, 2 or 4")]
    Blob,
}

impl SignedTx {
    /// Reads an EIP-2718 transaction of type 0, 1, 2 or 4 and recovers its sender.
    pub fn decode(raw: &Bytes) -> Result<Self, TxDecodeError> {
        let envelope = TxEnvelope::decode_2718_exact(raw)
            .map_err(|error| TxDecodeError::Malformed(error.to_string()))?;
        if envelope.is_eip4844() {
            return Err(TxDecodeError::Blob);
        }
        let sender = envelope.recover_signer().map_err(|_| TxDecodeError::BadSignature)?;
        Ok(Self { envelope, raw: raw.clone(), sender })
    }

    /// The typed transaction.
    pub const fn envelope(&self) -> &TxEnvelope {
        &self.envelope
    }

    /// The EIP-2718 bytes it was decoded from.
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The account that signed it.
    pub const fn sender(&self) -> Address {
        self.sender
    }

    /// Transaction hash.
    pub fn hash(&self) -> B256 {
        *self.envelope.tx_hash()
    }

    /// Nonce of the sender it consumes.
    pub fn nonce(&self) -> u64 {
        self.envelope.nonce()
    }

    pub(crate) fn env(&self) -> TxEnv {
        TxEnv::from_recovered_tx(&self.envelope, self.sender)
    }

    pub(crate) fn recovered(&self) -> Recovered<TxEnvelope> {
        Recovered::new_unchecked(self.envelope.clone(), self.sender)
    }

    /// Most the sender can be charged, wei.
    pub(crate) fn max_cost(&self) -> U256 {
        let gas = U256::from(self.envelope.gas_limit());
        let fee = U256::from(self.envelope.max_fee_per_gas());
        gas.saturating_mul(fee).saturating_add(self.envelope.value())
    }

    /// Why no block of this chain could ever take the transaction.
    pub(crate) fn never_executable(&self, chain_id: u64, gas_limit: u64) -> Option<SendRejection> {
        let other = |reason| Some(SendRejection::Other(reason));
        let tx = &self.envelope;
        if let Some(id) = tx.chain_id()
            && id != chain_id
        {
            return other(format!("signed for chain {id}, this is chain {chain_id}"));
        }
        if tx.gas_limit() > gas_limit {
            let limit = tx.gas_limit();
            let words = format!("gas limit {limit} exceeds the block gas limit {gas_limit}");
            return Some(SendRejection::GasLimit(words));
        }
        if tx.max_priority_fee_per_gas().is_some_and(|tip| tip > tx.max_fee_per_gas()) {
            return other("the priority fee is above the maximum fee".to_owned());
        }
        if tx.is_create() && tx.input().len() > MAX_INITCODE_SIZE {
            return other(format!("init code is longer than {MAX_INITCODE_SIZE} bytes"));
        }
        validate_initial_tx_gas(self.env(), SpecId::PRAGUE, false, false, u64::MAX, None)
            .err()
            .map(|error| SendRejection::GasLimit(gas_words(&error)))
    }
}

/// Libraries tell a gas limit that is too low by its first words.
fn gas_words(error: &InvalidTransaction) -> String {
    match error {
        InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas: needed, gas_limit }
        | InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor: needed, gas_limit } => {
            format!("intrinsic gas too low: the limit is {gas_limit}, {needed} is the least")
        }
        other => other.to_string(),
    }
}
