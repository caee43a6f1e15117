//! RLP by position: what is in a list, without a type for the whole of it.

use alloy::rlp::{Decodable, Header};

/// A value that these bytes are the encoding of, to their end.
pub(crate) fn whole<T: Decodable>(mut bytes: &[u8]) -> Option<T> {
    let value = T::decode(&mut bytes).ok()?;
    bytes.is_empty().then_some(value)
}

/// The string that these bytes are the encoding of, to their end.
pub(crate) fn string(mut bytes: &[u8]) -> Option<&[u8]> {
    let value = Header::decode_bytes(&mut bytes, false).ok()?;
    bytes.is_empty().then_some(value)
}

/// The items of a list, each with its own header; none when it is not exactly one list.
pub(crate) fn items(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let list = Header::decode(&mut bytes).ok()?;
    if !list.list || bytes.len() != list.payload_length {
        return None;
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let mut rest = bytes;
        let item = Header::decode(&mut rest).ok()?;
        let length = (bytes.len() - rest.len()).checked_add(item.payload_length)?;
        let (item, rest) = bytes.split_at_checked(length)?;
        found.push(item);
        bytes = rest;
    }
    Some(found)
}
