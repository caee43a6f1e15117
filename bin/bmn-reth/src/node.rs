//! Putting the resolver into the node: the extension, the methods, the supervised task.

use crate::{chain::NodeChain, cli::NAMESPACE, exex};
use alloy::network::Ethereum;
use bmn_embed::{
    acks::Acks, feed::Feed, front::Front, local::LocalChain, measures, runner, session::Options,
};
use bmn_primitives::ChainId;
use reth_ethereum::{
    chainspec::EthChainSpec,
    exex::ExExContext,
    node::{api::FullNodeComponents, builder::rpc::RpcContext},
    rpc::{
        api::eth::helpers::FullEthApi,
        builder::{RethRpcModule, TransportRpcModules, auth::AuthRpcModule},
        eth::EthApiError,
    },
    tasks::TaskExecutor,
};
use std::{
    future::Future,
    sync::{Arc, OnceLock},
};
use tokio_util::sync::CancellationToken;

/// What the parts that reth starts one after another share.
#[derive(Debug, Clone)]
pub struct Extension {
    options: Options,
    feed: Arc<Feed>,
    acks: Acks,
    front: Front,
    /// Why this node cannot be acted through; set, if at all, before the resolver starts.
    unfit: Arc<OnceLock<String>>,
}

/// Without it a mined transaction cannot be found by its hash, which looks as if it were not mined.
const NO_LOOKUP: &str = "the node prunes transaction lookup fully (`--minimal`, \
    `--prune.transactionlookup.full`, or `transaction_lookup` in `[prune.segments]` of reth.toml), so that our \
    own transactions cannot be found once they are mined: keep it, or add --bmn.index-only";

impl Extension {
    /// Nothing runs yet.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            feed: Arc::new(Feed::new(Default::default())),
            acks: Acks::default(),
            front: Front::new("it has not started yet"),
            unfit: Arc::default(),
        }
    }

    /// Stands for the resolver of the moment.
    pub fn front(&self) -> Front {
        self.front.clone()
    }

    /// The extension's future. reth makes it before it starts its servers.
    pub fn exex<Node: FullNodeComponents>(
        &self,
        ctx: ExExContext<Node>,
    ) -> impl Future<Output = eyre::Result<()>> + use<Node> {
        let lookup = ctx.reth_config.prune.segments.transaction_lookup.as_ref();
        if let Some(mode) = lookup
            && mode.is_full()
            && !self.options.index_only
        {
            let _ = self.unfit.set(NO_LOOKUP.to_owned());
        }
        measures::describe();
        exex::run(ctx, Arc::clone(&self.feed), self.acks.clone())
    }

    /// Adds our methods to the servers that are to have them, and starts the resolver beside the node.
    ///
    /// # Errors
    /// A method of that name exists already.
    pub fn enter_rpc<Node, Eth>(self, ctx: RpcContext<'_, Node, Eth>) -> eyre::Result<()>
    where
        Node: FullNodeComponents,
        Eth: FullEthApi<NetworkTypes = Ethereum, Error = EthApiError>,
    {
        serve(&self.front, ctx.modules, ctx.auth_module)?;
        let chain = ChainId(ctx.config().chain.chain().id());
        let eth = ctx.registry.eth_api().clone();
        let local = NodeChain::new(chain, eth, self.feed, self.acks);
        let unfit = self.unfit.get().cloned();
        spawn(ctx.node().task_executor(), self.options, Arc::new(local), self.front, unfit);
        Ok(())
    }
}

/// Adds the methods of whoever stands behind `front` to the servers that are to have them.
///
/// # Errors
/// A method of that name exists already.
pub fn serve(
    front: &Front,
    modules: &mut TransportRpcModules,
    auth: &mut AuthRpcModule,
) -> eyre::Result<()> {
    let module = front.module()?;
    let ours = RethRpcModule::Other(NAMESPACE.to_owned());
    let config = modules.module_config();
    // Only this machine's users reach IPC: where it has reth's own admin methods it gets ours. Its default
    // names every namespace of reth, which ours is not among.
    let named = config.contains_ipc(&ours);
    let has_admin = config.contains_ipc(&RethRpcModule::Admin);
    modules.merge_if_module_configured(ours, module.clone())?;
    if has_admin {
        if !named {
            modules.merge_ipc(module.clone())?;
        }
        modules.merge_ipc(front.admin_module()?)?;
    }
    auth.merge_auth_methods(module)?;
    auth.merge_auth_methods(front.admin_module()?)?;
    Ok(())
}

/// Starts the resolver beside the node, and has the node wait until what is being done is on disk when it
/// stops.
fn spawn(
    executor: &TaskExecutor,
    options: Options,
    local: Arc<dyn LocalChain>,
    front: Front,
    unfit: Option<String>,
) {
    executor.spawn_with_graceful_shutdown_signal(|shutdown| async move {
        let stop = CancellationToken::new();
        let ended = runner::start(options, local, front, unfit, stop.clone());
        let guard = shutdown.await;
        stop.cancel();
        // An error says that the thread has ended, which is all that is waited for.
        let _ = ended.await;
        drop(guard);
    });
}
