//! One order between two chains and everything it is priced with, to be bent by each test.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "a test fails by panicking; each file uses a part"
)]

use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::{EscrowImplementations, LimitOrder, MakerTraits, OrderSignature};
use bmn_primitives::{AddressWord, BlockRef, ChainId, Dialect, OrderHash, OrderId, Secret};
use bmn_swap::{
    Assessment, Circumstances, Decision, FactoryTerms, Market, Order, OrderTimes, Origin, Pace,
    Policy, Price, Refusal, Route, SignedOrder, Terms, TokenTerms, assess, worth,
};

pub(crate) const US: Address = Address::repeat_byte(0xb0);
pub(crate) const MAKER: Address = Address::repeat_byte(0xa1);
pub(crate) const TOKEN: Address = Address::repeat_byte(0x70);
pub(crate) const FACTORY: Address = Address::repeat_byte(0xfa);
pub(crate) const COIN: Address = Address::ZERO;
pub(crate) const A: ChainId = ChainId(1337);
pub(crate) const B: ChainId = ChainId(1338);
pub(crate) const NOW: u64 = 1_000_000;

/// Whole tokens of 18 decimals.
pub(crate) fn whole(tokens: u64) -> U256 {
    U256::from(tokens) * U256::from(10).pow(U256::from(18))
}

/// Millionths of the reference currency.
pub(crate) const fn micros(units: u128) -> u128 {
    units * 1_000_000
}

pub(crate) struct Desk {
    pub(crate) order: Order,
    pub(crate) routes: Vec<Route>,
    pub(crate) policy: Policy,
    pub(crate) market: Market,
    pub(crate) gas_price: (u128, u128),
    pub(crate) open: u64,
}

impl Desk {
    /// 1 000 tokens for 990, each worth 1; the coins are worth 2 000.
    pub(crate) fn new() -> Self {
        Self::speaking(Dialect::Bmn4)
    }

    pub(crate) fn speaking(dialect: Dialect) -> Self {
        Self {
            order: order(dialect),
            routes: vec![route(A, dialect), route(B, dialect)],
            policy: Policy {
                min_profit_bps: 10,
                max_order_value: micros(10_000),
                maker_reaction: 30,
                max_window: 86_400,
                allow_direct_source: true,
                max_open_orders: 10,
                cancel_refused_gas: 100_000,
                limits: Default::default(),
            },
            market: Market::default(),
            gas_price: (1_000_000_000, 1_000_000_000),
            open: 0,
        }
    }

    pub(crate) fn terms(&self) -> Terms<'_> {
        Terms { us: US, routes: &self.routes, policy: &self.policy }
    }

    pub(crate) fn reasons(&self) -> Vec<Refusal> {
        worth(&self.order, &self.market, self.gas_price, self.open, NOW, &self.terms())
    }

    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.reasons().iter().map(Refusal::code).collect()
    }

    pub(crate) fn assessment(&self) -> Assessment {
        let seen = Circumstances {
            at: BlockRef { number: 10, hash: B256::ZERO, time: NOW },
            gas_price: self.gas_price,
            open_orders: self.open,
            market: &self.market,
            source: None,
        };
        assess(&self.order, &self.reasons(), &seen, &self.terms())
    }
}

fn order(dialect: Dialect) -> Order {
    let signed = SignedOrder {
        order: LimitOrder {
            salt: U256::ZERO,
            maker: MAKER.into(),
            receiver: AddressWord::ZERO,
            maker_asset: TOKEN.into(),
            taker_asset: TOKEN.into(),
            making_amount: whole(1_000),
            taking_amount: whole(990),
            maker_traits: MakerTraits::cross_chain(),
        },
        extension: Bytes::new(),
        signature: OrderSignature::Compact { r: B256::ZERO, vs: B256::ZERO },
        secret_hashes: vec![],
    };
    Order {
        id: OrderId {
            chain: A,
            contract: FACTORY,
            hash: OrderHash(B256::repeat_byte(0x80)),
            leaf: 0,
        },
        origin: Origin::Submitted(Box::new(signed)),
        dialect,
        factory: FACTORY,
        hashlock: Secret::new([7; 32]).hashlock(),
        maker: MAKER,
        beneficiary: MAKER,
        source_token: TOKEN,
        source_amount: whole(1_000),
        destination_chain: B,
        destination_token: TOKEN,
        destination_amount: whole(990),
        destination_deposit: U256::ZERO,
        source_deposit: U256::ZERO,
        times: OrderTimes::Absolute { src_cancellation: NOW + 600, dst_withdrawal: NOW + 60 },
        seen_at: BlockRef { number: 10, hash: B256::ZERO, time: NOW },
        decision: Decision::Accepted,
    }
}

fn route(chain: ChainId, dialect: Dialect) -> Route {
    let token = |address, price| TokenTerms { address, decimals: 18, price: Price(price) };
    Route {
        chain,
        pace: Pace { block_time: 2, inclusion: 6, confirmations: 3, skew: 2 },
        tokens: vec![token(TOKEN, 1_000_000), token(COIN, 2_000_000_000)],
        true_tokens: vec![],
        resolver: Some(Address::repeat_byte(0xc0)),
        factories: vec![FactoryTerms {
            address: FACTORY,
            dialect,
            limit_order_protocol: Address::repeat_byte(0x10),
            implementations: EscrowImplementations::for_factory(dialect, FACTORY),
            rescue_delay: 604_800,
            index_only: false,
        }],
        min_order_value: 0,
        limits: Default::default(),
    }
}
