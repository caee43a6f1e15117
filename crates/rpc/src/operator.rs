//! Methods for whoever runs the node.

use crate::{
    BmnRpc, IntakeError, RpcError, description, explain, jobs, lookup, shadow, snapshot::Snapshot,
    subscription, summary,
};
use alloy::primitives::Address;
use async_trait::async_trait;
use bmn_primitives::ChainId;
use bmn_rpc_api::{
    AdminApiServer, Cursor, DeadLetterFilter, DeadLetterPage, JobFilter, JobPage, Limit, NodeModes,
    OperatorApiServer, OrderExplanation, PerformanceMetrics, QueueMetrics, ScheduledJob,
    ScheduledRun, ShadowReport, StartedRun, SwapKey, SwitchKind, WireSwitch,
};
use bmn_swap::{MAX_SWITCHES, Mode, Modes, Switch};
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule,
    core::{RpcResult, SubscriptionResult},
};
use std::sync::Arc;

/// A change of which new orders are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModeChange {
    /// Another mode.
    Mode(Mode),
    /// A switch on.
    On(Switch),
    /// A switch off.
    Off(Switch),
    /// Every switch off.
    AllOff,
}

impl ModeChange {
    /// The modes after it.
    pub fn apply(self, mut modes: Modes) -> Modes {
        match self {
            Self::Mode(mode) => modes.mode = mode,
            Self::On(switch) => {
                modes.switches.insert(switch);
            }
            Self::Off(switch) => {
                modes.switches.remove(&switch);
            }
            Self::AllOff => modes.switches.clear(),
        }
        modes
    }
}

/// Changes how the node works.
pub trait Operations: Send + Sync {
    /// Makes a change durable and answers what holds after it. Blocks while the store is written.
    ///
    /// # Errors
    /// See [`IntakeError`].
    fn change_modes(&self, change: ModeChange) -> Result<Modes, IntakeError>;
}

/// The methods that change how the node works: to be served where nobody else can call them.
pub struct AdminRpc {
    rpc: BmnRpc,
    operations: Arc<dyn Operations>,
}

impl std::fmt::Debug for AdminRpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminRpc").finish_non_exhaustive()
    }
}

impl AdminRpc {
    /// Over the handlers that read.
    pub fn new(rpc: BmnRpc, operations: Arc<dyn Operations>) -> Self {
        Self { rpc, operations }
    }

    /// The methods, to serve or to merge into another server.
    pub fn into_module(self) -> RpcModule<()> {
        description::described(AdminApiServer::into_rpc(self).remove_context())
    }

    async fn change(&self, change: ModeChange) -> Result<NodeModes, RpcError> {
        if let ModeChange::On(switch) = change {
            let on = self.rpc.snapshot()?.modes()?.switches;
            if on.len() >= MAX_SWITCHES && !on.contains(&switch) {
                return Err(RpcError::Busy { limit: MAX_SWITCHES });
            }
        }
        let operations = Arc::clone(&self.operations);
        tokio::task::spawn_blocking(move || operations.change_modes(change))
            .await
            .map_err(|error| RpcError::Interrupted(error.to_string()))??;
        modes(&self.rpc.snapshot()?)
    }
}

#[async_trait]
impl OperatorApiServer for BmnRpc {
    async fn explain_order(&self, id: SwapKey) -> RpcResult<OrderExplanation> {
        let snapshot = self.snapshot()?;
        let order = lookup::order(&snapshot, &id)?;
        Ok(explain::order(&snapshot, order)?)
    }

    async fn get_mode(&self) -> RpcResult<NodeModes> {
        Ok(modes(&self.snapshot()?)?)
    }

    async fn shadow_report(
        &self,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
    ) -> RpcResult<ShadowReport> {
        let limit = limit.unwrap_or_default();
        Ok(self.looked(move |snapshot| shadow::page(snapshot, cursor.as_ref(), limit)).await?)
    }

    async fn get_jobs(
        &self,
        filter: Option<JobFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
    ) -> RpcResult<JobPage> {
        let (filter, limit) = (filter.unwrap_or_default(), limit.unwrap_or_default());
        Ok(self
            .looked(move |snapshot| jobs::page(snapshot, &filter, cursor.as_ref(), limit))
            .await?)
    }

    async fn list_dead_letters(
        &self,
        filter: Option<DeadLetterFilter>,
        cursor: Option<Cursor>,
        limit: Option<Limit>,
    ) -> RpcResult<DeadLetterPage> {
        let (filter, limit) = (filter.unwrap_or_default(), limit.unwrap_or_default());
        Ok(self
            .looked(move |snapshot| jobs::letters(snapshot, &filter, cursor.as_ref(), limit))
            .await?)
    }

    async fn queue_metrics(&self) -> RpcResult<Vec<QueueMetrics>> {
        let view = self.view();
        Ok(self.looked(move |snapshot| summary::queues(snapshot, view.as_ref())).await?)
    }

    async fn performance_metrics(&self) -> RpcResult<PerformanceMetrics> {
        Ok(summary::performance(self.view().as_ref()))
    }

    async fn schedules(&self) -> RpcResult<Vec<ScheduledJob>> {
        Ok(self.scheduled().all())
    }

    async fn scheduled_runs(
        &self,
        job: Option<String>,
        limit: Option<Limit>,
    ) -> RpcResult<Vec<ScheduledRun>> {
        Ok(self.scheduled().runs(job, limit.unwrap_or_default()).await?)
    }

    async fn follow_alerts(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        subscription::alerts::run(pending, self.ground()).await
    }
}

#[async_trait]
impl AdminApiServer for AdminRpc {
    async fn set_mode(&self, mode: String) -> RpcResult<NodeModes> {
        let expected = "\"full\", \"shadow\" or \"percent=N\" with N from 0 to 100";
        let mode = mode.parse().map_err(|_| RpcError::param("mode", expected))?;
        Ok(self.change(ModeChange::Mode(mode)).await?)
    }

    async fn pause(&self, switch: WireSwitch) -> RpcResult<NodeModes> {
        let switch = read(&self.rpc, &switch)?;
        Ok(self.change(ModeChange::On(switch)).await?)
    }

    async fn resume(&self, switch: Option<WireSwitch>) -> RpcResult<NodeModes> {
        let change = match switch {
            None => ModeChange::AllOff,
            Some(switch) => ModeChange::Off(read(&self.rpc, &switch)?),
        };
        Ok(self.change(change).await?)
    }

    async fn run_job(&self, job: String) -> RpcResult<StartedRun> {
        Ok(self.rpc.scheduled().run_now(&job).await?)
    }
}

/// The modes as the wire shows them.
pub(crate) fn modes(snapshot: &Snapshot) -> Result<NodeModes, RpcError> {
    let modes = snapshot.modes()?;
    Ok(NodeModes {
        mode: modes.mode.to_string(),
        switches: modes.switches.iter().map(write).collect(),
        takes_orders: !modes.takes_nothing(),
        open_orders: snapshot.open_orders()?,
    })
}

const fn write(switch: &Switch) -> WireSwitch {
    let (kind, chain_id, token) = match *switch {
        Switch::Pause => (SwitchKind::Pause, None, None),
        Switch::Drain => (SwitchKind::Drain, None, None),
        Switch::Maintenance => (SwitchKind::Maintenance, None, None),
        Switch::Chain(chain) => (SwitchKind::Chain, Some(chain.0), None),
        Switch::Token(chain, token) => (SwitchKind::Token, Some(chain.0), Some(token)),
    };
    WireSwitch { kind, chain_id, token }
}

// A switch that names a chain we do not serve would stop nothing and look as if it did.
fn read(rpc: &BmnRpc, switch: &WireSwitch) -> Result<Switch, RpcError> {
    let chain = || {
        let id = switch.chain_id.ok_or_else(|| RpcError::param("switch.chainId", "a chain id"))?;
        rpc.serves(ChainId(id))?;
        Ok::<_, RpcError>(ChainId(id))
    };
    let token = || -> Result<Address, RpcError> {
        let form = "a token's address; zero is the native coin";
        switch.token.ok_or_else(|| RpcError::param("switch.token", form))
    };
    let plain = |read| match (switch.chain_id, switch.token) {
        (None, None) => Ok(read),
        _ => Err(RpcError::param("switch", "neither chainId nor token with this kind")),
    };
    match switch.kind {
        SwitchKind::Pause => plain(Switch::Pause),
        SwitchKind::Drain => plain(Switch::Drain),
        SwitchKind::Maintenance => plain(Switch::Maintenance),
        SwitchKind::Chain if switch.token.is_some() => {
            Err(RpcError::param("switch", "no token with kind chain"))
        }
        SwitchKind::Chain => Ok(Switch::Chain(chain()?)),
        SwitchKind::Token => Ok(Switch::Token(chain()?, token()?)),
    }
}
