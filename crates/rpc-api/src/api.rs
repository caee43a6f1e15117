//! The `bmn_*` methods.

use crate::{
    Cursor, DeadLetterFilter, DeadLetterPage, EventFilter, EventPage, JobFilter, JobPage, Limit,
    NodeStatus, OrderFile, OrderSubmission, SecretAnswer, SecretParam, SubscriptionKind, Swap,
    SwapChange, SwapFilter, SwapKey, SwapPage, WithdrawPermission,
};
use jsonrpsee::{
    core::{RpcResult, SubscriptionResult},
    proc_macros::rpc,
};

/// The namespace. Every read answers from one snapshot of the database: no answer mixes two states.
///
/// Codes in "Errors" are those of [`RpcErrorCode`](crate::RpcErrorCode); any method may also answer
/// `internal`, and `invalidParams` for parameters it cannot read.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "bmn"))]
#[cfg_attr(feature = "client", rpc(server, client, namespace = "bmn"))]
pub trait BmnApi {
    /// The node: version, chains with their heads, orders and jobs by state, whether it is acting.
    #[method(name = "status")]
    async fn status(&self) -> RpcResult<NodeStatus>;

    /// Hands in a signed order. Submitting the same order again gives the same answer.
    ///
    /// Errors: `unreadableOrder` when it cannot be identified, `limitExceeded` when too many are
    /// being judged, `unavailable` while the node is not acting. A refusal is an answer.
    #[method(name = "submitOrder")]
    async fn submit_order(&self, order: OrderFile) -> RpcResult<OrderSubmission>;

    /// Hands in the secret behind a hashlock. `id` narrows it to one order.
    ///
    /// Errors: `unknownHashlock` when it opens none of ours (or not that of `id`), `notFound`,
    /// `ambiguousId`, `unavailable`. No answer repeats the secret.
    #[method(name = "submitSecret")]
    async fn submit_secret(
        &self,
        secret: SecretParam,
        id: Option<SwapKey>,
    ) -> RpcResult<SecretAnswer>;

    /// Everything about one order.
    ///
    /// Errors: `notFound`, `ambiguousId`.
    #[method(name = "getSwap")]
    async fn get_swap(&self, id: SwapKey) -> RpcResult<Swap>;

    /// Orders this node was given or adopted, by filter, in the order of their ids; at most 200 a
    /// page, 50 without a limit. `bmn_getSources` lists what strangers swap, too.
    ///
    /// Errors: `badCursor` when the cursor is not the `next` of a page with the same filter.
    #[method(name = "getSwaps")]
    async fn get_swaps(
        &self,
        filter: Option<SwapFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
    ) -> RpcResult<SwapPage>;

    /// Indexed contract events by filter, by chain, block and log index; at most 200 a page, 50
    /// without a limit. A page may hold fewer while more follow: go on until `next` is `null`. With a
    /// chain in the filter, `resume` then leads to what comes later.
    ///
    /// Errors: `badCursor`; `reorged` when a reorg replaced what was read, with where to read again.
    #[method(name = "getEvents")]
    async fn get_events(
        &self,
        filter: Option<EventFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
    ) -> RpcResult<EventPage>;

    /// The resolver's permission for the maker to withdraw the destination alone.
    ///
    /// Errors: `notFound`, `ambiguousId`, `notYet`, `noPermission`.
    #[method(name = "getWithdrawPermission")]
    async fn get_withdraw_permission(&self, id: SwapKey) -> RpcResult<WithdrawPermission>;

    /// Steps the node still has to take, by order id and urgency; at most 200 a page, 50 without a
    /// limit.
    ///
    /// Errors: `badCursor`.
    #[method(name = "getJobs")]
    async fn get_jobs(
        &self,
        filter: Option<JobFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
    ) -> RpcResult<JobPage>;

    /// Steps that were given up, by order id and urgency; at most 200 a page, 50 without a limit. They
    /// stay until they are requeued or dropped.
    ///
    /// Errors: `badCursor`.
    #[method(name = "listDeadLetters")]
    async fn list_dead_letters(
        &self,
        filter: Option<DeadLetterFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
    ) -> RpcResult<DeadLetterPage>;

    /// The change log from a sequence number on (included), oldest first; at most 200, 50 without a
    /// limit. Nothing is ever taken out of it: what a reorg takes back is another change. Who goes on
    /// with the number after the last one misses nothing.
    #[method(name = "getChanges")]
    async fn get_changes(
        &self,
        from_sequence: u64,
        limit: Option<Limit>,
    ) -> RpcResult<Vec<SwapChange>>;

    /// Changes as they are committed. With `from_sequence`, those since then (included) come first,
    /// without a gap; without it, only new ones.
    #[subscription(name = "subscribe" => "swaps", unsubscribe = "unsubscribe", item = crate::SwapNotice)]
    async fn subscribe_changes(
        &self,
        kind: SubscriptionKind,
        from_sequence: Option<u64>,
    ) -> SubscriptionResult;
}
