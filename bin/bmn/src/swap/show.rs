//! `bmn swap show`.

use crate::{
    chains::Chains,
    failure::Failure,
    node::NodeArgs,
    output::{self, Output},
};
use bmn_rpc_api::{
    BmnApiClient, EscrowEndEntry, JobEntry, Swap, SwapChange, SwapKey, WakeEntry, WireInclusion,
    WireWindow,
};

/// Shows one swap.
pub(crate) async fn show(
    id: &str,
    node: &NodeArgs,
    chains: &Chains,
    output: &Output,
) -> Result<(), Failure> {
    let swap = node.http()?.get_swap(SwapKey::from(id)).await;
    let swap = swap.map_err(|error| node.failed(error))?;
    output.result(&swap, || text(&swap, chains))
}

fn text(swap: &Swap, chains: &Chains) -> String {
    let mut fields = head(swap, chains);
    if let Some(leg) = &swap.source {
        fields.push(("source escrow", format!("{:#x}, {}", leg.escrow, at(&leg.created))));
        if let Some(windows) = &leg.windows {
            fields.push(("  withdraw", window(&windows.withdraw)));
            fields.push(("  cancel", window(&windows.cancel)));
        }
        fields.extend(leg.end.as_ref().map(|end| ("  ended", ended(end))));
    }
    if let Some(plan) = &swap.planned {
        let escrow = plan.escrow.map(|escrow| format!("{escrow:#x}"));
        let escrow = escrow.unwrap_or_else(|| "decided by its block".to_owned());
        fields.push(("destination escrow", escrow));
        fields.push(("  withdraw", window(&plan.windows.withdraw)));
        fields.push(("  maker alone", window(&plan.windows.public_withdraw)));
        fields.push(("  cancel", window(&plan.windows.cancel)));
    }
    if let Some(leg) = &swap.destination {
        fields.push(("  created", at(&leg.created)));
        fields.extend(leg.end.as_ref().map(|end| ("  ended", ended(end))));
    }
    fields.extend(swap.jobs.iter().map(|entry| ("next step", job(entry))));
    fields.extend(swap.history.iter().map(|change| ("was", past(change))));
    output::fields(&fields)
}

fn past(change: &SwapChange) -> String {
    let heads =
        change.heads.iter().map(|head| format!("chain {} #{}", head.chain, head.block.number));
    format!("{} at {}", change.to, heads.collect::<Vec<_>>().join(", "))
}

fn head(swap: &Swap, chains: &Chains) -> Vec<(&'static str, String)> {
    let terms = &swap.terms;
    let sells = chains.describe(terms.source_chain, terms.source_token, terms.source_amount.0);
    let buys = chains.describe(
        terms.destination_chain,
        terms.destination_token,
        terms.destination_amount.0,
    );
    let terminal = if swap.terminal { " (terminal)" } else { "" };
    let mut fields = vec![
        ("order", swap.order_id.clone()),
        ("status", format!("{}{terminal}", swap.status)),
        ("hashlock", swap.hashlock.to_string()),
        ("maker", format!("{:#x}", swap.maker)),
        ("pays to", format!("{:#x}", swap.beneficiary)),
        ("sells", format!("{sells} on {}", chains.name(terms.source_chain))),
        ("buys", format!("{buys} on {}", chains.name(terms.destination_chain))),
        ("secret", format!("{:?}", swap.secret).to_lowercase()),
        ("withdraw permission", if swap.permission { "signed" } else { "none" }.to_owned()),
    ];
    let reasons = swap.refusals.iter();
    fields.extend(reasons.map(|r| ("refused because", format!("{} ({})", r.message, r.code))));
    fields
}

fn at(inclusion: &WireInclusion) -> String {
    format!("block {} at {}, {}", inclusion.block.number, inclusion.block.time, inclusion.tx_hash)
}

fn ended(end: &EscrowEndEntry) -> String {
    let kind = format!("{:?}", end.kind).to_lowercase();
    let secret = end.secret.map(|secret| format!(", secret {secret}")).unwrap_or_default();
    format!("{kind} in {}{secret}", at(&end.at))
}

fn window(window: &WireWindow) -> String {
    match window.end {
        Some(end) => format!("from {} until {end} (unix seconds)", window.start),
        None => format!("from {} (unix seconds)", window.start),
    }
}

fn job(job: &JobEntry) -> String {
    let wakes: Vec<_> = job
        .wakes
        .iter()
        .map(|wake| match wake {
            WakeEntry::Height { chain, number } => format!("block {number} of chain {chain}"),
            WakeEntry::Time { chain, time } => format!("time {time} on chain {chain}"),
        })
        .collect();
    let wakes =
        if wakes.is_empty() { String::new() } else { format!(" for {}", wakes.join(" or ")) };
    let error = job.last_error.as_ref().map(|e| format!("; last error: {e}")).unwrap_or_default();
    format!("{} on chain {}, {}{wakes}{error}", job.action, job.chain, job.state)
}
