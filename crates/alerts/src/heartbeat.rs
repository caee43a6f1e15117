//! The dead-man signal: an outside service hears it while the resolver really works, and notices when it does not.

use crate::{AlertError, Facts, Thresholds, route};
use std::{fmt, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Whether the node really works, and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// When.
    pub at: Instant,
    /// Why it does not work.
    pub silent_because: Option<String>,
}

impl Pulse {
    /// Before the first look.
    pub fn unknown() -> Self {
        Self { at: Instant::now(), silent_because: Some("nothing was looked at yet".to_owned()) }
    }

    /// Why nobody is called who expects a call so often: the node does not work, or nobody has looked for two
    /// periods.
    pub fn why_silent(&self, every: Duration) -> Option<String> {
        let too_old = self.at.elapsed() > every * 2;
        self.silent_because
            .clone()
            .or_else(|| too_old.then(|| "what looks at the node does not look any more".to_owned()))
    }

    /// What facts say now.
    pub fn of(facts: &Facts, limits: &Thresholds) -> Self {
        Self { at: Instant::now(), silent_because: silent_because(facts, limits) }
    }
}

/// The part of a node that says whether it acts, among those that are not healthy.
const ACTING: &str = "acting";

/// Why nobody outside should believe that the node works. None: every chain's host shows new blocks, each was
/// written to the store, so that it can be written, the records can be written, and the node acts.
pub fn silent_because(facts: &Facts, limits: &Thresholds) -> Option<String> {
    if let Some(why) = &facts.halted {
        return Some(format!("it acts no more: {why}"));
    }
    if let Some(why) = &facts.records_failed {
        return Some(format!("its records cannot be written: {why}"));
    }
    if facts.overall == crate::Overall::Unhealthy {
        return Some("it is unhealthy".to_owned());
    }
    if let Some(part) = facts.parts.iter().find(|part| part.name == ACTING) {
        return Some(format!("it does not act: {}", part.detail));
    }
    if facts.chains.is_empty() {
        return Some("it follows no chain".to_owned());
    }
    let stuck = facts.chains.iter().find(|chain| {
        let behind = chain.head.zip(chain.indexed).map(|(head, at)| head.saturating_sub(at));
        chain.head_age >= limits.head_age_seconds
            || behind.is_none_or(|behind| behind > limits.lag_blocks)
    });
    stuck.map(|chain| format!("chain {} does not go on", chain.chain))
}

/// What calls out.
pub struct Heartbeat {
    url: reqwest::Url,
    client: reqwest::Client,
    every: Duration,
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat").field("every", &self.every).finish_non_exhaustive()
    }
}

impl Heartbeat {
    /// Calls this URL so often. It may hold a key, and is never shown.
    ///
    /// # Errors
    /// [`AlertError::BadUrl`], [`AlertError::NoClient`].
    pub fn new(url: &Zeroizing<String>, every: Duration) -> Result<Self, AlertError> {
        let bad = || AlertError::BadUrl { route: "heartbeat".to_owned() };
        let url: reqwest::Url = url.trim().parse().map_err(|_| bad())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(bad());
        }
        Ok(Self { url, client: route::client("heartbeat")?, every })
    }

    /// Calls until it is stopped, as long as the newest pulse is good and not older than two periods.
    pub async fn run(
        self: std::sync::Arc<Self>,
        pulse: watch::Receiver<Pulse>,
        stop: CancellationToken,
    ) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let why = pulse.borrow().why_silent(self.every);
            if let Some(why) = &why {
                if !silent {
                    tracing::warn!(target: "bmn::alerts", why, "the dead-man signal is silent");
                }
            } else {
                self.beat().await;
            }
            silent = why.is_some();
            metrics::gauge!("bmn_heartbeat_silent").set(if silent { 1.0 } else { 0.0 });
        }
    }

    /// One call.
    pub(crate) async fn beat(&self) {
        let sent = self.client.get(self.url.clone()).send().await;
        let outcome = match sent.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => "sent",
            Ok(status) => {
                let status = status.as_u16();
                tracing::warn!(target: "bmn::alerts", status, "the dead-man signal was refused");
                "failed"
            }
            Err(error) => {
                let error = route::silent(error);
                tracing::warn!(target: "bmn::alerts", %error, "the dead-man signal did not arrive");
                "failed"
            }
        };
        metrics::counter!("bmn_heartbeats_total", "outcome" => outcome).increment(1);
    }
}
