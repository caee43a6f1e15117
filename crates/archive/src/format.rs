//! The bytes of a file: preamble and frame headers. The README has the layout.

use crate::{
    error::{ArchiveError, Place},
    rlp::{Rlp, list},
};
use alloy::{
    primitives::B256,
    rlp::{Encodable, Error},
};
use bmn_primitives::ChainId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io::Read;

/// Version of the format that this build writes, and the newest it reads.
pub const FORMAT_VERSION: u64 = 1;

/// Most bytes a frame may hold, before and after compression: far above any block of any chain, and
/// what a reader may need at once.
pub const MAX_FRAME_BYTES: usize = 64 << 20;

/// Most blocks a rollback may take away: more than any chain's finality.
pub const MAX_ROLLBACK: usize = 4096;

/// As PNG's: a byte above 127, a name, and line ends that a text transfer would change.
const MAGIC: [u8; 8] = *b"\x89BMNA\r\n\x1a";
const MAX_PREAMBLE: usize = 4096;
const MAX_WRITER: usize = 256;

const GENERATED: u64 = 1;
const ROLLBACKS: u64 = 2;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flags {
    /// Made from a seed, not from a chain.
    pub generated: bool,
    /// May hold rollbacks.
    pub rollbacks: bool,
}

/// What a file says about itself before its first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preamble {
    /// The chain.
    pub chain: ChainId,
    /// Number of the first block.
    pub first_block: u64,
    /// What kind of file it is.
    pub flags: Flags,
    /// Program, version and, where it was generated, what from. For people.
    pub writer: String,
}

pub(crate) fn sha256(parts: &[&[u8]]) -> B256 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    B256::from_slice(&hasher.finalize())
}

impl Preamble {
    /// The preamble's bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        list(&mut body, |out| {
            FORMAT_VERSION.encode(out);
            self.chain.0.encode(out);
            self.first_block.encode(out);
            let Flags { generated, rollbacks } = self.flags;
            (u64::from(generated) * GENERATED + u64::from(rollbacks) * ROLLBACKS).encode(out);
            let end = self.writer.floor_char_boundary(MAX_WRITER);
            self.writer[..end].encode(out);
        });
        let mut bytes = MAGIC.to_vec();
        // Always fits: the longest member is cut above.
        bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(&body);
        let check = sha256(&[&bytes]);
        bytes.extend_from_slice(check.as_slice());
        bytes
    }

    /// Reads a preamble and answers it with its bytes.
    pub(crate) fn read(from: &mut impl Read) -> Result<(Self, Vec<u8>), ArchiveError> {
        let mut bytes = Vec::new();
        take(from, MAGIC.len(), &mut bytes)?;
        if bytes != MAGIC {
            return Err(ArchiveError::NotAnArchive(match bytes.get(..5) {
                None => "it is shorter than that",
                Some(start) if start == &MAGIC[..5] => "it went through a text transfer",
                Some(_) => "another kind of file",
            }));
        }
        take(from, 4, &mut bytes)?;
        let length = bytes[8..].try_into().map(u32::from_be_bytes);
        let length = length.map_err(|_| ArchiveError::Preamble("it ends early"))? as usize;
        if length > MAX_PREAMBLE {
            return Err(ArchiveError::Preamble("it is longer than 4096 bytes"));
        }
        let body = take(from, length, &mut bytes)?;
        let checked = bytes.len();
        take(from, 32, &mut bytes)?;
        if bytes.len() != checked + 32 {
            return Err(ArchiveError::Preamble("it ends early"));
        }
        if sha256(&[&bytes[..checked]]) != bytes[checked..] {
            return Err(ArchiveError::Preamble("its checksum does not fit"));
        }
        let preamble = Self::decode(&bytes[body..checked])?;
        Ok((preamble, bytes))
    }

    fn decode(body: &[u8]) -> Result<Self, ArchiveError> {
        let form = |_: Error| ArchiveError::Preamble("it is not of the form it should have");
        let mut fields = Rlp::only_list(body).map_err(form)?;
        let found = fields.uint().map_err(form)?;
        // Looked at first: everything behind it may change with the version.
        if found > FORMAT_VERSION {
            return Err(ArchiveError::NewerFormat { found, known: FORMAT_VERSION });
        }
        if found == 0 {
            return Err(ArchiveError::Preamble("format 0 does not exist"));
        }
        let chain = ChainId(fields.uint().map_err(form)?);
        let first_block = fields.uint().map_err(form)?;
        let flags = fields.uint().map_err(form)?;
        let writer = std::str::from_utf8(fields.string().map_err(form)?);
        let writer = writer.map_err(|_| ArchiveError::Preamble("its writer is no text"))?;
        fields.end().map_err(form)?;
        if flags > (GENERATED | ROLLBACKS) {
            return Err(ArchiveError::Preamble("it has flags that this format does not have"));
        }
        Ok(Self {
            chain,
            first_block,
            flags: Flags { generated: flags & GENERATED != 0, rollbacks: flags & ROLLBACKS != 0 },
            // It is shown to people: nothing in it may steer a terminal.
            writer: writer.chars().filter(|c| !c.is_control()).collect(),
        })
    }
}

/// Appends up to `count` bytes and answers where they begin. Fewer come only at the end of the file.
pub(crate) fn take(
    from: &mut impl Read,
    count: usize,
    into: &mut Vec<u8>,
) -> std::io::Result<usize> {
    let start = into.len();
    from.take(count as u64).read_to_end(into)?;
    Ok(start)
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Records,
    Trailer,
}

impl FrameKind {
    const fn bytes(self) -> [u8; 4] {
        match self {
            Self::Records => *b"BLKS",
            Self::Trailer => *b"ENDS",
        }
    }
}

/// What stands before a frame's compressed contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: FrameKind,
    /// Bytes that follow.
    pub(crate) packed: u32,
    /// Bytes they unpack to.
    pub(crate) raw: u32,
    pub(crate) records: u32,
    /// Number and hash of the first and last block record; zero where there is none.
    pub(crate) first: (u64, B256),
    pub(crate) last: (u64, B256),
    /// SHA-256 over the fields above and the compressed contents.
    pub(crate) checksum: B256,
}

impl FrameHeader {
    const FIELDS: usize = 96;
    /// Length in the file: fields, checksum, and eight bytes that guard both.
    pub(crate) const LENGTH: usize = Self::FIELDS + 32 + 8;

    fn fields(&self) -> [u8; Self::FIELDS] {
        let mut bytes = [0; Self::FIELDS];
        bytes[..4].copy_from_slice(&self.kind.bytes());
        bytes[4..8].copy_from_slice(&self.packed.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.raw.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.records.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.first.0.to_be_bytes());
        bytes[24..32].copy_from_slice(&self.last.0.to_be_bytes());
        bytes[32..64].copy_from_slice(self.first.1.as_slice());
        bytes[64..96].copy_from_slice(self.last.1.as_slice());
        bytes
    }

    /// The checksum that these fields and contents should have.
    pub(crate) fn expected_checksum(&self, packed: &[u8]) -> B256 {
        sha256(&[&self.fields(), packed])
    }

    pub(crate) fn encode(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..96].copy_from_slice(&self.fields());
        bytes[96..128].copy_from_slice(self.checksum.as_slice());
        let guard = sha256(&[&bytes[..128]]);
        bytes[128..].copy_from_slice(&guard[..8]);
        bytes
    }

    /// Reads a header. A damaged length must not pass for a file that was cut off, so the header
    /// has a guard of its own.
    pub(crate) fn decode(bytes: &[u8; Self::LENGTH], place: Place) -> Result<Self, ArchiveError> {
        if sha256(&[&bytes[..128]])[..8] != bytes[128..] {
            return Err(ArchiveError::damaged(place, "the frame's header is damaged"));
        }
        let kind = [FrameKind::Records, FrameKind::Trailer];
        let kind = kind.into_iter().find(|kind| kind.bytes() == bytes[..4]);
        let kind = kind.ok_or_else(|| {
            ArchiveError::damaged(place, "a kind of frame that this format does not have")
        })?;
        let word = |at: usize| u32::from_be_bytes(array(&bytes[at..at + 4]));
        let long = |at: usize| u64::from_be_bytes(array(&bytes[at..at + 8]));
        let hash = |at: usize| B256::from(array(&bytes[at..at + 32]));
        let header = Self {
            kind,
            packed: word(4),
            raw: word(8),
            records: word(12),
            first: (long(16), hash(32)),
            last: (long(24), hash(64)),
            checksum: hash(96),
        };
        let limit = MAX_FRAME_BYTES as u64;
        for (what, found) in
            [("a compressed size", u64::from(header.packed)), ("a size", u64::from(header.raw))]
        {
            if found > limit {
                return Err(ArchiveError::TooLarge { place, what, found, limit });
            }
        }
        Ok(header)
    }
}

/// The bytes as an array; the callers cut them to length.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}
