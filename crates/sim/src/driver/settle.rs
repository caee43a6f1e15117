//! Before and after a run: funds, and every balance that is watched.

use crate::{
    Maker, Network, SimError,
    accounts::{DevAccount, INTEGRATOR, PROTOCOL},
    ledger::{Holding, Ledger, Party},
    network::fund_griefer,
    scenario::SwapSpec,
};
use alloy::primitives::Address;
use bmn_config::DevContract;

/// Every token of a development chain that can hold value; zero is the native coin.
pub(crate) fn watched_tokens() -> Vec<Address> {
    let tokens = [
        DevContract::Weth,
        DevContract::TokenA,
        DevContract::UsdX,
        DevContract::AccessToken,
        DevContract::FeeOnTransferToken,
        DevContract::ReturnsFalseToken,
        DevContract::RevertingToken,
    ];
    std::iter::once(Address::ZERO).chain(tokens.map(DevContract::address)).collect()
}

/// Funds everybody who takes part. Answers the time at which the run starts.
pub(crate) async fn fund(
    network: &Network,
    specs: &[SwapSpec],
    seed: u64,
) -> Result<u64, SimError> {
    let funds: Result<Vec<_>, _> =
        specs.iter().map(|spec| Maker::funds(spec, seed, network)).collect();
    network.fund_makers(&funds?).await?;
    for node in &network.chains {
        fund_griefer(node).await?;
    }
    network.settle()
}

/// The makers of a run.
pub(crate) async fn makers(
    network: &Network,
    specs: Vec<SwapSpec>,
    seed: u64,
    start: u64,
) -> Result<Vec<Maker>, SimError> {
    let mut makers = Vec::new();
    for spec in specs {
        makers.push(Maker::new(spec, seed, start, network).await?);
    }
    Ok(makers)
}

/// Whose balances are watched.
pub(crate) fn parties(makers: &[Maker]) -> Vec<(Party, Address)> {
    let known = [
        (Party::Resolver, DevAccount::Resolver.address()),
        (Party::Griefer, DevAccount::Griefer.address()),
        (Party::ResolverContract, DevContract::ResolverContract.address()),
        (Party::Integrator, INTEGRATOR),
        (Party::Protocol, PROTOCOL),
    ];
    let makers = makers.iter().map(|maker| (Party::Maker(maker.spec().index), maker.address()));
    known.into_iter().chain(makers).collect()
}

/// A ledger with every watched balance as it is now.
pub(crate) async fn open_ledger(network: &Network, makers: &[Maker]) -> Result<Ledger, SimError> {
    let mut ledger = Ledger::default();
    for node in &network.chains {
        for (party, address) in parties(makers) {
            for token in watched_tokens() {
                let holding = Holding { party, chain: node.id(), token };
                ledger.opens_with(holding, node.balance_of(token, address).await?);
            }
        }
    }
    Ok(ledger)
}
