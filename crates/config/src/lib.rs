#![doc = include_str!("../README.md")]

mod chain_spec;
mod dev;
mod error;
mod policy;
mod section;
mod values;

pub use chain_spec::{ChainSpec, FactorySpec, Minimums, NativeSpec, TokenSpec};
pub use dev::{DEV_DEPLOYER, DevContract, dev_chains};
pub use error::{ConfigError, Located, Problem};
pub use policy::Policy;
