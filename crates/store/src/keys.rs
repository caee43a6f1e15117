//! Composite keys.

use crate::StoreError;
use crate::tables::Table;
use alloy::primitives::{Address, B256};
use bmn_primitives::{ChainId, OrderId};
use std::ops::Bound;

/// A key under construction. Fields are appended in the order of the schema.
#[derive(Clone)]
pub(crate) struct Key(Vec<u8>);

impl Default for Key {
    fn default() -> Self {
        // Room for most keys, so that they are not moved while they grow.
        Self(Vec::with_capacity(40))
    }
}

impl Key {
    pub(crate) fn of(chain: ChainId) -> Self {
        Self::default().u64(chain.0)
    }

    pub(crate) fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn address(self, address: Address) -> Self {
        self.bytes(address.as_slice())
    }

    pub(crate) fn hash(self, hash: B256) -> Self {
        self.bytes(hash.as_slice())
    }

    pub(crate) fn order(self, order: OrderId) -> Self {
        self.bytes(&order.to_bytes())
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Every key that starts with this one.
    pub(crate) fn prefix(self) -> KeyRange {
        let below = successor(&self.0);
        KeyRange { from: Bound::Included(self.0), below }
    }

    /// Every key that starts with this one and comes after `self ++ after`.
    pub(crate) fn prefix_after(self, after: Option<&[u8]>) -> KeyRange {
        match after {
            None => self.prefix(),
            Some(after) => {
                let below = successor(&self.0);
                KeyRange { from: Bound::Excluded(self.bytes(after).0), below }
            }
        }
    }
}

/// A range of keys; `below` is exclusive, none means to the end of the table.
#[derive(Clone)]
pub struct KeyRange {
    pub(crate) from: Bound<Vec<u8>>,
    pub(crate) below: Option<Vec<u8>>,
}

impl KeyRange {
    pub(crate) fn all() -> Self {
        Self { from: Bound::Unbounded, below: None }
    }

    pub(crate) fn after(after: Option<&[u8]>) -> Self {
        Self {
            from: after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.to_vec())),
            below: None,
        }
    }

    pub(crate) fn between(from: &[u8], below: Option<&[u8]>) -> Self {
        Self { from: Bound::Included(from.to_vec()), below: below.map(<[u8]>::to_vec) }
    }

    /// redb panics on a range whose start lies behind its end; such a range is simply empty.
    pub(crate) fn is_empty(&self) -> bool {
        match (&self.from, &self.below) {
            (Bound::Included(from) | Bound::Excluded(from), Some(below)) => from >= below,
            _ => false,
        }
    }
}

/// The smallest byte string above every string that starts with `prefix`.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Some(next)
}

/// The order id at the end of an index key.
pub(crate) fn trailing_order(table: Table, key: &[u8]) -> Result<OrderId, StoreError> {
    key.len()
        .checked_sub(OrderId::LEN)
        .and_then(|at| OrderId::from_bytes(&key[at..]))
        .ok_or_else(|| StoreError::undecodable(table.name, key))
}

/// The escrow at the end of an index key.
pub(crate) fn trailing_address(table: Table, key: &[u8]) -> Result<Address, StoreError> {
    key.len()
        .checked_sub(Address::len_bytes())
        .map(|at| Address::from_slice(&key[at..]))
        .ok_or_else(|| StoreError::undecodable(table.name, key))
}

/// The big-endian integer at `at`.
pub(crate) fn u64_at(table: Table, key: &[u8], at: usize) -> Result<u64, StoreError> {
    key.get(at..at + 8)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u64::from_be_bytes)
        .ok_or_else(|| StoreError::undecodable(table.name, key))
}

/// The big-endian integer at `at`.
pub(crate) fn u32_at(table: Table, key: &[u8], at: usize) -> Result<u32, StoreError> {
    key.get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_be_bytes)
        .ok_or_else(|| StoreError::undecodable(table.name, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_its_successor_begins() {
        assert_eq!(successor(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(successor(&[1, 255]), Some(vec![2]));
        assert_eq!(successor(&[255, 255]), None);
        assert_eq!(successor(&[]), None);
    }

    #[test]
    fn a_range_past_its_prefix_is_empty() {
        let last = [255u8; 20];
        let range = Key::of(ChainId(1)).prefix_after(Some(&last));
        assert!(!range.is_empty());
        assert!(KeyRange::between(&[2], Some(&[1])).is_empty());
        assert!(KeyRange::between(&[2], Some(&[2])).is_empty());
    }
}
