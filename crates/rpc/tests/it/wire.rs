//! HTTP by hand: what a client library would hide.

use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// An answer: its status, its head and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// Sends a request's head with these lines beside what every request has, then the body, and reads the answer.
pub(crate) async fn send(address: SocketAddr, first: &str, lines: &[&str], body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let host = if lines.iter().any(|line| line.starts_with("host:")) {
        String::new()
    } else {
        format!("host: {address}\r\n")
    };
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let request =
        format!("{first} HTTP/1.1\r\n{host}{lines}content-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    read(&mut stream).await
}

/// Reads one answer.
pub(crate) async fn read(stream: &mut TcpStream) -> Answer {
    let mut got = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return Answer { status, head: head.to_lowercase(), body: body.to_owned() };
            }
        }
        assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0, "closed after {text:?}");
    }
}

/// A call, as text.
pub(crate) fn call(method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

/// Posts a body.
pub(crate) async fn post(address: SocketAddr, lines: &[&str], body: &str) -> Answer {
    let mut lines = lines.to_vec();
    lines.push("content-type: application/json");
    send(address, "POST /", &lines, body).await
}

/// Asks for a WebSocket.
pub(crate) async fn upgrade(address: SocketAddr, lines: &[&str]) -> Answer {
    let mut lines = lines.to_vec();
    lines.extend([
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    ]);
    send(address, "GET /", &lines, "").await
}
