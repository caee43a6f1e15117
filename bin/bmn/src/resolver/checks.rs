//! What is looked at before anything is followed.

use crate::{approve, failure::Failure, hosts, onchain::Onchain, output::Output};
use alloy::primitives::{Address, U256};
use bmn_config::ChainSpec;
use std::collections::BTreeSet;

/// Every contract that the specification believes is there, with the code that it states.
///
/// # Errors
/// All that are not, at once.
pub(super) async fn contracts(chain: &Onchain, spec: &ChainSpec) -> Result<(), Failure> {
    let mut wrong = BTreeSet::new();
    for factory in &spec.factories {
        if let Err(error) = factory.check_code(&chain.code(factory.address).await?) {
            wrong.insert(error.to_string());
        }
        let protocol = factory.limit_order_protocol;
        if !protocol.is_zero() && chain.code(protocol).await?.is_empty() {
            wrong.insert(format!("limit-order protocol {protocol} has no code on this chain"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let wrong: Vec<_> = wrong.into_iter().collect();
    Err(Failure::Usage(format!(
        "{}: {}; correct its specification, wait until the node has caught up, or, on a development \
         chain, run `bmn dev deploy`",
        hosts::named(spec),
        wrong.join("; ")
    )))
}

/// Says what the resolver's account cannot pay. Not an error: it may be mended while the node runs.
pub(super) async fn account(
    chain: &Onchain,
    spec: &ChainSpec,
    us: Address,
    output: Output,
) -> Result<(), Failure> {
    let missing = approve::missing(chain, spec, us).await?;
    let name = hosts::named(spec);
    if !missing.is_empty() {
        output.note(&format!(
            "warning: {name}: no allowance for {}: destinations in them cannot be funded; `bmn \
             approve` grants it",
            missing.join(", ")
        ));
    }
    let (held, kept) = (chain.coins(us).await?, U256::from(spec.minimums.native_balance));
    if held < kept {
        output.note(&format!(
            "warning: {name}: {us} holds {held} wei, less than the {kept} that are kept for gas: \
             orders to this chain are refused"
        ));
    }
    Ok(())
}
