//! What the operator's methods were told to change: by whom, when, and what came of it.
//!
//! Each call of an audited method is one event on the target `bmn::audit` and, where there is a file, one line of
//! JSON in it, on disk before the caller has the answer. The file is bounded: when it is full it takes the place
//! of the older one (`.1`). Parameters are kept only of calls that were understood, and of those only words and
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
    io::{self, Write},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
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
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").field("file", &self.file).finish_non_exhaustive()
    }
}

impl AuditLog {
    /// Events alone, without a file: for a development network. `now` tells unix seconds.
    pub fn events(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { now: Box::new(now), file: None }
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
        Ok(Self { now: Box::new(now), file: Some(Mutex::new(bounded)) })
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
        if let Err(error) = line.and_then(|line| file.lock().append(&line)) {
            // The call is done: what is left is to say that nothing remembers it.
            tracing::error!(target: "bmn::audit", %error, method = %entry.method, "not written");
        }
    }
}

/// A file that is begun anew when it is full.
#[derive(Debug)]
struct Bounded {
    path: PathBuf,
    file: File,
    bytes: u64,
    most: u64,
}

impl Bounded {
    fn open(path: &Path, most: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, most })
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        let added = line.len() as u64 + 1;
        if self.bytes > 0 && self.bytes + added > self.most {
            let mut older = self.path.clone().into_os_string();
            older.push(".1");
            std::fs::rename(&self.path, older)?;
            *self = Self::open(&self.path, self.most)?;
        }
        // One write: a crash leaves a whole line or a torn last one, never two mixed.
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.file.sync_data()?;
        self.bytes += added;
        Ok(())
    }
}

/// The same methods, each call of which is kept.
pub fn audited(module: RpcModule<()>, log: &Arc<AuditLog>) -> RpcModule<()> {
    let names: Vec<_> = module.method_names().collect();
    let mut around = RpcModule::new(());
    for name in names {
        let (module, log) = (module.clone(), Arc::clone(log));
        let registered = around.register_async_method(name, move |params, _, extensions| {
            let (module, log) = (module.clone(), Arc::clone(&log));
            let caller = extensions.get::<Caller>().map(|caller| caller.0);
            async move { call(&module, name, &params, caller, log).await }
        });
        if let Err(error) = registered {
            // Never: each name was there once. Better not served than not kept.
            tracing::error!(target: "bmn::audit", %error, "a method is not served");
        }
    }
    around
}

async fn call(
    module: &RpcModule<()>,
    name: &'static str,
    params: &Params<'_>,
    caller: Option<IpAddr>,
    log: Arc<AuditLog>,
) -> Result<Value, ErrorObjectOwned> {
    let answer = module.call::<_, Value>(name, AsSent::of(params)).await.map_err(refused);
    let outcome = answer.as_ref().err().map_or(0, ErrorObjectOwned::code);
    let entry = AuditEntry {
        time: (log.now)(),
        caller,
        level: "admin".to_owned(),
        method: name.to_owned(),
        params: is_understood(outcome).then(|| harmless(params)),
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
}
