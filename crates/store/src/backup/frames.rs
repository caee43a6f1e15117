//! The bytes of a backup: a magic word and a version, then frames. Numbers are big-endian.
//!
//! A frame is its kind (1 byte), the length of its payload as it stands here (4), the length of that payload before
//! it was compressed (4), the payload, and Keccak-256 of all these (32). The digest of a file is Keccak-256 of the
//! magic word, the version and those hashes.

use super::{BackupHead, Tail};
use crate::StoreError;
use crate::tables::SCHEMA_VERSION;
use alloy::primitives::{B256, Keccak256, keccak256};
use serde::{Serialize, de::DeserializeOwned};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"bmn-back";
const VERSION: u32 = 1;

const HEAD: u8 = 1;
const ROWS: u8 = 2;
const BESIDE: u8 = 3;
const TAIL: u8 = 4;

/// Kind and both lengths.
const FRAME_HEAD: usize = 9;

/// Rows are gathered up to so many bytes before they are written.
pub(super) const USUAL_FRAME: usize = 256 << 10;

/// The largest payload that is written or read, so that a damaged length takes no memory.
const LARGEST_FRAME: usize = 64 << 20;

/// zstd's own default: half the time of the next levels for a few percent more bytes.
const LEVEL: i32 = 3;

/// Where a table's place in the head, or its name, ends and its rows begin.
pub(super) struct Rows {
    bytes: Vec<u8>,
    from: usize,
}

/// What a frame holds.
pub(super) enum Body {
    Rows { table: usize, rows: Rows },
    Beside { table: String, rows: Rows },
    Tail(Tail),
}

/// Rows on their way into a frame.
#[derive(Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    start: usize,
}

impl Gathered {
    /// For rows of the table at a place in the head.
    pub(super) fn of_table(place: u16) -> Self {
        Self { bytes: place.to_be_bytes().to_vec(), start: 2 }
    }

    /// For rows of a table of the file beside the database.
    pub(super) fn beside(table: &str) -> io::Result<Self> {
        let length = u16::try_from(table.len()).map_err(|_| ErrorKind::InvalidInput)?;
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend_from_slice(table.as_bytes());
        Ok(Self { start: bytes.len(), bytes })
    }

    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        for part in [key, value] {
            let length = u32::try_from(part.len()).map_err(|_| ErrorKind::FileTooLarge)?;
            self.bytes.extend_from_slice(&length.to_be_bytes());
            self.bytes.extend_from_slice(part);
        }
        Ok(())
    }

    pub(super) const fn is_full(&self) -> bool {
        self.bytes.len() >= USUAL_FRAME
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.len() == self.start
    }

    /// Ready for more rows of the same table.
    pub(super) fn clear(&mut self) {
        self.bytes.truncate(self.start);
    }
}

/// Writes frames.
pub(super) struct FrameWriter<W> {
    out: W,
    digest: Keccak256,
    bytes: u64,
}

impl<W: Write> FrameWriter<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        let mut digest = Keccak256::new();
        let start = [&MAGIC[..], &VERSION.to_be_bytes()].concat();
        out.write_all(&start)?;
        digest.update(&start);
        Ok(Self { out, digest, bytes: start.len() as u64 })
    }

    pub(super) fn head(&mut self, head: &BackupHead) -> io::Result<()> {
        self.frame(HEAD, &encoded(head)?)
    }

    pub(super) fn rows(&mut self, rows: &Gathered) -> io::Result<()> {
        self.frame(ROWS, &rows.bytes)
    }

    pub(super) fn beside(&mut self, rows: &Gathered) -> io::Result<()> {
        self.frame(BESIDE, &rows.bytes)
    }

    /// Digest of all that was written.
    pub(super) fn digest(&self) -> B256 {
        self.digest.clone().finalize()
    }

    /// Writes the last frame; the writer and its bytes.
    pub(super) fn tail(mut self, tail: &Tail) -> io::Result<(W, u64)> {
        self.frame(TAIL, &encoded(tail)?)?;
        Ok((self.out, self.bytes))
    }

    fn frame(&mut self, kind: u8, plain: &[u8]) -> io::Result<()> {
        if plain.len() > LARGEST_FRAME {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "a row is too large for a backup"));
        }
        let packed = zstd::bulk::compress(plain, LEVEL)?;
        let length = |len: usize| u32::try_from(len).map_err(|_| ErrorKind::FileTooLarge);
        let mut frame = Vec::with_capacity(FRAME_HEAD + packed.len() + 32);
        frame.push(kind);
        frame.extend_from_slice(&length(packed.len())?.to_be_bytes());
        frame.extend_from_slice(&length(plain.len())?.to_be_bytes());
        frame.extend_from_slice(&packed);
        let hash = keccak256(&frame);
        frame.extend_from_slice(hash.as_slice());
        self.digest.update(hash);
        self.bytes += frame.len() as u64;
        self.out.write_all(&frame)
    }
}

fn encoded<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    postcard::to_stdvec(value).map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))
}

/// Reads frames, each only after its checksum fits.
pub(super) struct Frames {
    path: PathBuf,
    file: BufReader<File>,
    at: u64,
    digest: Keccak256,
}

impl Frames {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|error| StoreError::io(path, error))?;
        let file = BufReader::with_capacity(USUAL_FRAME, file);
        let mut frames = Self { path: path.to_path_buf(), file, at: 0, digest: Keccak256::new() };
        let mut start = [0; 12];
        frames.fill(&mut start)?;
        if start[..8] != MAGIC {
            return Err(StoreError::backup_damaged(path, 0, "it is no backup of bmn"));
        }
        if start[8..] != VERSION.to_be_bytes() {
            let reason = "its format is of another bmn: use the one that took it, or a newer one";
            return Err(StoreError::backup_damaged(path, 8, reason));
        }
        frames.digest.update(start);
        Ok(frames)
    }

    /// Where the next frame begins.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// Digest of all that was read.
    pub(super) fn digest(&self) -> B256 {
        self.digest.clone().finalize()
    }

    pub(super) fn head(&mut self) -> Result<BackupHead, StoreError> {
        let at = self.at;
        let (kind, plain) = self.frame()?;
        if kind != HEAD {
            return Err(self.damaged(at, "it does not begin with a head"));
        }
        let head: BackupHead = self.decoded(at, &plain)?;
        if head.schema > SCHEMA_VERSION {
            let (found, path) = (head.schema, self.path.clone());
            return Err(StoreError::NewerSchema { found, known: SCHEMA_VERSION, path });
        }
        Ok(head)
    }

    pub(super) fn next(&mut self) -> Result<Body, StoreError> {
        let at = self.at;
        let (kind, bytes) = self.frame()?;
        let none = |from| Rows { bytes: Vec::new(), from };
        let body = match kind {
            ROWS => bytes.first_chunk().map(|place| {
                let table = usize::from(u16::from_be_bytes(*place));
                Body::Rows { table, rows: none(2) }
            }),
            BESIDE => name_of(&bytes).map(|(table, from)| Body::Beside { table, rows: none(from) }),
            TAIL => return Ok(Body::Tail(self.decoded(at, &bytes)?)),
            _ => None,
        };
        let body = body.and_then(|body| body.holding(bytes));
        body.ok_or_else(|| self.damaged(at, "a block of it cannot be read"))
    }

    /// After the tail there is nothing. The bytes of the file.
    pub(super) fn end(mut self) -> Result<u64, StoreError> {
        let mut more = [0];
        match self.file.read(&mut more) {
            Ok(0) => Ok(self.at),
            Ok(_) => Err(self.damaged(self.at, "something follows its end")),
            Err(error) => Err(StoreError::io(&self.path, error)),
        }
    }

    fn frame(&mut self) -> Result<(u8, Vec<u8>), StoreError> {
        let at = self.at;
        let mut head = [0; FRAME_HEAD];
        self.fill(&mut head)?;
        let length = |from: usize| {
            let bytes = head[from..].first_chunk().copied().unwrap_or_default();
            usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX)
        };
        let (packed, plain) = (length(1), length(5));
        if packed > LARGEST_FRAME || plain > LARGEST_FRAME {
            return Err(self.damaged(at, "a length in it is beyond reason"));
        }
        let mut bytes = vec![0; packed];
        self.fill(&mut bytes)?;
        let mut hash = [0; 32];
        self.fill(&mut hash)?;
        let mut found = Keccak256::new();
        found.update(head);
        found.update(&bytes);
        if found.finalize() != hash {
            return Err(self.damaged(at, "a checksum does not fit"));
        }
        self.digest.update(hash);
        let unpacked = zstd::bulk::decompress(&bytes, plain).ok();
        let unpacked = unpacked.filter(|unpacked| unpacked.len() == plain);
        unpacked
            .map(|plain| (head[0], plain))
            .ok_or_else(|| self.damaged(at, "a block does not unpack"))
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<(), StoreError> {
        self.file.read_exact(out).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => self.damaged(self.at, "it ends here, before its tail"),
            _ => StoreError::io(&self.path, error),
        })?;
        self.at += out.len() as u64;
        Ok(())
    }

    fn decoded<T: DeserializeOwned>(&self, at: u64, bytes: &[u8]) -> Result<T, StoreError> {
        let whole = postcard::take_from_bytes(bytes).ok().filter(|(_, rest)| rest.is_empty());
        whole
            .map(|(value, _)| value)
            .ok_or_else(|| self.damaged(at, "its head or tail cannot be read"))
    }

    fn damaged(&self, at: u64, reason: &str) -> StoreError {
        StoreError::backup_damaged(&self.path, at, reason)
    }
}

fn name_of(bytes: &[u8]) -> Option<(String, usize)> {
    let end = 2 + usize::from(u16::from_be_bytes(*bytes.first_chunk()?));
    let name = String::from_utf8(bytes.get(2..end)?.to_vec()).ok()?;
    Some((name, end))
}

impl Body {
    /// The same with its bytes, when they are rows to the last one.
    fn holding(mut self, plain: Vec<u8>) -> Option<Self> {
        if let Self::Rows { rows, .. } | Self::Beside { rows, .. } = &mut self {
            rows.bytes = plain;
            let mut rest = rows.bytes.get(rows.from..)?;
            while !rest.is_empty() {
                let (_, after) = row_of(rest)?;
                rest = after;
            }
        }
        Some(self)
    }
}

impl Rows {
    /// Every row: key and value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self.bytes.get(self.from..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (row, after) = row_of(rest)?;
            rest = after;
            Some(row)
        })
    }
}

type RowOf<'a> = ((&'a [u8], &'a [u8]), &'a [u8]);

fn row_of(bytes: &[u8]) -> Option<RowOf<'_>> {
    let (key, rest) = part_of(bytes)?;
    let (value, rest) = part_of(rest)?;
    Some(((key, value), rest))
}

fn part_of(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}
