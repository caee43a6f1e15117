//! The `bmn_*` methods for whoever runs the node.

use crate::{
    Cursor, DeadLetterFilter, DeadLetterPage, JobFilter, JobPage, Limit, NodeModes,
    OrderExplanation, PerformanceMetrics, QueueMetrics, ScheduledJob, ScheduledRun, ShadowReport,
    StartedRun, SwapKey, WireSwitch,
};
use jsonrpsee::{
    core::{RpcResult, SubscriptionResult},
    proc_macros::rpc,
};

/// Reads that tell how the node decides and what it is about to do. They name prices, limits and what stands
/// against them, which a competitor or a maker would like to know: no public server has them.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "bmn"))]
#[cfg_attr(feature = "client", rpc(server, client, namespace = "bmn"))]
pub trait OperatorApi {
    /// Why an order was taken or refused: both values with price, age and source, each transaction's
    /// gas, fees for data, deposits, profit on the best, the expected and the worst path, each cap with
    /// what stood against it, the time to spare and the confirmations asked for; all as it was when the
    /// decision was made. Holds no secret, no balance and no key.
    ///
    /// Errors: `notFound`, also for orders decided before the node kept such numbers; `ambiguousId`.
    #[method(name = "explainOrder")]
    async fn explain_order(&self, id: SwapKey) -> RpcResult<OrderExplanation>;

    /// The mode and the switches that are on.
    #[method(name = "getMode")]
    async fn get_mode(&self) -> RpcResult<NodeModes>;

    /// Orders that shadow mode would have taken, by id, with what became of them on chain and what they
    /// would have earned; at most 200 a page, 50 without a limit. A page may hold fewer, even none, while
    /// more follow: go on until `next` is `null`.
    ///
    /// Errors: `badCursor`.
    #[method(name = "shadowReport")]
    async fn shadow_report(
        &self,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
    ) -> RpcResult<ShadowReport>;

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

    /// Steps that are not done, on every configured chain, and what wakes the next of them. Reads every step.
    #[method(name = "queueMetrics")]
    async fn queue_metrics(&self) -> RpcResult<Vec<QueueMetrics>>;

    /// How long actions waited for their transactions since the node started.
    #[method(name = "performanceMetrics")]
    async fn performance_metrics(&self) -> RpcResult<PerformanceMetrics>;

    /// What the node does by the clock: each job with its schedule, its next slot, what its runs came to and how it
    /// does. An empty list where nothing is. Not the steps of swaps (`bmn_getJobs`).
    #[method(name = "schedules")]
    async fn schedules(&self) -> RpcResult<Vec<ScheduledJob>>;

    /// Runs of the last day of one scheduled job or of all, newest first; at most 200, 50 without a limit.
    ///
    /// Errors: `notFound`: there is no such job; `unavailable`.
    #[method(name = "scheduledRuns")]
    async fn scheduled_runs(
        &self,
        job: Option<String>,
        limit: Option<Limit>,
    ) -> RpcResult<Vec<ScheduledRun>>;

    /// What a person should look at: the node does not act, a chain is behind or has stopped, an action is late
    /// or was given up. It begins with everything that stands; then each is told when it begins, when its reason
    /// changes, and when it is over. There is nothing to resume: whoever subscribes again is told what stands.
    #[subscription(name = "subscribeAlerts" => "alerts", unsubscribe = "unsubscribeAlerts", item = crate::Notice)]
    async fn follow_alerts(&self) -> SubscriptionResult;
}

/// Changes of how the node works. Served only where the operator asked for it.
#[cfg_attr(not(feature = "client"), rpc(server, namespace = "bmn"))]
#[cfg_attr(feature = "client", rpc(server, client, namespace = "bmn"))]
pub trait AdminApi {
    /// Sets the mode: `full`, `shadow` or `percent=N`. Orders that were taken are not touched. Survives a
    /// restart.
    ///
    /// Errors: `invalidParams`.
    #[method(name = "setMode")]
    async fn set_mode(&self, mode: String) -> RpcResult<NodeModes>;

    /// Turns a switch on: no new order that it names is taken. Survives a restart.
    ///
    /// Errors: `invalidParams`; `limitExceeded` when too many are on.
    #[method(name = "pause")]
    async fn pause(&self, switch: WireSwitch) -> RpcResult<NodeModes>;

    /// Turns a switch off; without one, all of them.
    ///
    /// Errors: `invalidParams`.
    #[method(name = "resume")]
    async fn resume(&self, switch: Option<WireSwitch>) -> RpcResult<NodeModes>;

    /// Has a scheduled job run now, whatever its schedule says. Answers when the run has begun; `bmn_scheduledRuns`
    /// tells what came of it.
    ///
    /// Errors: `notFound`: there is no such job; `unavailable` while it is running, or where nothing is done by the
    /// clock.
    #[method(name = "runJob")]
    async fn run_job(&self, job: String) -> RpcResult<StartedRun>;
}
