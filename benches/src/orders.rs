//! Orders of the node's own, each with the source escrow that a history made.

use crate::History;
use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::{LimitOrder, MakerTraits, OrderSignature};
use bmn_primitives::{ChainId, Dialect, OrderId};
use bmn_store::{OrderState, Store, StoreError};
use bmn_swap::{
    Decision, Evidence, Order, OrderTimes, Origin, SecretKnowledge, SignedOrder, Status,
};

/// Orders of one transaction. Their ids are hashes: each transaction writes most pages of its tables, however few
/// orders it brings.
const AT_ONCE: u64 = 100_000;

/// One in so many is open.
const OPEN: u64 = 100;

/// The id of the order whose source escrow is number `n` of the history.
pub fn order_id(history: &History, n: u64) -> OrderId {
    OrderId {
        chain: history.swap(n).chain,
        contract: Address::repeat_byte(0xc0),
        hash: history.immutables(n).order_hash,
        leaf: 0,
    }
}

/// Stores an order for each of the first `count` source escrows.
///
/// # Errors
/// The store's.
pub fn store_orders(store: &Store, history: &History, count: u64) -> Result<(), StoreError> {
    for from in (0..count).step_by(AT_ONCE as usize) {
        let mut tx = store.write()?;
        for n in from..count.min(from + AT_ONCE) {
            let order = order(history, n);
            tx.put_order(&order)?;
            let status = if n % OPEN == 0 { Status::SourceLocked } else { Status::Completed };
            let secret = SecretKnowledge::Unknown;
            let evidence = Evidence { secret, ..Evidence::default() };
            let source = Some(history.swap(n));
            let state = OrderState { status, evidence, source, plan: None, permission: None };
            tx.put_order_state(order.id, &state)?;
        }
        tx.commit()?;
    }
    Ok(())
}

fn order(history: &History, n: u64) -> Order {
    let (id, bound) = (order_id(history, n), history.immutables(n));
    let maker = Address::from_word(bound.maker.0.into());
    let token = Address::from_word(bound.token.0.into());
    let order = LimitOrder {
        salt: U256::from(n),
        maker: bound.maker,
        receiver: Address::ZERO.into(),
        maker_asset: bound.token,
        taker_asset: bound.token,
        making_amount: bound.amount,
        taking_amount: bound.amount,
        maker_traits: MakerTraits::default(),
    };
    let signed = SignedOrder {
        order,
        extension: Bytes::from(vec![0x11; 320]),
        signature: OrderSignature::Contract(Bytes::from(vec![0x22; 65])),
        secret_hashes: Vec::new(),
    };
    let seen_at = history.at(n % 1_000);
    Order {
        id,
        origin: Origin::Submitted(Box::new(signed)),
        dialect: Dialect::Bmn4,
        factory: Address::repeat_byte(0xfa),
        hashlock: bound.hashlock,
        maker,
        beneficiary: maker,
        source_token: token,
        source_amount: bound.amount,
        source_deposit: U256::ZERO,
        destination_chain: ChainId(id.chain.0 + 1),
        destination_token: token,
        destination_amount: bound.amount,
        destination_deposit: bound.safety_deposit,
        times: OrderTimes::Absolute {
            src_cancellation: seen_at.time + 600,
            dst_withdrawal: seen_at.time + 60,
        },
        seen_at,
        decision: Decision::Accepted,
    }
}
