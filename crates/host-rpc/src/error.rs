//! Why a chain cannot be followed at all.

use bmn_primitives::{ChainId, ErrorClass};

/// Errors of [`RpcHost::connect`](crate::RpcHost::connect).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// The configuration contradicts itself.
    #[error("chain {chain}: {reason}")]
    Config {
        /// Which chain.
        chain: ChainId,
        /// Which field, and what it accepts.
        reason: String,
    },
    /// A node follows another chain.
    #[error(
        "{endpoint} follows chain {found}, but chain {expected} is configured; \
         correct the endpoint or the chain id"
    )]
    WrongChain {
        /// Scheme and host of the node.
        endpoint: String,
        /// Chain id in the configuration.
        expected: ChainId,
        /// Chain id the node reports.
        found: ChainId,
    },
    /// Not one node answers.
    #[error("chain {chain}: no endpoint answers: {reasons}")]
    Unreachable {
        /// Which chain.
        chain: ChainId,
        /// Each endpoint and its failure.
        reasons: String,
    },
}

impl RpcError {
    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Config { .. } | Self::WrongChain { .. } => ErrorClass::Permanent,
            Self::Unreachable { .. } => ErrorClass::Transient,
        }
    }
}
