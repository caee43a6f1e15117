//! The methods.

use crate::{
    Intake, IntakeError, NodeView, ReceiptSource, RpcError, ScheduledJobs, convert, description,
    events,
    health::{self, Looks},
    list, lookup,
    reading::{self, Places},
    snapshot::Snapshot,
    submission,
    subscription::{self, Feeds, Filter, Ground},
    swap_proof, view,
};
use async_trait::async_trait;
use bmn_primitives::{ChainId, Stage};
use bmn_rpc_api::{
    BmnApiServer, Cursor, EventFilter, EventPage, Health, IndexApiServer, Limit, NodeStatus,
    OperatorApiServer, OrderFile, OrderSubmission, SecretAnswer, SecretParam, SubscribeFrom,
    SubscriptionFilter, SubscriptionKind, SummaryApiServer, Swap, SwapChange, SwapFilter, SwapKey,
    SwapPage, SwapProof, WithdrawPermission,
};
use bmn_store::Store;
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule,
    core::{RpcResult, SubscriptionResult},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// Bounds of the handlers themselves; those of a server are in [`ServeLimits`](crate::ServeLimits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RpcLimits {
    /// Orders worked on at once; more are refused.
    pub submissions: usize,
    /// Secrets worked on at once; more are refused. They have places of their own: no flood of orders keeps one
    /// out.
    pub secrets: usize,
    /// False where neither is taken from anybody: `bmn_submitOrder` and `bmn_submitSecret` answer
    /// `notSupported`.
    pub takes_submissions: bool,
    /// Proofs made at once, each of which asks the chains' nodes for whole blocks; more are refused.
    pub proofs: usize,
    /// How long a subscriber may leave its buffer full before it is told `lagged` and let go; zero
    /// is at once.
    pub patience: Duration,
}

impl Default for RpcLimits {
    fn default() -> Self {
        let patience = Duration::from_secs(10);
        Self { submissions: 32, secrets: 32, takes_submissions: true, proofs: 4, patience }
    }
}

/// The handlers.
#[derive(Clone)]
pub struct BmnRpc {
    inner: Arc<Inner>,
    scheduled: ScheduledJobs,
}

struct Inner {
    store: Store,
    intake: Arc<dyn Intake>,
    view: Arc<dyn NodeView>,
    receipts: Arc<dyn ReceiptSource>,
    committed: watch::Receiver<u64>,
    submissions: Semaphore,
    secrets: Semaphore,
    proofs: Semaphore,
    lists: Places,
    past: Places,
    feeds: Feeds,
    looks: Looks,
    limits: RpcLimits,
}

impl BmnRpc {
    /// Handlers over a store. `committed` rises whenever something is durable; its sender going away ends
    /// the subscriptions.
    pub fn new(
        store: Store,
        intake: Arc<dyn Intake>,
        view: Arc<dyn NodeView>,
        receipts: Arc<dyn ReceiptSource>,
        committed: watch::Receiver<u64>,
    ) -> Self {
        Self::with_limits(store, intake, view, receipts, committed, RpcLimits::default())
    }

    /// The same with other limits.
    pub fn with_limits(
        store: Store,
        intake: Arc<dyn Intake>,
        view: Arc<dyn NodeView>,
        receipts: Arc<dyn ReceiptSource>,
        committed: watch::Receiver<u64>,
        limits: RpcLimits,
    ) -> Self {
        let submissions = Semaphore::new(limits.submissions);
        let secrets = Semaphore::new(limits.secrets);
        let proofs = Semaphore::new(limits.proofs);
        let (feeds, looks) = (Feeds::default(), Looks::default());
        let inner = Inner {
            store,
            intake,
            view,
            receipts,
            committed,
            submissions,
            secrets,
            proofs,
            lists: Places::of_lists(),
            past: Places::of_the_past(),
            feeds,
            looks,
            limits,
        };
        Self { inner: Arc::new(inner), scheduled: ScheduledJobs::default() }
    }

    /// The same, and they tell of these scheduled jobs.
    #[must_use]
    pub fn with_jobs(self, scheduled: ScheduledJobs) -> Self {
        Self { scheduled, ..self }
    }

    pub(crate) const fn scheduled(&self) -> &ScheduledJobs {
        &self.scheduled
    }

    /// The methods for everybody, to serve or to merge into another server. Nothing private is in an
    /// answer of theirs: no sealed secret, reserve, price, limit or host.
    pub fn into_module(self) -> RpcModule<()> {
        let mut module = BmnApiServer::into_rpc(self.clone()).remove_context();
        let index = IndexApiServer::into_rpc(self.clone()).remove_context();
        let summary = SummaryApiServer::into_rpc(self).remove_context();
        for part in [index, summary] {
            module.merge(part).expect("the parts of the namespace share no method");
        }
        description::discoverable(description::described(module))
    }

    /// The reads for whoever runs the node, to serve only where nobody else can call them.
    pub fn operator_module(self) -> RpcModule<()> {
        description::described(OperatorApiServer::into_rpc(self).remove_context())
    }

    pub(crate) fn view(&self) -> Arc<dyn NodeView> {
        Arc::clone(&self.inner.view)
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot, RpcError> {
        Snapshot::of(&self.inner.store)
    }

    /// Answers from one snapshot, off the async threads: for lists, which decode many rows.
    pub(crate) async fn listed<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let store = self.inner.store.clone();
        self.inner.lists.read(move || read(&Snapshot::of(&store)?)).await
    }

    /// The same at once, however many lists are being read: for health and for the operator.
    pub(crate) async fn looked<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let store = self.inner.store.clone();
        reading::beside(move || read(&Snapshot::of(&store)?)).await
    }

    pub(crate) fn past(&self) -> &Places {
        &self.inner.past
    }

    pub(crate) fn looks(&self) -> &Looks {
        &self.inner.looks
    }

    pub(crate) fn ground(&self) -> Ground<'_> {
        Ground {
            store: &self.inner.store,
            view: self.inner.view.as_ref(),
            feeds: &self.inner.feeds,
            committed: self.inner.committed.clone(),
            patience: self.inner.limits.patience,
        }
    }

    /// A place among `places` of submissions, of which there are `limit`.
    fn submission<'a>(
        &self,
        places: &'a Semaphore,
        limit: usize,
    ) -> Result<SemaphorePermit<'a>, RpcError> {
        if !self.inner.limits.takes_submissions {
            return Err(RpcError::SubmissionsOff);
        }
        places.try_acquire().map_err(|_| RpcError::Busy { limit })
    }

    pub(crate) fn serves(&self, chain: ChainId) -> Result<(), RpcError> {
        let chains = self.inner.view.chains();
        if chains.iter().any(|served| served.id == chain) {
            return Ok(());
        }
        let ids: Vec<_> = chains.iter().map(|served| served.id.to_string()).collect();
        Err(RpcError::param("chainId", format!("a chain served here: {}", ids.join(", "))))
    }

    async fn take_order(&self, file: &OrderFile) -> Result<OrderSubmission, RpcError> {
        let _permit = self.submission(&self.inner.submissions, self.inner.limits.submissions)?;
        let order = submission::order(file)?;
        self.serves(order.chain)?;
        Ok(submission::answer(&self.inner.intake.submit_order(order).await?))
    }

    async fn take_secret(
        &self,
        SecretParam(secret): SecretParam,
        id: Option<&SwapKey>,
    ) -> Result<SecretAnswer, RpcError> {
        let _permit = self.submission(&self.inner.secrets, self.inner.limits.secrets)?;
        // Said first: an index that is behind may not know the hashlock yet.
        if let Some(why) = self.inner.view.not_acting() {
            return Err(IntakeError::NotActing(why).into());
        }
        let lock = secret.hashlock();
        let orders = submission::orders_of(&self.snapshot()?, lock, id)?;
        self.inner.intake.submit_secret(secret, &orders).await?;
        let orders = orders.iter().map(ToString::to_string).collect();
        Ok(SecretAnswer { hashlock: lock.0, orders })
    }

    async fn swap_proof(&self, id: SwapKey) -> Result<SwapProof, RpcError> {
        let limit = self.inner.limits.proofs;
        let _permit = self.inner.proofs.try_acquire().map_err(|_| RpcError::Proving { limit })?;
        let source = Arc::clone(&self.inner.receipts);
        let read = move |snapshot: &Snapshot| swap_proof::find(snapshot, &id, source.as_ref());
        let found = self.listed(read).await?;
        swap_proof::prove(found, self.inner.receipts.as_ref()).await
    }

    fn swap(&self, id: &SwapKey) -> Result<Swap, RpcError> {
        let snapshot = self.snapshot()?;
        let order = lookup::order(&snapshot, id)?;
        list::swap(&snapshot, order)?.ok_or(RpcError::NotFound)
    }

    fn permission(&self, id: &SwapKey) -> Result<WithdrawPermission, RpcError> {
        let snapshot = self.snapshot()?;
        let order = lookup::order(&snapshot, id)?;
        let loaded = snapshot.loaded(order)?.ok_or(RpcError::NotFound)?;
        let state = &loaded.state;
        let (Some(permission), Some(plan), true) =
            (&state.permission, &state.plan, convert::has_permission(&loaded))
        else {
            let over = state.status.is_terminal() || !loaded.order.is_accepted();
            return Err(if over { RpcError::NoPermission } else { RpcError::NotYet });
        };
        let locks = plan.immutables.timelocks;
        Ok(WithdrawPermission {
            chain_id: plan.chain.0,
            escrow: permission.escrow,
            caller: permission.caller,
            action: "DST_PUBLIC_WITHDRAW".to_owned(),
            signature: permission.signature.clone(),
            immutables: convert::immutables(&plan.immutables),
            valid_from: locks.at(Stage::DstPublicWithdrawal),
            valid_until: locks.at(Stage::DstCancellation),
        })
    }
}

#[async_trait]
impl BmnApiServer for BmnRpc {
    async fn status(&self) -> RpcResult<NodeStatus> {
        let view = self.view();
        Ok(self.listed(move |snapshot| view::status(snapshot, view.as_ref())).await?)
    }

    async fn health(&self) -> RpcResult<Health> {
        Ok(health::look(self, self.looks()).await)
    }

    async fn submit_order(&self, order: OrderFile) -> RpcResult<OrderSubmission> {
        Ok(self.take_order(&order).await?)
    }

    async fn submit_secret(
        &self,
        secret: SecretParam,
        id: Option<SwapKey>,
    ) -> RpcResult<SecretAnswer> {
        Ok(self.take_secret(secret, id.as_ref()).await?)
    }

    async fn get_swap(&self, id: SwapKey) -> RpcResult<Swap> {
        Ok(self.swap(&id)?)
    }

    async fn get_swap_proof(&self, id: SwapKey) -> RpcResult<SwapProof> {
        Ok(self.swap_proof(id).await?)
    }

    async fn get_swaps(
        &self,
        filter: Option<SwapFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
    ) -> RpcResult<SwapPage> {
        let (filter, limit) = (filter.unwrap_or_default(), limit.unwrap_or_default());
        let view = self.view();
        let read = move |snapshot: &Snapshot| {
            list::swaps(snapshot, view.as_ref(), &filter, cursor.as_ref(), limit)
        };
        Ok(self.listed(read).await?)
    }

    async fn get_events(
        &self,
        filter: Option<EventFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
    ) -> RpcResult<EventPage> {
        let (filter, limit) = (filter.unwrap_or_default(), limit.unwrap_or_default());
        Ok(self
            .listed(move |snapshot| events::page(snapshot, &filter, cursor.as_ref(), limit))
            .await?)
    }

    async fn get_withdraw_permission(&self, id: SwapKey) -> RpcResult<WithdrawPermission> {
        Ok(self.permission(&id)?)
    }

    async fn get_changes(
        &self,
        from_sequence: u64,
        limit: Option<Limit>,
    ) -> RpcResult<Vec<SwapChange>> {
        let limit = limit.unwrap_or_default().items();
        let read = move |snapshot: &Snapshot| {
            snapshot.has_changes_from(from_sequence, "fromSequence")?;
            let changes = snapshot.changes(from_sequence, limit)?;
            Ok(changes.iter().map(convert::change).collect())
        };
        Ok(self.listed(read).await?)
    }

    async fn follow(
        &self,
        pending: PendingSubscriptionSink,
        kind: SubscriptionKind,
        from: Option<SubscribeFrom>,
        filter: Option<SubscriptionFilter>,
    ) -> SubscriptionResult {
        match Filter::read(kind, filter) {
            Ok(filter) => subscription::run(pending, self.ground(), filter, from).await,
            Err(error) => {
                pending.reject(error).await;
                Ok(())
            }
        }
    }
}
