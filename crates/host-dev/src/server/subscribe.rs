//! `eth_subscribe`: new heads and logs as they happen.

use super::{Context, convert, error::RpcError, logs, params::Args};
use crate::chain::ChainUpdate;
use alloy::rpc::types::Filter;
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionSink,
    core::{RegisterMethodError, traits::IdProvider},
    types::{ErrorObjectOwned, Params, SubscriptionId},
};
use serde::Serialize;
use serde_json::value::to_raw_value;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// What a client wants to hear of.
enum Topic {
    NewHeads,
    Logs(Box<Filter>),
}

/// Subscription ids as hex strings, which is what Ethereum libraries expect.
#[derive(Debug, Default)]
pub(super) struct HexIds(AtomicU64);

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        format!("{:#x}", self.0.fetch_add(1, Ordering::Relaxed) + 1).into()
    }
}

pub(super) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, pending, context, _| async move { subscribe(params, pending, &context).await },
    )?;
    Ok(())
}

async fn subscribe(params: Params<'static>, pending: PendingSubscriptionSink, context: &Context) {
    let topic = match parse(&params) {
        Ok(topic) => topic,
        Err(error) => return pending.reject(ErrorObjectOwned::from(error)).await,
    };
    // Listening starts before the client learns that it is subscribed, so nothing is missed.
    let updates = context.chain.updates();
    if let Ok(sink) = pending.accept().await {
        forward(&topic, &sink, updates).await;
    }
}

fn parse(params: &Params<'_>) -> Result<Topic, RpcError> {
    let accepted = "newHeads or logs";
    let mut args = Args::new(params, 2)?;
    let kind: String = args.need("subscription", accepted)?;
    match kind.as_str() {
        "newHeads" => Ok(Topic::NewHeads),
        "logs" => {
            let filter: Option<Filter> = args.get("filter", logs::FILTER)?;
            Ok(Topic::Logs(Box::new(filter.unwrap_or_default())))
        }
        other => Err(RpcError::Param {
            name: "subscription",
            accepted,
            found: super::params::quote(other),
        }),
    }
}

/// Ends when the client leaves, the chain goes, or the client is too slow: one that missed changes
/// must not believe it saw all.
async fn forward(topic: &Topic, sink: &SubscriptionSink, mut updates: Receiver<Arc<ChainUpdate>>) {
    loop {
        let update = tokio::select! {
            () = sink.closed() => return,
            update = updates.recv() => update,
        };
        match update {
            Ok(update) if tell(topic, sink, &update).await => {}
            Ok(_) | Err(RecvError::Closed) => return,
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(target: "bmn::host_dev", missed, "slow subscriber dropped");
                return;
            }
        }
    }
}

/// False when the client is gone.
async fn tell(topic: &Topic, sink: &SubscriptionSink, update: &ChainUpdate) -> bool {
    match topic {
        Topic::NewHeads => {
            for block in &update.committed {
                if !send(sink, &convert::header(block)).await {
                    return false;
                }
            }
        }
        Topic::Logs(filter) => {
            for log in logs::logs_of(filter, update) {
                if !send(sink, &log).await {
                    return false;
                }
            }
        }
    }
    true
}

async fn send(sink: &SubscriptionSink, message: &impl Serialize) -> bool {
    match to_raw_value(message) {
        Ok(message) => sink.send(message).await.is_ok(),
        Err(error) => {
            tracing::error!(target: "bmn::host_dev", %error, "a notification cannot be written");
            false
        }
    }
}
