//! From the node's answers to the lines of the model.

use super::model::{ChainLine, SwapLine, Window};
use crate::chains::Chains;
use bmn_rpc_api::{EscrowWindows, JobEntry, JobState, NodeStatus, Swap};
use std::collections::BTreeMap;

/// A value's name on the wire.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// The order's hash in its id, and the part where there are several.
pub(super) fn order_of(id: &str) -> String {
    let mut parts = id.split(':').skip(2);
    match (parts.next(), parts.next()) {
        (Some(hash), Some("0") | None) => hash.to_owned(),
        (Some(hash), Some(part)) => format!("{hash}:{part}"),
        _ => id.to_owned(),
    }
}

/// The same for a sentence.
pub(super) fn brief(id: &str) -> String {
    order_of(id).chars().take(10).collect()
}

/// Every chain. When its head is the one that was shown before, so is the moment at which it was first seen.
pub(super) fn chains(
    status: &NodeStatus,
    index: &BTreeMap<u64, String>,
    before: &[ChainLine],
    now: u64,
) -> Vec<ChainLine> {
    let line = |chain: &bmn_rpc_api::ChainStatus| {
        let old = before.iter().find(|old| old.id == chain.id);
        let head = chain.head.map(|head| head.number);
        let seen_at = old.filter(|old| old.head == head).map_or(now, |old| old.seen_at);
        ChainLine {
            id: chain.id,
            name: chain.name.clone(),
            head,
            head_time: chain.head.map(|head| head.time),
            seen_at,
            finalized: chain.finalized.map(|block| block.number),
            index: index.get(&chain.id).cloned(),
            account: format!("{:#x}", chain.account),
            nonce: chain.next_nonce,
            in_flight: chain.live_transactions,
            tip: None,
        }
    };
    status.chains.iter().map(line).collect()
}

/// An order, with the windows of the escrows that stand or are planned. Without the operator's `jobs` its steps
/// are those that everybody is told.
pub(super) fn swap(swap: &Swap, jobs: Option<&[JobEntry]>, chains: &Chains) -> SwapLine {
    let terms = &swap.terms;
    let (from, to) = (terms.source_chain, terms.destination_chain);
    let own = jobs.unwrap_or(&swap.jobs).iter().filter(|job| job.order_id == swap.order_id);
    // What is being done says more than what is waited for.
    let own = own.min_by_key(|job| job.state == JobState::Waiting);
    SwapLine {
        order: order_of(&swap.order_id),
        status: swap.status.to_string(),
        route: format!("{} > {}", chains.name(from), chains.name(to)),
        sells: chains.describe(from, terms.source_token, terms.source_amount.0),
        buys: chains.describe(to, terms.destination_token, terms.destination_amount.0),
        step: own.map(step).unwrap_or_default(),
        windows: windows(swap),
    }
}

/// The action; that it waits is said by the window beside it.
fn step(job: &JobEntry) -> String {
    match job.state {
        JobState::Waiting => job.action.clone(),
        state => format!("{} {state}", job.action),
    }
}

fn windows(swap: &Swap) -> Vec<Window> {
    let (from, to) = (swap.terms.source_chain, swap.terms.destination_chain);
    let mut windows = Vec::new();
    let source = swap.source.as_ref().filter(|source| source.end.is_none());
    let destination = swap.destination.as_ref().is_none_or(|escrow| escrow.end.is_none());
    if let Some(planned) = swap.planned.as_ref().filter(|_| destination) {
        windows.extend(of_escrow(
            ["dst withdraw", "dst public", "dst cancel"],
            to,
            &planned.windows,
        ));
    }
    match source {
        Some(source) => {
            let of = source.windows.iter();
            let names = ["src withdraw", "", "src cancel"];
            windows.extend(of.flat_map(|it| of_escrow(names, from, it)));
        }
        // Nothing stands yet: the order itself says until when it can be begun.
        None if swap.source.is_none() => {
            let at = |what, chain, at: Option<u64>| at.map(|at| Window { what, chain, at });
            windows.extend(at("fill by", from, swap.terms.dst_withdrawal));
            windows.extend(at("src cancel", from, swap.terms.src_cancellation));
        }
        None => {}
    }
    windows
}

fn of_escrow(names: [&'static str; 3], chain: u64, windows: &EscrowWindows) -> Vec<Window> {
    let starts = [windows.withdraw.start, windows.public_withdraw.start, windows.cancel.start];
    let named = names.into_iter().zip(starts).filter(|(what, _)| !what.is_empty());
    named.map(|(what, at)| Window { what, chain, at }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_called_by_its_hash_and_its_part() {
        assert_eq!(order_of("1337:0xdc64:0x0101:0"), "0x0101");
        assert_eq!(order_of("1337:0xdc64:0x0101:3"), "0x0101:3");
        assert_eq!(order_of("strange"), "strange");
        assert_eq!(brief("1337:0xdc64:0x0123456789abcdef:0"), "0x01234567");
    }

    #[test]
    fn a_head_keeps_the_moment_at_which_it_was_first_seen() {
        let status = |number: u64| -> NodeStatus {
            let zero = "0x0000000000000000000000000000000000000000000000000000000000000000";
            serde_json::from_value(serde_json::json!({
                "version": "v", "uptime": 1, "acting": true, "notActingBecause": null,
                "sequence": 0, "orders": {}, "jobs": {},
                "chains": [{
                    "id": 1, "name": "A", "head": { "number": number, "hash": zero, "time": 9 },
                    "finalized": null, "confirmations": 3, "nextNonce": 4, "liveTransactions": 1,
                    "account": "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc", "factories": [],
                }],
            }))
            .unwrap()
        };
        let first = chains(&status(7), &BTreeMap::new(), &[], 100);
        let same = chains(&status(7), &BTreeMap::new(), &first, 105);
        let next = chains(&status(8), &BTreeMap::new(), &same, 110);
        let seen: Vec<_> = [&first, &same, &next].iter().map(|line| line[0].seen_at).collect();
        assert_eq!(seen, [100, 100, 110]);
    }
}
