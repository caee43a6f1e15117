//! JSON-RPC over a WebSocket.

use crate::{
    Endpoint, Limits,
    fault::{Fault, RpcFailure},
    transport::{Answer, Heads, Request, Transport},
};
use alloy::{
    primitives::B256,
    providers::{WebSocketConfig, WsConnect},
    pubsub::{ConnectionHandle, PubSubConnect},
    rpc::client::{ClientBuilder, RpcClient},
    transports::{RpcError, TransportError, TransportErrorKind, TransportResult},
};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde_json::{json, value::RawValue};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, broadcast::error::RecvError};

/// Most calls of a batch that wait for their answers at once, each of which may be as large as all
/// together.
const AT_ONCE: usize = 16;

pub(crate) struct WsTransport {
    endpoint: Endpoint,
    max_bytes: usize,
    /// Made at the first call, dropped when it breaks.
    client: Mutex<Option<RpcClient>>,
    /// Set when the client is of no use any more, by those who cannot wait for the lock.
    stale: AtomicBool,
}

/// A connection that is made once. Reconnecting is ours, not alloy's: it would ask again, on a new
/// connection, what broke the old one, such as for an answer that is too large, and so without end; and
/// it would keep calls waiting that another endpoint could answer.
struct Once(WsConnect);

impl PubSubConnect for Once {
    fn is_local(&self) -> bool {
        self.0.is_local()
    }

    async fn connect(&self) -> TransportResult<ConnectionHandle> {
        self.0.connect().await
    }

    async fn try_reconnect(&self) -> TransportResult<ConnectionHandle> {
        Err(TransportErrorKind::non_retryable_str("the connection broke"))
    }
}

impl WsTransport {
    pub(crate) fn new(endpoint: Endpoint, limits: &Limits) -> Self {
        let max_bytes = limits.max_response_bytes;
        Self { endpoint, max_bytes, client: Mutex::new(None), stale: AtomicBool::new(false) }
    }

    async fn client(&self) -> Result<RpcClient, Fault> {
        let mut client = self.client.lock().await;
        if self.stale.swap(false, Ordering::Relaxed) {
            *client = None;
        }
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(self.max_bytes))
            .max_frame_size(Some(self.max_bytes));
        let connect = WsConnect::new(self.endpoint.url().as_str()).with_config(config);
        // alloy installs rustls' aws-lc-rs provider where none is set, so TLS cannot panic here.
        let made = ClientBuilder::default().pubsub(Once(connect)).await.map_err(broken)?;
        Ok(client.insert(made).clone())
    }

    async fn one(&self, client: &RpcClient, request: &Request) -> Result<Answer, Fault> {
        let result: Result<Box<RawValue>, TransportError> =
            client.request(request.method, &request.params).await;
        match result {
            Ok(raw) => Ok(Ok(raw)),
            Err(RpcError::ErrorResp(payload)) => Ok(Err(RpcFailure {
                code: payload.code,
                message: payload.message.into_owned(),
                data: payload.data.and_then(|data| serde_json::from_str(data.get()).ok()),
            })),
            Err(RpcError::NullResp) => Ok(Ok(RawValue::NULL.to_owned())),
            Err(error) => {
                self.reconnect();
                Err(broken(error))
            }
        }
    }
}

fn broken(error: TransportError) -> Fault {
    match error {
        RpcError::DeserError { err, .. } => Fault::Garbled(err.to_string()),
        other => Fault::Unreachable(other.to_string()),
    }
}

#[async_trait]
impl Transport for WsTransport {
    async fn send(&self, requests: &[Request]) -> Result<Vec<Answer>, Fault> {
        let client = self.client().await?;
        let one = |at: usize| self.one(&client, &requests[at]);
        let mut open = stream::iter((0..requests.len()).map(one)).buffered(AT_ONCE);
        let (mut answers, mut bytes) = (Vec::with_capacity(requests.len()), 0usize);
        while let Some(answer) = open.next().await {
            let answer = answer?;
            let length = answer.as_ref().map_or(0, |result| result.get().len());
            bytes = bytes.saturating_add(length);
            if bytes > self.max_bytes {
                return Err(Fault::Oversized(self.max_bytes));
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    async fn new_heads(&self) -> Result<Option<Heads>, Fault> {
        let client = self.client().await?;
        let subscribed: Result<B256, TransportError> =
            client.request("eth_subscribe", json!(["newHeads"])).await;
        let id = match subscribed {
            Ok(id) => id,
            // The node has no subscriptions; asking for the head is all there is.
            Err(RpcError::ErrorResp(_)) => return Ok(None),
            Err(error) => {
                self.reconnect();
                return Err(broken(error));
            }
        };
        let Some(frontend) = client.pubsub_frontend() else { return Ok(None) };
        let heads = frontend.get_subscription(id).await.map_err(broken)?;
        // The client is carried along: dropping the last one closes the connection.
        let signals = stream::unfold((heads, client), |(mut heads, client)| async move {
            match heads.recv().await {
                Ok(_) | Err(RecvError::Lagged(_)) => Some(((), (heads, client))),
                Err(RecvError::Closed) => None,
            }
        });
        Ok(Some(signals.boxed()))
    }

    fn reconnect(&self) {
        self.stale.store(true, Ordering::Relaxed);
    }
}
