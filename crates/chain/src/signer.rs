//! What signs for our account.

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    primitives::{Address, B256, Signature},
    signers::{Error, Signer},
};
use async_trait::async_trait;

/// EIP-712 data, for signers that sign digests and for those that must see what they sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedData {
    /// The digest that is signed.
    pub digest: B256,
    /// The same as the JSON document of `eth_signTypedData_v4`.
    pub document: String,
}

/// Signs for one account. Every [`Signer`] of alloy is one: a key in memory, a key service, a hardware
/// wallet. Those sign digests. Remote signers with rules of their own (Clef, Web3Signer) refuse to
/// sign a digest and want the transaction, so the transaction is what is asked for here.
///
/// Asking may take seconds: never while a store is locked.
#[async_trait]
pub trait AccountSigner: Send + Sync {
    /// The account.
    fn account(&self) -> Address;

    /// Signs a transaction.
    ///
    /// # Errors
    /// The signer's own.
    async fn sign_tx(&self, tx: &TxEip1559) -> Result<Signature, Error>;

    /// Signs EIP-712 data.
    ///
    /// # Errors
    /// The signer's own.
    async fn sign_typed(&self, data: &TypedData) -> Result<Signature, Error>;
}

#[async_trait]
impl<S: Signer + Send + Sync> AccountSigner for S {
    fn account(&self) -> Address {
        self.address()
    }

    async fn sign_tx(&self, tx: &TxEip1559) -> Result<Signature, Error> {
        self.sign_hash(&tx.signature_hash()).await
    }

    async fn sign_typed(&self, data: &TypedData) -> Result<Signature, Error> {
        self.sign_hash(&data.digest).await
    }
}
