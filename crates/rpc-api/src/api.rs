//! The `bmn_*` methods.

use crate::{
    Cursor, EventFilter, EventPage, Health, Limit, NodeStatus, OrderFile, OrderSubmission,
    SecretAnswer, SecretParam, SubscribeFrom, SubscriptionFilter, SubscriptionKind, Swap,
    SwapChange, SwapFilter, SwapKey, SwapPage, SwapProof, WithdrawPermission,
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

    /// How the node does, part by part: its database, the index of each chain, whether it acts, steps that are
    /// late or given up. One that cannot read its database says so in the answer.
    #[method(name = "health")]
    async fn health(&self) -> RpcResult<Health>;

    /// Hands in a signed order. Submitting the same order again gives the same answer.
    ///
    /// Errors: `unreadableOrder` when it cannot be identified, `limitExceeded` when too many are
    /// being judged, `unavailable` while the node is not acting, `notSupported` where the operator takes
    /// none. A refusal is an answer.
    #[method(name = "submitOrder")]
    async fn submit_order(&self, order: OrderFile) -> RpcResult<OrderSubmission>;

    /// Hands in the secret behind a hashlock. `id` narrows it to one order.
    ///
    /// Errors: `unknownHashlock` when it opens none of ours (or not that of `id`), `notFound`,
    /// `ambiguousId`, `unavailable`, `notSupported`. No answer repeats the secret.
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

    /// What the chains show of one swap, of this node's or of strangers: the events of its escrows, each with its
    /// block's header, its receipt and the Merkle proof between them, and whether the block is final. At most
    /// 8 escrows with 8 events each. `bmn swap verify` checks it without believing this node.
    ///
    /// Errors: `notFound`, also for blocks whose receipts the chain's node no longer has; `ambiguousId`;
    /// `limitExceeded` when too many proofs are being made; `unavailable` when a chain's node does not answer,
    /// or a block left the chain meanwhile.
    #[method(name = "getSwapProof")]
    async fn get_swap_proof(&self, id: SwapKey) -> RpcResult<SwapProof>;

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
    /// Errors: `badCursor`; `reorged` when a reorg replaced what was read, with where to read again; `notFound` when
    /// `fromBlock` or the cursor lies below what is kept (`keptFrom` of `bmn_indexerStatus`), or the address is an
    /// escrow that is not kept.
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

    /// The change log from a sequence number on (included), oldest first; at most 200, 50 without a
    /// limit. Nothing is ever taken out of it: what a reorg takes back is another change. Who goes on
    /// with the number after the last one misses nothing.
    #[method(name = "getChanges")]
    async fn get_changes(
        &self,
        from_sequence: u64,
        limit: Option<Limit>,
    ) -> RpcResult<Vec<SwapChange>>;

    /// What happens, as it becomes durable, by `kind`: `swaps`, the change log; `orders`, source escrows of
    /// everybody as they are created and end; `secrets`, as withdrawals show them; `blocks`, as the index takes
    /// them. Without `from` it begins with what is new.
    ///
    /// `swaps` go on from a sequence number (included), without a gap. The other kinds are about chains and go on
    /// after a notice, by its `resume`, one for each chain that is followed; or from a block number (included)
    /// when the filter names the chain. A notice `reorg` says from which block on what was told is void, also when
    /// that happened while nobody was subscribed; what took its place follows.
    ///
    /// A subscriber that leaves its buffer full is told `lagged` with where to go on, and let go. Nothing is
    /// dropped in silence.
    ///
    /// Errors: `badCursor` when a position is none of this kind; `unavailable` when one lies above what is indexed
    /// here, or its chain is being indexed again.
    #[subscription(name = "subscribe" => "subscription", unsubscribe = "unsubscribe", item = crate::Notice)]
    async fn follow(
        &self,
        kind: SubscriptionKind,
        from: Option<SubscribeFrom>,
        filter: Option<SubscriptionFilter>,
    ) -> SubscriptionResult;
}
