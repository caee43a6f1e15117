//! Coins, tokens and allowances, by ordinary transactions.

use super::{NetworkChain, contracts::check_mined};
use crate::{
    SimError,
    accounts::DevAccount,
    wallet::{Payload, Sent, Wallet},
};
use alloy::{
    primitives::{Address, U256},
    signers::local::PrivateKeySigner,
};
use bmn_config::DevContract;
use bmn_contracts::calldata;
use bmn_primitives::{ChainId, Dialect};
use std::collections::BTreeSet;

const MINT_GAS: u64 = 120_000;
const APPROVE_GAS: u64 = 80_000;
/// Whole tokens of each kind that the resolver starts with.
const RESOLVER_TOKENS: u64 = 1_000_000;
/// Whole tokens of each kind that a visitor's account starts with.
const VISITOR_TOKENS: u64 = 10_000;
/// Coins of a maker, wei: gas for a handful of transactions.
const MAKER_COINS: u64 = 1_000_000_000_000_000_000;

/// Tokens that a maker sells, and who may take them.
#[derive(Clone)]
pub struct MakerFunds {
    /// His key.
    pub signer: PrivateKeySigner,
    /// Chain he sells on.
    pub chain: ChainId,
    /// Token he sells.
    pub token: Address,
    /// How much he has of it, smallest unit.
    pub amount: U256,
    /// Contracts that may take it.
    pub spenders: Vec<Address>,
}

/// Who may take the resolver's tokens: the factories whose post-interaction is protected, and its own
/// contract. An allowance to any other factory is one to everybody (`protocol.md` 11.13).
fn trusted(node: &NetworkChain) -> impl Iterator<Item = Address> {
    let protected = node.spec.factories.iter().filter(|it| it.dialect == Dialect::Bmn4);
    protected.map(|factory| factory.address).chain(node.spec.resolver_contract)
}

/// The operator's one-off set-up: tokens, and the allowances that last.
pub(super) async fn fund_resolver(node: &NetworkChain) -> Result<(), SimError> {
    let mut wallet = Wallet::open(DevAccount::Resolver.signer(), node.client.clone()).await?;
    let mut sent = Vec::new();
    for token in &node.spec.tokens {
        let wanted = whole(RESOLVER_TOKENS, token.decimals);
        if node.balance_of(token.address, wallet.address()).await?.is_zero() {
            let data = calldata::mint(wallet.address(), wanted);
            let tx = wallet.send(Payload::call(token.address, data, MINT_GAS)).await?;
            sent.push(("mint the resolver's tokens", tx));
        }
        for spender in trusted(node) {
            let allowed = calldata::allowance(wallet.address(), spender);
            if node.read_word(token.address, allowed).await?.is_zero() {
                let tx = approve(&mut wallet, token.address, spender).await?;
                sent.push(("approve a contract for the resolver", tx));
            }
        }
    }
    node.mine_pool()?;
    check_mined(node, &sent).await
}

/// Coins and tokens from the faucet, allowances from the makers themselves.
pub(super) async fn fund_makers(
    node: &NetworkChain,
    makers: &[MakerFunds],
) -> Result<(), SimError> {
    let mut faucet = Wallet::open(DevAccount::Faucet.signer(), node.client.clone()).await?;
    let mut sent = Vec::new();
    for maker in makers {
        let address = maker.signer.address();
        let coins = Payload::pay(address, U256::from(MAKER_COINS));
        sent.push(("give a maker coins", faucet.send(coins).await?));
        if maker.chain == node.id() {
            let data = calldata::mint(address, maker.amount);
            let mint = Payload::call(maker.token, data, MINT_GAS);
            sent.push(("mint a maker's tokens", faucet.send(mint).await?));
        }
    }
    node.mine_pool()?;
    check_mined(node, &sent).await?;
    let mut sent = Vec::new();
    for maker in makers.iter().filter(|maker| maker.chain == node.id()) {
        let mut wallet = Wallet::open(maker.signer.clone(), node.client.clone()).await?;
        for spender in &maker.spenders {
            let tx = approve(&mut wallet, maker.token, *spender).await?;
            sent.push(("approve a contract for a maker", tx));
        }
    }
    node.mine_pool()?;
    check_mined(node, &sent).await
}

/// Prepares the account that people try things out with: tokens, and an allowance for each
/// limit-order protocol. Harmless when done before.
pub(super) async fn fund_visitor(node: &NetworkChain) -> Result<(), SimError> {
    let mut wallet = Wallet::open(DevAccount::Maker.signer(), node.client.clone()).await?;
    let mut sent = Vec::new();
    let protocols: BTreeSet<Address> =
        node.spec.factories.iter().map(|factory| factory.limit_order_protocol).collect();
    for token in &node.spec.tokens {
        if node.balance_of(token.address, wallet.address()).await?.is_zero() {
            let data = calldata::mint(wallet.address(), whole(VISITOR_TOKENS, token.decimals));
            let mint = Payload::call(token.address, data, MINT_GAS);
            sent.push(("mint the visitor's tokens", wallet.send(mint).await?));
        }
        for protocol in &protocols {
            let allowed = calldata::allowance(wallet.address(), *protocol);
            if node.read_word(token.address, allowed).await?.is_zero() {
                let tx = approve(&mut wallet, token.address, *protocol).await?;
                sent.push(("approve a limit-order protocol for the visitor", tx));
            }
        }
    }
    node.mine_pool()?;
    check_mined(node, &sent).await
}

/// Prepares the stranger: a few of the good tokens, which his own orders and fills may take.
pub(crate) async fn fund_griefer(node: &NetworkChain) -> Result<(), SimError> {
    let mut wallet = Wallet::open(DevAccount::Griefer.signer(), node.client.clone()).await?;
    let mut sent = Vec::new();
    for contract in [DevContract::TokenA, DevContract::UsdX] {
        let token = contract.address();
        let data = calldata::mint(wallet.address(), U256::from(1_000_000));
        let tx = wallet.send(Payload::call(token, data, MINT_GAS)).await?;
        sent.push(("mint the griefer's tokens", tx));
        for spender in
            [DevContract::LimitOrderProtocol, DevContract::Factory, DevContract::OneInch1Factory]
        {
            let tx = approve(&mut wallet, token, spender.address()).await?;
            sent.push(("approve a contract for the griefer", tx));
        }
    }
    node.mine_pool()?;
    check_mined(node, &sent).await
}

async fn approve(wallet: &mut Wallet, token: Address, spender: Address) -> Result<Sent, SimError> {
    let data = calldata::approve(spender, U256::MAX);
    wallet.send(Payload::call(token, data, APPROVE_GAS)).await
}

/// So many whole tokens in the smallest unit.
pub(crate) fn whole(amount: u64, decimals: u8) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(decimals))
}
