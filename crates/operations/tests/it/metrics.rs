//! What is described is measured, and what is measured is described.

use crate::{
    fixture::{A, B},
    rows,
    wire::{ANY, call, post},
    world::World,
};
use bmn_operations::{Recorder, described, reference};
use bmn_rpc::{MetricKind, ServeLimits, serve};
use serde_json::json;
use std::{collections::BTreeSet, env, fs, path::Path, sync::LazyLock};

/// A process has one.
static RECORDER: LazyLock<Recorder> = LazyLock::new(|| Recorder::install().unwrap());

#[test]
fn the_committed_table_is_the_one_that_the_descriptions_give() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    if env::var_os("BMN_BLESS").is_some() {
        fs::write(&path, reference()).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == reference(),
        "docs/metrics.md is not what is measured; write it again with\n  \
         BMN_BLESS=1 cargo test -p bmn-operations --test it"
    );
}

#[test]
fn names_say_what_they_are_and_are_there_once() {
    let all = described();
    let names: BTreeSet<_> = all.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), all.len());
    for metric in all {
        assert!(metric.name.starts_with("bmn_") || metric.name.starts_with("process_"));
        assert_eq!(metric.kind == MetricKind::Counter, metric.name.ends_with("_total"));
        assert!(metric.kind != MetricKind::Histogram || metric.name.ends_with("_seconds"));
        assert!(!metric.help.is_empty(), "{}", metric.name);
    }
}

/// Requests of every kind: good ones, bad ones, unknown ones, some at once.
async fn asked(world: &World) {
    let limits = ServeLimits { client: None, ..ServeLimits::default() };
    let (_server, address) = serve(world.fixture.module.clone(), ANY, &limits).await.unwrap();
    let status = call("bmn_status", json!([]));
    for body in [
        &status,
        &call("bmn_getSwap", json!(["nothing"])),
        &call("evil_method", json!([])),
        &format!("[{status},{}]", call("evil_method", json!([]))),
    ] {
        post(address, &[], body).await;
    }
    for path in ["/health", "/evil/path", "/api/v1/orders?evil=1"] {
        world.get(path).await;
    }
}

/// The value of a series.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn everything_described_is_scraped_and_nothing_else() {
    let world = World::measured(RECORDER.clone()).await;
    rows::bury_fill(3, &world.fixture.store);
    asked(&world).await;
    let answer = world.get("/metrics").await;
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{answer:?}");
    let types = answer.body.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let types: BTreeSet<&str> = types.collect();
    let kind = |kind| match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
    };
    let all = described();
    let wanted: BTreeSet<String> =
        all.iter().map(|metric| format!("{} {}", metric.name, kind(metric.kind))).collect();
    assert_eq!(types, wanted.iter().map(String::as_str).collect());
    for metric in all {
        let help = format!("# HELP {} {}", metric.name, metric.help);
        let told = metric.name.starts_with("process_") || answer.body.contains(&help);
        assert!(told, "{help}");
    }
    assert!(!answer.body.contains("evil"), "no name of a stranger is a label");
}

#[tokio::test]
async fn values_are_those_of_the_store_and_of_what_was_asked() {
    let world = World::measured(RECORDER.clone()).await;
    rows::bury_fill(3, &world.fixture.store);
    asked(&world).await;
    let text = world.get("/metrics").await.body;
    for (series, expected) in [
        ("bmn_orders{status=\"accepted\"}", 2.0),
        ("bmn_orders{status=\"completed\"}", 0.0),
        ("bmn_jobs{state=\"dead\"}", 1.0),
        ("bmn_health_status{status=\"degraded\"}", 1.0),
        ("bmn_component_health_status{component=\"queue\",chain=\"\"}", 1.0),
        ("bmn_mode{mode=\"full\"}", 1.0),
        ("bmn_switches{kind=\"maintenance\"}", 0.0),
        ("bmn_uptime_seconds", 61.0),
    ] {
        assert_eq!(value(&text, series), expected, "{series}");
    }
    for (chain, head) in [(A, 1.0), (B, 2.0)] {
        assert_eq!(value(&text, &format!("bmn_chain_head_block{{chain=\"{chain}\"}}")), head);
        let live = format!("bmn_chain_index_mode{{chain=\"{chain}\",mode=\"live\"}}");
        assert_eq!(value(&text, &live), 1.0);
    }
    for series in [
        "bmn_rpc_requests_total{method=\"bmn_status\",outcome=\"ok\"}",
        "bmn_rpc_requests_total{method=\"bmn_status\",outcome=\"batched\"}",
        "bmn_rpc_requests_total{method=\"bmn_getSwap\",outcome=\"invalidParams\"}",
        "bmn_rpc_requests_total{method=\"unknown\",outcome=\"unknownMethod\"}",
        "bmn_rpc_request_seconds_count{method=\"batch\"}",
        "bmn_http_requests_total{path=\"other\",status=\"404\"}",
        "bmn_http_requests_total{path=\"/api/v1/orders\",status=\"400\"}",
        "bmn_http_request_seconds_count{path=\"/health\"}",
    ] {
        assert!(value(&text, series) >= 1.0, "{series}");
    }
}
