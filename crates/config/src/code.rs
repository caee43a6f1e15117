//! Is the contract at a factory's address the one the specification means?

use crate::FactorySpec;
use alloy::primitives::{Address, B256, keccak256};
use bmn_primitives::ErrorClass;

/// The code on chain is not what the specification says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Nothing is there.
    #[error(
        "factory {factory} has no code on this chain: check `address`, the chain id, and that the \
         node is synced past the factory's creation"
    )]
    Missing {
        /// The factory.
        factory: Address,
    },
    /// Something else is there.
    #[error(
        "factory {factory} has code {found}, `code_hash` says {expected}: check `address` and \
         `dialect`, and correct `code_hash` only when both are right"
    )]
    Differs {
        /// The factory.
        factory: Address,
        /// The specification's hash.
        expected: B256,
        /// The chain's.
        found: B256,
    },
}

impl CodeError {
    /// Somebody must correct the specification, or wait for the node.
    pub const fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }
}

impl FactorySpec {
    /// Compares the runtime code at the factory's address with the specification. Without `code_hash`
    /// only its presence is checked.
    ///
    /// # Errors
    /// No code, or another one.
    pub fn check_code(&self, runtime: &[u8]) -> Result<(), CodeError> {
        let factory = self.address;
        if runtime.is_empty() {
            return Err(CodeError::Missing { factory });
        }
        let Some(expected) = self.code_hash else { return Ok(()) };
        let found = keccak256(runtime);
        if found == expected {
            Ok(())
        } else {
            Err(CodeError::Differs { factory, expected, found })
        }
    }
}
