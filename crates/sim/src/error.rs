//! What can stop a simulation. A swap that ends badly is not an error: it is in the report.

use alloy::primitives::Address;
use bmn_chain::ChainError;
use bmn_config::ConfigError;
use bmn_host_dev::DevChainError;
use bmn_node::NodeError;
use bmn_primitives::ChainId;
use bmn_store::StoreError;

/// Errors of a development network and of the runs on it.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A chain did not answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A development chain refused.
    #[error(transparent)]
    DevChain(#[from] DevChainError),
    /// A specification cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The resolver failed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The resolver's interface could not be served.
    #[error(transparent)]
    Serve(#[from] bmn_rpc::ServeError),
    /// The resolver's store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A contract of the development network is not where its specification says.
    #[error("chain {chain}: {contract} was deployed at {found}, its specification says {expected}")]
    Misplaced {
        /// Chain.
        chain: ChainId,
        /// Which contract.
        contract: &'static str,
        /// Address in the specification.
        expected: Address,
        /// Address it got.
        found: Address,
    },
    /// A transaction of the set-up failed.
    #[error("chain {chain}: setting up failed at: {step}")]
    SetUp {
        /// Chain.
        chain: ChainId,
        /// What the transaction was to do.
        step: String,
    },
    /// The contracts' build output cannot be used.
    #[error("contract {name}: {reason}")]
    Artifact {
        /// Contract.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A participant could not sign.
    #[error("a signature could not be made: {0}")]
    Signature(String),
    /// The resolver's JSON-RPC answered something that is not its interface.
    #[error("{method}: the answer cannot be read: {reason}")]
    UnreadableAnswer {
        /// Method called.
        method: &'static str,
        /// Why.
        reason: String,
    },
    /// A file of the run could not be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: std::path::PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The resolver does not take the order of a demo.
    #[error("the demo's order is refused: {0}")]
    DemoRefused(String),
    /// Deterministic execution waited for something that is not in the simulation.
    #[error("a step of the resolver did not finish by itself: {0}")]
    Stuck(&'static str),
}
