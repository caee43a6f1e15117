//! What one client may ask, over real sockets; time is the test's.

use crate::{
    fixture::{Fixture, SECRET, ScriptedIntake, View},
    wire::{ANY, call, post, read},
};
use bmn_rpc::{
    ClientLimits, Entrance, LimitNotice, Monotonic, RpcLimits, ServeLimits, serve, serve_behind,
};
use jsonrpsee::{
    RpcModule,
    core::{ClientError, client::ClientT, rpc_params},
    server::ServerHandle,
};
use jsonrpsee_ws_client::WsClientBuilder;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
};

fn client(per_second: u32, burst: u32, concurrent: u32) -> ServeLimits {
    let many = |number| NonZeroU32::new(number).unwrap();
    let client = ClientLimits {
        per_second: many(per_second),
        burst: many(burst),
        concurrent: many(concurrent),
        ..ClientLimits::default()
    };
    ServeLimits { client: Some(client), ..ServeLimits::default() }
}

/// A server and the clock that it counts by, in milliseconds.
async fn counted(limits: ServeLimits) -> (ServerHandle, SocketAddr, Arc<AtomicU64>) {
    let millis = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&millis);
    let clock = Monotonic::new(move || Duration::from_millis(told.load(Ordering::Relaxed)));
    let module = Fixture::new().module;
    let (server, address) =
        serve_behind(module, ANY, &limits, Entrance::default(), clock).await.unwrap();
    (server, address, millis)
}

fn notice(error: &Value) -> LimitNotice {
    assert_eq!(error["code"], -32005, "{error}");
    serde_json::from_value(error["data"].clone()).unwrap()
}

fn rate(retry_after_ms: u64) -> LimitNotice {
    LimitNotice { limit: "requestRate".to_owned(), retry_after_ms }
}

#[tokio::test]
async fn a_flood_above_the_rate_is_told_when_to_come_again() {
    let (_server, address, millis) = counted(client(10, 5, 64)).await;
    let status = call("bmn_status", json!([]));
    for _ in 0..5 {
        assert!(post(address, &[], &status).await.json().get("result").is_some());
    }
    for _ in 0..50 {
        let answer = post(address, &[], &status).await.json();
        assert_eq!((notice(&answer["error"]), &answer["id"]), (rate(100), &json!(1)));
    }
    millis.store(99, Ordering::Relaxed);
    assert_eq!(notice(&post(address, &[], &status).await.json()["error"]), rate(1));
    millis.store(100, Ordering::Relaxed);
    assert!(post(address, &[], &status).await.json().get("result").is_some());
    assert!(post(address, &[], &status).await.json().get("error").is_some());
    millis.store(10_000, Ordering::Relaxed);
    for _ in 0..5 {
        assert!(post(address, &[], &status).await.json().get("result").is_some());
    }
}

#[tokio::test]
async fn each_call_of_a_batch_is_counted() {
    let (_server, address, _) = counted(client(10, 3, 64)).await;
    let calls: Vec<Value> = (0..5)
        .map(|id| json!({ "jsonrpc": "2.0", "id": id, "method": "bmn_status", "params": [] }))
        .collect();
    let answer = post(address, &[], &json!(calls).to_string()).await.json();
    let answers = answer.as_array().unwrap();
    let done: Vec<_> = answers.iter().map(|answer| answer.get("result").is_some()).collect();
    assert_eq!(done, [true, true, true, false, false]);
    for (id, answer) in answers.iter().enumerate().skip(3) {
        assert_eq!((notice(&answer["error"]), &answer["id"]), (rate(100), &json!(id)));
    }
}

#[tokio::test]
async fn a_websocket_counts_as_http_does_and_goes_on_after_a_refusal() {
    let (_server, address, millis) = counted(client(10, 3, 64)).await;
    let socket = WsClientBuilder::new().build(format!("ws://{address}")).await.unwrap();
    let ask = || socket.request::<Value, _>("bmn_status", rpc_params![]);
    for _ in 0..2 {
        ask().await.unwrap();
    }
    assert!(
        post(address, &[], &call("bmn_status", json!([]))).await.json().get("result").is_some()
    );
    let Err(ClientError::Call(refused)) = ask().await else { panic!() };
    assert_eq!(refused.code(), -32005);
    assert_eq!(
        serde_json::from_str::<LimitNotice>(refused.data().unwrap().get()).unwrap(),
        rate(100)
    );
    millis.store(100, Ordering::Relaxed);
    ask().await.unwrap();
}

/// A node that judges an order only when it is told to.
fn slow() -> (Fixture, Arc<Notify>) {
    let gate = Arc::new(Notify::new());
    let intake = ScriptedIntake { gate: Some(Arc::clone(&gate)), ..ScriptedIntake::default() };
    (Fixture::with(intake, RpcLimits::default(), View(None)), gate)
}

#[tokio::test]
async fn a_client_has_so_many_places_at_work_and_gets_them_back() {
    let (fixture, gate) = slow();
    let limits = client(1_000_000, 1_000_000, 2);
    let (_server, address) = serve(fixture.module.clone(), ANY, &limits).await.unwrap();
    let order = call("bmn_submitOrder", json!([crate::submissions::file()]));
    let status = call("bmn_status", json!([]));
    let asked = async {
        // Until both orders have arrived.
        for _ in 0..100_000 {
            let answer = post(address, &[], &status).await.json();
            if let Some(error) = answer.get("error") {
                assert_eq!(notice(error).limit, "concurrentRequests");
                gate.notify_waiters();
                return;
            }
        }
        panic!("never refused");
    };
    let (first, second, ()) =
        tokio::join!(post(address, &[], &order), post(address, &[], &order), asked);
    for answer in [first, second] {
        assert_eq!(answer.json()["error"]["code"], -32002, "its own answer: {answer:?}");
    }
    assert!(post(address, &[], &status).await.json().get("result").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_request_is_worked_on_for_so_long() {
    let (fixture, _gate) = slow();
    let limits = ServeLimits { request_time: Duration::from_secs(7), ..ServeLimits::default() };
    let (_server, address) = serve(fixture.module.clone(), ANY, &limits).await.unwrap();
    let order = call("bmn_submitOrder", json!([crate::submissions::file()]));
    for body in [order.clone(), format!("[{order}]")] {
        let answer = post(address, &[], &body).await.json();
        let error = &answer["error"];
        assert_eq!(notice(error).limit, "requestTime", "{answer}");
        assert_eq!(error["message"], "not answered within 7 s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_send_what_it_began_is_let_go() {
    let module = Fixture::new().module;
    let (_server, address) = serve(module, ANY, &ServeLimits::default()).await.unwrap();
    for begun in ["", "POST / HT", "POST / HTTP/1.1\r\nhost: localhost\r\nx: "] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        let told = String::from_utf8(rest).unwrap();
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 408"), "{begun:?}: {told:?}");
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read(&mut stream).await;
    assert_eq!((answer.status, answer.body.as_str()), (408, "the request took too long\n"));
}

/// Bounds by which no connection is closed because its client does nothing.
fn patient(limits: ServeLimits) -> ServeLimits {
    ServeLimits { arrival_time: Duration::from_secs(86_400), ..limits }
}

/// Whether a connection is closed unread.
async fn is_turned_away(mut stream: TcpStream) -> bool {
    let mut byte = [0; 1];
    let ended = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut byte)).await;
    // In order or by a reset.
    matches!(ended, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn above_its_connections_a_server_holds_no_more() {
    let module = Fixture::new().module;
    let limits = patient(ServeLimits { connections: 2, ..ServeLimits::default() });
    let (_server, address) = serve(module, ANY, &limits).await.unwrap();
    // Each is heard before the next comes.
    let socket = WsClientBuilder::new().build(format!("ws://{address}")).await.unwrap();
    let (mut second, status) = (TcpStream::connect(address).await.unwrap(), request());
    second.write_all(status.as_bytes()).await.unwrap();
    assert_eq!(read(&mut second).await.status, 200);
    assert!(is_turned_away(TcpStream::connect(address).await.unwrap()).await);
    socket.request::<Value, _>("bmn_status", rpc_params![]).await.unwrap();
    drop(second);
    assert!(post(address, &[], &call("bmn_status", json!([]))).await.json()["result"].is_object());
}

#[tokio::test]
async fn one_client_holds_no_more_than_its_own_connections() {
    let module = Fixture::new().module;
    let mut limits = patient(client(100, 100, 10));
    limits.client.as_mut().unwrap().connections = NonZeroU32::new(2).unwrap();
    let (_server, address) = serve(module, ANY, &limits).await.unwrap();
    let _socket = WsClientBuilder::new().build(format!("ws://{address}")).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    second.write_all(request().as_bytes()).await.unwrap();
    assert_eq!(read(&mut second).await.status, 200);
    assert!(is_turned_away(TcpStream::connect(address).await.unwrap()).await);
    drop(second);
    assert!(post(address, &[], &call("bmn_status", json!([]))).await.json()["result"].is_object());
}

/// A method `big` with answers of so many bytes, and how often it was called.
fn big(bytes: usize) -> (RpcModule<()>, Arc<AtomicU64>) {
    let called = Arc::new(AtomicU64::new(0));
    let mut module = RpcModule::new(Arc::clone(&called));
    let method = module.register_method("big", move |_, called, _| {
        called.fetch_add(1, Ordering::Relaxed);
        "x".repeat(bytes)
    });
    method.unwrap();
    (module.remove_context(), called)
}

/// A request of HTTP, whole.
fn request_of(body: &str) -> String {
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn request() -> String {
    request_of(&call("bmn_status", json!([])))
}

/// A message of a WebSocket client, with a mask of zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).ok().filter(|length| *length > 125).unwrap();
    let mut frame = vec![0x81, 0xfe];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

const UPGRADE: &str = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                       sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test]
async fn who_takes_no_answers_is_not_worked_for_and_let_go() {
    // More than all buffers of both sockets hold.
    const FLOOD: u64 = 15_000;
    const SIZE: usize = 4_096;
    let body = call("big", json!(["x".repeat(SIZE)]));
    for (upgrade, message) in [(UPGRADE, frame(&body)), ("", request_of(&body).into_bytes())] {
        let (module, called) = big(SIZE);
        let write_time = Duration::from_millis(300);
        let limits = ServeLimits { client: None, write_time, ..ServeLimits::default() };
        let (_server, address) = serve(module, ANY, &limits).await.unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        if !upgrade.is_empty() {
            stream.write_all(upgrade.as_bytes()).await.unwrap();
            assert_eq!(read(&mut stream).await.status, 101);
        }
        let flood = async {
            for _ in 0..FLOOD {
                stream.write_all(&message).await?;
            }
            std::io::Result::Ok(())
        };
        let flooded = tokio::time::timeout(Duration::from_secs(60), flood).await;
        assert!(matches!(flooded, Ok(Err(_))), "it was let go: {flooded:?}");
        let called = called.load(Ordering::Relaxed);
        assert!((1..FLOOD / 2).contains(&called), "{called} calls were worked on");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_taken_keeps_its_place_at_work() {
    let (module, called) = big(7 * 1024 * 1024);
    let (_server, address) = serve(module, ANY, &client(1_000, 1_000, 2)).await.unwrap();
    let ask = request_of(&call("big", json!([])));
    let connect = async || TcpStream::connect(address).await.unwrap();
    let (mut first, mut second) = (connect().await, connect().await);
    for stream in [&mut first, &mut second] {
        stream.write_all(ask.as_bytes()).await.unwrap();
        // The head of an answer comes when it was worked out.
        stream.readable().await.unwrap();
    }
    let refused = post(address, &[], &call("big", json!([]))).await.json();
    assert_eq!(notice(&refused["error"]).limit, "concurrentRequests");
    assert_eq!(called.load(Ordering::Relaxed), 2);
    assert_eq!(read(&mut first).await.status, 200);
    let answer = post(address, &[], &call("big", json!([]))).await;
    assert!(answer.json()["result"].is_string(), "its place was given back");
}

#[tokio::test]
async fn a_flood_of_orders_keeps_no_secret_out() {
    let gate = Arc::new(Notify::new());
    let intake = ScriptedIntake { gate: Some(Arc::clone(&gate)), ..ScriptedIntake::default() };
    let limits = RpcLimits { submissions: 1, secrets: 1, ..RpcLimits::default() };
    let fixture = Fixture::with(intake, limits, View(None));
    let secret = alloy::hex::encode_prefixed(SECRET);
    let order = fixture.error("bmn_submitOrder", json!([crate::submissions::file()]));
    let others = async {
        let second = fixture.error("bmn_submitOrder", json!([crate::submissions::file()])).await;
        assert_eq!(second.0, -32005, "every place of orders is taken");
        fixture.ok("bmn_submitSecret", json!([secret])).await;
        gate.notify_one();
    };
    tokio::join!(order, others);
    assert_eq!(fixture.intake.secrets.lock().unwrap().len(), 1);
}
