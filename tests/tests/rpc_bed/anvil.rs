//! The JSON-RPC host on a real anvil.

use super::connect;
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    signers::local::PrivateKeySigner,
};
use async_trait::async_trait;
use bmn_chain::{Block, ChainClient, ChainLog, ChainSource, Header, conformance::Testbed};
use bmn_host_rpc::RpcHost;
use bmn_primitives::{BlockRef, ChainId};
use jsonrpsee::core::{client::ClientT, params::ArrayParams};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Half the depth at which anvil calls a block final.
const EPOCH: u64 = 3;
/// Longest wait for anvil to start or to end.
const PATIENCE: Duration = Duration::from_secs(30);
const MISSING: &str = "cannot run anvil: set BMN_ANVIL to the program, or put it on PATH; \
                       install it with: npm i @foundry-rs/anvil";

/// Which chain anvil plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Ethereum,
    Optimism,
}

/// A running anvil.
struct Process {
    child: Child,
    url: String,
    http: HttpClient,
}

pub(crate) struct AnvilBed {
    network: Network,
    /// Holds the chain's state while anvil is down.
    directory: TempDir,
    /// Only a restart takes these out, for a moment.
    running: Option<(Process, RpcHost)>,
    deposits: AtomicU64,
}

fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(b"the testbed's account")).expect("a valid key")
}

impl Process {
    async fn start(network: Network, directory: &TempDir) -> Self {
        let program = std::env::var_os("BMN_ANVIL").unwrap_or_else(|| OsString::from("anvil"));
        let epoch = EPOCH.to_string();
        let mut command = Command::new(&program);
        command
            .args(["--port", "0", "--no-mining", "--preserve-historical-states"])
            .args(["--slots-in-an-epoch", &epoch, "--state"])
            .arg(directory.path().join("state.json"))
            .args(match network {
                Network::Ethereum => ["--network", "ethereum"],
                Network::Optimism => ["--network", "optimism"],
            })
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; {MISSING}", program.display()));
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let address = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await.expect("readable output") {
                if let Some(address) = line.strip_prefix("Listening on ") {
                    return address.to_owned();
                }
            }
            panic!("anvil ended before it listened")
        });
        let url = format!("http://{}", address.await.expect("anvil listens in time"));
        drain(lines);
        let http = HttpClientBuilder::default().build(&url).expect("a client");
        Self { child, url, http }
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        self.try_call(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    async fn try_call(&self, method: &str, params: Value) -> Result<Value, String> {
        let mut list = ArrayParams::new();
        for param in params.as_array().expect("an array") {
            list.insert(param).expect("JSON");
        }
        self.http.request(method, list).await.map_err(|error| error.to_string())
    }

    /// Ends as if somebody had pressed ^C, which makes it write its state.
    async fn stop(mut self) {
        let id = self.child.id().expect("running").to_string();
        let kill = Command::new("kill").args(["-INT", &id]).status().await.expect("kill runs");
        assert!(kill.success(), "anvil was there to be stopped");
        let ended = timeout(PATIENCE, self.child.wait()).await;
        ended.expect("anvil ends in time").expect("its exit status");
    }
}

/// anvil logs every request: an unread pipe would stop it.
#[allow(clippy::disallowed_methods, reason = "the task ends with the process it reads from")]
fn drain(mut lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>) {
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
}

impl AnvilBed {
    pub(crate) async fn new(network: Network) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let deposits = AtomicU64::new(0);
        let mut bed = Self { network, directory, running: None, deposits };
        let node = Process::start(network, &bed.directory).await;
        let account = signer().address();
        let ether = U256::from(1_000u64) * U256::from(10u64).pow(U256::from(18u64));
        node.call("anvil_setBalance", json!([account, ether])).await;
        bed.follow(node).await;
        bed
    }

    async fn follow(&mut self, node: Process) {
        let host = connect(self, &urls(&node), 1, 0).await;
        self.running = Some((node, host));
    }

    fn node(&self) -> &Process {
        &self.running.as_ref().expect("running").0
    }

    async fn assert_mined(&self, tag: &str, txs: &[Bytes]) {
        let block = self.node().call("eth_getBlockByNumber", json!([tag, false])).await;
        let mut mined: Vec<B256> = read(&block["transactions"]);
        let mut sent: Vec<B256> = txs.iter().map(keccak256).collect();
        mined.sort_unstable();
        sent.sort_unstable();
        assert_eq!(mined, sent, "the block has the transactions it should have");
    }
}

fn urls(node: &Process) -> Vec<String> {
    vec![node.url.replacen("http", "ws", 1), node.url.clone()]
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

fn number(value: &Value) -> u64 {
    read::<U256>(value).to()
}

#[async_trait]
impl Testbed for AnvilBed {
    fn chain_id(&self) -> ChainId {
        ChainId(31337)
    }

    fn signer(&self) -> PrivateKeySigner {
        signer()
    }

    fn finality_depth(&self) -> u64 {
        2 * EPOCH
    }

    fn client(&self) -> Arc<dyn ChainClient> {
        self.running.as_ref().expect("running").1.client()
    }

    async fn open(&mut self, start: u64) -> Box<dyn ChainSource> {
        Box::new(connect(self, &urls(self.node()), 1, start).await.source())
    }

    async fn restart(&mut self) {
        if let Some((node, host)) = self.running.take() {
            drop(host);
            node.stop().await;
        }
        let node = Process::start(self.network, &self.directory).await;
        self.follow(node).await;
    }

    async fn mine(&mut self, txs: &[Bytes]) {
        let node = self.node();
        for tx in txs {
            let sent = node.try_call("eth_sendRawTransaction", json!([tx])).await;
            let known = node.call("eth_getTransactionByHash", json!([keccak256(tx)])).await;
            assert!(!known.is_null(), "anvil's pool refused a transaction: {sent:?}");
        }
        node.call("evm_mine", json!([])).await;
        self.assert_mined("latest", txs).await;
    }

    async fn replace(&mut self, depth: u64, length: u64, txs: &[Bytes]) {
        let node = self.node();
        let first = self.head().await.number - depth + 1;
        if length == 0 {
            node.call("anvil_rollback", json!([depth])).await;
        } else {
            let pairs: Vec<Value> = txs.iter().map(|tx| json!([tx, 0])).collect();
            node.call("anvil_reorg", json!([depth, pairs])).await;
            for _ in depth..length {
                node.call("evm_mine", json!([])).await;
            }
            if length < depth {
                node.call("anvil_rollback", json!([depth - length])).await;
            }
            self.assert_mined(&format!("{first:#x}"), txs).await;
        }
        let pool = node.call("txpool_status", json!([])).await;
        assert_eq!(number(&pool["pending"]) + number(&pool["queued"]), 0, "old ones are gone");
    }

    async fn mine_deposit(&mut self, to: Address, data: Bytes) -> B256 {
        assert_eq!(self.network, Network::Optimism, "only claimed there");
        let (node, from) = (self.node(), signer().address());
        let source_hash = B256::from(U256::from(self.deposits.fetch_add(1, Ordering::Relaxed) + 1));
        node.call("anvil_impersonateAccount", json!([from])).await;
        let deposit = json!({
            "type": "0x7e", "from": from, "to": to, "value": "0x0", "mint": "0x5", "gas": "0x200000",
            "sourceHash": source_hash, "isSystemTx": false, "input": data,
        });
        let hash: B256 = read(&node.call("eth_sendTransaction", json!([deposit])).await);
        node.call("evm_mine", json!([])).await;
        let mined = node.call("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!(mined["type"], "0x7e", "{mined}");
        assert!(!mined["blockHash"].is_null(), "{mined}");
        hash
    }

    async fn head(&self) -> BlockRef {
        let block = self.node().call("eth_getBlockByNumber", json!(["latest", false])).await;
        header(&block).block_ref()
    }

    async fn block(&self, at: u64) -> Option<Block> {
        let tag = format!("{at:#x}");
        let block = self.node().call("eth_getBlockByNumber", json!([tag, false])).await;
        if block.is_null() {
            return None;
        }
        let receipts = self.node().call("eth_getBlockReceipts", json!([block["hash"]])).await;
        let receipts = receipts.as_array().expect("receipts").iter();
        let logs = receipts.flat_map(|receipt| receipt["logs"].as_array().expect("logs"));
        Some(Block { header: header(&block), logs: logs.map(log).collect() })
    }
}

fn header(block: &Value) -> Header {
    Header {
        number: number(&block["number"]),
        hash: read(&block["hash"]),
        parent_hash: read(&block["parentHash"]),
        timestamp: number(&block["timestamp"]),
        logs_bloom: read(&block["logsBloom"]),
        receipts_root: read(&block["receiptsRoot"]),
        base_fee: block.get("baseFeePerGas").map(number),
    }
}

fn log(log: &Value) -> ChainLog {
    let index = |value| u32::try_from(number(value)).expect("small");
    ChainLog {
        address: read(&log["address"]),
        topics: read(&log["topics"]),
        data: read(&log["data"]),
        tx_hash: read(&log["transactionHash"]),
        tx_index: index(&log["transactionIndex"]),
        log_index: index(&log["logIndex"]),
    }
}
