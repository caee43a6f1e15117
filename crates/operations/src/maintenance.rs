//! Maintenance on and off, as the operator's own methods do it, with a key and in the audit log.

use crate::problem::Problem;
use axum::http::StatusCode;
use bmn_rpc::{AuditLog, Caller, JwtKey, audited};
use bmn_rpc_api::{NodeModes, RpcErrorCode, SwitchKind, WireSwitch};
use jsonrpsee::{
    Extensions, RpcModule,
    core::server::{ConnectionId, MethodCallback, MethodsError},
    types::{ErrorObjectOwned, Id, Params},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;
use utoipa::ToSchema;

/// What the audit log calls it.
const NAME: &str = "POST /api/v1/admin/maintenance";

/// Longest reason, bytes.
const LONGEST: usize = 120;
/// Most words of a reason. The shortest phrase that a key is kept as has twelve.
const WORDS: usize = 10;
const REASON: &str = "at most 10 words of 120 letters together";

/// What is asked of `POST /api/v1/admin/maintenance`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Maintenance {
    /// True to take no new orders, false to take them again. Open orders are finished either way.
    on: bool,
    /// Why, for the audit log: at most 10 words of 120 letters together. What looks like a key is not kept.
    #[schema(max_length = 120)]
    reason: Option<String>,
}

/// The same as the audit log keeps it: word by word.
#[derive(Serialize, Deserialize)]
struct Kept {
    on: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reason: Vec<String>,
}

impl Maintenance {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Problem> {
        let fields: Value = serde_json::from_slice(body)
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body is not JSON"))?;
        let Value::Object(fields) = fields else {
            let detail = "expected a JSON object with `on`, and `reason` where there is one";
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        };
        if !fields.keys().all(|name| name == "on" || name == "reason") {
            let detail = "an unknown field; known are on, reason";
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        }
        let on = fields.get("on").and_then(Value::as_bool);
        let on = on.ok_or_else(|| Problem::parameter("on", "true or false"))?;
        let reason = match fields.get("reason") {
            None | Some(Value::Null) => None,
            Some(Value::String(words)) if is_short(words) => Some(words.clone()),
            Some(_) => return Err(Problem::parameter("reason", REASON)),
        };
        Ok(Self { on, reason })
    }

    fn kept(&self) -> Kept {
        let words = self.reason.iter().flat_map(|reason| reason.split_whitespace());
        Kept { on: self.on, reason: words.map(str::to_owned).collect() }
    }
}

fn is_short(reason: &str) -> bool {
    reason.len() <= LONGEST && reason.split_whitespace().count() <= WORDS
}

/// What changes the node, and for whom.
#[derive(Clone)]
pub struct Operator {
    key: JwtKey,
    turned_away: Arc<Mutex<Lines>>,
    /// One method, each call of which is kept.
    maintain: RpcModule<()>,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").finish_non_exhaustive()
    }
}

impl Operator {
    /// For those who have the key. `admin` has `bmn_pause` and `bmn_resume` and is not audited itself; each
    /// change is kept in `audit`.
    pub fn new(key: JwtKey, admin: RpcModule<()>, audit: &Arc<AuditLog>) -> Self {
        let mut maintain = RpcModule::new(());
        let change = move |params: Params<'static>, _, _| {
            let admin = admin.clone();
            async move { change(&admin, params.parse()?).await }
        };
        maintain.register_async_method(NAME, change).expect("the module is empty");
        let turned_away = Arc::default();
        Self { key, turned_away, maintain: audited(maintain, audit) }
    }

    /// Why the value of an `Authorization` header does not let its sender in; none when it does. A flood of
    /// strangers writes a line now and then.
    pub(crate) fn refusal(
        &self,
        authorization: Option<&[u8]>,
        Caller(caller): Caller,
    ) -> Option<String> {
        let reason = self.key.refusal(authorization)?;
        if let Some(others) = self.turned_away.lock().another(Instant::now()) {
            tracing::warn!(target: "bmn::audit", %caller, reason, others, "turned away");
        }
        Some(reason)
    }

    /// Changes it, and answers what holds afterwards.
    pub(crate) async fn maintain(
        &self,
        asked: &Maintenance,
        caller: Caller,
    ) -> Result<NodeModes, Problem> {
        let Some(MethodCallback::Async(call)) = self.maintain.method(NAME) else {
            return Err(internal("there is no such method").into());
        };
        let params = serde_json::to_string(&asked.kept()).map_err(internal)?;
        let mut extensions = Extensions::new();
        extensions.insert(caller);
        let params = Params::new(Some(&params)).into_owned();
        let answer = call(Id::Null, params, ConnectionId(0), usize::MAX, extensions).await;
        read(&answer.to_json().to_string()).map_err(Problem::from)
    }
}

/// Lines of the log about who was turned away come no more often.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// When such a line was last written, and what was left out since.
#[derive(Debug, Default)]
struct Lines {
    last: Option<Instant>,
    left_out: u64,
}

impl Lines {
    /// How many were left out before this line; none when it is left out as well.
    fn another(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < BETWEEN_LINES) {
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

/// The result in an answer of a method.
fn read(answer: &str) -> Result<NodeModes, ErrorObjectOwned> {
    let mut answer: Value = serde_json::from_str(answer).map_err(internal)?;
    if let Some(error) = answer.get_mut("error") {
        return Err(serde_json::from_value(error.take()).unwrap_or_else(internal));
    }
    serde_json::from_value(answer["result"].take()).map_err(internal)
}

async fn change(admin: &RpcModule<()>, asked: Kept) -> Result<NodeModes, ErrorObjectOwned> {
    let method = if asked.on { "bmn_pause" } else { "bmn_resume" };
    let switch = WireSwitch { kind: SwitchKind::Maintenance, chain_id: None, token: None };
    admin.call(method, [switch]).await.map_err(|error| match error {
        MethodsError::JsonRpc(error) => error,
        other => internal(other),
    })
}

fn internal(error: impl fmt::Display) -> ErrorObjectOwned {
    tracing::error!(target: "bmn::operations", %error, "maintenance could not be changed");
    RpcErrorCode::Internal.says(RpcErrorCode::Internal.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_strangers_writes_a_line_now_and_then_that_counts_them() {
        let (mut lines, begun) = (Lines::default(), Instant::now());
        assert_eq!(lines.another(begun), Some(0));
        for _ in 0..1_000 {
            assert_eq!(lines.another(begun + BETWEEN_LINES / 2), None);
        }
        assert_eq!(lines.another(begun + BETWEEN_LINES), Some(1_000));
    }

    #[test]
    fn a_body_is_read_strictly_and_not_repeated() {
        let read = |text: &str| Maintenance::read(text.as_bytes());
        let on = read(r#"{"on":true,"reason":"the disk is swapped"}"#).unwrap();
        assert_eq!(on.kept().reason, ["the", "disk", "is", "swapped"]);
        assert_eq!(read(r#"{"on":false,"reason":null}"#).unwrap().kept().reason, [""; 0]);
        let long = format!(r#"{{"on":true,"reason":"{}"}}"#, "x5e".repeat(41));
        let phrase = format!(r#"{{"on":true,"reason":"{}"}}"#, "x5e ".repeat(11));
        for text in [
            "",
            "x5e",
            "[true]",
            "{}",
            r#"{"on":"x5e"}"#,
            r#"{"on":true,"x5e":1}"#,
            r#"{"on":true,"reason":["x5e"]}"#,
            &long,
            &phrase,
        ] {
            let told = serde_json::to_string(&read(text).unwrap_err()).unwrap();
            assert!(told.contains("400") && !told.contains("x5e"), "{text}: {told}");
        }
    }
}
