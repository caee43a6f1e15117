//! Taking a backup.

use super::directory::Draft;
use super::frames::{FrameWriter, Gathered};
use super::tally::Tally;
use super::{BackupChain, BackupHead, BackupReport, BackupTable, Progress, RowSource, Tail};
use crate::keys::KeyRange;
use crate::rows::Rows;
use crate::tables::{self, Kind, SCHEMA_VERSION};
use crate::{ReadTx, Reads, Store, StoreError};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;

/// Writes everything that the store holds at this moment into a new file, which gets its name when it is whole and on
/// disk. The writer of the store is never waited for and never made to wait (P4); pages that the snapshot still sees
/// are not reused meanwhile, so the database may grow. `beside` adds the rows of the records file. The answer is what
/// was read back from the file.
///
/// # Errors
/// [`StoreError::Io`] when the file exists or cannot be written, [`StoreError::DiskFull`], and what reading gives.
/// Nothing of the file is left then.
pub fn take(
    store: &Store,
    beside: Option<&RowSource<'_>>,
    now_ms: u64,
    to: &Path,
    progress: &mut Progress<'_>,
) -> Result<BackupReport, StoreError> {
    let draft = Draft::create(to)?;
    let read = store.read()?;
    let head = head(store, &read, now_ms)?;
    let written = {
        let out = BufWriter::new(draft.file());
        write(&read, &head, beside, out, progress).and_then(|mut out| Ok(out.flush()?))
    };
    // Releases its pages before the file is read once more.
    drop(read);
    written.map_err(|error| error.at(draft.path()))?;
    draft.sync()?;
    let report = super::check(draft.path(), &mut |_, _| {})?;
    draft.name()?;
    Ok(report)
}

/// A failure that does not know its file yet.
pub(super) enum Failed {
    Writing(io::Error),
    Reading(StoreError),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Writing(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Reading(error)
    }
}

impl Failed {
    pub(super) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Writing(error) => StoreError::writing(path, error),
            Self::Reading(error) => error,
        }
    }
}

pub(super) fn head(store: &Store, read: &ReadTx, taken_ms: u64) -> Result<BackupHead, StoreError> {
    let chain = |(chain, cursor)| Ok(BackupChain { chain, cursor, genesis: read.genesis(chain)? });
    let chains = read.cursors()?.into_iter().map(chain).collect::<Result<_, StoreError>>()?;
    let table = |table: &tables::Table| {
        Ok(BackupTable {
            name: table.name.to_owned(),
            id: table.id,
            of_chain: table.kind == Kind::Chain,
            rows: read.raw_len(*table)?,
        })
    };
    let tables = tables::ALL.iter().map(table).collect::<Result<_, StoreError>>()?;
    let key_check = read.sealer().check_value();
    Ok(BackupHead {
        schema: SCHEMA_VERSION,
        taken_ms,
        epoch: store.epoch(),
        key_check,
        chains,
        tables,
    })
}

/// Writes all frames; the writer, not flushed.
pub(super) fn write<W: Write>(
    read: &ReadTx,
    head: &BackupHead,
    beside: Option<&RowSource<'_>>,
    out: W,
    progress: &mut Progress<'_>,
) -> Result<W, Failed> {
    let mut frames = FrameWriter::new(out)?;
    frames.head(head)?;
    let (mut tally, all) = (Tally::new(head), head.rows());
    for (place, table) in (0u16..).zip(tables::ALL) {
        let mut gathered = Gathered::of_table(place);
        let mut failed = None;
        read.raw_scan(*table, &KeyRange::all(), &mut |key, value| {
            let added = tally.add(usize::from(place), key, value).map_err(io::Error::other);
            let added = added.and_then(|()| {
                gathered.push(key, value)?;
                if gathered.is_full() {
                    frames.rows(&gathered)?;
                    gathered.clear();
                    progress(tally.rows(), all);
                }
                Ok(())
            });
            Ok(match added {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            })
        })?;
        failed.map_or(Ok(()), Err)?;
        if !gathered.is_empty() {
            frames.rows(&gathered)?;
        }
    }
    progress(tally.rows(), all);
    let beside = beside.map_or(Ok(0), |source| write_beside(&mut frames, source))?;
    let tail: Tail = tally.finish(beside, frames.digest());
    Ok(frames.tail(&tail)?.0)
}

fn write_beside<W: Write>(
    frames: &mut FrameWriter<W>,
    source: &RowSource<'_>,
) -> Result<u64, Failed> {
    let mut rows = 0;
    let mut open: Option<(String, Gathered)> = None;
    let mut failed = None;
    let given = source(&mut |table, key, value| {
        let mut add = || -> io::Result<()> {
            if let Some((_, done)) = open.take_if(|(name, _)| name != table)
                && !done.is_empty()
            {
                frames.beside(&done)?;
            }
            let (_, gathered) = match &mut open {
                Some(open) => open,
                none => none.insert((table.to_owned(), Gathered::beside(table)?)),
            };
            gathered.push(key, value)?;
            rows += 1;
            if gathered.is_full() {
                frames.beside(gathered)?;
                gathered.clear();
            }
            Ok(())
        };
        add().map_err(|error| {
            failed = Some(error);
            StoreError::Misplaced("the backup cannot be written")
        })
    });
    failed.map_or(Ok(()), Err)?;
    given?;
    if let Some((_, last)) = open.filter(|(_, last)| !last.is_empty()) {
        frames.beside(&last)?;
    }
    Ok(rows)
}
