//! A chain's JSON-RPC in batches, for commands that read a lot or need TLS: patient, bounded, and silent about
//! keys in URLs.

use crate::{
    failure::{Failure, plainly},
    node::shown,
};
use alloy::transports::http::reqwest::{self, Client, Response, StatusCode, Url, header};
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Times that a request is sent before giving up.
const ATTEMPTS: u32 = 7;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(60);

/// Most bytes of one answer: a batch of the largest blocks there are.
const MAX_ANSWER: usize = 256 << 20;

/// One call of a batch.
pub(crate) type Call = (&'static str, Value);

/// A node's refusal of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i64,
    pub(crate) message: String,
}

impl Refusal {
    /// The node has no such method, or keeps it from us.
    pub(crate) fn is_unsupported(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        matches!(self.code, -32601 | -32004)
            || ["not found", "not supported", "does not exist", "not available", "unsupported"]
                .iter()
                .any(|part| message.contains(part))
    }

    // A limit that passes: providers answer with these, most of them under HTTP 200.
    fn passes(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        matches!(self.code, -32005 | -32016 | 429)
            || ["rate", "limit exceeded", "too many requests", "capacity", "timeout", "timed out"]
                .iter()
                .any(|part| message.contains(part))
    }
}

/// Why an attempt gave no answers.
enum Setback {
    /// Another attempt may succeed, the soonest after this time where the node said so.
    Passing(String, Option<Duration>),
    /// No attempt will.
    Lasting(String),
}

/// A node.
pub(crate) struct Node {
    client: Client,
    url: Url,
    shown: String,
    batches: AtomicBool,
}

impl Node {
    /// A client of the node behind `url`, which `flag` named.
    pub(crate) fn new(flag: &str, url: &str) -> Result<Self, Failure> {
        let shown = shown(url);
        let usage = |reason: String| Failure::Usage(format!("{flag} {shown}: {reason}"));
        let parsed = Url::parse(url).map_err(|error| usage(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(usage("expected a URL that begins with http:// or https://".to_owned()));
        }
        let client = Client::builder().timeout(TIMEOUT).build();
        let client = client.map_err(|error| usage(error.without_url().to_string()))?;
        Ok(Self { client, url: parsed, shown, batches: AtomicBool::new(true) })
    }

    /// Its URL without anything secret.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// One call that has to succeed.
    pub(crate) async fn call(&self, method: &'static str, params: Value) -> Result<Value, Failure> {
        let mut answers = self.batch(&[(method, params)]).await?;
        match answers.pop() {
            Some(Ok(value)) => Ok(value),
            Some(Err(refusal)) => Err(self.refused(method, &refusal)),
            None => Err(self.unreachable(format!("{method} was not answered"))),
        }
    }

    /// What a refusal means for the command.
    pub(crate) fn refused(&self, method: &str, refusal: &Refusal) -> Failure {
        let Refusal { code, message } = refusal;
        self.unreachable(format!("{method} was refused: {message} (code {code})"))
    }

    /// The node cannot be used.
    pub(crate) fn unreachable(&self, reason: String) -> Failure {
        Failure::Unreachable { url: self.shown.clone(), reason: plainly(reason), hint: None }
    }

    /// The answers to several calls, in their order.
    pub(crate) async fn batch(
        &self,
        calls: &[Call],
    ) -> Result<Vec<Result<Value, Refusal>>, Failure> {
        if calls.len() > 1 && self.batches.load(Ordering::Relaxed) {
            match self.patiently(calls).await {
                Err(Setback::Lasting(reason)) if reason.contains("batch") => {
                    self.batches.store(false, Ordering::Relaxed);
                }
                other => return other.map_err(|setback| self.gave_up(setback)),
            }
        }
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            let one = self.patiently(std::slice::from_ref(call)).await;
            answers.extend(one.map_err(|setback| self.gave_up(setback))?);
        }
        Ok(answers)
    }

    /// The same, asked once: for looks that are taken again anyway, or whose time is measured.
    pub(crate) async fn at_once(
        &self,
        calls: &[Call],
    ) -> Result<Vec<Result<Value, Refusal>>, Failure> {
        let reason = |setback| match setback {
            Setback::Passing(reason, _) | Setback::Lasting(reason) => self.unreachable(reason),
        };
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            let one = self.once(std::slice::from_ref(call)).await;
            answers.extend(one.map_err(reason)?);
        }
        Ok(answers)
    }

    fn gave_up(&self, setback: Setback) -> Failure {
        match setback {
            Setback::Passing(reason, _) => {
                self.unreachable(format!("{reason}, after {ATTEMPTS} attempts"))
            }
            Setback::Lasting(reason) => self.unreachable(reason),
        }
    }

    async fn patiently(&self, calls: &[Call]) -> Result<Vec<Result<Value, Refusal>>, Setback> {
        let mut wait = FIRST_WAIT;
        for _ in 1..ATTEMPTS {
            match self.once(calls).await {
                Err(Setback::Passing(_, asked)) => {
                    tokio::time::sleep(asked.unwrap_or(wait).min(LONGEST_WAIT)).await;
                    wait *= 2;
                }
                other => return other,
            }
        }
        self.once(calls).await
    }

    async fn once(&self, calls: &[Call]) -> Result<Vec<Result<Value, Refusal>>, Setback> {
        let request = |(id, (method, params)): (usize, &Call)| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let mut requests: Vec<Value> = calls.iter().enumerate().map(request).collect();
        let body = match requests.len() {
            1 => requests.swap_remove(0),
            _ => Value::Array(requests),
        };
        let sent = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string())
            .send()
            .await;
        let response = sent.map_err(passing)?;
        check_status(&response)?;
        read_answers(&read_body(response).await?, calls.len())
    }
}

fn passing(error: reqwest::Error) -> Setback {
    let error = error.without_url();
    Setback::Passing(crate::failure::chain(causes(&error)), None)
}

fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

fn check_status(response: &Response) -> Result<(), Setback> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let says = format!("it answers with HTTP {status}");
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        let asked = response.headers().get(header::RETRY_AFTER);
        let asked = asked.and_then(|value| value.to_str().ok()?.parse().ok());
        return Err(Setback::Passing(says, asked.map(Duration::from_secs)));
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return Err(Setback::Lasting(format!("{says}: the batch is too large for it")));
    }
    Err(Setback::Lasting(says))
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, Setback> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(passing)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            let reason =
                format!("an answer is larger than {MAX_ANSWER} bytes: use a smaller --batch");
            return Err(Setback::Lasting(reason));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn read_answers(body: &[u8], expected: usize) -> Result<Vec<Result<Value, Refusal>>, Setback> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Setback::Passing(format!("an answer is not JSON: {error}"), None))?;
    let answers = match answer {
        Value::Array(answers) => answers,
        // To a batch, this is a node that takes none, or an error about the whole.
        single if expected == 1 => vec![single],
        single => {
            let refusal = read_refusal(&single["error"]);
            let text = format!("it refuses the batch: {} ({})", refusal.message, refusal.code);
            return Err(match refusal.passes() {
                true => Setback::Passing(text, None),
                false => Setback::Lasting(text),
            });
        }
    };
    let mut ordered: Vec<Option<Result<Value, Refusal>>> = vec![None; expected];
    for mut answer in answers {
        // Answers come in any order; an error about a request that could not be read has no id.
        let id = answer["id"].as_u64().and_then(|id| usize::try_from(id).ok());
        let Some(slot) = id.and_then(|id| ordered.get_mut(id)) else { continue };
        *slot = Some(match answer.get("error") {
            Some(error) if !error.is_null() => Err(read_refusal(error)),
            _ => Ok(answer["result"].take()),
        });
    }
    let answers: Option<Vec<_>> = ordered.into_iter().collect();
    let incomplete = || Setback::Passing("an answer lacks one of the calls".to_owned(), None);
    let answers = answers.ok_or_else(incomplete)?;
    match answers.iter().filter_map(|answer| answer.as_ref().err()).find(|error| error.passes()) {
        Some(refusal) => Err(Setback::Passing(refusal.message.clone(), None)),
        None => Ok(answers),
    }
}

fn read_refusal(error: &Value) -> Refusal {
    // A node's own words, cut: some answer with a page.
    let message: String =
        error["message"].as_str().unwrap_or("no message").chars().take(200).collect();
    Refusal { code: error["code"].as_i64().unwrap_or_default(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &Value, expected: usize) -> Result<Vec<Result<Value, Refusal>>, Setback> {
        read_answers(answer.to_string().as_bytes(), expected)
    }

    #[test]
    fn answers_are_put_in_the_order_of_their_calls() {
        let answer = json!([{ "id": 1, "result": "b" }, { "id": 0, "result": "a" }]);
        let Ok(answers) = read(&answer, 2) else { panic!("two answers") };
        assert_eq!(answers, [Ok(json!("a")), Ok(json!("b"))]);
    }

    #[test]
    fn limits_under_http_200_are_waited_for_and_refusals_are_not() {
        let limit = json!({ "id": 0, "error": { "code": -32005, "message": "daily cap" } });
        assert!(matches!(read(&limit, 1), Err(Setback::Passing(..))));
        let missing = json!({ "id": 0, "error": { "code": -32601, "message": "no such method" } });
        let Ok(answers) = read(&missing, 1) else { panic!("an answer") };
        assert!(answers[0].as_ref().is_err_and(Refusal::is_unsupported));
        assert!(matches!(read(&missing, 2), Err(Setback::Lasting(text)) if text.contains("batch")));
        assert!(matches!(read(&json!([{ "id": 0, "result": 1 }]), 2), Err(Setback::Passing(..))));
        assert!(matches!(read_answers(b"<html>", 1), Err(Setback::Passing(..))));
    }

    #[test]
    fn keys_in_urls_are_never_told() {
        let node = Node::new("--rpc", "https://user:pw@rpc.example/v3/secretkey?k=secretkey")
            .ok()
            .unwrap();
        let text = node.unreachable("x".to_owned()).to_string();
        assert!(!text.contains("secretkey") && !text.contains("pw"), "{text}");
        let error = Node::new("--rpc", "ftp://rpc.example/secretkey").err().unwrap().to_string();
        assert!(error.contains("http") && !error.contains("secretkey"), "{error}");
    }
}
