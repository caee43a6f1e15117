//! A server of our own, for hosts that have none.

use crate::{
    clients::{Client, ClientLimits, Clients, Monotonic, Places},
    connections::{Connections, Held},
    entrance::{Caller, Entrance, GuardLayer, Origins, TurnedAway},
    limited::LimitLayer,
    measured::MeasureLayer,
    socket::Socket,
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
    /// Open connections, of HTTP and WebSocket together. Above it one is closed unread.
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
    /// Longest that a client may take nothing of what is sent to it.
    pub write_time: Duration,
    /// Longest that the end of the server waits for what is being answered.
    pub stop_time: Duration,
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
            write_time: Duration::from_secs(30),
            stop_time: Duration::from_secs(10),
        }
    }
}

impl ServeLimits {
    fn config(&self) -> ServerConfig {
        ServerConfig::builder()
            // Sockets are counted below it, and those of WebSocket a moment longer here than there.
            .max_connections(self.connections.saturating_mul(2))
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
    let counted = |client| Arc::new(Clients::new(client, clock.clone()));
    let clients = limits.client.map(counted);
    // Who is turned away is counted also where whoever is let in may ask what he likes.
    let strangers = clients.clone().unwrap_or_else(|| counted(ClientLimits::default()));
    let listener = Listener {
        methods: methods.into(),
        limits: *limits,
        clients,
        turned_away: Arc::new(TurnedAway::new(strangers, clock.clone())),
        connections: Arc::new(Connections::new(
            limits.connections,
            limits.client.map(|client| Arc::new(Places::new(client.connections))),
        )),
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

/// Between two attempts to accept where one failed.
const PAUSE: Duration = Duration::from_millis(100);

/// The next that is accepted. Where that fails, mostly because no file descriptor is left, it would fail at once
/// for as long as nothing is closed: it is tried again after a pause.
async fn next<T, F>(mut accept: impl FnMut() -> F, is_failing: &mut bool) -> T
where
    F: Future<Output = io::Result<T>>,
{
    loop {
        match accept().await {
            Ok(accepted) => {
                *is_failing = false;
                return accepted;
            }
            Err(error) => {
                if !std::mem::replace(is_failing, true) {
                    tracing::warn!(target: "bmn::rpc", %error, "connections are not accepted");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// What each connection needs.
struct Listener {
    methods: Methods,
    limits: ServeLimits,
    clients: Option<Arc<Clients>>,
    turned_away: Arc<TurnedAway>,
    connections: Arc<Connections>,
    entrance: Arc<Entrance>,
    cors: Option<CorsLayer>,
    service: TowerServiceBuilder<Identity, Identity>,
}

impl Listener {
    async fn accept(self, socket: TcpListener, stop: StopHandle) {
        let mut serving = JoinSet::new();
        let mut stopped = pin!(stop.clone().shutdown());
        let mut is_failing = false;
        loop {
            let (stream, from) = tokio::select! {
                () = &mut stopped => break,
                Some(_) = serving.join_next() => continue,
                accepted = next(|| socket.accept(), &mut is_failing) => accepted,
            };
            // Above a limit a socket is closed unread: nothing is held for it.
            match self.connections.enter(Client::of(from.ip())) {
                Some(held) => {
                    serving.spawn(self.connection(stream, from.ip(), held, stop.clone()));
                }
                None => tracing::debug!(target: "bmn::rpc", "too many connections"),
            }
        }
        drop(socket);
        // WebSockets are not among what is served here any more, and among the connections still.
        let answered = tokio::time::timeout(self.limits.stop_time, self.connections.closed());
        if answered.await.is_err() {
            let left = self.connections.len();
            tracing::warn!(target: "bmn::rpc", left, "connections that took no answer were dropped");
            self.connections.cut();
        }
        serving.shutdown().await;
    }

    /// Serves one connection until it is closed, by either side or because it does nothing.
    fn connection(
        &self,
        stream: TcpStream,
        from: IpAddr,
        held: Held,
        stop: StopHandle,
    ) -> impl Future<Output = ()> + Send + 'static {
        let limits = LimitLayer {
            clients: self.clients.clone(),
            client: Client::of(from),
            connection: Arc::clone(held.connection()),
            request_time: self.limits.request_time,
        };
        let guard = GuardLayer {
            entrance: Arc::clone(&self.entrance),
            caller: Caller(from),
            turned_away: Arc::clone(&self.turned_away),
            most: self.limits.request_time + self.limits.arrival_time,
        };
        let measure = MeasureLayer { methods: self.methods.clone() };
        let layers = RpcServiceBuilder::new().layer(measure).layer(limits);
        let methods = self.service.clone().set_rpc_middleware(layers);
        let methods = methods.build(self.methods.clone(), stop.clone());
        let service = ServiceBuilder::new().layer(guard).option_layer(self.cors.clone());
        let service = TowerToHyperService::new(service.service(methods));
        // What looks for the version of HTTP first would wait for its first byte for ever.
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.limits.arrival_time);
        // A small answer waits for no other.
        let _ = stream.set_nodelay(true);
        let connection = Arc::clone(held.connection());
        let socket = Socket::new(stream, connection, self.limits.write_time, held);
        async move {
            let mut serving =
                pin!(http.serve_connection(TokioIo::new(socket), service).with_upgrades());
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn where_nothing_can_be_accepted_it_is_tried_again_after_a_pause_and_can_be_stopped() {
        let (tried, mut is_failing) = (Cell::new(0), false);
        let accept = || {
            tried.set(tried.get() + 1);
            let none_left = io::Error::from_raw_os_error(24);
            std::future::ready(if tried.get() % 50 == 0 { Ok(()) } else { Err(none_left) })
        };
        let begun = tokio::time::Instant::now();
        let second = tokio::time::timeout(PAUSE * 10 - PAUSE / 2, next(accept, &mut is_failing));
        assert!(second.await.is_err(), "whoever waits may stop waiting");
        assert_eq!((tried.get(), is_failing), (10, true));
        next(accept, &mut is_failing).await;
        assert_eq!((tried.get(), is_failing), (50, false));
        assert!(begun.elapsed() >= PAUSE * 48);
    }
}
