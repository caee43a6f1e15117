//! Every check that needs nothing but the file.

use crate::{
    check::check_block,
    error::{ArchiveError, Place},
    format::Preamble,
    progress::{Progress, Totals},
    reader::{Ending, Reader},
    record::Record,
    resume::{Step, check_trailer, step_with},
};
use alloy::primitives::B256;
use bmn_primitives::BlockRef;
use std::io::Read;

/// A file that fits together, up to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the file says about itself.
    pub preamble: Preamble,
    /// Counts.
    pub totals: Totals,
    /// As in [`crate::Trailer::file_digest`].
    pub file_digest: B256,
    /// As in [`crate::Trailer::history_digest`].
    pub history_digest: B256,
    /// The newest block.
    pub tip: Option<BlockRef>,
    /// How the file ends. A file that was cut off is good up to there.
    pub ending: Ending,
}

/// Reads a whole file and checks checksums, header hashes, the chain of parents, receipt roots,
/// blooms, frame headers, totals and digests. `observe` hears of every record.
///
/// # Errors
/// The first thing that does not fit, and where.
pub fn verify(
    from: impl Read,
    mut observe: impl FnMut(&Totals, u64),
) -> Result<Report, ArchiveError> {
    let mut reader = Reader::new(from)?;
    let mut progress = Progress::new(reader.preamble(), reader.preamble_bytes());
    loop {
        let step = step_with(&mut reader, &mut progress, check)?;
        observe(&progress.totals, reader.position());
        if matches!(step, Step::End) {
            break;
        }
    }
    let place = reader.place();
    let cut_off = Ending::CutOff { offset: reader.position(), lost: 0 };
    let ending = reader.ending().cloned().unwrap_or(cut_off);
    check_trailer(&ending, &progress, place)?;
    Ok(Report {
        preamble: reader.preamble().clone(),
        totals: progress.totals,
        file_digest: progress.file_digest,
        history_digest: progress.history_digest,
        tip: progress.canon.tip(),
        ending,
    })
}

fn check(record: &Record, place: Place) -> Result<(), ArchiveError> {
    let Record::Block(block) = record else { return Ok(()) };
    check_block(block).map(drop).map_err(|problem| {
        let block = block.header_view().ok().map(|header| header.number);
        ArchiveError::Contradiction { place: Place { block, ..place }, problem }
    })
}
