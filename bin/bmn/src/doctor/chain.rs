//! What a chain's endpoints say, and what the account has there.

use super::{
    Subject,
    finding::Finding,
    reads::{Answers, Block, read_block, read_number},
};
use crate::{
    amount, approve, chain_rpc::Node, failure::Failure, hosts, node::shown, onchain::Onchain,
};
use alloy::primitives::{Address, U256};
use bmn_chain::{CallOutcome, CallRequest};
use bmn_config::EndpointSource;
use bmn_contracts::calldata;
use bmn_node::{Clock, SystemClock, route_of};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::Duration;

/// Longer than this is slow (milliseconds): a window of a block is gone with a few such answers.
const SLOW_MS: u128 = 1_000;
/// One endpoint, all questions together.
const PATIENCE: Duration = Duration::from_secs(10);
/// Blocks whose logs are asked for: as many as the node asks for at once when it catches up.
const LOGS: u64 = 1_000;
/// Heads of two endpoints that are further apart than this do not agree, blocks.
const APART: u64 = 5;

/// A head, and when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Chain for people.
    pub(super) chain: String,
    /// Seconds between its blocks.
    pub(super) block_time: u64,
    /// Its endpoint as it may be shown.
    pub(super) endpoint: String,
    /// The head.
    pub(super) head: Block,
    /// This machine's clock then, unix seconds.
    pub(super) read_at: u64,
}

/// Everything about one chain.
pub(super) async fn check(subject: &Subject) -> (Vec<Finding>, Vec<Seen>) {
    let asked = join_all(subject.endpoints.iter().map(|source| endpoint(subject, source))).await;
    let (mut findings, mut heads, mut working) = (Vec::new(), Vec::new(), None);
    for (found, seen, url) in asked {
        findings.extend(found);
        heads.extend(seen);
        working = working.or(url);
    }
    findings.extend(agreement(&subject.name, &heads));
    let Some(url) = working else {
        findings.push(
            Finding::error(
                &subject.name,
                "no endpoint can be used: contracts and the account are not looked at",
            )
            .say("Mend an endpoint first, then run this again."),
        );
        return (findings, heads);
    };
    match hosts::one(&url, subject.spec.chain_id).await {
        Ok(chain) => {
            let (contracts, account) =
                tokio::join!(contracts(subject, &chain), account(subject, &chain));
            findings.extend(contracts);
            findings.extend(account);
        }
        Err(failure) => findings.push(Finding::error(&subject.name, reason(failure))),
    }
    (findings, heads)
}

/// Why something failed, without the URL where a finding names it already.
fn reason(failure: Failure) -> String {
    match failure {
        Failure::Unreachable { reason, .. } => reason,
        other => other.to_string(),
    }
}

type Endpoint = (Vec<Finding>, Option<Seen>, Option<String>);

async fn endpoint(subject: &Subject, source: &EndpointSource) -> Endpoint {
    let area = subject.name.as_str();
    let url = match bmn_launch::secrets::url(source) {
        Ok(url) => url,
        Err(why) => {
            let finding = Finding::error(area, format!("an endpoint is not known: {why}"));
            return (
                vec![finding.say("Set it where the node is started, or change endpoints.")],
                None,
                None,
            );
        }
    };
    let asked = async {
        if url.starts_with("ws") { pushed(subject, &url).await } else { asked(subject, &url).await }
    };
    let silent = || {
        let what = format!("{}: no answer within {} s", shown(&url), PATIENCE.as_secs());
        (vec![mend_endpoint(subject, Finding::error(area, what))], None, None)
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| silent())
}

fn mend_endpoint(subject: &Subject, finding: Finding) -> Finding {
    match &subject.config {
        Some(file) => finding.say(format!(
            "Start the chain's node behind it, or name another one in endpoints of {file}."
        )),
        None => {
            finding.say("Start the chain's node behind it, or name another one with --chain-rpc.")
        }
    }
}

/// An endpoint that pushes: whether it is the chain, and its head.
async fn pushed(subject: &Subject, url: &str) -> Endpoint {
    let (area, name, clock) = (subject.name.as_str(), shown(url), SystemClock::new());
    let start = clock.monotonic();
    let head = match hosts::one(url, subject.spec.chain_id).await {
        Ok(chain) => chain.client.head().await.map_err(|error| chain.failed(error)),
        Err(failure) => Err(failure),
    };
    match head {
        Ok(head) => {
            let head = Block { number: head.number, time: head.time, hash: head.hash.to_string() };
            let took = (clock.monotonic() - start).as_millis();
            let told = answered(area, &name, took, &head);
            (vec![told], Some(seen(subject, name, head, &clock)), Some(url.to_owned()))
        }
        Err(failure) => {
            let finding = Finding::error(area, format!("{name}: {}", reason(failure)));
            (vec![mend_endpoint(subject, finding)], None, None)
        }
    }
}

fn seen(subject: &Subject, endpoint: String, head: Block, clock: &SystemClock) -> Seen {
    let (chain, block_time) = (subject.name.clone(), subject.spec.block_time_secs);
    Seen { chain, block_time, endpoint, head, read_at: clock.unix_seconds() }
}

fn answered(area: &str, name: &str, took: u128, head: &Block) -> Finding {
    let what = format!("{name} answers in {took} ms, head {}", head.number);
    if took < SLOW_MS {
        return Finding::ok(area, what);
    }
    Finding::warning(area, format!("{what}: slower than {SLOW_MS} ms"))
        .say("Name a node that is nearer first in endpoints: every step waits for several answers.")
}

async fn asked(subject: &Subject, url: &str) -> Endpoint {
    let (area, name, clock) = (subject.name.as_str(), shown(url), SystemClock::new());
    let failed =
        |what: String| (vec![mend_endpoint(subject, Finding::error(area, what))], None, None);
    let node = match Node::new("endpoints", url) {
        Ok(node) => node,
        Err(failure) => return failed(failure.to_string()),
    };
    let start = clock.monotonic();
    let id = match node.at_once(&[("eth_chainId", json!([]))]).await {
        Ok(answers) => read_number(&answers, 0),
        Err(failure) => return failed(format!("{name}: {}", reason(failure))),
    };
    let took = (clock.monotonic() - start).as_millis();
    let wanted = subject.spec.chain_id.0;
    match id {
        Some(id) if id == wanted => {}
        Some(id) => return failed(format!("{name} is chain {id}, expected chain {wanted}")),
        None => {
            return failed(format!("{name} does not answer eth_chainId as an Ethereum node does"));
        }
    }
    let head = match node.at_once(&[("eth_getBlockByNumber", json!(["latest", false]))]).await {
        Ok(answers) => read_block(&answers, 0),
        Err(failure) => return failed(format!("{name}: {}", reason(failure))),
    };
    let Some(head) = head else { return failed(format!("{name} names no newest block")) };
    let mut findings = vec![answered(area, &name, took, &head)];
    findings.extend(history(subject, &node, &name, &head).await);
    (findings, Some(seen(subject, name, head, &clock)), Some(url.to_owned()))
}

/// Whether it has the blocks from the start on, and their logs.
async fn history(subject: &Subject, node: &Node, name: &str, head: &Block) -> Vec<Finding> {
    let (area, start) = (subject.name.as_str(), subject.spec.start_block);
    let addresses: Vec<Address> =
        subject.spec.factories.iter().map(|factory| factory.address).collect();
    let from = head.number.saturating_sub(LOGS - 1).max(start.min(head.number));
    let range = json!([{
        "fromBlock": format!("{from:#x}"), "toBlock": format!("{:#x}", head.number),
        "address": addresses,
    }]);
    let calls =
        [("eth_getBlockByNumber", json!([format!("{start:#x}"), false])), ("eth_getLogs", range)];
    let answers: Answers = match node.at_once(&calls).await {
        Ok(answers) => answers,
        Err(failure) => return vec![Finding::error(area, format!("{name}: {}", reason(failure)))],
    };
    let mut findings = Vec::new();
    if start <= head.number && read_block(&answers, 0).is_none() {
        findings.push(
            Finding::warning(area, format!("{name} does not have block {start}, where the index begins"))
                .say("Use a node with the whole history, or set start_block after the oldest block it has."),
        );
    }
    match answers.get(1) {
        Some(Ok(Value::Array(_))) => {}
        Some(Err(refusal)) => findings.push(
            Finding::warning(
                area,
                format!("{name} refuses the logs of {} blocks: {}", head.number - from + 1, refusal.message),
            )
            .say("The node asks for smaller ranges then, which takes longer; a node without that limit is better."),
        ),
        _ => findings.push(Finding::error(area, format!("{name} answers eth_getLogs with no list"))),
    }
    findings
}

/// Whether the heads of a chain's endpoints are of one chain.
fn agreement(area: &str, heads: &[Seen]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let best = heads.iter().map(|seen| seen.head.number).max().unwrap_or_default();
    for seen in heads {
        let behind = best - seen.head.number;
        if behind > APART {
            findings.push(
                Finding::warning(
                    area,
                    format!("{} is {behind} blocks behind the others", seen.endpoint),
                )
                .say("Wait until that node has caught up, or remove it from endpoints."),
            );
        }
    }
    for (at, seen) in heads.iter().enumerate() {
        let other = heads.iter().skip(at + 1).find(|other| {
            other.head.number == seen.head.number && other.head.hash != seen.head.hash
        });
        if let Some(other) = other {
            let (number, one, two) = (seen.head.number, &seen.endpoint, &other.endpoint);
            findings.push(
                Finding::warning(area, format!("{one} and {two} have another block {number} each"))
                    .say("A short reorg settles by itself; run this again. If it stays, one of them is wrong."),
            );
        }
    }
    findings
}

/// Code hashes, and whom the escrows of each factory obey.
async fn contracts(subject: &Subject, chain: &Onchain) -> Vec<Finding> {
    let (area, spec) = (subject.name.as_str(), &subject.spec);
    if let Err(error) = bmn_launch::check_contracts(&*chain.client, spec).await {
        return vec![Finding::error(area, error.to_string()).say(
            "Is this the right chain, and has its node caught up? Else correct the specification.",
        )];
    }
    let mut findings = Vec::new();
    let route = route_of(spec);
    for factory in route.factories.iter().filter(|factory| factory.index_only_reason().is_none()) {
        if let Some(known) =
            bmn_contracts::known_factory(factory.address).filter(|it| it.locks_funds)
        {
            findings.push(locking(area, factory.address, &format!("it is {}", known.release)));
        }
        let both = factory.implementations;
        for implementation in [both.source, both.destination] {
            let (to, data) = (implementation, calldata::factory_of());
            let call = CallRequest { to, data, ..CallRequest::default() };
            match chain.client.call(&call).await {
                Ok(CallOutcome::Success(word)) if word.len() == 32 => {
                    let found = Address::from_slice(&word[12..]);
                    if found != factory.address {
                        let why = format!("its escrows look for factory {found}");
                        findings.push(locking(area, factory.address, &why));
                    }
                }
                Ok(_) => {}
                Err(error) => findings.push(Finding::error(area, chain.failed(error).to_string())),
            }
        }
    }
    if findings.is_empty() {
        let count = spec.factories.len();
        findings
            .push(Finding::ok(area, format!("{count} factories are what the specification says")));
    }
    findings
}

fn locking(area: &str, factory: Address, why: &str) -> Finding {
    Finding::error(
        area,
        format!("funds in escrows of factory {factory} would be locked for ever: {why}"),
    )
    .say("Set index_only = true for it in the chain's specification.")
}

/// Balances, allowances and the nonce of the account.
async fn account(subject: &Subject, chain: &Onchain) -> Vec<Finding> {
    let Some(us) = subject.account else { return Vec::new() };
    let (coins, nonces, tokens) = tokio::join!(
        coins(subject, chain, us),
        nonces(subject, chain, us),
        tokens(subject, chain, us)
    );
    [coins, nonces, tokens]
        .into_iter()
        .flat_map(|found| {
            found.unwrap_or_else(|failure| {
                vec![Finding::error(&subject.name, format!("{us}: {}", reason(failure)))]
            })
        })
        .collect()
}

async fn coins(subject: &Subject, chain: &Onchain, us: Address) -> Result<Vec<Finding>, Failure> {
    let (area, spec) = (subject.name.as_str(), &subject.spec);
    let held = chain.coins(us).await?;
    let told = |units: U256| {
        format!("{} {}", amount::cut(units, spec.native.decimals), spec.native.symbol)
    };
    let kept = U256::from(spec.minimums.native_balance);
    let warned = subject.least.of(spec.chain_id, None).map(U256::from).unwrap_or_default();
    let send = |least: U256| {
        format!("Send at least {} to {us} on {}.", told(least.saturating_sub(held)), spec.name)
    };
    Ok(vec![if held < kept {
        let what = format!(
            "{us} holds {}: below the {} kept for gas, new orders are refused",
            told(held),
            told(kept)
        );
        Finding::error(area, what).say(send(kept.max(warned)))
    } else if held < warned {
        let what = format!("{us} holds {}, below the threshold of {}", told(held), told(warned));
        Finding::warning(area, what).say(send(warned))
    } else {
        Finding::ok(area, format!("{us} holds {}", told(held)))
    }])
}

async fn nonces(subject: &Subject, chain: &Onchain, us: Address) -> Result<Vec<Finding>, Failure> {
    let area = subject.name.as_str();
    let latest = chain.client.nonce(us).await.map_err(|error| chain.failed(error))?;
    let pending = chain.client.pending_nonce(us).await.map_err(|error| chain.failed(error))?;
    let waiting = pending.saturating_sub(latest);
    Ok(match waiting {
        0 => vec![],
        1..=16 => vec![Finding::ok(area, format!("{waiting} transactions of the account wait to be mined"))],
        _ => vec![
            Finding::warning(area, format!("{waiting} transactions of the account wait to be mined"))
                .say("The node raises them by itself while it runs; is another program using the account?"),
        ],
    })
}

/// Every token that is paid out: what is held, and what may be taken for it.
async fn tokens(subject: &Subject, chain: &Onchain, us: Address) -> Result<Vec<Finding>, Failure> {
    let (area, spec) = (subject.name.as_str(), &subject.spec);
    let (mut findings, mut allowed) = (Vec::new(), 0);
    let needed = approve::needed(spec);
    for allowance in &needed {
        let (symbol, decimals) = (&allowance.symbol, allowance.decimals);
        let balance = chain.word(allowance.token, calldata::balance_of(us)).await?;
        let balance = balance.unwrap_or_default();
        if let Some(least) = subject.least.of(spec.chain_id, Some(allowance.token)).map(U256::from)
            && balance < least
        {
            let (has, least) = (amount::format(balance, decimals), amount::format(least, decimals));
            let what = format!("{us} holds {has} {symbol}, below the threshold of {least}");
            findings.push(Finding::warning(area, what).say(format!("Send {symbol} to {us}.")));
        }
        if !allowance.granted(chain, us).await?.is_zero() {
            allowed += 1;
            continue;
        }
        // What is at work, not what is owned: the balance is the most that can be paid out.
        let at_work =
            if balance.is_zero() { "1000".to_owned() } else { amount::format(balance, decimals) };
        let spender = allowance.spender;
        let what = format!("{spender} may take no {symbol}: no destination in it can be funded");
        let finding = Finding::warning(area, what);
        findings.push(match &subject.config {
            Some(file) => finding.run(format!(
                "bmn approve --config {file} --chain {} --token {symbol} --amount {at_work}",
                spec.chain_id
            )),
            None => finding.say(format!(
                "Approve {spender} for {symbol} from {us} (bmn approve, with a configuration)."
            )),
        });
    }
    if allowed == needed.len() && !needed.is_empty() {
        findings.push(Finding::ok(area, format!("all {allowed} allowances are granted")));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(endpoint: &str, number: u64, hash: &str) -> Seen {
        let head = Block { number, time: 1_000, hash: hash.to_owned() };
        let (chain, endpoint) = ("Chain A (1337)".to_owned(), endpoint.to_owned());
        Seen { chain, block_time: 2, endpoint, head, read_at: 1_001 }
    }

    #[test]
    fn endpoints_that_lag_or_contradict_each_other_are_named() {
        let told = |heads: &[Seen]| -> Vec<String> {
            agreement("a", heads).into_iter().map(|finding| finding.what).collect()
        };
        assert_eq!(told(&[]), Vec::<String>::new());
        assert_eq!(told(&[seen("one", 100, "x"), seen("two", 95, "y")]), Vec::<String>::new());
        assert_eq!(
            told(&[seen("one", 100, "x"), seen("two", 90, "y")]),
            ["two is 10 blocks behind the others"]
        );
        assert_eq!(
            told(&[seen("one", 100, "x"), seen("two", 100, "y")]),
            ["one and two have another block 100 each"]
        );
    }

    #[test]
    fn a_slow_answer_is_a_warning() {
        let head = Block { number: 7, time: 1, hash: String::new() };
        let severity = |took| answered("a", "http://node", took, &head).severity;
        use super::super::finding::Severity::{Ok, Warning};
        assert_eq!((severity(999), severity(1_000)), (Ok, Warning));
    }
}
