//! What the RPC asks of the node.

use crate::{IntakeFailure, Resolver, ResolverHandle};
use alloy::primitives::{Address, B256};
use async_trait::async_trait;
use bmn_chain::{ChainError, MinedCall, RawReceipts};
use bmn_primitives::{ChainId, ErrorClass, OrderId, Secret};
use bmn_rpc::{
    Acting, AdminRpc, AuditLog, BmnRpc, Intake, IntakeError, NodeView, QueueAdmin, ReceiptSource,
    RpcLimits, ServedChain, Submitted, SubmittedOrder, Trade, audited,
};
use bmn_store::Reads;
use bmn_swap::{FactoryTerms, Order, Profit, profit};
use jsonrpsee::RpcModule;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

impl Resolver {
    /// The `bmn_*` methods for everybody over this resolver, to serve or to call in process.
    pub fn rpc_module(&self) -> RpcModule<()> {
        self.handlers().into_module()
    }

    /// The reads for whoever runs it, to serve where nobody else can call them.
    pub fn operator_module(&self) -> RpcModule<()> {
        self.handlers().operator_module()
    }

    /// What no public server has: [`operator_module`](Self::operator_module), and
    /// [`admin_module`](Self::admin_module) with each call kept in `audit`.
    pub fn private_module(&self, audit: &Arc<AuditLog>) -> RpcModule<()> {
        merged(self.operator_module(), audited(self.admin_module(), audit))
    }

    /// Every method, for a development network or to call in process. Calls that change something are told
    /// as events and not kept.
    pub fn every_module(&self) -> RpcModule<()> {
        let clock = Arc::clone(&self.shared.clock);
        let audit = Arc::new(AuditLog::events(move || clock.unix_seconds()));
        merged(self.rpc_module(), self.private_module(&audit))
    }

    /// Takes orders and secrets from nobody from now on: whoever hands them in is told so
    /// (`notSupported`). To be called before the modules are made.
    pub fn refuse_submissions(&self) {
        self.shared.takes_submissions.store(false, Ordering::Relaxed);
    }

    /// The handlers behind those modules, for a port that speaks something else than JSON-RPC.
    pub fn handlers(&self) -> BmnRpc {
        let handle = Arc::new(self.handle());
        let commits = self.shared.commits.subscribe();
        let takes_submissions = self.shared.takes_submissions.load(Ordering::Relaxed);
        let limits = RpcLimits { takes_submissions, ..RpcLimits::default() };
        let (intake, view) = (Arc::clone(&handle) as _, Arc::clone(&handle) as _);
        let rpc =
            BmnRpc::with_limits(self.shared.store.clone(), intake, view, handle, commits, limits);
        rpc.with_jobs(self.shared.scheduled.clone())
    }

    /// The methods that change dead letters, to serve where nobody else can reach them. What they
    /// change is acted on within a second.
    pub fn queue_admin_module(&self) -> RpcModule<()> {
        QueueAdmin::new(self.shared.store.clone(), self.shared.rules.clone()).into_module()
    }
}

impl Resolver {
    /// The methods that change how the resolver works, to be merged only into a server that nobody else
    /// can reach.
    pub fn admin_module(&self) -> RpcModule<()> {
        let modes = AdminRpc::new(self.handlers(), Arc::new(self.handle())).into_module();
        merged(modes, self.queue_admin_module())
    }
}

fn merged(mut module: RpcModule<()>, more: RpcModule<()>) -> RpcModule<()> {
    if let Err(error) = module.merge(more) {
        // Two methods of one name: a mistake in the traits, which a test of the modules finds.
        tracing::error!(target: "bmn::node", %error, "a part of the methods is not served");
    }
    module
}

impl From<IntakeFailure> for IntakeError {
    fn from(failure: IntakeFailure) -> Self {
        match failure {
            IntakeFailure::Unreadable(reason) => Self::Unreadable(vec![reason]),
            IntakeFailure::Claim(error) => error,
            other if other.class() == ErrorClass::Transient => Self::Unavailable(other.to_string()),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl ResolverHandle {
    /// From the event that made an action due to the acceptance of its transaction, oldest first.
    pub fn latencies(&self) -> Vec<Duration> {
        self.0.latencies.samples()
    }

    /// Why new orders are not taken at the moment: we only index, the index contradicts its chain, or
    /// a chain's index does not show its newest block yet. In the last case alone swaps between the
    /// other chains go on. None while every chain is acted on.
    pub fn not_acting(&self) -> Option<String> {
        self.0.not_acting()
    }

    fn takes_secrets(&self) -> Result<(), IntakeError> {
        match self.0.acting() {
            Acting::Everywhere | Acting::Behind => Ok(()),
            Acting::Halted | Acting::IndexOnly => self.acting(),
        }
    }

    fn acting(&self) -> Result<(), IntakeError> {
        self.0.not_acting_in_public().map_or(Ok(()), |why| Err(IntakeError::NotActing(why)))
    }

    // What it earns at the base fees of the newest indexed blocks.
    fn value(&self, order: &Order) -> Option<Profit> {
        let read = self.0.store.read().ok()?;
        let base_fee = |chain| read.cursor(chain).ok()?.base_fee.map(u128::from);
        let trade = Trade {
            source: (order.id.chain, order.source_token, order.source_amount),
            destination: (
                order.destination_chain,
                order.destination_token,
                order.destination_amount,
            ),
            deposit: order.destination_deposit,
        };
        self.profit(&trade, (base_fee(trade.source.0)?, base_fee(trade.destination.0)?))
    }
}

#[async_trait]
impl Intake for ResolverHandle {
    async fn submit_order(&self, order: SubmittedOrder) -> Result<Submitted, IntakeError> {
        self.acting()?;
        let claims = order.claims;
        let taken = self
            .0
            .intake
            .submit_order(order.signed, order.chain, |read| {
                claims.check(read.id, read.hashlock, read.destination_chain)
            })
            .await?;
        self.0.announce();
        Ok(Submitted {
            order: taken.id,
            hashlock: taken.hashlock,
            profit: self.value(&taken),
            decision: taken.decision,
        })
    }

    async fn submit_secret(&self, secret: Secret, _orders: &[OrderId]) -> Result<(), IntakeError> {
        // Sealed at once, used when it may be: what finishes a swap is taken also while nothing can be signed.
        self.takes_secrets()?;
        self.0.intake.submit_secret(&secret)?;
        self.0.announce();
        Ok(())
    }
}

#[async_trait]
impl ReceiptSource for ResolverHandle {
    async fn block_receipts(
        &self,
        chain: ChainId,
        block: B256,
    ) -> Result<Option<RawReceipts>, ChainError> {
        let reason = || "this node does not follow it".to_owned();
        let unknown = || ChainError::Unavailable { chain, reason: reason() };
        self.0.intake.client(chain).ok_or_else(unknown)?.block_receipts(block).await
    }

    async fn mined_call(&self, chain: ChainId, tx: B256) -> Result<Option<MinedCall>, ChainError> {
        match self.0.intake.client(chain) {
            Some(client) => client.mined_call(tx).await,
            None => Ok(None),
        }
    }

    fn factory(&self, chain: ChainId, address: Address) -> Option<FactoryTerms> {
        let route = self.0.rules.routes.iter().find(|route| route.chain == chain)?;
        route.factory(address).copied()
    }
}

impl NodeView for ResolverHandle {
    fn version(&self) -> String {
        concat!("bmn/", env!("CARGO_PKG_VERSION")).to_owned()
    }

    fn uptime(&self) -> Duration {
        self.0.clock.monotonic()
    }

    fn not_acting(&self) -> Option<String> {
        self.0.not_acting_in_public()
    }

    fn acting(&self) -> Acting {
        self.0.acting()
    }

    fn latencies(&self) -> Vec<Duration> {
        self.0.latencies.samples()
    }

    fn chains(&self) -> Vec<ServedChain> {
        self.0
            .specs
            .iter()
            .map(|spec| ServedChain {
                id: spec.chain_id,
                name: spec.name.clone(),
                confirmations: spec.confirmations,
                account: self.0.rules.us,
                factories: spec
                    .factories
                    .iter()
                    .map(|f| (f.address, f.dialect, f.limit_order_protocol))
                    .collect(),
            })
            .collect()
    }

    fn profit(&self, trade: &Trade, base_fees: (u128, u128)) -> Option<Profit> {
        let terms = self.0.rules.terms();
        let (chain, token, amount) = trade.source;
        let source = terms.route(chain)?;
        let sold = (source.token(token)?, amount);
        let (chain, token, amount) = trade.destination;
        let destination = terms.route(chain)?;
        let bought = (destination.token(token)?, amount);
        let native = (source.token(Address::ZERO)?, destination.token(Address::ZERO)?);
        Some(profit(sold, bought, native, base_fees, trade.deposit))
    }
}
