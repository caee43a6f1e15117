//! Files of backups: their names, how they come to be, and which are kept.

use crate::StoreError;
use crate::directory::{new_private_file, sync_directory};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What the name of a backup ends with.
pub const BACKUP_SUFFIX: &str = ".bmnbackup";

const BACKUP_PREFIX: &str = "bmn-";
const DRAFT_SUFFIX: &str = ".partial";

const DAY_MS: u64 = 86_400_000;

/// The name of a backup that is taken now: `bmn-20260131T235959999Z.bmnbackup`. The order of the names is that of the
/// times.
pub fn backup_name(now_ms: u64) -> String {
    let (year, month, day) = civil(now_ms / DAY_MS);
    let ms = now_ms % DAY_MS;
    let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
    let (second, milli) = (ms / 1_000 % 60, ms % 1_000);
    format!(
        "{BACKUP_PREFIX}{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}{milli:03}Z{BACKUP_SUFFIX}"
    )
}

/// Year, month and day of a day since 1970-01-01, in the calendar that years begin in March, where the leap day is the
/// last one.
const fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + later, month, day)
}

/// True for names that [`backup_name`] gives: nothing else is ever deleted.
fn is_backup_name(name: &str) -> bool {
    let stamp = name.strip_prefix(BACKUP_PREFIX).and_then(|name| name.strip_suffix(BACKUP_SUFFIX));
    stamp.is_some_and(|stamp| {
        stamp.len() == 19
            && stamp.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                18 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            })
    })
}

/// The backups in a directory, oldest first.
///
/// # Errors
/// [`StoreError::Io`].
pub fn backups(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found: Vec<_> = names(directory)?.into_iter().filter(|it| is_backup_name(it)).collect();
    found.sort_unstable();
    Ok(found.into_iter().map(|name| directory.join(name)).collect())
}

fn names(directory: &Path) -> Result<Vec<String>, StoreError> {
    let io = |error| StoreError::io(directory, error);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(io)? {
        if let Ok(name) = entry.map_err(io)?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

/// Deletes all but the `keep` newest backups of a directory, and what a backup that was cut short left; never the
/// newest one nor `taken`, which a clock that was set back may have given an older name. Call it when that is known to be
/// whole. What was deleted.
///
/// # Errors
/// [`StoreError::Io`].
pub fn keep_newest(
    directory: &Path,
    keep: usize,
    taken: Option<&Path>,
) -> Result<Vec<PathBuf>, StoreError> {
    let mut all = backups(directory)?;
    all.truncate(all.len().saturating_sub(keep.max(1)));
    all.retain(|path| Some(path.as_path()) != taken);
    for name in names(directory)? {
        let whole = name.strip_suffix(DRAFT_SUFFIX);
        let path = directory.join(&name);
        if whole.is_some_and(is_backup_name) && is_abandoned(&path) {
            all.push(path);
        }
    }
    for path in &all {
        fs::remove_file(path).map_err(|error| StoreError::io(path, error))?;
    }
    Ok(all)
}

/// Whoever writes a draft holds its lock.
fn is_abandoned(draft: &Path) -> bool {
    File::open(draft).is_ok_and(|file| file.try_lock().is_ok())
}

/// A file under a name for the time until it is whole. Dropped, it is removed.
pub(super) struct Draft {
    file: File,
    path: PathBuf,
    to: PathBuf,
}

impl Draft {
    pub(super) fn create(to: &Path) -> Result<Self, StoreError> {
        let exists = to.try_exists().map_err(|error| StoreError::io(to, error))?;
        if exists {
            return Err(StoreError::io(to, ErrorKind::AlreadyExists.into()));
        }
        let mut path = to.as_os_str().to_owned();
        path.push(DRAFT_SUFFIX);
        let path = PathBuf::from(path);
        let io = |error| StoreError::io(&path, error);
        let exists = path.try_exists().map_err(io)?;
        if exists && !is_abandoned(&path) {
            return Err(io(ErrorKind::ResourceBusy.into()));
        }
        let file = new_private_file(&path).map_err(io)?;
        file.lock().map_err(io)?;
        Ok(Self { file, path, to: to.to_path_buf() })
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_all().map_err(|error| StoreError::writing(&self.path, error))
    }

    /// Gives it its name. A link fails where a file of that name came to be meanwhile; a rename would replace it.
    pub(super) fn name(self) -> Result<(), StoreError> {
        fs::hard_link(&self.path, &self.to)
            .or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => Err(error),
                // Not every file system has links.
                _ => fs::rename(&self.path, &self.to),
            })
            .and_then(|()| {
                let parent = self.to.parent().filter(|parent| !parent.as_os_str().is_empty());
                sync_directory(parent.unwrap_or(Path::new(".")))
            })
            .map_err(|error| StoreError::io(&self.to, error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // The error that is returned says more than one about the leftover would; the next backup removes it.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_times_and_nothing_else_is_taken_for_a_backup() {
        for (ms, name) in [
            (0, "bmn-19700101T000000000Z.bmnbackup"),
            (951_782_399_999, "bmn-20000228T235959999Z.bmnbackup"),
            (951_868_799_000, "bmn-20000229T235959000Z.bmnbackup"),
            (1_772_323_200_000, "bmn-20260301T000000000Z.bmnbackup"),
        ] {
            assert_eq!(backup_name(ms), name);
            assert!(is_backup_name(name));
        }
        for other in ["bmn.redb", "bmn-2026.bmnbackup", "bmn-19700101T000000000Z.bmnbackup.partial"]
        {
            assert!(!is_backup_name(other), "{other}");
        }
    }
}
