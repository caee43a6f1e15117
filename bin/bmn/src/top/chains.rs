//! What the chains themselves say of the account, where their endpoints are told.

use super::model::{BalanceLine, EndpointLine, Known, Model};
use crate::{amount, chain_rpc::Node, chains::Chains, failure::Failure, node::shown};
use alloy::primitives::{Address, U256};
use bmn_config::{ChainSpec, EndpointSource, NodeConfig};
use bmn_contracts::calldata;
use bmn_node::{Clock, SystemClock};
use bmn_rpc_api::{Swap, SwapStatus};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// An endpoint that has not answered by then is shown as silent.
const PATIENCE: Duration = Duration::from_secs(3);

const NOT_TOLD: &str =
    "the node's methods do not tell it; --config FILE or --chain-rpc URL name the chains to ask";

/// An endpoint, and its chain once it said which.
struct Door {
    chain: Option<u64>,
    node: Result<Node, String>,
    shown: String,
}

/// The endpoints that are asked.
pub(super) struct Wallets {
    doors: Vec<Door>,
    clock: SystemClock,
}

/// What is spoken for, by chain and token.
type Spoken = BTreeMap<(u64, Address), (U256, U256)>;

impl Wallets {
    /// Those of a configuration, and those of the command line.
    pub(super) fn new(config: Option<&NodeConfig>, urls: &[String]) -> Result<Self, Failure> {
        let mut doors = Vec::new();
        for url in urls {
            let node = Node::new("--chain-rpc", url)?;
            doors.push(Door { chain: None, shown: shown(url), node: Ok(node) });
        }
        for chain in config.iter().flat_map(|config| &config.chains) {
            let id = chain.spec.chain_id.0;
            doors.extend(chain.endpoints.iter().map(|source| Door::of(id, source)));
        }
        Ok(Self { doors, clock: SystemClock::new() })
    }

    /// Asks every endpoint for its head, and one of each chain for what the account has.
    pub(super) async fn look(&mut self, model: &mut Model, swaps: &[Swap], chains: &Chains) {
        if self.doors.is_empty() {
            model.endpoints = Known::NotKnown(NOT_TOLD.to_owned());
            model.balances = Known::NotKnown(NOT_TOLD.to_owned());
            return;
        }
        let clock = &self.clock;
        let asked = join_all(self.doors.iter_mut().map(|door| door.ask(clock))).await;
        for chain in &mut model.chains {
            let of = asked.iter().filter(|line| line.chain == chain.id);
            chain.tip = of.filter_map(|line| line.head.as_ref().ok()).max().copied();
        }
        let spoken = spoken_for(swaps);
        let mut balances = Vec::new();
        for chain in &model.chains {
            let Some(spec) = chains.by_id(chain.id) else { continue };
            let good = |line: &EndpointLine| line.chain == chain.id && line.head.is_ok();
            let door = asked.iter().position(good).and_then(|at| self.doors.get(at));
            let node = door.and_then(|door| door.node.as_ref().ok());
            let held = match (node, chain.account.parse()) {
                (Some(node), Ok(account)) => held(node, spec, account).await,
                _ => Err("no endpoint".to_owned()),
            };
            balances.extend(lines(spec, held.as_ref(), &spoken));
        }
        model.endpoints = Known::Known(asked);
        model.balances = Known::Known(balances);
    }
}

impl Door {
    fn of(chain: u64, source: &EndpointSource) -> Self {
        let named = match source {
            EndpointSource::Url(url) => shown(url),
            EndpointSource::Env(name) => format!("env:{name}"),
            EndpointSource::File(path) => format!("file:{}", path.display()),
            EndpointSource::Command(command) => format!("command:{}", command.program),
        };
        let url = bmn_launch::secrets::url(source).map_err(|why| (named, why));
        let opened = url.and_then(|url| {
            let name = shown(&url);
            // A push connection answers the same over HTTP with most nodes, but nobody says where.
            if url.starts_with("ws") {
                return Err((name, "a WebSocket, not asked".to_owned()));
            }
            let node = Node::new("endpoints", &url);
            node.map(|node| (name.clone(), node)).map_err(|error| (name, error.to_string()))
        });
        match opened {
            Ok((shown, node)) => Self { chain: Some(chain), node: Ok(node), shown },
            Err((shown, why)) => Self { chain: Some(chain), node: Err(why), shown },
        }
    }

    async fn ask(&mut self, clock: &SystemClock) -> EndpointLine {
        let start = clock.monotonic();
        let head = match &self.node {
            Ok(node) => {
                let calls = [("eth_chainId", json!([])), ("eth_blockNumber", json!([]))];
                match tokio::time::timeout(PATIENCE, node.at_once(&calls)).await {
                    Ok(Ok(answers)) => read_head(&answers),
                    Ok(Err(Failure::Unreachable { reason, .. })) => Err(reason),
                    Ok(Err(other)) => Err(other.to_string()),
                    Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
                }
            }
            Err(why) => Err(why.clone()),
        };
        let millis = u64::try_from((clock.monotonic() - start).as_millis()).unwrap_or(u64::MAX);
        let head = head.and_then(|(chain, head)| match self.chain {
            Some(wanted) if wanted != chain => Err(format!("it is chain {chain}")),
            _ => {
                self.chain = Some(chain);
                Ok(head)
            }
        });
        EndpointLine {
            chain: self.chain.unwrap_or_default(),
            url: self.shown.clone(),
            head,
            millis,
        }
    }
}

type Answer = Result<Value, crate::chain_rpc::Refusal>;

fn read_head(answers: &[Answer]) -> Result<(u64, u64), String> {
    let number = |at: usize| {
        let value = answers.get(at)?.as_ref().ok()?.as_str()?;
        u64::from_str_radix(value.strip_prefix("0x")?, 16).ok()
    };
    let strange = || "it does not answer as an Ethereum node does".to_owned();
    Ok((number(0).ok_or_else(strange)?, number(1).ok_or_else(strange)?))
}

/// What a call returned; a contract that is not there returns nothing.
fn word_of(value: &Value) -> Option<U256> {
    let digits = value.as_str()?.strip_prefix("0x").filter(|digits| !digits.is_empty())?;
    U256::from_str_radix(digits, 16).ok()
}

/// The coin and every token of the specification, in its order.
async fn held(
    node: &Node,
    spec: &ChainSpec,
    account: Address,
) -> Result<Vec<Option<U256>>, String> {
    let mut calls = vec![("eth_getBalance", json!([account, "latest"]))];
    calls.extend(spec.tokens.iter().map(|token| {
        let data = calldata::balance_of(account);
        ("eth_call", json!([{ "to": token.address, "data": data }, "latest"]))
    }));
    let asked = tokio::time::timeout(PATIENCE, node.at_once(&calls)).await;
    let answers = asked.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())?;
    Ok(answers.iter().map(|answer| word_of(answer.as_ref().ok()?)).collect())
}

/// What open orders will take, and what they have taken: those that are not funded, and those that are.
fn spoken_for(swaps: &[Swap]) -> Spoken {
    let mut spoken = Spoken::new();
    for swap in swaps {
        let terms = &swap.terms;
        let (reserved, locked) =
            spoken.entry((terms.destination_chain, terms.destination_token)).or_default();
        let amount = terms.destination_amount.0;
        match swap.status {
            SwapStatus::Accepted | SwapStatus::SourceLocked => {
                *reserved = reserved.saturating_add(amount);
            }
            SwapStatus::BothLocked | SwapStatus::SecretKnown | SwapStatus::DestinationStranded => {
                *locked = locked.saturating_add(amount);
            }
            _ => {}
        }
    }
    spoken
}

fn lines(
    spec: &ChainSpec,
    held: Result<&Vec<Option<U256>>, &String>,
    spoken: &Spoken,
) -> Vec<BalanceLine> {
    let native = (Address::ZERO, spec.native.symbol.clone(), spec.native.decimals);
    let tokens =
        spec.tokens.iter().map(|token| (token.address, token.symbol.clone(), token.decimals));
    std::iter::once(native)
        .chain(tokens)
        .enumerate()
        .map(|(at, (address, token, decimals))| {
            let zero = (U256::ZERO, U256::ZERO);
            let (reserved, locked) =
                spoken.get(&(spec.chain_id.0, address)).copied().unwrap_or(zero);
            let held = match held {
                Ok(held) => held.get(at).copied().flatten().ok_or_else(|| "no answer".to_owned()),
                Err(why) => Err(why.clone()),
            };
            BalanceLine {
                chain: spec.name.clone(),
                token,
                held: held.map(|units| amount::cut(units, decimals)),
                promised: amount::cut(reserved, decimals),
                locked: amount::cut(locked, decimals),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_answers_strangely_is_not_believed() {
        let ok = |text: &str| -> Answer { Ok(json!(text)) };
        assert_eq!(read_head(&[ok("0x539"), ok("0x10")]), Ok((1337, 16)));
        for wrong in [vec![], vec![ok("0x539")], vec![ok("1337"), ok("16")]] {
            assert!(read_head(&wrong).is_err());
        }
    }

    #[test]
    fn an_environment_variable_that_is_not_set_is_named() {
        let door = Door::of(1, &EndpointSource::Env("BMN_TEST_NO_SUCH_VARIABLE".to_owned()));
        assert_eq!(door.shown, "env:BMN_TEST_NO_SUCH_VARIABLE");
        assert!(door.node.is_err_and(|why| why.contains("not set")));
    }
}
