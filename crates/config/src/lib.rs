#![doc = include_str!("../README.md")]

mod access;
mod chain_spec;
mod code;
mod dev;
mod error;
mod keeper;
mod known;
mod node;
mod policy;
mod prices;
mod section;
mod signer;
mod values;

pub use access::{Access, CorsOrigins, RpcLimits};
pub use chain_spec::{ChainSpec, ConfirmationStep, FactorySpec, Minimums, NativeSpec, TokenSpec};
pub use code::CodeError;
pub use dev::{DEV_DEPLOYER, DevContract, dev_chains};
pub use error::{ConfigError, Located, Problem};
pub use keeper::Keeper;
pub use known::UnknownChain;
pub use node::{DEFAULT_RPC, EndpointSource, NodeChain, NodeConfig, NodeOrigin, PrivateEndpoint};
pub use policy::{Policy, PolicyLimits, RouteLimit};
pub use prices::{PriceSourceKind, PriceSourceSpec, PriceSpec};
pub use signer::{DailyCap, KeySource, PasswordSource, SpendingLimits};
