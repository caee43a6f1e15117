//! The safety net behind the wakes: every open order is looked at in turn, and few with any one block.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use alloy::primitives::{Address, B256, Bloom, Bytes, U256, keccak256};
use bmn_chain::{Block, ChainEvent, Header, Segment};
use bmn_contracts::{EscrowImplementations, LimitOrder, MakerTraits, OrderSignature};
use bmn_indexer::Indexer;
use bmn_primitives::{AddressWord, BlockRef, ChainId, Dialect, OrderHash, OrderId, Secret};
use bmn_queue::Rules;
use bmn_store::{MasterKey, OrderState, Reads, Store, StoreOptions, testing::CrashBackend};
use bmn_swap::{
    Decision, Evidence, FactoryTerms, Order, OrderTimes, Origin, Pace, Policy, Refusal, Retention,
    Route, SignedOrder, Status,
};
use std::{collections::BTreeSet, sync::Arc};

const CHAINS: [ChainId; 2] = [ChainId(10), ChainId(11)];
const START: u64 = 1_700_000_000;
const FACTORY: Address = Address::repeat_byte(0xe0);
const PROTOCOL: Address = Address::repeat_byte(0xb0);
const TOKEN: Address = Address::repeat_byte(0x70);

/// Open orders that one event may have looked at because it is their turn.
const AT_ONCE: usize = 32;

fn rules() -> Rules {
    let factory = FactoryTerms {
        address: FACTORY,
        dialect: Dialect::Bmn4,
        limit_order_protocol: PROTOCOL,
        implementations: EscrowImplementations::for_factory(Dialect::Bmn4, FACTORY),
        rescue_delay: 600,
        index_only: false,
    };
    let route = |chain| Route {
        chain,
        pace: Pace { block_time: 2, inclusion: 4, confirmations: 2, skew: 2 },
        tokens: vec![],
        true_tokens: vec![],
        factories: vec![factory],
        min_order_value: 0,
        resolver: None,
        limits: Default::default(),
    };
    let policy = Policy {
        min_profit_bps: 0,
        max_order_value: u128::MAX,
        maker_reaction: 10,
        max_window: 100_000,
        allow_direct_source: false,
        max_open_orders: 100,
        cancel_refused_gas: 1_000_000,
        limits: Default::default(),
    };
    Rules { us: Address::repeat_byte(5), routes: CHAINS.map(route).to_vec(), policy }
}

fn order(side: usize, n: u64) -> Order {
    let maker = Address::repeat_byte(0x0a);
    let hash = keccak256([n.to_be_bytes(), (side as u64).to_be_bytes()].concat());
    let signed = SignedOrder {
        order: LimitOrder {
            salt: U256::from(n),
            maker: maker.into(),
            receiver: AddressWord::from(maker),
            maker_asset: TOKEN.into(),
            taker_asset: TOKEN.into(),
            making_amount: U256::from(1_000),
            taking_amount: U256::from(900),
            maker_traits: MakerTraits::default(),
        },
        extension: Bytes::new(),
        signature: OrderSignature::Contract(Bytes::new()),
        secret_hashes: Vec::new(),
    };
    Order {
        id: OrderId { chain: CHAINS[side], contract: PROTOCOL, hash: OrderHash(hash), leaf: 0 },
        origin: Origin::Submitted(Box::new(signed)),
        dialect: Dialect::Bmn4,
        factory: FACTORY,
        hashlock: Secret::new(hash.0).hashlock(),
        maker,
        beneficiary: maker,
        source_token: TOKEN,
        source_amount: U256::from(1_000),
        source_deposit: U256::ZERO,
        destination_chain: CHAINS[1 - side],
        destination_token: TOKEN,
        destination_amount: U256::from(900),
        destination_deposit: U256::from(5),
        times: OrderTimes::Absolute {
            src_cancellation: START + 90_000,
            dst_withdrawal: START + 60_000,
        },
        seen_at: BlockRef::default(),
        decision: Decision::Accepted,
    }
}

struct Bed {
    store: Store,
    indexer: Indexer,
}

impl Bed {
    fn new(open: [u64; 2]) -> Self {
        Self::keeping(open, Retention::default())
    }

    fn keeping(open: [u64; 2], retention: Retention) -> Self {
        let mut rules = rules();
        rules.policy.limits.retention = retention;
        let store =
            Store::open(StoreOptions::backend(CrashBackend::new(), MasterKey::new([3; 32])));
        let store = store.unwrap();
        let indexer = Indexer::new(store.clone(), Arc::new(rules));
        let bed = Self { store, indexer };
        bed.mine(0);
        bed.mine(1);
        let mut tx = bed.store.write().unwrap();
        for (side, open) in open.into_iter().enumerate() {
            for n in 0..open {
                let order = order(side, n);
                tx.put_order(&order).unwrap();
                let state = OrderState {
                    status: Status::Accepted,
                    evidence: Evidence::default(),
                    source: None,
                    plan: None,
                    permission: None,
                };
                tx.put_order_state(order.id, &state).unwrap();
            }
        }
        tx.commit().unwrap();
        bed
    }

    /// Applies an empty block; answers the orders that were looked at.
    fn mine(&self, side: usize) -> BTreeSet<OrderId> {
        let chain = CHAINS[side];
        let parent = self.store.read().unwrap().cursor(chain).unwrap().tip;
        let number = parent.map_or(1, |parent| parent.number + 1);
        let header = Header {
            number,
            hash: keccak256([chain.0, number].map(u64::to_be_bytes).concat()),
            parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
            timestamp: START + number,
            logs_bloom: Bloom::ZERO,
            receipts_root: B256::ZERO,
            base_fee: None,
        };
        let segment = Segment::new(vec![Block { header, logs: Vec::new() }]).unwrap();
        let event = ChainEvent::Committed(segment);
        self.indexer.apply(chain, &event, None).unwrap().orders
    }
}

fn every_one_in(open: [u64; 2], side: usize, blocks: usize) {
    let bed = Bed::new(open);
    let wanted: BTreeSet<OrderId> = (0..open[side]).map(|n| order(side, n).id).collect();
    // Twice: what was begun goes round.
    for round in 0..2 {
        let mut seen = BTreeSet::new();
        for _ in 0..blocks {
            let orders = bed.mine(side);
            assert!(orders.len() <= AT_ONCE, "{} with one block", orders.len());
            seen.extend(orders);
        }
        assert!(seen == wanted, "round {round} of {open:?}: {} looked at", seen.len());
    }
}

#[test]
fn few_open_orders_are_each_looked_at_within_thirty_two_blocks() {
    every_one_in([0, 0], 0, 3);
    every_one_in([1, 0], 0, 33);
    every_one_in([100, 30], 0, 33);
    every_one_in([100, 30], 1, 33);
}

#[test]
fn of_many_open_orders_a_bounded_number_is_looked_at_with_a_block_and_none_is_left_out() {
    every_one_in([3_000, 200], 0, 3_000_usize.div_ceil(AT_ONCE) + 1);
}

impl Bed {
    /// Refused orders of a chain that were handed in at these times.
    fn refuse(&self, side: usize, from: u64, seen_at: impl IntoIterator<Item = u64>) {
        let mut tx = self.store.write().unwrap();
        for (n, time) in (from..).zip(seen_at) {
            let mut order = order(side, n);
            order.decision = Decision::Refused(vec![Refusal::Invalidated]);
            order.seen_at.time = time;
            tx.put_order(&order).unwrap();
            let state = OrderState {
                status: Status::Refused,
                evidence: Evidence::default(),
                source: None,
                plan: None,
                permission: None,
            };
            tx.put_order_state(order.id, &state).unwrap();
        }
        tx.commit().unwrap();
    }

    fn refused(&self) -> u64 {
        self.store.read().unwrap().orders_in(Status::Refused).unwrap()
    }
}

#[test]
fn refused_orders_go_when_they_are_old_a_few_with_each_block_and_by_their_own_chain() {
    let days = 86_400;
    let retention = Retention { seconds: Some(2 * days), rows: None };
    let bed = Bed::keeping([3, 3], retention);
    let (old, young) = (START - 2 * days - 1, START - 2 * days + 1_000);
    bed.refuse(0, 100, (0..40).map(|_| old));
    bed.refuse(0, 200, (0..40).map(|_| young));
    bed.refuse(1, 300, [old]);
    bed.mine(0);
    assert!((81 - 16..81).contains(&bed.refused()), "{}", bed.refused());
    for _ in 0..20 {
        bed.mine(0);
    }
    assert_eq!(bed.refused(), 41, "the young ones, and the other chain's");
    bed.mine(1);
    assert_eq!(bed.refused(), 40);
    assert_eq!(bed.store.read().unwrap().orders_in(Status::Accepted).unwrap(), 6);
    let kept = bed.store.read().unwrap().order(order(0, 200).id).unwrap();
    assert!(kept.is_some_and(|order| order.seen_at.time == young));
}

#[test]
fn beyond_the_most_that_are_kept_they_go_after_an_hour_and_without_limits_never() {
    let hour = Retention::LEAST;
    let limited = Retention { seconds: None, rows: Some(10) };
    for (retention, left) in [(limited, 10), (Retention::default(), 35)] {
        let bed = Bed::keeping([0, 0], retention);
        bed.refuse(0, 0, (0..30).map(|_| START - hour - 1));
        bed.refuse(0, 100, (0..5).map(|_| START));
        for _ in 0..20 {
            bed.mine(0);
        }
        assert_eq!(bed.refused(), left);
        let read = bed.store.read().unwrap();
        for n in 100..105 {
            assert!(read.order(order(0, n).id).unwrap().is_some(), "younger than an hour");
        }
    }
    assert!(!Retention::default().is_over(u64::MAX, u64::MAX));
    assert!(!limited.is_over(hour, u64::MAX) && limited.is_over(hour + 1, 11));
    assert!(!limited.is_over(u64::MAX, 10));
    let aged = Retention { seconds: Some(9_000), rows: None };
    assert!(!aged.is_over(9_000, 0) && aged.is_over(9_001, 0));
}
