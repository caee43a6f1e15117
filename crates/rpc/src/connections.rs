//! The open connections of a listener: how many there may be, of all clients and of one.

use crate::{
    clients::{Client, Place, Places},
    measured::Open,
    socket::Connection,
};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Notify;

/// Every open connection of a listener, of HTTP or WebSocket.
#[derive(Debug)]
pub(crate) struct Connections {
    most: usize,
    of_one: Option<Arc<Places>>,
    open: Mutex<All>,
    /// Wakes who waits for the last one to close.
    empty: Notify,
}

#[derive(Debug, Default)]
struct All {
    next: u64,
    all: HashMap<u64, Arc<Connection>>,
}

impl Connections {
    /// At most so many, and of one client at most what `of_one` has.
    pub(crate) fn new(most: u32, of_one: Option<Arc<Places>>) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self { most, of_one, open: Mutex::default(), empty: Notify::new() }
    }

    /// One more, until what is answered is dropped; none above a limit.
    pub(crate) fn enter(self: &Arc<Self>, client: Client) -> Option<Held> {
        let mut open = self.open.lock();
        if open.all.len() >= self.most {
            return None;
        }
        let place = match &self.of_one {
            Some(places) => Some(places.take(client)?),
            None => None,
        };
        let (number, connection) = (open.next, Arc::new(Connection::default()));
        open.next += 1;
        open.all.insert(number, Arc::clone(&connection));
        drop(open);
        Some(Held {
            connections: Arc::clone(self),
            connection,
            number,
            _place: place,
            _open: Open::connection(),
        })
    }

    /// Ends all of them, whatever they are in the middle of.
    pub(crate) fn cut(&self) {
        let open: Vec<_> = self.open.lock().all.values().map(Arc::clone).collect();
        for connection in open {
            connection.cut();
        }
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.open.lock().all.len()
    }

    /// Waits until none is open.
    pub(crate) async fn closed(&self) {
        loop {
            // Made before the look, so that no wake-up falls between the two.
            let empty = self.empty.notified();
            if self.len() == 0 {
                return;
            }
            empty.await;
        }
    }
}

/// A connection's place among the open ones. It is with the socket, which outlives the server's own task when a
/// WebSocket is made of it.
#[derive(Debug)]
pub(crate) struct Held {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
    number: u64,
    _place: Option<Place>,
    _open: Open,
}

impl Held {
    /// What is shared of it.
    pub(crate) const fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connection.cut();
        let mut open = self.connections.open.lock();
        open.all.remove(&self.number);
        if open.all.is_empty() {
            self.connections.empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn client(number: u32) -> Client {
        Client::of(std::net::IpAddr::V4(number.into()))
    }

    #[tokio::test]
    async fn one_client_cannot_take_every_place_and_a_closed_connection_gives_its_own_back() {
        let of_one = Arc::new(Places::new(NonZeroU32::new(2).unwrap()));
        let connections = Arc::new(Connections::new(3, Some(of_one)));
        let first = connections.enter(client(1)).unwrap();
        let second = connections.enter(client(1)).unwrap();
        assert!(connections.enter(client(1)).is_none());
        let third = connections.enter(client(2)).unwrap();
        assert!(connections.enter(client(3)).is_none(), "three of all of them");
        drop((first, third));
        assert_eq!(connections.len(), 1);
        let again = connections.enter(client(1)).unwrap();
        assert!(connections.enter(client(1)).is_none());
        drop((again, second));
        connections.closed().await;
    }
}
