//! What the node's pool and its call simulation say, in the words of the seam.

use bmn_chain::{ChainError, SendRejection};
use bmn_primitives::ChainId;
use reth_ethereum::{
    pool::error::{
        Eip4844PoolTransactionError, InvalidPoolTransactionError, PoolError, PoolErrorKind,
    },
    primitives::transaction::error::InvalidTransactionError,
    rpc::eth::{EthApiError, RpcInvalidTransactionError},
};

/// Why the pool refused a transaction.
pub fn of_pool(error: &PoolError) -> SendRejection {
    match &error.kind {
        PoolErrorKind::AlreadyImported => SendRejection::AlreadyKnown,
        PoolErrorKind::ReplacementUnderpriced => SendRejection::ReplacementUnderpriced,
        PoolErrorKind::FeeCapBelowMinimumProtocolFeeCap(_) | PoolErrorKind::DiscardedOnInsert => {
            SendRejection::Underpriced
        }
        PoolErrorKind::InvalidTransaction(invalid) => of_invalid(invalid),
        PoolErrorKind::SpammerExceededCapacity(_)
        | PoolErrorKind::ExistingConflictingTransactionType(..)
        | PoolErrorKind::Other(_) => SendRejection::Other(error.kind.to_string()),
    }
}

fn of_invalid(invalid: &InvalidPoolTransactionError) -> SendRejection {
    use InvalidPoolTransactionError as Invalid;
    let said = || invalid.to_string();
    match invalid {
        Invalid::Consensus(error) => of_consensus(error),
        Invalid::Underpriced | Invalid::PriorityFeeBelowMinimum { .. } => {
            SendRejection::Underpriced
        }
        Invalid::Overdraft { .. } => SendRejection::InsufficientFunds,
        Invalid::ExceedsGasLimit(..)
        | Invalid::MaxTxGasLimitExceeded(..)
        | Invalid::IntrinsicGasTooLow => SendRejection::GasLimit(said()),
        Invalid::Eip4844(Eip4844PoolTransactionError::Eip4844NonceGap) => {
            SendRejection::NonceTooHigh
        }
        _ => SendRejection::Other(said()),
    }
}

fn of_consensus(error: &InvalidTransactionError) -> SendRejection {
    use InvalidTransactionError as Invalid;
    match error {
        Invalid::NonceNotConsistent { tx, state } if tx > state => SendRejection::NonceTooHigh,
        Invalid::NonceNotConsistent { .. } => SendRejection::NonceTooLow,
        Invalid::InsufficientFunds(_) => SendRejection::InsufficientFunds,
        Invalid::FeeCapTooLow => SendRejection::Underpriced,
        Invalid::GasTooLow | Invalid::GasTooHigh | Invalid::GasLimitTooHigh => {
            SendRejection::GasLimit(error.to_string())
        }
        other => SendRejection::Other(other.to_string()),
    }
}

/// Why a call could not be run at all. A revert is no error and never comes here.
pub fn of_call(chain: ChainId, error: &EthApiError) -> ChainError {
    use RpcInvalidTransactionError as Invalid;
    let rejection = match error {
        EthApiError::InvalidTransaction(invalid) => match invalid {
            Invalid::InsufficientFunds { .. } | Invalid::InsufficientFundsForTransfer => {
                SendRejection::InsufficientFunds
            }
            Invalid::NonceTooLow { .. } => SendRejection::NonceTooLow,
            Invalid::NonceTooHigh => SendRejection::NonceTooHigh,
            Invalid::FeeCapTooLow => SendRejection::Underpriced,
            Invalid::GasTooLow
            | Invalid::GasTooHigh
            | Invalid::GasLimitTooHigh
            | Invalid::GasRequiredExceedsAllowance { .. }
            | Invalid::BasicOutOfGas(_) => SendRejection::GasLimit(invalid.to_string()),
            other => SendRejection::Other(other.to_string()),
        },
        other => return ChainError::Unavailable { chain, reason: other.to_string() },
    };
    ChainError::Rejected { chain, rejection }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{B256, U256};

    fn pool(kind: impl Into<PoolErrorKind>) -> SendRejection {
        of_pool(&PoolError::new(B256::ZERO, kind))
    }

    #[test]
    fn each_refusal_of_the_pool_has_its_name() {
        use InvalidPoolTransactionError as Invalid;
        let nonce = |tx, state| {
            Invalid::Consensus(InvalidTransactionError::NonceNotConsistent { tx, state })
        };
        assert_eq!(pool(PoolErrorKind::AlreadyImported), SendRejection::AlreadyKnown);
        let underpriced = pool(PoolErrorKind::ReplacementUnderpriced);
        assert_eq!(underpriced, SendRejection::ReplacementUnderpriced);
        assert_eq!(pool(PoolErrorKind::DiscardedOnInsert), SendRejection::Underpriced);
        assert_eq!(pool(nonce(1, 2)), SendRejection::NonceTooLow);
        assert_eq!(pool(nonce(3, 2)), SendRejection::NonceTooHigh);
        let poor = Invalid::Overdraft { cost: U256::from(2), balance: U256::from(1) };
        assert_eq!(pool(poor), SendRejection::InsufficientFunds);
        assert_eq!(pool(Invalid::Underpriced), SendRejection::Underpriced);
        let gas = pool(Invalid::IntrinsicGasTooLow);
        assert!(matches!(gas, SendRejection::GasLimit(words) if words.contains("intrinsic")));
        assert!(matches!(pool(Invalid::Eip2681), SendRejection::Other(_)));
    }

    #[test]
    fn a_call_that_cannot_run_is_told_from_a_node_that_cannot_answer() {
        let chain = ChainId(1);
        let poor = RpcInvalidTransactionError::InsufficientFunds {
            cost: U256::from(2),
            balance: U256::from(1),
        };
        let rejected = ChainError::Rejected { chain, rejection: SendRejection::InsufficientFunds };
        assert_eq!(of_call(chain, &EthApiError::InvalidTransaction(poor)), rejected);
        let silent = of_call(chain, &EthApiError::InternalEthError);
        assert!(matches!(silent, ChainError::Unavailable { .. }));
    }
}
