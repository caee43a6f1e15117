//! Where a subscription begins.

use super::{filter::Filter, position::Position, source::Source, told::Place};
use crate::{NodeView, RpcError, snapshot::Snapshot};
use bmn_primitives::ChainId;
use bmn_rpc_api::{Cursor, SubscribeFrom, SubscriptionKind};
use std::sync::Arc;

type Result<T> = std::result::Result<T, RpcError>;

/// What a subscriber follows, and from where on.
///
/// # Errors
/// [`RpcError::Param`] for a chain that is not served or a beginning that its kind does not have,
/// [`RpcError::BadCursor`] for a position of another kind, [`RpcError::Behind`] for one that is not
/// indexed here yet.
pub(super) fn places(
    snapshot: &Snapshot,
    view: &dyn NodeView,
    filter: &Filter,
    from: Option<&SubscribeFrom>,
) -> Result<Vec<(Source, Place)>> {
    let kind = filter.kind();
    if kind == SubscriptionKind::Swaps {
        return Ok(vec![(Source::Log, Place::Log(number(snapshot, from)?))]);
    }
    let chains = followed(view, filter.chain())?;
    let positions = match from {
        None => now(snapshot, &chains)?,
        Some(SubscribeFrom::Number(number)) => match filter.chain() {
            Some(chain) => vec![Position::before(snapshot, ChainId(chain), *number)?],
            None => {
                return Err(RpcError::param(
                    "from",
                    "the `resume` of a notice; a block number only \
                    together with `chain` in the filter",
                ));
            }
        },
        Some(SubscribeFrom::Positions(sealed)) => resumed(snapshot, kind, &chains, sealed)?,
    };
    let place = |position: Position| {
        (Source::Chain(kind, position.chain()), Place::Chain(Arc::new(position)))
    };
    Ok(positions.into_iter().map(place).collect())
}

fn number(snapshot: &Snapshot, from: Option<&SubscribeFrom>) -> Result<u64> {
    let next = snapshot.last_change()? + 1;
    match from {
        None => Ok(next),
        Some(SubscribeFrom::Number(number)) if *number <= next => {
            snapshot.has_changes_from(*number, "from")?;
            Ok((*number).max(1))
        }
        // A log that is shorter than what was read of it is another log.
        Some(_) => {
            Err(RpcError::param("from", format!("a sequence number up to {next}, the next one")))
        }
    }
}

fn followed(view: &dyn NodeView, only: Option<u64>) -> Result<Vec<ChainId>> {
    let served: Vec<_> = view.chains().into_iter().map(|chain| chain.id).collect();
    let Some(only) = only else { return Ok(served) };
    if served.contains(&ChainId(only)) {
        return Ok(vec![ChainId(only)]);
    }
    let ids: Vec<_> = served.iter().map(ToString::to_string).collect();
    Err(RpcError::param("chain", format!("a chain served here: {}", ids.join(", "))))
}

fn now(snapshot: &Snapshot, chains: &[ChainId]) -> Result<Vec<Position>> {
    chains.iter().map(|chain| Position::now(snapshot, *chain)).collect()
}

fn resumed(
    snapshot: &Snapshot,
    kind: SubscriptionKind,
    chains: &[ChainId],
    sealed: &[Cursor],
) -> Result<Vec<Position>> {
    let mut positions: Vec<Position> = Vec::with_capacity(chains.len());
    for sealed in sealed {
        let position = Position::open(kind, sealed)?;
        let chain = position.chain();
        let is_double = positions.iter().any(|known| known.chain() == chain);
        if is_double || !chains.contains(&chain) {
            let form = "positions of the chains that are followed, one of each at most";
            return Err(RpcError::param("from", form));
        }
        if position.is_ahead(snapshot)? {
            let why = format!("chain {chain} is not indexed here up to that position yet");
            return Err(RpcError::Behind(why));
        }
        positions.push(position);
    }
    for chain in chains {
        if !positions.iter().any(|known| known.chain() == *chain) {
            positions.push(Position::now(snapshot, *chain)?);
        }
    }
    Ok(positions)
}
