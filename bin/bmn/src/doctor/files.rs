//! The configuration, the keys, and what is in the data directory.

use super::{finding::Finding, machine::bytes};
use crate::failure::Failure;
use alloy::primitives::Address;
use bmn_config::{KeySource, NodeConfig};
use bmn_launch::{LaunchError, access, files, keys};
use bmn_records::RECORDS_FILE;
use bmn_store::{DATABASE_FILE, MASTER_KEY_FILE, MasterKey, SCHEMA_VERSION, StoreError, backup};
use redb::{DatabaseError, ReadOnlyDatabase, ReadableDatabase, TableDefinition};
use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind},
    path::Path,
    time::Duration,
};

/// Facts about the file, as the store keeps them.
const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("meta");
/// The version of the form among them.
const SCHEMA: &[u8] = b"schema";
/// A backup that is older is no help, seconds: one a day, and two hours for it.
const OLD_BACKUP: u64 = 26 * 3_600;

/// Reads the configuration: it, or every problem in it.
pub(super) fn configuration(path: &Path) -> Result<(NodeConfig, Finding), Vec<Finding>> {
    let shown = path.display();
    match bmn_launch::read_config(path, false) {
        Ok(config) => {
            let chains = config.chains.len();
            let acts = if config.index_only { "index only" } else { "acts" };
            let found =
                Finding::ok("config", format!("{shown} can be read: {chains} chains, {acts}"));
            Ok((config, found))
        }
        Err(LaunchError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
            let what = format!("{shown}: there is no such file");
            let mend = "Name the configuration of bmn node with --config, or begin with a copy of etc/bmn.example.toml.";
            Err(vec![Finding::error("config", what).say(mend)])
        }
        Err(error) => {
            let text = Failure::from(error).to_string();
            let lines: Vec<_> =
                text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            // Several are listed below a line that counts them.
            let lines = if lines.len() > 1 { &lines[1..] } else { &lines[..] };
            let problem = |line: &&str| {
                Finding::error("config", *line)
                    .say("Correct it; etc/bmn.example.toml explains every key. The node does not start like this.")
            };
            Err(lines.iter().map(problem).collect())
        }
    }
}

/// Whether the key is there and nobody else can read it; its account.
pub(super) fn key(config: &NodeConfig) -> (Vec<Finding>, Option<Address>) {
    let source = match &config.signer {
        Some(source) if !config.index_only => source,
        _ => return (vec![Finding::ok("key", "index only: none is needed")], None),
    };
    // Asked of the signer itself, where it is another program.
    if let KeySource::Remote { account, .. } = source {
        return (Vec::new(), Some(*account));
    }
    let named = match source {
        KeySource::Env(name) => format!("environment variable {name}"),
        KeySource::File(path) | KeySource::Keystore { path, .. } => path.display().to_string(),
        KeySource::Command(command) => format!("command {}", command.program),
        KeySource::Remote { .. } => String::new(),
    };
    match keys::from(source) {
        Ok(signer) => {
            let account = signer.address();
            (vec![Finding::ok("key", format!("{named} is the key of {account}"))], Some(account))
        }
        Err(error) => (vec![mend_key(source, &error.to_string())], None),
    }
}

fn mend_key(source: &KeySource, told: &str) -> Finding {
    let finding = Finding::error("key", told);
    match source {
        KeySource::Env(name) if told.contains("not set") => finding.say(format!(
            "Set {name} where the node is started (for systemd: LoadCredential or EnvironmentFile), and here."
        )),
        KeySource::File(path) | KeySource::Keystore { path, .. } if told.contains("may be read by others") => {
            finding.run(format!("chmod 600 {}", path.display()))
        }
        KeySource::Keystore { .. } => {
            finding.say("Is the password that of this keystore? `bmn keys list` names its account.")
        }
        _ => finding.say("The key is 0x and 64 hex digits; [signer] of the configuration says where it is."),
    }
}

/// The data directory: rights, whether it can be written.
pub(super) fn directory(directory: &Path) -> Vec<Finding> {
    let shown = directory.display();
    if !directory.exists() {
        return vec![Finding::ok("data", format!("{shown} is made at the first start"))];
    }
    let mut findings = Vec::new();
    if let Some(mode) = open_to_others(directory) {
        findings.push(
            Finding::warning("data", format!("{shown} is open to others (mode {mode:o})"))
                .run(format!("chmod 700 {shown}")),
        );
    }
    // What a database needs is asked of the disk itself: rights alone do not tell a read-only one.
    let probe = directory.join(format!(".doctor-{}", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).open(&probe);
    let removed = written.and_then(|_| fs::remove_file(&probe));
    match removed {
        Ok(()) if findings.is_empty() => {
            findings
                .push(Finding::ok("data", format!("{shown} can be written, by its owner alone")));
        }
        Ok(()) => {}
        Err(error) => findings.push(unwritable(directory, &error)),
    }
    findings
}

fn unwritable(directory: &Path, error: &io::Error) -> Finding {
    let shown = directory.display();
    let finding = Finding::error("data", format!("{shown} cannot be written: {error}"));
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem => finding.run(format!("findmnt --target {shown}")),
        ErrorKind::StorageFull => {
            finding.say("Free some space: nothing that was committed is lost.")
        }
        _ => finding.run(format!("chown -R $(id -u) {shown}")),
    }
}

/// Mode of a file that others than its owner may use, where there is such a thing.
fn open_to_others(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// The database, its master key and the records beside it.
pub(super) fn database(directory: &Path, running: bool) -> Vec<Finding> {
    let path = directory.join(DATABASE_FILE);
    let Ok(metadata) = fs::metadata(&path) else {
        return vec![Finding::ok(
            "database",
            format!("{} is made at the first start", path.display()),
        )];
    };
    let size = bytes(metadata.len());
    let mut findings = vec![opened(&path, &size, running), master_key(directory)];
    let records = directory.join(RECORDS_FILE);
    findings.push(match fs::metadata(&records) {
        Ok(records) => {
            Finding::ok("records", format!("{RECORDS_FILE} has {}", bytes(records.len())))
        }
        Err(_) => Finding::ok("records", format!("{RECORDS_FILE} is made at the next start")),
    });
    findings
}

fn opened(path: &Path, size: &str, running: bool) -> Finding {
    let shown = path.display();
    match ReadOnlyDatabase::open(path) {
        Ok(database) => match schema(&database) {
            Some(found) if found == SCHEMA_VERSION => {
                Finding::ok("database", format!("{shown}: {size}, schema {found}, closed"))
            }
            Some(found) if found < SCHEMA_VERSION => Finding::warning(
                "database",
                format!("{shown} has schema {found}: the next start brings it to {SCHEMA_VERSION}"),
            )
            .say("Take a backup first: an older bmn does not read it afterwards (docs/upgrading.md)."),
            Some(found) => Finding::error(
                "database",
                format!("{shown} has schema {found}, this bmn knows up to {SCHEMA_VERSION}"),
            )
            .say("Use the newer bmn that wrote it, or restore a backup from before."),
            None => Finding::error("database", format!("{shown} is no database of bmn"))
                .say("Restore a backup, or move the file away: the index is built again, orders and secrets are not."),
        },
        Err(DatabaseError::DatabaseAlreadyOpen) if running => {
            Finding::ok("database", format!("{shown}: {size}, the running node has it"))
        }
        Err(DatabaseError::DatabaseAlreadyOpen) => {
            Finding::warning("database", format!("{shown}: a program has it open, and no node answers"))
                .run(format!("fuser -v {shown}"))
        }
        Err(DatabaseError::RepairAborted) => {
            Finding::warning("database", format!("{shown} was not closed: the last run was cut short"))
                .say("The next start repairs it by itself; nothing that was committed is lost.")
        }
        Err(error) => Finding::error("database", format!("{shown} cannot be opened: {error}"))
            .say("Restore the newest backup with bmn restore, and keep this file for a look."),
    }
}

fn schema(database: &ReadOnlyDatabase) -> Option<u32> {
    let read = database.begin_read().ok()?;
    let meta = read.open_table(META).ok()?;
    let value = meta.get(SCHEMA).ok()??;
    value.value().try_into().ok().map(u32::from_be_bytes)
}

fn master_key(directory: &Path) -> Finding {
    let path = directory.join(MASTER_KEY_FILE);
    let shown = path.display();
    match MasterKey::read_file(&path) {
        Ok(key) => Finding::ok(
            "master key",
            format!("{shown} is there, check value {}", key.check_value()),
        ),
        Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Finding::error(
                "master key",
                format!("{shown} is missing: the secrets in the database cannot be opened"),
            )
            .say("Put the copy back that was kept of it; the node does not start without.")
        }
        Err(error) if open_to_others(&path).is_some() => {
            Finding::error("master key", error.to_string()).run(format!("chmod 600 {shown}"))
        }
        Err(error) => Finding::error("master key", error.to_string())
            .say("A master key is exactly 32 raw bytes: put the copy back that was kept of it."),
    }
}

/// The file with the key of the operator's listener.
pub(super) fn admin_key(config: &NodeConfig) -> Vec<Finding> {
    let Some(address) = config.access.admin_rpc else {
        return vec![
            Finding::warning(
                "admin",
                "no admin_rpc: bmn mode, bmn queue and half of bmn top do not work",
            )
            .say(
                "Set admin_rpc = \"127.0.0.1:8548\" in the configuration and start the node again.",
            ),
        ];
    };
    let path = access::jwt_file(config);
    let shown = path.display();
    if !path.exists() {
        return vec![Finding::ok(
            "admin",
            format!("{shown} is made at the next start, for {address}"),
        )];
    }
    vec![match files::read_private(&path).and_then(|_| access::jwt_key(&path)) {
        Ok(_) => Finding::ok("admin", format!("{shown} opens {address}, to its owner alone")),
        Err(error) if open_to_others(&path).is_some() => {
            Finding::error("admin", error.to_string()).run(format!("chmod 600 {shown}"))
        }
        Err(error) => Finding::error("admin", error.to_string())
            .say("Delete the file: the next start makes a new key, which every client needs then."),
    }]
}

/// How old the newest backup is.
pub(super) fn backups(config: &NodeConfig, file: &str, now: u64, running: bool) -> Vec<Finding> {
    let inside = config.data_dir.join("backups");
    let directory = config.upkeep.backup.directory.as_ref().unwrap_or(&inside);
    if !config.data_dir.join(DATABASE_FILE).exists() {
        return Vec::new();
    }
    let found = backup::backups(directory).unwrap_or_default();
    let newest = found.last().and_then(|path| {
        let written = fs::metadata(path).ok()?.modified().ok()?;
        let written =
            written.duration_since(std::time::UNIX_EPOCH).map_or(0, |it: Duration| it.as_secs());
        Some((path.file_name()?.to_string_lossy().into_owned(), now.saturating_sub(written)))
    });
    let shown = directory.display();
    // A database is opened once: a node that runs makes its own.
    let command = match running {
        true => "bmn jobs run dailyBackup".to_owned(),
        false => format!("bmn backup --config {file}"),
    };
    vec![match newest {
        None => Finding::warning("backup", format!("there is none in {shown}")).run(command),
        Some((name, age)) if age > OLD_BACKUP => {
            Finding::warning("backup", format!("the newest, {name}, is {} hours old", age / 3_600))
                .run(command)
        }
        Some((name, age)) => Finding::ok(
            "backup",
            format!("{name} is {} minutes old, {} in {shown}", age / 60, found.len()),
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Mend, Severity};
    use super::*;
    use bmn_store::{Store, StoreOptions};
    use std::path::PathBuf;

    fn write(path: &PathBuf, text: &[u8], mode: u32) {
        fs::write(path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    fn told(findings: &[Finding]) -> Vec<(Severity, &str)> {
        findings.iter().map(|it| (it.severity, it.what.as_str())).collect()
    }

    #[cfg(unix)]
    #[test]
    fn a_data_directory_and_its_key_that_others_may_read_are_named_with_the_command() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().to_path_buf();
        let run = |command: String| Some(Mend::Command(command));
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let found = directory(&path);
        assert_eq!(found[0].mends, run(format!("chmod 700 {}", path.display())), "{found:?}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(told(&directory(&path))[0].0, Severity::Ok);
        let key = path.join(MASTER_KEY_FILE);
        assert!(master_key(&path).what.contains("is missing"));
        write(&key, &[7; 32], 0o644);
        assert_eq!(master_key(&path).mends, run(format!("chmod 600 {}", key.display())));
        write(&key, &[7; 31], 0o600);
        assert_eq!(master_key(&path).severity, Severity::Error);
        write(&key, &[7; 32], 0o600);
        let good = master_key(&path);
        assert_eq!(good.severity, Severity::Ok);
        assert!(!good.what.contains("0707070707"), "never the key: {}", good.what);
    }

    #[test]
    fn a_database_that_is_open_closed_or_none_is_told_apart() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path();
        assert!(told(&database(data, false))[0].1.contains("made at the first start"));
        let store = Store::open(StoreOptions::directory(data)).unwrap();
        assert_eq!(told(&database(data, true))[0].0, Severity::Ok);
        let held = database(data, false);
        assert!(told(&held)[0].1.contains("a program has it open"), "{held:?}");
        drop(store);
        let closed = database(data, false);
        assert!(told(&closed)[0].1.contains(&format!("schema {SCHEMA_VERSION}")), "{closed:?}");
        write(&data.join(DATABASE_FILE), b"no database", 0o600);
        assert_eq!(told(&database(data, false))[0].0, Severity::Error);
    }

    #[test]
    fn a_configuration_that_is_not_there_or_wrong_is_told_with_its_lines() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("bmn.toml");
        let found = configuration(&path).unwrap_err();
        assert!(found[0].what.ends_with("there is no such file"), "{found:?}");
        write(&path, b"data_dir = 7\nrpc = \"nowhere\"\nchains = []\n", 0o600);
        let found = configuration(&path).unwrap_err();
        let all: Vec<_> = found.iter().map(|it| it.what.as_str()).collect();
        let text = all.join("\n");
        assert!(text.contains("line 1") && text.contains("line 2"), "{text}");
    }

    #[test]
    fn a_key_that_is_not_set_is_named_and_never_shown() {
        let source = KeySource::Env("BMN_TEST_NO_SUCH_VARIABLE".to_owned());
        let error = keys::from(&source).unwrap_err().to_string();
        let found = mend_key(&source, &error);
        let Some(Mend::Sentence(sentence)) = &found.mends else { panic!("{found:?}") };
        assert!(sentence.starts_with("Set BMN_TEST_NO_SUCH_VARIABLE"), "{sentence}");
    }
}
