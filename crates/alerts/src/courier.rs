//! Brings messages to one route, one after the other, until each arrived.

use crate::{AlertError, Clock, Message, Outbox, Route, SendError, outbox::Place};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Pauses after failed attempts; the last one is kept.
const PAUSES: [u64; 7] = [1, 2, 4, 8, 16, 32, 60];

/// A message that could not be told for so long says nothing any more, milliseconds.
const STALE: u64 = 24 * 3_600_000;

/// How often it is looked for messages that nobody rang for.
const LOOKS: Duration = Duration::from_secs(30);

/// One for each route.
pub struct Courier {
    route: Route,
    outbox: Outbox,
    node: String,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier").field("route", &self.route).finish_non_exhaustive()
    }
}

impl Courier {
    /// A courier of one route of a node of this name.
    pub fn new(route: Route, outbox: Outbox, node: String, clock: Arc<dyn Clock>) -> Self {
        let courier = Self { route, outbox, node, clock };
        for outcome in ["sent", "failed", "refused", "stale"] {
            courier.counted(outcome, 0);
        }
        courier
    }

    /// Works until it is stopped. What did not arrive waits for the next one.
    pub async fn run(self, stop: CancellationToken) {
        let (mut failed, mut bell) = (0, self.outbox.listen());
        while !stop.is_cancelled() {
            bell.mark_unchanged();
            let pause = match self.bring().await {
                Ok(true) => {
                    failed = 0;
                    continue;
                }
                Ok(false) => None,
                Err(()) => {
                    failed += 1;
                    let pause = PAUSES.get(failed - 1).or(PAUSES.last()).copied();
                    Some(Duration::from_secs(pause.unwrap_or_default()))
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause.unwrap_or(LOOKS)) => {}
                _ = bell.changed(), if pause.is_none() => {}
            }
        }
    }

    /// Brings the oldest message. True when there was one, and it is settled.
    async fn bring(&self) -> Result<bool, ()> {
        let now = self.clock.now_ms();
        let name = self.route.name().to_owned();
        let first = self.blocking(move |outbox| outbox.first(&name, now)).await?;
        let Some((place, message)) = first else { return Ok(false) };
        if now.saturating_sub(message.at_ms) > STALE {
            tracing::warn!(
                target: "bmn::alerts", route = self.route.name(), id = %message.id,
                "a message of yesterday is dropped: the route took none"
            );
            return self.settle(place, "stale").await;
        }
        match self.route.send(&message, &self.node, now).await {
            Ok(_) => self.settle(place, "sent").await,
            Err(error) => self.failed(place, &message, &error).await,
        }
    }

    async fn failed(&self, place: Place, message: &Message, error: &SendError) -> Result<bool, ()> {
        tracing::warn!(
            target: "bmn::alerts", route = self.route.name(), id = %message.id, %error,
            "an alert did not arrive"
        );
        if matches!(error, SendError::Refused(_)) {
            return self.settle(place, "refused").await;
        }
        self.count("failed");
        Err(())
    }

    async fn settle(&self, place: Place, outcome: &'static str) -> Result<bool, ()> {
        let name = self.route.name().to_owned();
        self.blocking(move |outbox| outbox.remove(&name, place)).await?;
        self.count(outcome);
        Ok(true)
    }

    fn count(&self, outcome: &'static str) {
        self.counted(outcome, 1);
    }

    fn counted(&self, outcome: &'static str, more: u64) {
        let labels = [("route", self.route.name().to_owned()), ("outcome", outcome.to_owned())];
        metrics::counter!("bmn_alert_messages_total", &labels).increment(more);
    }

    async fn blocking<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Outbox) -> Result<T, AlertError> + Send + 'static,
    ) -> Result<T, ()> {
        let outbox = self.outbox.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&outbox)).await;
        let asked = asked.map_err(|error| AlertError::Interrupted(error.to_string()));
        asked.and_then(|asked| asked).map_err(|error| {
            tracing::error!(target: "bmn::alerts", %error, "messages cannot be read or written");
        })
    }
}
