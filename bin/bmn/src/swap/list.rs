//! `bmn swap list`.

use crate::{
    chains::{ChainArgs, Chains},
    failure::Failure,
    node::NodeArgs,
    output::{self, Output},
};
use alloy::primitives::{Address, B256};
use bmn_rpc_api::{BmnApiClient, Cursor, Limit, Swap, SwapFilter, SwapStatus, SwapStatuses};
use clap::Args;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  bmn swap list
  bmn swap list --status completed,cancelled --limit 200
  bmn swap list --open-for 0x3C44… --min-profit-bps 5
  bmn swap list --all --json | jq -c 'select(.terminal | not) | .orderId'";

/// List swaps, by order id.
///
/// With --json one object a line, and with more to come a last line {\"next\": CURSOR}.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// Only those in this status, or in one of several separated by commas.
    #[arg(long, value_delimiter = ',')]
    status: Vec<SwapStatus>,

    /// Only those with a leg on this chain, by name or id.
    #[arg(long)]
    chain: Option<String>,

    /// Only those of this maker.
    #[arg(long, value_name = "ADDRESS", value_parser = crate::address::parse)]
    maker: Option<Address>,

    /// Only those whose source escrow names this taker.
    #[arg(long, value_name = "ADDRESS")]
    taker: Option<Address>,

    /// Only those that sell or buy this token; zero is the native coin.
    #[arg(long, value_name = "ADDRESS")]
    token: Option<Address>,

    /// Only those with this hashlock.
    #[arg(long, value_name = "HASH")]
    hashlock: Option<B256>,

    /// Only those with this order hash.
    #[arg(long, value_name = "HASH")]
    order_hash: Option<B256>,

    /// Only the one with this escrow on either side.
    #[arg(long, value_name = "ADDRESS")]
    escrow: Option<Address>,

    /// Only those whose source escrow was created in this block or later.
    #[arg(long, value_name = "NUMBER")]
    from_block: Option<u64>,

    /// Only those whose source escrow was created in this block or earlier.
    #[arg(long, value_name = "NUMBER")]
    to_block: Option<u64>,

    /// Only those that this resolver still has to settle.
    #[arg(long, value_name = "ADDRESS")]
    open_for: Option<Address>,

    /// Only those that earn at least so many basis points at today's fees.
    #[arg(long, value_name = "BPS", allow_negative_numbers = true)]
    min_profit_bps: Option<i64>,

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
    let filter = filter(args, chain.map(|spec| spec.chain_id.0));
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

fn filter(args: &ListArgs, chain: Option<u64>) -> SwapFilter {
    SwapFilter {
        status: SwapStatuses::new(args.status.iter().copied()),
        chain,
        maker: args.maker,
        taker: args.taker,
        token: args.token,
        hashlock: args.hashlock,
        order_hash: args.order_hash,
        escrow: args.escrow,
        from_block: args.from_block,
        to_block: args.to_block,
        open_for: args.open_for,
        min_profit_bps: args.min_profit_bps,
    }
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
