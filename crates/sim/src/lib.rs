#![doc = include_str!("../README.md")]

pub mod accounts;
mod clock;
mod demo;
mod driver;
mod error;
pub mod faults;
pub mod ledger;
mod load;
mod maker;
mod network;
mod report;
pub mod rpc;
pub mod scenario;
mod temporary;
mod wallet;

pub use clock::VirtualClock;
pub use demo::{Demo, DemoStep};
pub use driver::{Progress, RunOptions, Simulation, run_in_real_time, runs_in_real_time};
pub use error::SimError;
pub use load::{LoadFigures, LoadOptions, LoadReport, run_load};
pub use maker::{Maker, Strangers};
pub use network::{
    Beside, ChainEndpoint, DevOwners, Endpoints, MakerFunds, Network, NetworkChain,
    SIMULATION_GENESIS, ServiceOptions, dev_contract_code, dev_contract_name, dev_genesis, serve,
    serve_beside,
};
pub use report::{Report, Row, TrapResult};
pub use wallet::{Payload, Sent, Wallet};
