//! The configuration, and what is opened with it.

use crate::{LaunchError, files};
use bmn_config::{EndpointSource, NodeConfig, NodeOrigin};
use bmn_executor::Account;
use bmn_node::{
    ChainHost, PriceBook, PriceParts, Resolver, SystemClock, keeper_limits_of, policy_of,
};
use bmn_store::Store;
use bmn_swap::Mode;
use std::{io, path::Path, sync::Arc, time::Duration};

/// Pause between two looks at the prices.
pub const PRICES_EVERY: Duration = Duration::from_secs(10);

/// Reads a configuration, with every specification it names. With `index_only` no key is asked for.
///
/// # Errors
/// [`LaunchError::File`] for the configuration itself; [`LaunchError::Configuration`] with every problem in it.
pub fn read_config(path: &Path, index_only: bool) -> Result<NodeConfig, LaunchError> {
    let text = files::read_small(path)?;
    let read = |path: &Path| {
        files::read_small(path).map_err(|failure| match failure {
            LaunchError::File { source, .. } => source,
            other => io::Error::other(other.to_string()),
        })
    };
    let origin = NodeOrigin {
        name: &path.display().to_string(),
        directory: path.parent().unwrap_or(Path::new("")),
        index_only,
        read: &read,
    };
    NodeConfig::from_toml(&text, &origin)
        .map_err(|error| LaunchError::Configuration(error.to_string()))
}

/// The mode of a resolver that never had one.
///
/// # Errors
/// [`LaunchError::Configuration`]: it is no mode.
pub fn mode_of(config: &NodeConfig) -> Result<Mode, LaunchError> {
    let read = config.mode.as_deref().map(str::parse).transpose();
    read.map(Option::unwrap_or_default)
        .map_err(|error| LaunchError::Configuration(format!("`mode`: {error}")))
}

/// What looks at prices for these chains.
///
/// # Errors
/// [`LaunchError::Configuration`]: a source that cannot be asked.
pub fn price_book(store: &Store, hosts: &[ChainHost]) -> Result<PriceBook, LaunchError> {
    let specs: Vec<_> = hosts.iter().map(|host| host.spec.clone()).collect();
    let clients = hosts.iter().map(|host| (host.spec.chain_id, Arc::clone(&host.client)));
    let parts = PriceParts {
        specs: &specs,
        clients: clients.collect(),
        url: &|source| match source {
            EndpointSource::Url(url) => Some(url.clone()),
            EndpointSource::Env(name) => std::env::var(name).ok(),
        },
        clock: Arc::new(SystemClock::new()),
    };
    PriceBook::of(store.clone(), &parts)
        .map_err(|error| LaunchError::Configuration(error.to_string()))
}

/// The resolver, or the index alone where there is no account.
///
/// # Errors
/// [`LaunchError::Node`].
pub fn open(
    store: Store,
    hosts: Vec<ChainHost>,
    account: Option<Account>,
    config: &NodeConfig,
) -> Result<Resolver, LaunchError> {
    let (policy, clock) = (policy_of(&config.policy), Arc::new(SystemClock::new()));
    let resolver = match account {
        Some(account) => Resolver::open(store, hosts, account, policy, clock),
        None => Resolver::open_index_only(store, hosts, policy, clock),
    }?;
    if let Some(limits) = keeper_limits_of(&config.keeper) {
        resolver.keep_within(limits);
    }
    if !config.access.submissions {
        resolver.refuse_submissions();
    }
    Ok(resolver)
}
