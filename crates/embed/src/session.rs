//! One run of the resolver beside the node: from reading its configuration to its end.

use crate::{
    front::Front,
    ledger::LedgerError,
    local::LocalChain,
    source::{SourceConfig, SourceLimits},
    supervise::Failed,
};
use bmn_chain::{ChainClient, ChainSource};
use bmn_config::{ChainSpec, NodeChain, NodeConfig};
use bmn_launch::{
    LaunchError, PRICES_EVERY, access, check_contracts, hosts, in_one_line, keys, mode_of, open,
    price_book, read_config,
};
use bmn_node::{ChainHost, NodeError};
use bmn_primitives::{BlockRef, ChainId, ErrorClass};
use bmn_store::{Reads, Store, StoreError, StoreOptions};
use std::{iter, path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

/// What the command line says about the resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Its configuration, as of `bmn node`.
    pub config: PathBuf,
    /// Database directory instead of the configuration's.
    pub data_dir: Option<PathBuf>,
    /// The mode of a resolver that never had one, instead of the configuration's.
    pub mode: Option<String>,
    /// Follow and answer, never act.
    pub index_only: bool,
}

/// Why the resolver does not run.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The configuration does not fit this node.
    #[error("{0}")]
    Unfit(String),
    /// The configuration, what it names, or another chain.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The node's storage.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The resolver's database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The resolver.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A task of ours was ended from outside.
    #[error("a task was ended: {0}")]
    Task(String),
}

impl Failed for SessionError {
    fn reason(&self) -> String {
        let full = ["os error 28", "No space left", "os error 122"];
        let text = in_one_line(iter::successors(
            Some(self as &(dyn std::error::Error + 'static)),
            |error| error.source(),
        ));
        match full.iter().any(|words| text.contains(words)) {
            true => {
                format!("{text}; the disk is full: make room, nothing that was decided is lost")
            }
            false => text,
        }
    }

    fn class(&self) -> ErrorClass {
        match self {
            // Read anew at each attempt: whoever corrects it need not restart the node.
            Self::Unfit(_) => ErrorClass::Permanent,
            Self::Launch(error) => error.class(),
            Self::Task(_) => ErrorClass::Transient,
            Self::Ledger(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Node(error) => error.class(),
        }
    }
}

/// Runs the resolver until `stop`, or until something is wrong that needs it to begin anew.
///
/// # Errors
/// [`SessionError`]. Whatever it is, everything that was decided is on disk.
pub async fn run(
    options: Options,
    local: Arc<dyn LocalChain>,
    front: Front,
    stop: CancellationToken,
) -> Result<(), SessionError> {
    let _ending = Ending { local: &*local, stop: stop.clone() };
    let config = blocking(move || configured(&options)).await?;
    let entry = local_entry(&config, local.chain_id())?.clone();
    let data_dir = config.data_dir.clone();
    let store = blocking(move || Ok(Store::open(StoreOptions::directory(data_dir))?)).await?;
    let audit = Arc::new(access::audit_log(&config)?);
    begin_acks(&store, &*local, &entry.spec)?;
    let hosts = connect(&config, &*local).await?;
    let signer = match &config.signer {
        Some(source) if !config.index_only => Some(keys::account(&config, source)?),
        _ => None,
    };
    let mode = mode_of(&config)?;
    let prices = price_book(&store, &hosts)?;
    let opened = store.clone();
    let resolver = blocking(move || {
        let resolver = open(opened, hosts, signer, &config)?;
        resolver.begin_in(mode)?;
        Ok(resolver)
    });
    let resolver = resolver.await?;
    let private = resolver.private_module(&audit);
    front.enter(resolver.rpc_module(), private);
    metrics::gauge!("bmn_extension_resolver_up").set(1.0);
    tracing::info!(target: "bmn::embed", chain = %entry.spec.chain_id, "the resolver is running");
    let ran = tokio::select! {
        ran = resolver.run(stop) => ran,
        never = prices.run(PRICES_EVERY) => match never {},
    };
    Ok(ran?)
}

/// However a run ends, by a panic even: nothing is copied out of notifications for it any more, and its
/// lanes stop, for they hold the database that the next run opens.
struct Ending<'a> {
    local: &'a dyn LocalChain,
    stop: CancellationToken,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.local.stop();
        self.stop.cancel();
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SessionError> + Send + 'static,
) -> Result<T, SessionError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| SessionError::Task(error.to_string()))?
}

fn configured(options: &Options) -> Result<NodeConfig, SessionError> {
    let mut config = read_config(&options.config, options.index_only)?;
    if let Some(directory) = &options.data_dir {
        config.data_dir.clone_from(directory);
    }
    if options.mode.is_some() {
        config.mode.clone_from(&options.mode);
    }
    Ok(config)
}

/// The entry of the node's own chain. Its endpoints are not used.
fn local_entry(config: &NodeConfig, chain: ChainId) -> Result<&NodeChain, SessionError> {
    let entry = config.chains.iter().find(|entry| entry.spec.chain_id == chain);
    let entry = entry.ok_or_else(|| {
        let listed: Vec<_> = config.chains.iter().map(|it| it.spec.chain_id.to_string()).collect();
        SessionError::Unfit(format!(
            "this node follows chain {chain}, the configuration lists {}: add a [[chains]] entry for it, \
             or give the node the chain that is meant (--chain)",
            listed.join(", ")
        ))
    })?;
    if entry.private.is_some() {
        // Its transactions go to the local pool, from where everybody may see them.
        return Err(SessionError::Unfit(format!(
            "chain {chain} is this node's own and has a private_endpoint, which would not be used: leave it \
             out, or run `bmn node` beside the node"
        )));
    }
    Ok(entry)
}

/// What the node may prune before anything new is acknowledged: what is durable and final already, else
/// what comes before the first block that will be read.
fn begin_acks(store: &Store, local: &dyn LocalChain, spec: &ChainSpec) -> Result<(), SessionError> {
    let cursor = store.read()?.cursor(spec.chain_id)?;
    let durable = match (cursor.finalized, cursor.tip) {
        (Some(finalized), Some(tip)) if finalized.number <= tip.number => Some(finalized),
        _ => None,
    };
    let canonical = |block: BlockRef| -> Result<bool, LedgerError> {
        Ok(local.block(block.number)?.is_some_and(|ours| ours.hash == block.hash))
    };
    let begin = match durable {
        Some(block) if canonical(block)? => Some(block),
        // Another chain's index, or a node that has not synced so far: nothing may go.
        Some(_) => local.block(0)?,
        None => local.block(spec.start_block.saturating_sub(1))?,
    };
    let begin = match begin {
        Some(block) => Some(block),
        // The start block is not there yet.
        None => local.block(0)?,
    };
    if let Some(block) = begin {
        local.acks().acknowledge(block);
        tracing::info!(
            target: "bmn::embed", block = block.number,
            "the node may prune up to this block; what comes after is kept until it is indexed and final"
        );
    }
    Ok(())
}

async fn connect(
    config: &NodeConfig,
    local: &dyn LocalChain,
) -> Result<Vec<ChainHost>, SessionError> {
    let mut found = Vec::new();
    for entry in &config.chains {
        let spec = entry.spec.clone();
        let (source, client) = if spec.chain_id == local.chain_id() {
            let source = SourceConfig {
                chain: spec.chain_id,
                start_block: spec.start_block,
                finality_depth: spec.finality_depth,
                selection: Arc::new(hosts::selection(&spec)),
                limits: SourceLimits::default(),
            };
            (local.source(source), local.client(spec.block_time_secs))
        } else {
            let host = hosts::connect(entry).await?;
            let source: Box<dyn ChainSource> = Box::new(host.source());
            (source, host.client() as Arc<dyn ChainClient>)
        };
        check_contracts(&*client, &spec).await?;
        found.push(ChainHost { spec, source, client });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_full_disk_is_told_as_one_and_tried_again() {
        let path = PathBuf::from("data/bmn.redb");
        let full = SessionError::Store(StoreError::DiskFull { path: path.clone() });
        let made = io::Error::from_raw_os_error(28);
        let making = SessionError::Store(StoreError::Io { path, source: made });
        let running =
            SessionError::Node(NodeError::Store(StoreError::DiskFull { path: "x".into() }));
        for error in [full, making, running] {
            let reason = error.reason();
            assert!(reason.to_lowercase().contains("no space left"), "{reason}");
            assert_eq!(error.class(), ErrorClass::Transient);
        }
    }
}
