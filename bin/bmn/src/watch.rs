//! `bmn watch`.

use crate::{failure::Failure, node::NodeArgs, output::Output};
use bmn_rpc_api::{
    BlockFilter, BmnApiClient, Cursor, Notice, SecretFilter, SourceFilter, SubscribeFrom,
    SubscriptionFilter, SubscriptionKind,
};
use clap::{Args, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  bmn watch blocks                        every chain, from now on
  bmn watch orders --chain 1 --from 0     every order that was ever indexed on chain 1, then the new ones
  bmn --json watch secrets                one JSON object a line; `resume` of the last is for --from";

/// Follow what the chains show, strangers' swaps included, until Ctrl-C.
///
/// A line `void from block N` takes back what was told of this block and of those after it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    /// What to follow.
    #[arg(value_enum)]
    kind: Kind,

    /// Only this chain, by id.
    #[arg(long, value_name = "CHAIN")]
    chain: Option<u64>,

    /// Where to begin instead of with what is new: the `resume` of a line, once for each chain, or a block
    /// number together with --chain.
    #[arg(long, value_name = "RESUME")]
    from: Vec<String>,

    #[command(flatten)]
    node: NodeArgs,
}

/// What chains show.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Source escrows of everybody, as they are created and end.
    Orders,
    /// Secrets, as withdrawals show them.
    Secrets,
    /// Blocks, as the index takes them.
    Blocks,
}

/// Follows, going on where it stopped when told to.
pub(crate) async fn run(args: &WatchArgs, output: &Output) -> Result<(), Failure> {
    let client = args.node.ws().await?;
    let failed = |error| args.node.failed(error);
    let mut from = beginning(&args.from);
    'resubscribe: loop {
        let (kind, filter) = asked(args.kind, args.chain);
        let mut notices = client.follow(kind, from, Some(filter)).await.map_err(failed)?;
        while let Some(notice) = notices.next().await {
            match notice.map_err(|error| failed(error.into()))? {
                Notice::Lagged { resume_from } => {
                    output.note("fell behind; going on from there");
                    from = resume_from;
                    continue 'resubscribe;
                }
                notice => output.result(&notice, || line(&notice))?,
            }
        }
        let (url, reason) =
            (crate::node::shown(&args.node.rpc), "the node ended the subscription".to_owned());
        return Err(Failure::Unreachable { url, reason, hint: None });
    }
}

fn beginning(from: &[String]) -> Option<SubscribeFrom> {
    match from {
        [] => None,
        // A position is longer than any block number.
        [number] if number.len() < 20 && number.parse::<u64>().is_ok() => {
            number.parse().ok().map(SubscribeFrom::Number)
        }
        positions => {
            Some(SubscribeFrom::Positions(positions.iter().cloned().map(Cursor).collect()))
        }
    }
}

fn asked(kind: Kind, chain: Option<u64>) -> (SubscriptionKind, SubscriptionFilter) {
    match kind {
        Kind::Orders => {
            (SubscriptionKind::Orders, SourceFilter { chain, ..SourceFilter::default() }.into())
        }
        Kind::Secrets => {
            (SubscriptionKind::Secrets, SecretFilter { chain, ..SecretFilter::default() }.into())
        }
        Kind::Blocks => (SubscriptionKind::Blocks, BlockFilter { chain }.into()),
    }
}

fn line(notice: &Notice) -> String {
    match notice {
        Notice::Order(order) => {
            let state = format!("{:?}", order.state).to_lowercase();
            let lock = order.hashlock.map(|lock| lock.to_string()).unwrap_or_default();
            format!("{}  {}  {}  {state}  {lock}", order.chain, order.at.block.number, order.escrow)
        }
        Notice::Secret(shown) => format!(
            "{}  {}  {}  {}  {}",
            shown.chain, shown.at.block.number, shown.escrow, shown.hashlock, shown.secret
        ),
        Notice::Block(block) => format!(
            "{}  {}  {}  {} events",
            block.chain, block.block.number, block.block.hash, block.events
        ),
        Notice::Reorg(reorg) => {
            format!("{}  void from block {} on", reorg.chain, reorg.from_block)
        }
        Notice::Change(change) => format!("#{}  {}", change.sequence, change.order_id),
        Notice::Alert(alert) => alert.reason.clone(),
        Notice::Lagged { .. } => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_a_block_or_positions() {
        let read = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
            beginning(&texts)
        };
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["7"]), Some(SubscribeFrom::Number(7)));
        let sealed = "00112233445566778899";
        assert_eq!(
            read(&[sealed]),
            Some(SubscribeFrom::Positions(vec![Cursor(sealed.to_owned())]))
        );
        assert!(
            matches!(read(&["7", sealed]), Some(SubscribeFrom::Positions(both)) if both.len() == 2)
        );
    }
}
