//! Who may come in by HTTP: host names, web pages, tokens.

use crate::{
    clients::{Client, Clients, Monotonic},
    jwt::{JwtKey, TokenFault},
};
use governor::clock::Clock;
use jsonrpsee::{
    core::BoxError,
    server::{HttpBody, HttpRequest, HttpResponse},
};
use parking_lot::Mutex;
use std::{
    future::Future,
    net::{IpAddr, Ipv6Addr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer, Service};

/// Which web pages may read answers (CORS) and open WebSockets. Programs that are no browsers send no origin and
/// are not asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origins {
    /// None but those of this machine, by WebSocket alone.
    #[default]
    Own,
    /// These, as browsers write them: `https://app.example`.
    Listed(Vec<String>),
    /// All.
    Any,
}

/// How a listener lets requests in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entrance {
    /// Web pages.
    pub origins: Origins,
    /// Names under which requests may ask for this server, beside `localhost` and addresses. A page of a
    /// stranger whose name suddenly points here (DNS rebinding) is turned away by it. `*` is every name.
    pub hosts: Vec<String>,
    /// The key without which nobody comes in.
    pub key: Option<JwtKey>,
}

/// Who sent a request, for the methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller(pub IpAddr);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("{0}\n")]
    Token(TokenFault),
    #[error("the Host header is missing or names a host that this server does not answer for\n")]
    Host,
    #[error("web pages of this origin may not connect\n")]
    Origin,
    #[error("the request took too long\n")]
    Slow,
    #[error("too many requests that are turned away: come again in {0} s\n")]
    TooMany(u64),
}

impl Refused {
    fn answer(self) -> HttpResponse {
        let status = match self {
            Self::Token(_) => 401,
            Self::Host | Self::Origin => 403,
            Self::Slow => 408,
            Self::TooMany(_) => 429,
        };
        let mut answer = HttpResponse::new(HttpBody::from(self.to_string()));
        *answer.status_mut() = status.try_into().unwrap_or_default();
        if let Self::TooMany(seconds) = self {
            answer.headers_mut().insert("retry-after", seconds.into());
        }
        answer
    }
}

impl Entrance {
    fn check<B>(&self, request: &HttpRequest<B>) -> Result<(), Refused> {
        let headers = request.headers();
        let header = |name| Some(headers.get(name)?.as_bytes());
        let text = |name| header(name).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let uri = request.uri();
        if !text("host").or(uri.host()).is_some_and(|host| self.answers_for(host)) {
            return Err(Refused::Host);
        }
        let is_socket = text("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
        // What is not a WebSocket is the browser's to guard: it hides the answer from other pages.
        if is_socket
            && header("origin").is_some()
            && !text("origin").is_some_and(|it| self.lets_in(it))
        {
            return Err(Refused::Origin);
        }
        match &self.key {
            Some(key) => key.check(header("authorization")).map_err(Refused::Token),
            None => Ok(()),
        }
    }

    /// Whether this server answers for the host that a request asks for, as `host` or `host:port`.
    pub fn answers_for(&self, host: &str) -> bool {
        let name = host_of(host);
        // A name can be made to point here by whoever owns it; an address cannot.
        is_own(name)
            || as_address(name).is_some()
            || self.hosts.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(name))
    }

    fn lets_in(&self, origin: &str) -> bool {
        let is_local = || {
            let host = origin.split_once("://").map(|(_, host)| host_of(host));
            host.is_some_and(|host| {
                is_own(host) || as_address(host).is_some_and(|address| address.is_loopback())
            })
        };
        match &self.origins {
            Origins::Any => true,
            Origins::Own => is_local(),
            Origins::Listed(listed) => listed.iter().any(|known| known == origin) || is_local(),
        }
    }
}

/// The host of `host:port`.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn is_own(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
}

fn as_address(host: &str) -> Option<IpAddr> {
    let six = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match six {
        Some(six) => six.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

/// Lines of a log about who was turned away come no more often.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Those who are turned away before a method sees them: counted like any request, and logged now and then.
#[derive(Debug)]
pub(crate) struct TurnedAway {
    clients: Arc<Clients>,
    clock: Monotonic,
    log: Mutex<Throttle>,
}

impl TurnedAway {
    /// Counted by `clients`.
    pub(crate) fn new(clients: Arc<Clients>, clock: Monotonic) -> Self {
        Self { clients, clock, log: Mutex::default() }
    }

    fn answer(&self, Caller(caller): Caller, refused: Refused) -> HttpResponse {
        if let Some(others) = self.log.lock().line(self.clock.now()) {
            let reason = refused.to_string();
            let reason = reason.trim_end();
            tracing::warn!(target: "bmn::audit", %caller, reason, others, "turned away");
        }
        self.count(caller).unwrap_or_else(|| refused.answer())
    }

    /// Another answer where the client sends too many of them.
    fn count(&self, caller: IpAddr) -> Option<HttpResponse> {
        let wait = self.clients.count(Client::of(caller)).err()?;
        Some(Refused::TooMany(wait.div_ceil(1_000)).answer())
    }
}

/// When a line was last written, and what was left out since.
#[derive(Debug, Default)]
struct Throttle {
    last: Option<Duration>,
    left_out: u64,
}

impl Throttle {
    /// How many were left out before this line; none when it is left out as well.
    fn line(&mut self, now: Duration) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_sub(last) < BETWEEN_LINES) {
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

/// Puts [`Guarded`] around the service of one connection.
#[derive(Debug, Clone)]
pub(crate) struct GuardLayer {
    pub(crate) entrance: Arc<Entrance>,
    pub(crate) caller: Caller,
    pub(crate) turned_away: Arc<TurnedAway>,
    /// From the end of a request's head to its answer.
    pub(crate) most: Duration,
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guarded<S>;

    fn layer(&self, service: S) -> Guarded<S> {
        Guarded { service, guard: self.clone() }
    }
}

/// Turns away what may not come in.
#[derive(Debug, Clone)]
pub(crate) struct Guarded<S> {
    service: S,
    guard: GuardLayer,
}

type Answering = Pin<Box<dyn Future<Output = Result<HttpResponse, BoxError>> + Send>>;

impl<S, B> Service<HttpRequest<B>> for Guarded<S>
where
    S: Service<HttpRequest<B>, Response = HttpResponse, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = HttpResponse;
    type Error = BoxError;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: HttpRequest<B>) -> Answering {
        let GuardLayer { caller, ref turned_away, most, .. } = self.guard;
        if let Err(refused) = self.guard.entrance.check(&request) {
            return Box::pin(std::future::ready(Ok(turned_away.answer(caller, refused))));
        }
        // Nobody behind this needs the token, and what is not there cannot be logged.
        request.headers_mut().remove("authorization");
        request.extensions_mut().insert(caller);
        let (answer, turned_away) = (self.service.call(request), Arc::clone(turned_away));
        Box::pin(async move {
            let answer = tokio::time::timeout(most, answer).await;
            let answer = answer.unwrap_or_else(|_| Ok(Refused::Slow.answer()))?;
            // What is no call at all (another method of HTTP, too long a body) is counted nowhere else.
            let is_none = answer.status().is_client_error();
            let other = is_none.then(|| turned_away.count(caller.0)).flatten();
            Ok(other.unwrap_or(answer))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_answered_for_and_names_only_if_they_are_known() {
        let entrance = Entrance { hosts: vec!["node.example".to_owned()], ..Entrance::default() };
        for host in [
            "localhost",
            "LOCALHOST:8547",
            "127.0.0.1:1",
            "[::1]:8547",
            "[::1]",
            "192.0.2.7:80",
            "Node.Example:8",
        ] {
            assert!(entrance.answers_for(host), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example:8547", "x.node.example", "::1", "[::1"]
        {
            assert!(!entrance.answers_for(host), "{host}");
        }
        let any = Entrance { hosts: vec!["*".to_owned()], ..Entrance::default() };
        assert!(any.answers_for("whatever.example"));
    }

    #[test]
    fn pages_of_this_machine_and_listed_ones_may_open_sockets() {
        let listed = Origins::Listed(vec!["https://app.example".to_owned()]);
        for (origins, lets_in) in [
            (Origins::Own, [true, true, false, false]),
            (listed, [true, true, true, false]),
            (Origins::Any, [true; 4]),
        ] {
            let entrance = Entrance { origins, ..Entrance::default() };
            let asked = [
                "http://localhost:3000",
                "http://127.0.0.1",
                "https://app.example",
                "https://app.example.evil",
            ];
            assert_eq!(asked.map(|origin| entrance.lets_in(origin)), lets_in);
        }
        assert!(!Entrance::default().lets_in("null"));
        assert!(!Entrance::default().lets_in("http://192.0.2.1"));
    }

    #[test]
    fn a_flood_of_strangers_writes_a_line_now_and_then_that_counts_them() {
        let mut log = Throttle::default();
        let at = Duration::from_secs;
        assert_eq!(log.line(at(5)), Some(0));
        for _ in 0..1_000 {
            assert_eq!(log.line(at(14)), None);
        }
        assert_eq!(log.line(at(15)), Some(1_000));
        assert_eq!(log.line(at(25)), Some(0));
    }
}
