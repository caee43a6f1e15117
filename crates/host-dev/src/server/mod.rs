//! The chain's own JSON-RPC server: HTTP and WebSocket on one port.

mod calls;
mod convert;
mod error;
mod eth;
mod evm;
mod logs;
mod mining;
mod params;
mod subscribe;

pub use mining::{Clock, MiningMode};

use crate::{DevChain, DevChainError};
use error::RpcError;
use jsonrpsee::{
    RpcModule,
    core::RegisterMethodError,
    server::{BatchRequestConfig, Server, ServerConfig, ServerHandle},
    types::ErrorObjectOwned,
};
use logs::Filters;
use mining::Pace;
use params::Args;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;
use std::{fmt, io, net::SocketAddr, sync::Arc};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// Largest request, bytes.
const REQUEST_LIMIT: u32 = 2 << 20;
/// Largest answer, bytes.
const RESPONSE_LIMIT: u32 = 32 << 20;
const CONNECTION_LIMIT: u32 = 128;
const SUBSCRIPTION_LIMIT: u32 = 64;
const BATCH_LIMIT: u32 = 100;

/// How a server runs.
#[derive(Clone)]
pub struct DevServerConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// When blocks are mined.
    pub mining: MiningMode,
    /// Where block times come from. `None`: each block is the chain's block time after its parent.
    pub clock: Option<Arc<dyn Clock>>,
}

impl fmt::Debug for DevServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listen, mining, clock } = self;
        f.debug_struct("DevServerConfig")
            .field("listen", listen)
            .field("mining", mining)
            .field("clock", &clock.is_some())
            .finish()
    }
}

/// A running server. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct DevServer {
    address: SocketAddr,
    server: ServerHandle,
    miner: JoinHandle<()>,
    /// Dropping it ends the miner.
    mining: Option<oneshot::Sender<()>>,
}

/// What every method works on.
#[derive(Debug)]
struct Context {
    chain: DevChain,
    pace: Arc<Pace>,
    modes: watch::Sender<MiningMode>,
    filters: Mutex<Filters>,
}

impl Context {
    fn set_mode(&self, mode: MiningMode) {
        self.modes.send_replace(mode);
    }
}

type Handler = fn(&Context, &mut Args) -> Result<Value, RpcError>;

/// One method of the server.
struct Method {
    name: &'static str,
    /// Parameters it takes at most.
    most: usize,
    run: Handler,
}

fn answer(value: &impl Serialize) -> Result<Value, RpcError> {
    Ok(serde_json::to_value(value)?)
}

impl DevServer {
    /// Serves `chain`, and mines it as configured, until stopped.
    ///
    /// # Errors
    /// [`DevChainError::AddressInUse`], [`DevChainError::CannotListen`].
    pub async fn start(chain: DevChain, config: DevServerConfig) -> Result<Self, DevChainError> {
        let DevServerConfig { listen: address, mining, clock } = config;
        let cannot = |reason: String| DevChainError::CannotListen { address, reason };
        let limits = ServerConfig::builder()
            .max_request_body_size(REQUEST_LIMIT)
            .max_response_body_size(RESPONSE_LIMIT)
            .max_connections(CONNECTION_LIMIT)
            .max_subscriptions_per_connection(SUBSCRIPTION_LIMIT)
            .set_batch_request_config(BatchRequestConfig::Limit(BATCH_LIMIT))
            .set_id_provider(subscribe::HexIds::default())
            .build();
        let server = Server::builder().set_config(limits).build(address).await;
        let server = server.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => DevChainError::AddressInUse { address },
            _ => cannot(error.to_string()),
        })?;
        let bound = server.local_addr().map_err(|error| cannot(error.to_string()))?;
        let pace = Arc::new(Pace::new(chain.clone(), clock));
        let (modes, mode) = watch::channel(mining);
        let filters = Mutex::default();
        let context = Context { chain, pace: pace.clone(), modes, filters };
        let module = module(context).map_err(|error| cannot(error.to_string()))?;
        let server = server.start(module);
        let (mining, closing) = oneshot::channel();
        let miner = mining::spawn(pace, mode, closing);
        Ok(Self { address: bound, server, miner, mining: Some(mining) })
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// HTTP URL; the WebSocket is at the same place.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening and mining, and waits until both have ended.
    pub async fn stop(mut self) {
        self.mining = None;
        // The only error is that it is stopped already.
        let _ = self.server.stop();
        self.server.clone().stopped().await;
        if let Err(error) = (&mut self.miner).await {
            tracing::error!(target: "bmn::host_dev", %error, "the miner had failed");
        }
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        let _ = self.server.stop();
    }
}

/// All methods. Each runs off the async threads: a call may compute, a change may wait for a disk.
fn module(context: Context) -> Result<RpcModule<Context>, RegisterMethodError> {
    let mut module = RpcModule::new(context);
    let methods = [eth::METHODS, calls::METHODS, logs::METHODS, evm::METHODS];
    for Method { name, most, run } in methods.into_iter().flatten() {
        module.register_blocking_method(name, |params, context, _| {
            Args::new(&params, *most)
                .and_then(|mut args| run(&context, &mut args))
                .map_err(ErrorObjectOwned::from)
        })?;
    }
    subscribe::register(&mut module)?;
    Ok(module)
}
