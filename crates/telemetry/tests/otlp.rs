//! Spans arrive at a collector, ours alone, and without what is never logged.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bmn_telemetry::{Format, Traces, log};
use tokio::runtime::Handle;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

/// Whether a text is somewhere in a body of protobuf.
fn has(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_of_ours_is_posted_with_its_fields_and_nothing_of_others() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200);
    Mock::given(matchers::path("/v1/traces")).respond_with(answer).mount(&server).await;
    let traces = Traces::to(&format!("{}/v1/traces", server.uri()), Handle::current()).unwrap();
    // The log's filter is not that of spans.
    let (subscriber, _) = log("error", Format::Text, std::io::sink, Some(&traces)).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!(
            target: "bmn::executor", "action", order = "1:0xaa", chain = 1_u64, action = "withdrawSource"
        );
        span.in_scope(|| {
            tracing::info!(target: "bmn::executor", "an event of ours");
            tracing::error!(target: "jsonrpsee_core::server", "a whole request");
        });
        tracing::info_span!(target: "hyper::client", "strange", key = "SECRET").in_scope(|| ());
        tracing::debug_span!(target: "bmn::executor", "detail", key = "SECRET").in_scope(|| ());
    });
    let stopping = traces.clone();
    tokio::task::spawn_blocking(move || stopping.stop()).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1, "one batch");
    let request = &requests[0];
    assert_eq!(request.headers.get("content-type").unwrap(), "application/x-protobuf");
    for part in ["bmn", "action", "order", "1:0xaa", "withdrawSource", "an event of ours"] {
        assert!(has(&request.body, part), "no {part}");
    }
    for never in ["SECRET", "strange", "a whole request", "detail"] {
        assert!(!has(&request.body, never), "{never}");
    }
}

#[tokio::test]
async fn what_is_no_url_is_refused_without_being_repeated() {
    let refused = Traces::to("ftp://collector/KEY", Handle::current()).unwrap_err();
    assert!(refused.to_string().contains("http://") && !refused.to_string().contains("KEY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_keeps_nobody() {
    let traces = Traces::to("http://127.0.0.1:9/v1/traces", Handle::current()).unwrap();
    let (subscriber, _) = log("error", Format::Text, std::io::sink, Some(&traces)).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        for _ in 0..5_000 {
            tracing::info_span!(target: "bmn::node", "one of many").in_scope(|| ());
        }
    });
    tokio::task::spawn_blocking(move || traces.stop()).await.unwrap();
}
