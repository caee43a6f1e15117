//! Writing a file, front to back.

use crate::{
    error::ArchiveError,
    format::{FrameHeader, FrameKind, MAX_FRAME_BYTES, Preamble},
    progress::{Progress, Totals},
    record::Record,
    resume::ResumePoint,
    trailer::Trailer,
};
use alloy::primitives::B256;
use bmn_primitives::BlockRef;
use std::io::Write;
use zstd::bulk::Compressor;

/// How frames are made. None of it changes the history digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterOptions {
    /// Compression level of zstd, 1 to 19.
    pub level: i32,
    /// Records in a frame at most. What a cut may lose.
    pub frame_records: u32,
    /// A frame that holds this many bytes is closed.
    pub frame_bytes: usize,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { level: 3, frame_records: 1024, frame_bytes: 1 << 20 }
    }
}

/// Writes an archive. Only [`Self::finish`] makes it complete; what was flushed before is readable
/// all the same.
pub struct Writer<W: Write> {
    into: W,
    options: WriterOptions,
    compressor: Compressor<'static>,
    progress: Progress,
    offset: u64,
    frame: Frame,
    scratch: Vec<u8>,
}

/// The frame that is being filled.
#[derive(Debug, Default)]
struct Frame {
    raw: Vec<u8>,
    records: u32,
    first: Option<(u64, B256)>,
    last: (u64, B256),
}

impl<W: Write> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn create(
        mut into: W,
        preamble: &Preamble,
        options: WriterOptions,
    ) -> Result<Self, ArchiveError> {
        let bytes = preamble.encode();
        into.write_all(&bytes)?;
        let progress = Progress::new(preamble, &bytes);
        Self::new(into, progress, bytes.len() as u64, options)
    }

    /// Goes on with a file that was cut off or finished earlier. `into` must be cut to
    /// [`ResumePoint::offset`] bytes and stand there.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn resume(
        into: W,
        point: ResumePoint,
        options: WriterOptions,
    ) -> Result<Self, ArchiveError> {
        Self::new(into, point.progress, point.offset, options)
    }

    fn new(
        into: W,
        progress: Progress,
        offset: u64,
        options: WriterOptions,
    ) -> Result<Self, ArchiveError> {
        let compressor = Compressor::new(options.level)?;
        let (frame, scratch) = (Frame::default(), Vec::new());
        Ok(Self { into, options, compressor, progress, offset, frame, scratch })
    }

    /// The newest block.
    pub fn tip(&self) -> Option<BlockRef> {
        self.progress.canon.tip()
    }

    /// Counts so far; the bytes are those of whole frames.
    pub const fn totals(&self) -> &Totals {
        &self.progress.totals
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`ArchiveError::Unfit`] when it does not continue what is there, and
    /// [`ArchiveError::BlockTooLarge`]: nothing is changed. [`ArchiveError::Io`]: drop the writer and
    /// resume.
    pub fn push(&mut self, record: &Record) -> Result<(), ArchiveError> {
        self.scratch.clear();
        record.encode(&mut self.scratch);
        let bytes = self.scratch.len();
        if bytes > MAX_FRAME_BYTES {
            let block = match record {
                Record::Block(block) => block.header_view().map_or(0, |header| header.number),
                Record::Rollback(_) => 0,
            };
            return Err(ArchiveError::BlockTooLarge { block, bytes, limit: MAX_FRAME_BYTES });
        }
        if self.frame.raw.len() + bytes > MAX_FRAME_BYTES {
            self.flush_frame()?;
        }
        if let Some(header) = self.progress.record(record, &self.scratch)? {
            self.frame.last = (header.number, header.hash);
            self.frame.first.get_or_insert(self.frame.last);
        }
        self.frame.raw.extend_from_slice(&self.scratch);
        self.frame.records += 1;
        let full = self.frame.records >= self.options.frame_records
            || self.frame.raw.len() >= self.options.frame_bytes;
        if full { self.flush_frame() } else { Ok(()) }
    }

    /// Closes the frame, so that a cut loses nothing of what was pushed.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn flush_frame(&mut self) -> Result<(), ArchiveError> {
        if self.frame.records == 0 {
            return Ok(());
        }
        let frame = std::mem::take(&mut self.frame);
        let nothing = (0, B256::ZERO);
        let (first, last) = (frame.first.unwrap_or(nothing), frame.last);
        let offset = self.offset;
        let header = self.write(FrameKind::Records, &frame.raw, frame.records, [first, last])?;
        self.progress.frame(offset, &header);
        Ok(self.into.flush()?)
    }

    /// Writes what is left and the trailer.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn finish(mut self) -> Result<(W, Trailer), ArchiveError> {
        self.flush_frame()?;
        let trailer = Trailer::of(&self.progress);
        self.write(FrameKind::Trailer, &trailer.encode(), 0, [(0, B256::ZERO); 2])?;
        self.into.flush()?;
        Ok((self.into, trailer))
    }

    fn write(
        &mut self,
        kind: FrameKind,
        raw: &[u8],
        records: u32,
        [first, last]: [(u64, B256); 2],
    ) -> Result<FrameHeader, ArchiveError> {
        let packed = self.compressor.compress(raw)?;
        let length = |bytes: &[u8]| {
            // Bytes that do not compress grow by a trifle; a reader takes no more than this.
            let fits = bytes.len() <= MAX_FRAME_BYTES;
            u32::try_from(bytes.len()).ok().filter(|_| fits).ok_or_else(|| {
                std::io::Error::other(format!("a frame of {} bytes is too large", bytes.len()))
            })
        };
        let mut header = FrameHeader {
            kind,
            packed: length(&packed)?,
            raw: length(raw)?,
            records,
            first,
            last,
            checksum: B256::ZERO,
        };
        header.checksum = header.expected_checksum(&packed);
        self.into.write_all(&header.encode())?;
        self.into.write_all(&packed)?;
        self.offset += (FrameHeader::LENGTH + packed.len()) as u64;
        Ok(header)
    }
}
