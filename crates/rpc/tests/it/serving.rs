//! The server, over a real socket.

use crate::fixture::Fixture;
use bmn_rpc::{ServeError, ServeLimits, serve};
use std::net::{Ipv4Addr, SocketAddr};
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
