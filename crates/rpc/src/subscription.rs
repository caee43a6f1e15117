//! The change log, followed.

use crate::{RpcError, convert, snapshot::Snapshot};
use bmn_rpc_api::SwapNotice;
use bmn_store::Store;
use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink,
    core::SubscriptionResult,
    server::{SendTimeoutError, TrySendError},
};
use std::time::Duration;
use tokio::sync::watch;

/// Changes read from the log at once.
const BATCH: usize = 64;

/// Follows the log until the subscriber leaves, is too slow, or the node stops.
pub(crate) async fn run(
    pending: PendingSubscriptionSink,
    store: Store,
    mut committed: watch::Receiver<u64>,
    from: Option<u64>,
    patience: Duration,
) -> SubscriptionResult {
    // NB: the number is taken before the subscription is accepted. A change committed in between
    // would otherwise reach a client that already counts on hearing of it, and be skipped.
    committed.mark_unchanged();
    let newest = match Snapshot::of(&store).and_then(|snapshot| snapshot.last_change()) {
        Ok(newest) => newest,
        Err(error) => {
            pending.reject(jsonrpsee::types::ErrorObjectOwned::from(error)).await;
            return Ok(());
        }
    };
    let mut sink = pending.accept().await?;
    let mut next = from.unwrap_or(newest + 1).max(1);
    loop {
        if !catch_up(&mut sink, &store, &mut next, patience).await? {
            return Ok(());
        }
        tokio::select! {
            () = sink.closed() => return Ok(()),
            changed = committed.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

/// Sends everything from `next` on. False when the subscriber is gone or was let go.
async fn catch_up(
    sink: &mut SubscriptionSink,
    store: &Store,
    next: &mut u64,
    patience: Duration,
) -> Result<bool, RpcError> {
    loop {
        // A batch is at most 64 small rows: read here, it holds the thread for microseconds.
        let changes = Snapshot::of(store)?.changes(*next, BATCH)?;
        if changes.is_empty() {
            return Ok(true);
        }
        for change in &changes {
            let notice = SwapNotice::Change(convert::change(change));
            let told = message(sink, &notice);
            match offer(sink, told, patience).await {
                Ok(()) => *next = change.seq + 1,
                Err(SendTimeoutError::Timeout(_)) => {
                    let lagged = SwapNotice::Lagged { resume_from: *next };
                    // Waits for room: the client learns of the gap as soon as it reads at all.
                    let _ = sink.send(message(sink, &lagged)).await;
                    return Ok(false);
                }
                Err(SendTimeoutError::Closed(_)) => return Ok(false),
            }
        }
    }
}

// A timer of zero still waits for the next tick, in which a fast reader would drain the buffer.
async fn offer(
    sink: &mut SubscriptionSink,
    message: SubscriptionMessage,
    patience: Duration,
) -> Result<(), SendTimeoutError> {
    if !patience.is_zero() {
        return sink.send_timeout(message, patience).await;
    }
    sink.try_send(message).map_err(|error| match error {
        TrySendError::Full(message) => SendTimeoutError::Timeout(message),
        TrySendError::Closed(message) => SendTimeoutError::Closed(message),
    })
}

fn message(sink: &SubscriptionSink, notice: &SwapNotice) -> SubscriptionMessage {
    let id = sink.subscription_id();
    SubscriptionMessage::new(sink.method_name(), id, notice)
        .expect("a notice is a struct of plain values")
}
