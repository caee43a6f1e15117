//! Spans for a collector, as OTLP over HTTP.

use crate::is_safe;
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use std::{fmt, future::Future, sync::Arc, time::Duration};
use tokio::runtime::Handle;
use tracing::{Level, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

/// How long a collector may take, and how long the end of the process waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one span may hold: a collector is no log.
const MOST_EVENTS: u32 = 32;

/// Spans cannot be sent. Never names the URL, which may hold a key.
#[derive(Debug, thiserror::Error)]
#[error(
    "spans cannot be sent: the collector's URL is none; expected one such as http://127.0.0.1:4318/v1/traces"
)]
pub struct TraceError(());

/// Sends spans until it is stopped.
#[derive(Clone)]
pub struct Traces(SdkTracerProvider);

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces(..)")
    }
}

impl Traces {
    /// Sends spans to a collector, in batches, from `runtime`. Spans that it does not take are dropped: nothing waits
    /// for it.
    ///
    /// # Errors
    /// [`TraceError`].
    pub fn to(url: &str, runtime: Handle) -> Result<Self, TraceError> {
        let is_url = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
        if !is_url {
            return Err(TraceError(()));
        }
        // The client takes the runtime that it is made in.
        let entered = runtime.enter();
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(PATIENCE)
            .with_endpoint(url)
            .build()
            .map_err(|_| TraceError(()))?;
        drop(entered);
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource =
            Resource::builder_empty().with_service_name("bmn").with_attribute(version).build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(InRuntime { inner: Arc::new(exporter), runtime })
            .with_max_events_per_span(MOST_EVENTS)
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    /// The layer of a subscriber that hands over spans of ours, and of nobody else, whatever the log's filter is.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let ours = filter_fn(|metadata| {
            let is_ours = metadata.target().starts_with("bmn::");
            is_ours && is_safe(metadata) && *metadata.level() <= Level::INFO
        });
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("bmn"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(ours)
    }

    /// Sends what is left. Blocks, for some seconds at most; not to be called in the runtime's own threads.
    pub fn stop(&self) {
        let _ = self.0.shutdown_with_timeout(PATIENCE);
    }
}

/// An exporter whose requests run in a runtime: the thread that collects batches has none.
struct InRuntime<E> {
    inner: Arc<E>,
    runtime: Handle,
}

impl<E> fmt::Debug for InRuntime<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InRuntime")
    }
}

impl<E: SpanExporter + 'static> SpanExporter for InRuntime<E> {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let inner = Arc::clone(&self.inner);
        let sent = self.runtime.spawn(async move { inner.export(batch).await });
        // The reason may hold the URL.
        let failed = || OTelSdkError::InternalFailure("spans were not taken".to_owned());
        async move {
            match sent.await {
                Ok(Ok(())) => Ok(()),
                _ => Err(failed()),
            }
        }
    }
}
