//! The extension of a limit order: eight fields behind one offsets word.

use crate::error::OrderError;
use alloy::primitives::{Address, Bytes, U256};

/// The fields, in their order in the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExtensionField {
    /// Appended to the maker asset's transfer call.
    MakerAssetSuffix = 0,
    /// Appended to the taker asset's transfer call.
    TakerAssetSuffix = 1,
    /// Getter of the making amount.
    MakingAmountData = 2,
    /// Getter of the taking amount.
    TakingAmountData = 3,
    /// Condition of the fill.
    Predicate = 4,
    /// Permit of the maker.
    MakerPermit = 5,
    /// Called before the transfers.
    PreInteractionData = 6,
    /// Called after the transfers: the escrow factory and its extra data.
    PostInteractionData = 7,
}

impl ExtensionField {
    /// All fields, in order.
    pub const ALL: [Self; 8] = [
        Self::MakerAssetSuffix,
        Self::TakerAssetSuffix,
        Self::MakingAmountData,
        Self::TakingAmountData,
        Self::Predicate,
        Self::MakerPermit,
        Self::PreInteractionData,
        Self::PostInteractionData,
    ];
}

/// A parsed extension, borrowing its bytes. An empty one has eight empty fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    ends: [usize; 8],
    body: &'a [u8],
}

impl<'a> Extension<'a> {
    /// Parses an extension.
    ///
    /// # Errors
    /// Offsets that decrease or leave the bytes. On chain such a field reads as empty or reverts with
    /// `OffsetOutOfBounds`; an order that relies on it is not one to fill.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, OrderError> {
        if bytes.is_empty() {
            return Ok(Self { ends: [0; 8], body: bytes });
        }
        let Some((offsets, body)) = bytes.split_first_chunk::<32>() else {
            return Err(OrderError::ExtensionTooShort(bytes.len()));
        };
        let mut ends = [0; 8];
        let mut begin = 0;
        // Field 0 has the lowest four bytes of the word, so the big-endian word is read backwards.
        for ((slot, field), end) in ends.iter_mut().zip(0_u8..).zip(offsets.rchunks_exact(4)) {
            let end = end.iter().fold(0_u32, |value, byte| (value << 8) | u32::from(*byte));
            if end < begin {
                return Err(OrderError::ExtensionOffsets { field, begin, end });
            }
            let bound = usize::try_from(end).ok().filter(|end| *end <= body.len());
            let available = body.len();
            *slot = bound.ok_or(OrderError::ExtensionBounds { field, end, available })?;
            begin = end;
        }
        Ok(Self { ends, body })
    }

    /// The bytes of a field.
    pub fn field(&self, field: ExtensionField) -> &'a [u8] {
        let index = field as usize;
        let begin = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.body[begin..self.ends[index]]
    }

    /// What follows the last field.
    pub fn custom_data(&self) -> &'a [u8] {
        &self.body[self.ends[7]..]
    }

    /// The fields that are not empty.
    pub fn present(&self) -> impl Iterator<Item = ExtensionField> + '_ {
        ExtensionField::ALL.into_iter().filter(|field| !self.field(*field).is_empty())
    }

    /// True when the post-interaction is all there is. Any other field changes the transfers or runs
    /// foreign code in the fill.
    pub fn is_post_interaction_only(&self) -> bool {
        self.custom_data().is_empty() && self.present().eq([ExtensionField::PostInteractionData])
    }

    /// The contract called after the fill, and what the protocol passes to it as `extraData`.
    ///
    /// # Errors
    /// The field is shorter than an address.
    pub fn post_interaction(&self) -> Result<(Address, &'a [u8]), OrderError> {
        let data = self.field(ExtensionField::PostInteractionData);
        let (target, extra_data) = data
            .split_first_chunk::<20>()
            .ok_or(OrderError::PostInteractionTooShort(data.len()))?;
        Ok((Address::from(target), extra_data))
    }

    /// Builds the extension of a cross-chain order: the factory and its extra data in field 7.
    pub fn post_interaction_only(factory: Address, extra_data: &[u8]) -> Bytes {
        let end = factory.len() + extra_data.len();
        let offsets: U256 = U256::from(end) << 224;
        [&offsets.to_be_bytes::<32>()[..], factory.as_slice(), extra_data].concat().into()
    }
}
