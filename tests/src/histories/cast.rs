//! Who and what a history is about: addresses, secrets, orders, and the words contracts speak.

use alloy::{
    primitives::{Address, B256, Bytes, LogData, U256, keccak256},
    sol_types::SolEvent,
};
use bmn_contracts::{
    EscrowImplementations, LimitOrder, MakerTraits, OrderSignature,
    bindings::{
        IBmnFactory, IBmnFactory11, IBmnFactory23, IErc20, IEscrow, ILimitOrderProtocol,
        IOneInchFactory, IOneInchFactory1,
    },
    destination_escrow, source_escrow,
};
use bmn_primitives::{
    AddressWord, ChainId, Complement, Dialect, Hashlock, Immutables, OrderHash, OrderId, Secret,
    SwapId, Timelocks,
};
use bmn_queue::Rules;
use bmn_store::OrderState;
use bmn_swap::{
    Decision, DestinationPlan, Evidence, FactoryTerms, Order, OrderTimes, Origin, Pace, Policy,
    Price, Route, SignedOrder, Status, TokenTerms,
};
use std::sync::LazyLock;

/// Neighbours, so that a range that runs over its end is noticed.
pub(super) const CHAINS: [ChainId; 2] = [ChainId(10), ChainId(11)];
pub(super) const GENESIS_TIME: u64 = 1_700_000_000;
pub(super) const OURS: u8 = 3;
pub(super) const STRANGER: Address = Address::repeat_byte(0xbd);
pub(super) const TOKEN: Address = Address::repeat_byte(0x70);
pub(super) const OTHER_TOKEN: Address = Address::repeat_byte(0x71);
const US: Address = Address::repeat_byte(0x05);
const MAKER: Address = Address::repeat_byte(0x0a);

const fn place(base: u8, chain: usize) -> Address {
    Address::repeat_byte(if chain == 0 { base } else { base + 1 })
}

/// The dialects of the factories of a chain. Our orders are at the first.
pub(super) const DIALECTS: [Dialect; 7] = [
    Dialect::Bmn4,
    Dialect::OneInch2,
    Dialect::Bmn1,
    Dialect::Bmn11,
    Dialect::Bmn23,
    Dialect::Bmn302,
    Dialect::OneInch1,
];

/// A factory and its limit-order contract: one for each dialect.
pub(super) fn factory(chain: usize, which: u8) -> FactoryTerms {
    static ALL: LazyLock<[[FactoryTerms; 7]; 2]> = LazyLock::new(|| {
        [0, 1].map(|chain| [0, 1, 2, 3, 4, 5, 6].map(|which: u8| derive(chain, which)))
    });
    ALL[chain][usize::from(which) % DIALECTS.len()]
}

fn derive(chain: usize, which: u8) -> FactoryTerms {
    let dialect = DIALECTS[usize::from(which)];
    let limit_order = if which == 0 { 0xb0 } else { 0xc0 };
    let address = place(0xe0 + 2 * which, chain);
    FactoryTerms {
        address,
        dialect,
        limit_order_protocol: place(limit_order, chain),
        implementations: EscrowImplementations::for_factory(dialect, address),
        rescue_delay: 600,
        index_only: false,
    }
}

pub(super) fn rules() -> Rules {
    let token = |address| TokenTerms { address, decimals: 18, price: Price(1_000_000) };
    let route = |chain: usize| Route {
        chain: CHAINS[chain],
        pace: Pace { block_time: 2, inclusion: 4, confirmations: 2, skew: 2 },
        tokens: [TOKEN, OTHER_TOKEN, Address::ZERO].map(token).to_vec(),
        true_tokens: vec![],
        factories: (0..DIALECTS.len() as u8).map(|which| factory(chain, which)).collect(),
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
    Rules { us: US, routes: vec![route(0), route(1)], policy }
}

pub(super) fn secret(slot: u8) -> Secret {
    Secret::new(keccak256([b"secret".as_slice(), &[slot]].concat()).0)
}

/// What is hashed again and again, hashed once: one more than there are slots.
struct Hashes {
    locks: [Hashlock; 6],
    orders: [OrderHash; 6],
    plans: [DestinationPlan; 6],
}

static HASHES: LazyLock<Hashes> = LazyLock::new(|| {
    let slots = [0, 1, 2, 3, 4, 5];
    let locks = slots.map(|slot| secret(slot).hashlock());
    let orders = slots.map(|slot| OrderHash(keccak256([b"order".as_slice(), &[slot]].concat())));
    let plans =
        slots.map(|slot: u8| plan(slot, orders[usize::from(slot)], locks[usize::from(slot)]));
    Hashes { locks, orders, plans }
});

pub(super) fn hashlock(slot: u8) -> Hashlock {
    HASHES.locks[usize::from(slot)]
}

pub(super) fn order_hash(slot: u8) -> OrderHash {
    HASHES.orders[usize::from(slot)]
}

/// The escrow we mean to answer an order with, on the chain where it does not start.
pub(super) fn plan_of(slot: u8) -> &'static DestinationPlan {
    &HASHES.plans[usize::from(slot)]
}

/// Orders start on chain 0 and on chain 1 by turns.
pub(super) const fn source_side(slot: u8) -> usize {
    (slot % 2) as usize
}

fn timelocks(deployed_at: u64) -> Timelocks {
    Timelocks::pack(deployed_at as u32, [0, 60, 4_000, 4_060, 30, 90, 3_000])
}

/// What a source escrow is bound to. `time` is that of its block, or a fixed one for direct escrows.
pub(super) fn immutables(order: u8, lock: u8, salt: u8, ours: bool, time: u64) -> Immutables {
    bound((order_hash(order), hashlock(lock)), salt, ours, time)
}

fn bound(of: (OrderHash, Hashlock), salt: u8, ours: bool, time: u64) -> Immutables {
    Immutables {
        order_hash: of.0,
        hashlock: of.1,
        maker: MAKER.into(),
        taker: if ours { US } else { STRANGER }.into(),
        token: TOKEN.into(),
        amount: U256::from(1_000 + u64::from(salt)),
        safety_deposit: U256::ZERO,
        timelocks: timelocks(time),
        parameters: Bytes::new(),
    }
}

pub(super) fn escrow_of(factory: &FactoryTerms, immutables: &Immutables) -> Address {
    source_escrow(factory.dialect, factory.address, &factory.implementations, immutables)
}

fn complement(chain: usize) -> Complement {
    Complement {
        maker: MAKER.into(),
        amount: U256::from(900),
        token: TOKEN.into(),
        safety_deposit: U256::from(1),
        chain_id: U256::from(CHAINS[1 - chain].0),
        parameters: Bytes::new(),
    }
}

fn plan(slot: u8, hash: OrderHash, lock: Hashlock) -> DestinationPlan {
    let chain = 1 - source_side(slot);
    let factory = factory(chain, 0);
    let immutables = bound((hash, lock), 0, true, GENESIS_TIME);
    let escrow =
        destination_escrow(factory.dialect, factory.address, &factory.implementations, &immutables);
    let source = SwapId { chain: CHAINS[1 - chain], escrow: Address::repeat_byte(slot) };
    DestinationPlan {
        chain: CHAINS[chain],
        factory: factory.address,
        source,
        immutables,
        escrow: Some(escrow),
    }
}

/// Where a destination escrow is: ours where it was planned, or some stranger's.
pub(super) fn destination(chain: usize, lock: u8, salt: u8) -> Address {
    if salt == 0 && lock < OURS && source_side(lock) != chain {
        return plan_of(lock).escrow.unwrap_or_default();
    }
    let seed = [b"destination".as_slice(), &[lock, salt, u8::from(chain == 1)]].concat();
    Address::from_word(keccak256(seed))
}

/// Our orders as they stand before anything happened. The second has little time to be filled.
pub(super) fn orders() -> Vec<(Order, OrderState)> {
    (0..OURS).map(|slot| (order(slot), state(slot))).collect()
}

fn order(slot: u8) -> Order {
    let chain = source_side(slot);
    let factory = factory(chain, 0);
    let until = if slot == 1 { 150 } else { 3_000 };
    let signed = SignedOrder {
        order: LimitOrder {
            salt: U256::from(slot),
            maker: MAKER.into(),
            receiver: AddressWord::from(MAKER),
            maker_asset: TOKEN.into(),
            taker_asset: OTHER_TOKEN.into(),
            making_amount: U256::from(1_000),
            taking_amount: U256::from(900),
            maker_traits: MakerTraits::default(),
        },
        extension: Bytes::new(),
        signature: OrderSignature::Contract(Bytes::new()),
        secret_hashes: Vec::new(),
    };
    Order {
        id: OrderId {
            chain: CHAINS[chain],
            contract: factory.limit_order_protocol,
            hash: order_hash(slot),
            leaf: 0,
        },
        origin: Origin::Submitted(Box::new(signed)),
        dialect: factory.dialect,
        factory: factory.address,
        hashlock: hashlock(slot),
        maker: MAKER,
        beneficiary: MAKER,
        source_token: TOKEN,
        source_amount: U256::from(1_000),
        destination_chain: CHAINS[1 - chain],
        destination_token: TOKEN,
        destination_amount: U256::from(900),
        destination_deposit: U256::from(1),
        source_deposit: U256::ZERO,
        times: OrderTimes::Absolute {
            src_cancellation: GENESIS_TIME + until + 100,
            dst_withdrawal: GENESIS_TIME + until - 100,
        },
        seen_at: bmn_primitives::BlockRef::default(),
        decision: Decision::Accepted,
    }
}

fn state(slot: u8) -> OrderState {
    OrderState {
        status: Status::Accepted,
        evidence: Evidence::default(),
        source: None,
        plan: Some(plan_of(slot).clone()),
        permission: None,
    }
}

/// A log before it has a place.
pub(super) type Spoken = (Address, LogData);

/// What a factory says of a source escrow of its own.
pub(super) fn source_created(
    chain: usize,
    factory: &FactoryTerms,
    immutables: &Immutables,
) -> Spoken {
    let escrow = escrow_of(factory, immutables);
    let complement = complement(chain);
    let data = match factory.dialect {
        Dialect::Bmn4 | Dialect::OneInch2 => IBmnFactory::SrcEscrowCreated {
            srcImmutables: immutables.into(),
            dstImmutablesComplement: (&complement).into(),
        }
        .encode_log_data(),
        Dialect::Bmn1 | Dialect::OneInch1 => IOneInchFactory1::SrcEscrowCreated {
            srcImmutables: immutables.into(),
            dstImmutablesComplement: (&complement).into(),
        }
        .encode_log_data(),
        Dialect::Bmn11 => IBmnFactory11::SrcEscrowCreated {
            escrow,
            srcImmutables: immutables.into(),
            dstImmutablesComplement: (&complement).into(),
        }
        .encode_log_data(),
        Dialect::Bmn23 | Dialect::Bmn302 => IBmnFactory23::SrcEscrowCreated {
            escrow,
            orderHash: immutables.order_hash.0,
            maker: immutables.maker.masked(),
            taker: immutables.taker.masked(),
            amount: immutables.amount,
        }
        .encode_log_data(),
    };
    (factory.address, data)
}

pub(super) fn post_interaction(
    factory: &FactoryTerms,
    escrow: Address,
    lock: Hashlock,
    protocol: Address,
) -> Spoken {
    let event = IBmnFactory::PostInteractionEscrowCreated {
        escrow,
        hashlock: lock.0,
        protocol,
        taker: US,
        amount: U256::from(1_000),
    };
    (factory.address, event.encode_log_data())
}

pub(super) fn destination_created(factory: &FactoryTerms, escrow: Address, lock: u8) -> Spoken {
    let hashlock = hashlock(lock).0;
    let taker = AddressWord::from(US).0;
    let data = match factory.dialect {
        Dialect::Bmn1 | Dialect::OneInch1 | Dialect::OneInch2 => {
            IOneInchFactory::DstEscrowCreated { escrow, hashlock, taker }.encode_log_data()
        }
        Dialect::Bmn11 => {
            IBmnFactory11::DstEscrowCreated { escrow, hashlock, taker }.encode_log_data()
        }
        Dialect::Bmn23 | Dialect::Bmn302 | Dialect::Bmn4 => {
            IBmnFactory::DstEscrowCreated { escrow, hashlock, taker: US }.encode_log_data()
        }
    };
    (factory.address, data)
}

pub(super) fn order_event(contract: Address, order: u8, what: u8) -> Spoken {
    let hash = order_hash(order).0;
    let data = match what % 3 {
        0 => filled(hash),
        1 => ILimitOrderProtocol::OrderCancelled { orderHash: hash }.encode_log_data(),
        _ => ILimitOrderProtocol::BitInvalidatorUpdated {
            maker: MAKER,
            slotIndex: U256::ZERO,
            slotValue: U256::from(order),
        }
        .encode_log_data(),
    };
    (contract, data)
}

fn filled(hash: B256) -> LogData {
    ILimitOrderProtocol::OrderFilled { orderHash: hash, remainingAmount: U256::ZERO }
        .encode_log_data()
}

pub(super) fn withdrawn(escrow: Address, secret: B256) -> Spoken {
    (escrow, IEscrow::EscrowWithdrawal { secret }.encode_log_data())
}

pub(super) fn cancelled(escrow: Address) -> Spoken {
    (escrow, IEscrow::EscrowCancelled {}.encode_log_data())
}

pub(super) fn rescued(escrow: Address, token: Address) -> Spoken {
    (escrow, IEscrow::FundsRescued { token, amount: U256::from(7) }.encode_log_data())
}

pub(super) fn transfer() -> Spoken {
    let event = IErc20::Transfer { from: MAKER, to: US, value: U256::from(5) };
    (TOKEN, event.encode_log_data())
}
