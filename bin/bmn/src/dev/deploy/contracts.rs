//! Which contracts are there, and which are missing.

use super::spec::Site;
use crate::{
    failure::Failure,
    onchain::{Account, Onchain},
};
use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use bmn_config::{ChainSpec, DevContract};
use bmn_contracts::{artifacts, bindings::IResolver, calldata};
use bmn_sim::{DevOwners, Payload, dev_contract_code, dev_contract_name};

const DEPLOY_GAS: u64 = 8_000_000;
const CALL_GAS: u64 = 200_000;
/// Nonces of the deployer that are looked at for an earlier deployment.
const MOST_NONCES: u64 = 2_000;

/// Where an earlier run deployed, whole or in part; otherwise the deployer's next nonce.
pub(super) async fn find(chain: &Onchain, site: Site, next_nonce: u64) -> Result<Site, Failure> {
    for first_nonce in 0..next_nonce.min(MOST_NONCES) {
        let site = Site { first_nonce, ..site };
        if begins_at(chain, &site, next_nonce).await? {
            return Ok(site);
        }
    }
    Ok(Site { first_nonce: next_nonce, ..site })
}

/// True when each of the deployer's transactions from there on created what it had to.
async fn begins_at(chain: &Onchain, site: &Site, next_nonce: u64) -> Result<bool, Failure> {
    for contract in DevContract::ALL {
        if site.first_nonce + contract.nonce() >= next_nonce {
            break;
        }
        if !is_there(chain, site, contract).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

// Immutables are zero in the artifact, so the length says what is there; an address that this
// deployer created at this nonce is nobody else's.
async fn is_there(chain: &Onchain, site: &Site, contract: DevContract) -> Result<bool, Failure> {
    let code = chain.code(site.address(contract)).await?;
    Ok(code.len() == artifact(contract).artifact().deployed_bytecode.len())
}

const fn artifact(contract: DevContract) -> artifacts::DevContract {
    use artifacts::DevContract as Built;
    match contract {
        DevContract::Weth => Built::DevWeth,
        DevContract::TokenA | DevContract::UsdX | DevContract::AccessToken => Built::DevToken,
        DevContract::TrueToken => Built::TrueToken,
        DevContract::LimitOrderProtocol => Built::LimitOrderProtocol,
        DevContract::Factory | DevContract::AccessFactory => Built::BmnFactory,
        DevContract::FeeOnTransferToken => Built::FeeOnTransferToken,
        DevContract::ReturnsFalseToken => Built::ReturnsFalseToken,
        DevContract::RevertingToken => Built::RevertingToken,
        DevContract::OneInchLimitOrderProtocol => Built::OneInchLimitOrderProtocol,
        DevContract::Bmn302Factory => Built::Bmn302Factory,
        DevContract::OneInch1Factory => Built::OneInch1Factory,
        DevContract::OneInch2Factory => Built::OneInch2Factory,
        DevContract::ResolverContract => Built::Resolver,
    }
}

/// Deploys what is missing. Answers how many contracts that were.
pub(super) async fn deploy(
    chain: &Onchain,
    site: &Site,
    spec: &ChainSpec,
    resolver: Address,
    deployer: &mut Account,
) -> Result<usize, Failure> {
    let owners = DevOwners { factories: site.deployer, resolver };
    let delay = spec.factories.first().map_or(0, |factory| factory.rescue_delay_secs);
    let delay = u32::try_from(delay)
        .map_err(|_| Failure::Usage(format!("a rescue delay of {delay} s does not fit 32 bits")))?;
    for contract in DevContract::ALL {
        let nonce = site.first_nonce + contract.nonce();
        if deployer.next_nonce() != nonce {
            continue;
        }
        let code = dev_contract_code(contract, owners, delay, |it| site.address(it));
        let payload = Payload { to: None, value: U256::ZERO, data: code, gas: DEPLOY_GAS };
        deployer.send(format!("deploying the {}", dev_contract_name(contract)), payload).await?;
    }
    let deployed = deployer.settle().await?;
    for contract in DevContract::ALL {
        if !is_there(chain, site, contract).await? {
            let (name, at) = (dev_contract_name(contract), site.address(contract));
            return Err(Failure::Run(eyre::eyre!(
                "the {name} is not at {at}: the deployer has sent other transactions since an \
                 earlier run was cut short; use another --key-env or --key-file, or a fresh chain"
            )));
        }
    }
    check_owner(chain, site, resolver).await?;
    Ok(deployed)
}

// An earlier run may have been told of another resolver, whose contract it is for good.
async fn check_owner(chain: &Onchain, site: &Site, resolver: Address) -> Result<(), Failure> {
    let at = site.address(DevContract::ResolverContract);
    let owner =
        chain.word(at, IResolver::ownerCall {}.abi_encode().into()).await?.unwrap_or_default();
    if owner == U256::from_be_bytes(resolver.into_word().0) {
        return Ok(());
    }
    let owner = Address::from_word(owner.into());
    Err(Failure::Usage(format!(
        "--resolver {resolver}: the resolver contract at {at} belongs to {owner}; give that one, or \
         deploy anew with another --key-env or --key-file"
    )))
}

/// Lets the resolver create escrows, and sign permissions, at the factories that ask for it.
pub(super) async fn whitelist(
    chain: &Onchain,
    site: &Site,
    resolver: Address,
    deployer: &mut Account,
) -> Result<(), Failure> {
    for factory in [DevContract::Factory, DevContract::AccessFactory, DevContract::Bmn302Factory] {
        let at = site.address(factory);
        let listed = chain.word(at, calldata::is_whitelisted_resolver(resolver)).await?;
        if listed.unwrap_or_default().is_zero() {
            let call = Payload::call(at, calldata::add_resolver(resolver), CALL_GAS);
            deployer.send("whitelisting the resolver".to_owned(), call).await?;
        }
    }
    deployer.settle().await.map(drop)
}
