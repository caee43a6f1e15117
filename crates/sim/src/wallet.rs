//! An account that sends transactions the way any wallet does.

use crate::SimError;
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use bmn_chain::{ChainClient, ChainError};
use bmn_primitives::ChainId;
use std::sync::Arc;

/// What a transaction is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Contract to call; none creates one.
    pub to: Option<Address>,
    /// Native coin sent along, wei.
    pub value: U256,
    /// Calldata or init code.
    pub data: Bytes,
    /// Gas limit.
    pub gas: u64,
}

impl Payload {
    /// A call without value.
    pub const fn call(to: Address, data: Bytes, gas: u64) -> Self {
        Self { to: Some(to), value: U256::ZERO, data, gas }
    }

    /// A plain payment in wei.
    pub const fn pay(to: Address, value: U256) -> Self {
        Self { to: Some(to), value, data: Bytes::new(), gas: 21_000 }
    }
}

/// A transaction that was handed to a chain. Reorgs may drop it: [`Wallet::keep_alive`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its hash.
    pub hash: B256,
    /// Its bytes.
    pub raw: Bytes,
    /// Its nonce.
    pub nonce: u64,
}

/// Signs and sends for one account on one chain.
#[derive(Clone)]
pub struct Wallet {
    signer: PrivateKeySigner,
    client: Arc<dyn ChainClient>,
    next_nonce: u64,
    /// Priority fee on top of what the chain suggests, wei per gas.
    extra_tip: u128,
}

impl Wallet {
    /// A wallet whose next transaction has the account's next nonce.
    pub async fn open(
        signer: PrivateKeySigner,
        client: Arc<dyn ChainClient>,
    ) -> Result<Self, ChainError> {
        let next_nonce = client.nonce(signer.address()).await?;
        Ok(Self { signer, client, next_nonce, extra_tip: 0 })
    }

    /// Bids `extra_tip` wei per gas more than the chain suggests from now on.
    pub const fn bid(&mut self, extra_tip: u128) {
        self.extra_tip = extra_tip;
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The chain.
    pub fn chain(&self) -> ChainId {
        self.client.chain_id()
    }

    /// The key behind it.
    pub const fn signer(&self) -> &PrivateKeySigner {
        &self.signer
    }

    /// Nonce of the next transaction.
    pub const fn next_nonce(&self) -> u64 {
        self.next_nonce
    }

    /// Signs and sends a transaction.
    pub async fn send(&mut self, payload: Payload) -> Result<Sent, SimError> {
        let sent = self.sign(payload).await?;
        self.client.send_raw(&sent.raw).await?;
        self.next_nonce += 1;
        Ok(sent)
    }

    /// Sends the same bytes again when they are not mined: a reorg may have dropped them.
    pub async fn keep_alive(&self, sent: &Sent) -> Result<bool, SimError> {
        if self.client.receipt(sent.hash).await?.is_some() {
            return Ok(false);
        }
        match self.client.send_raw(&sent.raw).await {
            Ok(_) => Ok(true),
            // In the pool already, or overtaken: either way there is nothing to do.
            Err(ChainError::Rejected { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn sign(&self, payload: Payload) -> Result<Sent, SimError> {
        let fees = self.client.fees().await?;
        let tip = fees.priority.saturating_add(self.extra_tip);
        let tx = TxEip1559 {
            chain_id: self.chain().0,
            nonce: self.next_nonce,
            gas_limit: payload.gas,
            max_fee_per_gas: fees.base.saturating_mul(4).saturating_add(tip),
            max_priority_fee_per_gas: tip,
            to: payload.to.map_or(TxKind::Create, TxKind::Call),
            value: payload.value,
            access_list: Default::default(),
            input: payload.data,
        };
        let signature = self
            .signer
            .sign_hash_sync(&tx.signature_hash())
            .map_err(|error| SimError::Signature(error.to_string()))?;
        let envelope = TxEnvelope::Eip1559(tx.into_signed(signature));
        Ok(Sent {
            hash: *envelope.tx_hash(),
            raw: envelope.encoded_2718().into(),
            nonce: self.next_nonce,
        })
    }
}
