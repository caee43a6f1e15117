//! `bmn swap watch`.

use crate::{failure::Failure, node::NodeArgs, output::Output};
use bmn_rpc_api::{
    BmnApiClient, ChangeFilter, Notice, SubscribeFrom, SubscriptionFilter, SubscriptionKind,
    SwapChange, SwapKey, SwapStatus,
};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  bmn swap watch                 every change, until Ctrl-C
  bmn swap watch --from 1        the whole change log first
  bmn swap watch 0x5FC8…         one swap, until it has ended";

/// Follow changes as they happen.
///
/// With an id it ends with the swap: exit code 0 when it ended as it may (completed, cancelled,
/// refused, void), 1 otherwise.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    /// Only this swap: order id, swap id, order hash, hashlock or escrow.
    id: Option<String>,

    /// Begin with this number of the change log instead of with what is new.
    #[arg(long, value_name = "NUMBER")]
    from: Option<u64>,

    #[command(flatten)]
    node: NodeArgs,
}

/// Follows the log, resuming when told to.
pub(super) async fn run(args: &WatchArgs, output: &Output) -> Result<(), Failure> {
    let client = args.node.ws().await?;
    let failed = |error| args.node.failed(error);
    // The log position comes before the swap's state: a change in between is shown, not missed.
    let mut from = SubscribeFrom::Number(match args.from {
        Some(from) => from,
        None => client.status().await.map_err(failed)?.sequence + 1,
    });
    let only = match &args.id {
        None => None,
        Some(id) => {
            let swap = client.get_swap(SwapKey::from(id.as_str())).await.map_err(failed)?;
            if swap.terminal && args.from.is_none() {
                output.note("the swap has ended already");
                output.result(&swap, || format!("{}  {}", swap.order_id, swap.status))?;
                return verdict(swap.status);
            }
            Some(swap.order_id)
        }
    };
    'resubscribe: loop {
        let filter =
            SubscriptionFilter::from(ChangeFilter { order: only.clone(), ..Default::default() });
        let subscription =
            client.follow(SubscriptionKind::Swaps, Some(from.clone()), Some(filter)).await;
        let mut subscription = subscription.map_err(failed)?;
        while let Some(notice) = subscription.next().await {
            match notice.map_err(|error| failed(error.into()))? {
                Notice::Lagged { resume_from: Some(SubscribeFrom::Number(number)) } => {
                    output.note(&format!("fell behind; resuming from {number}"));
                    from = SubscribeFrom::Number(number);
                    continue 'resubscribe;
                }
                Notice::Change(change) => {
                    output.result(&change, || line(&change))?;
                    if only.is_some() && is_terminal(change.to) {
                        return verdict(change.to);
                    }
                }
                _ => output.note("the node tells what was not asked for"),
            }
        }
        let (url, reason) =
            (crate::node::shown(&args.node.rpc), "the node ended the subscription".to_owned());
        return Err(Failure::Unreachable { url, reason, hint: None });
    }
}

const fn is_terminal(status: SwapStatus) -> bool {
    matches!(
        status,
        SwapStatus::Refused
            | SwapStatus::Completed
            | SwapStatus::Cancelled
            | SwapStatus::Void
            | SwapStatus::Lost
            | SwapStatus::Violated
            | SwapStatus::Kept
            | SwapStatus::Released
    )
}

fn verdict(status: SwapStatus) -> Result<(), Failure> {
    match status {
        SwapStatus::Lost | SwapStatus::Violated => {
            Err(Failure::No(format!("the swap ended {status}")))
        }
        _ => Ok(()),
    }
}

fn line(change: &SwapChange) -> String {
    let from = change.from.map_or_else(|| "new".to_owned(), |status| status.to_string());
    let time = change.heads.iter().map(|head| head.block.time).max().unwrap_or_default();
    format!("#{}  {time}  {}  {from} -> {}", change.sequence, change.order_id, change.to)
}
