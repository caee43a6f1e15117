//! The contracts of a development chain, deployed from one account in one order.

use super::NetworkChain;
use crate::{
    SimError,
    accounts::DevAccount,
    wallet::{Payload, Sent, Wallet},
};
use alloy::primitives::{Address, Bytes, U256};
use bmn_config::DevContract;
use bmn_contracts::{
    artifacts::{self, TokenKind},
    calldata,
};
use bmn_primitives::Dialect;

const DEPLOY_GAS: u64 = 8_000_000;
const CALL_GAS: u64 = 200_000;
/// Share that the fee-on-transfer token burns, hundredths of a percent.
const TRANSFER_FEE_BPS: u16 = 100;

/// Deploys what is missing and whitelists the resolver.
pub(super) async fn deploy(node: &NetworkChain) -> Result<(), SimError> {
    check_specification(node)?;
    let deployer = DevAccount::Deployer.signer();
    let mut wallet = Wallet::open(deployer, node.client.clone()).await?;
    let mut sent = Vec::new();
    for contract in DevContract::ALL {
        if wallet.next_nonce() == contract.nonce() {
            let payload = Payload {
                to: None,
                value: U256::ZERO,
                data: creation_code(contract, node)?,
                gas: DEPLOY_GAS,
            };
            sent.push((dev_contract_name(contract), wallet.send(payload).await?));
        }
    }
    node.mine_pool()?;
    check_mined(node, &sent).await?;
    check_complete(node).await?;
    let resolver = DevAccount::Resolver.address();
    let mut sent = Vec::new();
    // Those whose whitelist decides who may sign permissions.
    for factory in [DevContract::Factory, DevContract::AccessFactory, DevContract::Bmn302Factory] {
        let listed = calldata::is_whitelisted_resolver(resolver);
        if node.read_word(factory.address(), listed).await?.is_zero() {
            let data = calldata::add_resolver(resolver);
            let payload = Payload::call(factory.address(), data, CALL_GAS);
            sent.push(("whitelist the resolver", wallet.send(payload).await?));
        }
    }
    node.mine_pool()?;
    check_mined(node, &sent).await
}

// A chain of an older version has fewer contracts, and the deployer's nonce has gone on since.
async fn check_complete(node: &NetworkChain) -> Result<(), SimError> {
    for contract in DevContract::ALL {
        if node.client.code(contract.address()).await?.is_empty() {
            let name = dev_contract_name(contract);
            let step = format!(
                "there is no {name}: the chain was set up by an older version; start with an empty \
                 data directory"
            );
            return Err(SimError::SetUp { chain: node.id(), step });
        }
    }
    Ok(())
}

/// Fails on the first transaction that is not mined or reverted.
pub(super) async fn check_mined(
    node: &NetworkChain,
    sent: &[(&str, Sent)],
) -> Result<(), SimError> {
    for (step, tx) in sent {
        let receipt = node.client.receipt(tx.hash).await?;
        if !receipt.is_some_and(|receipt| receipt.success) {
            return Err(SimError::SetUp { chain: node.id(), step: (*step).to_owned() });
        }
    }
    Ok(())
}

fn check_specification(node: &NetworkChain) -> Result<(), SimError> {
    let spec = &node.spec;
    let token = |symbol: &str| spec.token_named(symbol).map(|token| token.address);
    let factory = |index: usize| spec.factories.get(index);
    let of = |dialect| spec.factories.iter().find(move |it| it.dialect == dialect);
    let expected = [
        (DevContract::Weth, token("WETH")),
        (DevContract::TokenA, token("TKA")),
        (DevContract::UsdX, token("USDX")),
        (DevContract::TrueToken, spec.true_tokens.first().copied()),
        (DevContract::LimitOrderProtocol, factory(0).map(|it| it.limit_order_protocol)),
        (DevContract::Factory, factory(0).map(|it| it.address)),
        (DevContract::AccessFactory, factory(1).map(|it| it.address)),
        (DevContract::Bmn302Factory, of(Dialect::Bmn302).map(|it| it.address)),
        (DevContract::OneInch1Factory, of(Dialect::OneInch1).map(|it| it.address)),
        (DevContract::OneInch2Factory, of(Dialect::OneInch2).map(|it| it.address)),
        (
            DevContract::OneInchLimitOrderProtocol,
            of(Dialect::OneInch2).map(|it| it.limit_order_protocol),
        ),
        (DevContract::ResolverContract, spec.resolver_contract),
    ];
    for (contract, expected) in expected {
        let (expected, found) = (expected.unwrap_or_default(), contract.address());
        if expected != found {
            let contract = dev_contract_name(contract);
            return Err(SimError::Misplaced { chain: node.id(), contract, expected, found });
        }
    }
    Ok(())
}

fn creation_code(contract: DevContract, node: &NetworkChain) -> Result<Bytes, SimError> {
    let delay = node.spec.factories.first().map_or(0, |factory| factory.rescue_delay_secs);
    let delay = u32::try_from(delay).map_err(|_| SimError::SetUp {
        chain: node.id(),
        step: format!("a rescue delay of {delay} s does not fit 32 bits"),
    })?;
    let owners = DevOwners {
        factories: DevAccount::Deployer.address(),
        resolver: DevAccount::Resolver.address(),
    };
    Ok(dev_contract_code(contract, owners, delay, DevContract::address))
}

/// Who owns what on a development chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DevOwners {
    /// The factories' owner.
    pub factories: Address,
    /// The resolver's account, which owns its contract.
    pub resolver: Address,
}

/// Creation code of a contract of a development chain, given where the others are. `rescue_delay` is
/// in seconds.
pub fn dev_contract_code(
    contract: DevContract,
    owners: DevOwners,
    rescue_delay: u32,
    address_of: impl Fn(DevContract) -> Address,
) -> Bytes {
    let weth = address_of(DevContract::Weth);
    let owner = owners.factories;
    let factory = |access_token: Address| {
        let protocol = address_of(DevContract::LimitOrderProtocol);
        artifacts::bmn_factory(protocol, owner, rescue_delay, access_token, weth)
    };
    let token = artifacts::token;
    match contract {
        DevContract::Weth => artifacts::weth(),
        DevContract::TokenA => token(TokenKind::Plain, "Token A", "TKA", 18),
        DevContract::UsdX => token(TokenKind::Plain, "USD X", "USDX", 6),
        DevContract::TrueToken => artifacts::true_token(),
        DevContract::LimitOrderProtocol => artifacts::limit_order_protocol(weth),
        DevContract::Factory => factory(Address::ZERO),
        DevContract::AccessToken => token(TokenKind::Plain, "Access", "ACCESS", 18),
        DevContract::AccessFactory => factory(address_of(DevContract::AccessToken)),
        DevContract::FeeOnTransferToken => {
            token(TokenKind::FeeOnTransfer(TRANSFER_FEE_BPS), "Fee on transfer", "FEE", 18)
        }
        DevContract::ReturnsFalseToken => {
            token(TokenKind::ReturnsFalse, "Returns false", "FALSE", 18)
        }
        DevContract::RevertingToken => token(TokenKind::Reverting, "Reverting", "REVERT", 18),
        DevContract::ResolverContract => artifacts::resolver(owners.resolver),
        DevContract::OneInchLimitOrderProtocol => artifacts::oneinch_limit_order_protocol(weth),
        DevContract::Bmn302Factory => artifacts::bmn302_factory(Address::ZERO, owner, rescue_delay),
        DevContract::OneInch1Factory => artifacts::oneinch1_factory(
            address_of(DevContract::OneInchLimitOrderProtocol),
            address_of(DevContract::UsdX),
            address_of(DevContract::AccessToken),
            owner,
            rescue_delay,
        ),
        DevContract::OneInch2Factory => artifacts::oneinch2_factory(
            address_of(DevContract::OneInchLimitOrderProtocol),
            address_of(DevContract::AccessToken),
            owner,
            rescue_delay,
        ),
    }
}

/// What people call a contract of a development chain.
pub const fn dev_contract_name(contract: DevContract) -> &'static str {
    match contract {
        DevContract::Weth => "WETH",
        DevContract::TokenA => "TKA",
        DevContract::UsdX => "USDX",
        DevContract::TrueToken => "always-true token",
        DevContract::LimitOrderProtocol => "limit-order protocol",
        DevContract::Factory => "escrow factory",
        DevContract::AccessToken => "access token",
        DevContract::AccessFactory => "escrow factory with access token",
        DevContract::FeeOnTransferToken => "fee-on-transfer token",
        DevContract::ReturnsFalseToken => "returns-false token",
        DevContract::RevertingToken => "reverting token",
        DevContract::OneInchLimitOrderProtocol => "1inch limit-order protocol",
        DevContract::Bmn302Factory => "bmn302 escrow factory",
        DevContract::OneInch1Factory => "oneinch1 escrow factory",
        DevContract::OneInch2Factory => "oneinch2 escrow factory",
        DevContract::ResolverContract => "resolver contract",
    }
}
