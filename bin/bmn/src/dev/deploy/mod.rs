//! `bmn dev deploy`: the development contracts on somebody else's node.

pub(crate) mod args;
mod contracts;
mod funding;
mod spec;

use crate::{
    failure::Failure,
    files, hosts,
    keys::{self, DEV_CHAINS},
    node,
    onchain::Account,
    output::Output,
};
use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use args::DeployArgs;
use bmn_config::{ChainSpec, DevContract};
use bmn_primitives::ChainId;
use bmn_sim::{accounts::DevAccount, dev_contract_name};
use serde_json::json;
use spec::Site;
use std::path::{Path, PathBuf};

/// Deploys and funds what is not there yet.
pub(crate) async fn run(args: &DeployArgs, output: Output) -> Result<(), Failure> {
    let id = node::chain_id(&args.rpc).await?;
    if !DEV_CHAINS.contains(&id) {
        let known = DEV_CHAINS.map(|id| id.to_string()).join(", ");
        return Err(Failure::Usage(format!(
            "{} is chain {id}: development contracts and public keys belong on chains {known} only",
            node::shown(&args.rpc)
        )));
    }
    let signer = deployer(args, output)?;
    let chain = hosts::one(&args.rpc, ChainId(id)).await?;
    let mut account = Account::open(&chain, signer).await?;
    let site = Site {
        chain: id,
        deployer: account.address(),
        first_nonce: 0,
        block_time: args.block_time,
    };
    let site = contracts::find(&chain, site, account.next_nonce()).await?;
    let text = site.toml()?;
    let spec = ChainSpec::from_toml(&text, "the specification")
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let resolver = args.resolver.unwrap_or_else(|| DevAccount::Resolver.address());
    let deployed = contracts::deploy(&chain, &site, &spec, resolver, &mut account).await?;
    contracts::whitelist(&chain, &site, resolver, &mut account).await?;
    funding::fund(&chain, &spec, resolver, &mut account).await?;
    let text = format!("{}{text}", heading(&site, resolver));
    let file = args.out.as_deref().map(|directory| write(directory, id, &text)).transpose()?;
    say(output, &site, deployed, file.as_deref());
    if resolver != DevAccount::Resolver.address() {
        output.note("The resolver's allowances need its own key: `bmn approve --config bmn.toml`.");
    }
    let value = json!({
        "chainId": id, "deployer": site.deployer, "resolver": resolver,
        "maker": DevAccount::Maker.address(), "deployed": deployed, "builtIn": site.built_in(),
        "contracts": named(&site).collect::<serde_json::Map<_, _>>(),
        "specFile": file, "spec": text,
    });
    output.result(&value, || text.trim_end().to_owned())
}

fn deployer(args: &DeployArgs, output: Output) -> Result<PrivateKeySigner, Failure> {
    match keys::source(args.key_file.as_ref(), args.key_env.as_ref()) {
        Some(source) => Ok(keys::from(&source)?),
        None => {
            output.note("Deploying with account 0 of the public development mnemonic.");
            Ok(DevAccount::Deployer.signer())
        }
    }
}

fn named(site: &Site) -> impl Iterator<Item = (String, serde_json::Value)> {
    DevContract::ALL.iter().map(|it| (dev_contract_name(*it).to_owned(), json!(site.address(*it))))
}

fn heading(site: &Site, resolver: Address) -> String {
    let mut text = format!(
        "# Chain {}, deployed for development by {}. Resolver {resolver}, maker {}.\n",
        site.chain,
        site.deployer,
        DevAccount::Maker.address()
    );
    for contract in DevContract::ALL {
        text += &format!("# {}  {}\n", site.address(contract), dev_contract_name(contract));
    }
    text
}

fn say(output: Output, site: &Site, deployed: usize, file: Option<&Path>) {
    output.note(&match deployed {
        0 => "Every contract was there already.".to_owned(),
        n => format!("{n} contracts deployed on chain {}.", site.chain),
    });
    if let Some(name) = site.built_in() {
        output.note(&format!("The built-in specification {name} has these addresses."));
    }
    if let Some(file) = file {
        output.note(&format!("The specification is in {}.", file.display()));
    }
}

/// A second run writes the same; anything else there is not ours to overwrite.
fn write(directory: &Path, id: u64, text: &str) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(directory).map_err(|error| Failure::file(directory, error))?;
    let path = directory.join(format!("chain-{id}.toml"));
    if path.exists() && files::read_small(&path)? == text {
        return Ok(path);
    }
    files::create(&path, text)?;
    Ok(path)
}
