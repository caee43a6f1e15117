//! An order as its maker signed it, in any dialect, and what becomes of it, to be bent by each test.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "a test fails by panicking; each file uses a part"
)]

use super::common::{A, B, FACTORY, FILLED, LOP, TOKEN, World, at, block, secret, whole};
use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::signers::local::PrivateKeySigner;
use bmn_contracts::{
    EscrowImplementations, Extension, ExtraData, LimitOrder, MakerTraits, OrderSignature,
    order_domain, sign_order, source_escrow,
};
use bmn_primitives::{AddressWord, Complement, Dialect, Hashlock, Immutables, SwapId, Timelocks};
use bmn_swap::{
    DestinationLeg, Draft, Fill, IntakeFacts, NamedTerms, Order, Refusal, SignedOrder, SourceLeg,
    SourceTerms, admit_submitted, intend_destination, read_submitted, stated_terms,
};

pub(crate) const TRUE: Address = Address::repeat_byte(0x77);
/// Our contracts on the two chains.
pub(crate) const CONTRACTS: [Address; 2] = [Address::repeat_byte(0xc1), Address::repeat_byte(0xc2)];
pub(crate) const OFFSETS: [u32; 7] = [10, 60, 900, 960, 20, 80, 600];
pub(crate) const DEPOSIT: u128 = 7;

/// An order as its maker signed it, and what we know when we judge it.
pub(crate) struct Offer {
    pub(crate) dialect: Dialect,
    pub(crate) words: LimitOrder,
    pub(crate) extra: ExtraData,
    pub(crate) header: Vec<u8>,
    pub(crate) facts: IntakeFacts,
    pub(crate) world: World,
    /// Hashes of the secrets of an order in parts.
    pub(crate) secret_hashes: Vec<Hashlock>,
    /// In the place of the maker's own signature.
    pub(crate) signature: Option<OrderSignature>,
}

pub(crate) fn listed(taker: Address, delay: u16) -> Vec<u8> {
    [&taker[10..], &delay.to_be_bytes()].concat()
}

pub(crate) fn header(dialect: Dialect, allowed: u32, entries: &[Vec<u8>]) -> Vec<u8> {
    let (count, time) = (entries.len() as u8, allowed.to_be_bytes());
    match dialect {
        Dialect::OneInch1 => [&time[..], &entries.concat(), &[count << 3]].concat(),
        Dialect::OneInch2 => [&[0; 46][..], &time, &[count], &entries.concat()].concat(),
        _ => vec![],
    }
}

/// A sound order of a dialect, and everything in its favour.
pub(crate) fn offer(dialect: Dialect) -> Offer {
    let mut world = World::locked();
    for (route, contract) in world.routes.iter_mut().zip(CONTRACTS) {
        route.true_tokens = vec![TRUE];
        route.resolver = Some(contract);
        route.factories[0].dialect = dialect;
        route.factories[0].implementations = EscrowImplementations::for_factory(dialect, FACTORY);
    }
    let offsets = !dialect.has_absolute_times();
    let timelocks = if offsets {
        Timelocks::pack(0, OFFSETS).0
    } else {
        ExtraData::pack_bmn_times(FILLED + 600, FILLED + 60)
    };
    Offer {
        dialect,
        words: LimitOrder {
            salt: U256::ZERO,
            maker: signer().address().into(),
            receiver: AddressWord::ZERO,
            maker_asset: TOKEN.into(),
            taker_asset: TRUE.into(),
            making_amount: whole(1_000),
            taking_amount: whole(990),
            maker_traits: MakerTraits::cross_chain(),
        },
        extra: ExtraData {
            hashlock: secret().hashlock(),
            dst_chain_id: U256::from(B.0),
            dst_token: TOKEN.into(),
            deposits: ExtraData::pack_deposits(dialect, if offsets { DEPOSIT } else { 0 }, 5),
            timelocks,
        },
        header: header(dialect, 0, &[listed(CONTRACTS[0], 0)]),
        facts: IntakeFacts {
            source_head: block(9, FILLED - 2),
            contract_signature: None,
            maker_balance: whole(1_000),
            maker_allowance: whole(1_000),
            maker_claims: Default::default(),
            raw_remaining: U256::ZERO,
            nonce_used: false,
            free_token: whole(990),
            free_native: U256::from(5),
            free_source_native: U256::from(DEPOSIT),
            gas_price: (0, 0),
            open_orders: 0,
            hashlock_used: false,
            order_known: false,
            market: Default::default(),
        },
        world,
        secret_hashes: vec![],
        signature: None,
    }
}

pub(crate) fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(5)).unwrap()
}

impl Offer {
    pub(crate) fn signed(&self) -> SignedOrder {
        let tail = [&self.header[..], &self.extra.encode()[..]].concat();
        let extension = Extension::post_interaction_only(FACTORY, &tail);
        let salt = LimitOrder::salt_for(&extension, U256::from(7) << 200);
        let order = LimitOrder { salt, ..self.words.clone() };
        let domain = order_domain(self.dialect, A, LOP);
        let own = || sign_order(&signer(), order.hash(&domain)).unwrap();
        let signature = self.signature.clone().unwrap_or_else(own);
        SignedOrder { order, extension, signature, secret_hashes: self.secret_hashes.clone() }
    }

    pub(crate) fn draft(&self) -> Result<Draft, Refusal> {
        read_submitted(&self.signed(), A, block(9, FILLED - 2), &self.world.terms())
    }

    pub(crate) fn reasons(&self) -> Vec<Refusal> {
        match self.draft() {
            Err(unreadable) => vec![unreadable],
            Ok(draft) => admit_submitted(&draft, &self.facts, &self.world.terms()),
        }
    }

    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.reasons().iter().map(Refusal::code).collect()
    }

    pub(crate) fn order(&self) -> Order {
        self.draft().unwrap().order().clone()
    }

    /// The source escrow that our fill in a block of time [`FILLED`] made.
    pub(crate) fn filled(&self) -> SourceLeg {
        let signed = self.signed();
        let order = self.order();
        let immutables = Immutables {
            order_hash: order.id.hash,
            hashlock: order.hashlock,
            maker: signed.order.maker,
            taker: CONTRACTS[0].into(),
            token: TOKEN.into(),
            amount: signed.order.making_amount,
            safety_deposit: self.extra.src_deposit(self.dialect),
            timelocks: self.extra.source_timelocks(self.dialect, FILLED).unwrap(),
            parameters: Bytes::new(),
        };
        let parameters = if self.dialect == Dialect::OneInch2 {
            let word = |n: u64| U256::from(n).to_be_bytes::<32>();
            [word(3), word(4), word(0xaa), word(0xbb)].concat().into()
        } else {
            Bytes::new()
        };
        let complement = Complement {
            maker: order.beneficiary.into(),
            amount: whole(990),
            token: TOKEN.into(),
            safety_deposit: U256::from(5),
            chain_id: U256::from(B.0),
            parameters,
        };
        let implementations = EscrowImplementations::for_factory(self.dialect, FACTORY);
        let escrow = source_escrow(self.dialect, FACTORY, &implementations, &immutables);
        let terms = if self.dialect.states_immutables() {
            SourceTerms::Stated { immutables, complement }
        } else {
            SourceTerms::Named(NamedTerms {
                order_hash: Some(order.id.hash),
                hashlock: Some(order.hashlock),
                maker: None,
                taker: Some(CONTRACTS[0].into()),
                amount: Some(signed.order.making_amount),
            })
        };
        SourceLeg {
            swap: SwapId { chain: A, escrow },
            factory: FACTORY,
            dialect: self.dialect,
            terms,
            created: at(10, FILLED),
            fill: Some(Fill { contract: LOP, remaining: U256::ZERO }),
            end: None,
        }
    }

    /// The world after the fill, with what is only named filled in.
    pub(crate) fn locked(&self) -> World {
        let mut world = offer(self.dialect).world;
        world.order = self.order();
        let mut leg = self.filled();
        if let Some(terms) = stated_terms(&world.order, &leg, &world.routes[0].factories[0]) {
            leg.terms = terms;
        }
        world.source = Some(leg);
        world.set_time(13, 103, FILLED + 6);
        world
    }
}

pub(crate) const TAKEN_BY_CONTRACT: [Dialect; 3] =
    [Dialect::Bmn302, Dialect::OneInch1, Dialect::OneInch2];

/// The destination that our plan made in a block of this time.
pub(crate) fn created(world: &World, time: u64) -> DestinationLeg {
    let source = world.source.as_ref().unwrap();
    let plan = intend_destination(&world.order, source, &world.terms(), FILLED + 6).unwrap();
    let mut immutables = plan.immutables;
    immutables.timelocks = immutables.timelocks.with_deployed_at(time);
    let dialect = world.order.dialect;
    let implementations = EscrowImplementations::for_factory(dialect, FACTORY);
    let escrow = bmn_contracts::destination_escrow(dialect, FACTORY, &implementations, &immutables);
    DestinationLeg {
        chain: B,
        escrow,
        factory: FACTORY,
        dialect,
        hashlock: secret().hashlock(),
        taker: CONTRACTS[1],
        created: at(104, time),
        end: None,
    }
}
