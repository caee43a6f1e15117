//! `bmn status`.

use crate::{
    failure::Failure,
    node::NodeArgs,
    output::{self, Output},
};
use bmn_rpc_api::{BmnApiClient, NodeStatus};

/// Shows the node.
pub(crate) async fn run(node: &NodeArgs, output: &Output) -> Result<(), Failure> {
    let status = node.http()?.status().await.map_err(|error| node.failed(error))?;
    output.result(&status, || text(&status))
}

fn counts<K: ToString>(counts: impl Iterator<Item = (K, u64)>) -> String {
    let listed: Vec<_> = counts.map(|(name, n)| format!("{n} {}", name.to_string())).collect();
    if listed.is_empty() { "none".to_owned() } else { listed.join(", ") }
}

fn text(status: &NodeStatus) -> String {
    let acting = match &status.not_acting_because {
        None => "yes".to_owned(),
        Some(reason) => format!("no: {reason}"),
    };
    let jobs = status.jobs.iter().map(|(state, count)| (state.to_string(), *count));
    let head = output::fields(&[
        ("version", status.version.clone()),
        ("up", format!("{} s", status.uptime)),
        ("acting", acting),
        ("orders", counts(status.orders.iter().map(|(state, count)| (state, *count)))),
        ("jobs", counts(jobs)),
        ("late", format!("{} overdue, {} missed", status.overdue, status.missed_deadlines)),
    ]);
    let rows: Vec<_> = status
        .chains
        .iter()
        .map(|chain| {
            let number = |block: &Option<bmn_rpc_api::WireBlock>| {
                block.map_or_else(|| "-".to_owned(), |block| block.number.to_string())
            };
            [
                format!("{} ({})", chain.name, chain.id),
                number(&chain.head),
                number(&chain.finalized),
                chain.confirmations.to_string(),
                chain.next_nonce.to_string(),
                chain.live_transactions.to_string(),
                format!("{:#x}", chain.account),
            ]
        })
        .collect();
    let headings = ["CHAIN", "HEAD", "FINALIZED", "CONFIRMATIONS", "NONCE", "IN FLIGHT", "ACCOUNT"];
    format!("{head}\n\n{}", output::table(headings, &rows))
}
