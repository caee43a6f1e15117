//! `bmn order show`.

use super::read::{self, Understood};
use crate::{
    chains::{ChainArgs, Chains},
    failure::Failure,
    node::NodeArgs,
    output::{self, Output},
    swap,
};
use bmn_rpc_api::OrderFile;
use clap::Args;
use serde_json::{Value, json};
use std::path::Path;

/// Show an order file, or an order the node knows.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bmn order show order.json\n  bmn order show 0x…   order hash, \
    hashlock, order id, swap id or escrow"
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
        return swap::show(&args.what, &args.node, &chains, output).await;
    }
    let file = read::file(path)?;
    let understood = read::understand(&file, &chains)?;
    output.result(&value(&file, &understood), || text(&file, &understood, &chains))
}

fn value(file: &OrderFile, order: &Understood) -> Value {
    let extra = &order.extra;
    json!({
        "orderHash": order.hash,
        "hashlock": extra.hashlock,
        "signed": file.signature.is_some(),
        "dialect": order.dialect,
        "factory": order.factory,
        "limitOrderProtocol": order.contract,
        "sourceChain": order.chain,
        "destinationChain": extra.dst_chain_id.to_string(),
        "destinationToken": extra.dst_token.to_string(),
        "destinationDeposit": extra.dst_deposit(order.dialect).to_string(),
        "srcCancellation": extra.src_cancellation(),
        "dstWithdrawal": extra.dst_withdrawal(),
        "order": file.order,
    })
}

fn text(file: &OrderFile, order: &Understood, chains: &Chains) -> String {
    let extra = &order.extra;
    let destination = u64::try_from(extra.dst_chain_id).unwrap_or(u64::MAX);
    let (limit, maker) = (&order.order, &order.order.maker);
    let sell = chains.describe(order.chain.0, limit.maker_asset.masked(), limit.making_amount);
    let buy = chains.describe(destination, extra.dst_token.masked(), limit.taking_amount);
    output::fields(&[
        ("order hash", order.hash.to_string()),
        ("hashlock", extra.hashlock.to_string()),
        ("signed", if file.signature.is_some() { "yes" } else { "no" }.to_owned()),
        ("maker", maker.to_string()),
        ("pays to", limit.beneficiary().to_string()),
        ("sells", format!("{sell} on {}", chains.name(order.chain.0))),
        ("buys", format!("{buy} on {}", chains.name(destination))),
        ("fill before", format!("{} (unix seconds)", extra.dst_withdrawal())),
        ("source cancellation", format!("{} (unix seconds)", extra.src_cancellation())),
        ("factory", format!("{:#x} ({})", order.factory, order.dialect)),
    ])
}
