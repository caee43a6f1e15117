#![doc = include_str!("../README.md")]

mod chain_spec;
mod code;
mod dev;
mod error;
mod known;
mod node;
mod policy;
mod section;
mod values;

pub use chain_spec::{ChainSpec, FactorySpec, Minimums, NativeSpec, TokenSpec};
pub use code::CodeError;
pub use dev::{DEV_DEPLOYER, DevContract, dev_chains};
pub use error::{ConfigError, Located, Problem};
pub use known::UnknownChain;
pub use node::{DEFAULT_RPC, EndpointSource, KeySource, NodeChain, NodeConfig, NodeOrigin};
pub use policy::Policy;
