//! A row as bytes: a version, the end or zero, and the value in postcard.

use crate::RecordsError;
use serde::{Serialize, de::DeserializeOwned};

const VERSION: u8 = 1;

/// Version and end.
const HEAD: usize = 9;

pub(crate) fn write<V: Serialize>(
    table: &'static str,
    value: &V,
    ends_ms: Option<u64>,
) -> Result<Vec<u8>, RecordsError> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&ends_ms.unwrap_or(0).to_be_bytes());
    postcard::to_extend(value, bytes)
        .map_err(|error| RecordsError::Unencodable { table, reason: error.to_string() })
}

/// The value, unless its end has come.
pub(crate) fn read<V: DeserializeOwned>(
    table: &'static str,
    bytes: &[u8],
    now_ms: u64,
) -> Result<Option<V>, RecordsError> {
    let undecodable = || RecordsError::Undecodable { table };
    if end(bytes).ok_or_else(undecodable)?.is_some_and(|end| end <= now_ms) {
        return Ok(None);
    }
    let (value, rest) = postcard::take_from_bytes(&bytes[HEAD..]).map_err(|_| undecodable())?;
    if rest.is_empty() { Ok(Some(value)) } else { Err(undecodable()) }
}

/// When a row ends; none when it is no row of ours.
pub(crate) fn end(bytes: &[u8]) -> Option<Option<u64>> {
    let (head, _) = bytes.split_at_checked(HEAD)?;
    let end = u64::from_be_bytes(head[1..].try_into().ok()?);
    (head[0] == VERSION).then_some((end != 0).then_some(end))
}
