//! Sending past the public pools.

use super::{
    config, host,
    node::{Node, failure},
};
use crate::{PrivateSends, RpcConfig, fault::Fault};
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Bytes, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use bmn_chain::{ChainClient, ChainError, SendRejection};
use serde_json::json;

fn raw(nonce: u64, max_fee_per_gas: u128) -> Bytes {
    let key = PrivateKeySigner::from_bytes(&keccak256(b"private")).expect("a key");
    let tx = TxEip1559 { nonce, max_fee_per_gas, gas_limit: 21_000, ..TxEip1559::default() };
    let signature = key.sign_hash_sync(&tx.signature_hash()).expect("signs");
    TxEnvelope::Eip1559(tx.into_signed(signature)).encoded_2718().into()
}

fn with_relay(fallback_after: Option<u64>) -> RpcConfig {
    let endpoint = "http://relay.example/s3cr3tk3y".parse().expect("a URL");
    RpcConfig { private: Some(PrivateSends { endpoint, fallback_after }), ..config(1) }
}

/// Takes every transaction.
fn takes(node: &Node) {
    node.hook(|request| {
        let raw: Bytes = serde_json::from_value(request.params[0].clone()).ok()?;
        (request.method == "eth_sendRawTransaction").then(|| Ok(json!(keccak256(raw))))
    });
}

fn sends(node: &Node) -> usize {
    let send = "eth_sendRawTransaction";
    node.set(|it| it.asked.iter().filter(|request| request.method == send).count())
}

fn reads(node: &Node) -> usize {
    let about = ["eth_sendRawTransaction", "eth_chainId"];
    node.set(|it| it.asked.iter().filter(|request| !about.contains(&request.method)).count())
}

#[tokio::test(start_paused = true)]
async fn only_sends_go_to_the_private_endpoint_and_they_go_nowhere_else() {
    let (node, relay) = (Node::new(30), Node::new(30));
    takes(&node);
    takes(&relay);
    let host = host(with_relay(None), &[&node, &relay]).await;
    let client = host.client();
    for fee in 1..20 {
        assert_eq!(client.send_raw(&raw(7, fee)).await, Ok(keccak256(raw(7, fee))));
        node.mine(1, 0);
    }
    client.head().await.expect("a head");
    assert_eq!((sends(&node), sends(&relay)), (0, 19), "and never falls back");
    assert_eq!(reads(&relay), 0, "it is asked nothing");
    assert!(reads(&node) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_nonce_that_waits_too_long_goes_to_the_nodes_as_well_whatever_its_fee() {
    let (node, relay) = (Node::new(30), Node::new(30));
    takes(&node);
    takes(&relay);
    let host = host(with_relay(Some(3)), &[&node, &relay]).await;
    let client = host.client();
    let mut public = Vec::new();
    for fee in 1..=5 {
        client.send_raw(&raw(7, fee)).await.expect("taken");
        public.push(sends(&node));
        node.mine(1, 0);
    }
    assert_eq!(public, [0, 0, 0, 1, 2], "from the third block after the first send");
    assert_eq!(sends(&relay), 5);
    client.send_raw(&raw(8, 1)).await.expect("taken");
    assert_eq!(sends(&node), 2, "another nonce waits for itself");
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_is_down_or_refuses_is_no_reason_to_show_a_transaction_early() {
    let (node, relay) = (Node::new(30), Node::new(30));
    takes(&node);
    let host = host(with_relay(Some(2)), &[&node, &relay]).await;
    let client = host.client();
    relay.hook(|_| Some(Err(failure(-32000, "nonce too low"))));
    let error = client.send_raw(&raw(7, 1)).await.expect_err("refused");
    let low = SendRejection::NonceTooLow;
    assert!(matches!(error, ChainError::Rejected { rejection, .. } if rejection == low));
    relay.cut(|_| Some(Fault::Unreachable("connection refused".to_owned())));
    let error = client.send_raw(&raw(7, 1)).await.expect_err("down");
    assert!(matches!(error, ChainError::Unavailable { .. }), "{error}");
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
    assert_eq!(sends(&node), 0);
    node.mine(2, 0);
    assert_eq!(client.send_raw(&raw(7, 1)).await, Ok(keccak256(raw(7, 1))));
    assert_eq!(sends(&node), 1);
}
