#![doc = include_str!("../README.md")]

use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, filter::filter_fn, fmt::MakeWriter, layer::SubscriberExt, registry::Registry,
};

/// Crates that log what they carry when asked for detail.
pub const CAPPED: [&str; 6] = ["jsonrpsee", "hyper", "soketto", "tungstenite", "h2", "reqwest"];

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
    let capped = CAPPED.iter().any(|name| metadata.target().starts_with(name));
    !capped || LevelFilter::INFO >= *metadata.level()
}

/// A subscriber that writes lines for people to `writer`.
///
/// # Errors
/// The filter is not one.
pub fn subscriber<W>(filter: &str, writer: W) -> Result<impl Subscriber + Send + Sync, FilterError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let env = EnvFilter::try_new(filter)
        .map_err(|error| FilterError { filter: filter.to_owned(), reason: error.to_string() })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    Ok(Registry::default().with(lines.with_filter(filter_fn(is_safe))).with(env))
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

    #[test]
    fn a_bad_filter_is_named() {
        let error = subscriber("bmn=loud", std::io::sink).err().unwrap().to_string();
        assert!(error.contains("bmn=loud"), "{error}");
    }
}
