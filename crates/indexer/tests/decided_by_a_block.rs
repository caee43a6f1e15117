//! Escrows whose block decides what they are: destinations that have no address before it, and sources
//! that are only named.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use alloy::{
    primitives::{Address, B256, Bloom, Bytes, LogData, U256, keccak256},
    sol_types::SolEvent,
};
use bmn_chain::{Block, ChainEvent, ChainLog, Header, Segment};
use bmn_contracts::{
    EscrowImplementations, LimitOrder, MakerTraits, OrderSignature,
    bindings::{IBmnFactory, ILimitOrderProtocol, IOneInchFactory, IOneInchFactory1},
    bmn_factory_timelocks, destination_escrow, source_escrow,
};
use bmn_indexer::{Indexer, Pace as ClearingPace};
use bmn_primitives::{
    BlockRef, ChainId, Complement, Dialect, Immutables, OrderHash, OrderId, Secret, SwapId,
    Timelocks,
};
use bmn_queue::{Loaded, Rules, refresh, reserve};
use bmn_store::{
    MasterKey, OrderState, Reads, RebuildReason, Store, StoreOptions,
    testing::{CrashBackend, rows_read},
};
use bmn_swap::{
    Decision, DestinationPlan, Evidence, FactoryTerms, Order, OrderTimes, Origin, Pace, Policy,
    Price, Route, SignedOrder, Status, TokenTerms,
};
use std::{sync::Arc, time::Duration};

const CHAINS: [ChainId; 2] = [ChainId(10), ChainId(11)];
const US: Address = Address::repeat_byte(0x05);
const CONTRACT: Address = Address::repeat_byte(0xc0);
const MAKER: Address = Address::repeat_byte(0x0a);
const PROTOCOL: Address = Address::repeat_byte(0xb0);
const FACTORY: Address = Address::repeat_byte(0xe0);
const TOKEN: Address = Address::repeat_byte(0x70);
const START: u64 = 1_700_000_000;
const OFFSETS: [u32; 7] = [0, 60, 4_000, 4_060, 30, 90, 3_000];

/// Rows that a block with one event of ours may cost.
const FEW: u64 = 100;

type Spoken = (Address, LogData);

fn secret() -> Secret {
    Secret::new(keccak256("secret").0)
}

fn hash() -> OrderHash {
    OrderHash(keccak256("order"))
}

fn factory(dialect: Dialect) -> FactoryTerms {
    FactoryTerms {
        address: FACTORY,
        dialect,
        limit_order_protocol: PROTOCOL,
        implementations: EscrowImplementations::for_factory(dialect, FACTORY),
        rescue_delay: 600,
        index_only: false,
    }
}

fn rules(dialect: Dialect) -> Rules {
    let route = |chain| Route {
        chain,
        pace: Pace { block_time: 2, inclusion: 4, confirmations: 2, skew: 2 },
        tokens: vec![TokenTerms { address: TOKEN, decimals: 18, price: Price(1_000_000) }],
        true_tokens: vec![],
        factories: vec![factory(dialect)],
        min_order_value: 0,
        resolver: Some(CONTRACT),
        limits: Default::default(),
    };
    let policy = Policy {
        min_profit_bps: -10_000,
        max_order_value: u128::MAX,
        maker_reaction: 10,
        max_window: 100_000,
        allow_direct_source: false,
        max_open_orders: 100,
        cancel_refused_gas: 1_000_000,
        limits: Default::default(),
    };
    Rules { us: US, routes: CHAINS.map(route).to_vec(), policy }
}

/// What our source is bound to when its block has this time.
fn source(dialect: Dialect, time: u64) -> Immutables {
    let absolute = dialect.has_absolute_times();
    Immutables {
        order_hash: hash(),
        hashlock: secret().hashlock(),
        maker: MAKER.into(),
        taker: CONTRACT.into(),
        token: TOKEN.into(),
        amount: U256::from(1_000),
        safety_deposit: U256::from(if absolute { 0 } else { 7 }),
        timelocks: if absolute {
            bmn_factory_timelocks(time, START + 4_000, START + 30).unwrap()
        } else {
            Timelocks::pack(0, OFFSETS).with_deployed_at(time)
        },
        parameters: Bytes::new(),
    }
}

fn source_at(dialect: Dialect, time: u64) -> Address {
    let FactoryTerms { address, implementations, .. } = factory(dialect);
    source_escrow(dialect, address, &implementations, &source(dialect, time))
}

/// Our destination plan for the source of block 1.
fn plan() -> DestinationPlan {
    let dialect = Dialect::OneInch1;
    let immutables = Immutables {
        amount: U256::from(900),
        safety_deposit: U256::from(1),
        timelocks: Timelocks::pack(0, OFFSETS),
        ..source(dialect, 0)
    };
    let source = SwapId { chain: CHAINS[0], escrow: source_at(dialect, START + 1) };
    DestinationPlan { chain: CHAINS[1], factory: FACTORY, source, immutables, escrow: None }
}

/// Where the plan comes to stand when its block has this time.
fn destination_at(time: u64) -> Address {
    let mut immutables = plan().immutables;
    immutables.timelocks = immutables.timelocks.with_deployed_at(time);
    let FactoryTerms { address, implementations, dialect, .. } = factory(Dialect::OneInch1);
    destination_escrow(dialect, address, &implementations, &immutables)
}

fn order(dialect: Dialect) -> Order {
    let signed = SignedOrder {
        order: LimitOrder {
            salt: U256::ZERO,
            maker: MAKER.into(),
            receiver: MAKER.into(),
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
        id: OrderId { chain: CHAINS[0], contract: PROTOCOL, hash: hash(), leaf: 0 },
        origin: Origin::Submitted(Box::new(signed)),
        dialect,
        factory: FACTORY,
        hashlock: secret().hashlock(),
        maker: MAKER,
        beneficiary: MAKER,
        source_token: TOKEN,
        source_amount: U256::from(1_000),
        source_deposit: source(dialect, START).safety_deposit,
        destination_chain: CHAINS[1],
        destination_token: TOKEN,
        destination_amount: U256::from(900),
        destination_deposit: U256::from(1),
        times: if dialect.has_absolute_times() {
            OrderTimes::Absolute { src_cancellation: START + 4_000, dst_withdrawal: START + 30 }
        } else {
            OrderTimes::Offsets(Timelocks::pack(0, OFFSETS))
        },
        seen_at: BlockRef { number: 0, hash: B256::ZERO, time: START },
        decision: Decision::Accepted,
    }
}

fn filled() -> Spoken {
    let event =
        ILimitOrderProtocol::OrderFilled { orderHash: hash().0, remainingAmount: U256::ZERO };
    (PROTOCOL, event.encode_log_data())
}

/// Our fill in a block of this time.
fn fill(dialect: Dialect, time: u64) -> Vec<Spoken> {
    let immutables = source(dialect, time);
    let made = if dialect == Dialect::Bmn302 {
        let event = IBmnFactory::PostInteractionEscrowCreated {
            escrow: source_at(dialect, time),
            hashlock: secret().hashlock().0,
            protocol: PROTOCOL,
            taker: CONTRACT,
            amount: U256::from(1_000),
        };
        event.encode_log_data()
    } else {
        let complement = Complement {
            maker: MAKER.into(),
            amount: U256::from(900),
            token: TOKEN.into(),
            safety_deposit: U256::from(1),
            chain_id: U256::from(CHAINS[1].0),
            parameters: Bytes::new(),
        };
        let event = IOneInchFactory1::SrcEscrowCreated {
            srcImmutables: (&immutables).into(),
            dstImmutablesComplement: (&complement).into(),
        };
        event.encode_log_data()
    };
    vec![(FACTORY, made), filled()]
}

fn created(escrow: Address) -> Spoken {
    let event = IOneInchFactory::DstEscrowCreated {
        escrow,
        hashlock: secret().hashlock().0,
        taker: U256::from_be_slice(CONTRACT.as_slice()),
    };
    (FACTORY, event.encode_log_data())
}

fn stranger(n: u64) -> Spoken {
    created(Address::from_slice(&keccak256(n.to_be_bytes())[12..]))
}

struct World {
    dialect: Dialect,
    store: Store,
    indexer: Indexer,
    blocks: [Vec<Block>; 2],
}

impl World {
    fn new(dialect: Dialect, plan: Option<DestinationPlan>) -> Self {
        let options = StoreOptions::backend(CrashBackend::new(), MasterKey::new([3; 32]));
        let store = Store::open(options).unwrap();
        let mut tx = store.write().unwrap();
        let order = order(dialect);
        let state = OrderState {
            status: Status::Accepted,
            evidence: Evidence::default(),
            source: None,
            plan,
            permission: None,
        };
        tx.put_order(&order).unwrap();
        reserve(&mut tx, &order).unwrap();
        tx.put_order_state(order.id, &state).unwrap();
        tx.commit().unwrap();
        let indexer = Indexer::new(store.clone(), Arc::new(rules(dialect)));
        Self { dialect, store, indexer, blocks: [Vec::new(), Vec::new()] }
    }

    fn block(&self, side: usize, number: u64, time: u64, txs: Vec<Vec<Spoken>>) -> Block {
        let parent = self.blocks[side].last().map(|block| block.header.block_ref());
        let mut logs = Vec::new();
        for (tx_index, tx) in (0..).zip(txs) {
            for (address, data) in tx {
                let log_index = u32::try_from(logs.len()).unwrap();
                let (topics, data) = data.split();
                let tx_hash = B256::left_padding_from(&(number << 32 | tx_index).to_be_bytes());
                let tx_index = tx_index as u32;
                logs.push(ChainLog { address, topics, data, tx_hash, tx_index, log_index });
            }
        }
        let header = Header {
            number,
            hash: keccak256([number, side as u64, time].map(u64::to_be_bytes).concat()),
            parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
            timestamp: time,
            logs_bloom: Bloom::ZERO,
            receipts_root: B256::ZERO,
            base_fee: None,
        };
        Block { header, logs }
    }

    /// The next block of a chain; answers the rows that were read for it.
    fn mine(&mut self, side: usize, time: u64, txs: Vec<Vec<Spoken>>) -> u64 {
        let block = self.block(side, self.blocks[side].len() as u64 + 1, time, txs);
        let before = rows_read();
        let event = ChainEvent::Committed(Segment::new(vec![block.clone()]).unwrap());
        self.indexer.apply(CHAINS[side], &event, None).unwrap();
        self.blocks[side].push(block);
        rows_read() - before
    }

    /// Takes the newest block away; another one takes its place if there is one.
    fn reorg(&mut self, side: usize, instead: Option<(u64, Vec<Vec<Spoken>>)>) {
        let gone = self.blocks[side].pop().unwrap().header.block_ref();
        let event = match instead {
            None => ChainEvent::Reverted { reverted: vec![gone] },
            Some((time, txs)) => {
                let block = self.block(side, gone.number, time, txs);
                self.blocks[side].push(block.clone());
                let committed = Segment::new(vec![block]).unwrap();
                ChainEvent::Reorged { reverted: vec![gone], committed }
            }
        };
        self.indexer.apply(CHAINS[side], &event, None).unwrap();
    }

    fn state(&self) -> OrderState {
        self.store.read().unwrap().order_state(order(self.dialect).id).unwrap().unwrap()
    }

    fn escrow(&self) -> Option<Address> {
        self.state().plan.unwrap().escrow
    }

    /// Chains of what is still promised to the order.
    fn promised_on(&self) -> Vec<ChainId> {
        let promised = self.store.read().unwrap().reservations(order(self.dialect).id).unwrap();
        promised.into_iter().map(|promise| promise.chain).collect()
    }
}

#[test]
fn the_event_of_the_creation_binds_the_plan_and_nothing_else_with_our_hashlock_does() {
    let mut world = World::new(Dialect::OneInch1, Some(plan()));
    world.mine(0, START + 1, vec![fill(Dialect::OneInch1, START + 1)]);
    assert_eq!(world.state().status, Status::SourceLocked);
    assert_eq!(world.promised_on(), [CHAINS[1], CHAINS[1]], "the fill paid the source's deposit");
    for n in 0..20 {
        let many = (n * 100..(n + 1) * 100).map(|n| vec![stranger(n)]).collect();
        world.mine(1, START + 1 + n, many);
    }
    assert_eq!((world.escrow(), world.state().status), (None, Status::SourceLocked));
    let time = START + 40;
    let rows = world.mine(1, time, vec![vec![created(destination_at(time))]]);
    assert!(rows < FEW, "{rows} rows were read");
    assert_eq!(world.escrow(), Some(destination_at(time)));
    assert_eq!(world.state().status, Status::BothLocked);
    assert_eq!(world.promised_on(), []);
    let rows = world.mine(1, time + 1, vec![vec![stranger(9_999)]]);
    assert!(rows < FEW, "{rows} rows were read");
    assert_eq!(world.escrow(), Some(destination_at(time)), "strangers do not push it out");
}

#[test]
fn an_escrow_of_ours_by_another_blocks_time_does_not_bind() {
    let mut world = World::new(Dialect::OneInch1, Some(plan()));
    world.mine(0, START + 1, vec![fill(Dialect::OneInch1, START + 1)]);
    world.mine(1, START + 40, vec![vec![created(destination_at(START + 41))]]);
    assert_eq!(world.escrow(), None);
}

#[test]
fn a_reorg_unbinds_the_plan_and_it_binds_again_wherever_it_is_mined_then() {
    let mut world = World::new(Dialect::OneInch1, Some(plan()));
    world.mine(0, START + 1, vec![fill(Dialect::OneInch1, START + 1)]);
    let [first, second] = [START + 40, START + 44];
    world.mine(1, first, vec![vec![created(destination_at(first))]]);
    world.reorg(1, Some((second, vec![vec![created(destination_at(second))]])));
    assert_eq!(world.escrow(), Some(destination_at(second)));
    world.reorg(1, None);
    assert_eq!(world.state().plan, Some(plan()), "no time, no address");
    assert_eq!(world.state().status, Status::SourceLocked);
    world.mine(1, first, vec![vec![created(destination_at(first))]]);
    assert_eq!(world.escrow(), Some(destination_at(first)));
    assert_eq!(world.state().status, Status::BothLocked);
}

#[test]
fn a_bound_escrow_that_stands_is_not_left_for_another_one_of_the_same_immutables() {
    let mut world = World::new(Dialect::OneInch1, Some(plan()));
    world.mine(1, START + 40, vec![vec![created(destination_at(START + 40))]]);
    world.mine(1, START + 44, vec![vec![created(destination_at(START + 44))]]);
    assert_eq!(world.escrow(), Some(destination_at(START + 40)));
}

#[test]
fn after_a_rebuild_the_escrow_is_found_behind_however_many_strangers() {
    let mut world = World::new(Dialect::OneInch1, Some(plan()));
    world.mine(0, START + 1, vec![fill(Dialect::OneInch1, START + 1)]);
    for n in 0..6 {
        let many = (n * 100..(n + 1) * 100).map(|n| vec![stranger(n)]).collect();
        world.mine(1, START + 1 + n, many);
    }
    let time = START + 40;
    world.mine(1, time, vec![vec![created(destination_at(time))]]);
    world.mine(1, time + 1, vec![(600..900).map(stranger).collect()]);
    let rebuilt = World::new(Dialect::OneInch1, Some(plan()));
    let now = || Duration::ZERO;
    for (side, chain) in CHAINS.into_iter().enumerate() {
        rebuilt.indexer.begin_rebuild(chain, RebuildReason::Asked).unwrap();
        let mut pace = ClearingPace::new();
        while rebuilt.indexer.clear_some(chain, &mut pace, &now).unwrap() {}
        for block in &world.blocks[side] {
            let event = ChainEvent::Committed(Segment::new(vec![block.clone()]).unwrap());
            rebuilt.indexer.apply(chain, &event, None).unwrap();
        }
    }
    assert_eq!(rebuilt.escrow(), None, "nobody looked at orders yet");
    for chain in CHAINS {
        let mut derivation = rebuilt.indexer.derivation(chain).unwrap();
        while rebuilt.indexer.derive_some(&mut derivation).unwrap() {}
    }
    assert_eq!(rebuilt.escrow(), Some(destination_at(time)));
    assert_eq!(rebuilt.state(), world.state());
}

#[test]
fn a_source_that_is_only_named_is_known_in_full_where_we_filled_its_order() {
    let dialect = Dialect::Bmn302;
    let mut world = World::new(dialect, None);
    world.mine(1, START + 1, vec![]);
    let time = START + 3;
    world.mine(0, time, vec![fill(dialect, time)]);
    let rules = rules(dialect);
    let loaded = |world: &World| {
        let read = world.store.read().unwrap();
        Loaded::read(&read, order(dialect).id, &rules).unwrap().unwrap()
    };
    let stated = loaded(&world).source.unwrap();
    assert_eq!(stated.immutables(), Some(&source(dialect, time)));
    assert_eq!(world.state().status, Status::SourceLocked);
    // Mined again at another time it is another escrow, of the same order.
    world.reorg(0, Some((time + 2, vec![fill(dialect, time + 2)])));
    let stated = loaded(&world).source.unwrap();
    assert_eq!(stated.swap.escrow, source_at(dialect, time + 2));
    assert_eq!(stated.immutables(), Some(&source(dialect, time + 2)));
    // One that the factory names at an address that order and time do not give stays unknown.
    world.reorg(0, Some((time + 4, vec![fill(dialect, time + 2)])));
    assert_eq!(loaded(&world).source.unwrap().immutables(), None);
    let mut tx = world.store.write().unwrap();
    let plan = refresh(&mut tx, order(dialect).id, &rules).unwrap().unwrap();
    assert!(plan.due.is_empty(), "nothing is done about it: {:?}", plan.due);
}
