//! A scripted node.

use super::{CHAIN, OURS, START, TOPIC};
use crate::{
    fault::{Fault, RpcFailure},
    transport::{Answer, Heads, Request, Transport},
    wire,
};
use alloy::primitives::{Address, B256, Bloom, BloomInput, Bytes, keccak256};
use async_trait::async_trait;
use bmn_chain::{ChainLog, Header};
use bmn_primitives::BlockRef;
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use serde_json::{Value, json, value::RawValue};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::broadcast;

type Hook = Box<dyn FnMut(&Request) -> Option<Result<Value, RpcFailure>> + Send>;
type Cut = Box<dyn FnMut(&[Request]) -> Option<Fault> + Send>;

#[derive(Clone)]
pub(super) struct FakeBlock {
    pub(super) header: Header,
    pub(super) logs: Vec<ChainLog>,
}

/// What a node has and how it behaves.
pub(super) struct Script {
    pub(super) chain_id: u64,
    /// From genesis.
    pub(super) blocks: Vec<FakeBlock>,
    /// Newest final block; `None`: the tag is unknown to the node.
    pub(super) finalized: Option<u64>,
    /// Answers some calls in the node's place.
    pub(super) hook: Option<Hook>,
    /// Breaks some exchanges.
    pub(super) cut: Option<Cut>,
    pub(super) takes: Duration,
    pub(super) asked: Vec<Request>,
    pub(super) batches: Vec<usize>,
    /// Signals to subscribers; `None`: it takes no subscriptions.
    pub(super) pushes: Option<broadcast::Sender<()>>,
    pub(super) reconnects: usize,
}

/// A node that can be shared and changed while it is followed.
#[derive(Clone)]
pub(super) struct Node(Arc<Mutex<Script>>);

pub(super) fn failure(code: i64, message: &str) -> RpcFailure {
    RpcFailure { code, message: message.to_owned(), data: None }
}

/// A log of ours in every seventh block; a stranger's log in every second one.
fn logs_of(number: u64, salt: u8) -> Vec<ChainLog> {
    let log = |address, topic, log_index| ChainLog {
        address,
        topics: vec![topic, B256::with_last_byte(salt)],
        data: Bytes::copy_from_slice(&number.to_be_bytes()),
        tx_hash: keccak256([&number.to_be_bytes()[..], &[salt, log_index as u8]].concat()),
        tx_index: log_index,
        log_index,
    };
    let mut logs = Vec::new();
    if number.is_multiple_of(2) {
        logs.push(log(Address::repeat_byte(0x99), B256::repeat_byte(0x11), logs.len() as u32));
    }
    if number.is_multiple_of(7) {
        logs.push(log(OURS, B256::repeat_byte(0x22), logs.len() as u32));
    }
    if number.is_multiple_of(21) {
        logs.push(log(Address::repeat_byte(0x55), TOPIC, logs.len() as u32));
        // Both filters find this one.
        logs.push(log(OURS, TOPIC, logs.len() as u32));
    }
    logs
}

fn bloom(logs: &[ChainLog]) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in logs {
        bloom.accrue(BloomInput::Raw(log.address.as_slice()));
        for topic in &log.topics {
            bloom.accrue(BloomInput::Raw(topic.as_slice()));
        }
    }
    bloom
}

fn block(number: u64, parent_hash: B256, salt: u8) -> FakeBlock {
    let logs = logs_of(number, salt);
    let header = Header {
        number,
        hash: keccak256([parent_hash.as_slice(), &number.to_be_bytes(), &[salt]].concat()),
        parent_hash,
        timestamp: 1_000 + 12 * number,
        logs_bloom: bloom(&logs),
        receipts_root: B256::repeat_byte(0x33),
        base_fee: Some(7),
    };
    FakeBlock { header, logs }
}

impl Node {
    /// A chain with blocks 0 to `head`, of which those 20 below the head are final.
    pub(super) fn new(head: u64) -> Self {
        let node = Self(Arc::new(Mutex::new(Script {
            chain_id: CHAIN.0,
            blocks: vec![],
            finalized: Some(0),
            hook: None,
            cut: None,
            takes: Duration::from_millis(10),
            asked: vec![],
            batches: vec![],
            pushes: None,
            reconnects: 0,
        })));
        node.mine(head + 1, 0);
        node.set(|it| it.finalized = Some(head.saturating_sub(20)));
        node
    }

    /// Another node with the same chain.
    pub(super) fn twin(&self) -> Self {
        let twin = Self::new(0);
        let (blocks, finalized) = self.set(|it| (it.blocks.clone(), it.finalized));
        twin.set(|it| (it.blocks, it.finalized) = (blocks, finalized));
        twin
    }

    pub(super) fn set<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.0.lock())
    }

    pub(super) fn mine(&self, count: u64, salt: u8) {
        self.set(|it| {
            for _ in 0..count {
                let parent = it.blocks.last().map_or(B256::ZERO, |block| block.header.hash);
                it.blocks.push(block(it.blocks.len() as u64, parent, salt));
            }
        });
    }

    /// Replaces the newest `depth` blocks by `count` others.
    pub(super) fn reorg(&self, depth: usize, count: u64, salt: u8) {
        self.set(|it| it.blocks.truncate(it.blocks.len() - depth));
        self.mine(count, salt);
    }

    pub(super) fn hook(
        &self,
        hook: impl FnMut(&Request) -> Option<Result<Value, RpcFailure>> + Send + 'static,
    ) {
        self.set(|it| it.hook = Some(Box::new(hook)));
    }

    pub(super) fn cut(&self, cut: impl FnMut(&[Request]) -> Option<Fault> + Send + 'static) {
        self.set(|it| it.cut = Some(Box::new(cut)));
    }

    pub(super) fn well(&self) {
        self.set(|it| (it.hook, it.cut) = (None, None));
    }

    pub(super) fn head(&self) -> BlockRef {
        self.set(|it| it.blocks.last().expect("a block").header.block_ref())
    }

    pub(super) fn asked(&self, method: &str) -> usize {
        self.set(|it| it.asked.iter().filter(|request| request.method == method).count())
    }

    pub(super) fn wanted_logs(&self) -> BTreeMap<u64, Vec<ChainLog>> {
        let wanted = |log: &&ChainLog| log.address == OURS || log.topics[0] == TOPIC;
        let of = |block: &FakeBlock| {
            let logs: Vec<_> = block.logs.iter().filter(wanted).cloned().collect();
            (block.header.number, logs)
        };
        let all =
            |it: &mut Script| it.blocks.iter().skip(START as usize).map(of).collect::<Vec<_>>();
        self.set(all).into_iter().filter(|(_, logs)| !logs.is_empty()).collect()
    }
}

impl Script {
    fn find(&self, id: &Value) -> Option<&FakeBlock> {
        match id.as_str()? {
            "latest" => self.blocks.last(),
            "finalized" => self.blocks.get(self.finalized? as usize),
            text if text.len() == 66 => {
                self.blocks.iter().find(|block| block.header.hash.to_string() == text)
            }
            text => self.blocks.get(quantity(text)? as usize),
        }
    }

    pub(super) fn answer(&mut self, request: &Request) -> Result<Value, RpcFailure> {
        if let Some(hook) = &mut self.hook
            && let Some(answer) = hook(request)
        {
            return answer;
        }
        let params = &request.params;
        match request.method {
            "eth_chainId" => Ok(json!(format!("{:#x}", self.chain_id))),
            "eth_getBlockByNumber" if params[0] == "finalized" && self.finalized.is_none() => {
                Err(failure(-32602, "invalid argument 0: hex string without 0x prefix"))
            }
            "eth_getBlockByNumber" | "eth_getBlockByHash" => {
                Ok(self.find(&params[0]).map_or(Value::Null, |block| header_json(&block.header)))
            }
            "eth_getLogs" => self.logs(&params[0]),
            "eth_getBlockReceipts" => Ok(self.find(&params[0]).map_or(Value::Null, |block| {
                let one = |log| json!({"logs": [log], "type": "0x7e", "status": "0x1"});
                logs_json(block).into_iter().map(one).collect()
            })),
            other => Err(failure(-32601, &format!("the method {other} does not exist"))),
        }
    }

    fn logs(&self, filter: &Value) -> Result<Value, RpcFailure> {
        let blocks: Vec<&FakeBlock> = if let Some(hash) = filter.get("blockHash") {
            vec![self.find(hash).ok_or_else(|| failure(-32000, "unknown block"))?]
        } else {
            let bound = |name: &str| filter[name].as_str().and_then(quantity).expect("a bound");
            let (from, to) = (bound("fromBlock") as usize, bound("toBlock") as usize);
            self.blocks.iter().skip(from).take(to + 1 - from).collect()
        };
        let wanted = |log: &&Value| {
            let of = |name: &str| filter.get(name).and_then(Value::as_array);
            let address = of("address").is_none_or(|list| list.contains(&log["address"]));
            let topic = of("topics").is_none_or(|topics| {
                topics[0].as_array().expect("a list").contains(&log["topics"][0])
            });
            address && topic
        };
        let logs: Vec<Value> = blocks.into_iter().flat_map(logs_json).collect();
        Ok(logs.iter().filter(wanted).cloned().collect())
    }
}

pub(super) fn quantity(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// As an OP-stack node shows it, unknown fields and transactions included.
pub(super) fn header_json(header: &Header) -> Value {
    json!({
        "number": format!("{:#x}", header.number), "hash": header.hash,
        "parentHash": header.parent_hash, "timestamp": format!("{:#x}", header.timestamp),
        "logsBloom": header.logs_bloom, "receiptsRoot": header.receipts_root,
        "baseFeePerGas": header.base_fee.map(|fee| format!("{fee:#x}")),
        "withdrawals": [], "l2Oddity": {"a": 1},
        "transactions": [{"type": "0x7e", "mint": "0x1", "isSystemTx": false}],
    })
}

fn logs_json(block: &FakeBlock) -> Vec<Value> {
    let one = |log: &ChainLog| {
        json!({
            "address": log.address, "topics": log.topics, "data": log.data,
            "blockNumber": format!("{:#x}", block.header.number),
            "blockHash": block.header.hash, "transactionHash": log.tx_hash,
            "transactionIndex": format!("{:#x}", log.tx_index),
            "logIndex": format!("{:#x}", log.log_index), "removed": false,
            "blockTimestamp": "0x1",
        })
    };
    block.logs.iter().map(one).collect()
}

#[async_trait]
impl Transport for Node {
    async fn send(&self, requests: &[Request]) -> Result<Vec<Answer>, Fault> {
        tokio::time::sleep(self.set(|it| it.takes)).await;
        let mut it = self.0.lock();
        it.batches.push(requests.len());
        it.asked.extend(requests.iter().cloned());
        if let Some(cut) = &mut it.cut
            && let Some(fault) = cut(requests)
        {
            return Err(fault);
        }
        // Through the bytes, as a socket would carry them.
        let answer = |(id, request): (usize, &Request)| match it.answer(request) {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err(RpcFailure { code, message, data }) => {
                let error = json!({"code": code, "message": message, "data": data});
                json!({"jsonrpc": "2.0", "id": id, "error": error})
            }
        };
        let body: Value = requests.iter().enumerate().map(answer).rev().collect();
        wire::answers(body.to_string().as_bytes(), requests.len())
    }

    async fn new_heads(&self) -> Result<Option<Heads>, Fault> {
        tokio::time::sleep(self.set(|it| it.takes)).await;
        let Some(pushes) = self.set(|it| it.pushes.as_ref().map(broadcast::Sender::subscribe))
        else {
            return Ok(None);
        };
        let next = |mut pushes: broadcast::Receiver<()>| async move {
            pushes.recv().await.ok().map(|()| ((), pushes))
        };
        Ok(Some(stream::unfold(pushes, next).boxed()))
    }

    fn reconnect(&self) {
        self.set(|it| it.reconnects += 1);
    }
}

/// A raw result.
pub(super) fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("JSON")
}
