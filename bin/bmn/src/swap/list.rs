//! `bmn swap list`.

use crate::{
    chains::{ChainArgs, Chains},
    failure::Failure,
    node::NodeArgs,
    output::{self, Output},
};
use alloy::primitives::{Address, B256};
use bmn_rpc_api::{BmnApiClient, Cursor, Limit, Swap, SwapFilter, SwapStatus};
use clap::Args;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  bmn swap list
  bmn swap list --status completed --limit 200
  bmn swap list --all --json | jq -c 'select(.terminal | not) | .orderId'";

/// List swaps, by order id.
///
/// With --json one object a line, and with more to come a last line {\"next\": CURSOR}.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// Only those in this status.
    #[arg(long)]
    status: Option<SwapStatus>,

    /// Only those with a leg on this chain, by name or id.
    #[arg(long)]
    chain: Option<String>,

    /// Only those of this maker.
    #[arg(long, value_name = "ADDRESS")]
    maker: Option<Address>,

    /// Only those with this hashlock.
    #[arg(long, value_name = "HASH")]
    hashlock: Option<B256>,

    /// Most to list at once, 1 to 200.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,

    /// Go on where a page ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,

    /// List every page.
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    node: NodeArgs,

    #[command(flatten)]
    chains: ChainArgs,
}

/// Lists swaps.
pub(super) async fn run(args: &ListArgs, output: &Output) -> Result<(), Failure> {
    let chains = args.chains.load()?;
    let chain = args.chain.as_deref().map(|name| chains.named(name)).transpose()?;
    let filter = SwapFilter {
        status: args.status,
        chain: chain.map(|spec| spec.chain_id.0),
        maker: args.maker,
        hashlock: args.hashlock,
        order_hash: None,
    };
    let client = args.node.http()?;
    let mut cursor = args.cursor.clone().map(Cursor);
    let mut rows = Vec::new();
    loop {
        let page = client.get_swaps(Some(filter.clone()), cursor, Limit::new(args.limit)).await;
        let page = page.map_err(|error| args.node.failed(error))?;
        for swap in &page.items {
            if output.is_json() {
                output.value(swap)?;
            } else {
                rows.push(row(swap, &chains));
            }
        }
        cursor = page.next;
        if cursor.is_none() || !args.all {
            break;
        }
    }
    finish(&rows, cursor.as_ref(), output)
}

fn finish(rows: &[[String; 5]], next: Option<&Cursor>, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return next.map_or(Ok(()), |next| output.value(&json!({ "next": next })));
    }
    output.line(&output::table(["ORDER HASH", "STATUS", "ROUTE", "SELLS", "BUYS"], rows))?;
    if let Some(next) = next {
        output.note(&format!("more: --all, or --cursor {}", next.0));
    }
    Ok(())
}

fn row(swap: &Swap, chains: &Chains) -> [String; 5] {
    let terms = &swap.terms;
    let (from, to) = (terms.source_chain, terms.destination_chain);
    [
        swap.order_hash.to_string(),
        swap.status.to_string(),
        format!("{} -> {}", chains.name(from), chains.name(to)),
        chains.describe(from, terms.source_token, terms.source_amount.0),
        chains.describe(to, terms.destination_token, terms.destination_amount.0),
    ]
}
