//! Reading a file, front to back, without seeking.

use crate::{
    error::{ArchiveError, Place},
    format::{FrameHeader, FrameKind, Preamble, sha256, take},
    progress::next_digest,
    record::Record,
    rlp::Rlp,
    trailer::Trailer,
};
use alloy::primitives::{B256, Bytes};
use std::io::Read;
use zstd::bulk::Decompressor;

/// How a file ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With its trailer.
    Complete(Box<Trailer>),
    /// Without one: its writer was stopped, or the file was cut. Everything that was read is whole.
    CutOff {
        /// Byte at which the last whole frame ends.
        offset: u64,
        /// Bytes of an unfinished frame behind it.
        lost: u64,
    },
}

/// Reads an archive record by record. Holds one frame at a time; what it yields shares the frame's
/// memory. An error ends it.
pub struct Reader<R: Read> {
    from: R,
    preamble: Preamble,
    preamble_bytes: Vec<u8>,
    decompressor: Decompressor<'static>,
    packed: Vec<u8>,
    frame: Option<OpenFrame>,
    offset: u64,
    frames: u64,
    file_digest: B256,
    ending: Option<Ending>,
    failed: bool,
}

/// A frame that is being read.
#[derive(Debug)]
pub(crate) struct OpenFrame {
    pub(crate) header: FrameHeader,
    pub(crate) place: Place,
    contents: Bytes,
    read: usize,
    records: u32,
}

impl<R: Read> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("preamble", &self.preamble)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Reader<R> {
    /// Reads the preamble. The reader makes large reads: no buffer is needed around `from`.
    ///
    /// # Errors
    /// [`ArchiveError::NotAnArchive`], [`ArchiveError::NewerFormat`], [`ArchiveError::Preamble`],
    /// [`ArchiveError::Io`].
    pub fn new(mut from: R) -> Result<Self, ArchiveError> {
        let (preamble, preamble_bytes) = Preamble::read(&mut from)?;
        Ok(Self {
            from,
            offset: preamble_bytes.len() as u64,
            file_digest: sha256(&[&preamble_bytes]),
            preamble,
            preamble_bytes,
            decompressor: Decompressor::new()?,
            packed: Vec::new(),
            frame: None,
            frames: 0,
            ending: None,
            failed: false,
        })
    }

    /// What the file says about itself.
    pub const fn preamble(&self) -> &Preamble {
        &self.preamble
    }

    pub(crate) fn preamble_bytes(&self) -> &[u8] {
        &self.preamble_bytes
    }

    /// How the file ended; none while there is more to read.
    pub const fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Bytes read so far, whole frames only.
    pub const fn position(&self) -> u64 {
        self.offset
    }

    /// Where the record read last is.
    pub fn place(&self) -> Place {
        let between = Place { offset: self.offset, frame: self.frames, block: None };
        self.frame.as_ref().map_or(between, |frame| frame.place)
    }

    /// Reads on. `None` at the end, of which [`Self::ending`] tells the kind.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`], [`ArchiveError::TooLarge`], [`ArchiveError::Io`].
    pub fn next_record(&mut self) -> Result<Option<Record>, ArchiveError> {
        let read = self.try_next();
        self.failed |= read.is_err();
        Ok(read?.map(|(record, _)| record))
    }

    /// The same, with the record's own bytes.
    pub(crate) fn next_with_bytes(&mut self) -> Result<Option<(Record, Bytes)>, ArchiveError> {
        let read = self.try_next();
        self.failed |= read.is_err();
        read
    }

    /// The frame of the record read last, once all its records are read.
    pub(crate) fn finished_frame(&self) -> Option<&OpenFrame> {
        self.frame.as_ref().filter(|frame| frame.read == frame.contents.len())
    }

    fn try_next(&mut self) -> Result<Option<(Record, Bytes)>, ArchiveError> {
        while !self.failed && self.ending.is_none() {
            if let Some(frame) = &mut self.frame {
                if let Some(record) = frame.next()? {
                    return Ok(Some(record));
                }
                self.frame = None;
            }
            self.open_frame()?;
        }
        Ok(None)
    }

    fn open_frame(&mut self) -> Result<(), ArchiveError> {
        let place = Place { offset: self.offset, frame: self.frames, block: None };
        let mut bytes = Vec::with_capacity(FrameHeader::LENGTH);
        take(&mut self.from, FrameHeader::LENGTH, &mut bytes)?;
        let Ok(bytes) = <&[u8; FrameHeader::LENGTH]>::try_from(bytes.as_slice()) else {
            self.ending = Some(Ending::CutOff { offset: self.offset, lost: bytes.len() as u64 });
            return Ok(());
        };
        let header = FrameHeader::decode(bytes, place)?;
        self.packed.clear();
        take(&mut self.from, header.packed as usize, &mut self.packed)?;
        if self.packed.len() < header.packed as usize {
            let lost = (bytes.len() + self.packed.len()) as u64;
            self.ending = Some(Ending::CutOff { offset: self.offset, lost });
            return Ok(());
        }
        if header.expected_checksum(&self.packed) != header.checksum {
            return Err(ArchiveError::damaged(place, "the frame's checksum does not fit"));
        }
        let contents = self.unpack(&header, place)?;
        self.offset += (bytes.len() + self.packed.len()) as u64;
        match header.kind {
            FrameKind::Records => {
                self.frames += 1;
                self.file_digest = next_digest(self.file_digest, header.checksum);
                self.frame = Some(OpenFrame { header, place, contents, read: 0, records: 0 });
            }
            FrameKind::Trailer => self.ending = Some(self.end(&contents, place)?),
        }
        Ok(())
    }

    // The buffer is as large as the header says, which has a limit, and zstd writes no further: a
    // frame that unpacks to more is an error, however much more.
    fn unpack(&mut self, header: &FrameHeader, place: Place) -> Result<Bytes, ArchiveError> {
        let mut contents = Vec::with_capacity(header.raw as usize);
        self.decompressor.decompress_to_buffer(&self.packed, &mut contents).map_err(|error| {
            ArchiveError::damaged(place, format_args!("it does not decompress: {error}"))
        })?;
        if contents.len() != header.raw as usize {
            return Err(ArchiveError::damaged(place, "it decompresses to another length"));
        }
        Ok(contents.into())
    }

    fn end(&mut self, contents: &[u8], place: Place) -> Result<Ending, ArchiveError> {
        let trailer = Trailer::decode(contents)
            .map_err(|error| ArchiveError::damaged(place, format_args!("the trailer: {error}")))?;
        if trailer.totals.frames != self.frames || trailer.file_digest != self.file_digest {
            let problem = "the trailer belongs to other frames: one is missing or was replaced";
            return Err(ArchiveError::damaged(place, problem));
        }
        let mut more = Vec::new();
        take(&mut self.from, 1, &mut more)?;
        if !more.is_empty() {
            let place = Place { offset: self.offset, ..place };
            return Err(ArchiveError::damaged(place, "there is something behind the trailer"));
        }
        Ok(Ending::Complete(Box::new(trailer)))
    }
}

impl OpenFrame {
    fn next(&mut self) -> Result<Option<(Record, Bytes)>, ArchiveError> {
        if self.read == self.contents.len() {
            if self.records != self.header.records {
                let problem = "it holds another number of records than its header says";
                return Err(ArchiveError::damaged(self.place, problem));
            }
            return Ok(None);
        }
        let rest = &self.contents[self.read..];
        let mut items = Rlp::new(rest);
        let record = Record::decode(&mut items, &self.contents).map_err(|error| {
            let problem = format_args!("record {} of the frame: {error}", self.records);
            ArchiveError::damaged(self.place, problem)
        })?;
        let length = rest.len() - items.remaining();
        let bytes = Bytes(self.contents.0.slice(self.read..self.read + length));
        self.read += length;
        self.records += 1;
        Ok(Some((record, bytes)))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}
