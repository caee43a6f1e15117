//! What trades earn, at the newest base fees.

use crate::{NodeView, RpcError, Trade, snapshot::Snapshot};
use alloy::primitives::Address;
use bmn_primitives::ChainId;
use bmn_swap::{Order, Profit, SourceLeg};

type Result<T> = std::result::Result<T, RpcError>;

/// What an order of ours earns; none where it cannot be valued.
pub(crate) fn of_order(
    snapshot: &Snapshot,
    view: &dyn NodeView,
    order: &Order,
) -> Result<Option<Profit>> {
    let trade = Trade {
        source: (order.id.chain, order.source_token, order.source_amount),
        destination: (order.destination_chain, order.destination_token, order.destination_amount),
        deposit: order.destination_deposit,
    };
    of_trade(snapshot, view, &trade)
}

/// What settling a source escrow earns; none where it cannot be valued.
pub(crate) fn of_leg(
    snapshot: &Snapshot,
    view: &dyn NodeView,
    leg: &SourceLeg,
) -> Result<Option<Profit>> {
    match trade(leg) {
        Some(trade) => of_trade(snapshot, view, &trade),
        None => Ok(None),
    }
}

// A dirty word is no token, and a chain id beyond 64 bits no chain.
fn trade(leg: &SourceLeg) -> Option<Trade> {
    let token: Address = leg.token()?.clean().ok()?;
    let (_, wanted) = leg.stated()?;
    let chain = ChainId(u64::try_from(wanted.chain_id).ok()?);
    Some(Trade {
        source: (leg.swap.chain, token, leg.amount()?),
        destination: (chain, wanted.token.clean().ok()?, wanted.amount),
        deposit: wanted.safety_deposit,
    })
}

fn of_trade(snapshot: &Snapshot, view: &dyn NodeView, trade: &Trade) -> Result<Option<Profit>> {
    let source = snapshot.base_fee(trade.source.0)?;
    let destination = snapshot.base_fee(trade.destination.0)?;
    let (Some(source), Some(destination)) = (source, destination) else { return Ok(None) };
    Ok(view.profit(trade, (source, destination)))
}
