//! What is looked at before anything is followed.

use crate::{LaunchError, hosts};
use bmn_chain::ChainClient;
use bmn_config::ChainSpec;
use std::collections::BTreeSet;

/// Every contract that the specification believes is there, with the code that it states.
///
/// # Errors
/// [`LaunchError::Contracts`] names all that are not; [`LaunchError::Chain`] when the chain does not say.
pub async fn check_contracts(
    client: &dyn ChainClient,
    spec: &ChainSpec,
) -> Result<(), LaunchError> {
    let chain = || hosts::named(spec);
    let failed = |source| LaunchError::Chain { chain: chain(), source };
    let mut wrong = BTreeSet::new();
    for factory in &spec.factories {
        let code = client.code(factory.address).await.map_err(failed)?;
        if let Err(error) = factory.check_code(&code) {
            wrong.insert(error.to_string());
        }
        let protocol = factory.limit_order_protocol;
        if !protocol.is_zero() && client.code(protocol).await.map_err(failed)?.is_empty() {
            wrong.insert(format!("limit-order protocol {protocol} has no code on this chain"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let reason = wrong.into_iter().collect::<Vec<_>>().join("; ");
    Err(LaunchError::Contracts { chain: chain(), reason })
}
