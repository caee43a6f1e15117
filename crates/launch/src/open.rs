//! The configuration, and what is opened with it.

use crate::{LaunchError, files, secrets};
use bmn_config::{Loaded, NodeConfig, NodeOrigin, Override};
use bmn_executor::Account;
use bmn_node::{
    ChainHost, PriceBook, PriceParts, Resolver, SystemClock, keeper_limits_of, policy_of,
};
use bmn_store::Store;
use bmn_swap::Mode;
use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Pause between two looks at the prices.
pub const PRICES_EVERY: Duration = Duration::from_secs(10);

/// Where a configuration comes from: a file, the environment (`BMN_CONFIG__…`) and flags, the later above the earlier.
#[derive(Clone)]
pub struct ConfigSource {
    path: PathBuf,
    above: Vec<Override>,
    index_only: bool,
    adjust: Arc<dyn Fn(&mut NodeConfig) + Send + Sync>,
}

impl fmt::Debug for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigSource").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A file that was read, and what it says together with what stands above it.
#[derive(Debug, Clone)]
pub struct LoadedFile {
    /// The text of the file.
    pub text: String,
    /// What holds.
    pub loaded: Loaded,
}

impl ConfigSource {
    /// A file (`-` is stdin) under the environment of this process. With `index_only` no key is asked for.
    pub fn new(path: &Path, index_only: bool) -> Self {
        let texts = |(name, text): (OsString, OsString)| {
            Some((name.into_string().ok()?, text.into_string().ok()?))
        };
        let above = Override::from_environment(std::env::vars_os().filter_map(texts));
        Self { path: path.to_owned(), above, index_only, adjust: Arc::new(|_| {}) }
    }

    /// With flags (`KEY=VALUE`) above the environment.
    ///
    /// # Errors
    /// [`LaunchError::Configuration`]: one that is none, or that holds a secret.
    pub fn with_flags(mut self, flags: &[String]) -> Result<Self, LaunchError> {
        for flag in flags {
            let read = Override::from_flag(flag).map_err(LaunchError::Configuration)?;
            self.above.push(read);
        }
        Ok(self)
    }

    /// With a change that is made to whatever is read, for flags with names of their own.
    #[must_use]
    pub fn adjusted(self, adjust: impl Fn(&mut NodeConfig) + Send + Sync + 'static) -> Self {
        Self { adjust: Arc::new(adjust), ..self }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The variables and flags that stand above the file, by name.
    pub fn above(&self) -> impl Iterator<Item = &str> {
        self.above.iter().map(|one| one.name.as_str())
    }

    /// The text of the file.
    ///
    /// # Errors
    /// [`LaunchError::File`].
    pub fn text(&self) -> Result<String, LaunchError> {
        files::read_small(&self.path)
    }

    /// What a text in the place of the file says, with every specification that it names.
    ///
    /// # Errors
    /// [`LaunchError::Configuration`] with every problem of the text and of what stands above it.
    pub fn load(&self, text: &str) -> Result<Loaded, LaunchError> {
        let read = |path: &Path| {
            files::read_small(path).map_err(|failure| match failure {
                LaunchError::File { source, .. } => source,
                other => io::Error::other(other.to_string()),
            })
        };
        let origin = NodeOrigin {
            name: &self.path.display().to_string(),
            directory: self.path.parent().unwrap_or(Path::new("")),
            index_only: self.index_only,
            read: &read,
        };
        let loaded = NodeConfig::from_layers(text, &self.above, &origin);
        let mut loaded = loaded.map_err(|error| LaunchError::Configuration(error.to_string()))?;
        (self.adjust)(&mut loaded.config);
        Ok(loaded)
    }

    /// Reads the file, with all that stands above it.
    ///
    /// # Errors
    /// [`LaunchError::File`] for the file itself; else as [`Self::load`].
    pub fn read(&self) -> Result<LoadedFile, LaunchError> {
        let text = self.text()?;
        let loaded = self.load(&text)?;
        Ok(LoadedFile { text, loaded })
    }
}

/// Reads a configuration under the environment of this process, with every specification it names. With `index_only`
/// no key is asked for.
///
/// # Errors
/// As [`ConfigSource::read`].
pub fn read_config(path: &Path, index_only: bool) -> Result<NodeConfig, LaunchError> {
    ConfigSource::new(path, index_only).read().map(|file| file.loaded.config)
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
        url: &|source| secrets::url(source).ok(),
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
