//! Sixteen orders that makers really signed in 2025: each recovers to its maker, names its dialect,
//! and is refused today with its reason.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloy::primitives::{Address, B256, Bytes, U256, address};
use bmn_contracts::{
    Call, EscrowImplementations, Extension, OrderSignature, decode_calldata, known_factory,
};
use bmn_primitives::{BlockRef, ChainId, Dialect};
use bmn_swap::{
    FactoryTerms, IntakeFacts, Pace, Policy, Price, Refusal, Route, SignedOrder, Terms, TokenTerms,
    admit_submitted, read_submitted,
};
use serde_json::Value;

const LOP: Address = address!("0xe767105dcfB3034a346578afd2aFD8e583171489");
const BMN4: Address = address!("0x5782442ED775a6FF7DA5FBcD8F612C8Bc4b285d3");
const RESOLVER: Address = address!("0xfdF1dDeB176BEA06c7430166e67E615bC312b7B5");
/// 2026-11-21, unix seconds.
const TODAY: u64 = 1_795_219_200;

struct RealOrder {
    chain: ChainId,
    signed: SignedOrder,
}

fn real_orders() -> Vec<RealOrder> {
    let text = include_str!("../../contracts/tests/vectors/vectors.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    let cases = vectors["realMainnetCalldata"].as_array().unwrap().clone();
    cases.iter().map(real_order).collect()
}

fn real_order(case: &Value) -> RealOrder {
    let data: Bytes = case["data"].as_str().unwrap().parse().unwrap();
    let call = decode_calldata(&data).unwrap();
    let extension = Bytes::copy_from_slice(call.extension().unwrap());
    let Call::FillOrder { order, signature, .. } = call else { panic!("a fill") };
    // The makers are plain accounts: 65 bytes handed over as a contract's signature are theirs.
    let signature = match signature {
        OrderSignature::Contract(bytes) => OrderSignature::compact_from_rsv(&bytes).unwrap(),
        compact => compact,
    };
    let chain = ChainId(case["match"][2].as_u64().unwrap());
    RealOrder { chain, signed: SignedOrder { order, extension, signature, secret_hashes: vec![] } }
}

fn route(chain: u64, factory: Address) -> Route {
    Route {
        chain: ChainId(chain),
        pace: Pace { block_time: 2, inclusion: 6, confirmations: 10, skew: 2 },
        tokens: vec![TokenTerms { address: Address::ZERO, decimals: 18, price: Price(1) }],
        true_tokens: vec![address!("0xDA0000d4000015A526378bB6faFC650Cea5966F8")],
        factories: vec![FactoryTerms {
            address: factory,
            dialect: Dialect::Bmn4,
            limit_order_protocol: LOP,
            implementations: EscrowImplementations::for_factory(Dialect::Bmn4, factory),
            rescue_delay: 604_800,
            index_only: false,
        }],
        min_order_value: 0,
        resolver: None,
        limits: Default::default(),
    }
}

fn policy() -> Policy {
    Policy {
        min_profit_bps: 10,
        max_order_value: u128::MAX,
        maker_reaction: 60,
        max_window: 86_400,
        allow_direct_source: false,
        max_open_orders: 100,
        cancel_refused_gas: 100_000,
        limits: Default::default(),
    }
}

fn today() -> BlockRef {
    BlockRef { number: 40_000_000, hash: B256::repeat_byte(1), time: TODAY }
}

/// Every fact in the order's favour: what is left is the order's own fault.
fn favourable(order: &bmn_swap::Order) -> IntakeFacts {
    IntakeFacts {
        source_head: today(),
        contract_signature: None,
        maker_balance: order.source_amount,
        maker_allowance: order.source_amount,
        maker_claims: Default::default(),
        raw_remaining: U256::ZERO,
        nonce_used: false,
        free_token: U256::MAX,
        free_native: U256::MAX,
        free_source_native: U256::MAX,
        gas_price: (0, 0),
        open_orders: 0,
        hashlock_used: false,
        order_known: false,
        market: Default::default(),
    }
}

#[test]
fn none_of_them_is_for_a_factory_that_is_served() {
    let routes = [route(8453, BMN4), route(10, BMN4)];
    let policy = policy();
    let terms = Terms { us: RESOLVER, routes: &routes, policy: &policy };
    let mut counts = std::collections::BTreeMap::new();
    for order in real_orders() {
        let refusal = read_submitted(&order.signed, order.chain, today(), &terms).unwrap_err();
        if let Refusal::UnknownFactory { factory, .. } = &refusal {
            assert_eq!(known_factory(*factory).unwrap().dialect, Dialect::Bmn23);
        }
        *counts.entry(refusal.code()).or_insert(0) += 1;
    }
    // Nine name an older factory; six carry an extension their traits do not announce, and one has
    // its offsets word back to front.
    let expected = [("badExtension", 7), ("unknownFactory", 9)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn served_or_not_their_windows_are_long_over() {
    let mut judged = 0;
    for order in real_orders() {
        let Ok(extension) = Extension::parse(&order.signed.extension) else { continue };
        let (factory, _) = extension.post_interaction().unwrap();
        let routes = [route(8453, factory), route(10, factory)];
        let policy = policy();
        let terms = Terms { us: RESOLVER, routes: &routes, policy: &policy };
        let Ok(draft) = read_submitted(&order.signed, order.chain, today(), &terms) else {
            continue;
        };
        let facts = favourable(draft.order());
        let reasons = admit_submitted(&draft, &facts, &terms);
        let codes: Vec<_> = reasons.iter().map(Refusal::code).collect();
        for expected in ["badWindow", "doesNotFit", "doublePayment"] {
            assert!(codes.contains(&expected), "{expected} not in {codes:?}");
        }
        judged += 1;
    }
    assert_eq!(judged, 9);
}
