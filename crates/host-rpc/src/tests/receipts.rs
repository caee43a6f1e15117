//! Receipts for proofs, from nodes that show them in other ways.

use super::{
    config, host,
    node::{Node, failure},
};
use crate::{fault::RpcFailure, transport::Request};
use alloy::{
    consensus::{Header, Receipt, ReceiptEnvelope, TxType, proofs::calculate_receipt_root},
    eips::Encodable2718,
    primitives::{Address, B256, Bytes, Log, keccak256},
};
use bmn_chain::{ChainClient, ChainError, RawReceipts};
use serde_json::{Value, json};

const NUMBER: u64 = 5;

/// A block of two transactions, and what a node says of it.
struct Block {
    truth: RawReceipts,
    header: Value,
    receipts: Vec<Value>,
}

impl Block {
    fn new() -> Self {
        let log = |of: u8| Log::new_unchecked(Address::repeat_byte(of), vec![], vec![of].into());
        let receipt = |kind, gas, logs| {
            let receipt = Receipt { status: true.into(), cumulative_gas_used: gas, logs };
            ReceiptEnvelope::from_typed(kind, receipt)
        };
        let receipts = [
            receipt(TxType::Legacy, 21_000, vec![log(1)]),
            receipt(TxType::Eip1559, 90_000, vec![log(2), log(3)]),
        ];
        let header = Header {
            number: NUMBER,
            receipts_root: calculate_receipt_root(&receipts),
            base_fee_per_gas: Some(7),
            ..Header::default()
        };
        let mut shown = serde_json::to_value(&header).expect("JSON");
        shown["hash"] = json!(header.hash_slow());
        shown["transactions"] = json!([B256::repeat_byte(1), B256::repeat_byte(2)]);
        let truth = RawReceipts {
            header: alloy::rlp::encode(&header).into(),
            receipts: receipts.iter().map(|receipt| receipt.encoded_2718().into()).collect(),
        };
        let receipts = receipts.iter().map(|it| serde_json::to_value(it).expect("JSON")).collect();
        Self { truth, header: shown, receipts }
    }

    fn hash(&self) -> B256 {
        keccak256(&self.truth.header)
    }
}

/// What a node says, by method; none where it has no such method.
type Says = fn(&Block, &Request) -> Option<Result<Value, RpcFailure>>;

/// Asks a node that says this of everything, and has the block otherwise.
async fn ask(says: Says) -> (Block, Result<Option<RawReceipts>, ChainError>) {
    let (block, node) = (Block::new(), Node::new(30));
    let shown = Block::new();
    node.hook(move |request| {
        let asks_for_it = request.params[0] == json!(format!("{NUMBER:#x}"));
        says(&shown, request).or_else(|| match request.method {
            "eth_getBlockByHash" => Some(Ok(shown.header.clone())),
            "eth_getBlockByNumber" if asks_for_it => Some(Ok(shown.header.clone())),
            "eth_getBlockReceipts" => Some(Ok(json!(shown.receipts))),
            _ => None,
        })
    });
    let host = host(config(1), &[&node]).await;
    let found = host.client().block_receipts(block.hash()).await;
    (block, found)
}

fn no_method() -> Option<Result<Value, RpcFailure>> {
    Some(Err(failure(-32601, "the method does not exist")))
}

#[tokio::test(start_paused = true)]
async fn however_a_node_shows_them_they_are_the_same_bytes() {
    let ways: [(&str, Says); 4] = [
        ("all at once", |_, _| None),
        ("one by one", |block, request| match request.method {
            "eth_getBlockReceipts" => no_method(),
            "eth_getTransactionReceipt" => {
                let second = request.params[0] == json!(B256::repeat_byte(2));
                Some(Ok(block.receipts[usize::from(second)].clone()))
            }
            _ => None,
        }),
        ("raw, where they have a field of their own", |block, request| match request.method {
            "eth_getBlockReceipts" => {
                let mut strange = block.receipts.clone();
                strange[1]["cumulativeGasUsed"] = json!("0x1");
                Some(Ok(json!(strange)))
            }
            "debug_getRawReceipts" => Some(Ok(json!(block.truth.receipts))),
            _ => None,
        }),
        ("a raw header, where it has a field of its own", |block, request| match request.method {
            "eth_getBlockByHash" => {
                let mut strange = block.header.clone();
                strange["extraData"] = json!("0x01");
                Some(Ok(strange))
            }
            "debug_getRawHeader" => Some(Ok(json!(block.truth.header))),
            _ => None,
        }),
    ];
    for (way, says) in ways {
        let (block, found) = ask(says).await;
        assert_eq!(found, Ok(Some(block.truth)), "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_make_up_the_root_or_the_hash_is_no_answer() {
    let lies: [(&str, Says, &str); 5] = [
        (
            "a receipt is missing",
            |block, request| match request.method {
                "eth_getBlockReceipts" => Some(Ok(json!([block.receipts[0]]))),
                "debug_getRawReceipts" => no_method(),
                _ => None,
            },
            "debug_getRawReceipts",
        ),
        (
            "raw receipts are others",
            |_, request| match request.method {
                "eth_getBlockReceipts" => Some(Ok(json!([]))),
                "debug_getRawReceipts" => Some(Ok(json!([Bytes::from_static(&[0xc0])]))),
                _ => None,
            },
            "do not make up its root",
        ),
        (
            "a header of unknown fields",
            |block, request| match request.method {
                "eth_getBlockByHash" => {
                    let mut strange = block.header.clone();
                    strange["extraData"] = json!("0x01");
                    Some(Ok(strange))
                }
                "debug_getRawHeader" => no_method(),
                _ => None,
            },
            "debug_getRawHeader",
        ),
        (
            "a raw header of another block",
            |block, request| match request.method {
                "eth_getBlockByHash" => {
                    let mut strange = block.header.clone();
                    strange["extraData"] = json!("0x01");
                    Some(Ok(strange))
                }
                "debug_getRawHeader" => Some(Ok(json!("0xc0"))),
                _ => None,
            },
            "is another's",
        ),
        (
            "receipts are not there yet",
            |_, request| match request.method {
                "eth_getBlockReceipts" => Some(Ok(Value::Null)),
                _ => None,
            },
            "receipts of block",
        ),
    ];
    for (lie, says, words) in lies {
        let (_, found) = ask(says).await;
        let error = found.expect_err(lie).to_string();
        assert!(error.contains(words), "{lie}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_that_is_unknown_or_left_the_chain_has_none() {
    let gone: [Says; 2] = [
        |_, request| (request.method == "eth_getBlockByHash").then_some(Ok(Value::Null)),
        |block, request| {
            let at = request.method == "eth_getBlockByNumber"
                && request.params[0] == json!(format!("{NUMBER:#x}"));
            let mut other = block.header.clone();
            other["hash"] = json!(B256::repeat_byte(9));
            at.then_some(Ok(other))
        },
    ];
    for says in gone {
        let (_, found) = ask(says).await;
        assert_eq!(found, Ok(None));
    }
}
