//! A subscriber that costs as little as it can: frames are read and not parsed.

use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

const TEXT: u8 = 0x1;

/// One WebSocket connection with one subscription.
#[derive(Debug)]
pub struct Listener {
    stream: BufReader<TcpStream>,
    frame: Vec<u8>,
}

impl Listener {
    /// Connects, sends `request` and waits for its answer.
    ///
    /// # Errors
    /// The socket's; [`io::ErrorKind::InvalidData`] when the answer is an error.
    pub async fn subscribed(address: SocketAddr, request: &str) -> io::Result<Self> {
        let mut listener = Self::connected(address).await?;
        listener.send(request).await?;
        let answer = listener.next().await?;
        if answer.windows(7).any(|part| part == b"\"error\"") {
            let answer = String::from_utf8_lossy(answer).into_owned();
            return Err(io::Error::new(io::ErrorKind::InvalidData, answer));
        }
        Ok(listener)
    }

    /// Connects.
    ///
    /// # Errors
    /// The socket's.
    pub async fn connected(address: SocketAddr) -> io::Result<Self> {
        let mut stream = BufReader::new(TcpStream::connect(address).await?);
        stream.get_ref().set_nodelay(true)?;
        let hello = format!(
            "GET / HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
        );
        stream.write_all(hello.as_bytes()).await?;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Self { stream, frame: Vec::new() })
    }

    /// Sends a message of less than 64 KiB.
    ///
    /// # Errors
    /// The socket's; [`io::ErrorKind::InvalidInput`] for a longer one.
    pub async fn send(&mut self, request: &str) -> io::Result<()> {
        let length = u16::try_from(request.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        // A client masks what it sends, if only with zeros.
        let mut frame = vec![0x80 | TEXT, 0x80 | 126];
        frame.extend(length.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(request.as_bytes());
        self.stream.write_all(&frame).await
    }

    /// The next message.
    ///
    /// # Errors
    /// The socket's.
    pub async fn next(&mut self) -> io::Result<&[u8]> {
        loop {
            let mut head = [0; 2];
            self.stream.read_exact(&mut head).await?;
            let length = match head[1] & 0x7f {
                126 => u64::from(self.stream.read_u16().await?),
                127 => self.stream.read_u64().await?,
                short => u64::from(short),
            };
            let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?;
            self.frame.resize(length, 0);
            self.stream.read_exact(&mut self.frame).await?;
            if head[0] & 0x0f == TEXT {
                return Ok(&self.frame);
            }
        }
    }
}
