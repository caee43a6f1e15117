//! Where a list in chain order goes on, and whether what lies before it still is what it was.

use crate::{RpcError, cursor, snapshot::Snapshot};
use alloy::primitives::B256;
use bmn_primitives::ChainId;
use bmn_rpc_api::{Cursor, Reorged};
use bmn_store::{EventKey, StoreError};
use serde::Serialize;

type Result<T> = std::result::Result<T, RpcError>;

/// Half of a rolling digest: enough to tell histories apart.
pub(crate) type Digest = [u8; 16];

/// A place, the digest of everything up to its block, and the same for the newest final block at that
/// time: enough to notice any change of what was read, and to say how far back it may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: EventKey,
    pub(crate) digest: Digest,
    /// The lowest block that was not final yet.
    pub(crate) open: u64,
    /// The digest of everything below it.
    closed: Digest,
}

impl Place {
    pub(crate) const LEN: usize = 8 + 8 + 4 + 16 + 8 + 16;

    /// The place `key` of a snapshot.
    pub(crate) fn of(snapshot: &Snapshot, key: EventKey) -> Result<Self> {
        let closed = match snapshot.cursor(key.chain)?.finalized {
            Some(last) => digest(snapshot, key.chain, last.number)?.map(|of| (last.number + 1, of)),
            None => None,
        };
        let (open, closed) = closed.unwrap_or_default();
        let digest = match digest(snapshot, key.chain, key.number) {
            // It is final, so nobody will ask for it.
            Err(RpcError::Store(StoreError::Pruned { .. })) => Digest::default(),
            found => found?.unwrap_or_default(),
        };
        Ok(Self { key, digest, open, closed })
    }

    /// Whether every event up to its block is what it was.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] when that cannot be told any more.
    pub(crate) fn stands(&self, snapshot: &Snapshot) -> Result<bool> {
        let EventKey { chain, number, .. } = self.key;
        match digest(snapshot, chain, number) {
            // What was final then is what it was.
            Err(RpcError::Store(StoreError::Pruned { .. })) if number < self.open => Ok(true),
            found => Ok(found? == Some(self.digest)),
        }
    }

    /// The first block that may be another when it does not stand.
    pub(crate) fn void_from(&self, snapshot: &Snapshot) -> Result<u64> {
        let EventKey { chain, number, .. } = self.key;
        let last_closed = self.open.checked_sub(1);
        let closed = last_closed.map(|last| digest(snapshot, chain, last)).transpose()?.flatten();
        // What was final can be another only when the whole index was built again.
        Ok(if closed == Some(self.closed) { self.open.min(number) } else { 0 })
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&self.key.chain.0.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.key.number.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.key.log_index.to_be_bytes());
        bytes[20..36].copy_from_slice(&self.digest);
        bytes[36..44].copy_from_slice(&self.open.to_be_bytes());
        bytes[44..].copy_from_slice(&self.closed);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let number = |at: usize| Some(u64::from_be_bytes(bytes[at..at + 8].try_into().ok()?));
        Some(Self {
            key: EventKey {
                chain: ChainId(number(0)?),
                number: number(8)?,
                log_index: u32::from_be_bytes(bytes[16..20].try_into().ok()?),
            },
            digest: bytes[20..36].try_into().ok()?,
            open: number(36)?,
            closed: bytes[44..].try_into().ok()?,
        })
    }
}

/// What is kept of a digest.
pub(crate) fn half(whole: B256) -> Digest {
    let mut half = Digest::default();
    half.copy_from_slice(&whole[..16]);
    half
}

/// The digest at a block; none above what is indexed.
pub(crate) fn digest(snapshot: &Snapshot, chain: ChainId, number: u64) -> Result<Option<Digest>> {
    Ok(snapshot.digest(chain, number)?.map(|whole| half(whole.digest)))
}

/// A cursor that goes on after `key`.
///
/// # Errors
/// [`RpcError::Store`].
pub(crate) fn seal(
    snapshot: &Snapshot,
    method: &str,
    filter: &impl Serialize,
    key: EventKey,
) -> Result<Cursor> {
    Ok(cursor::seal(method, filter, &Place::of(snapshot, key)?.to_bytes()))
}

/// The place in a cursor; none without a cursor.
///
/// # Errors
/// [`RpcError::BadCursor`] when it does not come from this method with this filter,
/// [`RpcError::Reorged`] when something at or before it is not what it was.
pub(crate) fn open(
    snapshot: &Snapshot,
    method: &str,
    filter: &impl Serialize,
    from: Option<&Cursor>,
) -> Result<Option<EventKey>> {
    let Some(from) = from else { return Ok(None) };
    let position = cursor::open(method, filter, from)?;
    let place = Place::from_bytes(&position).ok_or(RpcError::BadCursor)?;
    let EventKey { chain, number, .. } = place.key;
    if place.stands(snapshot)? {
        return Ok(Some(place.key));
    }
    let resume_from = place.void_from(snapshot)?;
    Err(RpcError::Reorged(Reorged { chain: chain.0, number, resume_from }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_keeps_every_field() {
        let key = EventKey { chain: ChainId(1 << 60), number: 1 << 50, log_index: 1 << 30 };
        let place = Place { key, digest: [7; 16], open: 1 << 49, closed: [8; 16] };
        assert_eq!(Place::from_bytes(&place.to_bytes()), Some(place));
        assert_eq!(Place::from_bytes(&place.to_bytes()[1..]), None);
    }
}
