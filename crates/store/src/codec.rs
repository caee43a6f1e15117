//! Rows as bytes: a version byte, then postcard.

use crate::StoreError;
use crate::pack::{pack, unpack};
use crate::tables::ROW_VERSION;
use serde::{Serialize, de::DeserializeOwned};

/// Encodes a row of `table`.
///
/// # Errors
/// [`StoreError::Unencodable`] when the type asks for something postcard cannot do, which is a
/// mistake in the type, whatever its value.
pub fn encode<T: Serialize>(table: &'static str, row: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = encoded(table, row, USUAL_ROW)?;
    // Rows wait in memory by the ten thousand.
    bytes.shrink_to_fit();
    Ok(bytes)
}

/// Room for most rows, so that they are not moved while they grow.
const USUAL_ROW: usize = 192;

/// The same for rows before they are packed.
const USUAL_PLAIN: usize = 1_024;

fn encoded<T: Serialize>(table: &'static str, row: &T, room: usize) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(room);
    bytes.push(ROW_VERSION);
    postcard::to_extend(row, bytes)
        .map_err(|error| StoreError::Unencodable { table, reason: error.to_string() })
}

/// Decodes a row of `table`; `key` only names it in the error.
///
/// # Errors
/// [`StoreError::Undecodable`] when the version is unknown, the bytes do not fit the type or some
/// are left over.
pub fn decode<T: DeserializeOwned>(
    table: &'static str,
    key: &[u8],
    bytes: &[u8],
) -> Result<T, StoreError> {
    let row = bytes.split_first().filter(|(version, _)| **version == ROW_VERSION);
    row.and_then(|(_, row)| postcard::take_from_bytes(row).ok())
        .and_then(|(value, rest)| rest.is_empty().then_some(value))
        .ok_or_else(|| StoreError::undecodable(table, key))
}

/// Encodes a row of `table` whose zeros are packed.
pub(crate) fn encode_packed<T: Serialize>(
    table: &'static str,
    row: &T,
) -> Result<Vec<u8>, StoreError> {
    let plain = encoded(table, row, USUAL_PLAIN)?;
    let mut packed = Vec::with_capacity(plain.len());
    pack(&plain, &mut packed);
    packed.shrink_to_fit();
    Ok(packed)
}

/// Decodes a row that [`encode_packed`] wrote.
pub(crate) fn decode_packed<T: DeserializeOwned>(
    table: &'static str,
    key: &[u8],
    bytes: &[u8],
) -> Result<T, StoreError> {
    let plain = unpack(bytes).ok_or_else(|| StoreError::undecodable(table, key))?;
    decode(table, key, &plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_needs_its_version_and_all_its_bytes() {
        let bytes = encode("t", &(7u64, "seven".to_owned())).unwrap();
        let read = |bytes: &[u8]| decode::<(u64, String)>("t", &[0xab], bytes);
        assert_eq!(read(&bytes).unwrap(), (7, "seven".to_owned()));
        let mut newer = bytes.clone();
        newer[0] += 1;
        let longer = [&bytes[..], &[0]].concat();
        for bad in [&newer[..], &longer[..], &bytes[..bytes.len() - 1], &[]] {
            let error = read(bad).unwrap_err();
            assert_eq!(error.to_string(), "table t: row 0xab does not decode");
        }
    }
}
