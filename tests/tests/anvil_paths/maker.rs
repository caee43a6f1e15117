//! A maker: he signs an order, looks at both legs, and gives his secrets away when it suits him.

use crate::{
    anvil::{read, send},
    world::World,
};
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    signers::local::PrivateKeySigner,
};
use bmn_contracts::{
    Admission, DestinationFees, Extension, ExtraData, FeeTerms, FillFee, FillTerms, LimitOrder,
    MakerTraits, OrderSignature, SecretTree, WhitelistEntry, calldata, order_domain, sign_order,
};
use bmn_primitives::{
    AddressWord, Dialect, Hashlock, Immutables, OrderHash, OrderId, Secret, Stage, Timelocks,
};
use bmn_rpc_api::{
    OrderFile, OrderSubmission, OrderWords, Swap, SwapStatus, WireImmutables, WireSignature,
    WithdrawPermission,
};
use bmn_sim::accounts::{INTEGRATOR, PROTOCOL, maker_signer};
use serde_json::json;

/// Safety deposit of either escrow, wei; the sources of BMN have none.
pub(crate) const DEPOSIT: u64 = 1_000_000_000_000_000;
const OFFSETS: [u32; 7] = [0, 60, 480, 540, 20, 40, 240];
/// The two times of a BMN order, seconds from now: source cancellation, destination withdrawal.
const TIMES: (u64, u64) = (480, 120);
const SEED: u64 = 4;

/// What a maker wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) dialect: Dialect,
    /// Symbol on chain A and on chain B.
    pub(crate) symbols: [&'static str; 2],
    pub(crate) making: U256,
    pub(crate) taking: U256,
    /// In how many parts it may be filled; 1: at once.
    pub(crate) parts: u8,
    /// Whom a 1inch order lets fill it; none: our contract.
    pub(crate) filler: Option<Address>,
    /// Offsets of a 1inch order, seconds after either escrow's creation.
    pub(crate) offsets: [u32; 7],
}

impl Wish {
    /// 1000 TKA, worth 2000 dollars, for a little less.
    pub(crate) fn plain(dialect: Dialect) -> Self {
        let making = U256::from(1_000) * U256::from(10).pow(U256::from(18));
        let taking = U256::from(1_920_000_000);
        let symbols = ["TKA", "USDX"];
        Self { dialect, symbols, making, taking, parts: 1, filler: None, offsets: OFFSETS }
    }
}

pub(crate) struct Maker {
    pub(crate) wish: Wish,
    pub(crate) signer: PrivateKeySigner,
    pub(crate) tokens: [Address; 2],
    pub(crate) offer: Offer,
    index: u32,
}

/// What he signed.
pub(crate) struct Offer {
    pub(crate) id: OrderId,
    pub(crate) order: LimitOrder,
    pub(crate) extension: Bytes,
    pub(crate) signature: OrderSignature,
}

fn fee_terms() -> FeeTerms {
    FeeTerms {
        integrator: INTEGRATOR,
        protocol: PROTOCOL,
        integrator_fee: 120,
        integrator_share: 60,
        resolver_fee: 90,
        whitelist_discount: 50,
        post_interaction: None,
    }
}

/// Who may fill, and for what fee; nothing in BMN.
fn header(dialect: Dialect, resolver: Address) -> Bytes {
    let fee = match dialect {
        Dialect::OneInch1 => FillFee::Credit(None),
        Dialect::OneInch2 => FillFee::Destination(fee_terms()),
        _ => return Default::default(),
    };
    let whitelist = vec![WhitelistEntry::new(resolver, 0)];
    FillTerms { allowed_time: 0, whitelist, fee }.encode().expect("a header")
}

pub(crate) fn immutables(wire: &WireImmutables) -> Immutables {
    Immutables {
        order_hash: OrderHash(wire.order_hash),
        hashlock: Hashlock(wire.hashlock),
        maker: AddressWord(wire.maker.into()),
        taker: AddressWord(wire.taker.into()),
        token: AddressWord(wire.token.into()),
        amount: wire.amount.0,
        safety_deposit: wire.safety_deposit.0,
        timelocks: Timelocks(wire.timelocks.into()),
        parameters: wire.parameters.clone(),
    }
}

impl Maker {
    /// A maker with what he sells, the allowance for it, and a signed order.
    pub(crate) async fn new(world: &mut World, index: u32, wish: Wish) -> Self {
        let signer = maker_signer(SEED, index);
        let tokens = [0, 1].map(|side: usize| world.chains[side].symbol(wish.symbols[side]));
        world.endow(0, signer.address(), &[(tokens[0], wish.making)]).await;
        world.endow(1, signer.address(), &[]).await;
        let source = &world.chains[0];
        let spender = source.factory(wish.dialect).limit_order_protocol;
        let mut wallet = source.wallet(signer.clone()).await;
        let approve = calldata::approve(spender, wish.making);
        let sent = send(&mut wallet, tokens[0], U256::ZERO, approve).await;
        world.mined(0, &[sent], "a maker's allowance").await;
        let offer = Offer::new(world, wish, &signer, tokens, index);
        Self { wish, signer, tokens, offer, index }
    }

    pub(crate) fn address(&self) -> Address {
        self.signer.address()
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.wish.dialect
    }

    /// The fill that takes secret `leaf`.
    pub(crate) fn id(&self, leaf: u16) -> String {
        OrderId { leaf, ..self.offer.id }.to_string()
    }

    /// Hash of the secret of that fill.
    pub(crate) fn hashlock(&self, leaf: u16) -> Hashlock {
        hashes(self.index, self.wish.parts)[usize::from(leaf)]
    }

    /// Out of a destination amount of his, what is paid to others.
    pub(crate) fn fees(&self, taking: U256) -> DestinationFees {
        match self.dialect() {
            Dialect::OneInch2 => fee_terms().of_fill(Admission::Whitelisted, taking),
            _ => DestinationFees::default(),
        }
    }

    pub(crate) fn source_deposit(&self) -> U256 {
        match self.dialect().has_absolute_times() {
            true => U256::ZERO,
            false => U256::from(DEPOSIT),
        }
    }

    /// Hands the order in, and it is taken.
    pub(crate) async fn submit(&self, world: &World) {
        let answer = world.ask("bmn_submitOrder", json!([self.file()])).await;
        let answer: OrderSubmission = read(answer);
        let taken = answer.decision == bmn_rpc_api::OrderDecision::Accepted;
        assert!(taken, "{}: {:?}", self.dialect(), answer.refusals);
    }

    /// The secret of a fill, after a look at what the chains themselves say of both legs.
    pub(crate) async fn disclose(&self, world: &World, leaf: u16) {
        let swap = world.swap(&self.id(leaf)).await;
        assert_eq!(swap.status, SwapStatus::BothLocked, "{}", self.dialect());
        self.look(world, &swap).await;
        let secret = secrets(self.index, self.wish.parts).nth(leaf.into()).expect("a secret");
        let text = B256::from(*secret.expose()).to_string();
        world.ask("bmn_submitSecret", json!([text, self.id(leaf)])).await;
    }

    async fn look(&self, world: &World, swap: &Swap) {
        let (source, destination) =
            (swap.source.as_ref().expect("a source"), swap.destination.as_ref().expect("a leg"));
        let (given, got) = (swap.terms.source_amount.0, swap.terms.destination_amount.0);
        let [a, b] = &world.chains;
        assert_eq!(a.balance(self.tokens[0], source.escrow).await, given, "the source holds it");
        assert_eq!(
            b.balance(self.tokens[1], destination.escrow).await,
            got,
            "his tokens are there"
        );
        let deposit = b.balance(Address::ZERO, destination.escrow).await;
        assert_eq!(deposit, U256::from(DEPOSIT), "and the destination's deposit");
        let deposit = a.balance(Address::ZERO, source.escrow).await;
        assert_eq!(deposit, self.source_deposit(), "and the source's, where there is one");
        let planned = swap.planned.as_ref().expect("a plan");
        assert_eq!(planned.escrow, Some(destination.escrow), "{}", self.dialect());
        assert_eq!(immutables(&planned.immutables).maker, self.address().into());
    }

    /// Withdraws the destination himself, with the node's permission and in its window; the node never
    /// hears of the secret but from the chain.
    pub(crate) async fn withdraw_alone(&self, world: &mut World) {
        let id = self.id(0);
        world.until("a permission", async |world| world.swap(&id).await.permission).await;
        let swap = world.swap(&id).await;
        self.look(world, &swap).await;
        let answer = world.ask("bmn_getWithdrawPermission", json!([id])).await;
        let permission: WithdrawPermission = read(answer);
        assert_eq!(permission.caller, self.address());
        let bound = immutables(&permission.immutables);
        assert_eq!(permission.valid_from, bound.timelocks.at(Stage::DstPublicWithdrawal));
        world.until_time(permission.valid_from).await;
        let (dialect, secret) = (self.dialect(), self.secret());
        let data = calldata::public_withdraw_signed(dialect, &secret, &bound, permission.signature);
        let mut wallet = world.chains[1].wallet(self.signer.clone()).await;
        let sent = send(&mut wallet, permission.escrow, U256::ZERO, data).await;
        world.mined(1, &[sent], "a withdrawal by permission").await;
    }
}

/// Those of a maker: one, or one more than there are parts.
fn secrets(index: u32, parts: u8) -> impl Iterator<Item = Secret> {
    let count = if parts == 1 { 1 } else { parts + 1 };
    (0..count).map(move |leaf| {
        let name = [&b"a secret of anvil paths"[..], &index.to_be_bytes(), &[leaf]].concat();
        Secret::new(keccak256(name).0)
    })
}

fn hashes(index: u32, parts: u8) -> Vec<Hashlock> {
    secrets(index, parts).map(|secret| secret.hashlock()).collect()
}

/// The extension that the order of a dialect has.
fn extension(world: &World, wish: Wish, hashlock: Hashlock) -> Bytes {
    let (dialect, deposit) = (wish.dialect, u128::from(DEPOSIT));
    let (source, timelocks) = if dialect.has_absolute_times() {
        (0, ExtraData::pack_bmn_times(world.now + TIMES.0, world.now + TIMES.1))
    } else {
        (deposit, Timelocks::pack(0, wish.offsets).0)
    };
    let extra = ExtraData {
        hashlock,
        dst_chain_id: U256::from(world.chains[1].id().0),
        dst_token: world.chains[1].symbol(wish.symbols[1]).into(),
        deposits: ExtraData::pack_deposits(dialect, source, deposit),
        timelocks,
    };
    let ours = world.chains[0].spec.resolver_contract.expect("deployed");
    let data = [header(dialect, wish.filler.unwrap_or(ours)), extra.encode()].concat();
    Extension::post_interaction_only(world.chains[0].factory(dialect).address, &data)
}

impl Offer {
    fn new(
        world: &World,
        wish: Wish,
        signer: &PrivateKeySigner,
        tokens: [Address; 2],
        index: u32,
    ) -> Self {
        let (source, hashes) = (&world.chains[0], hashes(index, wish.parts));
        let divided = wish.parts > 1;
        let hashlock = match divided {
            true => SecretTree::new(&hashes).expect("a tree").hashlock_word(),
            false => hashes[0],
        };
        let extension = extension(world, wish, hashlock);
        let traits = MakerTraits::cross_chain();
        let order = LimitOrder {
            salt: LimitOrder::salt_for(&extension, U256::from(index + 1) << 200),
            maker: signer.address().into(),
            receiver: AddressWord::ZERO,
            maker_asset: tokens[0].into(),
            taker_asset: source.spec.true_tokens[0].into(),
            making_amount: wish.making,
            taking_amount: wish.taking,
            maker_traits: match divided {
                true => traits.with_multiple_fills(),
                false => traits.with_nonce(index.into()),
            },
        };
        let contract = source.factory(wish.dialect).limit_order_protocol;
        let hash = order.hash(&order_domain(wish.dialect, source.id(), contract));
        let signature = sign_order(signer, hash).expect("a signature");
        let id = OrderId { chain: source.id(), contract, hash, leaf: 0 };
        Self { id, order, extension, signature }
    }

    /// What the order says of the destination.
    pub(crate) fn extra(&self, dialect: Dialect) -> ExtraData {
        let extension = self.order.check_extension(&self.extension).expect("an extension");
        let (_, tail) = extension.post_interaction().expect("a post-interaction");
        ExtraData::decode(dialect, tail).expect("extra data")
    }
}

impl Maker {
    /// The order as it is handed in.
    fn file(&self) -> OrderFile {
        let OrderSignature::Compact { r, vs } = &self.offer.signature else {
            panic!("a key signs compactly")
        };
        let hashes = match self.wish.parts {
            1 => Vec::new(),
            parts => hashes(self.index, parts),
        };
        OrderFile {
            version: OrderFile::VERSION,
            chain_id: self.offer.id.chain.0,
            order: OrderWords::write(&self.offer.order.words()),
            signature: Some(WireSignature::Compact { r: r.to_string(), vs: vs.to_string() }),
            extension_data: self.offer.extension.to_string(),
            order_hash: Some(self.offer.id.hash.to_string()),
            hashlock: None,
            src_chain_id: None,
            dst_chain_id: None,
            created_at: None,
            secret_hashes: hashes.iter().map(ToString::to_string).collect(),
        }
    }

    /// The one secret of an order that is filled at once.
    pub(crate) fn secret(&self) -> Secret {
        secrets(self.index, 1).next().expect("a secret")
    }
}
