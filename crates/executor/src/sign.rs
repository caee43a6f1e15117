//! Transactions and their signatures.

use crate::{ExecutorError, bid::Bid, gate::Proposal};
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256},
};
use bmn_chain::AccountSigner;
use bmn_primitives::ChainId;

/// Everything about a transaction but its fees.
#[derive(Debug, Clone)]
pub(crate) struct Unsigned {
    pub(crate) chain: ChainId,
    pub(crate) nonce: u64,
    pub(crate) to: Address,
    pub(crate) value: U256,
    pub(crate) gas_limit: u64,
    pub(crate) data: Bytes,
}

/// Gas of a transaction that only consumes its nonce: a transfer of nothing to ourselves.
pub(crate) const FILLER_GAS: u64 = 21_000;

impl Unsigned {
    /// One that only consumes its nonce.
    pub(crate) fn filler(chain: ChainId, nonce: u64, us: Address) -> Self {
        let (value, data) = (U256::ZERO, Bytes::new());
        Self { chain, nonce, to: us, value, gas_limit: FILLER_GAS, data }
    }

    /// As the gate sees it.
    pub(crate) fn proposal(&self) -> Proposal<'_> {
        Proposal { chain: self.chain, to: self.to, value: self.value, data: &self.data }
    }

    /// Wei that it may cost with fees of `bid`.
    pub(crate) fn cost(&self, bid: Bid) -> U256 {
        let gas = U256::from(bid.max_fee).saturating_mul(U256::from(self.gas_limit));
        gas.saturating_add(self.value)
    }
}

/// Signs; returns the hash and the EIP-2718 bytes.
///
/// # Errors
/// [`ExecutorError::Signer`], also when the signature is not the account's: a signer may hold several
/// keys, and what a stranger signed spends the stranger's nonces.
pub(crate) async fn sign(
    signer: &dyn AccountSigner,
    unsigned: &Unsigned,
    bid: Bid,
) -> Result<(B256, Vec<u8>), ExecutorError> {
    let tx = TxEip1559 {
        chain_id: unsigned.chain.0,
        nonce: unsigned.nonce,
        gas_limit: unsigned.gas_limit,
        max_fee_per_gas: bid.max_fee,
        max_priority_fee_per_gas: bid.priority_fee,
        to: TxKind::Call(unsigned.to),
        value: unsigned.value,
        access_list: alloy::eips::eip2930::AccessList::default(),
        input: unsigned.data.clone(),
    };
    let signature = signer.sign_tx(&tx).await;
    let signature = signature.map_err(|error| ExecutorError::Signer(error.to_string()))?;
    let by = signature.recover_address_from_prehash(&tx.signature_hash());
    if by.ok() != Some(signer.account()) {
        let reason = format!("its signature is not that of {}", signer.account());
        return Err(ExecutorError::Signer(reason));
    }
    let envelope: TxEnvelope = tx.into_signed(signature).into();
    Ok((*envelope.tx_hash(), envelope.encoded_2718()))
}
