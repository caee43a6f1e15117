//! A host that hangs: connections stand, nothing passes while the gate is shut.

use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

/// A port before a server's.
pub(crate) struct Gate {
    address: SocketAddr,
    is_open: watch::Sender<bool>,
    _passing: JoinSet<()>,
}

impl Gate {
    /// An open one.
    pub(crate) async fn before(server: &str) -> Self {
        let server = server.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let is_open = watch::Sender::new(true);
        let mut passing = JoinSet::new();
        passing.spawn(take(listener, server, is_open.subscribe()));
        Self { address, is_open, _passing: passing }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn shut(&self) {
        self.is_open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }
}

async fn take(listener: TcpListener, server: String, gate: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let (from, to) = near.into_split();
        let (answers, requests) = TcpStream::connect(&server).await.unwrap().into_split();
        connections.spawn(pass(from, requests, gate.clone()));
        connections.spawn(pass(answers, to, gate.clone()));
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gate: watch::Receiver<bool>) {
    let mut bytes = vec![0; 65_536];
    while let Ok(length) = from.read(&mut bytes).await {
        let is_open = gate.wait_for(|is_open| *is_open).await.is_ok();
        if length == 0 || !is_open || to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}
