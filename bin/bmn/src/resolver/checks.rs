//! What the operator is told before anything is followed.

use crate::{approve, failure::Failure, onchain::Onchain, output::Output};
use alloy::primitives::{Address, U256};
use bmn_config::ChainSpec;
use bmn_launch::hosts;

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
