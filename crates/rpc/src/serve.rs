//! A server of our own, for hosts that have none.

use crate::{
    clients::{Client, ClientLimits, Clients, Monotonic},
    entrance::{Caller, Entrance, GuardLayer, Origins},
    limited::LimitLayer,
};
use bmn_primitives::ErrorClass;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use jsonrpsee::{
    Methods,
    server::{
        BatchRequestConfig, PingConfig, Server, ServerConfig, ServerHandle, StopHandle,
        TowerServiceBuilder, middleware::rpc::RpcServiceBuilder, stop_channel,
    },
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower::{ServiceBuilder, layer::util::Identity};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

/// Bounds of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// Open connections of HTTP, and as many of WebSocket.
    pub connections: u32,
    /// Largest request, bytes.
    pub request_bytes: u32,
    /// Largest answer, bytes.
    pub response_bytes: u32,
    /// Subscriptions of one connection.
    pub subscriptions: u32,
    /// Requests in one batch.
    pub batch: u32,
    /// Messages that wait for one connection's socket.
    pub buffered_messages: u32,
    /// What one client may ask; none where he may ask what he likes.
    pub client: Option<ClientLimits>,
    /// Longest that a request is worked on.
    pub request_time: Duration,
    /// Longest that a client may take to send the head of a request, and its body.
    pub arrival_time: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: 1_100,
            request_bytes: 256 * 1024,
            response_bytes: 8 * 1024 * 1024,
            subscriptions: 16,
            batch: 100,
            buffered_messages: 256,
            client: Some(ClientLimits::default()),
            request_time: Duration::from_secs(30),
            arrival_time: Duration::from_secs(30),
        }
    }
}

impl ServeLimits {
    fn config(&self) -> ServerConfig {
        ServerConfig::builder()
            .max_connections(self.connections)
            .max_request_body_size(self.request_bytes)
            .max_response_body_size(self.response_bytes)
            .max_subscriptions_per_connection(self.subscriptions)
            .set_batch_request_config(BatchRequestConfig::Limit(self.batch))
            .set_message_buffer_capacity(self.buffered_messages)
            .enable_ws_ping(PingConfig::new())
            .build()
    }
}

/// A server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Something else listens there.
    #[error("{address} is in use; stop what listens there or choose another port (0 takes any)")]
    AddressInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
    /// What is listed as an origin cannot be one.
    #[error(
        "{0:?} is no origin: expected it as browsers write it, for example https://app.example"
    )]
    Origin(String),
}

impl ServeError {
    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::AddressInUse { .. } => ErrorClass::Transient,
            Self::Bind { .. } | Self::Origin(_) => ErrorClass::Permanent,
        }
    }
}

/// Serves `methods` over HTTP and WebSocket on one port to everybody who reaches it. Answers the address it
/// listens on, which names the port when 0 was asked for. The server runs until the handle stops it or is
/// dropped.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    methods: impl Into<Methods>,
    address: SocketAddr,
    limits: &ServeLimits,
) -> Result<(ServerHandle, SocketAddr), ServeError> {
    serve_behind(methods, address, limits, Entrance::default(), Monotonic::default()).await
}

/// The same to those whom `entrance` lets in. `clock` is what requests a second are counted by.
///
/// # Errors
/// [`ServeError`].
pub async fn serve_behind(
    methods: impl Into<Methods>,
    address: SocketAddr,
    limits: &ServeLimits,
    entrance: Entrance,
    clock: Monotonic,
) -> Result<(ServerHandle, SocketAddr), ServeError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::AddressInUse { address },
        _ => ServeError::Bind { address, source },
    };
    let cors = cors(&entrance.origins)?;
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    let (stop, handle) = stop_channel();
    let listener = Listener {
        methods: methods.into(),
        limits: *limits,
        clients: limits.client.map(|client| Arc::new(Clients::new(client, clock))),
        entrance: Arc::new(entrance),
        cors,
        service: Server::builder().set_config(limits.config()).to_service_builder(),
    };
    #[allow(
        clippy::disallowed_methods,
        reason = "it ends with its handle, and `stopped` waits for it and its connections"
    )]
    tokio::spawn(listener.accept(socket, stop));
    Ok((handle, bound))
}

/// What browsers are told; none where they are told nothing, which forbids.
fn cors(origins: &Origins) -> Result<Option<CorsLayer>, ServeError> {
    let layer = CorsLayer::new().allow_methods(Any).allow_headers(Any);
    match origins {
        Origins::Own => Ok(None),
        Origins::Any => Ok(Some(layer.allow_origin(Any))),
        Origins::Listed(listed) => {
            let read =
                |origin: &String| origin.parse().map_err(|_| ServeError::Origin(origin.clone()));
            let listed = listed.iter().map(read).collect::<Result<Vec<_>, _>>()?;
            Ok(Some(layer.allow_origin(AllowOrigin::list(listed))))
        }
    }
}

/// What each connection needs.
struct Listener {
    methods: Methods,
    limits: ServeLimits,
    clients: Option<Arc<Clients>>,
    entrance: Arc<Entrance>,
    cors: Option<CorsLayer>,
    service: TowerServiceBuilder<Identity, Identity>,
}

impl Listener {
    async fn accept(self, socket: TcpListener, stop: StopHandle) {
        let mut connections = JoinSet::new();
        let mut stopped = pin!(stop.clone().shutdown());
        loop {
            let accepted = tokio::select! {
                () = &mut stopped => break,
                Some(_) = connections.join_next() => continue,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                // Above the limit a socket is closed unread: nothing is held for it.
                Ok((stream, from)) if connections.len() < self.limits.connections as usize => {
                    connections.spawn(self.connection(stream, from.ip(), stop.clone()));
                }
                Ok(_) => tracing::debug!(target: "bmn::rpc", "too many connections"),
                Err(error) => tracing::debug!(target: "bmn::rpc", %error, "not accepted"),
            }
        }
        while connections.join_next().await.is_some() {}
    }

    /// Serves one connection until it is closed, by either side or because it does nothing.
    fn connection(
        &self,
        stream: TcpStream,
        from: IpAddr,
        stop: StopHandle,
    ) -> impl Future<Output = ()> + Send + 'static {
        let limits = LimitLayer {
            clients: self.clients.clone(),
            client: Client::of(from),
            request_time: self.limits.request_time,
        };
        let guard = GuardLayer {
            entrance: Arc::clone(&self.entrance),
            caller: Caller(from),
            most: self.limits.request_time + self.limits.arrival_time,
        };
        let methods =
            self.service.clone().set_rpc_middleware(RpcServiceBuilder::new().layer(limits));
        let methods = methods.build(self.methods.clone(), stop.clone());
        let service = ServiceBuilder::new().layer(guard).option_layer(self.cors.clone());
        let service = TowerToHyperService::new(service.service(methods));
        // What looks for the version of HTTP first would wait for its first byte for ever.
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.limits.arrival_time);
        async move {
            // A small answer waits for no other.
            let _ = stream.set_nodelay(true);
            let mut serving =
                pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
            let ended = tokio::select! {
                ended = &mut serving => ended,
                () = stop.shutdown() => {
                    serving.as_mut().graceful_shutdown();
                    serving.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(target: "bmn::rpc", %error, "a connection ended");
            }
        }
    }
}
