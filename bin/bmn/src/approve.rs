//! `bmn approve`: what the resolver's account lets the factories take.

use crate::{
    amount,
    failure::Failure,
    hosts, keys,
    onchain::{Account, Onchain},
    output::Output,
    resolver::config::ConfigArgs,
};
use alloy::{
    primitives::{Address, U256},
    signers::local::PrivateKeySigner,
};
use bmn_config::{ChainSpec, TokenSpec};
use bmn_contracts::calldata;
use bmn_node::route_of;
use bmn_primitives::Dialect;
use bmn_sim::Payload;
use clap::Args;
use serde_json::json;

const APPROVE_GAS: u64 = 100_000;

const EXAMPLES: &str = "\
Examples:
  bmn approve --config bmn.toml                              show the allowances
  bmn approve --config bmn.toml --chain 1338 --token USDX --amount 50000
  bmn approve --config bmn.toml --unlimited                  every token of every chain
  bmn approve --config bmn.toml --amount 0                   take every allowance back

A destination escrow is funded by its factory, which takes the tokens from the resolver's account: it
needs an allowance for each token that is paid out. Only the factory that creates our destinations is
ever approved, and none whose escrows lock funds for ever. Whatever is allowed can be taken as long as
the factory's code lets it: allow what is at work, not what is owned.";

/// Show or change what the factories may take from the resolver's account.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    config: ConfigArgs,

    /// Only on this chain, by name or id.
    #[arg(long)]
    chain: Option<String>,

    /// Only this token, by symbol.
    #[arg(long, value_name = "SYMBOL")]
    token: Option<String>,

    /// Allow so many whole tokens; 0 takes the allowance back.
    #[arg(long, value_name = "AMOUNT", conflicts_with = "unlimited")]
    amount: Option<String>,

    /// Allow any amount.
    #[arg(long)]
    unlimited: bool,
}

/// An allowance that the resolver needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Ticker of the token.
    pub(crate) symbol: String,
    /// Its digits after the point.
    pub(crate) decimals: u8,
    /// The token.
    pub(crate) token: Address,
    /// Who takes it from the account.
    pub(crate) spender: Address,
}

impl Allowance {
    /// Lets `spender` take a token.
    pub(crate) fn new(token: &TokenSpec, spender: Address) -> Self {
        let (symbol, decimals) = (token.symbol.clone(), token.decimals);
        Self { symbol, decimals, token: token.address, spender }
    }

    /// How much of it `owner` has granted.
    pub(crate) async fn granted(&self, chain: &Onchain, owner: Address) -> Result<U256, Failure> {
        let granted = chain.word(self.token, calldata::allowance(owner, self.spender)).await?;
        Ok(granted.unwrap_or_default())
    }
}

/// What a resolver needs on a chain: every token, for the one factory that creates the signer's
/// destinations and for our own contract. No other factory is allowed anything (`protocol.md` 11.13).
pub(crate) fn needed(spec: &ChainSpec) -> Vec<Allowance> {
    let route = route_of(spec);
    // Of the factories that something is ever created at.
    let own = route.factory_for(Dialect::Bmn4).map(|factory| factory.address);
    let through = [Dialect::Bmn302, Dialect::OneInch1, Dialect::OneInch2];
    let through = through.into_iter().any(|dialect| route.factory_for(dialect).is_some());
    let contract = route.resolver.filter(|_| through);
    let spenders = own.into_iter().chain(contract);
    let every = |spender| spec.tokens.iter().map(move |token| Allowance::new(token, spender));
    spenders.flat_map(every).collect()
}

/// Grants what is not granted yet. Answers the number of transactions.
pub(crate) async fn grant(
    chain: &Onchain,
    owner: PrivateKeySigner,
    wanted: &[Allowance],
    amount: U256,
) -> Result<usize, Failure> {
    let mut account = Account::open(chain, owner).await?;
    for allowance in wanted {
        let granted = allowance.granted(chain, account.address()).await?;
        // A token counts down from "any amount" or does not: half of it is as good as all.
        if granted == amount || (amount == U256::MAX && granted > U256::MAX >> 1) {
            continue;
        }
        let data = calldata::approve(allowance.spender, amount);
        let what = format!("approving {} for {}", allowance.symbol, allowance.spender);
        account.send(what, Payload::call(allowance.token, data, APPROVE_GAS)).await?;
    }
    account.settle().await
}

/// The tokens of which the resolver may pay nothing out.
pub(crate) async fn missing(
    chain: &Onchain,
    spec: &ChainSpec,
    owner: Address,
) -> Result<Vec<String>, Failure> {
    let mut missing = Vec::new();
    for allowance in needed(spec) {
        if allowance.granted(chain, owner).await?.is_zero() {
            missing.push(allowance.symbol);
        }
    }
    Ok(missing)
}

/// Shows the allowances, after changing them where an amount is given.
pub(crate) async fn run(args: &ApproveArgs, output: &Output) -> Result<(), Failure> {
    let config = args.config.read(false)?;
    let source = config.signer.as_ref().ok_or_else(|| {
        Failure::Usage("the configuration names no signer: whose allowances?".to_owned())
    })?;
    let signer = keys::from(source)?;
    let mut rows = Vec::new();
    for entry in &config.chains {
        let spec = &entry.spec;
        let is = |wanted: &String| {
            spec.name.eq_ignore_ascii_case(wanted) || spec.chain_id.to_string() == *wanted
        };
        if args.chain.as_ref().is_some_and(|wanted| !is(wanted)) {
            continue;
        }
        let chain = hosts::client(entry).await?;
        for allowance in needed(spec) {
            if args.token.as_ref().is_some_and(|it| !it.eq_ignore_ascii_case(&allowance.symbol)) {
                continue;
            }
            if let Some(amount) = args.wanted(&allowance)? {
                grant(&chain, signer.clone(), std::slice::from_ref(&allowance), amount).await?;
            }
            let granted = allowance.granted(&chain, signer.address()).await?;
            rows.push((spec, allowance, granted));
        }
    }
    if rows.is_empty() {
        return Err(Failure::Usage("no chain and token of the configuration is meant".to_owned()));
    }
    let value: Vec<_> = rows
        .iter()
        .map(|(spec, it, granted)| {
            json!({
                "chain": spec.chain_id.0, "symbol": it.symbol, "token": it.token,
                "spender": it.spender, "granted": granted.to_string(),
            })
        })
        .collect();
    output.result(&value, || {
        let rows: Vec<_> = rows.iter().map(|(spec, it, granted)| row(spec, it, *granted)).collect();
        crate::output::table(["CHAIN", "TOKEN", "FACTORY", "MAY TAKE"], &rows)
    })
}

fn row(spec: &ChainSpec, allowance: &Allowance, granted: U256) -> [String; 4] {
    let amount = match granted {
        any if any > U256::MAX >> 1 => "any amount".to_owned(),
        some => amount::format(some, allowance.decimals),
    };
    [
        format!("{} ({})", spec.name, spec.chain_id),
        allowance.symbol.clone(),
        allowance.spender.to_string(),
        amount,
    ]
}

impl ApproveArgs {
    fn wanted(&self, allowance: &Allowance) -> Result<Option<U256>, Failure> {
        let Some(text) = &self.amount else { return Ok(self.unlimited.then_some(U256::MAX)) };
        amount::parse(text, allowance.decimals)
            .map(Some)
            .map_err(|error| Failure::Usage(format!("--amount: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmn_config::dev_chains;

    #[test]
    fn each_token_is_approved_for_the_one_factory_that_creates_our_destinations() {
        let [mut spec, _] = dev_chains().unwrap();
        spec.factories.truncate(2);
        spec.resolver_contract = None;
        let (first, second) = (spec.factories[0].address, spec.factories[1].address);
        let spenders = |spec: &ChainSpec| -> Vec<_> {
            needed(spec).into_iter().map(|it| (it.symbol, it.spender)).collect()
        };
        let all = spenders(&spec);
        assert_eq!(all.len(), spec.tokens.len());
        assert!(all.iter().all(|(_, spender)| *spender == first && *spender != second));
        // A factory of old whose escrows look elsewhere is never meant.
        let locking = bmn_contracts::KNOWN_FACTORIES.iter().find(|known| known.locks_funds);
        spec.factories[0].address = locking.unwrap().address;
        let others = spenders(&spec);
        assert!(others.len() == all.len() && others.iter().all(|(_, at)| *at == second));
        spec.factories[1].address = locking.unwrap().address;
        assert_eq!(spenders(&spec), []);
    }

    #[test]
    fn where_our_contract_takes_it_is_allowed_and_the_factory_is_not() {
        let [mut spec, _] = dev_chains().unwrap();
        spec.factories.truncate(2);
        let (first, second) = (spec.factories[0].address, spec.factories[1].address);
        let contract = alloy::primitives::Address::repeat_byte(0xc0);
        spec.resolver_contract = Some(contract);
        let spenders = |spec: &ChainSpec| -> std::collections::BTreeSet<_> {
            needed(spec).into_iter().map(|it| it.spender).collect()
        };
        assert_eq!(spenders(&spec), [first].into(), "nothing goes through the contract");
        for dialect in [Dialect::Bmn302, Dialect::OneInch1, Dialect::OneInch2] {
            spec.factories[1].dialect = dialect;
            assert_eq!(spenders(&spec), [first, contract].into(), "{dialect}");
        }
        spec.factories[0].dialect = Dialect::Bmn302;
        assert_eq!(spenders(&spec), [contract].into());
        spec.resolver_contract = None;
        assert!(!spenders(&spec).contains(&second));
    }
}
