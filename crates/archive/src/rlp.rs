//! Positional reading of RLP: the archive keeps bytes as the chain hashes them, and looks only at
//! what it needs. Fields that a later fork appends are stepped over.

use alloy::{
    primitives::Bytes,
    rlp::{Error, Header},
};

/// The rest of an RLP list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rlp<'a>(&'a [u8]);

impl<'a> Rlp<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The items of `bytes`, which must be one list and nothing else.
    pub(crate) fn only_list(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut rest = Self(bytes);
        let list = rest.list()?;
        rest.end()?;
        Ok(list)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) const fn remaining(&self) -> usize {
        self.0.len()
    }

    pub(crate) const fn end(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::UnexpectedLength) }
    }

    fn item(&mut self) -> Result<(bool, &'a [u8]), Error> {
        let mut rest = self.0;
        let header = Header::decode(&mut rest)?;
        let payload = rest.get(..header.payload_length).ok_or(Error::InputTooShort)?;
        self.0 = &rest[header.payload_length..];
        Ok((header.list, payload))
    }

    pub(crate) fn list(&mut self) -> Result<Self, Error> {
        match self.item()? {
            (true, payload) => Ok(Self(payload)),
            (false, _) => Err(Error::UnexpectedString),
        }
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], Error> {
        match self.item()? {
            (false, payload) => Ok(payload),
            (true, _) => Err(Error::UnexpectedList),
        }
    }

    pub(crate) fn skip(&mut self, items: usize) -> Result<(), Error> {
        for _ in 0..items {
            self.item()?;
        }
        Ok(())
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Error> {
        self.string()?.try_into().map_err(|_| Error::UnexpectedLength)
    }

    pub(crate) fn uint(&mut self) -> Result<u64, Error> {
        let bytes = self.string()?;
        if bytes.len() > 8 {
            return Err(Error::Overflow);
        }
        if bytes.first() == Some(&0) {
            return Err(Error::LeadingZero);
        }
        Ok(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// The next string as a piece of `whole`, which it must lie in: no copy.
    pub(crate) fn bytes_of(&mut self, whole: &Bytes) -> Result<Bytes, Error> {
        Ok(piece(whole, self.string()?))
    }
}

/// `part` of `whole` without a copy.
pub(crate) fn piece(whole: &Bytes, part: &[u8]) -> Bytes {
    if part.is_empty() { Bytes::new() } else { Bytes(whole.0.slice_ref(part)) }
}

/// Wraps what `fields` writes into a list.
pub(crate) fn list(out: &mut Vec<u8>, fields: impl FnOnce(&mut Vec<u8>)) {
    let mut payload = Vec::new();
    fields(&mut payload);
    Header { list: true, payload_length: payload.len() }.encode(out);
    out.extend_from_slice(&payload);
}
