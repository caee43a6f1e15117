//! One look after the other: facts in, messages out.

use crate::Route;
use crate::{
    AlertError, Alerts, Book, Edge, Facts, Message, Outbox, Overall, Thresholds, Watch, judge,
    unseen,
};
use bmn_records::{Reads, Records, Table};
use serde::{Deserialize, Serialize};

/// How often it is written how the node does, milliseconds; also shows that the records can be written.
const HEALTH_EVERY: u64 = 60_000;

/// How the node does and how it did before, under `latest` and `previous` (S3-34).
const HEALTH: Table<HealthRow> = Table::new("alert_health");

const LATEST: &[u8] = b"latest";
const PREVIOUS: &[u8] = b"previous";

/// How the node did at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthRow {
    /// 0 healthy, 1 degraded, 2 unhealthy.
    pub status: u8,
    /// When it was seen last, milliseconds since 1970.
    pub at_ms: u64,
}

impl HealthRow {
    fn of(facts: &Facts) -> Self {
        let status = match facts.overall {
            Overall::Healthy => 0,
            Overall::Degraded => 1,
            Overall::Unhealthy => 2,
        };
        Self { status, at_ms: facts.at_ms }
    }

    /// The newest one, and the one before its status changed.
    ///
    /// # Errors
    /// [`AlertError::Records`].
    pub fn read(records: &Records, now_ms: u64) -> Result<[Option<Self>; 2], AlertError> {
        let view = records.read()?;
        Ok([view.get(&HEALTH, LATEST, now_ms)?, view.get(&HEALTH, PREVIOUS, now_ms)?])
    }
}

/// Judges facts, remembers edges, marks and messages.
#[derive(Debug)]
pub struct Engine {
    records: Records,
    watch: Watch,
    book: Book,
    outbox: Outbox,
    /// Why the records could not be written last time.
    failed: Option<String>,
    health_at: Option<u64>,
}

impl Engine {
    /// One that goes on where the process before it ended.
    ///
    /// # Errors
    /// [`AlertError::Records`].
    pub fn open(records: Records, now_ms: u64) -> Result<Self, AlertError> {
        let book = Book::open(records.clone(), now_ms)?;
        Ok(Self {
            watch: Watch::resumed(book.stands()),
            outbox: Outbox::new(records.clone()),
            book,
            records,
            failed: None,
            health_at: None,
        })
    }

    /// Where its messages wait.
    pub fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// What stands.
    pub const fn stands(&self) -> &Alerts {
        self.watch.stands()
    }

    /// Why the records could not be written last time.
    pub fn records_failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Takes the facts of one moment, logs what people are told and leaves it for the routes. Never an error: when
    /// the records cannot be written, that is an alert of its own, and messages wait in memory. Blocks.
    pub fn look(&mut self, facts: &Facts, limits: &Thresholds, routes: &[Route]) -> Vec<Message> {
        let now = facts.at_ms;
        self.remember_health(facts);
        let mut facts = facts.clone();
        facts.records_failed = facts.records_failed.or_else(|| self.failed.clone());
        let unseen = unseen(&facts, limits);
        let edges = self.watch.look_past(&judge(&facts, limits), &unseen, now);
        let kept = self.book.note(&edges, self.watch.stands(), (now, limits), |tx, messages| {
            let routed = routes.iter().map(|route| (route.name().to_owned(), of(route, messages)));
            Outbox::add(tx, routed.filter(|(_, messages)| !messages.is_empty()), now)
        });
        let messages = match kept {
            Ok(messages) => {
                if !messages.is_empty() {
                    self.failed = None;
                }
                messages
            }
            Err(error) => self.unkept(&error, &edges, routes, now),
        };
        if !messages.is_empty() {
            messages.iter().for_each(Message::log);
            self.outbox.ring();
        }
        messages
    }

    /// What is told although no mark can be made.
    fn unkept(
        &mut self,
        error: &AlertError,
        edges: &[Edge],
        routes: &[Route],
        now: u64,
    ) -> Vec<Message> {
        if self.failed.is_none() {
            tracing::error!(target: "bmn::alerts", %error, "alerts cannot be recorded");
        }
        self.failed = Some(error.to_string());
        let messages = self.book.tell_unwritten(edges, now);
        for route in routes {
            for message in of(route, &messages) {
                self.outbox.add_unkept(route.name(), message);
            }
        }
        messages
    }

    fn remember_health(&mut self, facts: &Facts) {
        let now = facts.at_ms;
        let row = HealthRow::of(facts);
        let is_due = self.health_at.is_none_or(|at| now < at || now - at >= HEALTH_EVERY);
        if !is_due {
            return;
        }
        let written = (|| {
            let tx = self.records.write()?;
            let before = tx.get(&HEALTH, LATEST, now)?;
            if let Some(before) = before.filter(|before| before.status != row.status) {
                tx.put(&HEALTH, PREVIOUS, &before, None)?;
            }
            tx.put(&HEALTH, LATEST, &row, None)?;
            tx.commit()
        })();
        self.health_at = Some(now);
        self.failed = written.err().map(|error| error.to_string());
    }
}

fn of(route: &Route, messages: &[Message]) -> Vec<Message> {
    messages.iter().filter(|message| route.wants(message.alert.severity)).cloned().collect()
}

#[cfg(test)]
mod tests;
