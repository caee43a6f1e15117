//! The `bmn_*` methods that change what the node does. No public server has them.

use crate::{DeadLetter, DeadLetterKey, JobEntry};
use jsonrpsee::{core::RpcResult, proc_macros::rpc};

/// The part of the namespace for whoever runs the node. A module of its own: serve it where nobody
/// else can reach it.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "bmn"))]
#[cfg_attr(feature = "client", rpc(server, client, namespace = "bmn"))]
pub trait QueueAdminApi {
    /// Makes a dead letter a job again: with its history and with all its attempts before it, due when
    /// the order's plan says.
    ///
    /// Errors: `notFound`; `ambiguousId` when several have that name; `notWanted` with the reason when
    /// the plan does not want it any more; `unavailable` while an index is not current.
    #[method(name = "requeueJob")]
    async fn requeue_job(&self, job: DeadLetterKey) -> RpcResult<JobEntry>;

    /// Forgets a dead letter when nothing is at stake, and answers what it was.
    ///
    /// Errors: `notFound`; `ambiguousId`; `notWanted` while its action is still due; `unavailable`
    /// while an index is not current.
    #[method(name = "dropJob")]
    async fn drop_job(&self, job: DeadLetterKey) -> RpcResult<DeadLetter>;
}
