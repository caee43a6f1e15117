//! A route with a factory of every dialect, recorded logs, and a store to fold them into.

use alloy::primitives::{Address, B256, Bloom, Bytes};
use bmn_chain::{Block, ChainLog, Header};
use bmn_contracts::EscrowImplementations;
use bmn_indexer::{LogFilter, Touched, fold_filtered};
use bmn_primitives::{ChainId, Dialect};
use bmn_store::{EventRow, MasterKey, Reads, Store, StoreOptions, testing::CrashBackend};
use bmn_swap::{FactoryTerms, Pace, Route, SourceLeg};
use serde_json::Value;
use std::sync::LazyLock;

static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../contracts/tests/vectors/vectors.json")).unwrap()
});

pub(crate) const CHAIN: ChainId = ChainId(8453);
pub(crate) const US: Address = Address::repeat_byte(0x05);

/// The factory whose logs were recorded; most dialects' are at the same address.
pub(crate) fn recorded_factory(dialect: Dialect) -> Address {
    let recorded = match dialect {
        Dialect::Bmn1 | Dialect::Bmn11 => Dialect::OneInch1,
        other => other,
    };
    parse(&VECTORS["immutables"][recorded.name()][0]["factory"])
}

pub(crate) fn recorded_protocol() -> Address {
    parse(&VECTORS["orders"]["bmn4"][0]["verifyingContract"])
}

pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

pub(crate) fn sample(dialect: Dialect) -> &'static Value {
    &VECTORS["samples"][dialect.name()]
}

pub(crate) fn factory(address: Address, dialect: Dialect) -> FactoryTerms {
    FactoryTerms {
        address,
        dialect,
        limit_order_protocol: recorded_protocol(),
        implementations: EscrowImplementations::for_factory(dialect, address),
        rescue_delay: 604_800,
        index_only: false,
    }
}

pub(crate) fn route(factories: Vec<FactoryTerms>) -> Route {
    Route {
        chain: CHAIN,
        pace: Pace { block_time: 2, inclusion: 6, confirmations: 3, skew: 2 },
        tokens: vec![],
        true_tokens: vec![],
        factories,
        min_order_value: 0,
        resolver: None,
        limits: Default::default(),
    }
}

/// The logs of a recorded scenario, as of one transaction.
pub(crate) fn scenario(dialect: Dialect, name: &str) -> Vec<ChainLog> {
    let logs = VECTORS["logs"][dialect.name()].as_array().unwrap();
    let logs = logs.iter().filter(|log| log["scenario"] == name);
    let logs: Vec<_> = (0..).zip(logs).map(|(index, log)| chain_log(log, index)).collect();
    assert!(!logs.is_empty(), "{dialect} {name}");
    logs
}

pub(crate) fn all_logs(dialect: Dialect) -> Vec<ChainLog> {
    let logs = VECTORS["logs"][dialect.name()].as_array().unwrap();
    (0..).zip(logs).map(|(index, log)| chain_log(log, index)).collect()
}

fn chain_log(log: &Value, log_index: u32) -> ChainLog {
    ChainLog {
        address: parse(&log["address"]),
        topics: log["topics"].as_array().unwrap().iter().map(parse::<B256>).collect(),
        data: parse::<Bytes>(&log["data"]),
        tx_hash: B256::repeat_byte(0x71),
        tx_index: 0,
        log_index,
    }
}

/// Logs of a further transaction of the block.
pub(crate) fn next_tx(mut logs: Vec<ChainLog>, tx_index: u32, first: u32) -> Vec<ChainLog> {
    for (log_index, log) in (first..).zip(&mut logs) {
        log.tx_hash = B256::with_last_byte(u8::try_from(tx_index).unwrap());
        (log.tx_index, log.log_index) = (tx_index, log_index);
    }
    logs
}

pub(crate) fn block(number: u64, logs: Vec<ChainLog>) -> Block {
    let hash = |number: u64| B256::left_padding_from(&(number + 1_000).to_be_bytes());
    let mut logs_bloom = Bloom::ZERO;
    for log in &logs {
        logs_bloom.accrue_raw_log(log.address, &log.topics);
    }
    let header = Header {
        number,
        hash: hash(number),
        parent_hash: hash(number - 1),
        timestamp: 1_755_450_006 + number,
        logs_bloom,
        receipts_root: B256::ZERO,
        base_fee: None,
    };
    Block { header, logs }
}

/// What a block left in the index.
pub(crate) struct Folded {
    pub(crate) store: Store,
    pub(crate) touched: Touched,
}

impl Folded {
    pub(crate) fn new(route: &Route, blocks: &[Block]) -> Self {
        let key = MasterKey::new([7; 32]);
        let store = Store::open(StoreOptions::backend(CrashBackend::new(), key)).unwrap();
        let (filter, mut touched) = (LogFilter::new(route), Touched::default());
        let mut tx = store.write().unwrap();
        for block in blocks {
            tx.begin_block(CHAIN, &block.header).unwrap();
            fold_filtered(&mut tx, &filter, route, US, block, &mut touched).unwrap();
            tx.end_block().unwrap();
        }
        tx.commit().unwrap();
        Self { store, touched }
    }

    pub(crate) fn sources(&self) -> Vec<SourceLeg> {
        self.store.read().unwrap().source_legs(CHAIN, None, 100).unwrap()
    }

    pub(crate) fn only_source(&self) -> SourceLeg {
        let [leg] = self.sources().try_into().unwrap();
        leg
    }

    pub(crate) fn events(&self) -> Vec<EventRow> {
        self.store.read().unwrap().events(CHAIN, 0, u64::MAX, None, 1_000).unwrap()
    }
}
