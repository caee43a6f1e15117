//! Errors as JSON-RPC shows them.

use crate::DevChainError;
use alloy::{primitives::Bytes, sol_types::decode_revert_reason};
use bmn_chain::SendRejection;
use jsonrpsee::types::{ErrorObjectOwned, error::INVALID_PARAMS_CODE};

/// Ethereum's code for a reverted call.
const REVERTED: i32 = 3;
/// Ethereum's code for anything the node refuses.
const REFUSED: i32 = -32000;
/// EIP-1474: a limit was exceeded.
const LIMIT: i32 = -32005;
/// JSON-RPC: the server's own failure.
const INTERNAL: i32 = -32603;

/// Why a method did not answer.
#[derive(Debug)]
pub(super) enum RpcError {
    /// A parameter is missing or malformed.
    Param {
        name: &'static str,
        accepted: &'static str,
        found: String,
    },
    /// More parameters than the method has.
    TooMany {
        most: usize,
        found: usize,
    },
    /// A call reverted with this data.
    Reverted(Bytes),
    /// A call stopped for another reason.
    Halted(String),
    /// The node refuses, in the words other nodes use.
    Refused(String),
    /// The answer would be too large.
    Limit(String),
    Chain(DevChainError),
    /// An answer could not be written as JSON.
    Encode(serde_json::Error),
}

impl From<DevChainError> for RpcError {
    fn from(error: DevChainError) -> Self {
        Self::Chain(error)
    }
}

impl From<serde_json::Error> for RpcError {
    fn from(error: serde_json::Error) -> Self {
        Self::Encode(error)
    }
}

/// geth's words, which wallets and libraries match on.
fn rejection_words(rejection: &SendRejection) -> &str {
    match rejection {
        SendRejection::NonceTooLow => "nonce too low",
        SendRejection::AlreadyKnown => "already known",
        SendRejection::ReplacementUnderpriced => "replacement transaction underpriced",
        SendRejection::Underpriced => "transaction underpriced",
        SendRejection::InsufficientFunds => "insufficient funds for gas * price + value",
        SendRejection::NonceTooHigh => "nonce too high",
        SendRejection::GasLimit(reason) | SendRejection::Other(reason) => reason,
    }
}

fn chain_words(error: &DevChainError) -> (i32, String) {
    match error {
        DevChainError::Rejected(rejection) => (REFUSED, rejection_words(rejection).to_owned()),
        DevChainError::InvalidCall { insufficient_funds: true, .. } => {
            (REFUSED, rejection_words(&SendRejection::InsufficientFunds).to_owned())
        }
        DevChainError::Storage { .. } | DevChainError::Corrupt { .. } => {
            (INTERNAL, error.to_string())
        }
        other => (REFUSED, other.to_string()),
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let plain = |code, message: String| Self::owned(code, message, None::<()>);
        match error {
            RpcError::Param { name, accepted, found } => plain(
                INVALID_PARAMS_CODE,
                format!("parameter `{name}` must be {accepted}; found {found}"),
            ),
            RpcError::TooMany { most, found } => plain(
                INVALID_PARAMS_CODE,
                format!("at most {most} parameters are accepted; found {found}"),
            ),
            RpcError::Reverted(data) => {
                let message = match decode_revert_reason(&data) {
                    Some(reason) => {
                        let reason = reason.strip_prefix("revert: ").unwrap_or(&reason);
                        format!("execution reverted: {reason}")
                    }
                    None => "execution reverted".to_owned(),
                };
                Self::owned(REVERTED, message, Some(data))
            }
            RpcError::Halted(reason) => plain(REFUSED, format!("execution halted: {reason}")),
            RpcError::Refused(message) => plain(REFUSED, message),
            RpcError::Limit(message) => plain(LIMIT, message),
            RpcError::Chain(error) => {
                let (code, message) = chain_words(&error);
                plain(code, message)
            }
            RpcError::Encode(error) => plain(INTERNAL, error.to_string()),
        }
    }
}
