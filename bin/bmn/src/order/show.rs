//! `bmn order show`.

use super::read::{self, Understood};
use crate::{
    chains::{ChainArgs, Chains},
    failure::Failure,
    node::NodeArgs,
    output::{self, Output},
    swap,
};
use alloy::primitives::{Address, U256, hex};
use bmn_contracts::{FillFee, OrderFile, WhitelistEntry};
use bmn_primitives::Timelocks;
use clap::Args;
use serde_json::{Value, json};
use std::path::Path;

/// Show an order file, or an order the node knows.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bmn order show order.json\n  bmn order show 0x…   order hash, \
    hashlock, order id, swap id or escrow; every part of an order in parts"
)]
pub(crate) struct ShowArgs {
    /// Order file, or any id of an order the node knows.
    #[arg(value_name = "FILE|ID")]
    what: String,

    #[command(flatten)]
    node: NodeArgs,

    #[command(flatten)]
    chains: ChainArgs,
}

/// Shows the order.
pub(super) async fn run(args: &ShowArgs, output: &Output) -> Result<(), Failure> {
    let path = Path::new(&args.what);
    let chains = args.chains.load()?;
    if !path.exists() && args.what != "-" {
        return show_known(args, &chains, output).await;
    }
    let file = read::file(path)?;
    let understood = read::understand(&file, &chains)?;
    output.result(&value(&file, &understood), || text(&file, &understood, &chains))
}

/// Shows an order the node knows, with every part it has chosen.
async fn show_known(args: &ShowArgs, chains: &Chains, output: &Output) -> Result<(), Failure> {
    let shown = swap::show(&args.what, &args.node, chains, output).await;
    let Err(refused) = &shown else { return Ok(()) };
    let parts = refused.candidates();
    if parts.is_empty() {
        return shown;
    }
    for part in parts {
        swap::show(part, &args.node, chains, output).await?;
    }
    Ok(())
}

/// When its escrows open: two times, or seven offsets.
fn times(order: &Understood) -> Value {
    let extra = &order.extra;
    if order.dialect.has_absolute_times() {
        return json!({
            "srcCancellation": extra.src_cancellation(), "dstWithdrawal": extra.dst_withdrawal(),
        });
    }
    let [source, source_public, cancellation, public_cancellation, own, public, end] =
        Timelocks(extra.timelocks).offsets();
    json!({ "offsets": {
        "srcWithdrawal": source, "srcPublicWithdrawal": source_public,
        "srcCancellation": cancellation, "srcPublicCancellation": public_cancellation,
        "dstWithdrawal": own, "dstPublicWithdrawal": public, "dstCancellation": end,
    } })
}

fn value(file: &OrderFile, order: &Understood) -> Value {
    let extra = &order.extra;
    let traits = order.order.maker_traits;
    let mut told = json!({
        "orderHash": order.hash,
        "hashlock": extra.hashlock,
        "parts": order.parts,
        "signed": file.signature.is_some(),
        "dialect": order.dialect,
        "factory": order.factory,
        "limitOrderProtocol": order.contract,
        "sourceChain": order.chain,
        "sourceDeposit": extra.src_deposit(order.dialect).to_string(),
        "destinationChain": extra.dst_chain_id.to_string(),
        "destinationToken": extra.dst_token.to_string(),
        "destinationDeposit": extra.dst_deposit(order.dialect).to_string(),
        "expiration": Some(traits.expiration()).filter(|time| *time != 0),
        "order": file.order,
    });
    if let (Value::Object(told), Value::Object(times)) = (&mut told, times(order)) {
        told.extend(times);
    }
    if let Some(terms) = &order.fill_terms {
        told["fillsFrom"] = terms.allowed_time.into();
        told["resolvers"] = terms.whitelist.iter().map(resolver).collect();
        told["fees"] = fees(&terms.fee);
    }
    told
}

/// An order keeps the low ten bytes of an address.
fn resolver(entry: &WhitelistEntry) -> String {
    format!("0x…{}", hex::encode(entry.tail))
}

fn fees(fee: &FillFee) -> Value {
    match fee {
        FillFee::Credit(units) => json!({ "credit": units }),
        FillFee::Destination(fees) => json!({
            "integrator": fees.integrator, "integratorFee": fees.integrator_fee,
            "integratorShare": fees.integrator_share, "protocol": fees.protocol,
            "resolverFee": fees.resolver_fee, "whitelistDiscount": fees.whitelist_discount,
        }),
    }
}

fn priced(fee: &FillFee) -> String {
    match fee {
        FillFee::Credit(None) => "none".to_owned(),
        FillFee::Credit(Some(units)) => {
            format!("{units} · 10^15 units of the fee token from fillers who are not listed")
        }
        FillFee::Destination(fees) => format!(
            "{}/100000 for the integrator {}, {}/100000 for the protocol {}",
            fees.integrator_fee, fees.integrator, fees.resolver_fee, fees.protocol
        ),
    }
}

fn text(file: &OrderFile, order: &Understood, chains: &Chains) -> String {
    let extra = &order.extra;
    let destination = u64::try_from(extra.dst_chain_id).unwrap_or(u64::MAX);
    let (limit, maker) = (&order.order, &order.order.maker);
    let sell = chains.describe(order.chain.0, limit.maker_asset.masked(), limit.making_amount);
    let buy = chains.describe(destination, extra.dst_token.masked(), limit.taking_amount);
    let mut fields = vec![("order hash", order.hash.to_string())];
    match order.parts {
        Some(parts) => fields.push(("parts", format!("{parts}, with {} secrets", parts + 1))),
        None => fields.push(("hashlock", extra.hashlock.to_string())),
    }
    fields.extend([
        ("signed", if file.signature.is_some() { "yes" } else { "no" }.to_owned()),
        ("maker", maker.to_string()),
        ("pays to", limit.beneficiary().to_string()),
        ("sells", format!("{sell} on {}", chains.name(order.chain.0))),
        ("buys", format!("{buy} on {}", chains.name(destination))),
    ]);
    let coin = |chain, deposit: U256| chains.describe(chain, Address::ZERO, deposit);
    let deposits = [extra.src_deposit(order.dialect), extra.dst_deposit(order.dialect)];
    if deposits.iter().any(|deposit| !deposit.is_zero()) {
        let [source, other] = deposits;
        let (source, other) = (coin(order.chain.0, source), coin(destination, other));
        fields.push(("deposits", format!("source {source}, destination {other}")));
    }
    fields.extend(windows(order));
    if let Some(terms) = &order.fill_terms {
        let resolvers: Vec<_> = terms.whitelist.iter().map(resolver).collect();
        fields.push(("resolvers", resolvers.join(", ")));
        fields.push(("fees", priced(&terms.fee)));
    }
    fields.push(("factory", format!("{:#x} ({})", order.factory, order.dialect)));
    output::fields(&fields)
}

fn windows(order: &Understood) -> Vec<(&'static str, String)> {
    let (extra, expiration) = (&order.extra, order.order.maker_traits.expiration());
    let unix = |time: u64| format!("{time} (unix seconds)");
    let mut fields = Vec::new();
    if expiration != 0 {
        fields.push(("expires", unix(expiration)));
    }
    if order.dialect.has_absolute_times() {
        fields.push(("fill before", unix(extra.dst_withdrawal())));
        fields.push(("source cancellation", unix(extra.src_cancellation())));
        return fields;
    }
    let [source, public, cancellation, public_cancellation, own, other, end] =
        Timelocks(extra.timelocks).offsets();
    fields.push((
        "source windows",
        format!(
            "withdraw {source}, public {public}, cancel {cancellation}, public \
             {public_cancellation} (seconds from the fill)"
        ),
    ));
    fields.push((
        "destination windows",
        format!("withdraw {own}, public {other}, cancel {end} (seconds from its creation)"),
    ));
    fields
}
