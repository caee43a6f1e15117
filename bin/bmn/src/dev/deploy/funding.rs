//! Coins and tokens for those who take part.

use crate::{
    approve,
    failure::Failure,
    onchain::{Account, Onchain},
};
use alloy::primitives::{Address, U256};
use bmn_config::ChainSpec;
use bmn_contracts::calldata;
use bmn_sim::{Payload, accounts::DevAccount};
use std::collections::BTreeSet;

const MINT_GAS: u64 = 120_000;
/// Whole tokens of each kind that the resolver starts with.
const RESOLVER_TOKENS: u64 = 1_000_000;
/// Whole tokens of each kind that the maker starts with.
const MAKER_TOKENS: u64 = 10_000;
/// Coins below which an account is given some, wei.
const FEW_COINS: u64 = 1_000_000_000_000_000_000;
/// Coins that it is given, wei.
const COINS: u64 = 10_000_000_000_000_000_000;

/// Gives the resolver and the maker what they do not have yet, and the development accounts among them
/// their allowances.
pub(super) async fn fund(
    chain: &Onchain,
    spec: &ChainSpec,
    resolver: Address,
    deployer: &mut Account,
) -> Result<(), Failure> {
    let maker = DevAccount::Maker.address();
    for (name, account, tokens) in
        [("the resolver", resolver, RESOLVER_TOKENS), ("the maker", maker, MAKER_TOKENS)]
    {
        if chain.coins(account).await? < U256::from(FEW_COINS) {
            let coins = Payload::pay(account, U256::from(COINS));
            deployer.send(format!("coins for {name}"), coins).await?;
        }
        for token in &spec.tokens {
            let held = chain.word(token.address, calldata::balance_of(account)).await?;
            if held.unwrap_or_default().is_zero() {
                let units = U256::from(tokens) * U256::from(10).pow(U256::from(token.decimals));
                let mint = Payload::call(token.address, calldata::mint(account, units), MINT_GAS);
                deployer.send(format!("{} for {name}", token.symbol), mint).await?;
            }
        }
    }
    deployer.settle().await?;
    if resolver == DevAccount::Resolver.address() {
        let wanted = approve::needed(spec);
        approve::grant(chain, DevAccount::Resolver.signer(), &wanted, U256::MAX).await?;
    }
    let protocols: BTreeSet<_> =
        spec.factories.iter().map(|factory| factory.limit_order_protocol).collect();
    let every = |token| protocols.iter().map(move |at| approve::Allowance::new(token, *at));
    let wanted: Vec<_> = spec.tokens.iter().flat_map(every).collect();
    approve::grant(chain, DevAccount::Maker.signer(), &wanted, U256::MAX).await.map(drop)
}
