//! `bmn_getSwapProof` where no proof can be given. That true ones are made is tested on real chains
//! (`tests/tests/proof_of_a_swap.rs`).

use crate::fixture::{
    A, B, DESTINATION, Fixture, View, block, destination_leg, event, header, immutables, lock,
    order_id, source_leg,
};
use alloy::{
    consensus::{Header, Receipt, ReceiptEnvelope, TxType, proofs::calculate_receipt_root},
    eips::Encodable2718,
    primitives::{Address, B256, Log, keccak256},
    sol_types::SolEvent,
};
use async_trait::async_trait;
use bmn_chain::{ChainError, RawReceipts};
use bmn_contracts::{ContractEvent, bindings::IBmnFactory};
use bmn_primitives::{BlockRef, ChainId, SwapId};
use bmn_rpc::{BmnRpc, ReceiptSource, RpcLimits};
use bmn_swap::{Inclusion, SourceTerms};
use jsonrpsee::RpcModule;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::sync::{Notify, watch};

const NOT_FOUND: i64 = -32001;
const UNAVAILABLE: i64 = -32002;
const LIMIT_EXCEEDED: i64 = -32005;

type Answer = Result<Option<RawReceipts>, ChainError>;

/// A chain that says what it is told to, to whom waits until then.
struct Says {
    /// Blocks that it has; of others it says `answer`.
    blocks: BTreeMap<B256, RawReceipts>,
    answer: Answer,
    asked: Mutex<Vec<(ChainId, B256)>>,
    held: Option<Notify>,
}

impl Says {
    fn new(answer: Answer) -> Self {
        Self { blocks: BTreeMap::new(), answer, asked: Mutex::default(), held: None }
    }
}

#[async_trait]
impl ReceiptSource for Says {
    async fn block_receipts(&self, chain: ChainId, block: B256) -> Answer {
        self.asked.lock().unwrap().push((chain, block));
        if let Some(held) = &self.held {
            held.notified().await;
        }
        self.blocks.get(&block).cloned().map_or_else(|| self.answer.clone(), |raw| Ok(Some(raw)))
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
    block_at(logs, Header::default())
}

fn block_at(logs: Vec<Log>, header: Header) -> RawReceipts {
    let receipt = Receipt { status: true.into(), cumulative_gas_used: 21_000, logs };
    let receipt = ReceiptEnvelope::from_typed(TxType::Eip1559, receipt);
    let receipts_root = calculate_receipt_root(std::slice::from_ref(&receipt));
    let header = Header { receipts_root, ..header };
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
async fn every_id_leads_to_the_same_escrows_and_the_first_block_that_fails_is_the_last() {
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
}

/// Sources of strangers with one hashlock.
const FOREIGN: u8 = 9;
const FOREIGN_SECRET: [u8; 32] = [0x44; 32];

/// A swap of strangers among others that repeat its hashlock: block 2 of chain A has nine sources, block 3 of chain B
/// one destination. `told` is what the index says of an event where that is not what its log says.
fn strangers(fixture: &Fixture, told: impl Fn(u8, ContractEvent) -> ContractEvent) -> Says {
    let mut tx = fixture.store.write().unwrap();
    let lock = lock(FOREIGN_SECRET);
    let (mut logs, mut sources) = (vec![], vec![]);
    for number in 0..FOREIGN {
        let mut leg = source_leg(order_id(A, 0x60 + number), lock);
        leg.swap = SwapId { chain: A, escrow: Address::repeat_byte(0x60 + number) };
        let SourceTerms::Stated { immutables, complement } = &leg.terms else { panic!("stated") };
        let data = IBmnFactory::SrcEscrowCreated {
            srcImmutables: immutables.into(),
            dstImmutablesComplement: complement.into(),
        };
        logs.push(Log { address: leg.factory, data: data.encode_log_data() });
        let (immutables, complement) = (immutables.clone(), complement.clone());
        sources.push((leg, ContractEvent::SourceCreated { immutables, complement }));
    }
    let (first, at_a) = mined(2, logs);
    tx.begin_block(A, &chained(at_a)).unwrap();
    for (number, (mut leg, created)) in (0..).zip(sources) {
        leg.created = Inclusion { block: at_a, tx_hash: B256::ZERO, log_index: u32::from(number) };
        tx.put_source_leg(&leg).unwrap();
        let row = event(A, leg.created, leg.swap.escrow, told(number, created));
        tx.put_event(&row).unwrap();
    }
    tx.end_block().unwrap();
    let mut leg = destination_leg(lock);
    leg.escrow = Address::repeat_byte(0xd2);
    let taker = immutables(order_id(A, 1), lock).taker;
    let data = IBmnFactory::DstEscrowCreated {
        escrow: leg.escrow,
        hashlock: lock.0,
        taker: taker.masked(),
    };
    let (second, at_b) = mined(3, vec![Log { address: leg.factory, data: data.encode_log_data() }]);
    tx.begin_block(B, &chained(at_b)).unwrap();
    leg.created = Inclusion { block: at_b, tx_hash: B256::ZERO, log_index: 0 };
    tx.put_destination_leg(&leg).unwrap();
    let created = ContractEvent::DestinationCreated { escrow: leg.escrow, hashlock: lock, taker };
    tx.put_event(&event(B, leg.created, leg.escrow, created)).unwrap();
    tx.end_block().unwrap();
    tx.commit().unwrap();
    let blocks = BTreeMap::from([(at_a.hash, first), (at_b.hash, second)]);
    Says { blocks, ..Says::new(Ok(None)) }
}

/// A block with these logs in one transaction, and its place in a chain.
fn mined(number: u64, logs: Vec<Log>) -> (RawReceipts, BlockRef) {
    let time = block(number).time;
    let raw = block_at(logs, Header { number, timestamp: time, ..Header::default() });
    let hash = keccak256(&raw.header);
    (raw, BlockRef { number, hash, time })
}

/// The header that the index knows of it.
fn chained(at: BlockRef) -> bmn_chain::Header {
    bmn_chain::Header { hash: at.hash, ..header(at.number) }
}

fn sides(answer: &Value) -> Vec<(String, String)> {
    let escrows = answer["result"]["escrows"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    escrows.iter().map(|it| (text(&it["side"]), text(&it["escrow"]))).collect()
}

#[tokio::test]
async fn sources_of_strangers_leave_the_destination_its_place_and_each_block_is_asked_for_once() {
    let fixture = Fixture::new();
    let source = Arc::new(strangers(&fixture, |_, event| event));
    let module = module(&fixture, Arc::clone(&source), 1);
    let answer = ask(&module, &lock(FOREIGN_SECRET).0.to_string()).await;
    let escrow = |byte| format!("{:#x}", Address::repeat_byte(byte));
    let found = sides(&answer);
    let expected = [0x60, 0x61, 0x62, 0x63].map(|byte| ("source".to_owned(), escrow(byte)));
    assert_eq!(found[..4], expected);
    assert_eq!(found[4..], [("destination".to_owned(), escrow(0xd2))]);
    assert_eq!(answer["result"]["more"], true, "five were left out");
    let events = answer["result"]["escrows"].as_array().unwrap().iter().map(|it| &it["events"]);
    assert!(events.clone().all(|events| events.as_array().unwrap().len() == 1), "{answer}");
    let indices: Vec<_> = events.map(|events| events[0]["proof"]["logIndex"].as_u64()).collect();
    assert_eq!(indices, [0, 1, 2, 3, 0].map(Some), "each has the proof of its own event");
    let asked: Vec<_> = source.asked.lock().unwrap().iter().map(|(chain, _)| *chain).collect();
    assert_eq!(asked, [A, B], "four events of one block are one question");
}

#[tokio::test]
async fn the_escrow_that_was_asked_for_is_always_among_them() {
    let fixture = Fixture::new();
    let source = Arc::new(strangers(&fixture, |_, event| event));
    let module = module(&fixture, source, 1);
    let last = Address::repeat_byte(0x60 + FOREIGN - 1);
    for id in [format!("{last:#x}"), format!("{A}:{last:#x}")] {
        let answer = ask(&module, &id).await;
        let found = sides(&answer);
        assert_eq!(found.len(), 5, "{id}: {found:?}");
        assert_eq!(found[0].1, format!("{last:#x}"), "{id}");
        assert_eq!(answer["result"]["more"], true, "{id}");
    }
}

#[tokio::test]
async fn an_event_that_is_not_what_its_log_says_is_not_proven() {
    let fixture = Fixture::new();
    let other = |number: u8, mut event: ContractEvent| {
        if let (0, ContractEvent::SourceCreated { immutables, .. }) = (number, &mut event) {
            immutables.order_hash.0 = B256::repeat_byte(0xab);
        }
        event
    };
    let source = Arc::new(strangers(&fixture, other));
    let module = module(&fixture, source, 1);
    let answer = ask(&module, &lock(FOREIGN_SECRET).0.to_string()).await;
    assert_eq!(answer["error"]["code"], UNAVAILABLE, "{answer}");
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
