//! `bmn_getSwapProof` where no proof can be given. That true ones are made is tested on real chains
//! (`tests/tests/proof_of_a_swap.rs`).

use crate::fixture::{A, B, DESTINATION, Fixture, View, lock, order_id};
use alloy::{
    consensus::{Header, Receipt, ReceiptEnvelope, TxType, proofs::calculate_receipt_root},
    eips::Encodable2718,
    primitives::{Address, B256, Log},
};
use async_trait::async_trait;
use bmn_chain::{ChainError, RawReceipts};
use bmn_primitives::ChainId;
use bmn_rpc::{BmnRpc, ReceiptSource, RpcLimits};
use jsonrpsee::RpcModule;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, watch};

const NOT_FOUND: i64 = -32001;
const UNAVAILABLE: i64 = -32002;
const LIMIT_EXCEEDED: i64 = -32005;

type Answer = Result<Option<RawReceipts>, ChainError>;

/// A chain that says what it is told to, to whom waits until then.
struct Says {
    answer: Answer,
    asked: Mutex<Vec<(ChainId, B256)>>,
    held: Option<Notify>,
}

impl Says {
    fn new(answer: Answer) -> Self {
        Self { answer, asked: Mutex::default(), held: None }
    }
}

#[async_trait]
impl ReceiptSource for Says {
    async fn block_receipts(&self, chain: ChainId, block: B256) -> Answer {
        self.asked.lock().unwrap().push((chain, block));
        if let Some(held) = &self.held {
            held.notified().await;
        }
        self.answer.clone()
    }
}

fn module(fixture: &Fixture, source: Arc<Says>, proofs: usize) -> RpcModule<()> {
    let (intake, view) = (Arc::clone(&fixture.intake) as _, Arc::new(View(None)));
    let limits = RpcLimits { proofs, ..RpcLimits::default() };
    let committed = watch::channel(0).1;
    BmnRpc::with_limits(fixture.store.clone(), intake, view, source, committed, limits)
        .into_module()
}

async fn ask(module: &RpcModule<()>, id: &str) -> Value {
    let request =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "bmn_getSwapProof", "params": [id] });
    let (answer, _) = module.raw_json_request(&request.to_string(), 1).await.unwrap();
    serde_json::from_str(answer.get()).unwrap()
}

async fn refusal(answer: Answer) -> (i64, String) {
    let fixture = Fixture::new();
    let module = module(&fixture, Arc::new(Says::new(answer)), 1);
    let answer = ask(&module, &order_id(A, 1).to_string()).await;
    (answer["error"]["code"].as_i64().unwrap(), answer["error"].to_string())
}

/// A block whose only transaction logged these.
fn block_with(logs: Vec<Log>) -> RawReceipts {
    let receipt = Receipt { status: true.into(), cumulative_gas_used: 21_000, logs };
    let receipt = ReceiptEnvelope::from_typed(TxType::Eip1559, receipt);
    let receipts_root = calculate_receipt_root(std::slice::from_ref(&receipt));
    let header = Header { receipts_root, ..Header::default() };
    RawReceipts {
        header: alloy::rlp::encode(header).into(),
        receipts: vec![receipt.encoded_2718().into()],
    }
}

#[tokio::test]
async fn a_chain_that_shows_nothing_gets_no_proof_out_and_no_word_of_its_own() {
    let reason = "https://node.example/KEY does not answer".to_owned();
    let other = Log::new_unchecked(Address::repeat_byte(1), vec![], vec![].into());
    for (answer, code, words) in [
        (
            Err(ChainError::Unavailable { chain: A, reason: reason.clone() }),
            UNAVAILABLE,
            "try again",
        ),
        (Err(ChainError::Pruned { chain: A, block: 1, reason }), NOT_FOUND, "no longer has them"),
        (Ok(None), UNAVAILABLE, "block 1 of chain 1337 cannot be proven now"),
        (Ok(Some(block_with(vec![]))), UNAVAILABLE, "cannot be proven"),
        (Ok(Some(block_with(vec![other]))), UNAVAILABLE, "cannot be proven"),
    ] {
        let (found, said) = refusal(answer.clone()).await;
        assert_eq!(found, code, "{answer:?}: {said}");
        assert!(said.contains(words), "{answer:?}: {said}");
        assert!(!said.contains("KEY") && !said.contains("example"), "{said}");
    }
}

#[tokio::test]
async fn unknown_ids_are_not_found_before_any_chain_is_asked() {
    let fixture = Fixture::new();
    let source = Arc::new(Says::new(Ok(None)));
    let module = module(&fixture, Arc::clone(&source), 1);
    for id in [order_id(A, 9).to_string(), format!("{:#x}", Address::repeat_byte(0x4e))] {
        assert_eq!(ask(&module, &id).await["error"]["code"], NOT_FOUND);
    }
    let bad = ask(&module, "nonsense").await;
    assert_eq!(bad["error"]["code"], -32602);
    assert!(bad["error"]["data"].as_str().unwrap().starts_with("`id`: expected"), "{bad}");
    assert!(source.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_order_without_escrows_has_a_proof_of_nothing() {
    let fixture = Fixture::new();
    let module = module(&fixture, Arc::new(Says::new(Ok(None))), 1);
    let answer = ask(&module, &order_id(A, 2).to_string()).await;
    assert_eq!(answer["result"]["escrows"], json!([]), "{answer}");
    assert_eq!(answer["result"]["more"], false);
}

#[tokio::test]
async fn every_id_leads_to_the_same_blocks_each_asked_for_once() {
    let fixture = Fixture::new();
    let escrow = format!("{DESTINATION:#x}");
    for id in [order_id(A, 1).to_string(), lock(crate::fixture::PUBLIC).0.to_string(), escrow] {
        let source = Arc::new(Says::new(Ok(None)));
        let module = module(&fixture, Arc::clone(&source), 1);
        let answer = ask(&module, &id).await;
        assert_eq!(answer["error"]["code"], UNAVAILABLE, "{id}: {answer}");
        let asked = source.asked.lock().unwrap().clone();
        assert_eq!(asked, [(A, B256::with_last_byte(1))], "{id}: it ends at the first that fails");
    }
    assert_ne!(A, B);
}

#[tokio::test]
async fn no_more_proofs_are_made_at_once_than_allowed() {
    let fixture = Fixture::new();
    let held = Some(Notify::new());
    let source = Arc::new(Says { held, ..Says::new(Ok(None)) });
    let module = module(&fixture, Arc::clone(&source), 1);
    let id = order_id(A, 1).to_string();
    let (first, second) = tokio::join!(ask(&module, &id), async {
        while source.asked.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let second = ask(&module, &id).await;
        source.held.as_ref().unwrap().notify_one();
        second
    });
    assert_eq!(second["error"]["code"], LIMIT_EXCEEDED, "{second}");
    assert_eq!(first["error"]["code"], UNAVAILABLE, "{first}");
    source.held.as_ref().unwrap().notify_one();
    assert_eq!(ask(&module, &id).await["error"]["code"], UNAVAILABLE, "there is room again");
}
