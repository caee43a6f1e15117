#![doc = include_str!("../README.md")]

mod access;
mod chain_spec;
mod code;
mod dev;
mod endpoint;
mod error;
mod keeper;
mod known;
mod layers;
mod live;
mod node;
mod operations;
mod policy;
mod prices;
mod redact;
mod schedules;
mod schema;
mod section;
mod settings;
mod signer;
mod values;

pub use access::{Access, CorsOrigins, RpcLimits};
pub use chain_spec::{ChainSpec, ConfirmationStep, FactorySpec, Minimums, NativeSpec, TokenSpec};
pub use code::CodeError;
pub use dev::{DEV_DEPLOYER, DevContract, dev_chains};
pub use endpoint::{EndpointSource, SecretCommand};
pub use error::{ConfigError, Located, Problem};
pub use keeper::Keeper;
pub use known::UnknownChain;
pub use layers::{ENVIRONMENT, Override};
pub use node::{DEFAULT_RPC, Loaded, NodeChain, NodeConfig, NodeOrigin, PrivateEndpoint};
pub use operations::{
    AlertSeverity, Alerts, Backup, Balances, LeastBalance, LogFormat, Retention, Telemetry, Upkeep,
};
pub use policy::{Policy, PolicyLimits, RouteLimit};
pub use prices::{PriceSourceKind, PriceSourceSpec, PriceSpec};
pub use redact::{restored, without_secrets};
pub use schedules::{JOBS, JobSchedule, OFF, Profile, Schedule, Schedules};
pub use schema::{KEYS, Key, KeyKind, key_of};
pub use settings::{Setting, SettingOrigin, written_keys};
pub use signer::{DailyCap, KeySource, PasswordSource, SpendingLimits};
