//! What a factory that only names its fills (`bmn302`) bound a source escrow to.

use crate::{FactoryTerms, Order, SourceLeg, SourceTerms, parts::taking_amount};
use alloy::primitives::{Bytes, U256};
use bmn_contracts::source_escrow;
use bmn_primitives::{AddressWord, Complement, Immutables};

/// The terms of a source escrow that its factory only named, as the order it was filled from, the event
/// and the time of its block give them (`protocol.md` 5.3). None unless they derive to the escrow's
/// address: then nothing else can be behind it.
pub fn stated_terms(order: &Order, leg: &SourceLeg, factory: &FactoryTerms) -> Option<SourceTerms> {
    let SourceTerms::Named(named) = &leg.terms else { return None };
    let signed = order.origin.signed()?;
    let believed = leg.factory == factory.address
        && leg.dialect == factory.dialect
        && !leg.dialect.states_immutables()
        && leg.fill.is_some()
        && named.order_hash == Some(order.id.hash);
    if !believed {
        return None;
    }
    let immutables = Immutables {
        order_hash: order.id.hash,
        hashlock: named.hashlock?,
        maker: signed.order.maker,
        taker: named.taker?,
        token: signed.order.maker_asset,
        amount: named.amount?,
        safety_deposit: order.source_deposit,
        timelocks: order.times.source_timelocks(leg.dialect, leg.created.block.time)?,
        parameters: Bytes::new(),
    };
    let escrow = source_escrow(leg.dialect, factory.address, &factory.implementations, &immutables);
    if escrow != leg.swap.escrow {
        return None;
    }
    let complement = Complement {
        maker: AddressWord::from(order.beneficiary),
        amount: taking_amount(&signed.order, immutables.amount),
        token: AddressWord::from(order.destination_token),
        safety_deposit: order.destination_deposit,
        chain_id: U256::from(order.destination_chain.0),
        parameters: Bytes::new(),
    };
    Some(SourceTerms::Stated { immutables, complement })
}
