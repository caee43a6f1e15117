//! Chains behind URLs.

use crate::{LaunchError, secrets};
use alloy::primitives::B256;
use bmn_config::{ChainSpec, EndpointSource, NodeChain};
use bmn_contracts::{Emitter, topics};
use bmn_host_rpc::{Endpoint, Limits, LogSelection, PrivateSends, RpcConfig, RpcError, RpcHost};
use bmn_primitives::Dialect;
use std::time::Duration;

/// Longest pause between looks at the head when nothing is configured.
pub const LONGEST_POLL: Duration = Duration::from_secs(2);

/// A chain of a configuration, connected.
///
/// # Errors
/// [`LaunchError::Unreachable`] when no endpoint answers; [`LaunchError::Configuration`] when one follows another
/// chain, or is none.
pub async fn connect(chain: &NodeChain) -> Result<RpcHost, LaunchError> {
    let spec = &chain.spec;
    let mut endpoints = Vec::new();
    for (number, source) in (1..).zip(&chain.endpoints) {
        endpoints.push(endpoint(source).map_err(|reason| {
            LaunchError::Configuration(format!(
                "{}: endpoint number {number}: {reason}",
                named(spec)
            ))
        })?);
    }
    let private = chain.private.as_ref().map(|private| {
        let endpoint = endpoint(&private.endpoint);
        let endpoint = endpoint.map_err(|reason| {
            LaunchError::Configuration(format!("{}: private_endpoint: {reason}", named(spec)))
        })?;
        Ok::<_, LaunchError>(PrivateSends { endpoint, fallback_after: private.fallback_after })
    });
    let private = private.transpose()?;
    // Half a block time: a block is seen by then even where no subscription tells.
    let usual = Duration::from_millis(spec.block_time_secs.saturating_mul(500)).min(LONGEST_POLL);
    let config = RpcConfig {
        chain_id: spec.chain_id,
        endpoints,
        private,
        start_block: spec.start_block,
        finality_depth: spec.finality_depth,
        filter: selection(spec),
        agreement: usize::try_from(chain.agreement).unwrap_or(usize::MAX),
        limits: Limits::default(),
        poll: chain.poll_ms.map_or(usual, Duration::from_millis),
    };
    RpcHost::connect(config).await.map_err(|error| failed(&named(spec), error))
}

/// A chain for people.
pub fn named(spec: &ChainSpec) -> String {
    format!("{} ({})", spec.name, spec.chain_id)
}

/// The endpoint that a configuration names.
///
/// # Errors
/// Why there is none; never the text itself, which may hold a key.
pub fn endpoint(source: &EndpointSource) -> Result<Endpoint, String> {
    secrets::url(source)?.parse().map_err(|error| format!("{error}"))
}

fn failed(chain: &str, error: RpcError) -> LaunchError {
    match error {
        RpcError::Unreachable { reasons, .. } => {
            LaunchError::Unreachable { chain: chain.to_owned(), reason: reasons }
        }
        other => LaunchError::Configuration(other.to_string()),
    }
}

/// Everything the index believes of a chain: its factories and order contracts, and what escrows log,
/// whose addresses are not known before.
pub fn selection(spec: &ChainSpec) -> LogSelection {
    let mut addresses: Vec<_> = spec
        .factories
        .iter()
        .flat_map(|factory| [factory.address, factory.limit_order_protocol])
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    let mut topics_anywhere: Vec<B256> = Dialect::ALL
        .iter()
        .flat_map(|dialect| topics(Emitter::Escrow(*dialect)))
        .copied()
        .collect();
    topics_anywhere.sort_unstable();
    topics_anywhere.dedup();
    LogSelection { addresses, topics_anywhere }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmn_config::dev_chains;

    #[test]
    fn the_factories_and_the_escrows_of_every_dialect_are_selected_once() {
        let [spec, _] = dev_chains().unwrap();
        let selected = selection(&spec);
        // Five factories over two order contracts.
        assert_eq!((selected.addresses.len(), selected.topics_anywhere.len()), (7, 3));
    }
}
