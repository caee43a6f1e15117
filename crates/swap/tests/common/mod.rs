//! One order, its legs and two chains, to be bent by each test.
#![allow(dead_code)]

use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::{EscrowImplementations, bmn_factory_timelocks, source_escrow};
use bmn_primitives::{
    BlockRef, ChainId, Complement, Dialect, Immutables, OrderHash, Secret, SwapId,
};
use bmn_swap::{
    Action, ChainView, Decision, DestinationLeg, DestinationPlan, EscrowEnd, Evidence,
    FactoryTerms, Inclusion, Order, Pace, Plan, Policy, Price, Route, SourceLeg, SourceTerms,
    SwapView, Terms, TokenTerms, When, intend_destination, plan,
};

pub(crate) const US: Address = Address::repeat_byte(0xb0);
pub(crate) const MAKER: Address = Address::repeat_byte(0xa1);
pub(crate) const TOKEN: Address = Address::repeat_byte(0x70);
pub(crate) const FACTORY: Address = Address::repeat_byte(0xfa);
pub(crate) const LOP: Address = Address::repeat_byte(0x10);
pub(crate) const A: ChainId = ChainId(1337);
pub(crate) const B: ChainId = ChainId(1338);
pub(crate) const FILLED: u64 = 1_000_000;
pub(crate) const SRC_CANCELLATION: u64 = FILLED + 600;
pub(crate) const DST_WITHDRAWAL: u64 = FILLED + 60;
pub(crate) const PACE: Pace = Pace { block_time: 2, inclusion: 6, confirmations: 3, skew: 2 };

pub(crate) fn secret() -> Secret {
    Secret::new([7; 32])
}

/// Whole tokens of 18 decimals.
pub(crate) fn whole(tokens: u64) -> U256 {
    U256::from(tokens) * U256::from(10).pow(U256::from(18))
}

pub(crate) fn block(number: u64, time: u64) -> BlockRef {
    BlockRef { number, hash: B256::with_last_byte(number as u8), time }
}

pub(crate) fn at(number: u64, time: u64) -> Inclusion {
    Inclusion { block: block(number, time), tx_hash: B256::ZERO, log_index: 0 }
}

fn route(chain: ChainId) -> Route {
    let token = |address| TokenTerms { address, decimals: 18, price: Price(1_000_000) };
    Route {
        chain,
        pace: PACE,
        tokens: vec![token(TOKEN), token(Address::ZERO)],
        true_tokens: vec![],
        factories: vec![FactoryTerms {
            address: FACTORY,
            dialect: Dialect::Bmn4,
            limit_order_protocol: LOP,
            implementations: EscrowImplementations::for_factory(Dialect::Bmn4, FACTORY),
            rescue_delay: 604_800,
            index_only: false,
        }],
        min_order_value: 0,
        resolver: None,
        limits: Default::default(),
    }
}

/// The world of one order. Heads start right after the fill.
pub(crate) struct World {
    pub(crate) routes: Vec<Route>,
    pub(crate) policy: Policy,
    pub(crate) order: Order,
    pub(crate) source: Option<SourceLeg>,
    pub(crate) destination: Option<DestinationLeg>,
    pub(crate) intended: Option<DestinationPlan>,
    pub(crate) evidence: Evidence,
    pub(crate) a: ChainView,
    pub(crate) b: ChainView,
}

pub(crate) fn view(number: u64, time: u64) -> ChainView {
    ChainView { head: block(number, time), next_time: time + PACE.block_time }
}

impl World {
    /// A direct source escrow that names us, mined in block 10 of chain A.
    pub(crate) fn locked() -> Self {
        let timelocks = bmn_factory_timelocks(FILLED, SRC_CANCELLATION, DST_WITHDRAWAL).unwrap();
        let hash = OrderHash(B256::repeat_byte(0x0d));
        let immutables = Immutables {
            order_hash: hash,
            hashlock: secret().hashlock(),
            maker: MAKER.into(),
            taker: US.into(),
            token: TOKEN.into(),
            amount: whole(1_000),
            safety_deposit: U256::ZERO,
            timelocks,
            parameters: Bytes::new(),
        };
        let complement = Complement {
            maker: MAKER.into(),
            amount: whole(990),
            token: TOKEN.into(),
            safety_deposit: U256::from(5),
            chain_id: U256::from(B.0),
            parameters: Bytes::new(),
        };
        let implementations = EscrowImplementations::for_factory(Dialect::Bmn4, FACTORY);
        let escrow = source_escrow(Dialect::Bmn4, FACTORY, &implementations, &immutables);
        let leg = SourceLeg {
            swap: SwapId { chain: A, escrow },
            factory: FACTORY,
            dialect: Dialect::Bmn4,
            terms: SourceTerms::Stated { immutables, complement },
            created: at(10, FILLED),
            fill: None,
            end: None,
        };
        Self {
            routes: vec![route(A), route(B)],
            policy: Policy {
                min_profit_bps: 0,
                max_order_value: u128::MAX,
                maker_reaction: 30,
                max_window: 86_400,
                allow_direct_source: true,
                max_open_orders: 10,
                cancel_refused_gas: 100_000,
                limits: Default::default(),
            },
            order: bmn_swap::read_direct(&leg),
            source: Some(leg),
            destination: None,
            intended: None,
            evidence: Evidence::default(),
            a: view(10, FILLED),
            b: view(100, FILLED),
        }
    }

    /// The same with our destination mined in block 103 of chain B.
    pub(crate) fn funded() -> Self {
        let mut world = Self::locked();
        world.set_time(13, 103, FILLED + 6);
        let source = world.source.clone().unwrap();
        let plan = intend_destination(&world.order, &source, &world.terms(), FILLED + 6).unwrap();
        world.destination = Some(DestinationLeg {
            chain: B,
            escrow: plan.escrow.unwrap(),
            factory: FACTORY,
            dialect: Dialect::Bmn4,
            hashlock: secret().hashlock(),
            taker: US,
            created: at(103, FILLED + 6),
            end: None,
        });
        world.intended = Some(plan);
        world
    }

    /// Both chains at `time`, with these heads.
    pub(crate) fn set_time(&mut self, a: u64, b: u64, time: u64) {
        self.a = view(a, time);
        self.b = view(b, time);
    }

    pub(crate) fn end_source(&mut self, end: EscrowEnd, at: Inclusion) {
        self.source.as_mut().unwrap().end = Some((end, at));
    }

    pub(crate) fn end_destination(&mut self, end: EscrowEnd, at: Inclusion) {
        self.destination.as_mut().unwrap().end = Some((end, at));
    }

    pub(crate) fn terms(&self) -> Terms<'_> {
        Terms { us: US, routes: &self.routes, policy: &self.policy }
    }

    pub(crate) fn plan(&self) -> Plan {
        let view = SwapView {
            order: &self.order,
            source: self.source.as_ref(),
            destination: self.destination.as_ref(),
            intended: self.intended.as_ref(),
            permission: None,
            evidence: self.evidence,
            source_chain: self.a,
            destination_chain: Some(self.b),
        };
        plan(&view, &self.terms())
    }

    pub(crate) fn when(&self, action: Action) -> Option<When> {
        self.plan().due.into_iter().find(|due| due.key.action == action).map(|due| due.when)
    }

    pub(crate) fn is_now(&self, action: Action) -> bool {
        self.when(action) == Some(When::Now)
    }

    pub(crate) fn dst_cancellation(&self) -> u64 {
        self.intended.as_ref().unwrap().dst_cancellation().unwrap()
    }
}

/// What a leg is bound to, to be changed.
pub(crate) fn imm(leg: &mut SourceLeg) -> &mut Immutables {
    let SourceTerms::Stated { immutables, .. } = &mut leg.terms else { panic!("only named") };
    immutables
}

/// What a leg says of its destination, to be changed.
pub(crate) fn com(leg: &mut SourceLeg) -> &mut Complement {
    let SourceTerms::Stated { complement, .. } = &mut leg.terms else { panic!("only named") };
    complement
}

pub(crate) fn withdrawn() -> EscrowEnd {
    EscrowEnd::Withdrawn { secret: B256::from(*secret().expose()) }
}

pub(crate) fn refused(order: &mut Order, reason: bmn_swap::Refusal) {
    order.decision = Decision::Refused(vec![reason]);
}
