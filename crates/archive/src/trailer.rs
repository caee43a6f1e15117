//! The last frame: totals, digests, and where every frame is.

use crate::{
    progress::{Progress, Totals},
    record::{decode_ref, encode_ref},
    rlp::{Rlp, list},
};
use alloy::{
    primitives::B256,
    rlp::{Encodable, Error},
};
use bmn_primitives::BlockRef;
use serde::Serialize;

/// Where a frame is, for readers that can seek.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrameEntry {
    /// Byte at which it begins.
    pub offset: u64,
    /// Number of its first block record.
    pub first_block: u64,
    /// Number of its last block record.
    pub last_block: u64,
    /// Records in it.
    pub records: u64,
}

/// What a finished file says about itself at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trailer {
    /// Counts.
    pub totals: Totals,
    /// Over the preamble and every frame's checksum: the same bytes, the same digest.
    pub file_digest: B256,
    /// Over every record: the same history, the same digest, however it is framed and compressed.
    pub history_digest: B256,
    /// The newest block.
    pub tip: Option<BlockRef>,
    /// Where every frame is.
    pub index: Vec<FrameEntry>,
}

impl Trailer {
    pub(crate) fn of(progress: &Progress) -> Self {
        Self {
            totals: progress.totals,
            file_digest: progress.file_digest,
            history_digest: progress.history_digest,
            tip: progress.canon.tip(),
            index: progress.index.clone(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        list(&mut bytes, |out| {
            list(out, |out| self.totals.fields().iter().for_each(|field| field.encode(out)));
            self.file_digest.encode(out);
            self.history_digest.encode(out);
            list(out, |out| {
                if let Some(tip) = &self.tip {
                    encode_ref(tip, out);
                }
            });
            list(out, |out| {
                for entry in &self.index {
                    let FrameEntry { offset, first_block, last_block, records } = *entry;
                    list(out, |out| {
                        for field in [offset, first_block, last_block, records] {
                            field.encode(out);
                        }
                    });
                }
            });
        });
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = Rlp::only_list(bytes)?;
        let mut totals = fields.list()?;
        let mut counts = [0; 11];
        for count in &mut counts {
            *count = totals.uint()?;
        }
        totals.end()?;
        let file_digest = B256::from(fields.array()?);
        let history_digest = B256::from(fields.array()?);
        let mut tips = fields.list()?;
        let tip = if tips.is_empty() { None } else { Some(decode_ref(&mut tips)?) };
        tips.end()?;
        let mut entries = fields.list()?;
        let mut index = Vec::new();
        while !entries.is_empty() {
            let mut entry = entries.list()?;
            index.push(FrameEntry {
                offset: entry.uint()?,
                first_block: entry.uint()?,
                last_block: entry.uint()?,
                records: entry.uint()?,
            });
            entry.end()?;
        }
        fields.end()?;
        Ok(Self { totals: Totals::from_fields(counts), file_digest, history_digest, tip, index })
    }
}
