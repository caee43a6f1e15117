//! Permissions to end an escrow in public: EIP-712 `PublicAction` of BMN's escrows.

use crate::{
    error::OrderError,
    order::{sign_digest, typed_digest},
};
use alloy::{
    primitives::{Address, B256, Bytes, Signature, U256, keccak256},
    signers::SignerSync,
    sol_types::{Eip712Domain, SolValue},
};
use bmn_primitives::{ChainId, OrderHash};
use serde_json::json;
use std::fmt;

/// What a permission lets its caller do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PublicAction {
    /// Withdraw a source for its taker, from `srcPublicWithdrawal` on.
    SrcPublicWithdraw,
    /// Cancel a source, from `srcPublicCancellation` on.
    SrcPublicCancel,
    /// Withdraw a destination for its maker, from `dstPublicWithdrawal` on.
    DstPublicWithdraw,
    /// Cancel a destination; the contract does not check the immutables, so this drains it.
    DstPublicCancel,
}

impl PublicAction {
    /// The text that is signed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SrcPublicWithdraw => "SRC_PUBLIC_WITHDRAW",
            Self::SrcPublicCancel => "SRC_PUBLIC_CANCEL",
            Self::DstPublicWithdraw => "DST_PUBLIC_WITHDRAW",
            Self::DstPublicCancel => "DST_PUBLIC_CANCEL",
        }
    }
}

impl AsRef<str> for PublicAction {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for PublicAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The digest that a whitelisted resolver signs: `caller` may do `action` at the clone, which is the
/// verifying contract. The action is text because the contract's is.
pub fn public_action_digest(
    chain_id: ChainId,
    clone: Address,
    order_hash: OrderHash,
    caller: Address,
    action: impl AsRef<str>,
) -> B256 {
    let type_hash = keccak256("PublicAction(bytes32 orderHash,address caller,string action)");
    let action = keccak256(action.as_ref());
    let struct_hash = keccak256((type_hash, order_hash.0, caller, action).abi_encode());
    let domain = Eip712Domain::new(
        Some("BMN-Escrow".into()),
        Some("2.3".into()),
        Some(U256::from(chain_id.0)),
        Some(clone),
        None,
    );
    typed_digest(domain.hash_struct(), struct_hash)
}

/// Signs a permission to withdraw in public: 65 bytes `r || s || v`, v 27 or 28.
///
/// # Errors
/// Cancels are refused whatever the dialect and whoever asks: one `DST_PUBLIC_CANCEL` signature opens
/// the destination to its holder at any time. Otherwise the signer's own.
pub fn sign_permission(
    signer: &impl SignerSync,
    chain_id: ChainId,
    clone: Address,
    order_hash: OrderHash,
    caller: Address,
    action: PublicAction,
) -> Result<Bytes, OrderError> {
    let digest = permission_digest(chain_id, clone, order_hash, caller, action)?;
    Ok(Bytes::copy_from_slice(&sign_digest(signer, digest)?.as_bytes()))
}

/// The digest of a permission that may be signed at all, for signers that answer later.
///
/// # Errors
/// [`OrderError::PublicCancelRefused`], as in [`sign_permission`].
pub fn permission_digest(
    chain_id: ChainId,
    clone: Address,
    order_hash: OrderHash,
    caller: Address,
    action: PublicAction,
) -> Result<B256, OrderError> {
    match action {
        PublicAction::SrcPublicCancel | PublicAction::DstPublicCancel => {
            Err(OrderError::PublicCancelRefused(action.as_str()))
        }
        PublicAction::SrcPublicWithdraw | PublicAction::DstPublicWithdraw => {
            Ok(public_action_digest(chain_id, clone, order_hash, caller, action))
        }
    }
}

/// What [`public_action_digest`] is the digest of, as the JSON document of `eth_signTypedData_v4`.
pub fn public_action_document(
    chain_id: ChainId,
    clone: Address,
    order_hash: OrderHash,
    caller: Address,
    action: PublicAction,
) -> String {
    let field = |name: &str, kind: &str| json!({ "name": name, "type": kind });
    json!({
        "types": {
            "EIP712Domain": [
                field("name", "string"),
                field("version", "string"),
                field("chainId", "uint256"),
                field("verifyingContract", "address"),
            ],
            "PublicAction": [
                field("orderHash", "bytes32"),
                field("caller", "address"),
                field("action", "string"),
            ],
        },
        "primaryType": "PublicAction",
        "domain": {
            "name": "BMN-Escrow",
            "version": "2.3",
            "chainId": chain_id.0.to_string(),
            "verifyingContract": clone,
        },
        "message": { "orderHash": order_hash.0, "caller": caller, "action": action.as_str() },
    })
    .to_string()
}

/// The resolver whose key made a permission, as the clone's `_recover` finds it.
///
/// # Errors
/// Not 65 bytes with v 27 or 28, or values that are on no curve.
pub fn recover_permission_signer(digest: B256, signature: &[u8]) -> Result<Address, OrderError> {
    if signature.len() != 65 || !matches!(signature[64], 27 | 28) {
        return Err(OrderError::SignatureFormat);
    }
    let signature = Signature::from_bytes_and_parity(&signature[..64], signature[64] == 28);
    signature
        .recover_address_from_prehash(&digest)
        .map_err(|_| OrderError::SignatureUnrecoverable(digest))
}
