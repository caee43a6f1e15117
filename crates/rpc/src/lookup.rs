//! From any id to the order it means.

use crate::{RpcError, snapshot::Snapshot};
use alloy::primitives::{Address, B256};
use bmn_primitives::{ChainId, Hashlock, OrderHash, OrderId, SwapId};
use bmn_rpc_api::SwapKey;
use bmn_store::{DestinationQuery, PageBounds, SourceQuery};
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

/// The order an id means. One that is named in full may still be unknown: whoever loads it finds out, and
/// looking twice costs a fifth of the answer.
///
/// # Errors
/// [`RpcError::Param`] when it has no accepted form, [`RpcError::NotFound`], and
/// [`RpcError::Ambiguous`] when several orders share it.
pub(crate) fn order(snapshot: &Snapshot, key: &SwapKey) -> Result<OrderId, RpcError> {
    let named = read(key).ok_or_else(|| RpcError::param("id", SwapKey::FORM))?;
    let found: BTreeSet<OrderId> = match named {
        Named::Order(id) => return Ok(id),
        Named::Swap(swap) => snapshot.by_escrow(swap.chain, swap.escrow)?.into_iter().collect(),
        Named::Hash(hash) => orders_of(snapshot, hash)?.into_iter().collect(),
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

/// The escrow that an id is the address of, with its chain where the id says so.
pub(crate) fn escrow(key: &SwapKey) -> Option<(Option<ChainId>, Address)> {
    match read(key)? {
        Named::Swap(swap) => Some((Some(swap.chain), swap.escrow)),
        Named::Escrow(escrow) => Some((None, escrow)),
        Named::Order(_) | Named::Hash(_) => None,
    }
}

/// Orders that may share a hash: as many as an error lists, and one to tell that there are more.
const CANDIDATES: usize = 21;

/// Orders with this order hash or hashlock.
fn orders_of(snapshot: &Snapshot, hash: B256) -> Result<Vec<OrderId>, RpcError> {
    let mut found = snapshot.by_hash_after(OrderHash(hash), None, CANDIDATES)?;
    found.extend(snapshot.by_hashlock_after(Hashlock(hash), None, CANDIDATES)?);
    Ok(found)
}

/// Index rows looked at for an order hash that strangers repeat.
const REPEATS: usize = 256;

/// The hashlocks an id stands for, at most `limit`, those of our own orders first.
///
/// # Errors
/// [`RpcError::Param`] when it has no accepted form.
pub(crate) fn hashlocks(
    snapshot: &Snapshot,
    key: &SwapKey,
    limit: usize,
) -> Result<Vec<Hashlock>, RpcError> {
    let named = read(key).ok_or_else(|| RpcError::param("id", SwapKey::FORM))?;
    let mut found = Vec::new();
    match named {
        Named::Order(id) => found.extend(snapshot.order(id)?.map(|order| order.hashlock)),
        Named::Swap(swap) => found.extend(snapshot.hashlock_of(swap.chain, swap.escrow)?),
        Named::Escrow(escrow) => {
            for (chain, _) in snapshot.cursors()? {
                found.extend(snapshot.hashlock_of(chain, escrow)?);
            }
        }
        Named::Hash(hash) => {
            for id in orders_of(snapshot, hash)? {
                found.extend(snapshot.order(id)?.map(|order| order.hashlock));
            }
            if is_hashlock(snapshot, Hashlock(hash))? {
                found.push(Hashlock(hash));
            }
            let order_hash = Some(OrderHash(hash));
            let query = SourceQuery { order_hash, ..SourceQuery::default() };
            let bounds = PageBounds { items: limit, rows: REPEATS };
            let legs = snapshot.sources(&query, None, bounds, |_| Ok(true))?.items;
            found.extend(legs.iter().filter_map(bmn_swap::SourceLeg::hashlock));
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|lock| seen.insert(lock.0));
    found.truncate(limit);
    Ok(found)
}

fn is_hashlock(snapshot: &Snapshot, lock: Hashlock) -> Result<bool, RpcError> {
    let bounds = PageBounds { items: 1, rows: REPEATS };
    let hashlock = Some(lock);
    let sources = SourceQuery { hashlock, ..SourceQuery::default() };
    let destinations = DestinationQuery { hashlock, ..DestinationQuery::default() };
    Ok(snapshot.public_secret(lock)?.is_some()
        || !snapshot.sources(&sources, None, bounds, |_| Ok(true))?.items.is_empty()
        || !snapshot.destinations(&destinations, None, bounds, |_| Ok(true))?.items.is_empty())
}
