//! A client that costs as little as it can: requests are bytes, answers are read and not parsed.

use crate::Listener;
use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

/// How requests travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// POST over one connection that is kept.
    Http,
    /// One WebSocket.
    WebSocket,
}

/// One connection that asks and waits for the answer.
#[derive(Debug)]
pub enum Caller {
    /// Over HTTP.
    Http(Http),
    /// Over a WebSocket.
    WebSocket(Listener),
}

impl Caller {
    /// Connects.
    ///
    /// # Errors
    /// The socket's.
    pub async fn open(transport: Transport, address: SocketAddr) -> io::Result<Self> {
        match transport {
            Transport::Http => Http::open(address).await.map(Self::Http),
            Transport::WebSocket => Listener::connected(address).await.map(Self::WebSocket),
        }
    }

    /// Asks; answers the length of the answer.
    ///
    /// # Errors
    /// The socket's; [`io::ErrorKind::InvalidData`] when the answer is an error.
    pub async fn ask(&mut self, request: &str) -> io::Result<usize> {
        let answer = match self {
            Self::Http(http) => http.ask(request).await?,
            Self::WebSocket(socket) => {
                socket.send(request).await?;
                socket.next().await?
            }
        };
        // An answer begins with its version, its id and then one of both.
        if answer
            .iter()
            .take(40)
            .copied()
            .collect::<Vec<_>>()
            .windows(7)
            .any(|it| it == b"\"error\"")
        {
            let answer = String::from_utf8_lossy(answer).into_owned();
            return Err(io::Error::new(io::ErrorKind::InvalidData, answer));
        }
        Ok(answer.len())
    }
}

/// A connection of HTTP/1.1 that is kept.
#[derive(Debug)]
pub struct Http {
    stream: BufReader<TcpStream>,
    host: String,
    body: Vec<u8>,
}

impl Http {
    async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = BufReader::new(TcpStream::connect(address).await?);
        stream.get_ref().set_nodelay(true)?;
        Ok(Self { stream, host: address.to_string(), body: Vec::new() })
    }

    async fn ask(&mut self, request: &str) -> io::Result<&[u8]> {
        let (host, length) = (&self.host, request.len());
        let text = format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{request}"
        );
        self.stream.write_all(text.as_bytes()).await?;
        let (mut line, mut length) = (String::new(), None);
        while line != "\r\n" {
            line.clear();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok();
            }
        }
        let length: usize = length.ok_or(io::ErrorKind::InvalidData)?;
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).await?;
        Ok(&self.body)
    }
}
