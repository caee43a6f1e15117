//! A remote signer that is right, and ones that are not.

use crate::{Endpoint, RemoteSigner};
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use bmn_chain::{AccountSigner, TypedData};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

fn key(salt: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256([salt])).expect("a valid key")
}

fn tx() -> TxEip1559 {
    TxEip1559 {
        chain_id: 8453,
        nonce: 7,
        gas_limit: 100_000,
        max_fee_per_gas: 3_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(Address::repeat_byte(4)),
        value: U256::from(5u64),
        input: Bytes::from_static(&[1, 2, 3]),
        ..TxEip1559::default()
    }
}

fn hex(value: &Value) -> u128 {
    let text = value.as_str().expect("a quantity").trim_start_matches("0x");
    u128::from_str_radix(text, 16).expect("hex")
}

/// The transaction as the request states it, nothing taken from elsewhere.
fn stated(request: &Value) -> TxEip1559 {
    let it = &request["params"][0];
    TxEip1559 {
        chain_id: hex(&it["chainId"]) as u64,
        nonce: hex(&it["nonce"]) as u64,
        gas_limit: hex(&it["gas"]) as u64,
        max_fee_per_gas: hex(&it["maxFeePerGas"]),
        max_priority_fee_per_gas: hex(&it["maxPriorityFeePerGas"]),
        to: TxKind::Call(it["to"].as_str().expect("to").parse().expect("an address")),
        value: U256::from(hex(&it["value"])),
        input: it["data"].as_str().expect("data").parse().expect("bytes"),
        ..TxEip1559::default()
    }
}

fn signed(tx: TxEip1559, key: &PrivateKeySigner) -> String {
    let signature = key.sign_hash_sync(&tx.signature_hash()).expect("signs");
    let envelope = TxEnvelope::Eip1559(tx.into_signed(signature));
    Bytes::from(envelope.encoded_2718()).to_string()
}

/// A signer that answers a request with what `answer` makes of it.
async fn remote(
    answer: impl Fn(&Value) -> Result<Value, &'static str> + Send + Sync + 'static,
) -> (MockServer, RemoteSigner) {
    let server = MockServer::start().await;
    let respond = move |request: &Request| {
        let batch: Value = serde_json::from_slice(&request.body).expect("JSON");
        let one = |call: &Value| match answer(call) {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": call["id"], "result": result }),
            Err(words) => {
                let error = json!({ "code": -32000, "message": words });
                json!({ "jsonrpc": "2.0", "id": call["id"], "error": error })
            }
        };
        let body = match batch.as_array() {
            Some(calls) => Value::Array(calls.iter().map(one).collect()),
            None => one(&batch),
        };
        ResponseTemplate::new(200).set_body_json(body)
    };
    Mock::given(method("POST")).respond_with(respond).mount(&server).await;
    let url = format!("{}/k3y-in-the-path", server.uri());
    let endpoint: Endpoint = url.parse().expect("a URL");
    let signer = RemoteSigner::new(endpoint, key(1).address()).expect("http");
    (server, signer)
}

#[tokio::test]
async fn it_is_told_the_whole_transaction_and_answers_in_either_form() {
    for beside in [false, true] {
        let (_server, signer) = remote(move |call| {
            assert_eq!(call["method"], "eth_signTransaction");
            assert_eq!(call["params"][0]["from"], json!(key(1).address()));
            let raw = signed(stated(call), &key(1));
            Ok(if beside { json!({ "raw": raw, "tx": {} }) } else { json!(raw) })
        })
        .await;
        let signature = signer.sign_tx(&tx()).await.expect("signs");
        let by = signature.recover_address_from_prehash(&tx().signature_hash());
        assert_eq!(by.expect("recovers"), key(1).address());
    }
}

#[tokio::test]
async fn what_is_not_what_was_asked_for_is_not_believed() {
    type Answer = fn(&Value) -> Result<Value, &'static str>;
    let cases: [(Answer, &str); 5] = [
        (
            |call| {
                let other = TxEip1559 { value: U256::from(6u64), ..stated(call) };
                Ok(json!(signed(other, &key(1))))
            },
            "another transaction",
        ),
        (|call| Ok(json!(signed(stated(call), &key(2)))), "another account's key"),
        (|_| Ok(json!("0x02c0")), "no transaction of type 2"),
        (|_| Ok(json!(7)), "eth_signTransaction"),
        (
            |_| Err("rule: target not on the list, see /k3y-in-the-path"),
            "rule: target not on the list",
        ),
    ];
    for (answer, words) in cases {
        let (_server, signer) = remote(answer).await;
        let error = signer.sign_tx(&tx()).await.expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
        assert!(!error.contains("k3y-in"), "{error}");
    }
}

#[tokio::test]
async fn typed_data_is_shown_whole_and_by_its_older_name_where_the_new_one_is_unknown() {
    let digest = B256::repeat_byte(9);
    let document = r#"{"primaryType":"PublicAction"}"#.to_owned();
    let data = TypedData { digest, document };
    for older in [false, true] {
        let (_server, signer) = remote(move |call| {
            let new = call["method"] == "eth_signTypedData_v4";
            if new && older {
                return Err("method not found");
            }
            let document = &call["params"][1];
            let shown = if new { document["primaryType"].clone() } else { document.clone() };
            assert!(shown.as_str().expect("a text").contains("PublicAction"));
            let signature = key(1).sign_hash_sync(&digest).expect("signs");
            Ok(json!(Bytes::copy_from_slice(&signature.as_bytes())))
        })
        .await;
        assert!(signer.sign_typed(&data).await.is_ok());
        let wrong = TypedData { digest: B256::repeat_byte(8), ..data.clone() };
        let error = signer.sign_typed(&wrong).await.expect_err("another digest").to_string();
        assert!(error.contains("signed something else"), "{error}");
    }
}

#[test]
fn a_websocket_is_no_place_for_a_signer() {
    let endpoint: Endpoint = "ws://127.0.0.1:1".parse().expect("a URL");
    assert!(RemoteSigner::new(endpoint, Address::ZERO).is_err());
}
