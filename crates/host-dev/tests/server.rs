//! The JSON-RPC server, as clients see it.

mod common;

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, B256, Bytes, TxKind, U64, U256, hex},
    rpc::types::{Block, FeeHistory, Header, Log, Transaction, TransactionReceipt},
};
use bmn_host_dev::{
    Clock, DevChain, DevChainError, DevServer, DevServerConfig, MiningMode, Replacement,
};
use common::*;
use jsonrpsee::core::{
    ClientError,
    client::{ClientT, Subscription, SubscriptionClientT},
    params::ArrayParams,
};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use jsonrpsee_ws_client::WsClientBuilder;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

struct World {
    chain: DevChain,
    server: DevServer,
    client: HttpClient,
}

fn listen(mining: MiningMode) -> DevServerConfig {
    DevServerConfig { listen: ([127, 0, 0, 1], 0).into(), mining, clock: None }
}

async fn world() -> World {
    serve(listen(MiningMode::Manual)).await
}

async fn serve(config: DevServerConfig) -> World {
    let chain = chain();
    let server = DevServer::start(chain.clone(), config).await.expect("listens");
    let client = HttpClientBuilder::default().build(server.url()).expect("a valid URL");
    World { chain, server, client }
}

fn array(params: Value) -> ArrayParams {
    let mut array = ArrayParams::new();
    for value in params.as_array().expect("an array") {
        array.insert(value).expect("encodes");
    }
    array
}

impl World {
    async fn try_ask(&self, method: &str, params: Value) -> Result<Value, ClientError> {
        self.client.request(method, array(params)).await
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        self.try_ask(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, method: &str, params: Value) -> T {
        serde_json::from_value(self.ask(method, params).await).expect("the standard shape")
    }

    async fn refusal(&self, method: &str, params: Value) -> (i32, String, Option<Value>) {
        match self.try_ask(method, params).await {
            Err(ClientError::Call(error)) => {
                let data = error.data().map(|data| serde_json::from_str(data.get()).expect("JSON"));
                (error.code(), error.message().to_owned(), data)
            }
            other => panic!("{method} was not refused: {other:?}"),
        }
    }

    fn logger(&self) -> Address {
        let logger = Address::repeat_byte(0x10);
        self.chain.set_code(logger, Bytes::from_static(&LOGGER)).expect("valid code");
        logger
    }
}

#[tokio::test]
async fn identity_is_told() {
    let world = world().await;
    assert_eq!(world.ask("eth_chainId", json!([])).await, "0x7a69");
    assert_eq!(world.ask("net_version", json!([])).await, "31337");
    assert_eq!(world.ask("eth_syncing", json!([])).await, false);
    assert_eq!(world.ask("eth_blockNumber", json!([])).await, "0x0");
    let version = world.ask("web3_clientVersion", json!([])).await;
    assert!(version.as_str().expect("text").starts_with("bmn-host-dev/"));
    let accounts: Vec<Address> = world.read("eth_accounts", json!([])).await;
    assert_eq!(accounts, [1, 2, 3, 4].map(account));
}

#[tokio::test]
async fn a_transaction_is_sent_mined_and_read_back() {
    let world = world().await;
    let deploy = tx(1, 0, |tx| {
        tx.to = TxKind::Create;
        tx.value = U256::ZERO;
        tx.gas_limit = 200_000;
        tx.input = init_code(&LOGGER);
    });
    let hash: B256 = world.read("eth_sendRawTransaction", json!([deploy])).await;
    let pending: Transaction = world.read("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!((pending.block_number, pending.inner.signer()), (None, account(1)));
    assert_eq!(world.ask("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    let status = world.ask("txpool_status", json!([])).await;
    assert_eq!(status, json!({"pending": "0x1", "queued": "0x0"}));
    let preview: Block = world.read("eth_getBlockByNumber", json!(["pending", false])).await;
    assert_eq!((preview.header.number, preview.transactions.len()), (1, 1));
    for (tag, nonce) in [("latest", 0), ("pending", 1)] {
        let count: U64 = world.read("eth_getTransactionCount", json!([account(1), tag])).await;
        assert_eq!(count, U64::from(nonce));
    }

    world.ask("evm_mine", json!([])).await;
    let logger = account(1).create(0);
    world.ask("eth_sendRawTransaction", json!([call_logger(1, 1, logger, 7)])).await;
    world.ask("anvil_mine", json!(["0x1"])).await;
    let receipt: TransactionReceipt = world.read("eth_getTransactionReceipt", json!([hash])).await;
    assert!(receipt.status());
    assert_eq!((receipt.contract_address, receipt.to), (Some(logger), None));
    let block: Block = world.read("eth_getBlockByNumber", json!(["0x2", true])).await;
    let mined = world.chain.block(2).expect("readable").expect("there");
    assert_eq!(block.header.hash, mined.hash());
    assert_eq!(block.header.inner, *mined.header());
    assert_eq!(block.header.inner.hash_slow(), mined.hash());
    let transactions = block.transactions.as_transactions().expect("full");
    assert_eq!(transactions[0].inner.input().as_ref(), B256::from(U256::from(7)).as_slice());
    let by_hash: Block = world.read("eth_getBlockByHash", json!([mined.hash(), false])).await;
    assert_eq!(by_hash.transactions.as_hashes().expect("hashes"), [mined.txs()[0].hash()]);
    let receipts: Vec<TransactionReceipt> =
        world.read("eth_getBlockReceipts", json!(["latest"])).await;
    assert_eq!(receipts[0].inner.logs()[0].log_index, Some(0));
    assert_eq!(world.ask("eth_getBlockByNumber", json!(["0x9", false])).await, Value::Null);
    let code: Bytes = world.read("eth_getCode", json!([logger, "latest"])).await;
    assert_eq!(code, Bytes::from_static(&LOGGER));
    let slot: B256 = world.read("eth_getStorageAt", json!([logger, "0x0", "latest"])).await;
    assert_eq!(slot, B256::from(U256::from(7)));
    let before: B256 = world.read("eth_getStorageAt", json!([logger, "0x0", "0x1"])).await;
    assert_eq!(before, B256::ZERO);
    let balance: U256 = world.read("eth_getBalance", json!([account(2)])).await;
    assert_eq!(balance, U256::from(100 * ETHER));
    let safe: Block = world.read("eth_getBlockByNumber", json!(["safe", false])).await;
    assert_eq!(safe.header.number, 0);
}

#[tokio::test]
async fn calls_and_estimates_answer_or_say_why_not() {
    let world = world().await;
    let clock = Address::repeat_byte(0xc1);
    world.chain.set_code(clock, Bytes::from_static(&CLOCK)).expect("valid code");
    let reverter = Address::repeat_byte(0xee);
    // revert("no"): selector of Error(string), offset 32, length 2, "no".
    let reason: &[u8] = &hex!(
        "6308c379a05f52602060205260026040527f6e6f0000000000000000000000000000000000000000000000000000000000006060526064601cfd"
    );
    world.chain.set_code(reverter, Bytes::copy_from_slice(reason)).expect("valid code");
    let head = world.chain.mine(None).expect("mines");

    let output: Bytes = world.read("eth_call", json!([{ "to": clock }, "latest"])).await;
    assert_eq!(U256::from_be_slice(&output[..32]), U256::from(head.time));
    let output: Bytes = world.read("eth_call", json!([{ "to": clock }, "pending"])).await;
    assert_eq!(U256::from_be_slice(&output[..32]), U256::from(head.time + 12));
    let overridden = json!([{ "to": clock }, "latest", {}, { "time": "0x5" }]);
    let output: Bytes = world.read("eth_call", overridden).await;
    assert_eq!(U256::from_be_slice(&output[..32]), U256::from(5));
    let faked = json!([{ "to": account(4) }, "latest", { account(4).to_string(): { "code": "0x602a5f5260205ff3" } }]);
    let output: Bytes = world.read("eth_call", faked).await;
    assert_eq!(U256::from_be_slice(&output), U256::from(42));

    for method in ["eth_call", "eth_estimateGas"] {
        let (code, message, data) = world.refusal(method, json!([{ "to": reverter }])).await;
        assert_eq!((code, message.as_str()), (3, "execution reverted: no"));
        let data = data.expect("the revert data");
        assert!(data.as_str().expect("hex").starts_with("0x08c379a0"), "{data}");
    }
    let (code, message, _) = world.refusal("eth_call", json!([{ "to": clock }, "0x77"])).await;
    assert_eq!((code, message.as_str()), (-32000, "header not found"));

    let transfer = json!([{ "from": account(1), "to": account(2), "value": "0x1" }]);
    assert_eq!(world.ask("eth_estimateGas", transfer).await, "0x5208");
    let poor = json!([{ "from": Address::repeat_byte(3), "to": account(2), "value": "0x1" }]);
    let (code, message, _) = world.refusal("eth_estimateGas", poor).await;
    assert_eq!(code, -32000);
    assert!(message.contains("insufficient funds"), "{message}");
}

#[tokio::test]
async fn fees_are_suggested_and_remembered() {
    let world = world().await;
    world.chain.submit_raw(&tx(1, 0, |_| ())).expect("accepted");
    world
        .chain
        .submit_raw(&tx(2, 0, |tx| tx.max_priority_fee_per_gas = 3 * GWEI))
        .expect("accepted");
    world.chain.mine(None).expect("mines");
    world.chain.mine(None).expect("mines");
    let history: FeeHistory =
        world.read("eth_feeHistory", json!(["0x2", "latest", [0, 50, 100]])).await;
    assert_eq!(history.oldest_block, 1);
    let fee = |number| {
        let block = world.chain.block(number).expect("readable").expect("there");
        u128::from(block.header().base_fee_per_gas.expect("London"))
    };
    let next = world.chain.fees().base;
    assert_eq!(history.base_fee_per_gas, [fee(1), fee(2), next]);
    assert_eq!(history.reward.expect("asked for"), [vec![GWEI, GWEI, 3 * GWEI], vec![0; 3]]);
    assert_eq!(history.gas_used_ratio, [42_000.0 / 30_000_000.0, 0.0]);
    let price: U256 = world.read("eth_gasPrice", json!([])).await;
    let tip: U256 = world.read("eth_maxPriorityFeePerGas", json!([])).await;
    assert_eq!((price, tip), (U256::from(next + GWEI), U256::from(GWEI)));
    let (code, message, _) =
        world.refusal("eth_feeHistory", json!(["0x2", "latest", [50, 10]])).await;
    assert_eq!(code, -32602);
    assert!(message.contains("rewardPercentiles"), "{message}");
}

#[tokio::test]
async fn logs_are_found_by_address_topic_and_block() {
    let world = world().await;
    let logger = world.logger();
    for nonce in 0..3 {
        world.chain.submit_raw(&call_logger(1, nonce, logger, nonce)).expect("accepted");
        world.chain.mine(None).expect("mines");
    }
    let topic = B256::from(U256::from(0x42));
    let hash = world.chain.head().hash;
    for (filter, count) in [
        (json!({ "fromBlock": "0x0", "toBlock": "latest" }), 3),
        (json!({ "fromBlock": "0x2", "toBlock": "0x2", "address": logger }), 1),
        (json!({ "fromBlock": "earliest", "address": [account(1)] }), 0),
        (json!({ "fromBlock": "0x0", "topics": [[topic, B256::ZERO]] }), 3),
        (json!({ "fromBlock": "0x0", "topics": [null, topic] }), 0),
        (json!({ "blockHash": hash }), 1),
        (json!({}), 1),
    ] {
        let logs: Vec<Log> = world.read("eth_getLogs", json!([filter])).await;
        assert_eq!(logs.len(), count, "{filter}");
    }
    let (code, message, _) =
        world.refusal("eth_getLogs", json!([{ "blockHash": B256::ZERO }])).await;
    assert_eq!((code, message.as_str()), (-32000, "unknown block"));
    let (code, message, _) = world.refusal("eth_getLogs", json!([{ "address": "0x12" }])).await;
    assert_eq!(code, -32602);
    assert!(message.contains("`filter` must be an object with address"), "{message}");
}

#[tokio::test]
async fn polled_filters_report_each_change_once_and_what_was_removed() {
    let world = world().await;
    let logger = world.logger();
    let blocks = world.ask("eth_newBlockFilter", json!([])).await;
    let logs = world.ask("eth_newFilter", json!([{ "address": logger }])).await;
    world.chain.submit_raw(&call_logger(1, 0, logger, 5)).expect("accepted");
    let head = world.chain.mine(None).expect("mines");
    let hashes: Vec<B256> = world.read("eth_getFilterChanges", json!([blocks])).await;
    assert_eq!(hashes, [head.hash]);
    let found: Vec<Log> = world.read("eth_getFilterChanges", json!([logs])).await;
    assert_eq!((found.len(), found[0].removed), (1, false));
    assert_eq!(world.ask("eth_getFilterChanges", json!([logs])).await, json!([]));
    world.ask("anvil_reorg", json!([1])).await;
    let found: Vec<Log> = world.read("eth_getFilterChanges", json!([logs])).await;
    let marks: Vec<_> = found.iter().map(|log| (log.removed, log.block_hash)).collect();
    assert_eq!(marks, [(true, Some(head.hash)), (false, Some(world.chain.head().hash))]);
    let all: Vec<Log> = world.read("eth_getFilterLogs", json!([logs])).await;
    assert_eq!(all.len(), 1);
    assert_eq!(world.ask("eth_uninstallFilter", json!([logs])).await, true);
    assert_eq!(world.ask("eth_uninstallFilter", json!([logs])).await, false);
    let (code, message, _) = world.refusal("eth_getFilterChanges", json!([logs])).await;
    assert_eq!((code, message.as_str()), (-32000, "filter not found"));
}

async fn next<T: serde::de::DeserializeOwned>(subscription: &mut Subscription<Value>) -> T {
    let value = subscription.next().await.expect("open").expect("decodes");
    serde_json::from_value(value).expect("the standard shape")
}

#[tokio::test]
async fn subscribers_hear_of_heads_logs_and_reorgs() {
    let world = world().await;
    let logger = world.logger();
    let url = format!("ws://{}", world.server.local_addr());
    let client = WsClientBuilder::default().build(url).await.expect("connects");
    let subscribe = async |params| -> Subscription<Value> {
        let (on, off) = ("eth_subscribe", "eth_unsubscribe");
        client.subscribe(on, array(params), off).await.expect("subscribes")
    };
    let mut heads = subscribe(json!(["newHeads"])).await;
    let mut logs = subscribe(json!(["logs", { "address": logger }])).await;
    world.chain.submit_raw(&call_logger(1, 0, logger, 5)).expect("accepted");
    let first = world.chain.mine(None).expect("mines");
    let heard: Header = next(&mut heads).await;
    assert_eq!((heard.hash, heard.inner.hash_slow()), (first.hash, first.hash));
    let log: Log = next(&mut logs).await;
    assert_eq!((log.removed, log.block_hash), (false, Some(first.hash)));
    world.chain.reorg(1, &Replacement::default()).expect("within reach");
    let second = world.chain.head();
    let heard: Header = next(&mut heads).await;
    assert_eq!(heard.hash, second.hash);
    let log: Log = next(&mut logs).await;
    assert_eq!((log.removed, log.block_hash), (true, Some(first.hash)));
    let log: Log = next(&mut logs).await;
    assert_eq!((log.removed, log.block_hash), (false, Some(second.hash)));
    let refused: Result<Subscription<Value>, _> =
        client.subscribe("eth_subscribe", array(json!(["syncing"])), "eth_unsubscribe").await;
    let Err(ClientError::Call(error)) = refused else { panic!("refused") };
    assert_eq!(error.code(), -32602);
    assert!(error.message().contains("newHeads or logs"), "{}", error.message());
}

#[tokio::test]
async fn developers_change_time_state_and_history() {
    let world = world().await;
    let start = world.chain.head().time;
    world.ask("evm_setNextBlockTimestamp", json!([start + 100])).await;
    assert_eq!(world.chain.head().time, start);
    world.ask("evm_mine", json!([])).await;
    assert_eq!(world.chain.head().time, start + 100);
    assert_eq!(world.ask("evm_increaseTime", json!(["0x64"])).await, 100);
    world.ask("evm_mine", json!([])).await;
    assert_eq!(world.chain.head().time, start + 212);
    world.ask("evm_mine", json!([{ "timestamp": start + 300 }])).await;
    world.ask("anvil_mine", json!([3, "0xa"])).await;
    assert_eq!(world.chain.head().time, start + 332);
    world.ask("anvil_mine", json!(["0x2", "0x0"])).await;
    assert_eq!(world.chain.head().time, start + 356, "an interval of zero is none");
    let (code, message, _) = world.refusal("evm_setNextBlockTimestamp", json!([start])).await;
    assert_eq!(code, -32000);
    assert!(message.contains("cannot follow"), "{message}");

    let snapshot = world.ask("evm_snapshot", json!([])).await;
    let head = world.chain.head();
    world.ask("anvil_setBalance", json!([account(9), "0x64"])).await;
    world.ask("anvil_setNonce", json!([account(9), "0x5"])).await;
    world.ask("anvil_setCode", json!([account(9), "0x6001"])).await;
    world.ask("anvil_setStorageAt", json!([account(9), "0x1", B256::repeat_byte(1)])).await;
    assert_eq!(world.ask("eth_getBalance", json!([account(9), "latest"])).await, "0x64");
    assert_eq!(world.chain.nonce(account(9)), 5);
    assert_eq!(world.chain.code(account(9)), Bytes::from_static(&[0x60, 1]));
    assert_eq!(world.chain.storage(account(9), U256::from(1)), U256::from_be_bytes([1; 32]));
    world.ask("anvil_setNextBlockBaseFeePerGas", json!(["0x7"])).await;
    let hash = world.ask("eth_sendRawTransaction", json!([tx(1, 0, |_| ())])).await;
    assert_eq!(world.ask("anvil_dropTransaction", json!([hash])).await, hash);
    world.ask("evm_mine", json!([])).await;
    let block: Block = world.read("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!((block.header.base_fee_per_gas, block.transactions.len()), (Some(7), 0));
    assert_eq!(world.ask("evm_revert", json!([snapshot])).await, true);
    assert_eq!(world.ask("evm_revert", json!([snapshot])).await, false);
    assert_eq!((world.chain.head(), world.chain.balance(account(9))), (head, U256::ZERO));
    let (code, message, _) = world.refusal("anvil_reorg", json!([99])).await;
    assert_eq!(code, -32000);
    assert!(message.contains("cannot go back 99 blocks"), "{message}");
    let (code, _, _) = world.refusal("anvil_setCode", json!([account(9), "0xef0100"])).await;
    assert_eq!(code, -32000);
}

#[tokio::test]
async fn unknown_methods_and_wrong_parameters_have_their_codes() {
    let world = world().await;
    for method in ["eth_getProof", "eth_sign", "personal_unlockAccount"] {
        assert_eq!(world.refusal(method, json!([])).await.0, -32601, "{method}");
    }
    for (method, params, name) in [
        ("eth_getBalance", json!([]), "address"),
        ("eth_getBalance", json!(["0x12"]), "address"),
        ("eth_getBalance", json!([account(1), "newest"]), "block"),
        ("eth_getBlockByNumber", json!([]), "block"),
        ("eth_getBlockByNumber", json!(["0x1", "yes"]), "full"),
        ("eth_getTransactionByHash", json!([account(1)]), "transactionHash"),
        ("eth_sendRawTransaction", json!([5]), "transaction"),
        ("eth_call", json!([[]]), "transaction"),
        ("eth_call", json!([{}, "latest", {}, { "coinbase": account(1) }]), "blockOverrides"),
        ("evm_increaseTime", json!(["soon"]), "seconds"),
        ("evm_mine", json!(["noon"]), "timestamp"),
        ("anvil_mine", json!([10_001]), "blocks"),
        ("anvil_reorg", json!([1, [["0x", 0]]]), "txBlockPairs"),
    ] {
        let (code, message, _) = world.refusal(method, params).await;
        assert_eq!(code, -32602, "{method}: {message}");
        let named = message.starts_with(&format!("parameter `{name}` must be "));
        assert!(named && message.contains("; found "), "{method}: {message}");
    }
    let (code, message, _) = world.refusal("eth_chainId", json!([1])).await;
    assert_eq!((code, message.as_str()), (-32602, "at most 0 parameters are accepted; found 1"));
}

#[tokio::test]
async fn refused_transactions_use_the_usual_words() {
    let world = world().await;
    let raw = tx(1, 0, |_| ());
    world.ask("eth_sendRawTransaction", json!([raw])).await;
    let refusal = async |raw: Bytes| {
        let (code, message, _) = world.refusal("eth_sendRawTransaction", json!([raw])).await;
        assert_eq!(code, -32000);
        message
    };
    assert_eq!(refusal(raw.clone()).await, "already known");
    let rival = tx(1, 0, |tx| tx.value = U256::from(2));
    assert_eq!(refusal(rival).await, "replacement transaction underpriced");
    world.chain.mine(None).expect("mines");
    assert_eq!(refusal(raw).await, "nonce too low");
    let poor = refusal(tx(9, 0, |_| ())).await;
    assert_eq!(poor, "insufficient funds for gas * price + value");
    let short = refusal(tx(1, 1, |tx| tx.gas_limit = 20_999)).await;
    assert_eq!(short, "intrinsic gas too low: the limit is 20999, 21000 is the least");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let world = world().await;
    let taken = DevServerConfig { listen: world.server.local_addr(), ..listen(MiningMode::Manual) };
    let error = DevServer::start(chain(), taken.clone()).await.expect_err("in use");
    assert!(matches!(error, DevChainError::AddressInUse { address } if address == taken.listen));
    assert!(error.to_string().contains(&taken.listen.to_string()), "{error}");
    world.server.stop().await;
    let again = DevServer::start(chain(), taken).await.expect("the port is free again");
    again.stop().await;
}

#[tokio::test]
async fn automatic_mining_follows_each_transaction() {
    let world = serve(listen(MiningMode::Auto)).await;
    let mut updates = world.chain.updates();
    // In-process senders trigger it too.
    let hash = world.chain.submit_raw(&tx(1, 0, |_| ())).expect("accepted");
    let update = updates.recv().await.expect("mined");
    assert_eq!(update.committed[0].txs()[0].hash(), hash);
    world.chain.submit_raw(&tx(1, 2, |_| ())).expect("a gap cannot be mined");
    world.chain.submit_raw(&tx(1, 1, |_| ())).expect("accepted");
    let mut mined = 0;
    while mined < 2 {
        mined += updates.recv().await.expect("mined").committed[0].txs().len();
    }
    assert_eq!(world.chain.nonce(account(1)), 3);
    world.ask("evm_setAutomine", json!([false])).await;
    let head = world.chain.head();
    world.ask("eth_sendRawTransaction", json!([tx(1, 3, |_| ())])).await;
    assert_eq!(world.chain.head(), head);
}

#[tokio::test(start_paused = true)]
async fn interval_mining_takes_its_time_from_the_clock() {
    let chain = chain();
    let now = Arc::new(AtomicU64::new(GENESIS + 1000));
    let clock = {
        let now = now.clone();
        move || now.load(Ordering::Relaxed)
    };
    let config = DevServerConfig {
        mining: MiningMode::Interval(Duration::from_secs(3)),
        clock: Some(Arc::new(clock)),
        ..listen(MiningMode::Manual)
    };
    let server = DevServer::start(chain.clone(), config).await.expect("listens");
    let mut updates = chain.updates();
    let mut mined = async || updates.recv().await.expect("mined").committed[0].header().timestamp;
    assert_eq!(mined().await, GENESIS + 1000);
    assert_eq!(mined().await, GENESIS + 1001, "a clock that stands still cannot stop the chain");
    now.store(GENESIS + 2000, Ordering::Relaxed);
    assert_eq!(mined().await, GENESIS + 2000);
    chain.set_next_timestamp(GENESIS + 2500).expect("later");
    assert_eq!(mined().await, GENESIS + 2500, "a developer's time wins");
    server.stop().await;
}

#[tokio::test]
async fn going_back_to_a_snapshot_takes_the_clock_back() {
    let now = GENESIS + 1000;
    let clock: Option<Arc<dyn Clock>> = Some(Arc::new(move || now));
    let world = serve(DevServerConfig { clock, ..listen(MiningMode::Manual) }).await;
    let mined = async || {
        world.ask("evm_mine", json!([])).await;
        world.chain.head().time
    };
    assert_eq!(mined().await, now);
    let unmoved = world.ask("evm_snapshot", json!([])).await;
    world.ask("evm_increaseTime", json!([600])).await;
    let waiting = world.ask("evm_snapshot", json!([])).await;
    assert_eq!(mined().await, now + 601);
    world.ask("evm_increaseTime", json!([9000])).await;
    assert_eq!(mined().await, now + 9602);
    assert_eq!(world.ask("evm_revert", json!([waiting])).await, true);
    assert_eq!(mined().await, now + 601, "the time that was set before still comes");
    world.ask("anvil_mine", json!(["0x3", "0x0"])).await;
    assert_eq!(world.chain.head().time, now + 604, "and later blocks go on from it");
    assert_eq!(world.ask("evm_revert", json!([unmoved])).await, true);
    assert_eq!(mined().await, now + 1);
}

#[tokio::test]
async fn blocks_mined_without_an_interval_do_not_move_the_clock() {
    let now = Arc::new(AtomicU64::new(GENESIS + 1000));
    let shown = now.clone();
    let clock: Option<Arc<dyn Clock>> = Some(Arc::new(move || shown.load(Ordering::Relaxed)));
    let world = serve(DevServerConfig { clock, ..listen(MiningMode::Manual) }).await;
    world.ask("anvil_mine", json!(["0x3", "0x0"])).await;
    assert_eq!(world.chain.head().time, GENESIS + 1002);
    now.store(GENESIS + 1500, Ordering::Relaxed);
    world.ask("evm_mine", json!([])).await;
    assert_eq!(world.chain.head().time, GENESIS + 1500);
}
