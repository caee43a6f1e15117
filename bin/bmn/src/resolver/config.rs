//! Reading the configuration of a node.

use crate::failure::Failure;
use bmn_config::NodeConfig;
use clap::Args;
use std::path::PathBuf;

/// Which configuration.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration of the node; etc/bmn.example.toml explains every key.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

impl ConfigArgs {
    /// Reads it, with every specification it names.
    pub(crate) fn read(&self, index_only: bool) -> Result<NodeConfig, Failure> {
        Ok(bmn_launch::read_config(&self.config, index_only)?)
    }
}
