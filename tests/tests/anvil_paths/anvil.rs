//! A node of another make: anvil, whose blocks and time the test commands.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    signers::local::PrivateKeySigner,
};
use bmn_chain::{CallOutcome, CallRequest, ChainClient};
use bmn_config::{ChainSpec, FactorySpec};
use bmn_contracts::calldata;
use bmn_host_rpc::{Limits, LogSelection, RpcConfig, RpcHost};
use bmn_primitives::{ChainId, Dialect};
use bmn_sim::{Payload, Sent, Wallet};
use jsonrpsee::core::{client::ClientT, params::ArrayParams};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{ffi::OsString, path::Path, process::Stdio, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Seconds between blocks of both chains.
pub(crate) const BLOCK_TIME: u64 = 2;
/// First timestamp of both chains, far from any wall clock.
const GENESIS: u64 = 1_760_000_000;
/// Longest wait for a program to start, or to do what it is told.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks at what a program does.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(10);
const MISSING: &str = "cannot run anvil: set BMN_ANVIL to the program, or put it on PATH; \
                       install it with: npm i @foundry-rs/anvil";

/// A running chain with the development contracts.
pub(crate) struct Anvil {
    /// Ends with it.
    _child: Child,
    url: String,
    http: HttpClient,
    pub(crate) spec: ChainSpec,
    pub(crate) client: Arc<dyn ChainClient>,
}

/// A request over HTTP.
pub(crate) async fn request(
    http: &HttpClient,
    method: &str,
    params: Value,
) -> Result<Value, String> {
    let mut list = ArrayParams::new();
    for param in params.as_array().expect("an array") {
        list.insert(param).expect("JSON");
    }
    http.request(method, list).await.map_err(|error| error.to_string())
}

pub(crate) fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

/// What `find` makes of the first line of a program's output that it takes. The lines behind it are read
/// and dropped: an unread pipe would stop the program.
#[allow(clippy::disallowed_methods, reason = "the task ends with the process it reads from")]
pub(crate) async fn line_of<T>(child: &mut Child, find: impl Fn(&str) -> Option<T>) -> Option<T> {
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let found = timeout(PATIENCE, async {
        while let Some(line) = lines.next_line().await.expect("readable output") {
            if let Some(found) = find(&line) {
                return Some(found);
            }
        }
        None
    });
    let found = found.await.ok().flatten();
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    found
}

async fn start(chain: u64) -> (Child, String) {
    let program = std::env::var_os("BMN_ANVIL").unwrap_or_else(|| OsString::from("anvil"));
    let mut command = Command::new(&program);
    command
        .args(["--host", "127.0.0.1", "--port", "0"])
        .args(["--chain-id", &chain.to_string(), "--timestamp", &GENESIS.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("{}: {error}; {MISSING}", program.display()));
    let address = line_of(&mut child, |line| line.strip_prefix("Listening on ").map(str::to_owned));
    let address = address.await.expect("anvil says where it listens");
    (child, format!("http://{address}"))
}

/// A client of the host that `bmn node` itself uses.
async fn connect(url: &str, chain: u64) -> Arc<dyn ChainClient> {
    let config = RpcConfig {
        chain_id: ChainId(chain),
        endpoints: vec![url.parse().expect("an endpoint")],
        private: None,
        start_block: 0,
        finality_depth: 0,
        filter: LogSelection::default(),
        agreement: 1,
        limits: Limits::default(),
        poll: LOOK_AGAIN,
    };
    RpcHost::connect(config).await.expect("anvil answers").client()
}

impl Anvil {
    /// A chain on which `bmn dev deploy` has put the contracts, and whose blocks are ours to mine since.
    pub(crate) async fn new(bmn: &Path, directory: &Path, chain: u64) -> Self {
        let (child, url) = start(chain).await;
        let deployed = Command::new(bmn)
            .args(["dev", "deploy", "--json", "--rpc", &url, "--out"])
            .arg(directory.join("specs"))
            .args(["--block-time", &BLOCK_TIME.to_string()])
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", bmn.display()));
        let said = String::from_utf8_lossy(&deployed.stderr);
        assert!(deployed.status.success(), "bmn dev deploy: {said}");
        let answer: Value = serde_json::from_slice(&deployed.stdout).expect("JSON on stdout");
        let spec = answer["spec"].as_str().expect("a specification");
        let spec = ChainSpec::from_toml(spec, "deployed").expect("a specification");
        let http = HttpClientBuilder::default().build(&url).expect("a client");
        let client = connect(&url, chain).await;
        let anvil = Self { _child: child, url, http, spec, client };
        anvil.call("evm_setAutomine", json!([false])).await;
        anvil
    }

    pub(crate) fn endpoints(&self) -> [String; 2] {
        [self.url.replacen("http", "ws", 1), self.url.clone()]
    }

    pub(crate) fn id(&self) -> ChainId {
        self.spec.chain_id
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let answer = request(&self.http, method, params).await;
        answer.unwrap_or_else(|error| panic!("chain {}: {method}: {error}", self.id()))
    }

    /// A block with this timestamp.
    pub(crate) async fn mine(&self, time: u64) {
        self.call("evm_setNextBlockTimestamp", json!([time])).await;
        self.call("evm_mine", json!([])).await;
    }

    pub(crate) async fn head(&self) -> (u64, u64) {
        let block = self.call("eth_getBlockByNumber", json!(["latest", false])).await;
        let word = |field: &str| read::<U256>(block[field].clone()).to::<u64>();
        (word("number"), word("timestamp"))
    }

    pub(crate) async fn wallet(&self, signer: PrivateKeySigner) -> Wallet {
        Wallet::open(signer, self.client.clone()).await.expect("a wallet")
    }

    /// The receipt of a transaction that must have succeeded.
    pub(crate) async fn succeeded(&self, sent: &Sent, what: &str) -> Value {
        let receipt = self.call("eth_getTransactionReceipt", json!([sent.hash])).await;
        assert_eq!(receipt["status"], "0x1", "chain {}: {what}: {receipt}", self.id());
        receipt
    }

    /// Balance of a token; zero is the native coin.
    pub(crate) async fn balance(&self, token: Address, account: Address) -> U256 {
        if token.is_zero() {
            return self.client.balance(account).await.expect("a balance");
        }
        self.word(token, calldata::balance_of(account)).await
    }

    pub(crate) async fn word(&self, to: Address, data: Bytes) -> U256 {
        let call = CallRequest { to, data, ..CallRequest::default() };
        match self.client.call(&call).await.expect("an answer") {
            CallOutcome::Success(word) => U256::from_be_slice(&word),
            CallOutcome::Reverted(data) => panic!("{to} reverted: {data}"),
        }
    }

    /// What everybody paid for gas in the blocks above `floor`, by who sent. Nothing here is a race, so
    /// every transaction must have succeeded.
    pub(crate) async fn fees_since(&self, floor: u64) -> Vec<(Address, U256)> {
        let mut fees = Vec::new();
        for number in floor + 1..=self.head().await.0 {
            let receipts = self.call("eth_getBlockReceipts", json!([format!("{number:#x}")])).await;
            for receipt in receipts.as_array().expect("receipts") {
                assert_eq!(receipt["status"], "0x1", "chain {}: {receipt}", self.id());
                let word = |field: &str| read::<U256>(receipt[field].clone());
                fees.push((
                    read(receipt["from"].clone()),
                    word("gasUsed") * word("effectiveGasPrice"),
                ));
            }
        }
        fees
    }

    /// Who sent a transaction.
    pub(crate) async fn sender(&self, hash: B256) -> Address {
        let tx = self.call("eth_getTransactionByHash", json!([hash])).await;
        read(tx["from"].clone())
    }

    pub(crate) fn symbol(&self, symbol: &str) -> Address {
        self.spec.token_named(symbol).expect("listed").address
    }

    pub(crate) fn factory(&self, dialect: Dialect) -> &FactorySpec {
        self.spec.factories.iter().find(|it| it.dialect == dialect).expect("deployed")
    }
}

/// A transaction of somebody's, to be mined with the next block.
pub(crate) async fn send(wallet: &mut Wallet, to: Address, value: U256, data: Bytes) -> Sent {
    let gas = if data.is_empty() { 21_000 } else { 900_000 };
    let payload = Payload { to: Some(to), value, data, gas };
    wallet.send(payload).await.expect("a transaction")
}
