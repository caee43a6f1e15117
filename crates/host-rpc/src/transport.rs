//! One connection to one node.

use crate::fault::{Fault, RpcFailure};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde_json::{Value, value::RawValue};

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// An array.
    pub(crate) params: Value,
}

impl Request {
    pub(crate) const fn new(method: &'static str, params: Value) -> Self {
        Self { method, params }
    }
}

/// A result, or the node's error.
pub(crate) type Answer = Result<Box<RawValue>, RpcFailure>;

/// A signal for every new head.
pub(crate) type Heads = BoxStream<'static, ()>;

/// Speaks JSON-RPC with one node. Has no opinion on errors and no memory of them. Its users bound
/// the time of every call.
#[async_trait]
pub(crate) trait Transport: Send + Sync {
    /// Sends the calls together and gives their answers in the same order.
    async fn send(&self, requests: &[Request]) -> Result<Vec<Answer>, Fault>;

    /// Signals of new heads; `None` where the connection cannot push. The stream ends when the
    /// connection does.
    async fn new_heads(&self) -> Result<Option<Heads>, Fault>;

    /// Forgets the connection; the next call makes a new one.
    fn reconnect(&self);
}
