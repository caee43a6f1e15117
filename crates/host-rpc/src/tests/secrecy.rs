//! Keys in URLs are never shown, whatever goes wrong.

use super::{
    CHAIN, Ours, config,
    node::{Node, failure},
    try_host,
};
use crate::{RpcConfig, fault::Fault};
use bmn_chain::{ChainClient, ChainSource};
use parking_lot::Mutex;
use serde_json::json;
use std::{
    fmt::{Debug, Write as _},
    sync::Arc,
    time::Duration,
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Writes every event and span down.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0.lock(), "{field}={value:?} ");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut self.clone());
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let _ = writeln!(self.0.lock(), "{}", event.metadata().target());
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

const URL: &str = "https://us3r-nam3:pw@node.example:8443/v2/s3cr3t-in-path?key=s3cr3t-in-query";
const SECRETS: [&str; 5] = ["us3r-nam3", "pw@", ":pw", "s3cr3t-in-path", "s3cr3t-in-query"];

fn assert_clean(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what} shows {secret}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_in_urls_are_in_no_error_no_log_and_no_state() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let one = RpcConfig { endpoints: vec![URL.parse().expect("a URL")], ..config(1) };
    assert_clean("configuration", &format!("{one:?} {}", one.endpoints[0]));
    let node = Node::new(30);
    let host = try_host(one.clone(), &[&node]).await.expect("it answers");
    assert_clean("host", &format!("{host:?} {:?} {:?}", host.source(), host.client()));

    // A node that repeats what it was asked with, in every way there is.
    let said =
        format!("{URL} is wrong; s3cr3t-in-path, s3cr3t-in-query of us3r-nam3 with password :pw");
    let words = said.clone();
    type Way<'a> = Box<dyn Fn(&Node) + 'a>;
    let ways: [Way<'_>; 5] = [
        Box::new(|node| {
            let said = said.clone();
            node.hook(move |_| Some(Err(failure(-32603, &said))));
        }),
        Box::new(|node| {
            let said = said.clone();
            node.hook(move |_| Some(Err(failure(4444, &format!("pruned {said}")))));
        }),
        Box::new(|node| {
            let said = said.clone();
            node.hook(move |_| Some(Err(failure(-32000, &format!("header not found {said}")))));
        }),
        Box::new(|node| {
            let said = said.clone();
            node.hook(move |_| Some(Ok(json!(said))));
        }),
        Box::new(|node| {
            let said = words.clone();
            node.cut(move |_| Some(Fault::Unreachable(said.clone())));
        }),
    ];
    for way in ways {
        node.well();
        host.invalidate();
        way(&node);
        let error = Ours::default().step(&mut host.source(), 5).await.expect_err("all is wrong");
        assert_clean("error", &format!("{error} {error:?}"));
        let error = host.client().head().await.expect_err("all is wrong");
        assert_clean("error of the client", &format!("{error} {error:?}"));
        assert!(error.to_string().contains("https://node.example:8443"), "{error}");
        assert_clean("state", &format!("{:?}", host.endpoints()));
        tokio::time::advance(Duration::from_secs(20)).await;
    }
    node.well();
    node.set(|it| it.chain_id = 1);
    host.invalidate();
    let _ = host.source().head().await;
    let error = try_host(one, &[&node]).await.expect_err("another chain");
    assert_clean("error at the start", &format!("{error} {error:?}"));
    let log = log.0.lock().clone();
    assert!(log.contains("node.example") && log.contains("follows another chain"), "{log}");
    assert_clean("log", &log);
    assert_eq!(host.source().chain_id(), CHAIN);
}
