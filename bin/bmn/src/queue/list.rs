//! `bmn queue list`.

use crate::{
    chains::{ChainArgs, Chains},
    failure::Failure,
    operator::OperatorArgs,
    output::{self, Output},
};
use bmn_rpc_api::{Cursor, DeadLetter, DeadLetterFilter, Limit, OperatorApiClient};
use clap::Args;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  bmn queue list
  bmn queue list --chain base --all --json | jq -c '{orderId, action, reason}'";

/// List dead letters, by order id.
///
/// With --json one object a line, and with more to come a last line {\"next\": CURSOR}.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// Only those of this order, by its full id.
    #[arg(long, value_name = "ORDER_ID")]
    order: Option<String>,

    /// Only those that act on this chain, by name or id.
    #[arg(long)]
    chain: Option<String>,

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
    operator: OperatorArgs,

    #[command(flatten)]
    chains: ChainArgs,
}

/// Lists dead letters.
pub(super) async fn run(args: &ListArgs, output: &Output) -> Result<(), Failure> {
    let chains = args.chains.load()?;
    let chain = args.chain.as_deref().map(|name| chains.named(name)).transpose()?;
    let filter =
        DeadLetterFilter { chain: chain.map(|spec| spec.chain_id.0), order: args.order.clone() };
    let mut cursor = args.cursor.clone().map(Cursor);
    let mut rows = Vec::new();
    loop {
        let limit = Limit::new(args.limit);
        let page =
            args.operator.http()?.list_dead_letters(Some(filter.clone()), cursor, limit).await;
        let page = page.map_err(|error| args.operator.failed(error))?;
        for letter in &page.items {
            if output.is_json() {
                output.value(letter)?;
            } else {
                rows.push(row(letter, &chains));
            }
        }
        cursor = page.next;
        if cursor.is_none() || !args.all {
            break;
        }
    }
    finish(&rows, cursor.as_ref(), output)
}

fn finish(rows: &[[String; 7]], next: Option<&Cursor>, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return next.map_or(Ok(()), |next| output.value(&json!({ "next": next })));
    }
    let headings = ["ORDER", "ACTION", "CHAIN", "BLOCK", "TRIES", "CLASS", "REASON"];
    output.line(&output::table(headings, rows))?;
    if let Some(next) = next {
        output.note(&format!("more: --all, or --cursor {}", next.0));
    }
    Ok(())
}

fn row(letter: &DeadLetter, chains: &Chains) -> [String; 7] {
    [
        letter.order_id.clone(),
        letter.action.clone(),
        chains.name(letter.chain),
        letter.at.map_or_else(|| "-".to_owned(), |block| block.number.to_string()),
        letter.attempts.to_string(),
        letter.class.clone(),
        plain(&letter.reason),
    ]
}

// A reason may hold words of a token's contract: they steer no terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
