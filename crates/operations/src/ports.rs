//! The server.

use crate::{Operator, Recorder, guard, routes};
use axum::{Router, body::Body, middleware::from_fn_with_state};
use bmn_rpc::{BmnRpc, Caller, Entrance, ServeError};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tower::ServiceExt;

/// Between two looks after the recorder.
const SETTLE_EVERY: Duration = Duration::from_secs(5);

/// Bounds of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; more are closed unread.
    pub connections: usize,
    /// Requests that are worked on at once; more are refused. `/health/live` and `/health/ready` do not count.
    pub concurrent: usize,
    /// Largest body of a request, bytes.
    pub body_bytes: usize,
    /// Longest that a request is worked on.
    pub request_time: Duration,
    /// Longest that a client may take to send the head of a request.
    pub arrival_time: Duration,
    /// Longest that a connection is kept; then it may end what it is at within
    /// [`request_time`](Self::request_time), so that who takes no answers holds no place for ever.
    pub connection_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            concurrent: 32,
            body_bytes: 4 * 1024,
            request_time: Duration::from_secs(10),
            arrival_time: Duration::from_secs(10),
            connection_time: Duration::from_secs(300),
        }
    }
}

/// What the port is made of.
#[derive(Clone)]
pub struct Parts {
    /// The handlers that answer.
    pub rpc: BmnRpc,
    /// Who may change something; nobody without.
    pub operator: Option<Operator>,
    /// Names under which the port may be asked for, beside `localhost` and addresses; `*` is every name.
    pub hosts: Vec<String>,
    /// Where the process records; counters and times are not answered without.
    pub recorder: Option<Recorder>,
    /// Bounds.
    pub limits: Limits,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// After a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// What every request is answered from.
pub(crate) struct Ground {
    pub(crate) rpc: BmnRpc,
    pub(crate) operator: Option<Operator>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) entrance: Entrance,
    pub(crate) limits: Limits,
    pub(crate) at_work: Semaphore,
}

/// An open port. It is closed when this is dropped.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Port {
    /// Where it listens, which names the port when 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends once what is being answered is answered.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.serving.await;
    }
}

/// Opens the port.
///
/// # Errors
/// [`ServeError`].
pub async fn open(address: SocketAddr, parts: Parts) -> Result<Port, ServeError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::AddressInUse { address },
        _ => ServeError::Bind { address, source },
    };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    let Parts { rpc, operator, hosts, recorder, limits } = parts;
    let ground = Arc::new(Ground {
        rpc,
        operator,
        recorder,
        entrance: Entrance { hosts, ..Entrance::default() },
        limits,
        at_work: Semaphore::new(limits.concurrent),
    });
    let (router, _) = routes::routes().split_for_parts();
    let router = routes::fallbacks(router)
        .layer(from_fn_with_state(Arc::clone(&ground), guard::guard))
        .with_state(Arc::clone(&ground));
    let (stop, stopped) = watch::channel(false);
    let listener = Listener { router, ground, stopped };
    #[allow(
        clippy::disallowed_methods,
        reason = "it ends with the port, whose `stop` waits for it and its connections"
    )]
    let serving = tokio::spawn(listener.accept(socket));
    Ok(Port { address: bound, stop, serving })
}

/// What each connection needs.
struct Listener {
    router: Router,
    ground: Arc<Ground>,
    stopped: watch::Receiver<bool>,
}

/// Ends when the port is stopped or dropped.
async fn end(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

impl Listener {
    async fn accept(self, socket: TcpListener) {
        let mut connections = JoinSet::new();
        let mut stopped = pin!(end(self.stopped.clone()));
        let mut settle = interval(SETTLE_EVERY);
        settle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let accepted = tokio::select! {
                () = &mut stopped => break,
                _ = settle.tick() => {
                    self.ground.recorder.iter().for_each(Recorder::settle);
                    continue;
                }
                Some(_) = connections.join_next() => continue,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, from)) if connections.len() < self.ground.limits.connections => {
                    connections.spawn(self.connection(stream, from.ip()));
                }
                Ok(_) => tracing::debug!(target: "bmn::operations", "too many connections"),
                Err(error) => {
                    // Mostly no file descriptor is left: tried at once, it would fail at once again.
                    tracing::debug!(target: "bmn::operations", %error, "not accepted");
                    sleep(PAUSE).await;
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }

    /// Serves one connection until it is closed, by either side or because it does nothing.
    fn connection(
        &self,
        stream: TcpStream,
        from: IpAddr,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (router, stopped) = (self.router.clone(), self.stopped.clone());
        let limits = self.ground.limits;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Caller(from));
            router.clone().oneshot(request.map(Body::new))
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits.arrival_time);
        async move {
            // A small answer waits for no other.
            let _ = stream.set_nodelay(true);
            let mut serving = pin!(http.serve_connection(TokioIo::new(stream), service));
            let ended = tokio::select! {
                ended = &mut serving => Some(ended),
                () = end(stopped) => None,
                () = sleep(limits.connection_time) => None,
            };
            let ended = match ended {
                Some(ended) => ended,
                None => {
                    serving.as_mut().graceful_shutdown();
                    timeout(limits.request_time, serving).await.unwrap_or(Ok(()))
                }
            };
            if let Err(error) = ended {
                tracing::debug!(target: "bmn::operations", %error, "a connection ended");
            }
        }
    }
}
