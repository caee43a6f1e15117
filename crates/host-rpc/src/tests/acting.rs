//! Acting through scripted nodes.

use super::{
    config, host,
    node::{Node, failure, header_json},
};
use crate::fault::{Fault, RpcFailure};
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use bmn_chain::{
    CallOutcome, CallRequest, ChainClient, ChainError, Fees, SendRejection, Simulation,
};
use bmn_primitives::ErrorClass;
use serde_json::{Value, json};
use std::time::Duration;

fn call(time: Option<u64>) -> CallRequest {
    let to = Address::repeat_byte(1);
    CallRequest { to, data: Bytes::from_static(&[1, 2]), time, ..CallRequest::default() }
}

/// A node whose contract can be called from `opens` on, and that estimates for its head's time only.
fn window(node: &Node, opens: u64, obeys: bool) {
    let head = 1_000 + 12 * node.head().number;
    node.hook(move |request| {
        let told = request.params[3]["time"].as_str().and_then(super::node::quantity);
        let time = told.filter(|_| obeys).unwrap_or(head);
        let run = |time: u64, gas: u64| match (time >= opens, gas >= 100_000) {
            (false, _) => Err(RpcFailure {
                code: 3,
                message: "execution reverted".to_owned(),
                data: Some(json!("0xdead")),
            }),
            (true, false) => Err(failure(-32000, "out of gas")),
            (true, true) => Ok(json!("0xbeef")),
        };
        let gas = request.params[0]["gas"].as_str().and_then(super::node::quantity);
        match request.method {
            "eth_call" if request.params[0].get("to").is_none() => {
                Some(Ok(json!(B256::from(U256::from(time)))))
            }
            "eth_call" => Some(run(time, gas.unwrap_or(u64::MAX))),
            "eth_estimateGas" if request.params.as_array().is_some_and(|it| it.len() > 1) => {
                Some(Err(failure(-32602, "too many arguments, want at most 3")))
            }
            "eth_estimateGas" => Some(run(head, u64::MAX).map(|_| json!("0x186a0"))),
            _ => None,
        }
    });
}

#[tokio::test(start_paused = true)]
async fn calls_run_at_the_time_of_the_candidate_block() {
    let node = Node::new(30);
    let head = 1_000 + 12 * 30;
    let host = host(config(1), &[&node]).await;
    let client = host.client();
    window(&node, head + 12, true);
    let closed =
        Simulation { outcome: CallOutcome::Reverted(Bytes::from_static(&[0xde, 0xad])), gas: 0 };
    assert_eq!(client.simulate(&call(Some(head))).await, Ok(closed));
    let open = client.simulate(&call(Some(head + 12))).await.expect("an answer");
    assert_eq!(open.outcome, CallOutcome::Success(Bytes::from_static(&[0xbe, 0xef])));
    assert!((100_000..=150_000).contains(&open.gas), "{}", open.gas);
    let next = client.call(&call(None)).await.expect("an answer");
    assert!(matches!(next, CallOutcome::Success(_)), "the next block is 12 s after the head");
    assert_eq!(host.endpoints()[0].limits.block_time, Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_ignores_times_answers_for_its_head() {
    let node = Node::new(30);
    let head = 1_000 + 12 * 30;
    let host = host(config(1), &[&node]).await;
    window(&node, head, false);
    let simulation = host.client().simulate(&call(Some(5))).await.expect("an answer");
    assert_eq!(simulation.gas, 100_000);
    assert_eq!(host.endpoints()[0].limits.block_time, Some(false));
    let last = node.set(|it| it.asked.iter().rfind(|it| it.method == "eth_call").cloned());
    let params = last.expect("a call").params;
    assert_eq!(params.as_array().map(Vec::len), Some(2), "no override that it would ignore");
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_funds_is_a_rejection() {
    let node = Node::new(30);
    node.hook(|request| {
        let words = "insufficient funds for gas * price + value: address 0x0";
        (request.method == "eth_call").then(|| Err(failure(-32000, words)))
    });
    let host = host(config(1), &[&node]).await;
    let error = host.client().call(&call(None)).await.expect_err("no funds");
    let funds = SendRejection::InsufficientFunds;
    assert!(matches!(error, ChainError::Rejected { rejection, .. } if rejection == funds));
}

#[tokio::test(start_paused = true)]
async fn transactions_are_sent_with_failover_and_known_ones_are_fine() {
    let (one, two) = (Node::new(30), Node::new(30));
    let host = host(config(2), &[&one, &two]).await;
    let client = host.client();
    let raw = Bytes::from_static(b"signed bytes");
    let hash = keccak256(&raw);
    // The first one takes it and its answer is lost.
    one.cut(|_| Some(Fault::Unreachable("connection reset".to_owned())));
    two.hook(|request| {
        (request.method == "eth_sendRawTransaction").then(|| Err(failure(-32000, "already known")))
    });
    assert_eq!(client.send_raw(&raw).await, Ok(hash));
    for (code, words, expected) in [
        (-32000, "nonce too low: next nonce 5", SendRejection::NonceTooLow),
        (-32003, "replacement transaction underpriced", SendRejection::ReplacementUnderpriced),
        (-32010, "FeeTooLow, MaxFeePerGas too low", SendRejection::Underpriced),
        (-32603, "insufficient funds for gas * price + value", SendRejection::InsufficientFunds),
        (
            -32000,
            "exceeds block gas limit",
            SendRejection::GasLimit("exceeds block gas limit".into()),
        ),
        (-32000, "tx type not supported", SendRejection::Other("tx type not supported".into())),
    ] {
        two.hook(move |_| Some(Err(failure(code, words))));
        let error = client.send_raw(&raw).await.expect_err(words);
        let ChainError::Rejected { rejection, .. } = error else { panic!("{error}") };
        assert_eq!(rejection, expected);
    }
    two.hook(|_| Some(Ok(json!(B256::ZERO))));
    let error = client.send_raw(&raw).await.expect_err("another hash");
    assert_eq!(error.class(), ErrorClass::Transient, "the other endpoint was not heard");
}

#[tokio::test(start_paused = true)]
async fn receipts_count_on_the_canonical_chain_only() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    let client = host.client();
    let tx = B256::repeat_byte(4);
    let block = node.set(|it| it.blocks[28].header.clone());
    let receipt = json!({
        "transactionHash": tx, "blockHash": block.hash, "blockNumber": "0x1c", "status": "0x1",
        "gasUsed": "0x5208", "effectiveGasPrice": "0x9", "logs": [], "type": "0x7e",
        "l1Fee": "0x1",
    });
    let answer = |receipt: Value| {
        node.hook(move |request| {
            (request.method == "eth_getTransactionReceipt").then(|| Ok(receipt.clone()))
        });
    };
    answer(Value::Null);
    assert_eq!(client.receipt(tx).await, Ok(None));
    answer(receipt.clone());
    let found = client.receipt(tx).await.expect("an answer").expect("a receipt");
    assert_eq!((found.block, found.success), (block.block_ref(), true));
    assert_eq!((found.gas_used, found.effective_gas_price), (21_000, 9));
    node.reorg(5, 6, 1);
    assert_eq!(client.receipt(tx).await, Ok(None), "its block left the chain");
    answer(json!({"blockHash": null, "transactionHash": tx}));
    assert_eq!(client.receipt(tx).await, Ok(None), "pending");
    let mut other = receipt;
    other["transactionHash"] = json!(B256::ZERO);
    answer(other);
    assert!(matches!(client.receipt(tx).await, Err(ChainError::Inconsistent { .. })));
}

#[tokio::test(start_paused = true)]
async fn fees_come_from_whatever_the_node_knows() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    let client = host.client();
    let answer = |history: Option<Value>, tip: Option<&'static str>| {
        node.hook(move |request| match request.method {
            "eth_feeHistory" => history.clone().map(Ok),
            "eth_maxPriorityFeePerGas" => tip.map(|tip| Ok(json!(tip))),
            "eth_gasPrice" => Some(Ok(json!("0x14"))),
            _ => None,
        });
        host.invalidate();
    };
    let history = json!({"baseFeePerGas": ["0x5", "0x8"], "reward": [["0x3"], ["0x1"], ["0x2"]]});
    answer(Some(history), None);
    assert_eq!(client.fees().await, Ok(Fees { base: 8, priority: 2 }));
    answer(Some(json!({"baseFeePerGas": ["0x5", "0x8"]})), Some("0x4"));
    assert_eq!(client.fees().await, Ok(Fees { base: 8, priority: 4 }));
    answer(None, Some("0x4"));
    assert_eq!(client.fees().await, Ok(Fees { base: 7, priority: 4 }), "of the head's header");
    answer(None, None);
    assert_eq!(client.fees().await, Ok(Fees { base: 7, priority: 13 }));
    node.set(|it| it.blocks[30].header.base_fee = None);
    assert_eq!(client.fees().await, Ok(Fees { base: 0, priority: 20 }), "before London");
}

#[tokio::test(start_paused = true)]
async fn accounts_are_read_at_the_head() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    let account = Address::repeat_byte(3);
    node.hook(move |request| {
        if request.params != json!([account, "latest"]) {
            return None;
        }
        match request.method {
            "eth_getTransactionCount" => Some(Ok(json!("0x5"))),
            "eth_getBalance" => Some(Ok(json!("0xde0b6b3a7640000"))),
            "eth_getCode" => Some(Ok(json!("0x"))),
            _ => None,
        }
    });
    let client = host.client();
    assert_eq!(client.nonce(account).await, Ok(5));
    assert_eq!(client.balance(account).await, Ok(U256::from(10).pow(U256::from(18))));
    assert_eq!(client.code(account).await, Ok(Bytes::new()));
    assert_eq!(client.head().await, Ok(node.head()));
}

#[tokio::test(start_paused = true)]
async fn a_head_without_a_block_is_transient() {
    let node = Node::new(30);
    let host = host(config(1), &[&node]).await;
    node.hook(|request| (request.method == "eth_getBlockByNumber").then_some(Ok(Value::Null)));
    let started = tokio::time::Instant::now();
    let error = host.client().head().await.expect_err("no block");
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(started.elapsed() < Duration::from_secs(5), "three rounds with short pauses");
    node.well();
    let header = node.set(|it| it.blocks[3].header.clone());
    node.hook(move |request| {
        (request.method == "eth_getBlockByNumber").then(|| Ok(header_json(&header)))
    });
    assert_eq!(host.client().head().await.map(|head| head.number), Ok(3));
}
