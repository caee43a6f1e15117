//! Reading the configuration of a node.

use crate::failure::Failure;
use bmn_config::NodeConfig;
use bmn_launch::ConfigSource;
use clap::Args;
use std::path::PathBuf;

/// Which configuration.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration of the node; etc/bmn.example.toml explains every key. Variables that begin with BMN_CONFIG__
    /// stand above it (BMN_CONFIG__POLICY__MIN_PROFIT_BPS=25).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// A value above the file and the environment, as in --set policy.min_profit_bps=25; may be repeated. `bmn config
    /// schema` lists the keys. Never a secret.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

impl ConfigArgs {
    /// Where it comes from.
    pub(crate) fn source(&self, index_only: bool) -> Result<ConfigSource, Failure> {
        Ok(ConfigSource::new(&self.config, index_only).with_flags(&self.set)?)
    }

    /// Reads it, with every specification it names.
    pub(crate) fn read(&self, index_only: bool) -> Result<NodeConfig, Failure> {
        Ok(self.source(index_only)?.read()?.loaded.config)
    }
}
