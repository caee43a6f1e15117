//! Reading the configuration of a node.

use crate::{failure::Failure, files};
use bmn_config::{NodeConfig, NodeOrigin};
use clap::Args;
use std::{
    io,
    path::{Path, PathBuf},
};

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
        let text = files::read_small(&self.config)?;
        let read = |path: &Path| {
            files::read_small(path).map_err(|failure| match failure {
                Failure::File { source, .. } => source,
                other => io::Error::other(other.to_string()),
            })
        };
        let origin = NodeOrigin {
            name: &self.config.display().to_string(),
            directory: self.config.parent().unwrap_or(Path::new("")),
            index_only,
            read: &read,
        };
        NodeConfig::from_toml(&text, &origin).map_err(|error| Failure::Usage(error.to_string()))
    }
}
