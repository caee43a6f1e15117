//! Messages that wait for their routes: bounded, and there after a restart.

use crate::{AlertError, Message};
use bmn_records::{Reads, Records, Table, Tx};
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::watch;

/// Messages of one route that wait. The oldest make room: a person needs the newest.
pub const MOST_WAITING: usize = 1_000;

/// Messages in memory while the records cannot be written.
const MOST_UNKEPT: usize = 100;

/// Messages by name of the route, a zero byte, and their number.
const WAITING: Table<Message> = Table::new("alert_outbox");

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Kept(u64),
    /// In memory, at the front.
    Unkept,
}

/// Clones share it.
#[derive(Debug, Clone)]
pub struct Outbox {
    records: Records,
    unkept: Arc<Mutex<VecDeque<(String, Message)>>>,
    /// Rung when a message was added.
    bell: Arc<watch::Sender<u64>>,
}

fn key(route: &str, number: u64) -> Vec<u8> {
    [route.as_bytes(), &[0], &number.to_be_bytes()].concat()
}

fn prefix(route: &str) -> Vec<u8> {
    [route.as_bytes(), &[0]].concat()
}

fn number(key: &[u8]) -> u64 {
    key.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

impl Outbox {
    /// The outbox of these records.
    pub fn new(records: Records) -> Self {
        Self { records, unkept: Arc::default(), bell: Arc::default() }
    }

    /// Adds messages for `routes` inside a transaction. To be rung ([`Self::ring`]) once it is durable.
    ///
    /// # Errors
    /// [`AlertError::Records`].
    pub fn add(
        tx: &Tx,
        routes: impl IntoIterator<Item = (String, Vec<Message>)>,
        now_ms: u64,
    ) -> Result<(), AlertError> {
        for (route, messages) in routes {
            let newest = tx.list(&WAITING, &prefix(&route), true, 1, now_ms)?;
            let first = newest.first().map_or(0, |(key, _)| number(key) + 1);
            for (number, message) in (first..).zip(messages) {
                tx.put(&WAITING, &key(&route, number), &message, None)?;
            }
            shorten(tx, &route, now_ms)?;
        }
        Ok(())
    }

    /// Takes a message in memory, for when the records cannot be written.
    pub fn add_unkept(&self, route: &str, message: Message) {
        let mut unkept = self.unkept.lock();
        if unkept.len() >= MOST_UNKEPT {
            unkept.pop_front();
            metrics::counter!("bmn_alert_dropped_total").increment(1);
        }
        unkept.push_back((route.to_owned(), message));
    }

    /// Says that there is something to send.
    pub fn ring(&self) {
        self.bell.send_modify(|rung| *rung += 1);
    }

    /// Hears [`Self::ring`].
    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// The oldest message of a route. Blocks.
    pub(crate) fn first(
        &self,
        route: &str,
        now_ms: u64,
    ) -> Result<Option<(Place, Message)>, AlertError> {
        if let Some((_, message)) = self.unkept.lock().iter().find(|(of, _)| of == route) {
            return Ok(Some((Place::Unkept, message.clone())));
        }
        let rows = self.records.read()?.list(&WAITING, &prefix(route), false, 1, now_ms)?;
        Ok(rows.into_iter().next().map(|(key, message)| (Place::Kept(number(&key)), message)))
    }

    /// Takes a message away: it was sent, or never will be. Blocks.
    pub(crate) fn remove(&self, route: &str, place: Place) -> Result<(), AlertError> {
        match place {
            Place::Unkept => {
                let mut unkept = self.unkept.lock();
                let at = unkept.iter().position(|(of, _)| of == route);
                at.map(|at| unkept.remove(at));
            }
            Place::Kept(number) => {
                let tx = self.records.write()?;
                tx.remove(&WAITING, &key(route, number))?;
                tx.commit()?;
            }
        }
        Ok(())
    }

    /// How many messages of a route wait on disk, up to [`MOST_WAITING`]. Blocks.
    ///
    /// # Errors
    /// [`AlertError::Records`].
    pub fn waiting(&self, route: &str, now_ms: u64) -> Result<usize, AlertError> {
        Ok(self.records.read()?.list(&WAITING, &prefix(route), false, MOST_WAITING, now_ms)?.len())
    }
}

fn shorten(tx: &Tx, route: &str, now_ms: u64) -> Result<(), AlertError> {
    let rows = tx.list(&WAITING, &prefix(route), true, MOST_WAITING + 256, now_ms)?;
    for (key, _) in rows.iter().skip(MOST_WAITING) {
        tx.remove(&WAITING, key)?;
        metrics::counter!("bmn_alert_dropped_total").increment(1);
    }
    Ok(())
}
