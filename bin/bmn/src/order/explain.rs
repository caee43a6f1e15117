//! `bmn order explain`.

use crate::{
    amount,
    chains::{ChainArgs, Chains},
    failure::Failure,
    operator::OperatorArgs,
    output::{self, Output},
};
use alloy::primitives::U256;
use bmn_rpc_api::{
    Amount, OperatorApiClient, OrderDecision, OrderExplanation, SignedAmount, SwapKey, WireTime,
    WireValuation, WireValued,
};
use clap::Args;

/// Say with numbers why the node took or refused an order.
#[derive(Debug, Args)]
#[command(
    after_help = "Values are in the reference currency that the chain specifications share.\n\nExamples:\n  \
    bmn order explain 0x…        order hash, hashlock, order id, swap id or escrow\n  \
    bmn order explain 0x… --json"
)]
pub(crate) struct ExplainArgs {
    /// Any id of an order the node knows.
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    operator: OperatorArgs,

    #[command(flatten)]
    chains: ChainArgs,
}

/// Explains the order, with every part the node has chosen.
pub(super) async fn run(args: &ExplainArgs, output: &Output) -> Result<(), Failure> {
    let chains = args.chains.load()?;
    let explained = explain(args, &args.id, &chains, output).await;
    let Err(refused) = &explained else { return Ok(()) };
    let parts = refused.candidates();
    if parts.is_empty() {
        return explained;
    }
    for part in parts {
        explain(args, part, &chains, output).await?;
    }
    Ok(())
}

async fn explain(
    args: &ExplainArgs,
    id: &str,
    chains: &Chains,
    output: &Output,
) -> Result<(), Failure> {
    let told = args.operator.http()?.explain_order(SwapKey::from(id)).await;
    let told = told.map_err(|error| args.operator.failed(error))?;
    output.result(&told, || text(&told, chains))
}

/// Millionths of the reference currency.
fn money(value: Amount) -> String {
    amount::format(value.0, 6)
}

fn signed_money(value: SignedAmount) -> String {
    let sign = if value.0.is_negative() { "-" } else { "" };
    format!("{sign}{}", amount::format(value.0.unsigned_abs(), 6))
}

fn text(told: &OrderExplanation, chains: &Chains) -> String {
    let decision = match told.decision {
        OrderDecision::Accepted => "taken",
        OrderDecision::Refused => "refused",
    };
    let mut parts = vec![output::fields(&[
        ("order", told.order_id.clone()),
        ("decision", decision.to_owned()),
        ("decided at", format!("block {} ({})", told.decided_at.number, told.decided_at.time)),
        ("open orders", format!("{} of {}", told.open_orders, told.max_open_orders)),
        (
            "confirmations",
            format!(
                "{} on the source, {} on the destination",
                told.confirmations.source, told.confirmations.destination
            ),
        ),
    ])];
    if !told.refusals.is_empty() {
        let rows: Vec<_> = told
            .refusals
            .iter()
            .map(|reason| [reason.code.clone(), reason.message.clone()])
            .collect();
        parts.push(output::table(["REFUSED FOR", ""], &rows));
    }
    match &told.valuation {
        Some(valuation) => parts.extend(valued(told, valuation, chains)),
        None => parts.push("It could not be valued.".to_owned()),
    }
    if !told.caps.is_empty() {
        parts.push(caps(told));
    }
    parts.extend(told.time.as_ref().map(time));
    for flag in &told.token_flags {
        parts.push(format!("Token {:#x} on chain {}: {}", flag.token, flag.chain_id, flag.flag));
    }
    parts.join("\n\n")
}

fn valued(told: &OrderExplanation, valuation: &WireValuation, chains: &Chains) -> Vec<String> {
    let row = |name: &str, valued: &WireValued| {
        let price = if valued.quotes.is_empty() {
            format!("{} (chain specification)", money(valued.price))
        } else {
            let quotes = valued.quotes.iter().map(|quote| {
                format!("{} by {}, {} s old", money(quote.price), quote.source, quote.age)
            });
            format!("{} ({})", money(valued.price), quotes.collect::<Vec<_>>().join("; "))
        };
        let what = chains.describe(valued.chain_id, valued.token, valued.amount.0);
        [name.to_owned(), what, chains.name(valued.chain_id), money(valued.value), price]
    };
    let values = [
        row("received", &valuation.source),
        row("given", &valuation.destination),
        row("source deposit", &valuation.source_deposit),
        row("destination deposit", &valuation.destination_deposit),
    ];
    let steps: Vec<_> = valuation
        .steps
        .iter()
        .map(|step| {
            [
                step.step.clone(),
                chains.name(step.chain_id),
                step.gas.to_string(),
                amount::format(step.gas_price.0, 9),
                data_fee(step.data_fee, step.bytes),
                money(step.cost),
            ]
        })
        .collect();
    let outcomes = &valuation.outcomes;
    let bps = format!(
        "{}, {} bps of the value ({} bps asked for)",
        signed_money(outcomes.worst),
        outcomes.worst_bps,
        told.min_profit_bps
    );
    vec![
        output::table(["", "AMOUNT", "CHAIN", "VALUE", "PRICE"], &values),
        output::table(["STEP", "CHAIN", "GAS", "GWEI", "DATA FEE", "COST"], &steps),
        output::fields(&[
            ("profit at best", signed_money(outcomes.best)),
            ("as expected", signed_money(outcomes.expected)),
            ("at worst", bps),
            ("if it fails", signed_money(outcomes.failed)),
            ("if it is rescued", signed_money(outcomes.rescued)),
        ]),
    ]
}

fn data_fee(fee: Amount, bytes: u64) -> String {
    if fee.0 == U256::ZERO { "-".to_owned() } else { format!("{} wei for {bytes} bytes", fee.0) }
}

fn caps(told: &OrderExplanation) -> String {
    let rows: Vec<_> = told
        .caps
        .iter()
        .map(|cap| {
            let limit = cap.limit.map_or_else(|| "none".to_owned(), money);
            [cap.cap.clone(), money(cap.used), money(cap.adding), limit]
        })
        .collect();
    output::table(["CAP", "OPEN", "ADDED", "LIMIT"], &rows)
}

fn time(time: &WireTime) -> String {
    if let (Some(step), Some(seconds)) = (&time.short_step, time.short_seconds) {
        return format!("Time: short by {seconds} s at step {step}.");
    }
    if let Some(fault) = &time.malformed {
        return format!("Time: {fault}.");
    }
    let rows: Vec<_> = time
        .steps
        .iter()
        .map(|slack| [slack.step.clone(), slack.latest.to_string(), format!("{} s", slack.seconds)])
        .collect();
    output::table(["STEP", "LATEST", "TO SPARE"], &rows)
}
