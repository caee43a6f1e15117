//! Where a writer can go on.

use crate::{
    error::{ArchiveError, Place},
    format::Preamble,
    progress::Progress,
    reader::{Ending, Reader},
    record::Record,
    trailer::Trailer,
};
use bmn_primitives::BlockRef;
use std::io::Read;

/// The end of the last whole frame, and everything that is known up to there.
#[derive(Debug, Clone)]
pub struct ResumePoint {
    pub(crate) progress: Progress,
    pub(crate) offset: u64,
    preamble: Preamble,
    damage: Option<Place>,
    complete: bool,
}

impl ResumePoint {
    /// Length to cut the file to.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// What the file says about itself.
    pub const fn preamble(&self) -> &Preamble {
        &self.preamble
    }

    /// The newest block in it.
    pub fn tip(&self) -> Option<BlockRef> {
        self.progress.canon.tip()
    }

    /// What a trailer would say if the file ended here.
    pub fn trailer(&self) -> Trailer {
        Trailer::of(&self.progress)
    }

    /// True when the file ends here with its trailer.
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// The frame that is damaged, where that is why the file ends here.
    pub const fn damage(&self) -> Option<Place> {
        self.damage
    }
}

/// Reads a file that was cut off, damaged or finished, up to its last whole frame.
///
/// # Errors
/// The file has no readable preamble, or cannot be read.
pub fn resume_point(from: impl Read) -> Result<ResumePoint, ArchiveError> {
    let mut reader = Reader::new(from)?;
    let preamble = reader.preamble().clone();
    let mut progress = Progress::new(&preamble, reader.preamble_bytes());
    let mut offset = reader.position();
    // A frame counts when all of it was read, so its records are taken on the side first.
    let mut ahead = progress.clone();
    let damage = loop {
        match step(&mut reader, &mut ahead) {
            Ok(Step::Record) => {}
            Ok(Step::Frame) => {
                progress = ahead.without_index();
                offset = reader.position();
            }
            Ok(Step::End) => break None,
            Err(error @ ArchiveError::Io(_)) => return Err(error),
            Err(_) => break Some(reader.place()),
        }
    };
    // An entry is added only with a whole frame.
    progress.index = ahead.index;
    let complete = matches!(reader.ending(), Some(Ending::Complete(_)));
    Ok(ResumePoint { progress, offset, preamble, damage, complete })
}

/// What was read.
pub(crate) enum Step {
    /// A record in the middle of a frame.
    Record,
    /// The last record of a frame.
    Frame,
    /// Nothing more.
    End,
}

/// Reads one record and accounts for it.
pub(crate) fn step<R: Read>(
    reader: &mut Reader<R>,
    progress: &mut Progress,
) -> Result<Step, ArchiveError> {
    step_with(reader, progress, |_, _| Ok(()))
}

/// The same, looking at each record before it is taken.
pub(crate) fn step_with<R: Read>(
    reader: &mut Reader<R>,
    progress: &mut Progress,
    look: impl FnOnce(&Record, Place) -> Result<(), ArchiveError>,
) -> Result<Step, ArchiveError> {
    let Some((record, bytes)) = reader.next_with_bytes()? else { return Ok(Step::End) };
    let place = reader.place();
    look(&record, place)?;
    let header = progress.record(&record, &bytes).map_err(|misfit| {
        let block = match &record {
            Record::Block(block) => block.header_view().ok().map(|header| header.number),
            Record::Rollback(_) => None,
        };
        let place = Place { block, ..place };
        ArchiveError::Contradiction { place, problem: misfit.into() }
    })?;
    if let Some(header) = header {
        progress.block_in_frame((header.number, header.hash));
    }
    let Some(frame) = reader.finished_frame() else { return Ok(Step::Record) };
    progress.close_frame(frame.place, &frame.header)?;
    Ok(Step::Frame)
}

/// Whether a trailer says what was read.
pub(crate) fn check_trailer(
    ending: &Ending,
    progress: &Progress,
    place: Place,
) -> Result<(), ArchiveError> {
    let Ending::Complete(trailer) = ending else { return Ok(()) };
    let found = Trailer::of(progress);
    let differs = [
        ("totals", trailer.totals != found.totals),
        ("history digest", trailer.history_digest != found.history_digest),
        ("file digest", trailer.file_digest != found.file_digest),
        ("newest block", trailer.tip != found.tip),
        ("index", trailer.index != found.index),
    ];
    match differs.into_iter().find(|(_, differs)| *differs) {
        Some((what, _)) => Err(ArchiveError::damaged(
            place,
            format_args!("the trailer's {what} is not that of the records"),
        )),
        None => Ok(()),
    }
}
