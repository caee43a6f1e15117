//! What the operator's methods were told to change: by whom, when, and what came of it.
//!
//! Each call of an audited method is one event on the target `bmn::audit` and, where there is a file, one line of
//! JSON in it, on disk before the caller has the answer, and also where the caller does not wait for it. The file
//! is bounded: when it is full it takes the place of the older one (`.1`); where that cannot be it grows rather
//! than to forget. What cannot be written is said once, and the next entry is tried again. Parameters are kept only of calls that were understood, and of those only words and
//! numbers: what somebody pasted into the wrong place may be a secret.

use crate::entrance::Caller;
use bmn_rpc_api::RpcErrorCode;
use jsonrpsee::{
    RpcModule,
    core::{server::MethodsError, traits::ToRpcParams},
    types::{ErrorObjectOwned, Params},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Largest size of the file, bytes; with the older one twice as much is kept.
pub const AUDIT_BYTES: u64 = 16 * 1024 * 1024;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Unix seconds, after the call.
    pub time: u64,
    /// Whose call it was; `null` where the server does not tell (IPC, the servers of a full node).
    pub caller: Option<IpAddr>,
    /// `admin`.
    pub level: String,
    /// Name with its namespace, for example `bmn_setMode`.
    pub method: String,
    /// What was asked for; `null` where it was not understood.
    pub params: Option<Value>,
    /// 0 when it was done, else the code of the error.
    pub outcome: i32,
}

/// Keeps the entries.
pub struct AuditLog {
    now: Box<dyn Fn() -> u64 + Send + Sync>,
    file: Option<Mutex<Bounded>>,
    is_failing: AtomicBool,
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").field("file", &self.file).finish_non_exhaustive()
    }
}

impl AuditLog {
    /// Events alone, without a file: for a development network. `now` tells unix seconds.
    pub fn events(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { now: Box::new(now), file: None, is_failing: AtomicBool::new(false) }
    }

    /// Events, and lines at the end of the file, which is made where there is none (mode 0600) and holds
    /// at most `most` bytes.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(
        path: &Path,
        most: u64,
        now: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let bounded = Bounded::open(path, most)?;
        let file = Some(Mutex::new(bounded));
        Ok(Self { now: Box::new(now), file, is_failing: AtomicBool::new(false) })
    }

    /// Blocks while the file is written.
    fn keep(&self, entry: &AuditEntry) {
        let params = entry.params.as_ref().map(Value::to_string).unwrap_or_default();
        tracing::info!(
            target: "bmn::audit", method = %entry.method, level = %entry.level, caller = ?entry.caller,
            outcome = entry.outcome, params, "called"
        );
        let Some(file) = &self.file else { return };
        let line = serde_json::to_string(entry).map_err(io::Error::other);
        let written = line.and_then(|line| file.lock().append(&line));
        let was_failing = self.is_failing.swap(written.is_err(), Ordering::Relaxed);
        match written {
            // The call is done: what is left is to say that this file does not remember it.
            Err(error) if !was_failing => {
                tracing::error!(target: "bmn::audit", %error, "the file is not written any more");
            }
            Ok(()) if was_failing => {
                tracing::warn!(target: "bmn::audit", "the file is written again");
            }
            _ => {}
        }
    }
}

/// A file that is begun anew when it is full.
#[derive(Debug)]
struct Bounded {
    path: PathBuf,
    most: u64,
    /// None after a write that failed: nobody knows what of it is there.
    open: Option<Lines>,
    /// The older file could not be replaced: this one grows, which was said.
    grows: bool,
}

/// An open file and its length, bytes.
#[derive(Debug)]
struct Lines {
    file: File,
    bytes: u64,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).read(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut bytes = file.metadata()?.len();
        if bytes > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                // A crash or a full disk tore the last line: the next one is whole.
                file.write_all(b"\n")?;
                bytes += 1;
            }
        }
        Ok(Self { file, bytes })
    }
}

impl Bounded {
    fn open(path: &Path, most: u64) -> io::Result<Self> {
        let open = Some(Lines::open(path)?);
        Ok(Self { path: path.to_owned(), most, open, grows: false })
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        let mut lines = match self.open.take() {
            Some(lines) => lines,
            None => Lines::open(&self.path)?,
        };
        let added = line.len() as u64 + 1;
        if lines.bytes > 0 && lines.bytes + added > self.most && self.sets_aside() {
            lines = Lines::open(&self.path)?;
        }
        // One write: a crash leaves a whole line or a torn last one, never two mixed.
        lines.file.write_all(format!("{line}\n").as_bytes())?;
        lines.file.sync_data()?;
        lines.bytes += added;
        self.open = Some(lines);
        Ok(())
    }

    /// Puts the file in the place of the older one. Somebody else may have taken it away.
    fn sets_aside(&mut self) -> bool {
        let mut older = self.path.clone().into_os_string();
        older.push(".1");
        let renamed = match std::fs::rename(&self.path, older) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let was_growing = std::mem::replace(&mut self.grows, renamed.is_err());
        if let (Err(error), false) = (&renamed, was_growing) {
            tracing::error!(target: "bmn::audit", %error, "the file is full and cannot be set aside: it grows");
        }
        renamed.is_ok()
    }
}

/// The same methods, each call of which is kept.
pub fn audited(module: RpcModule<()>, log: &Arc<AuditLog>) -> RpcModule<()> {
    let names: Vec<_> = module.method_names().collect();
    let mut around = RpcModule::new(());
    for name in names {
        let (module, log) = (module.clone(), Arc::clone(log));
        let registered = around.register_async_method(name, move |params, _, extensions| {
            let caller = extensions.get::<Caller>().map(|caller| caller.0);
            let call = call(module.clone(), name, params.into_owned(), caller, Arc::clone(&log));
            #[allow(
                clippy::disallowed_methods,
                reason = "a caller that hangs up drops what it waits for; the call is done all the same, and kept"
            )]
            let called = tokio::spawn(call);
            async move {
                called.await.unwrap_or_else(|error| {
                    Err(RpcErrorCode::Internal.says(error.to_string()))
                })
            }
        });
        if let Err(error) = registered {
            // Never: each name was there once. Better not served than not kept.
            tracing::error!(target: "bmn::audit", %error, "a method is not served");
        }
    }
    around
}

async fn call(
    module: RpcModule<()>,
    name: &'static str,
    params: Params<'static>,
    caller: Option<IpAddr>,
    log: Arc<AuditLog>,
) -> Result<Value, ErrorObjectOwned> {
    let answer = module.call::<_, Value>(name, AsSent::of(&params)).await.map_err(refused);
    let outcome = answer.as_ref().err().map_or(0, ErrorObjectOwned::code);
    let entry = AuditEntry {
        time: (log.now)(),
        caller,
        level: "admin".to_owned(),
        method: name.to_owned(),
        params: is_understood(outcome).then(|| harmless(&params)),
        outcome,
    };
    let kept = tokio::task::spawn_blocking(move || log.keep(&entry)).await;
    kept.map_err(|error| RpcErrorCode::Internal.says(error.to_string()))?;
    answer
}

fn refused(error: MethodsError) -> ErrorObjectOwned {
    match error {
        MethodsError::JsonRpc(error) => error,
        other => RpcErrorCode::Internal.says(other.to_string()),
    }
}

/// Whether the parameters meant something, so that they are what they should be.
fn is_understood(outcome: i32) -> bool {
    outcome == 0
        || matches!(
            RpcErrorCode::from_code(outcome),
            Some(RpcErrorCode::NotWanted | RpcErrorCode::AmbiguousId | RpcErrorCode::Unavailable)
        )
}

/// Parameters without what may be a secret.
fn harmless(params: &Params<'_>) -> Value {
    let sent = params.as_str().and_then(|text| serde_json::from_str(text).ok());
    without_secrets(sent.unwrap_or(Value::Null))
}

fn without_secrets(value: Value) -> Value {
    match value {
        Value::String(text) if !is_word(&text) => Value::String("(not kept)".to_owned()),
        Value::Array(values) => values.into_iter().map(without_secrets).collect(),
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| is_word(name));
            kept.map(|(name, value)| (name, without_secrets(value))).collect()
        }
        plain => plain,
    }
}

/// A mode, an address, an order id: no phrase, no token, no 32 bytes that could be a key.
fn is_word(text: &str) -> bool {
    const LONGEST: usize = 160;
    let is_key = |text: &str| text.len() >= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.len() <= LONGEST
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !is_key(text.strip_prefix("0x").unwrap_or(text))
}

/// Parameters as they were sent.
struct AsSent(Option<Box<RawValue>>);

impl AsSent {
    fn of(params: &Params<'_>) -> Self {
        Self(params.as_str().and_then(|text| RawValue::from_string(text.to_owned()).ok()))
    }
}

impl ToRpcParams for AsSent {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_may_be_a_secret_is_not_kept() {
        let key = "5e".repeat(32);
        let order = format!("1337:0x{}:0x{key}:65535", "c0".repeat(20));
        let phrase = "test test test test junk";
        let sent = json!([{ "order": order, "chain": 5, "x": key, phrase: 1 }, phrase, format!("0x{key}")]);
        let hidden = "(not kept)";
        let kept = json!([{ "order": order, "chain": 5, "x": hidden }, hidden, hidden]);
        assert_eq!(without_secrets(sent), kept);
    }

    #[test]
    fn a_full_file_takes_the_place_of_the_older_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        let mut file = Bounded::open(&path, 20).unwrap();
        for line in ["one", "two", "three", "four", "five", "six"] {
            file.append(line).unwrap();
        }
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        assert_eq!(read(&path), "five\nsix\n");
        assert_eq!(read(&directory.path().join("audit.log.1")), "one\ntwo\nthree\nfour\n");
        drop(file);
        Bounded::open(&path, 20).unwrap().append("seven").unwrap();
        assert_eq!(read(&path), "five\nsix\nseven\n", "a restart goes on");
    }

    #[test]
    fn a_torn_last_line_is_ended_before_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        std::fs::write(&path, "one\nto").unwrap();
        let mut file = Bounded::open(&path, 100).unwrap();
        file.append("three").unwrap();
        file.append("four").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\nto\nthree\nfour\n");
    }

    #[test]
    fn a_file_that_was_taken_away_when_it_was_full_is_begun_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        let mut file = Bounded::open(&path, 10).unwrap();
        file.append("one").unwrap();
        std::fs::rename(&path, directory.path().join("elsewhere")).unwrap();
        file.append("two and more").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two and more\n");
    }

    #[test]
    fn a_file_that_cannot_be_set_aside_grows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        // A directory with something in it cannot be replaced by a file.
        std::fs::create_dir_all(directory.path().join("audit.log.1/x")).unwrap();
        let mut file = Bounded::open(&path, 10).unwrap();
        for line in ["one", "two and more", "three"] {
            file.append(line).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo and more\nthree\n");
        assert!(file.grows);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_could_not_be_written_once_does_not_stop_what_comes_later() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        let entry = |outcome| AuditEntry {
            time: 1,
            caller: None,
            level: "admin".to_owned(),
            method: "bmn_pause".to_owned(),
            params: None,
            outcome,
        };
        // A disk without room.
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let log = AuditLog::open(&path, 10_000, || 1).unwrap();
        log.keep(&entry(1));
        assert!(log.is_failing.load(Ordering::Relaxed));
        std::fs::remove_file(&path).unwrap();
        for outcome in [2, 3] {
            log.keep(&entry(outcome));
        }
        assert!(!log.is_failing.load(Ordering::Relaxed));
        let text = std::fs::read_to_string(&path).unwrap();
        let kept: Vec<AuditEntry> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(kept, [entry(2), entry(3)]);
    }
}
