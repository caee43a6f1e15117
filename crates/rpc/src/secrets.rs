//! `bmn_getRevealedSecret`.

use crate::{RpcError, convert, lookup, snapshot::Snapshot};
use bmn_primitives::{Hashlock, Leg};
use bmn_rpc_api::{EscrowSide, RevealedSecret, SecretReveal, SwapKey};

/// Hashlocks one id may stand for, and withdrawals shown of each. Strangers can add to both.
const LISTED: usize = 16;

type Result<T> = std::result::Result<T, RpcError>;

/// What is known of the secrets behind an id.
///
/// # Errors
/// [`RpcError::NotFound`] when the id stands for no hashlock we know.
pub(crate) fn revealed(snapshot: &Snapshot, id: &SwapKey) -> Result<Vec<RevealedSecret>> {
    let locks = lookup::hashlocks(snapshot, id, LISTED)?;
    if locks.is_empty() {
        return Err(RpcError::NotFound);
    }
    locks.into_iter().map(|lock| secret(snapshot, lock)).collect()
}

fn secret(snapshot: &Snapshot, lock: Hashlock) -> Result<RevealedSecret> {
    let mut reveals = Vec::new();
    for (chain, _) in snapshot.cursors()? {
        for row in snapshot.withdrawals(chain, lock, LISTED - reveals.len())? {
            let Some(escrow) = row.escrow else { continue };
            let Some(side) = snapshot.side(chain, escrow)? else { continue };
            let side = match side {
                Leg::Source => EscrowSide::Source,
                Leg::Destination => EscrowSide::Destination,
            };
            let at = convert::inclusion(&row.at);
            reveals.push(SecretReveal { chain: chain.0, side, escrow, at });
        }
    }
    Ok(RevealedSecret { hashlock: lock.0, secret: snapshot.public_secret(lock)?, reveals })
}
