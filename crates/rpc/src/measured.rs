//! What is measured of requests, by name. Names and labels have bounds: a method that is not served is `unknown`,
//! an error without a code of ours `other`.

use bmn_rpc_api::RpcErrorCode;
use jsonrpsee::{
    Methods,
    server::{
        MethodResponse,
        middleware::rpc::{Batch, BatchEntry, Notification, Request, RpcServiceT},
    },
};
use metrics::{counter, gauge, histogram};
use std::future::Future;
use tokio::time::Instant;
use tower::Layer;

/// How a measured value behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows while the node runs.
    Counter,
    /// It is what it is now.
    Gauge,
    /// Many values, in buckets.
    Histogram,
}

/// A measured value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name, with its unit at the end.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// Its labels, each with the values it may have.
    pub labels: &'static [(&'static str, &'static str)],
    /// What it is, for people.
    pub help: &'static str,
}

const METHOD: (&str, &str) = ("method", "a method that is served, or `unknown`");

const REQUESTS: &str = "bmn_rpc_requests_total";
const SECONDS: &str = "bmn_rpc_request_seconds";
const CONNECTIONS: &str = "bmn_rpc_connections";
const SUBSCRIPTIONS: &str = "bmn_rpc_subscriptions";

/// What is measured of JSON-RPC.
pub const METRICS: [Metric; 4] = [
    Metric {
        name: REQUESTS,
        kind: MetricKind::Counter,
        labels: &[
            METHOD,
            (
                "outcome",
                "`ok`, the name of an error code, `unknownMethod`, `other`; `batched` for a call of a batch",
            ),
        ],
        help: "JSON-RPC calls",
    },
    Metric {
        name: SECONDS,
        kind: MetricKind::Histogram,
        labels: &[("method", "as above, or `batch` for a batch as a whole")],
        help: "From a JSON-RPC call to its answer",
    },
    Metric {
        name: CONNECTIONS,
        kind: MetricKind::Gauge,
        labels: &[],
        help: "Open connections of the JSON-RPC servers, WebSockets included",
    },
    Metric {
        name: SUBSCRIPTIONS,
        kind: MetricKind::Gauge,
        labels: &[],
        help: "Open subscriptions",
    },
];

/// Counts as one while it is there.
#[derive(Debug)]
pub(crate) struct Open(&'static str);

impl Open {
    pub(crate) fn connection() -> Self {
        Self::of(CONNECTIONS)
    }

    pub(crate) fn subscription() -> Self {
        Self::of(SUBSCRIPTIONS)
    }

    fn of(name: &'static str) -> Self {
        gauge!(name).increment(1.0);
        Self(name)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        gauge!(self.0).decrement(1.0);
    }
}

/// Puts [`Measured`] around the methods of one connection.
#[derive(Debug, Clone)]
pub(crate) struct MeasureLayer {
    /// Those that are served: nothing else becomes a label.
    pub(crate) methods: Methods,
}

impl<S> Layer<S> for MeasureLayer {
    type Service = Measured<S>;

    fn layer(&self, service: S) -> Measured<S> {
        Measured { service, methods: self.methods.clone() }
    }
}

/// Counts and times.
#[derive(Debug, Clone)]
pub(crate) struct Measured<S> {
    service: S,
    methods: Methods,
}

impl<S> Measured<S> {
    fn known(&self, method: &str) -> &'static str {
        self.methods.method_with_name(method).map_or("unknown", |(name, _)| name)
    }
}

fn outcome(answer: &MethodResponse) -> &'static str {
    const UNKNOWN_METHOD: i32 = -32601;
    match answer.as_error_code() {
        None => "ok",
        Some(UNKNOWN_METHOD) => "unknownMethod",
        Some(code) => RpcErrorCode::from_code(code).map_or("other", RpcErrorCode::name),
    }
}

fn took(method: &'static str, since: Instant) {
    histogram!(SECONDS, "method" => method).record(since.elapsed().as_secs_f64());
}

impl<S> RpcServiceT for Measured<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Send
        + Sync
        + Clone
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let method = self.known(request.method_name());
        let service = self.service.clone();
        async move {
            let begun = Instant::now();
            let answer = service.call(request).await;
            took(method, begun);
            counter!(REQUESTS, "method" => method, "outcome" => outcome(&answer)).increment(1);
            answer
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        // The server library answers a batch as a whole: what came of each call is not seen here.
        for entry in batch.iter() {
            if let Ok(BatchEntry::Call(request)) = entry {
                let method = self.known(request.method_name());
                counter!(REQUESTS, "method" => method, "outcome" => "batched").increment(1);
            }
        }
        let service = self.service.clone();
        async move {
            let begun = Instant::now();
            let answer = service.batch(batch).await;
            took("batch", begun);
            answer
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = self.service.clone();
        async move { service.notification(notification).await }
    }
}
