//! However many strangers repeat our order hash and our hashlock, one block of ours costs a few rows.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use alloy::{
    primitives::{Address, B256, Bloom, Bytes, LogData, U256, keccak256},
    sol_types::SolEvent,
};
use bmn_chain::{Block, ChainEvent, ChainLog, Header, Segment};
use bmn_contracts::{
    EscrowImplementations, LimitOrder, MakerTraits, OrderSignature,
    bindings::{IBmnFactory, IEscrow, ILimitOrderProtocol},
    destination_escrow, source_escrow,
};
use bmn_indexer::{Indexer, Pace as ClearingPace};
use bmn_primitives::{
    AddressWord, BlockRef, ChainId, Complement, Dialect, Hashlock, Immutables, OrderHash, OrderId,
    Secret, SwapId, Timelocks,
};
use bmn_queue::Rules;
use bmn_store::{
    MasterKey, OrderState, Reads, RebuildReason, SourceBinding, Store, StoreOptions, digest,
    testing::{CrashBackend, rows_read},
};
use bmn_swap::{
    Decision, DestinationPlan, Evidence, FactoryTerms, Order, OrderTimes, Origin, Pace, Policy,
    Price, Route, SignedOrder, Status, TokenTerms,
};
use std::{sync::Arc, time::Duration};

const CHAINS: [ChainId; 2] = [ChainId(10), ChainId(11)];
const US: Address = Address::repeat_byte(0x05);
const MAKER: Address = Address::repeat_byte(0x0a);
const STRANGER: Address = Address::repeat_byte(0xbd);
const PROTOCOL: Address = Address::repeat_byte(0xb0);
const TOKEN: Address = Address::repeat_byte(0x70);
const START: u64 = 1_700_000_000;

/// Strangers' sources, half of them before ours.
const STRANGERS: u64 = 10_000;
const IN_A_BLOCK: u64 = 250;

/// Rows that a block with one event may cost: what the event itself, one order and its jobs take.
const FEW: u64 = 110;

fn secret() -> Secret {
    Secret::new(keccak256("secret").0)
}

fn hash() -> OrderHash {
    OrderHash(keccak256("order"))
}

fn factory() -> FactoryTerms {
    let address = Address::repeat_byte(0xe0);
    FactoryTerms {
        address,
        dialect: Dialect::Bmn4,
        limit_order_protocol: PROTOCOL,
        implementations: EscrowImplementations::for_factory(Dialect::Bmn4, address),
        rescue_delay: 600,
        index_only: false,
    }
}

fn rules() -> Rules {
    let route = |chain| Route {
        chain,
        pace: Pace { block_time: 2, inclusion: 4, confirmations: 2, skew: 2 },
        tokens: vec![TokenTerms { address: TOKEN, decimals: 18, price: Price(1_000_000) }],
        true_tokens: vec![],
        factories: vec![factory()],
        min_order_value: 0,
        resolver: None,
        limits: Default::default(),
    };
    let policy = Policy {
        min_profit_bps: -10_000,
        max_order_value: u128::MAX,
        maker_reaction: 10,
        max_window: 100_000,
        allow_direct_source: true,
        max_open_orders: 100,
        cancel_refused_gas: 1_000_000,
        limits: Default::default(),
    };
    Rules { us: US, routes: CHAINS.map(route).to_vec(), policy }
}

/// All sources have our order hash and our hashlock.
fn immutables(maker: Address, taker: Address, amount: u64) -> Immutables {
    Immutables {
        order_hash: hash(),
        hashlock: secret().hashlock(),
        maker: maker.into(),
        taker: taker.into(),
        token: TOKEN.into(),
        amount: U256::from(amount),
        safety_deposit: U256::ZERO,
        timelocks: Timelocks::pack(START as u32, [0, 60, 4_000, 4_060, 30, 90, 3_000]),
        parameters: Bytes::new(),
    }
}

fn ours() -> Immutables {
    immutables(MAKER, US, 1_000)
}

/// Every fourth names us as taker: those are orders of their own.
fn strangers(n: u64) -> Immutables {
    immutables(STRANGER, if n.is_multiple_of(4) { US } else { STRANGER }, 5_000 + n)
}

fn escrow_of(immutables: &Immutables) -> Address {
    let FactoryTerms { address, dialect, implementations, .. } = factory();
    source_escrow(dialect, address, &implementations, immutables)
}

fn our_source() -> SwapId {
    SwapId { chain: CHAINS[0], escrow: escrow_of(&ours()) }
}

fn plan() -> DestinationPlan {
    let FactoryTerms { address, dialect, implementations, .. } = factory();
    let immutables = ours();
    let escrow = destination_escrow(dialect, address, &implementations, &immutables);
    DestinationPlan {
        chain: CHAINS[1],
        factory: address,
        source: our_source(),
        immutables,
        escrow: Some(escrow),
    }
}

fn order() -> Order {
    let signed = SignedOrder {
        order: LimitOrder {
            salt: U256::ZERO,
            maker: MAKER.into(),
            receiver: AddressWord::from(MAKER),
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
        dialect: Dialect::Bmn4,
        factory: factory().address,
        hashlock: secret().hashlock(),
        maker: MAKER,
        beneficiary: MAKER,
        source_token: TOKEN,
        source_amount: U256::from(1_000),
        destination_chain: CHAINS[1],
        destination_token: TOKEN,
        destination_amount: U256::from(900),
        destination_deposit: U256::from(1),
        source_deposit: U256::ZERO,
        times: OrderTimes::Absolute { src_cancellation: START + 4_000, dst_withdrawal: START + 30 },
        seen_at: BlockRef::default(),
        decision: Decision::Accepted,
    }
}

type Spoken = (Address, LogData);

fn created(immutables: &Immutables) -> Spoken {
    let complement = Complement {
        maker: immutables.maker,
        amount: U256::from(900),
        token: TOKEN.into(),
        safety_deposit: U256::from(1),
        chain_id: U256::from(CHAINS[1].0),
        parameters: Bytes::new(),
    };
    let event = IBmnFactory::SrcEscrowCreated {
        srcImmutables: immutables.into(),
        dstImmutablesComplement: (&complement).into(),
    };
    (factory().address, event.encode_log_data())
}

/// Our fill: the source escrow, the factory's word for it, the limit-order contract's.
fn fill() -> Vec<Spoken> {
    let interaction = IBmnFactory::PostInteractionEscrowCreated {
        escrow: our_source().escrow,
        hashlock: secret().hashlock().0,
        protocol: PROTOCOL,
        taker: US,
        amount: U256::from(1_000),
    };
    let filled =
        ILimitOrderProtocol::OrderFilled { orderHash: hash().0, remainingAmount: U256::ZERO };
    vec![
        created(&ours()),
        (factory().address, interaction.encode_log_data()),
        (PROTOCOL, filled.encode_log_data()),
    ]
}

fn destination_created() -> Spoken {
    let event = IBmnFactory::DstEscrowCreated {
        escrow: plan().escrow.unwrap(),
        hashlock: secret().hashlock().0,
        taker: US,
    };
    (factory().address, event.encode_log_data())
}

fn withdrawn(escrow: Address) -> Spoken {
    let secret = B256::from(*secret().expose());
    (escrow, IEscrow::EscrowWithdrawal { secret }.encode_log_data())
}

/// A store with our order, two chains, and every block they had.
struct World {
    store: Store,
    indexer: Indexer,
    blocks: [Vec<Block>; 2],
}

impl World {
    fn new() -> Self {
        let options = StoreOptions::backend(CrashBackend::new(), MasterKey::new([3; 32]));
        let store = Store::open(options).unwrap();
        let mut tx = store.write().unwrap();
        let (order, evidence) = (order(), Evidence::default());
        let state = OrderState {
            status: Status::Accepted,
            evidence,
            source: None,
            plan: Some(plan()),
            permission: None,
        };
        tx.put_order(&order).unwrap();
        tx.put_order_state(order.id, &state).unwrap();
        tx.commit().unwrap();
        let indexer = Indexer::new(store.clone(), Arc::new(rules()));
        Self { store, indexer, blocks: [Vec::new(), Vec::new()] }
    }

    /// The next block of a chain, each of `txs` a transaction.
    fn next(&self, side: usize, txs: Vec<Vec<Spoken>>) -> Block {
        let parent = self.blocks[side].last().map(|block| block.header.block_ref());
        let number = parent.map_or(1, |parent| parent.number + 1);
        let place = |number: u64| keccak256([number, side as u64].map(u64::to_be_bytes).concat());
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
            hash: place(number),
            parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
            timestamp: START + number,
            logs_bloom: Bloom::ZERO,
            receipts_root: B256::ZERO,
            base_fee: None,
        };
        Block { header, logs }
    }

    /// Applies the next block as one live event; answers the rows that were read for it.
    fn mine(&mut self, side: usize, txs: Vec<Vec<Spoken>>) -> u64 {
        let block = self.next(side, txs);
        let rows = self.apply(side, &block);
        self.blocks[side].push(block);
        rows
    }

    fn apply(&self, side: usize, block: &Block) -> u64 {
        let event = ChainEvent::Committed(Segment::new(vec![block.clone()]).unwrap());
        self.apply_event(side, &event)
    }

    fn apply_event(&self, side: usize, event: &ChainEvent) -> u64 {
        let before = rows_read();
        self.indexer.apply(CHAINS[side], event, None).unwrap();
        rows_read() - before
    }

    fn strangers(&mut self, range: std::ops::Range<u64>) {
        for first in range.clone().step_by(IN_A_BLOCK as usize) {
            let last = range.end.min(first + IN_A_BLOCK);
            self.mine(0, (first..last).map(|n| vec![created(&strangers(n))]).collect());
        }
    }

    /// Takes the newest block of a chain away and brings it back.
    fn reorg(&self, side: usize) -> u64 {
        let newest = self.blocks[side].last().unwrap();
        let reverted = vec![newest.header.block_ref()];
        let event = ChainEvent::Reverted { reverted };
        let away = self.apply_event(side, &event);
        away.max(self.apply(side, newest))
    }

    fn status(&self) -> Status {
        let read = self.store.read().unwrap();
        let state = read.order_state(order().id).unwrap().unwrap();
        if state.source.is_some() {
            assert_eq!(state.source, Some(our_source()), "nobody else's escrow is ours");
        }
        state.status
    }

    /// Every order and where it stands.
    fn statuses(&self) -> Vec<(Status, OrderId)> {
        let read = self.store.read().unwrap();
        let of = |status| read.orders_by_status(status, None, usize::MAX).unwrap();
        let all = Status::ALL.into_iter();
        all.flat_map(|status| of(status).into_iter().map(move |id| (status, id))).collect()
    }

    /// The same blocks in a store that looked at no order before it had them all.
    fn rebuilt(&self) -> Self {
        let rebuilt = Self::new();
        let now = || Duration::ZERO;
        for chain in CHAINS {
            rebuilt.indexer.begin_rebuild(chain, RebuildReason::Asked).unwrap();
            let mut pace = ClearingPace::new();
            while rebuilt.indexer.clear_some(chain, &mut pace, &now).unwrap() {}
        }
        for side in [0, 1] {
            for block in &self.blocks[side] {
                rebuilt.apply(side, block);
            }
        }
        for chain in CHAINS {
            let mut derivation = rebuilt.indexer.derivation(chain).unwrap();
            while rebuilt.indexer.derive_some(&mut derivation).unwrap() {}
        }
        rebuilt
    }
}

#[test]
fn repeating_our_order_hash_and_hashlock_makes_no_block_of_ours_cost_more() {
    let mut world = World::new();
    world.mine(1, vec![]);
    world.strangers(0..STRANGERS / 2);
    assert_eq!(world.status(), Status::Accepted, "none of them is our fill");

    let mut costs = vec![("our fill", world.mine(0, vec![fill()]))];
    assert_eq!(world.status(), Status::SourceLocked);
    world.strangers(STRANGERS / 2..STRANGERS);
    assert_eq!(world.status(), Status::SourceLocked);
    costs.push(("one more that names us", world.mine(0, vec![vec![created(&strangers(1 << 40))]])));
    costs.push(("one more", world.mine(0, vec![vec![created(&strangers((1 << 40) + 1))]])));
    costs.push(("our destination", world.mine(1, vec![vec![destination_created()]])));
    assert_eq!(world.status(), Status::BothLocked);
    costs.push(("the maker is paid", world.mine(1, vec![vec![withdrawn(plan().escrow.unwrap())]])));
    assert_eq!(world.status(), Status::DestinationPaid);
    let theirs = escrow_of(&strangers(1));
    costs.push(("a stranger shows the secret", world.mine(0, vec![vec![withdrawn(theirs)]])));
    costs.push(("the same in a reorg", world.reorg(0)));
    costs.push(("we are paid", world.mine(0, vec![vec![withdrawn(our_source().escrow)]])));
    assert_eq!(world.status(), Status::Completed);
    costs.push(("the same in a reorg", world.reorg(0)));
    assert_eq!(world.status(), Status::Completed);
    assert!(costs.iter().all(|(_, rows)| *rows <= FEW), "rows read: {costs:?}");

    // Whoever walks over what repeats them reads it all.
    let (read, before) = (world.store.read().unwrap(), rows_read());
    let crowd = read.source_legs_by_order_hash(CHAINS[0], hash(), usize::MAX).unwrap();
    assert_eq!(crowd.len() as u64, STRANGERS + 3);
    assert!(rows_read() - before > STRANGERS);
    drop(read);

    let rebuilt = world.rebuilt();
    assert_eq!(rebuilt.status(), Status::Completed);
    assert_eq!(rebuilt.statuses(), world.statuses());
    assert_eq!(world.statuses().len() as u64, STRANGERS / 4 + 2, "every fourth named us");
    let (found, expected) = (world.store.read().unwrap(), rebuilt.store.read().unwrap());
    for chain in CHAINS {
        assert_eq!(digest(&found, chain).unwrap(), digest(&expected, chain).unwrap());
    }
}

#[test]
fn a_fill_of_ours_is_found_by_all_that_binds_it() {
    let mut world = World::new();
    world.mine(0, vec![vec![created(&strangers(0))], fill()]);
    let of = |change: fn(&mut SourceBinding)| {
        let mut binding = SourceBinding {
            contract: PROTOCOL,
            factory: factory().address,
            order_hash: hash(),
            hashlock: secret().hashlock(),
            taker: US.into(),
        };
        change(&mut binding);
        let leg = world.store.read().unwrap().filled_source(CHAINS[0], binding).unwrap();
        leg.map(|leg| leg.swap)
    };
    assert_eq!(of(|_| ()), Some(our_source()));
    assert_eq!(of(|binding| binding.contract = STRANGER), None);
    assert_eq!(of(|binding| binding.factory = STRANGER), None);
    assert_eq!(of(|binding| binding.order_hash = OrderHash(B256::ZERO)), None);
    assert_eq!(of(|binding| binding.hashlock = Hashlock(B256::ZERO)), None);
    assert_eq!(of(|binding| binding.taker = STRANGER.into()), None);
}

#[test]
fn a_reorg_of_our_fill_is_seen_among_strangers() {
    let mut world = World::new();
    world.strangers(0..20);
    world.mine(0, vec![fill()]);
    assert_eq!(world.status(), Status::SourceLocked);
    let fill_block = world.blocks[0].pop().unwrap();
    let reverted = vec![fill_block.header.block_ref()];
    world.apply_event(0, &ChainEvent::Reverted { reverted });
    assert_eq!(world.status(), Status::Accepted);
    // The stranger's order that was reorged out with it comes back as the same order.
    let mut other = world.next(0, vec![vec![created(&strangers(20))], fill()]);
    other.header.hash = keccak256("another branch");
    world.apply(0, &other);
    assert_eq!(world.status(), Status::SourceLocked);
    world.apply_event(0, &ChainEvent::Reverted { reverted: vec![other.header.block_ref()] });
    let of_stranger = |world: &World| {
        let escrow = escrow_of(&strangers(20));
        let read = world.store.read().unwrap();
        let [id] = read.direct_orders(SwapId { chain: CHAINS[0], escrow }, 9).unwrap()[..] else {
            panic!("one order")
        };
        read.order_state(id).unwrap().unwrap().status
    };
    assert_eq!((world.status(), of_stranger(&world)), (Status::Accepted, Status::Refused));
    world.apply(0, &other);
    assert_eq!((world.status(), of_stranger(&world)), (Status::SourceLocked, Status::Refunding));
}
