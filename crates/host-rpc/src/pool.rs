//! The endpoints of a chain and what is known of each.

use crate::{
    Endpoint, Limits,
    breaker::Breaker,
    fault::{self, Fault, RpcFailure},
    range::LogRange,
    score::{self, Standing},
    transport::{Answer, Heads, Request, Transport},
    wire,
};
use alloy::primitives::U64;
use bmn_primitives::{BlockRef, ChainId};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json, value::RawValue};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// What is remembered of an endpoint.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) breaker: Breaker,
    pub(crate) rests_until: Duration,
    rests: u32,
    pub(crate) latency: Option<Duration>,
    pub(crate) head: Option<BlockRef>,
    pub(crate) behind: u64,
    useless: u32,
    pub(crate) calls: BTreeMap<&'static str, u64>,
    pub(crate) failures: u64,
    pub(crate) last_failure: Option<String>,
    pub(crate) unsupported: BTreeSet<&'static str>,
    pub(crate) batch: usize,
    pub(crate) chain: Option<ChainId>,
    pub(crate) range: LogRange,
    pub(crate) finalized: Option<bool>,
    pub(crate) block_time: Option<bool>,
}

struct Member {
    name: String,
    /// Number of its host: endpoints of one host have one vote.
    host: usize,
    endpoint: Endpoint,
    transport: Box<dyn Transport>,
    known: Mutex<Known>,
}

/// All endpoints of one chain.
pub(crate) struct Pool {
    pub(crate) chain: ChainId,
    pub(crate) limits: Limits,
    /// Hosts that must say the same.
    pub(crate) agreement: usize,
    members: Vec<Member>,
    born: Instant,
    current: Mutex<usize>,
    random: Mutex<u64>,
}

/// Results of a batch.
type Results = Vec<Result<Box<RawValue>, Fault>>;

/// Gives the turn of a half-open breaker back when a call is dropped unanswered.
struct Turn<'a> {
    member: &'a Member,
    answered: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.member.known.lock().breaker.abandoned();
        }
    }
}

impl Pool {
    pub(crate) fn new(
        chain: ChainId,
        limits: Limits,
        agreement: usize,
        endpoints: Vec<(Endpoint, Box<dyn Transport>)>,
        seed: u64,
    ) -> Self {
        let hosts: Vec<String> = endpoints.iter().map(|(it, _)| it.host().to_owned()).collect();
        let names: Vec<String> = endpoints.iter().map(|(it, _)| it.to_string()).collect();
        let member = |(place, (endpoint, transport)): (usize, (Endpoint, Box<dyn Transport>))| {
            let alike = names.iter().filter(|name| **name == names[place]).count() > 1;
            let name = &names[place];
            let name = if alike { format!("{name} (#{})", place + 1) } else { name.clone() };
            let host = hosts.iter().position(|host| host == endpoint.host()).unwrap_or(place);
            Member { name, host, endpoint, transport, known: Mutex::new(Known::new(&limits)) }
        };
        let members = endpoints.into_iter().enumerate().map(member).collect();
        Self {
            chain,
            members,
            limits,
            agreement,
            born: Instant::now(),
            current: Mutex::new(0),
            random: Mutex::new(seed),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn now(&self) -> Duration {
        self.born.elapsed()
    }

    pub(crate) fn name(&self, at: usize) -> &str {
        &self.members[at].name
    }

    /// The number of an endpoint's host.
    pub(crate) fn host(&self, at: usize) -> usize {
        self.members[at].host
    }

    /// How many hosts there are.
    pub(crate) fn hosts(&self) -> usize {
        self.members.iter().map(|it| it.host).collect::<BTreeSet<_>>().len()
    }

    /// The best endpoint of each host that may be asked now.
    pub(crate) fn voters(&self) -> Vec<usize> {
        let mut heard = BTreeSet::new();
        self.order().into_iter().filter(|at| heard.insert(self.host(*at))).collect()
    }

    pub(crate) fn has_websocket(&self) -> bool {
        self.members.iter().any(|it| it.endpoint.is_websocket())
    }

    /// Runs `use_it` on what is known of an endpoint.
    pub(crate) fn known<T>(&self, at: usize, use_it: impl FnOnce(&mut Known) -> T) -> T {
        use_it(&mut self.members[at].known.lock())
    }

    /// Between half of `most` and `most`, so that many processes do not come back at once.
    pub(crate) fn jittered(&self, most: Duration) -> Duration {
        let share = (self.draw() >> 40) as f64 / (1u64 << 24) as f64;
        most.mul_f64(0.5 + share / 2.0)
    }

    /// A random number (SplitMix64).
    pub(crate) fn draw(&self) -> u64 {
        let mut state = self.random.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = *state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Endpoints that may be asked now, the best first.
    pub(crate) fn order(&self) -> Vec<usize> {
        let (now, current) = (self.now(), *self.current.lock());
        let standing = |(place, member): (usize, &Member)| {
            let known = member.known.lock();
            let usable = known.breaker.is_ready(now)
                && now >= known.rests_until
                && known.chain.is_none_or(|chain| chain == self.chain);
            usable.then(|| Standing {
                place,
                latency: known.latency,
                behind: known.behind,
                failures: known.breaker.failures(),
                useless: known.useless,
                current: place == current,
            })
        };
        score::order(self.members.iter().enumerate().filter_map(standing).collect())
    }

    /// Endpoints that may be asked for their chain now: those of other chains, too.
    pub(crate) fn ready(&self) -> Vec<usize> {
        let now = self.now();
        let ready = |at: &usize| {
            self.known(*at, |known| known.breaker.is_ready(now) && now >= known.rests_until)
        };
        (0..self.len()).filter(ready).collect()
    }

    /// How long until some endpoint may be asked; `None` where none ever may.
    pub(crate) fn next_ready(&self) -> Option<Duration> {
        let now = self.now();
        let wait = |member: &Member| {
            let known = member.known.lock();
            let ours = known.chain.is_none_or(|chain| chain == self.chain);
            let ready = known.breaker.ready_at().max(known.rests_until);
            ours.then(|| ready.saturating_sub(now))
        };
        self.members.iter().filter_map(wait).min()
    }

    /// Calls one method.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        at: usize,
        method: &'static str,
        params: Value,
    ) -> Result<T, Fault> {
        let found = self.ask_all(at, method, vec![params]).await?.pop();
        found.ok_or_else(|| Fault::Garbled("no answer".to_owned()))
    }

    /// Calls one method several times; the first error ends it.
    pub(crate) async fn ask_all<T: DeserializeOwned>(
        &self,
        at: usize,
        method: &'static str,
        params: Vec<Value>,
    ) -> Result<Vec<T>, Fault> {
        let requests: Vec<_> = params.into_iter().map(|it| Request::new(method, it)).collect();
        let answers = self.send(at, &requests).await?;
        answers.into_iter().map(|raw| self.checked(at, wire::read(method, &raw?))).collect()
    }

    /// Counts an unreadable result against the endpoint: to the transport it was an answer.
    pub(crate) fn checked<T>(&self, at: usize, read: Result<T, Fault>) -> Result<T, Fault> {
        read.map_err(|fault| {
            let fault = clean(&self.members[at].endpoint, fault);
            self.blame(at, &fault);
            fault
        })
    }

    /// Sends calls, in as many batches as the endpoint needs. One answer for each.
    pub(crate) async fn send(&self, at: usize, requests: &[Request]) -> Result<Results, Fault> {
        self.verify_chain(at).await?;
        let mut answers = Vec::with_capacity(requests.len());
        while answers.len() < requests.len() {
            let rest = &requests[answers.len()..];
            let size = self.known(at, |known| known.batch).clamp(1, rest.len());
            match self.exchange(at, &rest[..size]).await {
                Ok(more) => answers.extend(more),
                Err(Fault::BatchRefused) if size > 1 => self.known(at, |known| known.batch = 1),
                Err(Fault::Oversized(_)) if size > 1 => {
                    self.known(at, |known| known.batch = size / 2);
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(answers)
    }

    /// Asks an endpoint for its chain before anything else of it is believed.
    pub(crate) async fn verify_chain(&self, at: usize) -> Result<(), Fault> {
        match self.known(at, |known| known.chain) {
            None => self.recheck_chain(at).await,
            Some(found) if found != self.chain => Err(Fault::WrongChain(found)),
            Some(_) => Ok(()),
        }
    }

    /// Asks an endpoint for its chain, whatever it said before.
    pub(crate) async fn recheck_chain(&self, at: usize) -> Result<(), Fault> {
        const METHOD: &str = "eth_chainId";
        let answer = self.exchange(at, &[Request::new(METHOD, json!([]))]).await?.pop();
        let raw = answer.unwrap_or_else(|| Err(Fault::Garbled("no answer".to_owned())))?;
        let id: U64 = self.checked(at, wire::read(METHOD, &raw))?;
        let found = ChainId(id.to());
        let before = self.known(at, |known| known.chain.replace(found));
        if found == self.chain {
            return Ok(());
        }
        if before != Some(found) {
            let (endpoint, expected) = (self.name(at), self.chain);
            tracing::error!(
                target: "bmn::host_rpc", endpoint, %expected, %found,
                "follows another chain and is not used until it follows this one again"
            );
        }
        Err(Fault::WrongChain(found))
    }

    async fn exchange(&self, at: usize, requests: &[Request]) -> Result<Results, Fault> {
        let member = &self.members[at];
        let Some(first) = requests.first() else { return Ok(vec![]) };
        let mut turn = self.turn(member, requests)?;
        let most = match first.method {
            "eth_getLogs" | "eth_getBlockReceipts" => self.limits.log_timeout,
            _ => self.limits.request_timeout,
        };
        let started = Instant::now();
        let sent = timeout(most, member.transport.send(requests)).await;
        turn.answered = true;
        let sent = sent.unwrap_or(Err(Fault::Timeout(most))).and_then(|answers| {
            let short = || Fault::Garbled("an answer of the batch is missing".to_owned());
            if answers.len() == requests.len() { Ok(answers) } else { Err(short()) }
        });
        let answers = sent.map_err(|fault| {
            let fault = match clean(&member.endpoint, fault) {
                // A smaller range may have an answer that is small enough.
                Fault::Oversized(_) if is_ranged(first) => Fault::TooMuch { works: None },
                other => other,
            };
            if matches!(fault, Fault::Timeout(_)) {
                // A connection that died without a word would time out for ever.
                member.transport.reconnect();
            }
            if requests.len() > 1 && matches!(fault, Fault::Oversized(_)) {
                // Too much was asked for at once, which says nothing about the endpoint.
                member.known.lock().breaker.abandoned();
            } else {
                self.blame(at, &fault);
            }
            fault
        })?;
        if requests.len() > 1 && answers.iter().all(is_batch_refusal) {
            member.known.lock().breaker.succeeded();
            return Err(Fault::BatchRefused);
        }
        let read = |(answer, request): (Answer, &Request)| {
            let classified = |it| clean(&member.endpoint, fault::classify(request.method, it));
            answer.map_err(classified)
        };
        let answers: Results = answers.into_iter().zip(requests).map(read).collect();
        self.answered(at, started.elapsed(), &answers);
        Ok(answers)
    }

    fn turn<'a>(&self, member: &'a Member, requests: &[Request]) -> Result<Turn<'a>, Fault> {
        let now = self.now();
        let mut known = member.known.lock();
        let unsupported = requests.iter().find(|it| known.unsupported.contains(it.method));
        if let Some(request) = unsupported {
            return Err(Fault::Unsupported(request.method));
        }
        if now < known.rests_until || !known.breaker.admit(now) {
            return Err(Fault::Resting);
        }
        for request in requests {
            known.called(request.method);
        }
        Ok(Turn { member, answered: false })
    }

    fn answered(&self, at: usize, took: Duration, answers: &Results) {
        let mut worst = None;
        for fault in answers.iter().filter_map(|it| it.as_ref().err()) {
            if let Fault::Unsupported(method) = fault {
                self.known(at, |known| known.unsupported.insert(method));
            }
            if fault.is_failure() || matches!(fault, Fault::RateLimited(_)) {
                worst = Some(fault);
            }
        }
        match worst {
            Some(fault) => self.blame(at, fault),
            None => self.known(at, |known| {
                known.breaker.succeeded();
                known.rests = 0;
                known.latency = Some(score::averaged(known.latency, took));
            }),
        }
    }

    /// Books a failure or a rate limit.
    pub(crate) fn blame(&self, at: usize, fault: &Fault) {
        let (now, limits) = (self.now(), &self.limits);
        let endpoint = self.name(at);
        let mut known = self.members[at].known.lock();
        if let Fault::RateLimited(after) = fault {
            let doubled = limits.rest.saturating_mul(2u32.saturating_pow(known.rests.min(16)));
            let ours = || self.jittered(doubled.min(limits.max_rest));
            let wait = after.map_or_else(ours, |asked| asked.min(limits.max_rest));
            known.rests = known.rests.saturating_add(1);
            known.rests_until = now + wait;
            known.breaker.abandoned();
            tracing::debug!(target: "bmn::host_rpc", endpoint, ?wait, "rate limit reached");
        } else if fault.is_failure() {
            known.failures = known.failures.saturating_add(1);
            known.last_failure = Some(fault.to_string());
            if known.breaker.failed(now) {
                // It may come back as a node of another chain.
                known.chain = known.chain.filter(|chain| *chain != self.chain);
                tracing::warn!(target: "bmn::host_rpc", endpoint, %fault, "left alone for a while");
            }
        } else {
            known.breaker.abandoned();
        }
    }

    /// Makes an endpoint the one that is kept while nothing speaks against it.
    pub(crate) fn in_use(&self, at: usize) {
        *self.current.lock() = at;
        self.was_useful(at);
    }

    /// An answer of the endpoint was used.
    pub(crate) fn was_useful(&self, at: usize) {
        self.known(at, |known| known.useless = 0);
    }

    /// The endpoint answered, and its answer was of no use.
    pub(crate) fn was_useless(&self, at: usize) {
        self.known(at, |known| known.useless = known.useless.saturating_add(1));
    }

    pub(crate) async fn new_heads(&self, at: usize) -> Result<Option<Heads>, Fault> {
        let member = &self.members[at];
        if !member.endpoint.is_websocket() {
            return Ok(None);
        }
        self.verify_chain(at).await?;
        let most = self.limits.request_timeout;
        self.known(at, |known| known.called("eth_subscribe"));
        let heads = timeout(most, member.transport.new_heads()).await;
        let heads = heads.unwrap_or_else(|_| {
            member.transport.reconnect();
            Err(Fault::Timeout(most))
        });
        self.checked(at, heads.map_err(|fault| clean(&member.endpoint, fault)))
    }

    /// Forgets connections and grudges, and what is known of each endpoint's chain and methods.
    pub(crate) fn invalidate(&self) {
        for member in &self.members {
            member.transport.reconnect();
            let mut known = member.known.lock();
            *known = Known {
                latency: known.latency,
                calls: std::mem::take(&mut known.calls),
                failures: known.failures,
                last_failure: known.last_failure.take(),
                ..Known::new(&self.limits)
            };
        }
    }
}

impl Known {
    fn new(limits: &Limits) -> Self {
        Self {
            breaker: Breaker::new(limits.breaker_threshold, limits.breaker_cooldown),
            rests_until: Duration::ZERO,
            rests: 0,
            latency: None,
            head: None,
            behind: 0,
            useless: 0,
            calls: BTreeMap::new(),
            failures: 0,
            last_failure: None,
            unsupported: BTreeSet::new(),
            batch: limits.max_batch.max(1),
            chain: None,
            range: LogRange::new(limits.initial_log_range, limits.max_log_range),
            finalized: None,
            block_time: None,
        }
    }

    fn called(&mut self, method: &'static str) {
        let calls = self.calls.entry(method).or_default();
        *calls = calls.saturating_add(1);
    }
}

/// Longest text of a node that is repeated.
const LONGEST_TEXT: usize = 200;

/// A fault whose texts hold no key and are short.
fn clean(endpoint: &Endpoint, fault: Fault) -> Fault {
    let text = |text: String| -> String {
        let words = endpoint.redact(&text);
        words.chars().map(|it| if it.is_control() { ' ' } else { it }).take(LONGEST_TEXT).collect()
    };
    match fault {
        Fault::Unreachable(said) => Fault::Unreachable(text(said)),
        Fault::Garbled(said) => Fault::Garbled(text(said)),
        Fault::NotYet(said) => Fault::NotYet(text(said)),
        Fault::Pruned { block, said } => Fault::Pruned { block, said: text(said) },
        Fault::Refused(RpcFailure { code, message, data }) => {
            Fault::Refused(RpcFailure { code, message: text(message), data })
        }
        other => other,
    }
}

fn is_ranged(request: &Request) -> bool {
    request.method == "eth_getLogs" && request.params[0].get("toBlock").is_some()
}

/// Errors with which nodes refuse a whole batch, whatever is in it.
fn is_batch_refusal(answer: &Answer) -> bool {
    const INVALID_REQUEST: i64 = -32600;
    answer.as_ref().is_err_and(|failure| {
        let text = failure.message.to_ascii_lowercase();
        text.contains("batch") || (failure.code == INVALID_REQUEST && !text.contains("range"))
    })
}
