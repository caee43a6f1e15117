//! What has been written or read so far.

use crate::{
    canon::Canon,
    error::{ArchiveError, Misfit, Place},
    format::{FrameHeader, Preamble, sha256},
    record::Record,
    trailer::FrameEntry,
};
use alloy::primitives::B256;
use bmn_chain::Header;
use serde::Serialize;

/// Counts over a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Frames of records.
    pub frames: u64,
    /// Records.
    pub records: u64,
    /// Blocks, those that left again included.
    pub blocks: u64,
    /// Rollbacks.
    pub rollbacks: u64,
    /// Blocks that rollbacks took away.
    pub reverted: u64,
    /// Receipts.
    pub receipts: u64,
    /// Logs.
    pub logs: u64,
    /// Blocks whose header does not hash to their hash.
    pub unverified_headers: u64,
    /// Blocks whose receipts do not give the header's root.
    pub unverified_receipts: u64,
    /// Bytes of the records before compression.
    pub raw_bytes: u64,
    /// Bytes of the records after it.
    pub packed_bytes: u64,
}

impl Totals {
    /// In the order they are stored.
    pub(crate) const fn fields(&self) -> [u64; 11] {
        [
            self.frames,
            self.records,
            self.blocks,
            self.rollbacks,
            self.reverted,
            self.receipts,
            self.logs,
            self.unverified_headers,
            self.unverified_receipts,
            self.raw_bytes,
            self.packed_bytes,
        ]
    }

    pub(crate) const fn from_fields(fields: [u64; 11]) -> Self {
        let [
            frames,
            records,
            blocks,
            rollbacks,
            reverted,
            receipts,
            logs,
            unverified_headers,
            unverified_receipts,
            raw_bytes,
            packed_bytes,
        ] = fields;
        Self {
            frames,
            records,
            blocks,
            rollbacks,
            reverted,
            receipts,
            logs,
            unverified_headers,
            unverified_receipts,
            raw_bytes,
            packed_bytes,
        }
    }
}

/// Everything that the trailer will say, up to some frame.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) totals: Totals,
    pub(crate) canon: Canon,
    pub(crate) file_digest: B256,
    pub(crate) history_digest: B256,
    pub(crate) index: Vec<FrameEntry>,
    /// First and last block of the frame that is being read.
    in_frame: Option<[(u64, B256); 2]>,
}

impl Progress {
    pub(crate) fn new(preamble: &Preamble, bytes: &[u8]) -> Self {
        let (chain, first) = (preamble.chain.0.to_be_bytes(), preamble.first_block.to_be_bytes());
        Self {
            totals: Totals::default(),
            canon: Canon::new(preamble.first_block),
            file_digest: sha256(&[bytes]),
            history_digest: sha256(&[b"bmn history 1", &chain, &first]),
            index: Vec::new(),
            in_frame: None,
        }
    }

    /// A copy that costs the same however long the file is.
    pub(crate) fn without_index(&self) -> Self {
        let Self { totals, file_digest, history_digest, .. } = *self;
        let (canon, index, in_frame) = (self.canon.clone(), Vec::new(), None);
        Self { totals, canon, file_digest, history_digest, index, in_frame }
    }

    /// Takes a record, `raw` being its bytes. Answers the header of a block.
    pub(crate) fn record(&mut self, record: &Record, raw: &[u8]) -> Result<Option<Header>, Misfit> {
        let (receipts, logs) = match record {
            Record::Block(block) => {
                (block.receipts.len() as u64, block.log_count().map_err(Misfit::Receipts)?)
            }
            Record::Rollback(_) => (0, 0),
        };
        let header = self.canon.take(record)?;
        let totals = &mut self.totals;
        totals.records += 1;
        totals.raw_bytes += raw.len() as u64;
        match record {
            Record::Block(block) => {
                totals.blocks += 1;
                totals.receipts += receipts;
                totals.logs += logs;
                totals.unverified_headers += u64::from(block.trust.header_unverified);
                totals.unverified_receipts += u64::from(block.trust.receipts_unverified);
            }
            Record::Rollback(rollback) => {
                totals.rollbacks += 1;
                totals.reverted += rollback.reverted.len() as u64;
            }
        }
        self.history_digest = sha256(&[self.history_digest.as_slice(), raw]);
        Ok(header)
    }

    /// Takes a block as part of the frame that is being read.
    pub(crate) fn block_in_frame(&mut self, block: (u64, B256)) {
        let [first, _] = self.in_frame.unwrap_or([block; 2]);
        self.in_frame = Some([first, block]);
    }

    /// Takes the header of a frame that was read to its end, and compares it with what was in it.
    pub(crate) fn close_frame(
        &mut self,
        place: Place,
        header: &FrameHeader,
    ) -> Result<(), ArchiveError> {
        let [first, last] = self.in_frame.take().unwrap_or_default();
        if (first, last) != (header.first, header.last) {
            let problem = "its header names other blocks than it holds";
            return Err(ArchiveError::damaged(place, problem));
        }
        self.frame(place.offset, header);
        Ok(())
    }

    /// Takes the header of a frame whose records were all taken.
    pub(crate) fn frame(&mut self, offset: u64, header: &FrameHeader) {
        self.totals.frames += 1;
        self.totals.packed_bytes += u64::from(header.packed);
        self.file_digest = next_digest(self.file_digest, header.checksum);
        self.index.push(FrameEntry {
            offset,
            first_block: header.first.0,
            last_block: header.last.0,
            records: u64::from(header.records),
        });
    }
}

/// The digest of a file with one more frame.
pub(crate) fn next_digest(digest: B256, checksum: B256) -> B256 {
    sha256(&[digest.as_slice(), checksum.as_slice()])
}
