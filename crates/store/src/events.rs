//! Events and the blocks that hold them, as they lie in the file.

use crate::codec::{decode_packed, encode_packed};
use crate::keys::{Key, u32_at, u64_at};
use crate::legs::Creation;
use crate::rows::{Rows, row};
use crate::tables;
use crate::{EventKey, EventRow, StoreError};
use alloy::primitives::{Address, B256, Keccak256};
use bmn_contracts::ContractEvent;
use bmn_primitives::{BlockRef, ChainId};
use bmn_swap::Inclusion;
use serde::{Deserialize, Serialize};
use std::ops::{ControlFlow, RangeInclusive};

type Result<T> = std::result::Result<T, StoreError>;

/// The row of a block that holds events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockRow {
    pub(crate) hash: B256,
    pub(crate) time: u64,
    /// The rolling digest up to and with this block.
    pub(crate) digest: B256,
}

impl BlockRow {
    pub(crate) const fn at(&self, number: u64) -> BlockRef {
        BlockRef { number, hash: self.hash, time: self.time }
    }
}

/// The row of an event: what neither its key nor its block's row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredEvent {
    pub(crate) tx_hash: B256,
    pub(crate) tx_index: u32,
    /// The emitter; none where it is the escrow itself.
    pub(crate) address: Option<Address>,
    pub(crate) escrow: Option<Address>,
    pub(crate) event: ContractEvent,
    /// Of the creation of a source or destination escrow: what its factory and transaction say.
    pub(crate) creation: Option<Creation>,
}

impl StoredEvent {
    pub(crate) fn of(row: &EventRow, creation: Option<Creation>) -> Self {
        let emitter = Some(row.address);
        Self {
            tx_hash: row.at.tx_hash,
            tx_index: row.tx_index,
            address: emitter.filter(|_| row.escrow != emitter),
            escrow: row.escrow,
            event: row.event.clone(),
            creation,
        }
    }

    pub(crate) fn encoded(&self) -> Result<Vec<u8>> {
        encode_packed(tables::EVENTS.name, self)
    }

    pub(crate) fn decoded(key: &[u8], value: &[u8]) -> Result<Self> {
        decode_packed(tables::EVENTS.name, key, value)
    }

    pub(crate) fn emitter(&self) -> Address {
        self.address.or(self.escrow).unwrap_or_default()
    }

    pub(crate) fn into_row(self, chain: ChainId, block: BlockRef, log_index: u32) -> EventRow {
        EventRow {
            chain,
            at: Inclusion { block, tx_hash: self.tx_hash, log_index },
            tx_index: self.tx_index,
            address: self.emitter(),
            escrow: self.escrow,
            event: self.event,
        }
    }
}

pub(crate) fn block_key(chain: ChainId, number: u64) -> Key {
    Key::of(chain).u64(number)
}

pub(crate) fn event_key(key: EventKey) -> Key {
    Key::of(key.chain).u64(key.number).u32(key.log_index)
}

pub(crate) fn event_key_at(key: &[u8]) -> Result<EventKey> {
    let table = tables::EVENTS;
    let (chain, number) = (ChainId(u64_at(table, key, 0)?), u64_at(table, key, 8)?);
    Ok(EventKey { chain, number, log_index: u32_at(table, key, 16)? })
}

pub(crate) fn block_row<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    number: u64,
) -> Result<Option<BlockRow>> {
    row(rows, tables::BLOCKS, block_key(chain, number).as_slice())
}

fn block_of<R: Rows + ?Sized>(rows: &R, chain: ChainId, number: u64) -> Result<BlockRef> {
    let missing = || StoreError::dangling(tables::BLOCKS.name, block_key(chain, number).as_slice());
    Ok(block_row(rows, chain, number)?.ok_or_else(missing)?.at(number))
}

/// An event as it is stored, with its block.
pub(crate) fn stored<R: Rows + ?Sized>(
    rows: &R,
    at: EventKey,
) -> Result<Option<(StoredEvent, BlockRef)>> {
    let key = event_key(at);
    let Some(bytes) = rows.raw_get(tables::EVENTS, key.as_slice())? else { return Ok(None) };
    let event = StoredEvent::decoded(key.as_slice(), &bytes)?;
    Ok(Some((event, block_of(rows, at.chain, at.number)?)))
}

/// The same for a place that another row names.
pub(crate) fn named<R: Rows + ?Sized>(rows: &R, at: EventKey) -> Result<(StoredEvent, BlockRef)> {
    stored(rows, at)?
        .ok_or_else(|| StoreError::dangling(tables::EVENTS.name, event_key(at).as_slice()))
}

pub(crate) fn event<R: Rows + ?Sized>(rows: &R, at: EventKey) -> Result<Option<EventRow>> {
    Ok(stored(rows, at)?.map(|(event, block)| event.into_row(at.chain, block, at.log_index)))
}

pub(crate) fn events<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    numbers: RangeInclusive<u64>,
    after: Option<EventKey>,
    limit: usize,
) -> Result<Vec<EventRow>> {
    let mut range = Key::of(chain).u64(*numbers.start()).prefix();
    if let Some(after) = after.filter(|after| after.number >= *numbers.start()) {
        range.from = Key::of(chain).prefix_after(Some(&event_key(after).as_slice()[8..])).from;
    }
    range.below = Key::of(chain).u64(*numbers.end()).prefix().below;
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    let mut block: Option<BlockRef> = None;
    rows.raw_scan(tables::EVENTS, &range, &mut |key, value| {
        let at = event_key_at(key)?;
        let block = match block {
            Some(block) if block.number == at.number => block,
            _ => *block.insert(block_of(rows, chain, at.number)?),
        };
        let event = StoredEvent::decoded(key, value)?;
        found.push(event.into_row(chain, block, at.log_index));
        Ok(if found.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

/// The rolling digest: `keccak(digest before || number || block hash || time || each event's log
/// index, length and row)`, integers big-endian (8, 8, 4 and 4 bytes). A block without events changes nothing.
pub(crate) fn digest_begun(before: B256, block: BlockRef) -> Keccak256 {
    let mut hasher = Keccak256::new();
    hasher.update(before);
    hasher.update(block.number.to_be_bytes());
    hasher.update(block.hash);
    hasher.update(block.time.to_be_bytes());
    hasher
}

/// Takes an event into the digest of its block.
pub(crate) fn digest_event(hasher: &mut Keccak256, log_index: u32, row: &[u8]) {
    hasher.update(log_index.to_be_bytes());
    hasher.update(u32::try_from(row.len()).unwrap_or(u32::MAX).to_be_bytes());
    hasher.update(row);
}
