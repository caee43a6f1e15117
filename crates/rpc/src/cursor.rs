//! Opaque cursors: a position, bound to the method and filter it came from.

use crate::RpcError;
use alloy::primitives::{hex, keccak256};
use bmn_rpc_api::Cursor;
use serde::Serialize;

const CHECK: usize = 8;

fn check(method: &str, filter: &impl Serialize, position: &[u8]) -> [u8; CHECK] {
    // A filter is a struct of plain values: it always serialises.
    let filter = serde_json::to_vec(filter).unwrap_or_default();
    let length = u64::try_from(filter.len()).unwrap_or(u64::MAX).to_be_bytes();
    let hash = keccak256([b"bmn cursor 1", method.as_bytes(), &length, &filter, position].concat());
    let mut check = [0; CHECK];
    check.copy_from_slice(&hash[..CHECK]);
    check
}

/// A cursor that goes on after `position`.
pub(crate) fn seal(method: &str, filter: &impl Serialize, position: &[u8]) -> Cursor {
    Cursor(hex::encode([&check(method, filter, position)[..], position].concat()))
}

/// The position in a cursor.
///
/// # Errors
/// [`RpcError::BadCursor`] when it does not come from this method with this filter.
pub(crate) fn open(
    method: &str,
    filter: &impl Serialize,
    cursor: &Cursor,
) -> Result<Vec<u8>, RpcError> {
    let bytes = hex::decode(&cursor.0).map_err(|_| RpcError::BadCursor)?;
    let (found, position) = bytes.split_at_checked(CHECK).ok_or(RpcError::BadCursor)?;
    if found == check(method, filter, position) {
        Ok(position.to_vec())
    } else {
        Err(RpcError::BadCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_where_it_was_made() {
        let cursor = seal("getSwaps", &"filter", b"here");
        assert_eq!(open("getSwaps", &"filter", &cursor).unwrap(), b"here");
        assert!(open("getEvents", &"filter", &cursor).is_err());
        assert!(open("getSwaps", &"other", &cursor).is_err());
    }

    #[test]
    fn no_altered_cursor_opens() {
        let cursor = seal("getSwaps", &(), b"position").0;
        for at in 0..cursor.len() {
            let mut forged = cursor.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            let forged = Cursor(String::from_utf8(forged).unwrap());
            assert!(open("getSwaps", &(), &forged).is_err(), "{forged:?}");
        }
        for forged in ["", "00", "xyz", &cursor[..cursor.len() - 2], &format!("{cursor}00")] {
            assert!(open("getSwaps", &(), &Cursor(forged.to_owned())).is_err(), "{forged}");
        }
    }
}
