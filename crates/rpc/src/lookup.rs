//! From any id to the order it means.

use crate::{RpcError, snapshot::Snapshot};
use alloy::primitives::{Address, B256};
use bmn_primitives::{Hashlock, OrderHash, OrderId, SwapId};
use bmn_rpc_api::SwapKey;
use std::collections::BTreeSet;

/// An id that could be read.
enum Named {
    Order(OrderId),
    Swap(SwapId),
    Hash(B256),
    Escrow(Address),
}

fn read(key: &SwapKey) -> Option<Named> {
    let text = key.0.as_str();
    if text.contains(':') {
        let order = text.parse().ok().map(Named::Order);
        return order.or_else(|| text.parse().ok().map(Named::Swap));
    }
    if !text.starts_with("0x") {
        return None;
    }
    let hash = text.parse().ok().map(Named::Hash);
    hash.or_else(|| text.parse().ok().map(Named::Escrow))
}

/// The order an id means.
///
/// # Errors
/// [`RpcError::Param`] when it has no accepted form, [`RpcError::NotFound`], and
/// [`RpcError::Ambiguous`] when several orders share it.
pub(crate) fn order(snapshot: &Snapshot, key: &SwapKey) -> Result<OrderId, RpcError> {
    let named = read(key).ok_or_else(|| RpcError::param("id", SwapKey::FORM))?;
    let found: BTreeSet<OrderId> = match named {
        Named::Order(id) => snapshot.has_order(id)?.then_some(id).into_iter().collect(),
        Named::Swap(swap) => snapshot.by_escrow(swap.chain, swap.escrow)?.into_iter().collect(),
        Named::Hash(hash) => {
            let by_hash = snapshot.by_hash(OrderHash(hash))?;
            by_hash.into_iter().chain(snapshot.by_hashlock(Hashlock(hash))?).collect()
        }
        Named::Escrow(escrow) => {
            let mut found = BTreeSet::new();
            for (chain, _) in snapshot.cursors()? {
                found.extend(snapshot.by_escrow(chain, escrow)?);
            }
            found
        }
    };
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => Err(RpcError::NotFound),
        (Some(only), None) => Ok(only),
        (Some(first), Some(second)) => {
            Err(RpcError::Ambiguous([first, second].into_iter().chain(found).collect()))
        }
    }
}
