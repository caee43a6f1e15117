//! The server, over a real socket.

use crate::fixture::Fixture;
use bmn_rpc::{ServeError, ServeLimits, serve};
use jsonrpsee::{
    RpcModule,
    core::{client::ClientT, rpc_params},
};
use jsonrpsee_ws_client::WsClientBuilder;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn post(address: SocketAddr, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

const STATUS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"bmn_status"}"#;

#[tokio::test]
async fn port_zero_takes_any_and_names_it() {
    let fixture = Fixture::new();
    let limits = ServeLimits::default();
    let (server, address) = serve(fixture.module.clone(), ANY, &limits).await.unwrap();
    assert_ne!(address.port(), 0);
    let answer = post(address, STATUS).await;
    assert!(answer.contains("\"version\":\"bmn/test\""), "{answer}");
    server.stop().unwrap();
    server.stopped().await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let fixture = Fixture::new();
    let limits = ServeLimits::default();
    let (_server, taken) = serve(fixture.module.clone(), ANY, &limits).await.unwrap();
    let error = serve(fixture.module.clone(), taken, &limits).await.unwrap_err();
    assert!(matches!(error, ServeError::AddressInUse { address } if address == taken));
    assert!(error.to_string().starts_with(&format!("{taken} is in use")));
}

#[tokio::test]
async fn requests_and_batches_above_their_limit_are_turned_away() {
    let fixture = Fixture::new();
    let limits = ServeLimits { request_bytes: 2_000, batch: 2, ..ServeLimits::default() };
    let (_server, address) = serve(fixture.module.clone(), ANY, &limits).await.unwrap();
    let big = STATUS.replace("bmn_status", &"x".repeat(2_000));
    let answer = post(address, &big).await;
    assert!(answer.contains("413") || answer.contains("-32007"), "{answer}");
    let batch = post(address, &format!("[{STATUS},{STATUS},{STATUS}]")).await;
    assert!(batch.contains("-32010"), "{batch}");
    assert!(post(address, &format!("[{STATUS},{STATUS}]")).await.contains("bmn/test"));
}

#[tokio::test]
async fn a_client_that_takes_no_answer_holds_up_the_end_for_so_long() {
    let mut module = RpcModule::new(());
    module.register_method("big", |_, (), _| "x".repeat(7 * 1024 * 1024)).unwrap();
    let (stop_time, write_time) = (Duration::from_millis(50), Duration::from_secs(86_400));
    let limits = ServeLimits { stop_time, write_time, ..ServeLimits::default() };
    let (server, address) = serve(module, ANY, &limits).await.unwrap();
    let mut stuck = TcpStream::connect(address).await.unwrap();
    let body = STATUS.replace("bmn_status", "big");
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stuck.write_all(request.as_bytes()).await.unwrap();
    stuck.readable().await.unwrap();
    server.stop().unwrap();
    let stopped = tokio::time::timeout(Duration::from_secs(20), server.stopped()).await;
    stopped.expect("it does not wait for who takes nothing");
}

#[tokio::test]
async fn whoever_waits_for_nothing_does_not_hold_up_the_end() {
    let fixture = Fixture::new();
    let limits = ServeLimits { stop_time: Duration::from_secs(86_400), ..ServeLimits::default() };
    let (server, address) = serve(fixture.module.clone(), ANY, &limits).await.unwrap();
    let socket = WsClientBuilder::new().build(format!("ws://{address}")).await.unwrap();
    socket.request::<serde_json::Value, _>("bmn_status", rpc_params![]).await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{STATUS}",
        STATUS.len()
    );
    idle.write_all(request.as_bytes()).await.unwrap();
    idle.readable().await.unwrap();
    server.stop().unwrap();
    let stopped = tokio::time::timeout(Duration::from_secs(20), server.stopped()).await;
    stopped.expect("nothing was being answered");
}
