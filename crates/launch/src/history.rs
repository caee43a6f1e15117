//! The versions that a configuration had: one small file each, in a directory beside the database, so that they can be
//! read while the node runs and after it, and by a person without any program.

use crate::LaunchError;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

/// Directory of the versions in the data directory.
pub const HISTORY_DIRECTORY: &str = "config-history";
/// Most versions that are kept; the oldest go first.
pub const MOST_KEPT: usize = 100;

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// From 1, without gaps in one history.
    pub number: u64,
    /// When it was seen, milliseconds since 1970.
    pub time_ms: u64,
    /// When it was settled what becomes of it, milliseconds since 1970; none before.
    pub settled_ms: Option<u64>,
    /// What made the node look: `start`, `file`, `signal`.
    pub source: String,
    /// keccak256 of the file, hex.
    pub digest: String,
    /// The file without its secrets; none where it could not be read as a configuration, since nobody knows then
    /// where its secrets are.
    pub text: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// Problems, or the keys that need a restart.
    pub told: Vec<String>,
}

/// What became of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It is being applied.
    Pending,
    /// It holds, or held.
    Applied,
    /// Something in it is wrong: the one before went on.
    Refused,
    /// A part of it could not be applied: all went back to the one before.
    RolledBack,
}

impl Outcome {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Refused => "refused",
            Self::RolledBack => "rolled back",
        }
    }
}

/// The versions of one node.
#[derive(Debug, Clone)]
pub struct History {
    directory: PathBuf,
}

impl History {
    /// Those in a data directory. Nothing is made before the first is written.
    pub fn of(data_dir: &Path) -> Self {
        Self { directory: data_dir.join(HISTORY_DIRECTORY) }
    }

    /// Every version that is kept, oldest first. What is no whole version is left out: a write that a crash cut short
    /// never got its name.
    ///
    /// # Errors
    /// [`LaunchError::File`]: the directory cannot be read.
    pub fn versions(&self) -> Result<Vec<Version>, LaunchError> {
        let mut versions: Vec<Version> = self
            .numbers()?
            .into_iter()
            .filter_map(|number| serde_json::from_slice(&fs::read(self.path(number)).ok()?).ok())
            .collect();
        versions.sort_by_key(|version| version.number);
        Ok(versions)
    }

    /// One version; none when there is no such one, or it is not kept any more.
    ///
    /// # Errors
    /// As [`Self::versions`].
    pub fn version(&self, number: u64) -> Result<Option<Version>, LaunchError> {
        Ok(self.versions()?.into_iter().find(|version| version.number == number))
    }

    /// Writes a version under the next number, which is returned; the oldest beyond [`MOST_KEPT`] go.
    ///
    /// # Errors
    /// [`LaunchError::File`]: nothing is written then.
    pub fn begin(&self, version: Version) -> Result<u64, LaunchError> {
        let made = fs::create_dir_all(&self.directory);
        made.map_err(|error| LaunchError::file(&self.directory, error))?;
        let mut numbers = self.numbers()?;
        let number = numbers.last().map_or(1, |last| last.saturating_add(1));
        self.write(&Version { number, ..version })?;
        numbers.push(number);
        for old in &numbers[..numbers.len().saturating_sub(MOST_KEPT)] {
            // One that stays behind is found again next time.
            let _ = fs::remove_file(self.path(*old));
        }
        Ok(number)
    }

    /// Writes what became of a version.
    ///
    /// # Errors
    /// [`LaunchError::File`].
    pub fn settle(
        &self,
        number: u64,
        outcome: Outcome,
        told: Vec<String>,
        now_ms: u64,
    ) -> Result<(), LaunchError> {
        let Some(version) = self.version(number)? else { return Ok(()) };
        self.write(&Version { outcome, told, settled_ms: Some(now_ms), ..version })
    }

    /// Settles what a process that ended without a word left pending, when the node starts with the file of this
    /// digest: that file is read as a whole, so that it is what holds.
    ///
    /// # Errors
    /// [`LaunchError::File`].
    pub fn settle_pending(&self, digest: &str, now_ms: u64) -> Result<(), LaunchError> {
        let versions = self.versions()?;
        for version in versions.iter().filter(|version| version.outcome == Outcome::Pending) {
            let (outcome, told) = if version.digest == digest {
                (Outcome::Applied, "the node ended while it was applied; the next start did")
            } else {
                (Outcome::RolledBack, "the node ended while it was applied")
            };
            self.settle(version.number, outcome, vec![told.to_owned()], now_ms)?;
        }
        Ok(())
    }

    fn numbers(&self) -> Result<Vec<u64>, LaunchError> {
        let listed = match fs::read_dir(&self.directory) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(LaunchError::file(&self.directory, error)),
        };
        let mut numbers: Vec<u64> = listed
            .filter_map(|entry| {
                let name = entry.ok()?.file_name();
                name.to_str()?.strip_suffix(".json")?.parse().ok()
            })
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:08}.json"))
    }

    fn write(&self, version: &Version) -> Result<(), LaunchError> {
        let path = self.path(version.number);
        let text = serde_json::to_vec_pretty(version).map_err(io::Error::from);
        text.and_then(|text| replace(&path, &text)).map_err(|error| LaunchError::file(&path, error))
    }
}

/// Puts a file in the place of another one: whoever reads sees all of one or all of the other, whenever the machine
/// stops. A new file is for nobody else; one that is replaced keeps its mode and its owner.
///
/// # Errors
/// The system's words, also where its owner cannot be kept; the file is as it was then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    if let Ok(before) = fs::metadata(path)
        && let Err(error) = be_like(&file, &before)
    {
        fs::remove_file(&beside)?;
        return Err(error);
    }
    file.sync_all()?;
    fs::rename(&beside, path)?;
    #[cfg(unix)]
    if let Some(directory) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// Gives a file the owner and the mode of another one: whoever could read that can read this.
fn be_like(file: &fs::File, before: &fs::Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
            fchown(file, Some(before.uid()), Some(before.gid()))?;
        }
    }
    file.set_permissions(before.permissions())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(digest: &str) -> Version {
        Version {
            number: 0,
            time_ms: 5,
            settled_ms: None,
            source: "file".to_owned(),
            digest: digest.to_owned(),
            text: Some("rpc = 1".to_owned()),
            outcome: Outcome::Pending,
            told: Vec::new(),
        }
    }

    #[test]
    fn versions_are_numbered_and_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let history = History::of(directory.path());
        assert_eq!(history.versions().unwrap(), []);
        for number in 1..=103 {
            assert_eq!(history.begin(version("d")).unwrap(), number);
        }
        let numbers: Vec<u64> = history.versions().unwrap().iter().map(|it| it.number).collect();
        assert_eq!(numbers, (4..=103).collect::<Vec<_>>());
        history.settle(50, Outcome::Refused, vec!["line 3".to_owned()], 9).unwrap();
        let settled = history.version(50).unwrap().unwrap();
        assert_eq!((settled.outcome, settled.settled_ms), (Outcome::Refused, Some(9)));
        assert_eq!(settled.told, ["line 3"]);
        assert_eq!(history.version(3).unwrap(), None);
    }

    #[test]
    fn a_write_that_was_cut_short_and_a_version_left_pending_confuse_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let history = History::of(directory.path());
        for digest in ["old", "new"] {
            history.begin(version(digest)).unwrap();
        }
        let inside = directory.path().join(HISTORY_DIRECTORY);
        fs::write(inside.join("00000003.json.new"), "{\"num").unwrap();
        fs::write(inside.join("notes.txt"), "mine").unwrap();
        history.settle_pending("new", 7).unwrap();
        let outcomes: Vec<Outcome> =
            history.versions().unwrap().iter().map(|it| it.outcome).collect();
        assert_eq!(outcomes, [Outcome::RolledBack, Outcome::Applied]);
        assert_eq!(history.begin(version("next")).unwrap(), 3);
    }
}
