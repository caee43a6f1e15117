//! What the RPC asks of the node.

use crate::{IntakeFailure, NodeError, Resolver, ResolverHandle};
use alloy::primitives::Address;
use async_trait::async_trait;
use bmn_primitives::{ErrorClass, OrderId, Secret};
use bmn_rpc::{
    AdminRpc, BmnRpc, Intake, IntakeError, NodeView, QueueAdmin, ServedChain, Submitted,
    SubmittedOrder, Trade,
};
use bmn_store::Reads;
use bmn_swap::{Order, Profit, profit};
use jsonrpsee::RpcModule;
use std::{sync::Arc, time::Duration};

impl Resolver {
    /// The `bmn_*` module over this resolver, to serve or to call in process.
    pub fn rpc_module(&self) -> RpcModule<()> {
        let handle = Arc::new(self.handle());
        let newest = self.shared.newest.subscribe();
        BmnRpc::new(self.shared.store.clone(), Arc::clone(&handle) as _, handle as _, newest)
            .into_module()
    }

    /// The methods that change dead letters, to serve where nobody else can reach them. What they
    /// change is acted on within a second.
    pub fn queue_admin_module(&self) -> RpcModule<()> {
        QueueAdmin::new(self.shared.store.clone(), Arc::clone(&self.shared.rules)).into_module()
    }
}

impl Resolver {
    /// The methods that change how the resolver works, to be merged only into a server that nobody else
    /// can reach.
    pub fn admin_module(&self) -> RpcModule<()> {
        let handle = Arc::new(self.handle());
        let newest = self.shared.newest.subscribe();
        let store = self.shared.store.clone();
        let rpc = BmnRpc::new(store, Arc::clone(&handle) as _, Arc::clone(&handle) as _, newest);
        let mut module = AdminRpc::new(rpc, handle).into_module();
        if let Err(error) = module.merge(self.queue_admin_module()) {
            // Two methods of one name: a mistake in the traits, which a test of the module finds.
            tracing::error!(target: "bmn::node", %error, "the queue's methods are not served");
        }
        module
    }
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

    fn acting(&self) -> Result<(), IntakeError> {
        self.0.not_acting().map_or(Ok(()), |why| Err(IntakeError::NotActing(why)))
    }

    fn announce(&self) -> Result<(), IntakeError> {
        self.0.announce().map_err(|error: NodeError| IntakeError::Internal(error.to_string()))
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
        self.announce()?;
        Ok(Submitted {
            order: taken.id,
            hashlock: taken.hashlock,
            profit: self.value(&taken),
            decision: taken.decision,
        })
    }

    async fn submit_secret(&self, secret: Secret, _orders: &[OrderId]) -> Result<(), IntakeError> {
        self.acting()?;
        self.0.intake.submit_secret(&secret)?;
        self.announce()
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
        self.0.not_acting()
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
