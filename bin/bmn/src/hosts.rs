//! Chains behind URLs, for the operator's commands.

use crate::{failure::Failure, onchain::Onchain};
use bmn_chain::ChainClient;
use bmn_config::NodeChain;
use bmn_host_rpc::{Endpoint, Limits, LogSelection, RpcConfig, RpcError, RpcHost};
use bmn_launch::hosts::{LONGEST_POLL, connect, named};
use bmn_primitives::ChainId;
use std::sync::Arc;

/// What the operator's commands need of a chain of a configuration.
pub(crate) async fn client(chain: &NodeChain) -> Result<Onchain, Failure> {
    let host = connect(chain).await?;
    Ok(onchain(&host, named(&chain.spec)))
}

/// A chain behind one URL.
pub(crate) async fn one(url: &str, chain_id: ChainId) -> Result<Onchain, Failure> {
    let endpoint: Endpoint = url.parse().map_err(|error| Failure::Usage(format!("{error}")))?;
    let shown = endpoint.to_string();
    let config = RpcConfig {
        chain_id,
        endpoints: vec![endpoint],
        private: None,
        start_block: 0,
        finality_depth: 0,
        filter: LogSelection::default(),
        agreement: 1,
        limits: Limits::default(),
        poll: LONGEST_POLL,
    };
    let host = RpcHost::connect(config).await.map_err(|error| failed(&shown, error))?;
    Ok(onchain(&host, shown))
}

/// A connected chain for the operator's commands.
pub(crate) fn onchain(host: &RpcHost, shown: String) -> Onchain {
    Onchain { client: host.client() as Arc<dyn ChainClient>, shown }
}

fn failed(shown: &str, error: RpcError) -> Failure {
    match error {
        RpcError::Unreachable { reasons, .. } => Failure::Unreachable {
            url: shown.to_owned(),
            reason: reasons,
            hint: Some("is a node running there?"),
        },
        other => Failure::Usage(other.to_string()),
    }
}
