//! The blocks that every run imports: built once by a node, kept in a file.

use crate::{
    node::{Inside, Setup, launch, payload},
    resolver::{BLOCK_TIME, FACTORY, START, call, chain_spec},
};
use alloy::{
    primitives::{Address, B256, Bytes, U256, address, hex},
    signers::local::PrivateKeySigner,
};
use bmn_benches::{History, Mix, spec};
use bmn_chain::conformance::{Emission, emissions};
use bmn_sim::accounts::maker_signer;
use reth_ethereum::{
    chainspec::ChainSpec,
    rpc::types::engine::{ExecutionData, ExecutionPayload},
};
use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
    sync::Arc,
};

/// Blocks before those that count.
pub(crate) const WARM: usize = 20;
/// Blocks that count.
pub(crate) const MEASURED: usize = 300;
/// A busy block, in words.
pub(crate) const BUSY: &str = "each 100 transfers of ether, 200 of a token and 20 calls with 5 logs, 10 events of ours in every tenth";

/// TKA of the development chain, which anybody may mint.
const TOKEN: Address = address!("e7f1725E7734CE288F8367e1Bb143E90bb3F0512");
const TRANSFER: [u8; 4] = hex!("a9059cbb");
const MINT: [u8; 4] = hex!("40c10f19");

fn token_call(selector: [u8; 4], to: Address, amount: u64) -> Bytes {
    let amount = B256::from(U256::from(amount));
    [&selector[..], to.into_word().as_slice(), amount.as_slice()].concat().into()
}

/// Where strangers' logs come from: the same code at an address that nobody believes.
const STRANGER: Address = Address::repeat_byte(0x57);
const SENDERS: u32 = 50;
const PER_CALL: usize = 10;

fn senders() -> Vec<PrivateKeySigner> {
    (0..SENDERS).map(|index| maker_signer(7, index)).collect()
}

/// The chain of these blocks.
pub(crate) fn chain() -> Arc<ChainSpec> {
    let accounts: Vec<_> = senders().iter().map(PrivateKeySigner::address).collect();
    let mut spec = Arc::unwrap_or_clone(chain_spec(&accounts));
    let emitter = spec.genesis.alloc[&FACTORY].clone();
    spec.genesis.alloc.insert(STRANGER, emitter);
    Arc::new(spec.genesis.into())
}

struct Senders {
    keys: Vec<PrivateKeySigner>,
    nonces: Vec<u64>,
    next: usize,
}

impl Senders {
    fn call(&mut self, to: Address, gas_limit: u64, input: Bytes) -> Bytes {
        let which = self.next % self.keys.len();
        self.next += 1;
        let nonce = self.nonces[which];
        self.nonces[which] += 1;
        call(&self.keys[which], nonce, to, gas_limit, input)
    }

    fn logs(&mut self, to: Address, logs: &[Emission]) -> Vec<Bytes> {
        let call = |logs: &[Emission]| self.call(to, 600_000, emissions(logs));
        logs.chunks(PER_CALL).map(call).collect()
    }
}

/// The logs of a factory's events in block `number`.
fn events(number: u64, count: u32) -> Vec<Emission> {
    let mut spec = spec();
    spec.factories[0].address = FACTORY;
    let block = History::new(spec, Mix::created(count)).block(number);
    block.logs.into_iter().map(|log| Emission { topics: log.topics, data: log.data }).collect()
}

fn transactions(kind: &str, number: u64, senders: &mut Senders) -> Vec<Bytes> {
    if kind != "busy" {
        return senders.logs(FACTORY, &events(number, kind.parse().unwrap()));
    }
    if number == 1 {
        let all: Vec<_> = senders.keys.iter().map(PrivateKeySigner::address).collect();
        let mint = |it: Address| senders.call(TOKEN, 100_000, token_call(MINT, it, u64::MAX));
        return all.into_iter().map(mint).collect();
    }
    let mut txs = Vec::new();
    let account = |n: u64| Address::from_word(B256::from(U256::from(0x1000 + n)));
    for n in 0..100 {
        txs.push(senders.call(account(number * 100 + n), 21_000, Bytes::new()));
    }
    // A half of them to who has some already.
    for n in 0..200 {
        let to = account(if n < 100 { n } else { number * 200 + n });
        txs.push(senders.call(TOKEN, 100_000, token_call(TRANSFER, to, 1 + n)));
    }
    let event = |n: u64| Emission {
        topics: (0..3).map(|topic| B256::from(U256::from(n * 3 + topic))).collect(),
        data: B256::from(U256::from(n)).into(),
    };
    for n in 0..20u64 {
        let logs: Vec<_> = (0..5).map(|log| event(number * 100 + n * 5 + log)).collect();
        txs.extend(senders.logs(STRANGER, &logs));
    }
    if number.is_multiple_of(10) {
        txs.extend(senders.logs(FACTORY, &events(number, 10)));
    }
    txs
}

/// A transaction that fails logs nothing.
fn expected_logs(kind: &str, number: u64) -> usize {
    match (kind.parse(), number) {
        (Ok(ours), _) => ours,
        (Err(_), 1) => SENDERS as usize,
        (Err(_), _) => 200 + 100 + if number.is_multiple_of(10) { 10 } else { 0 },
    }
}

/// Builds the blocks of a kind: `busy`, or as many relevant logs in each as the number says.
pub(crate) async fn write(kind: &str, file: &Path) {
    let directory = tempfile::tempdir().unwrap();
    let setup = Setup::new(chain(), Inside::Nothing);
    let node = launch(setup, directory.path()).await;
    let keys = senders();
    let mut senders = Senders { nonces: vec![0; keys.len()], keys, next: 0 };
    let mut out = BufWriter::new(File::create(file).unwrap());
    let mut parent = node.ledger().head().hash;
    for number in 1..=(WARM + MEASURED) as u64 {
        let txs = transactions(kind, number, &mut senders);
        let sent = txs.len();
        let block = node.build(parent, START + number * BLOCK_TIME, txs).await;
        let ExecutionPayload::V3(content) = &block.payload else { panic!("another payload") };
        assert_eq!(content.payload_inner.payload_inner.transactions.len(), sent, "block {number}");
        serde_json::to_writer(&mut out, content).unwrap();
        out.write_all(b"\n").unwrap();
        parent = block.payload.block_hash();
        node.insert(block).await;
        node.choose(parent).await;
        let logs = node.ledger().block(number).unwrap().logs.len();
        assert_eq!(logs, expected_logs(kind, number), "block {number}");
    }
    out.flush().unwrap();
}

/// The blocks of a file.
pub(crate) fn read(file: &Path) -> Vec<ExecutionData> {
    let lines = BufReader::new(File::open(file).unwrap()).lines();
    let block = |line: String| payload(ExecutionPayload::V3(serde_json::from_str(&line).unwrap()));
    lines.map(|line| block(line.unwrap())).collect()
}
