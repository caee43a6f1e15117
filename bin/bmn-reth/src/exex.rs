//! The extension's future: drains notifications, hands over, tells how far the node may prune.
//!
//! It never ends while the node runs, for reth stops the node when it does, and it never waits for
//! anything of ours: what a notification tells goes into a bounded window, and all work is done elsewhere.
//! Notifications are taken without a head. What was missed while the node was down is read from its
//! storage by the durable cursor, so neither the write-ahead log nor executing blocks again is needed.

use crate::notify;
use bmn_embed::{acks::Acks, feed::Feed};
use futures_util::StreamExt;
use reth_ethereum::{
    exex::{ExExContext, ExExEvent, ExExNotification, ExExNotificationsStream},
    node::api::{FullNodeComponents, NodePrimitives},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use tokio::time::Instant;

/// Runs until the node stops.
///
/// # Errors
/// None: the type is what reth asks for.
pub async fn run<Node: FullNodeComponents>(
    ctx: ExExContext<Node>,
    feed: Arc<Feed>,
    acks: Acks,
) -> eyre::Result<()> {
    let ExExContext { mut notifications, events, .. } = ctx;
    notifications.set_without_head();
    let mut changes = acks.changes();
    changes.mark_changed();
    loop {
        tokio::select! {
            // `acks` is held here, so its other end never goes away.
            Ok(()) = changes.changed() => {
                let Some(block) = *changes.borrow_and_update() else { continue };
                let height = (block.number, block.hash).into();
                if events.send(ExExEvent::FinishedHeight(height)).is_ok() {
                    metrics::gauge!("bmn_extension_finished_height").set(block.number as f64);
                }
            }
            notification = notifications.next() => match notification {
                Some(Ok(notification)) => take(&feed, &notification),
                Some(Err(error)) => {
                    tracing::error!(
                        target: "bmn::reth", %error,
                        "a notification cannot be read; blocks are read from storage"
                    );
                    feed.forget();
                }
                // The node is stopping. Ending here would look like a crash of ours.
                None => std::future::pending::<()>().await,
            },
        }
    }
}

/// Takes one notification. Whatever goes wrong here must not reach the node.
fn take<N: NodePrimitives>(feed: &Feed, notification: &ExExNotification<N>) {
    metrics::counter!("bmn_extension_notifications_total").increment(1);
    let began = Instant::now();
    let Some(selection) = feed.selection() else {
        feed.wake();
        return;
    };
    let changes = || notify::changes(notification, &selection, feed.most_blocks());
    let taken = catch_unwind(AssertUnwindSafe(|| feed.apply(&selection, changes())));
    // The only time that the node's own threads spend on us for a block.
    metrics::histogram!("bmn_extension_notification_seconds").record(began.elapsed());
    if taken.is_err() {
        metrics::counter!("bmn_extension_panics_total").increment(1);
        tracing::error!(
            target: "bmn::reth",
            "a notification made our reader panic; blocks are read from storage"
        );
        feed.forget();
    }
}
