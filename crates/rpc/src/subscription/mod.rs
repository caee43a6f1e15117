//! Subscriptions.
//!
//! What a subscriber is told follows from where it stands and from a snapshot ([`source`]), so nothing has to
//! be remembered for it, it goes on after a restart, and a slow one costs the others nothing. Where most stand
//! what follows is read and written once ([`feed`]).

pub(crate) mod alerts;
mod begin;
mod feed;
mod filter;
mod position;
mod source;
mod told;

pub(crate) use feed::Feeds;
pub(crate) use filter::Filter;

use crate::{NodeView, RpcError, measured::Open, snapshot::Snapshot};
use bmn_rpc_api::SubscribeFrom;
use bmn_store::Store;
use feed::Feed;
use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink,
    core::{SubscriptionError, SubscriptionResult},
    server::{SendTimeoutError, TrySendError},
    types::ErrorObjectOwned,
};
use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use told::{Place, Resume, Step};

/// What a subscription needs of the node.
pub(crate) struct Ground<'a> {
    pub(crate) store: &'a Store,
    pub(crate) view: &'a dyn NodeView,
    pub(crate) feeds: &'a Feeds,
    /// Rises with every durable commit.
    pub(crate) committed: watch::Receiver<u64>,
    /// How long a subscriber may leave its buffer full.
    pub(crate) patience: Duration,
}

/// Tells a subscriber what happens until it leaves, is too slow, or the node stops.
pub(crate) async fn run(
    pending: PendingSubscriptionSink,
    mut ground: Ground<'_>,
    filter: Filter,
    from: Option<SubscribeFrom>,
) -> SubscriptionResult {
    // NB: the beginning is settled before the subscription is accepted. What is committed in between
    // would otherwise reach a client that already counts on hearing of it, and be skipped.
    ground.committed.mark_unchanged();
    let tracks = match begin(&ground, &filter, from.as_ref()) {
        Ok(tracks) => tracks,
        Err(error) => {
            pending.reject(ErrorObjectOwned::from(error)).await;
            return Ok(());
        }
    };
    let sink = Sink { sink: pending.accept().await?, patience: ground.patience };
    let left = sink.sink.clone();
    let subscriber = Subscriber { sink, filter };
    let _open = Open::subscription();
    tokio::select! {
        // Whoever left is not read for any further, however much there is that is not for it.
        () = left.closed() => Ok(()),
        told = tell(subscriber, ground, tracks) => told.map_err(in_words),
    }
}

/// What a subscriber is told of a failure: no words of the store, which go to the log.
fn in_words(error: RpcError) -> SubscriptionError {
    SubscriptionError::from(ErrorObjectOwned::from(error).message())
}

async fn tell(
    mut subscriber: Subscriber,
    mut ground: Ground<'_>,
    mut tracks: Vec<Track>,
) -> Result<(), RpcError> {
    loop {
        let announced = *ground.committed.borrow_and_update();
        for at in 0..tracks.len() {
            match catch_up(&mut subscriber, ground.store, &mut tracks[at], announced).await? {
                Heard::All => {}
                Heard::Gone => return Ok(()),
                Heard::Part => {
                    let lagged = told::lagged(tracks.into_iter().map(Track::resume).collect());
                    subscriber.sink.last(&lagged).await;
                    return Ok(());
                }
            }
        }
        if ground.committed.changed().await.is_err() {
            return Ok(());
        }
    }
}

fn begin(
    ground: &Ground<'_>,
    filter: &Filter,
    from: Option<&SubscribeFrom>,
) -> Result<Vec<Track>, RpcError> {
    filter::check(filter)?;
    let announced = *ground.committed.borrow();
    let snapshot = Snapshot::of(ground.store)?;
    let places = begin::places(&snapshot, ground.view, filter, from)?;
    let track = |(source, place)| {
        let feed = ground.feeds.of(source);
        feed.begins(&place, announced);
        Track { feed, place, heard: None }
    };
    Ok(places.into_iter().map(track).collect())
}

/// One source that a subscriber follows.
struct Track {
    feed: Arc<Feed>,
    place: Place,
    /// Where it goes on when it has heard a part of what follows its place.
    heard: Option<Resume>,
}

impl Track {
    fn resume(self) -> Resume {
        self.heard.unwrap_or_else(|| self.feed.source().resume(&self.place))
    }
}

/// How much a subscriber took.
enum Heard {
    All,
    /// Its buffer was full for too long.
    Part,
    /// It left.
    Gone,
}

/// Tells everything that follows a track's place.
async fn catch_up(
    subscriber: &mut Subscriber,
    store: &Store,
    track: &mut Track,
    announced: u64,
) -> Result<Heard, RpcError> {
    while let Some(step) = track.feed.next(store, &track.place, announced).await? {
        match subscriber.take(&step, &mut track.heard).await {
            Heard::All => {
                track.place = step.next.clone();
                track.heard = None;
            }
            less => return Ok(less),
        }
    }
    Ok(Heard::All)
}

struct Subscriber {
    sink: Sink,
    filter: Filter,
}

impl Subscriber {
    async fn take(&mut self, step: &Step, heard: &mut Option<Resume>) -> Heard {
        for told in &step.told {
            if self.filter.tells(&told.subject) {
                match self.sink.offer(&told.json).await {
                    Ok(()) => {}
                    Err(SendTimeoutError::Timeout(_)) => return Heard::Part,
                    Err(SendTimeoutError::Closed(_)) => return Heard::Gone,
                }
            }
            *heard = Some(told.resume.clone());
        }
        Heard::All
    }
}

/// The way to a subscriber.
struct Sink {
    sink: SubscriptionSink,
    patience: Duration,
}

impl Sink {
    /// Sends a notice unless the buffer stays full for too long.
    async fn offer(&mut self, notice: &RawValue) -> Result<(), SendTimeoutError> {
        let message = self.message(notice);
        match self.sink.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(message)) => Err(SendTimeoutError::Closed(message)),
            // A timer of zero still waits for the next tick, in which a fast reader would drain the buffer.
            Err(TrySendError::Full(message)) if self.patience.is_zero() => {
                Err(SendTimeoutError::Timeout(message))
            }
            Err(TrySendError::Full(message)) => {
                self.sink.send_timeout(message, self.patience).await
            }
        }
    }

    /// Waits for room: the client learns of the gap as soon as it reads at all.
    async fn last(&self, lagged: &RawValue) {
        // It may have left in the meantime.
        let _ = self.sink.send(self.message(lagged)).await;
    }

    fn message(&self, notice: &RawValue) -> SubscriptionMessage {
        let id = self.sink.subscription_id();
        SubscriptionMessage::new(self.sink.method_name(), id, &notice)
            .expect("a notice is JSON already")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_told_of_a_failure_without_the_words_of_the_store() {
        let told = in_words(RpcError::Interrupted("/var/lib/bmn: page 7".to_owned()));
        assert_eq!(serde_json::to_value(told).unwrap(), "internal error");
    }
}
