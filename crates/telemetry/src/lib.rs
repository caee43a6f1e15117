#![doc = include_str!("../README.md")]

mod traces;

pub use traces::{TraceError, Traces};

use std::{fmt, sync::Arc};
use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    fmt::MakeWriter,
    layer::SubscriberExt,
    registry::Registry,
    reload,
};

/// Crates that log what they carry when asked for detail.
pub const CAPPED: [&str; 6] = ["jsonrpsee", "hyper", "soketto", "tungstenite", "h2", "reqwest"];

/// Crates whose lines may hold the URL of a collector, and with it a key: never logged.
pub const SILENT: [&str; 1] = ["opentelemetry"];

/// What is logged when nothing is asked for.
pub const DEFAULT_FILTER: &str = "warn";

/// The filter cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "log filter `{filter}`: {reason}; expected levels such as `info` or `bmn::executor=debug`, separated by commas"
)]
pub struct FilterError {
    filter: String,
    reason: String,
}

fn is_safe(metadata: &Metadata<'_>) -> bool {
    let of = |names: &[&str]| names.iter().any(|name| metadata.target().starts_with(name));
    !of(&SILENT) && (!of(&CAPPED) || LevelFilter::INFO >= *metadata.level())
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, with the spans that a line is in.
    Json,
}

/// Changes what is logged while the process runs.
#[derive(Clone)]
pub struct LogFilter(Arc<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>);

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogFilter(..)")
    }
}

impl LogFilter {
    /// Another filter from now on. What is never logged stays so.
    ///
    /// # Errors
    /// The filter is not one, or the subscriber is gone: nothing is changed.
    pub fn set(&self, filter: &str) -> Result<(), FilterError> {
        let refused = |reason| FilterError { filter: filter.to_owned(), reason };
        (self.0)(parsed(filter)?).map_err(refused)
    }
}

/// Whether a filter can be read.
///
/// # Errors
/// The filter is not one.
pub fn check_filter(filter: &str) -> Result<(), FilterError> {
    parsed(filter).map(drop)
}

fn parsed(filter: &str) -> Result<EnvFilter, FilterError> {
    EnvFilter::try_new(filter)
        .map_err(|error| FilterError { filter: filter.to_owned(), reason: error.to_string() })
}

/// A subscriber that writes lines for people to `writer`.
///
/// # Errors
/// The filter is not one.
pub fn subscriber<W>(filter: &str, writer: W) -> Result<impl Subscriber + Send + Sync, FilterError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    Ok(log(filter, Format::Text, writer, None)?.0)
}

/// A subscriber that writes lines to `writer` and hands spans to `traces`, and what changes its filter.
///
/// # Errors
/// The filter is not one.
pub fn log<W>(
    filter: &str,
    format: Format,
    writer: W,
    traces: Option<&Traces>,
) -> Result<(impl Subscriber + Send + Sync, LogFilter), FilterError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (env, handle) = reload::Layer::new(parsed(filter)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let lines = match format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    let lines = lines.with_filter(env.and(filter_fn(is_safe)));
    let registry = Registry::default().with(lines).with(traces.map(Traces::layer));
    let change = move |env| handle.reload(env).map_err(|error| error.to_string());
    Ok((registry, LogFilter(Arc::new(change))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn requests_are_not_logged_whatever_is_asked_for() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber("trace,jsonrpsee=trace", move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "jsonrpsee_core::server", "a whole request");
            tracing::warn!(target: "jsonrpsee_core::server", "a warning");
            tracing::trace!(target: "bmn::node", "a step");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("a whole request"), "{text}");
        assert!(text.contains("a warning") && text.contains("a step"), "{text}");
    }

    fn written(format: Format, filter: &str, work: impl FnOnce(&LogFilter)) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, filter) = log(filter, format, move || writer.clone(), None).unwrap();
        tracing::subscriber::with_default(subscriber, || work(&filter));
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_for_programs_has_its_fields_and_the_spans_it_is_in() {
        let text = written(Format::Json, "info", |_| {
            let span =
                tracing::info_span!(target: "bmn::executor", "action", order = "1:0xaa", chain = 1);
            let _entered = span.enter();
            tracing::info!(target: "bmn::executor", outcome = "sent", "job run");
        });
        for part in [r#""target":"bmn::executor""#, r#""outcome":"sent""#, r#""order":"1:0xaa""#] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn the_filter_is_changed_while_lines_are_written_and_what_is_never_logged_stays_so() {
        let text = written(Format::Text, "warn", |filter| {
            tracing::info!(target: "bmn::node", "before");
            filter.set("trace").unwrap();
            tracing::info!(target: "bmn::node", "after");
            tracing::trace!(target: "jsonrpsee_core", "a whole request");
            tracing::error!(target: "opentelemetry_sdk", "http://collector/KEY");
            assert!(filter.set("bmn=loud").is_err());
            tracing::info!(target: "bmn::node", "still");
        });
        assert!(text.contains("after") && text.contains("still"), "{text}");
        for never in ["before", "a whole request", "KEY"] {
            assert!(!text.contains(never), "{never}: {text}");
        }
    }

    #[test]
    fn a_bad_filter_is_named() {
        let error = subscriber("bmn=loud", std::io::sink).err().unwrap().to_string();
        assert!(error.contains("bmn=loud"), "{error}");
    }
}
