//! The archive of orders: a file for each day, in which each frame of zstd holds lines of JSON.

use super::ended::Ended;
use crate::StoreError;
use alloy::primitives::{hex, keccak256};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, StoreError>;

const DAY: u64 = 86_400;
const LEVEL: i32 = 3;
/// Day files whose end is remembered; orders of older days come rarely.
const REMEMBERED: usize = 32;

/// What tells a line from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchivedOrder {
    /// Chain, contract, hash and leaf.
    pub order_id: String,
    /// Number of the order's newest change. Of two lines of one order the higher one counts.
    pub change: u64,
}

/// Up to where a day's file is whole, and what its last frame says.
#[derive(Debug, Default)]
struct DayFile {
    len: u64,
    /// Orders of the last frame. A crash after it was written and before its orders were removed has them
    /// handed in again.
    last: HashSet<ArchivedOrder>,
}

/// Orders that are over, one file `orders-YYYY-MM-DD.jsonl.zst` for each day (UTC, by the order's own chain)
/// on which orders ended. Each append is a frame of its own, so that any tool for zstd reads the file, and
/// what a crash cut short is told from what is whole.
#[derive(Debug)]
pub struct OrderArchive {
    directory: PathBuf,
    days: BTreeMap<u64, DayFile>,
    bytes: u64,
}

impl OrderArchive {
    /// The archive in `directory`, which is created where it is not there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(directory: &Path) -> Result<Self> {
        let failed = |error| StoreError::io(directory, error);
        std::fs::create_dir_all(directory).map_err(failed)?;
        sync_parent(directory).map_err(failed)?;
        let mut bytes = 0;
        for entry in std::fs::read_dir(directory).map_err(failed)? {
            bytes += entry.and_then(|entry| entry.metadata()).map_err(failed)?.len();
        }
        Ok(Self { directory: directory.to_owned(), days: BTreeMap::new(), bytes })
    }

    /// Bytes of all its files.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes orders and waits until they are on disk. Those that the last frame of their day holds already
    /// are not written again. Answers how many were.
    pub(super) fn append(&mut self, orders: &[Ended]) -> Result<u64> {
        let mut days: BTreeMap<u64, Vec<&Ended>> = BTreeMap::new();
        for order in orders {
            days.entry(order.ended_at / DAY).or_default().push(order);
        }
        let mut written = 0;
        for (day, orders) in days {
            let path = self.directory.join(file_name(day));
            let failed = |error| StoreError::io(&path, error);
            written += self.append_day(day, &path, &orders).map_err(failed)?;
        }
        Ok(written)
    }

    fn append_day(&mut self, day: u64, path: &Path, orders: &[&Ended]) -> std::io::Result<u64> {
        // Not remembered until the end: what fails on the way is found out from the file the next time.
        let before = match self.days.remove(&day) {
            Some(known) => known,
            None => recover(path)?,
        };
        let name = |order: &&Ended| ArchivedOrder {
            order_id: order.order_id.clone(),
            change: order.change,
        };
        let new: Vec<_> =
            orders.iter().copied().filter(|order| !before.last.contains(&name(order))).collect();
        if new.is_empty() {
            self.days.insert(day, before);
            return Ok(0);
        }
        let frame = frame(&new)?;
        write(path, before.len, &frame)?;
        let len = before.len + frame.len() as u64;
        self.bytes += frame.len() as u64;
        self.days.insert(day, DayFile { len, last: orders.iter().map(name).collect() });
        if self.days.len() > REMEMBERED {
            self.days.pop_first();
        }
        Ok(new.len() as u64)
    }
}

fn frame(orders: &[&Ended]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    for order in orders {
        serde_json::to_writer(&mut encoder, order)?;
        encoder.write_all(b"\n")?;
    }
    encoder.finish()
}

fn write(path: &Path, len: u64, frame: &[u8]) -> std::io::Result<()> {
    let is_new = !path.try_exists()?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.seek(SeekFrom::Start(len))?;
    let written = file.write_all(frame).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // A full disk must not leave half a frame behind; the next start finds one that stayed.
        let _ = file.set_len(len);
        return Err(error);
    }
    if is_new { sync_parent(path) } else { Ok(()) }
}

fn sync_parent(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Reads a day's file. What follows its last whole frame is put aside beside it.
fn recover(path: &Path) -> std::io::Result<DayFile> {
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(DayFile::default()),
        Err(error) => return Err(error),
    };
    let len = file.metadata()?.len();
    let mut found = DayFile::default();
    let mut reader = BufReader::new(&mut file);
    while found.len < len {
        match read_frame(&mut reader) {
            Ok(last) => found.last = last,
            Err(error) => {
                tracing::warn!(target: "bmn::store", path = %path.display(), whole = found.len, len, %error, "the archive was cut short");
                break;
            }
        }
        found.len = reader.stream_position()?;
    }
    if found.len < len {
        put_aside(path, &mut file, found.len)?;
    }
    // What was read may be in memory alone, when who wrote it was killed before it was on disk.
    file.sync_all()?;
    sync_parent(path)?;
    Ok(found)
}

fn read_frame(reader: &mut BufReader<&mut File>) -> std::io::Result<HashSet<ArchivedOrder>> {
    let mut decoder = zstd::Decoder::with_buffer(reader)?.single_frame();
    let mut names = HashSet::new();
    for line in BufReader::new(&mut decoder).lines() {
        names.insert(serde_json::from_str(&line?)?);
    }
    if names.is_empty() {
        return Err(Error::new(ErrorKind::UnexpectedEof, "a frame without a line"));
    }
    Ok(names)
}

fn put_aside(path: &Path, file: &mut File, from: u64) -> std::io::Result<()> {
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(&mut rest)?;
    let mut aside = beside(path, from, &rest)?;
    aside.write_all(&rest)?;
    aside.sync_all()?;
    file.set_len(from)?;
    file.sync_all()
}

/// A file beside `path` for the owner alone, named by its place and its content: what was put aside before
/// stays as it is, and the same rest is put aside once.
fn beside(path: &Path, from: u64, rest: &[u8]) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let hash = keccak256(rest);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".rest-at-{from}-{}", hex::encode(&hash[..8])));
    options.open(PathBuf::from(name))
}

/// The file of a day (unix time / 86 400).
fn file_name(day: u64) -> String {
    // Days of the proleptic Gregorian calendar, counted from the first of March of the year 0.
    let days = day + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (era * 400 + year, month + 3),
        _ => (era * 400 + year + 1, month - 9),
    };
    format!("orders-{year:04}-{month:02}-{date:02}.jsonl.zst")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_aside_before_stays_and_is_for_the_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(file_name(0));
        // All files are damaged at the same place: at once.
        for damaged in ["first", "second", "first"] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(recover(&path).unwrap().len, 0);
            assert_eq!(std::fs::read(&path).unwrap(), b"");
        }
        let mut put_aside = Vec::new();
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            let rest = entry.unwrap().path();
            if !rest.to_string_lossy().contains(".rest-at-0-") {
                continue;
            }
            put_aside.push(std::fs::read_to_string(&rest).unwrap());
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = std::fs::metadata(&rest).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
            }
        }
        put_aside.sort();
        assert_eq!(put_aside, ["first", "second"]);
    }

    #[test]
    fn a_day_has_a_file_by_its_date() {
        for (day, date) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_779, "2026-11-22"),
        ] {
            assert_eq!(file_name(day), format!("orders-{date}.jsonl.zst"));
        }
    }
}
