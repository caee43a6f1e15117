//! Reading the fixed layout that Solidity's own encoder produces.
//!
//! Log data comes from that encoder and from nothing else, so anything but its canonical layout
//! (offsets in order, no gap, zero padding, no surplus) is a forgery or damage.

use crate::error::DecodeError;
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_primitives::AddressWord;

pub(crate) const WORD: usize = 32;

/// Words of one event's data, addressed by index; errors name the event and the field.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    event: &'static str,
    data: &'a [u8],
}

impl<'a> Words<'a> {
    /// Data of any length; reads outside it are errors.
    pub(crate) const fn new(event: &'static str, data: &'a [u8]) -> Self {
        Self { event, data }
    }

    /// Data of exactly `count` words.
    pub(crate) fn exactly(
        event: &'static str,
        data: &'a [u8],
        count: usize,
    ) -> Result<Self, DecodeError> {
        if data.len() == count * WORD {
            Ok(Self { event, data })
        } else {
            Err(DecodeError::DataLength { event, expected: count * WORD, found: data.len() })
        }
    }

    pub(crate) const fn malformed(&self, field: &'static str, reason: &'static str) -> DecodeError {
        DecodeError::Field { event: self.event, field, reason }
    }

    pub(crate) fn word(&self, index: usize, field: &'static str) -> Result<B256, DecodeError> {
        let word = self.data.get(index * WORD..(index + 1) * WORD);
        word.map(B256::from_slice).ok_or_else(|| self.malformed(field, "the data ends before it"))
    }

    pub(crate) fn uint(&self, index: usize, field: &'static str) -> Result<U256, DecodeError> {
        Ok(self.word(index, field)?.into())
    }

    pub(crate) fn address_word(
        &self,
        index: usize,
        field: &'static str,
    ) -> Result<AddressWord, DecodeError> {
        Ok(AddressWord(self.uint(index, field)?))
    }

    pub(crate) fn address(
        &self,
        index: usize,
        field: &'static str,
    ) -> Result<Address, DecodeError> {
        clean_address(self.event, self.word(index, field)?, field)
    }

    /// The word at `index` must be exactly this offset.
    pub(crate) fn offset(
        &self,
        index: usize,
        expected: usize,
        field: &'static str,
    ) -> Result<(), DecodeError> {
        if self.uint(index, field)? == U256::from(expected) {
            Ok(())
        } else {
            Err(self.malformed(field, "its offset is not where the encoder puts it"))
        }
    }

    /// Length-prefixed bytes whose length word is at `index`, and the index of the word after them.
    pub(crate) fn bytes(
        &self,
        index: usize,
        field: &'static str,
    ) -> Result<(Bytes, usize), DecodeError> {
        let rest = self.data.get((index + 1) * WORD..).unwrap_or_default();
        let length = usize::try_from(self.uint(index, field)?)
            .ok()
            .filter(|length| *length <= rest.len())
            .ok_or_else(|| self.malformed(field, "longer than the data"))?;
        let words = length.div_ceil(WORD);
        let padding = rest.get(length..words * WORD);
        let padding = padding.ok_or_else(|| self.malformed(field, "its padding is cut off"))?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(self.malformed(field, "its padding is not zero"));
        }
        Ok((Bytes::copy_from_slice(&rest[..length]), index + 1 + words))
    }

    /// Nothing may follow word `index`.
    pub(crate) fn end(&self, index: usize) -> Result<(), DecodeError> {
        if self.data.len() == index * WORD {
            Ok(())
        } else {
            Err(DecodeError::DataLength {
                event: self.event,
                expected: index * WORD,
                found: self.data.len(),
            })
        }
    }
}

/// The address in a word whose high 96 bits Solidity has already cleared.
pub(crate) fn clean_address(
    event: &'static str,
    word: B256,
    field: &'static str,
) -> Result<Address, DecodeError> {
    let reason = "an `address` with non-zero high 96 bits, which no contract can log";
    AddressWord(word.into()).clean().map_err(|_| DecodeError::Field { event, field, reason })
}
