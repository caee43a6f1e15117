//! A server of our own, for hosts that have none.

use bmn_primitives::ErrorClass;
use jsonrpsee::{
    Methods,
    server::{BatchRequestConfig, Server, ServerConfig, ServerHandle},
};
use std::{io, net::SocketAddr};

/// Bounds of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeLimits {
    /// Open connections.
    pub connections: u32,
    /// Largest request, bytes.
    pub request_bytes: u32,
    /// Largest answer, bytes.
    pub response_bytes: u32,
    /// Subscriptions of one connection.
    pub subscriptions: u32,
    /// Requests in one batch.
    pub batch: u32,
    /// Messages that wait for one connection's socket.
    pub buffered_messages: u32,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: 1_100,
            request_bytes: 256 * 1024,
            response_bytes: 8 * 1024 * 1024,
            subscriptions: 16,
            batch: 100,
            buffered_messages: 256,
        }
    }
}

/// A server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Something else listens there.
    #[error("{address} is in use; stop what listens there or choose another port (0 takes any)")]
    AddressInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
}

impl ServeError {
    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::AddressInUse { .. } => ErrorClass::Transient,
            Self::Bind { .. } => ErrorClass::Permanent,
        }
    }
}

/// Serves `methods` over HTTP and WebSocket on one port. Answers the address it listens on, which
/// names the port when 0 was asked for. The server runs until the handle stops it or is dropped.
///
/// There is no access control: give it a loopback address unless everybody may submit orders.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    methods: impl Into<Methods>,
    address: SocketAddr,
    limits: &ServeLimits,
) -> Result<(ServerHandle, SocketAddr), ServeError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::AddressInUse { address },
        _ => ServeError::Bind { address, source },
    };
    let config = ServerConfig::builder()
        .max_connections(limits.connections)
        .max_request_body_size(limits.request_bytes)
        .max_response_body_size(limits.response_bytes)
        .max_subscriptions_per_connection(limits.subscriptions)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch))
        .set_message_buffer_capacity(limits.buffered_messages)
        .build();
    let server = Server::builder().set_config(config).build(address).await.map_err(failed)?;
    let bound = server.local_addr().map_err(failed)?;
    Ok((server.start(methods), bound))
}
