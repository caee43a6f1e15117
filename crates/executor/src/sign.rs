//! Transactions and their signatures.

use crate::{Executor, ExecutorError, bid::Bid, gate::Proposal};
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, Signature, TxKind, U256},
};
use bmn_chain::{AccountSigner, TypedData};
use bmn_primitives::ChainId;
use bmn_store::Reads;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

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

/// Whether the signer signs, as the last attempts had it: chain, its newest block then, and the words of the signer. In
/// memory only: whoever forgets it tries again.
#[derive(Debug, Default)]
pub(crate) struct Signing(Mutex<BTreeMap<ChainId, (u64, String)>>);

impl Signing {
    /// Blocks after which a failure that did not come again says nothing any more. What was not signed is tried
    /// again with the next block.
    const SAYS_NOTHING_AFTER: u64 = 2;

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ChainId, (u64, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn failed(&self, chain: ChainId, tip: u64, reason: &str) {
        self.lock().insert(chain, (tip, reason.to_owned()));
    }

    /// One signer signs for every chain.
    pub(crate) fn works(&self) {
        self.lock().clear();
    }

    /// The newest block of `chain` is `tip`.
    pub(crate) fn passed(&self, chain: ChainId, tip: u64) {
        self.lock().retain(|of, (at, _)| {
            *of != chain || tip <= at.saturating_add(Self::SAYS_NOTHING_AFTER)
        });
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.lock().values().next().map(|(_, reason)| reason.clone())
    }
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

/// Signs a permission.
///
/// # Errors
/// [`ExecutorError::Signer`], as [`sign`].
pub(crate) async fn sign_permission(
    signer: &dyn AccountSigner,
    data: &TypedData,
    us: Address,
) -> Result<Signature, ExecutorError> {
    let signature = signer.sign_typed(data).await;
    let signature = signature.map_err(|error| ExecutorError::Signer(error.to_string()))?;
    if signature.recover_address_from_prehash(&data.digest).ok() != Some(us) {
        let reason = format!("its signature is not that of {us}");
        return Err(ExecutorError::Signer(reason));
    }
    Ok(signature)
}

impl Executor {
    /// Notes whether the signer signed, whatever it was for: a replacement that it refuses says as much as a new
    /// transaction.
    pub(crate) fn noted<T>(
        &self,
        chain: ChainId,
        signed: Result<T, ExecutorError>,
    ) -> Result<T, ExecutorError> {
        match &signed {
            Ok(_) => self.signing.works(),
            Err(ExecutorError::Signer(reason)) => {
                let tip = self.store.read()?.cursor(chain)?.tip.map_or(0, |tip| tip.number);
                self.signing.failed(chain, tip, reason);
            }
            Err(_) => {}
        }
        signed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signer_is_down_until_it_signs_or_nothing_was_asked_of_it_for_a_while() {
        let signing = Signing::default();
        assert_eq!(signing.failure(), None);
        signing.failed(ChainId(1), 10, "timeout");
        signing.passed(ChainId(1), 12);
        signing.passed(ChainId(2), 99);
        assert_eq!(signing.failure().as_deref(), Some("timeout"));
        signing.passed(ChainId(1), 13);
        assert_eq!(signing.failure(), None);
        signing.failed(ChainId(1), 13, "timeout");
        signing.works();
        assert_eq!(signing.failure(), None);
    }
}
