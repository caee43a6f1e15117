//! `bmn keys rotate`: nothing is open in the name of the old key before the new one takes its place.
//!
//! An escrow names its taker for ever, so what was begun with a key is ended with that key. A node whose open orders
//! name another account refuses to start.

use super::{keystore, password::PasswordArgs};
use crate::{
    failure::Failure,
    operator::OperatorArgs,
    output::{self, Output},
    signals,
};
use alloy::primitives::Address;
use bmn_rpc_api::{
    AdminApiClient, BmnApiClient, NodeModes, NodeStatus, OperatorApiClient, SwitchKind, WireSwitch,
};
use clap::Args;
use serde::Serialize;
use std::{path::PathBuf, time::Duration};

/// Between two looks at what is open.
const EVERY: Duration = Duration::from_secs(2);

/// Bring every swap of a node's account to its end, so that another key can take its place.
#[derive(Debug, Args)]
#[command(after_help = "\
Turns `drain` on, waits until no order is open and no transaction in flight, and says what to do next. Stopping it
loses nothing: drain stays on, and the same command goes on. `bmn mode resume --drain` takes it back.

Examples:
  bmn keys rotate --keystore next.json --password-file next.password --jwt-secret bmn-data/jwt.hex --rpc URL
  bmn keys rotate --account 0x… --once          a remote signer's next account; look once, do not wait")]
pub(crate) struct RotateArgs {
    /// Keystore of the next key; it is opened, so that a wrong password is found now.
    #[arg(long, value_name = "FILE", required_unless_present = "account")]
    keystore: Option<PathBuf>,

    /// The next account, where a remote signer has its key.
    #[arg(long, value_name = "ADDRESS", value_parser = crate::address::parse, conflicts_with = "keystore")]
    account: Option<Address>,

    #[command(flatten)]
    password: PasswordArgs,

    /// Look once and do not wait; exit code 1 while something is open.
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    node: OperatorArgs,
}

/// What is still in the name of the old key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Left {
    /// Accounts that the node acts with, without repetition.
    accounts: Vec<Address>,
    next_account: Address,
    open_orders: u64,
    live_transactions: u64,
    dead_letters: bool,
    /// True when the next key may take its place.
    ready: bool,
}

impl Left {
    fn of(next: Address, status: &NodeStatus, modes: &NodeModes, dead_letters: bool) -> Self {
        let mut accounts: Vec<_> = status.chains.iter().map(|chain| chain.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let live_transactions = status.chains.iter().map(|chain| chain.live_transactions).sum();
        let open_orders = modes.open_orders;
        let ready = open_orders == 0 && live_transactions == 0 && !dead_letters;
        Self { accounts, next_account: next, open_orders, live_transactions, dead_letters, ready }
    }

    fn text(&self) -> String {
        let letters = if self.dead_letters { ", and steps that were given up" } else { "" };
        format!(
            "{} orders open, {} transactions in flight{letters}",
            self.open_orders, self.live_transactions
        )
    }
}

pub(super) async fn run(args: &RotateArgs, output: &Output) -> Result<(), Failure> {
    let next = next_account(args)?;
    let before = look(args, next).await?;
    if before.accounts.contains(&next) {
        return Err(Failure::Usage(format!(
            "{next} is the account that the node acts with already; name another key"
        )));
    }
    let drain = WireSwitch { kind: SwitchKind::Drain, chain_id: None, token: None };
    args.node.http()?.pause(drain).await.map_err(|error| args.node.failed(error))?;
    output.note("Drain is on: no new order is taken, open ones are brought to their end.");
    let left = if args.once { look(args, next).await? } else { wait(args, next, output).await? };
    output.result(&left, || text(&left))?;
    if left.ready {
        return Ok(());
    }
    let why = if left.dead_letters {
        "; `bmn queue list` shows what was given up: requeue or drop it first"
    } else {
        "; run it again later, drain stays on"
    };
    Err(Failure::No(format!("not yet: {}{why}", left.text())))
}

fn next_account(args: &RotateArgs) -> Result<Address, Failure> {
    match (&args.keystore, args.account) {
        (Some(path), _) => Ok(keystore::open(path, &args.password.read()?)?.address()),
        (None, Some(account)) => Ok(account),
        (None, None) => {
            Err(Failure::Usage("--keystore or --account names the next key".to_owned()))
        }
    }
}

async fn look(args: &RotateArgs, next: Address) -> Result<Left, Failure> {
    // A client's token holds for a minute.
    let client = args.node.http()?;
    let failed = |error| args.node.failed(error);
    let status = client.status().await.map_err(failed)?;
    let modes = client.get_mode().await.map_err(failed)?;
    let letters = client.list_dead_letters(None, None, None).await.map_err(failed)?;
    Ok(Left::of(next, &status, &modes, !letters.items.is_empty()))
}

/// Until nothing is open, what is open waits for a person, or somebody stops it.
async fn wait(args: &RotateArgs, next: Address, output: &Output) -> Result<Left, Failure> {
    let mut signal = Box::pin(signals::stop());
    let mut told = None;
    loop {
        let left = look(args, next).await?;
        let waits_for_somebody =
            left.dead_letters && left.open_orders == 0 && left.live_transactions == 0;
        if left.ready || waits_for_somebody {
            return Ok(left);
        }
        if told.as_ref() != Some(&left) {
            output.note(&format!("Waiting: {}.", left.text()));
            told = Some(left.clone());
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = &mut signal => return Ok(left),
        }
    }
}

fn text(left: &Left) -> String {
    let old: Vec<_> = left.accounts.iter().map(ToString::to_string).collect();
    let mut rows = vec![
        ("old account", old.join(", ")),
        ("next account", left.next_account.to_string()),
        ("open", left.text()),
    ];
    if left.ready {
        rows.push((
            "next",
            "stop the node; name the new key in [signer] of its configuration".to_owned(),
        ));
        rows.push(("", "move tokens and coins of every chain to the next account".to_owned()));
        rows.push(("", "bmn approve --config FILE   (allowances of the next account)".to_owned()));
        rows.push(("", "start the node, then `bmn mode resume --drain`".to_owned()));
        rows.push(("", "keep the old key: a reorg or a rescue may ask for it".to_owned()));
    }
    output::fields(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(open: u64, live: u64, letters: bool) -> Left {
        let chain = |account: u8| {
            serde_json::json!({
                "id": 1, "name": "a", "head": null, "finalized": null, "confirmations": 1,
                "account": Address::repeat_byte(account), "nextNonce": 0, "liveTransactions": live, "factories": [],
            })
        };
        let status = serde_json::json!({
            "version": "0", "uptime": 1, "acting": true, "notActingBecause": null, "sequence": 0,
            "chains": [chain(1), chain(1)], "orders": {}, "jobs": {},
        });
        let modes = serde_json::json!({
            "mode": "full", "switches": [], "takesOrders": false, "openOrders": open,
        });
        Left::of(
            Address::repeat_byte(9),
            &serde_json::from_value(status).unwrap(),
            &serde_json::from_value(modes).unwrap(),
            letters,
        )
    }

    #[test]
    fn a_key_is_free_when_nothing_is_open_in_flight_or_given_up() {
        assert!(left(0, 0, false).ready);
        assert_eq!(left(0, 0, false).accounts, [Address::repeat_byte(1)]);
        for held in [left(1, 0, false), left(0, 1, false), left(0, 0, true)] {
            assert!(!held.ready, "{held:?}");
            assert!(!text(&held).contains("stop the node"));
        }
        assert_eq!(left(0, 1, false).live_transactions, 2);
    }
}
