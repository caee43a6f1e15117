//! Every reason against a submitted order, each from a sound order with one thing changed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    signers::local::PrivateKeySigner,
};
use bmn_contracts::{Extension, ExtraData, LimitOrder, MakerTraits, order_domain, sign_order};
use bmn_primitives::{AddressWord, Dialect};
use bmn_swap::{IntakeFacts, Refusal, SignedOrder, Terms, admit_submitted, read_submitted};
use common::{A, B, FACTORY, FILLED, LOP, TOKEN, US, World, block, secret, whole};

const TRUE: Address = Address::repeat_byte(0xda);

/// The parts of an order before it is put together.
struct Parts {
    order: LimitOrder,
    factory: Address,
    extra: ExtraData,
    signer: PrivateKeySigner,
    world: World,
    facts: IntakeFacts,
    /// Replaces the extension after the salt was computed.
    swapped_extension: Option<Bytes>,
}

fn sound() -> Parts {
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(5)).unwrap();
    let mut world = World::locked();
    world.routes[0].true_tokens = vec![TRUE];
    Parts {
        order: LimitOrder {
            salt: U256::ZERO,
            maker: signer.address().into(),
            receiver: AddressWord::ZERO,
            maker_asset: TOKEN.into(),
            taker_asset: TRUE.into(),
            making_amount: whole(1_000),
            taking_amount: whole(990),
            maker_traits: MakerTraits::cross_chain().with_multiple_fills(),
        },
        factory: FACTORY,
        extra: ExtraData {
            hashlock: secret().hashlock(),
            dst_chain_id: U256::from(B.0),
            dst_token: TOKEN.into(),
            deposits: ExtraData::pack_deposits(Dialect::Bmn4, 0, 5),
            timelocks: ExtraData::pack_bmn_times(FILLED + 600, FILLED + 60),
        },
        signer,
        world,
        facts: IntakeFacts {
            source_head: block(10, FILLED),
            contract_signature: None,
            maker_balance: whole(1_000),
            maker_allowance: whole(1_000),
            maker_claims: Default::default(),
            raw_remaining: U256::ZERO,
            nonce_used: false,
            free_token: whole(990),
            free_native: U256::from(5),
            free_source_native: U256::from(5),
            gas_price: (0, 0),
            open_orders: 0,
            hashlock_used: false,
            order_known: false,
            market: Default::default(),
        },
        swapped_extension: None,
    }
}

fn bit(number: usize) -> U256 {
    U256::ONE.wrapping_shl(number)
}

/// Puts the order together, signs it and asks for every reason against it.
fn reasons(change: impl FnOnce(&mut Parts)) -> Vec<&'static str> {
    let mut parts = sound();
    change(&mut parts);
    let extension = Extension::post_interaction_only(parts.factory, &parts.extra.encode());
    if parts.order.salt.is_zero() {
        parts.order.salt = LimitOrder::salt_for(&extension, U256::from(7) << 200);
    }
    let domain = order_domain(Dialect::Bmn4, A, LOP);
    let signature = sign_order(&parts.signer, parts.order.hash(&domain)).unwrap();
    let extension = parts.swapped_extension.unwrap_or(extension);
    let signed = SignedOrder { order: parts.order, extension, signature, secret_hashes: vec![] };
    let terms: Terms<'_> = parts.world.terms();
    match read_submitted(&signed, A, block(10, FILLED), &terms) {
        Err(unreadable) => vec![unreadable.code()],
        Ok(draft) => {
            let reasons = admit_submitted(&draft, &parts.facts, &terms);
            reasons.iter().map(Refusal::code).collect()
        }
    }
}

#[test]
fn a_sound_order_is_taken() {
    assert_eq!(reasons(|_| {}), Vec::<&str>::new());
}

#[test]
fn what_cannot_be_read_is_turned_away() {
    type Change = fn(&mut Parts);
    let cases: [(&str, Change); 9] = [
        ("unknownFactory", |p| p.factory = Address::repeat_byte(1)),
        ("badExtension", |p| p.order.salt = U256::from(1)),
        ("badExtension", |p| p.swapped_extension = Some(Bytes::new())),
        ("badExtension", |p| p.order.maker_traits = MakerTraits(bit(251))),
        ("foreignExtensionField", |p| foreign(p, 6)),
        ("foreignExtensionField", |p| foreign(p, 8)),
        ("dirtyAddress", |p| p.order.maker_asset.0 |= bit(200)),
        ("dirtyAddress", |p| p.order.receiver.0 = bit(200)),
        ("dirtyAddress", |p| p.extra.dst_token.0 = bit(200)),
    ];
    for (expected, change) in cases {
        assert_eq!(reasons(change), [expected]);
    }
}

/// An extension with one byte in a field that runs foreign code; 8 is what follows the fields.
fn foreign(parts: &mut Parts, field: usize) {
    let good = Extension::post_interaction_only(parts.factory, &parts.extra.encode());
    let (offsets, body) = good.split_at(32);
    let mut ends = [0u32; 8];
    ends[7] = u32::from_be_bytes(offsets[..4].try_into().unwrap());
    let mut bytes = body.to_vec();
    if field == 8 {
        bytes.push(1);
    } else {
        bytes.insert(0, 1);
        ends[field..].iter_mut().for_each(|end| *end = (*end).max(1));
        ends[7] += 1;
    }
    let word: Vec<u8> = ends.iter().rev().flat_map(|end| end.to_be_bytes()).collect();
    let extension: Bytes = [word, bytes].concat().into();
    parts.order.salt = LimitOrder::salt_for(&extension, U256::from(7) << 200);
    parts.swapped_extension = Some(extension);
}

#[test]
fn each_fault_of_an_order_is_a_reason_of_its_own() {
    type Change = fn(&mut Parts);
    let cases: [(&str, Change); 26] = [
        ("missingTrait", |p| p.order.maker_traits.0 &= !bit(251)),
        ("unsupportedTrait", |p| p.order.maker_traits.0 |= bit(252)),
        ("unsupportedTrait", |p| p.order.maker_traits.0 |= bit(250)),
        ("unsupportedTrait", |p| p.order.maker_traits.0 |= bit(248)),
        ("unsupportedTrait", |p| p.order.maker_traits.0 |= bit(247)),
        ("badSignature", |p| {
            p.signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(6)).unwrap();
        }),
        ("privateOrder", |p| {
            p.order.maker_traits =
                p.order.maker_traits.with_allowed_sender(Address::repeat_byte(9));
        }),
        ("expired", |p| p.order.maker_traits = p.order.maker_traits.with_expiration(FILLED - 1)),
        ("invalidated", |p| p.facts.raw_remaining = U256::MAX),
        ("invalidated", |p| p.facts.nonce_used = true),
        ("partiallyFilled", |p| p.facts.raw_remaining = !whole(400)),
        ("zeroAmount", |p| p.order.making_amount = U256::ZERO),
        ("zeroAmount", |p| p.order.taking_amount = U256::ZERO),
        ("sourceDeposit", |p| p.extra.deposits = ExtraData::pack_deposits(Dialect::Bmn4, 1, 5)),
        ("doublePayment", |p| p.order.taker_asset = TOKEN.into()),
        ("unknownDestination", |p| p.extra.dst_chain_id = U256::from(99)),
        ("unknownToken", |p| p.order.maker_asset = Address::repeat_byte(9).into()),
        ("unknownToken", |p| p.extra.dst_token = Address::repeat_byte(9).into()),
        ("makerBalance", |p| p.facts.maker_balance = whole(999)),
        ("makerAllowance", |p| p.facts.maker_allowance = whole(999)),
        ("makerCommitted", |p| p.facts.maker_claims.balance = U256::ONE),
        ("makerCommitted", |p| p.facts.maker_claims.allowance = U256::ONE),
        ("inventory", |p| p.facts.free_token = whole(989)),
        ("inventory", |p| p.facts.free_native = U256::from(4)),
        ("hashlockUsed", |p| p.facts.hashlock_used = true),
        ("orderKnown", |p| p.facts.order_known = true),
    ];
    for (expected, change) in cases {
        let found = reasons(change);
        assert!(found.contains(&expected), "{expected} not in {found:?}");
    }
}

#[test]
fn windows_value_and_limits_are_reasons_with_numbers() {
    type Change = fn(&mut Parts);
    let cases: [(&str, Change); 12] = [
        ("badWindow", |p| p.extra.timelocks = ExtraData::pack_bmn_times(FILLED, FILLED + 60)),
        ("badWindow", |p| {
            p.extra.timelocks = ExtraData::pack_bmn_times(FILLED + (1 << 32) + 95, FILLED + 60);
        }),
        ("badWindow", |p| p.extra.timelocks = U256::MAX),
        ("inventory", |p| p.extra.deposits = U256::MAX << 128),
        ("doesNotFit", |p| {
            p.extra.timelocks = ExtraData::pack_bmn_times(FILLED + 600, FILLED + 590);
        }),
        ("doesNotFit", |p| {
            p.extra.timelocks = ExtraData::pack_bmn_times(FILLED + 60, FILLED + 90);
        }),
        ("doesNotFit", |p| p.extra.timelocks = ExtraData::pack_bmn_times(FILLED + 600, FILLED + 3)),
        ("unprofitable", |p| p.order.taking_amount = whole(1_001)),
        ("unprofitable", |p| {
            p.extra.deposits = ExtraData::pack_deposits(Dialect::Bmn4, 0, 11 * 10u128.pow(18));
        }),
        ("tooLarge", |p| p.world.policy.max_order_value = 999_999_999),
        ("tooSmall", |p| p.world.routes[0].min_order_value = 1_000_000_001),
        ("tooManyOpen", |p| p.facts.open_orders = 10),
    ];
    for (expected, change) in cases {
        let found = reasons(change);
        assert!(found.contains(&expected), "{expected} not in {found:?}");
    }
}

#[test]
fn gas_counts_against_the_profit() {
    assert!(reasons(|p| p.facts.gas_price = (1_000_000_000_000, 0)).is_empty());
    let dear = reasons(|p| p.facts.gas_price = (1_000_000_000_000_000, 0));
    assert_eq!(dear, ["unprofitable"]);
}

#[test]
fn a_private_order_for_us_is_taken() {
    let private = reasons(|p| {
        p.order.maker_traits = p.order.maker_traits.with_allowed_sender(US);
    });
    assert_eq!(private, Vec::<&str>::new());
}
