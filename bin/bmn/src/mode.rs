//! `bmn mode`.

use crate::{
    amount,
    chains::ChainArgs,
    failure::Failure,
    operator::OperatorArgs,
    output::{self, Output},
};
use alloy::primitives::Address;
use bmn_rpc_api::{
    AdminApiClient, Limit, NodeModes, OperatorApiClient, ShadowEntry, ShadowOutcome, SignedAmount,
    SwitchKind, WireSwitch,
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::collections::BTreeMap;

const AFTER: &str = "\
Whatever the mode, orders that were taken are brought to their end. --rpc names the node's admin_rpc and
--jwt-secret the file with its key; `bmn dev` wants none.

Examples:
  bmn mode show
  bmn mode set percent=10
  bmn mode pause --chain 8453
  bmn mode drain
  bmn mode resume --all
  bmn mode report";

/// Show and change which new orders the node takes.
#[derive(Debug, Subcommand)]
#[command(after_help = AFTER)]
pub(crate) enum ModeCommand {
    /// Show the mode and the switches that are on.
    Show(OperatorArgs),
    /// Set the mode.
    Set(SetArgs),
    /// Stop new orders: all, those of a chain, or those in a token.
    Pause(SwitchArgs),
    /// Take new orders again.
    Resume(ResumeArgs),
    /// Stop new orders until nothing is open any more and the node may be stopped.
    Drain(OperatorArgs),
    /// Stop new orders while somebody works on the node.
    Maintenance(OperatorArgs),
    /// Compare what shadow mode would have taken with what happened.
    Report(ReportArgs),
}

/// Set the mode.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// full, shadow or percent=N.
    #[arg(value_name = "MODE")]
    mode: String,

    #[command(flatten)]
    node: OperatorArgs,
}

/// What to stop.
#[derive(Debug, Args)]
pub(crate) struct SwitchArgs {
    /// Only orders from or to this chain (name or id).
    #[arg(long, value_name = "CHAIN")]
    chain: Option<String>,

    /// Only orders in this token of --chain; zero is the native coin.
    #[arg(long, value_name = "ADDRESS", requires = "chain")]
    token: Option<Address>,

    #[command(flatten)]
    node: OperatorArgs,

    #[command(flatten)]
    chains: ChainArgs,
}

/// What to take again.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Turn every switch off.
    #[arg(long, conflicts_with_all = ["chain", "token", "drain", "maintenance"])]
    all: bool,

    /// Turn drain off.
    #[arg(long, conflicts_with_all = ["chain", "token", "maintenance"])]
    drain: bool,

    /// Turn maintenance off.
    #[arg(long, conflicts_with_all = ["chain", "token"])]
    maintenance: bool,

    #[command(flatten)]
    switch: SwitchArgs,
}

/// Compare what shadow mode would have taken with what happened.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    node: OperatorArgs,
}

/// Runs the command.
pub(crate) async fn run(command: ModeCommand, output: &Output) -> Result<(), Failure> {
    let plain = |kind| WireSwitch { kind, chain_id: None, token: None };
    match command {
        ModeCommand::Show(node) => {
            let modes = node.http()?.get_mode().await;
            show(&modes.map_err(|error| node.failed(error))?, output)
        }
        ModeCommand::Set(args) => {
            let modes = args.node.http()?.set_mode(args.mode).await;
            show(&modes.map_err(|error| args.node.failed(error))?, output)
        }
        ModeCommand::Pause(args) => {
            let switch = args.read()?;
            pause(&args.node, switch, output).await
        }
        ModeCommand::Drain(node) => pause(&node, plain(SwitchKind::Drain), output).await,
        ModeCommand::Maintenance(node) => {
            pause(&node, plain(SwitchKind::Maintenance), output).await
        }
        ModeCommand::Resume(args) => {
            let switch = match (args.all, args.drain, args.maintenance) {
                (true, _, _) => None,
                (_, true, _) => Some(plain(SwitchKind::Drain)),
                (_, _, true) => Some(plain(SwitchKind::Maintenance)),
                _ => Some(args.switch.read()?),
            };
            let node = &args.switch.node;
            let modes = node.http()?.resume(switch).await;
            show(&modes.map_err(|error| node.failed(error))?, output)
        }
        ModeCommand::Report(args) => report(&args.node, output).await,
    }
}

impl SwitchArgs {
    fn read(&self) -> Result<WireSwitch, Failure> {
        let Some(chain) = &self.chain else {
            return Ok(WireSwitch { kind: SwitchKind::Pause, chain_id: None, token: None });
        };
        // A number needs no specification: the node knows which chains it serves.
        let id = match chain.parse() {
            Ok(id) => id,
            Err(_) => self.chains.load()?.named(chain)?.chain_id.0,
        };
        let kind = if self.token.is_some() { SwitchKind::Token } else { SwitchKind::Chain };
        Ok(WireSwitch { kind, chain_id: Some(id), token: self.token })
    }
}

async fn pause(node: &OperatorArgs, switch: WireSwitch, output: &Output) -> Result<(), Failure> {
    let modes = node.http()?.pause(switch).await;
    show(&modes.map_err(|error| node.failed(error))?, output)
}

fn show(modes: &NodeModes, output: &Output) -> Result<(), Failure> {
    output.result(modes, || {
        let switches: Vec<_> = modes.switches.iter().map(named).collect();
        output::fields(&[
            ("mode", modes.mode.clone()),
            ("off", if switches.is_empty() { "nothing".to_owned() } else { switches.join(", ") }),
            ("takes new orders", if modes.takes_orders { "yes" } else { "no" }.to_owned()),
            ("open orders", modes.open_orders.to_string()),
        ])
    })
}

fn named(switch: &WireSwitch) -> String {
    let chain = switch.chain_id.unwrap_or_default();
    match switch.kind {
        SwitchKind::Pause => "everything (pause)".to_owned(),
        SwitchKind::Drain => "everything (drain)".to_owned(),
        SwitchKind::Maintenance => "everything (maintenance)".to_owned(),
        SwitchKind::Chain => format!("chain {chain}"),
        SwitchKind::Token => {
            format!("token {:#x} on chain {chain}", switch.token.unwrap_or_default())
        }
    }
}

/// Most pages that are read.
const MOST_PAGES: usize = 10_000;

async fn report(node: &OperatorArgs, output: &Output) -> Result<(), Failure> {
    let mut totals: BTreeMap<ShadowOutcome, (u64, i128)> = BTreeMap::new();
    let mut cursor = None;
    for _ in 0..MOST_PAGES {
        let page = node.http()?.shadow_report(cursor, Some(Limit::default())).await;
        let page = page.map_err(|error| node.failed(error))?;
        for entry in &page.items {
            let total = totals.entry(entry.outcome).or_default();
            total.0 += 1;
            total.1 = total.1.saturating_add(micros(entry.expected));
            if output.is_json() {
                output.value(entry)?;
            } else {
                output.line(&line(entry))?;
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let rows: Vec<_> = totals
        .iter()
        .map(|(outcome, (orders, expected))| {
            [word(*outcome).to_owned(), orders.to_string(), money(*expected)]
        })
        .collect();
    if output.is_json() {
        let totals: Vec<_> = totals
            .iter()
            .map(|(outcome, (orders, expected))| {
                json!({ "outcome": outcome, "orders": orders, "expected": expected.to_string() })
            })
            .collect();
        return output.value(&json!({ "totals": totals }));
    }
    if rows.is_empty() {
        return output.line("Shadow mode has not seen an order it would have taken.");
    }
    output
        .line(&format!("\n{}", output::table(["OUTCOME", "ORDERS", "WE WOULD HAVE EARNED"], &rows)))
}

fn micros(value: SignedAmount) -> i128 {
    i128::try_from(value.0).unwrap_or(if value.0.is_negative() { i128::MIN } else { i128::MAX })
}

fn money(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let size = alloy::primitives::U256::from(value.unsigned_abs());
    format!("{sign}{}", amount::format(size, 6))
}

const fn word(outcome: ShadowOutcome) -> &'static str {
    match outcome {
        ShadowOutcome::Open => "open",
        ShadowOutcome::Expired => "expired",
        ShadowOutcome::Filled => "filled",
        ShadowOutcome::Completed => "completed",
        ShadowOutcome::Cancelled => "cancelled",
    }
}

fn line(entry: &ShadowEntry) -> String {
    let by = entry
        .filled_by
        .map_or_else(String::new, |taker| format!(" by {:#x}", Address::from_word(taker)));
    let expected = money(micros(entry.expected));
    format!("{}  {}{by}, would have earned {expected}", entry.order_id, word(entry.outcome))
}
