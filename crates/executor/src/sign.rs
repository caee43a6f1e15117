//! Transactions and their signatures.

use crate::ExecutorError;
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use bmn_chain::Fees;
use bmn_primitives::ChainId;

/// Fees of one signed version, wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bid {
    pub(crate) max_fee: u128,
    pub(crate) priority_fee: u128,
}

impl Bid {
    /// Room for the base fee to double before the bid falls out of a block.
    pub(crate) const fn first(fees: Fees) -> Self {
        let priority_fee = if fees.priority == 0 { 1 } else { fees.priority };
        Self { max_fee: fees.base.saturating_mul(2).saturating_add(priority_fee), priority_fee }
    }

    /// At least an eighth above the last one: pools ask for a tenth on both fields.
    pub(crate) fn raise(self, fees: Fees) -> Self {
        let step = |fee: u128| fee.saturating_add(fee / 8).saturating_add(1);
        let fresh = Self::first(fees);
        Self {
            max_fee: step(self.max_fee).max(fresh.max_fee),
            priority_fee: step(self.priority_fee).max(fresh.priority_fee),
        }
    }
}

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

/// Signs; returns the hash and the EIP-2718 bytes.
pub(crate) fn sign(
    signer: &PrivateKeySigner,
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
    let signature = signer
        .sign_hash_sync(&tx.signature_hash())
        .map_err(|error| ExecutorError::Signer(error.to_string()))?;
    let envelope: TxEnvelope = tx.into_signed(signature).into();
    Ok((*envelope.tx_hash(), envelope.encoded_2718()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_raised_bid_always_replaces(max in 1u128..1 << 90, tip in 0u128..1 << 60, base in 0u128..1 << 80) {
            let old = Bid { max_fee: max, priority_fee: tip };
            let new = old.raise(Fees { base, priority: tip });
            prop_assert!(new.max_fee * 10 >= old.max_fee * 11);
            prop_assert!(new.priority_fee * 10 >= old.priority_fee * 11);
            prop_assert!(new.priority_fee <= new.max_fee || old.priority_fee > old.max_fee);
        }
    }
}
