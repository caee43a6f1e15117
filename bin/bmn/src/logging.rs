//! The log of the program, and where its spans go.

use crate::failure::Failure;
use bmn_config::{LogFormat, NodeConfig, Telemetry};
use bmn_launch::{LivePart, secrets};
use bmn_telemetry::{Format, LogFilter, Traces, check_filter};
use std::io;
use tokio::runtime::Handle;

/// What is logged, above all else.
const VARIABLE: &str = "BMN_LOG";

/// Begins to log lines for people; `filter` holds unless `BMN_LOG` is set.
pub(crate) fn start(filter: &str) -> Result<(), Failure> {
    begin(filter, Format::Text, None).map(drop)
}

/// Begins to log as the configuration of a node says; `filter` holds where it says nothing. What it answers is to be
/// stopped at the end; what changes the filter is a part of the configuration that changes while the node runs.
pub(crate) fn start_configured(
    config: &Telemetry,
    filter: &'static str,
) -> Result<(Option<Traces>, LivePart), Failure> {
    let format = match config.log_format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    let refused = |reason: String| Failure::Usage(format!("`telemetry.otlp`: {reason}"));
    let traces = match &config.otlp {
        None => None,
        Some(source) => {
            let url = secrets::url(source).map_err(refused)?;
            Some(Traces::to(&url, Handle::current()).map_err(|error| refused(error.to_string()))?)
        }
    };
    let log = begin(config.filter.as_deref().unwrap_or(filter), format, traces.as_ref())?;
    Ok((traces, live(log, filter)))
}

/// The filter while the node runs; `default` holds where the configuration says nothing. Where `BMN_LOG` is set it
/// stays what that says.
fn live(log: LogFilter, default: &'static str) -> LivePart {
    let stated = std::env::var_os(VARIABLE).is_some();
    let wanted = move |config: &NodeConfig| {
        config.upkeep.telemetry.filter.clone().unwrap_or_else(|| default.to_owned())
    };
    let apply = move |config: &NodeConfig| match stated {
        true => Ok(()),
        false => log.set(&wanted(config)).map_err(|error| error.to_string()),
    };
    LivePart::new("log filter", apply)
        .checked(move |config| check_filter(&wanted(config)).map_err(|error| error.to_string()))
}

fn begin(filter: &str, format: Format, traces: Option<&Traces>) -> Result<LogFilter, Failure> {
    let stated = std::env::var(VARIABLE).ok();
    let (name, filter) = match &stated {
        Some(stated) => (VARIABLE, stated.as_str()),
        None => ("`telemetry.filter`", filter),
    };
    let usage = |error: String| Failure::Usage(format!("{name}: {error}"));
    let log = bmn_telemetry::log(filter, format, io::stderr, traces);
    let (subscriber, handle) = log.map_err(|error| usage(error.to_string()))?;
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|error| usage(error.to_string()))?;
    Ok(handle)
}

/// Sends the spans that are left.
pub(crate) async fn stop(traces: Option<Traces>) {
    if let Some(traces) = traces {
        // It blocks for some seconds where the collector is gone.
        let _ = tokio::task::spawn_blocking(move || traces.stop()).await;
    }
}
