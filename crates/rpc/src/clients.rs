//! What one client may ask: so many requests a second, and so many at once.

use bmn_rpc_api::RpcErrorCode;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, Reference},
    middleware::NoOpMiddleware,
    state::keyed::DashMapStateStore,
};
use jsonrpsee::types::ErrorObjectOwned;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Bounds of one client. A client is an IPv4 address or an IPv6 network of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// Requests a second that he may go on with. Each call of a batch is one.
    pub per_second: NonZeroU32,
    /// Requests that he may send at once after a pause.
    pub burst: NonZeroU32,
    /// Requests that are worked on at once, or whose answers he has not taken yet; a batch is one.
    pub concurrent: NonZeroU32,
    /// Connections that he may have open.
    pub connections: NonZeroU32,
}

impl Default for ClientLimits {
    fn default() -> Self {
        const fn many(number: u32) -> NonZeroU32 {
            NonZeroU32::MIN.saturating_add(number - 1)
        }
        Self {
            per_second: many(200),
            burst: many(400),
            concurrent: many(64),
            connections: many(128),
        }
    }
}

/// `data` of the error that a limit answers with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitNotice {
    /// `requestRate`, `concurrentRequests` or `requestTime`.
    pub limit: String,
    /// Milliseconds after which the same request may be answered; 0 where no time is known.
    pub retry_after_ms: u64,
}

/// The error `limitExceeded` of one of these limits.
pub(crate) fn exceeded(limit: &str, message: String, retry_after_ms: u64) -> ErrorObjectOwned {
    let code = RpcErrorCode::LimitExceeded.code();
    let notice = LimitNotice { limit: limit.to_owned(), retry_after_ms };
    ErrorObjectOwned::owned(code, message, Some(notice))
}

/// Time since some fixed moment; never goes back. What tells it is given, so that tests can.
#[derive(Clone)]
pub struct Monotonic(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Monotonic {
    /// A clock that `tell` reads.
    pub fn new(tell: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

impl Default for Monotonic {
    /// The clock of the runtime, from now on.
    fn default() -> Self {
        let start = tokio::time::Instant::now();
        Self::new(move || start.elapsed())
    }
}

impl fmt::Debug for Monotonic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monotonic").finish_non_exhaustive()
    }
}

impl Clock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        (self.0)()
    }
}

/// Who is counted as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Client(IpAddr);

impl Client {
    /// An IPv6 network is given out as a whole: its addresses are one client.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(six) => {
                let network = u128::from(six) & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from(network)))
            }
            four @ IpAddr::V4(_) => Self(four),
        }
    }
}

type Rates = RateLimiter<Client, DashMapStateStore<Client>, Monotonic, NoOpMiddleware<Duration>>;

/// Every client's share, of one listener. What it remembers is bounded: clients whose burst is whole again
/// are forgotten every so many requests, and concurrent requests are as many as there are connections.
pub(crate) struct Clients {
    limits: ClientLimits,
    clock: Monotonic,
    rates: Rates,
    at_work: Arc<Places>,
    asked: AtomicU64,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Clients are looked through for those to forget every so many requests.
const FORGET_EVERY: u64 = 1_024;

impl Clients {
    pub(crate) fn new(limits: ClientLimits, clock: Monotonic) -> Self {
        let quota = Quota::per_second(limits.per_second).allow_burst(limits.burst);
        let rates = RateLimiter::dashmap_with_clock(quota, clock.clone());
        let at_work = Arc::new(Places::new(limits.concurrent));
        Self { limits, clock, rates, at_work, asked: AtomicU64::default() }
    }

    /// Counts a request, or says in how many milliseconds it may come again.
    pub(crate) fn count(&self, client: Client) -> Result<(), u64> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.rates.retain_recent();
            self.rates.shrink_to_fit();
        }
        self.rates.check_key(&client).map_err(|until| {
            let wait = until.earliest_possible().duration_since(self.clock.now()).as_u64();
            wait.div_ceil(1_000_000)
        })
    }

    /// The same, with what a method answers.
    pub(crate) fn ask(&self, client: Client) -> Result<(), ErrorObjectOwned> {
        self.count(client).map_err(|wait| {
            let (rate, burst) = (self.limits.per_second, self.limits.burst);
            let message =
                format!("more than {rate} requests a second ({burst} at once) from one client");
            exceeded("requestRate", message, wait)
        })
    }

    /// Takes one of the client's places at work until what is answered is dropped.
    pub(crate) fn begin(&self, client: Client) -> Result<Place, ErrorObjectOwned> {
        self.at_work.take(client).ok_or_else(|| {
            let most = self.limits.concurrent;
            let message = format!(
                "more than {most} requests of one client are being worked on or wait to be taken by it"
            );
            exceeded("concurrentRequests", message, 0)
        })
    }

    #[cfg(test)]
    fn remembered(&self) -> usize {
        self.rates.len() + self.at_work.taken.lock().len()
    }
}

/// So many places for each client.
#[derive(Debug)]
pub(crate) struct Places {
    most: NonZeroU32,
    taken: Mutex<HashMap<Client, u32>>,
}

impl Places {
    /// At most so many of one client.
    pub(crate) fn new(most: NonZeroU32) -> Self {
        Self { most, taken: Mutex::default() }
    }

    /// A place of the client's; none when all are taken.
    pub(crate) fn take(self: &Arc<Self>, client: Client) -> Option<Place> {
        let mut taken = self.taken.lock();
        let number = taken.entry(client).or_default();
        if *number >= self.most.get() {
            return None;
        }
        *number += 1;
        drop(taken);
        Some(Place { places: Arc::clone(self), client })
    }
}

/// A place that a client has taken, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    client: Client,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        if let Some(number) = taken.get_mut(&self.client) {
            *number -= 1;
            if *number == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(limits: (u32, u32, u32)) -> (Arc<Clients>, Arc<AtomicU64>) {
        let millis = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&millis);
        let clock = Monotonic::new(move || Duration::from_millis(told.load(Ordering::Relaxed)));
        let many = |number| NonZeroU32::new(number).unwrap();
        let limits = ClientLimits {
            per_second: many(limits.0),
            burst: many(limits.1),
            concurrent: many(limits.2),
            ..ClientLimits::default()
        };
        (Arc::new(Clients::new(limits, clock)), millis)
    }

    fn client(text: &str) -> Client {
        Client::of(text.parse().unwrap())
    }

    #[test]
    fn a_burst_is_spent_and_comes_back_with_time() {
        let (clients, millis) = clients((10, 3, 1));
        let one = client("127.0.0.1");
        for _ in 0..3 {
            clients.ask(one).unwrap();
        }
        let refused = clients.ask(one).unwrap_err();
        assert_eq!(refused.code(), -32005);
        let notice: LimitNotice = serde_json::from_str(refused.data().unwrap().get()).unwrap();
        assert_eq!(notice, LimitNotice { limit: "requestRate".to_owned(), retry_after_ms: 100 });
        clients.ask(client("127.0.0.2")).expect("another client has his own share");
        millis.store(100, Ordering::Relaxed);
        clients.ask(one).expect("after the time that was named");
        assert!(clients.ask(one).is_err());
    }

    #[test]
    fn a_place_at_work_is_given_back() {
        let (clients, _) = clients((10, 10, 2));
        let one = client("::1");
        let (first, _second) = (clients.begin(one).unwrap(), clients.begin(one).unwrap());
        let refused = clients.begin(one).unwrap_err();
        assert!(refused.data().unwrap().get().contains("concurrentRequests"), "{refused}");
        drop(first);
        clients.begin(one).unwrap();
    }

    #[test]
    fn a_network_of_64_bits_is_one_client() {
        assert_eq!(client("2001:db8:0:1::1"), client("2001:db8:0:1:ffff::2"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
    }

    #[test]
    fn clients_that_went_away_are_forgotten() {
        let (clients, millis) = clients((10, 10, 10));
        for number in 0..20_000_u32 {
            let address = IpAddr::V4(number.into());
            drop(clients.begin(Client::of(address)).unwrap());
            clients.ask(Client::of(address)).unwrap();
            millis.fetch_add(10, Ordering::Relaxed);
        }
        assert!(clients.remembered() <= 2 * FORGET_EVERY as usize, "{}", clients.remembered());
    }
}
