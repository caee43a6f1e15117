//! The development network as a service: both chains and the resolver on loopback ports.

use super::{Network, NetworkChain, dev_contract_name};
use crate::{
    SimError,
    accounts::DevAccount,
    driver::{hosts, policy},
    temporary::TemporaryDirectory,
};
use alloy::primitives::Address;
use bmn_config::DevContract;
use bmn_host_dev::{DevServer, DevServerConfig, MiningMode};
use bmn_node::{Clock, Resolver, SystemClock};
use bmn_store::{Store, StoreOptions};
use std::{
    any::Any, fmt, future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration,
};

/// Seconds before now at which new chains begin: the set-up's blocks must not run into the future.
const SET_UP_SECONDS: u64 = 3_600;

/// Where and how the network runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceOptions {
    /// Keeps chains and resolver here; in memory and a temporary directory when none.
    pub data_dir: Option<PathBuf>,
    /// Where Chain A, Chain B and the resolver listen; port 0 takes any. There is no access control.
    pub addresses: [SocketAddr; 3],
}

/// What answers beside the resolver, until it is dropped.
pub struct Beside {
    /// Where.
    pub address: SocketAddr,
    /// What closes it when it is dropped.
    pub open: Box<dyn Any + Send>,
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A chain that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEndpoint {
    /// Name.
    pub name: String,
    /// Chain id.
    pub id: u64,
    /// JSON-RPC over HTTP, and WebSocket on the same port.
    pub url: String,
    /// Seconds between blocks.
    pub block_time: u64,
}

/// What is there once the network runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Chain A and Chain B.
    pub chains: Vec<ChainEndpoint>,
    /// `bmn_*` over HTTP, and WebSocket on the same port.
    pub resolver: String,
    /// Health, metrics and the REST interface, where they are served.
    pub operations: Option<String>,
    /// Contracts, at the same addresses on both chains.
    pub contracts: Vec<(&'static str, Address)>,
}

/// Runs the network until `shutdown`. On a loopback address the resolver's port has every method of
/// `bmn_*`, the operator's as well. `ready` is told once everything answers.
///
/// # Errors
/// [`SimError::DevChain`] and [`SimError::Store`] when another instance has the data directory;
/// [`SimError::DevChain`] and [`SimError::Serve`] when a port is taken.
pub async fn serve(
    options: ServiceOptions,
    ready: impl FnOnce(&Endpoints),
    shutdown: impl Future<Output = ()>,
) -> Result<(), SimError> {
    serve_beside(options, async |_: &Resolver| Ok(None), ready, shutdown).await
}

/// The same, with what `beside` opens over the resolver.
///
/// # Errors
/// As [`serve`], and what `beside` says.
pub async fn serve_beside(
    options: ServiceOptions,
    beside: impl AsyncFnOnce(&Resolver) -> Result<Option<Beside>, SimError>,
    ready: impl FnOnce(&Endpoints),
    shutdown: impl Future<Output = ()>,
) -> Result<(), SimError> {
    let clock = SystemClock::new();
    let genesis = clock.unix_seconds() - SET_UP_SECONDS;
    let network = match &options.data_dir {
        Some(directory) => Network::open(directory, genesis)?,
        None => Network::in_memory(genesis)?,
    };
    let temporary =
        if options.data_dir.is_none() { Some(TemporaryDirectory::new()?) } else { None };
    let directory = match (&options.data_dir, &temporary) {
        (Some(directory), _) => directory.join("resolver"),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => return Err(SimError::Stuck("no directory for the store")),
    };
    let store = Store::open(StoreOptions::directory(directory))?;
    network.set_up().await?;
    network.fund_visitors().await?;
    let [address_a, address_b, address_rpc] = options.addresses;
    let [chain_a, chain_b] = &network.chains;
    let servers = [chain_a.serve(address_a).await?, chain_b.serve(address_b).await?];
    let signer = DevAccount::Resolver.signer();
    let mut resolver = Resolver::open(store, hosts(&network), signer, policy(), Arc::new(clock))?;
    // Whoever is told that everything answers may hand in an order at once.
    for chain in resolver.chains() {
        while resolver.follow(chain).await? {}
    }
    // One user on his own machine: whatever he calls, as often as he likes.
    let limits = bmn_rpc::ServeLimits { client: None, ..bmn_rpc::ServeLimits::default() };
    // Strangers on the network are not the user.
    let module = match address_rpc.ip().is_loopback() {
        true => resolver.every_module(),
        false => resolver.rpc_module(),
    };
    let (methods, address) = bmn_rpc::serve(module, address_rpc, &limits).await?;
    let beside = beside(&resolver).await?;
    let operations = beside.as_ref().map(|beside| format!("http://{}", beside.address));
    ready(&Endpoints { operations, ..endpoints(&network, &servers, address) });
    let stop = Default::default();
    let running = resolver.run(Clone::clone(&stop));
    let waiting = async {
        shutdown.await;
        stop.cancel();
    };
    let (ran, ()) = tokio::join!(running, waiting);
    // Answering goes on until nothing more is written.
    drop(beside);
    let _ = methods.stop();
    methods.stopped().await;
    for server in servers {
        server.stop().await;
    }
    Ok(ran?)
}

impl NetworkChain {
    /// Serves the chain's `eth_*`, and mines a block every [`block_time`](ChainEndpoint::block_time) seconds by the
    /// system's clock until the server is stopped. Port 0 takes any.
    ///
    /// # Errors
    /// [`SimError::DevChain`] when the port is taken.
    pub async fn serve(&self, listen: SocketAddr) -> Result<DevServer, SimError> {
        let clock = SystemClock::new();
        // Orders take their times from the newest block: a head that lies in the past would make the next
        // block expire them.
        let now = clock.unix_seconds();
        if self.chain.head().time < now {
            self.chain.mine(Some(now))?;
        }
        let config = DevServerConfig {
            listen,
            mining: MiningMode::Interval(Duration::from_secs(self.spec.block_time_secs)),
            clock: Some(Arc::new(move || clock.unix_seconds())),
        };
        Ok(DevServer::start(self.chain.clone(), config).await?)
    }
}

fn endpoints(network: &Network, servers: &[DevServer; 2], resolver: SocketAddr) -> Endpoints {
    let chains = network.chains.iter().zip(servers).map(|(node, server)| ChainEndpoint {
        name: node.spec.name.clone(),
        id: node.id().0,
        url: server.url(),
        block_time: node.spec.block_time_secs,
    });
    Endpoints {
        chains: chains.collect(),
        resolver: format!("http://{resolver}"),
        operations: None,
        contracts: DevContract::ALL
            .map(|contract| (dev_contract_name(contract), contract.address()))
            .to_vec(),
    }
}
