//! On real sockets.

use super::{CHAIN, Ours, config, node::Node};
use crate::{Limits, RpcConfig, RpcError, RpcHost, transport::Request};
use bmn_chain::{ChainClient, ChainSource};
use bmn_primitives::ErrorClass;
use jsonrpsee::{
    RpcModule,
    server::{Server, ServerHandle},
    types::{ErrorObjectOwned, Params},
};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::sync::broadcast;
use wiremock::{Mock, MockServer, Respond, ResponseTemplate, matchers::any};

const METHODS: &[&str] = &[
    "eth_chainId",
    "eth_getBlockByNumber",
    "eth_getBlockByHash",
    "eth_getLogs",
    "eth_getBlockReceipts",
];

/// Answers like a scripted node, over HTTP.
struct Http(Node);

impl Respond for Http {
    fn respond(&self, request: &wiremock::Request) -> ResponseTemplate {
        let body: Value = request.body_json().expect("JSON");
        let one = |call: &Value| {
            let method = METHODS.iter().find(|method| call["method"] == **method).expect("known");
            let request = Request::new(method, call["params"].clone());
            let id = &call["id"];
            match self.0.set(|it| it.answer(&request)) {
                Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
                Err(error) => {
                    let error = json!({"code": error.code, "message": error.message});
                    json!({"jsonrpc": "2.0", "id": id, "error": error})
                }
            }
        };
        let answer = match &body {
            Value::Array(calls) => calls.iter().map(one).collect(),
            call => one(call),
        };
        ResponseTemplate::new(200).set_body_json(answer)
    }
}

async fn http(respond: impl Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(respond).mount(&server).await;
    server
}

fn at(urls: &[String]) -> RpcConfig {
    RpcConfig {
        endpoints: urls.iter().map(|url| url.parse().expect("a URL")).collect(),
        poll: Duration::from_millis(20),
        limits: Limits { backoff: Duration::from_millis(1), ..Limits::default() },
        ..config(1)
    }
}

#[tokio::test]
async fn a_chain_is_followed_over_http() {
    let node = Node::new(200);
    let server = http(Http(node.clone())).await;
    let host = RpcHost::connect(at(&[server.uri()])).await.expect("it answers");
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    node.reorg(4, 6, 2);
    source.changed().await.expect("a new head");
    ours.catch_up(&mut source).await;
    ours.matches(&node);
}

#[tokio::test]
async fn answers_that_are_none_are_passed_over() {
    let good = http(Http(Node::new(30))).await;
    let html = "<html><body>Bad gateway</body></html>";
    let slow_down =
        json!({"jsonrpc": "2.0", "id": 0, "error": {"code": -32005, "message": "rate limit"}});
    let cases: Vec<(ResponseTemplate, &str)> = vec![
        (ResponseTemplate::new(429).insert_header("Retry-After", "40"), "rate limit"),
        (ResponseTemplate::new(503).insert_header("Retry-After", "40"), "rate limit"),
        (ResponseTemplate::new(503), "HTTP status 503"),
        (ResponseTemplate::new(401).set_body_string("no key"), "HTTP status 401"),
        (ResponseTemplate::new(200).set_body_string(html), "an HTML page"),
        (
            ResponseTemplate::new(200).set_body_string("{\"jsonrpc\":\"2.0\",\"resu"),
            "not a JSON-RPC",
        ),
        (ResponseTemplate::new(200).set_body_json(&slow_down), "rate limit"),
        (ResponseTemplate::new(400).set_body_json(&slow_down), "rate limit"),
        (ResponseTemplate::new(200).set_body_string("x".repeat(5_000)), "larger than 4096 bytes"),
        (ResponseTemplate::new(302).insert_header("Location", good.uri()), "HTTP status 302"),
    ];
    for (response, expected) in cases {
        let bad = http(response).await;
        let mut alone = at(&[format!("{}/v2/s3cr3tk3y?key=an0therk3y", bad.uri())]);
        alone.limits.max_response_bytes = 4_096;
        let error = RpcHost::connect(alone).await.expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.to_string().contains("k3y"), "{error}");
        let host = RpcHost::connect(at(&[bad.uri(), good.uri()])).await.expect("one answers");
        assert_eq!(host.client().head().await.map(|head| head.number), Ok(30), "{expected}");
    }
}

#[tokio::test]
async fn nobody_listening_is_transient_and_shows_no_key() {
    // A port that was just free.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let port = port.expect("a port").port();
    for scheme in ["http", "https", "ws", "wss"] {
        let url = format!("{scheme}://user:p4ssw0rdp4ss@127.0.0.1:{port}/s3cr3tk3y?key=an0therk3y");
        let error = RpcHost::connect(at(&[url])).await.expect_err("nobody listens");
        assert_eq!(error.class(), ErrorClass::Transient);
        let text = format!("{error} {error:?}");
        assert!(text.contains(&format!("{scheme}://127.0.0.1:{port}: unreachable")), "{text}");
        for secret in ["k3y", "p4ss"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn tls_to_a_server_without_it_is_an_error_and_no_panic() {
    let server = http(ResponseTemplate::new(200)).await;
    for scheme in ["https", "wss"] {
        let url = format!("{scheme}://{}", server.address());
        let error = RpcHost::connect(at(&[url])).await.expect_err("no TLS");
        assert!(matches!(error, RpcError::Unreachable { .. }), "{error}");
    }
}

/// Answers like a scripted node, over a WebSocket, and pushes heads.
async fn socket(
    node: &Node,
    heads: &broadcast::Sender<()>,
    address: SocketAddr,
) -> (SocketAddr, ServerHandle) {
    let mut module = RpcModule::new(node.clone());
    for method in METHODS {
        let answer = move |params: Params<'_>, node: &Node, _: &jsonrpsee::Extensions| {
            let request = Request::new(method, params.parse().unwrap_or_else(|_| json!([])));
            node.set(|it| it.answer(&request)).map_err(|error| {
                let code = i32::try_from(error.code).expect("a small code");
                ErrorObjectOwned::owned(code, error.message, None::<()>)
            })
        };
        module.register_method(method, answer).expect("a new method");
    }
    let heads = heads.clone();
    let subscribe = move |_: Params<'static>, pending: jsonrpsee::PendingSubscriptionSink, _, _| {
        let mut heads = heads.subscribe();
        async move {
            let sink = pending.accept().await?;
            while heads.recv().await.is_ok() {
                let message = jsonrpsee::SubscriptionMessage::from(super::node::raw(&json!({})));
                sink.send(message).await?;
            }
            Ok(())
        }
    };
    module
        .register_subscription("eth_subscribe", "eth_subscription", "eth_unsubscribe", subscribe)
        .expect("a new subscription");
    let server = Server::builder().build(address).await.expect("a free port");
    let address = server.local_addr().expect("an address");
    (address, server.start(module))
}

#[tokio::test]
async fn answers_over_a_websocket_that_are_too_large_make_ranges_smaller() {
    let node = Node::new(600);
    let (heads, _) = broadcast::channel(16);
    let (address, _server) = socket(&node, &heads, ([127, 0, 0, 1], 0).into()).await;
    let mut config = at(&[format!("ws://{address}")]);
    // Some 500 bytes a log, of which a seventh of the blocks has one or more.
    config.limits.max_response_bytes = 16 << 10;
    config.limits.breaker_threshold = 1_000;
    let host = RpcHost::connect(config).await.expect("it answers");
    let (mut source, mut ours) = (host.source(), Ours::default());
    let mut failed = 0;
    while ours.cursor != Some(node.head()) {
        if let Err(error) = ours.step(&mut source, 50).await {
            assert_eq!(error.class(), ErrorClass::Transient, "{error}");
            failed += 1;
            assert!(failed < 4, "{error}");
        }
    }
    ours.matches(&node);
    let span = host.endpoints()[0].limits.log_span;
    assert!(host.endpoints()[0].failures > 0 && span < 600, "it was too much at first: {span}");
}

#[tokio::test]
async fn the_answers_of_a_batch_together_are_bounded_on_every_connection() {
    let node = Node::new(60);
    let (heads, _) = broadcast::channel(16);
    let (address, _server) = socket(&node, &heads, ([127, 0, 0, 1], 0).into()).await;
    let server = http(Http(node.clone())).await;
    for url in [format!("ws://{address}"), server.uri()] {
        let mut config = at(&[url]);
        // A header has some 1 100 bytes.
        config.limits.max_response_bytes = 12 << 10;
        config.limits.backfill_distance = 1_000;
        let host = RpcHost::connect(config).await.expect("it answers");
        let (mut source, mut ours) = (host.source(), Ours::default());
        ours.catch_up(&mut source).await;
        ours.matches(&node);
        let batch = host.endpoints()[0].limits.batch;
        assert!((2..=12).contains(&batch), "{batch}");
        assert_eq!(host.endpoints()[0].failures, 0);
    }
}

#[tokio::test]
async fn new_heads_wake_and_a_dropped_connection_is_made_again() {
    let node = Node::new(30);
    let (heads, _) = broadcast::channel(16);
    let (address, server) = socket(&node, &heads, ([127, 0, 0, 1], 0).into()).await;
    let mut config = at(&[format!("ws://{address}")]);
    // Only a subscription can be this fast.
    config.poll = Duration::from_secs(3_600);
    config.limits.rest = Duration::from_millis(1);
    config.limits.breaker_threshold = 1_000;
    let host = RpcHost::connect(config).await.expect("it answers");
    let (mut source, mut ours) = (host.source(), Ours::default());
    ours.catch_up(&mut source).await;
    ours.matches(&node);

    wake(&mut source, &node, &heads).await;
    ours.catch_up(&mut source).await;
    ours.matches(&node);

    server.stop().expect("it runs");
    server.stopped().await;
    source.changed().await.expect("the end of the subscription wakes, too");
    let error = ours.step(&mut source, 5).await.expect_err("nobody listens");
    assert_eq!(error.class(), ErrorClass::Transient);

    node.mine(3, 0);
    let (heads, _) = broadcast::channel(16);
    let (_, _server) = socket(&node, &heads, address).await;
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    wake(&mut source, &node, &heads).await;
    ours.catch_up(&mut source).await;
    ours.matches(&node);
    assert!(host.calls()["eth_subscribe"] >= 2);
    assert_eq!(source.chain_id(), CHAIN);
}

/// Mines a block and waits until the subscription says so.
async fn wake(source: &mut crate::RpcSource, node: &Node, heads: &broadcast::Sender<()>) {
    let mined = async {
        while heads.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        node.mine(1, 0);
        heads.send(()).expect("a subscriber");
    };
    let all = async {
        let mut mined = std::pin::pin!(mined);
        loop {
            tokio::select! {
                early = source.changed() => early.expect("nothing broke"),
                () = &mut mined => return source.changed().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("in time").expect("a head");
}
