//! The node's alerts, as it tells them to its operator.

use super::{feed::Feed, lines, model::AlertLine};
use crate::operator::OperatorArgs;
use bmn_rpc_api::{AlertNotice, Notice, OperatorApiClient};
use std::{convert::Infallible, time::Duration};
use tokio::sync::mpsc;

/// Between the end of a subscription and the next.
const AGAIN: Duration = Duration::from_secs(3);

/// What a subscription says.
#[derive(Debug)]
pub(super) enum Told {
    /// It begins: everything that stands is told now, and nothing else stands.
    Begun,
    /// One alert.
    Alert(AlertNotice),
    /// It is over: what stands is not known any more.
    Ended,
}

/// Follows them, and again when the subscription ends. Where the node has none for us it goes on trying: it may be
/// started again with its operator's methods.
pub(super) async fn follow(operator: &OperatorArgs, told: &mpsc::Sender<Told>) -> Infallible {
    loop {
        if let Ok(client) = operator.ws().await
            && let Ok(mut notices) = client.follow_alerts().await
        {
            // Whoever does not listen any more has ended.
            let _ = told.send(Told::Begun).await;
            while let Some(Ok(notice)) = notices.next().await {
                if let Notice::Alert(alert) = notice {
                    let _ = told.send(Told::Alert(alert)).await;
                }
            }
            let _ = told.send(Told::Ended).await;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// An alert as a line.
pub(super) fn line(feed: &Feed, alert: &AlertNotice, now: u64) -> AlertLine {
    let order = alert.order_id.as_deref().map(lines::brief);
    let place = match (&alert.action, order, alert.chain) {
        (Some(action), Some(order), _) => format!("{action} of {order}"),
        (None, Some(order), _) => order,
        (_, None, Some(chain)) => feed.name(chain),
        (_, None, None) => String::new(),
    };
    let (kind, text) = (lines::word(&alert.kind), alert.reason.clone());
    AlertLine { at: now, kind, place, text, standing: alert.standing }
}
