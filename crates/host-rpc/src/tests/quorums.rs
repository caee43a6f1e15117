//! Acting where hosts must agree, and where one of them lies.

use super::{
    config, host,
    node::{Node, failure},
};
use crate::{RpcConfig, RpcHost};
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use bmn_chain::{
    CallOutcome, CallRequest, ChainClient, ChainError, Fees, SendRejection, Simulation,
};
use bmn_primitives::ErrorClass;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// What a node says of accounts, calls, fees and one transaction.
#[derive(Clone, Copy)]
struct Says {
    word: u64,
    gas: u64,
    fee: u64,
    status: u64,
}

const TRUTH: Says = Says { word: 5, gas: 70_000, fee: 9, status: 1 };
const LIE: Says = Says { word: 6, gas: 30_000_000, fee: 1 << 50, status: 0 };
const TX: B256 = B256::repeat_byte(4);

fn says(node: &Node, it: Says) {
    let hex = |value: u64| json!(format!("{value:#x}"));
    let block = node.set(|script| script.blocks[28].header.clone());
    node.hook(move |request| {
        let answer = match request.method {
            "eth_getTransactionCount" | "eth_getBalance" => hex(it.word),
            "eth_getCode" => json!(Bytes::copy_from_slice(&it.word.to_be_bytes())),
            "eth_call" => json!(B256::from(U256::from(it.word))),
            "eth_estimateGas" => hex(it.gas),
            "eth_feeHistory" => {
                json!({ "baseFeePerGas": [hex(it.fee)], "reward": [[hex(it.fee)]] })
            }
            "eth_getTransactionReceipt" => json!({
                "transactionHash": TX, "blockHash": block.hash, "blockNumber": "0x1c",
                "status": hex(it.status), "gasUsed": "0x5208", "effectiveGasPrice": "0x9",
            }),
            _ => return None,
        };
        Some(Ok(answer))
    });
}

async fn hosts(nodes: &[(&Node, Says)]) -> RpcHost {
    for (node, it) in nodes {
        says(node, *it);
    }
    let all: Vec<&Node> = nodes.iter().map(|(node, _)| *node).collect();
    host(RpcConfig { agreement: 2, ..config(nodes.len()) }, &all).await
}

#[tokio::test(start_paused = true)]
async fn one_liar_among_three_is_outvoted_in_everything() {
    let (liar, one, two) = (Node::new(30), Node::new(30), Node::new(30));
    let host = hosts(&[(&liar, LIE), (&one, TRUTH), (&two, TRUTH)]).await;
    let client = host.client();
    let us = Address::repeat_byte(1);
    let call = CallRequest::default();
    let word = Bytes::copy_from_slice(B256::from(U256::from(5)).as_slice());
    let expected = CallOutcome::Success(word);
    assert_eq!(client.nonce(us).await, Ok(5));
    assert_eq!(client.balance(us).await, Ok(U256::from(5)));
    assert_eq!(client.code(us).await, Ok(Bytes::copy_from_slice(&5u64.to_be_bytes())));
    assert_eq!(client.call(&call).await, Ok(expected.clone()));
    let simulation = Simulation { outcome: expected, gas: 70_000 };
    assert_eq!(client.simulate(&call).await, Ok(simulation));
    assert_eq!(client.fees().await, Ok(Fees { base: 9, priority: 9 }));
    let receipt = client.receipt(TX).await.expect("an answer").expect("a receipt");
    assert!(receipt.success);
    liar.mine(1_000, 3);
    assert_eq!(client.head().await, Ok(one.head()));
}

#[tokio::test(start_paused = true)]
async fn one_against_one_is_no_answer_and_says_so() {
    let (liar, good) = (Node::new(30), Node::new(30));
    let host = hosts(&[(&liar, LIE), (&good, TRUTH)]).await;
    let client = host.client();
    let us = Address::repeat_byte(1);
    let started = Instant::now();
    let error = client.nonce(us).await.expect_err("one against one");
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().contains("2 hosts must agree"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(client.receipt(TX).await.is_err());
    assert!(client.simulate(&CallRequest::default()).await.is_err());
    // The lower of two: an absurd bid costs us nothing.
    assert_eq!(client.fees().await, Ok(Fees { base: 9, priority: 9 }));
    good.cut(|_| Some(crate::fault::Fault::Unreachable("refused".to_owned())));
    for error in [client.fees().await.map(drop), client.head().await.map(drop)] {
        let error = error.expect_err("one host is not enough");
        assert_eq!(error.class(), ErrorClass::Transient);
        assert!(error.to_string().contains("node1.example: unreachable"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_lags_for_a_moment_is_waited_for() {
    let (one, two) = (Node::new(30), Node::new(30));
    let host = hosts(&[(&one, TRUTH), (&two, LIE)]).await;
    let late = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        says(&two, TRUTH);
    };
    let client = host.client();
    let (nonce, ()) = tokio::join!(client.nonce(Address::ZERO), late);
    assert_eq!(nonce, Ok(5));
}

#[tokio::test(start_paused = true)]
async fn absurd_gas_and_fees_are_refused_by_a_single_endpoint_too() {
    let node = Node::new(30);
    says(&node, Says { gas: u64::MAX, fee: u64::MAX, ..TRUTH });
    let host = host(config(1), &[&node]).await;
    for error in [
        host.client().simulate(&CallRequest::default()).await.map(drop),
        host.client().fees().await.map(drop),
    ] {
        let error = error.expect_err("absurd");
        assert!(matches!(error, ChainError::Inconsistent { .. }), "{error}");
    }
}

fn pool_of(
    node: &Node,
    answer: impl Fn() -> Result<Value, crate::fault::RpcFailure> + Send + 'static,
) {
    node.hook(move |request| (request.method == "eth_sendRawTransaction").then(&answer));
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_goes_to_everybody() {
    let (one, two) = (Node::new(30), Node::new(30));
    let raw = Bytes::from_static(b"signed bytes");
    let hash = keccak256(&raw);
    // It says that it took the transaction, and drops it.
    pool_of(&one, move || Ok(json!(hash)));
    pool_of(&two, move || Ok(json!(hash)));
    let host = host(config(2), &[&one, &two]).await;
    let client = host.client();
    assert_eq!(client.send_raw(&raw).await, Ok(hash));
    let sent = |node: &Node| node.asked("eth_sendRawTransaction");
    assert_eq!((sent(&one), sent(&two)), (1, 0));
    assert_eq!(client.send_raw(&raw).await, Ok(hash));
    assert_eq!((sent(&one), sent(&two)), (2, 1));
    // One that refuses what the other takes holds nothing up.
    pool_of(&one, || Err(failure(-32000, "nonce too low")));
    assert_eq!(client.send_raw(&raw).await, Ok(hash));
    pool_of(&two, || Err(failure(-32000, "already known")));
    assert_eq!(client.send_raw(&raw).await, Ok(hash));
    pool_of(&two, || Err(failure(-32000, "nonce too low")));
    let error = client.send_raw(&raw).await.expect_err("both refuse");
    let expected = SendRejection::NonceTooLow;
    assert!(matches!(error, ChainError::Rejected { rejection, .. } if rejection == expected));
    // One that hangs is not waited for once another took it.
    pool_of(&two, move || Ok(json!(hash)));
    one.set(|it| it.takes = Duration::from_secs(3_600));
    let started = Instant::now();
    assert_eq!(client.send_raw(&raw).await, Ok(hash));
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn with_agreement_everybody_is_sent_it_at_once() {
    let (one, two) = (Node::new(30), Node::new(30));
    let raw = Bytes::from_static(b"signed bytes");
    let hash = keccak256(&raw);
    pool_of(&one, || Err(failure(-32000, "insufficient funds")));
    pool_of(&two, move || Ok(json!(hash)));
    let host = host(RpcConfig { agreement: 2, ..config(2) }, &[&one, &two]).await;
    assert_eq!(host.client().send_raw(&raw).await, Ok(hash));
    assert_eq!(two.asked("eth_sendRawTransaction"), 1);
}
