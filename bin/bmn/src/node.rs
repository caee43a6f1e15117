//! Talking to a node and to a chain.

use crate::failure::{Failure, chain, plainly};
use bmn_rpc_api::RpcErrorCode;
use clap::Args;
use jsonrpsee::core::{ClientError, client::ClientT, rpc_params};
use jsonrpsee_http_client::{HeaderMap, HttpClient, transport};
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use serde_json::Value;
use std::time::Duration;

/// Which node to ask.
#[derive(Debug, Clone, Args)]
pub(crate) struct NodeArgs {
    /// URL of the node's bmn_* JSON-RPC.
    #[arg(long, value_name = "URL", env = "BMN_RPC", default_value = "http://127.0.0.1:8547")]
    pub(crate) rpc: String,
}

impl NodeArgs {
    /// A client for single requests.
    pub(crate) fn http(&self) -> Result<HttpClient, Failure> {
        self.http_with(HeaderMap::new())
    }

    /// The same with headers of its own.
    pub(crate) fn http_with(&self, headers: HeaderMap) -> Result<HttpClient, Failure> {
        http(&self.rpc, headers)
    }

    /// The URL as it may be shown.
    pub(crate) fn shown(&self) -> String {
        shown(&self.rpc)
    }

    /// A client for subscriptions.
    pub(crate) async fn ws(&self) -> Result<WsClient, Failure> {
        self.ws_with(HeaderMap::new()).await
    }

    /// The same with headers of its own.
    pub(crate) async fn ws_with(&self, headers: HeaderMap) -> Result<WsClient, Failure> {
        let rest = plain(&self.rpc)?;
        let url = format!("ws://{rest}");
        let builder = WsClientBuilder::new().request_timeout(PATIENCE).set_headers(headers);
        let client = builder.build(&url).await;
        client.map_err(|error| unreachable(&url, &error, Some(NO_RESOLVER)))
    }

    /// What a failed request means.
    pub(crate) fn failed(&self, error: ClientError) -> Failure {
        match rejection(&error) {
            Some(UNAUTHORIZED) => {
                let url = self.shown();
                return Failure::Usage(format!(
                    "{url} wants a token: it is the operator's port of a node; --rpc names its public one \
                     (rpc in its configuration)"
                ));
            }
            Some(NOT_FOUND | NOT_ALLOWED) => {
                return Failure::Unreachable {
                    url: self.shown(),
                    reason: "what answers there is no resolver's JSON-RPC".to_owned(),
                    hint: Some(NO_RESOLVER),
                };
            }
            _ => {}
        }
        match failed(&self.rpc, error, Some(NO_RESOLVER)) {
            Failure::Refused { code: METHOD_NOT_FOUND, .. } => Failure::Unreachable {
                url: shown(&self.rpc),
                reason: "what answers there is no resolver: it knows no bmn_* method".to_owned(),
                hint: Some(NO_RESOLVER),
            },
            other => other,
        }
    }
}

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

const METHOD_NOT_FOUND: i32 = -32601;
const UNAUTHORIZED: u16 = 401;
const NOT_FOUND: u16 = 404;
const NOT_ALLOWED: u16 = 405;

/// The HTTP status of an answer that was none.
fn rejection(error: &ClientError) -> Option<u16> {
    let ClientError::Transport(reason) = error else { return None };
    match reason.downcast_ref() {
        Some(transport::Error::Rejected { status_code }) => Some(*status_code),
        _ => None,
    }
}

const NO_RESOLVER: &str = "`bmn dev` or `bmn node` starts a resolver (port 8547 unless told \
                           otherwise); --rpc or BMN_RPC says where it is";
const NO_CHAIN: &str = "expected the JSON-RPC of a chain's node";

/// A URL as it may be shown: whatever comes before or after the host may be a key.
pub(crate) fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let more = if path.len() > 1 { "/…" } else { "" };
    if scheme.is_empty() { format!("{host}{more}") } else { format!("{scheme}://{host}{more}") }
}

// This build has no TLS: a proxy on this machine or an SSH tunnel gives it.
fn plain(url: &str) -> Result<&str, Failure> {
    for scheme in ["http://", "ws://"] {
        if let Some(rest) = url.strip_prefix(scheme).filter(|rest| !rest.is_empty()) {
            return Ok(rest);
        }
    }
    let secure = url.starts_with("https://") || url.starts_with("wss://");
    Err(Failure::Usage(if secure {
        format!(
            "`{}`: these commands speak no TLS; use an http:// URL (a local proxy or SSH tunnel)",
            shown(url)
        )
    } else {
        format!("`{}`: expected a URL that begins with http:// or ws://", shown(url))
    }))
}

fn http(url: &str, headers: HeaderMap) -> Result<HttpClient, Failure> {
    let target = format!("http://{}", plain(url)?);
    HttpClient::builder()
        .request_timeout(PATIENCE)
        .set_headers(headers)
        .build(&target)
        .map_err(|error| unreachable(&target, &error, None))
}

fn unreachable(
    url: &str,
    error: &(dyn std::error::Error + 'static),
    hint: Option<&'static str>,
) -> Failure {
    let mut causes = vec![error];
    while let Some(cause) = causes.last().copied().and_then(std::error::Error::source) {
        causes.push(cause);
    }
    Failure::Unreachable { url: shown(url), reason: plainly(chain(causes)), hint }
}

fn failed(url: &str, error: ClientError, hint: Option<&'static str>) -> Failure {
    match error {
        ClientError::Call(error) => Failure::Refused {
            code: error.code(),
            name: RpcErrorCode::from_code(error.code()).map_or("unnamed", RpcErrorCode::name),
            message: error.message().to_owned(),
            data: error
                .data()
                .and_then(|data| serde_json::from_str(data.get()).ok())
                .unwrap_or(Value::Null),
        },
        ClientError::RequestTimeout => Failure::Unreachable {
            url: shown(url),
            reason: format!("no answer within {} s", PATIENCE.as_secs()),
            hint,
        },
        other => unreachable(url, &other, hint),
    }
}

fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

fn strange(url: &str, method: &str) -> Failure {
    Failure::Unreachable {
        url: shown(url),
        reason: format!("{method} was not answered as an Ethereum node does"),
        hint: Some(NO_CHAIN),
    }
}

/// The id of the chain behind `url`.
pub(crate) async fn chain_id(url: &str) -> Result<u64, Failure> {
    let answer: Result<Value, _> =
        http(url, HeaderMap::new())?.request("eth_chainId", rpc_params![]).await;
    let answer = answer.map_err(|error| failed(url, error, Some(NO_CHAIN)))?;
    quantity(&answer).ok_or_else(|| strange(url, "eth_chainId"))
}

/// Time of the newest block of the chain behind `url`, unix seconds.
///
/// # Errors
/// Also when the chain is another one than `chain`.
pub(crate) async fn chain_time(url: &str, chain: u64) -> Result<u64, Failure> {
    let found = chain_id(url).await?;
    if found != chain {
        let url = shown(url);
        return Err(Failure::Usage(format!("{url} is chain {found}, expected chain {chain}")));
    }
    let block: Result<Value, _> = http(url, HeaderMap::new())?
        .request("eth_getBlockByNumber", rpc_params!["latest", false])
        .await;
    let block = block.map_err(|error| failed(url, error, Some(NO_CHAIN)))?;
    quantity(&block["timestamp"]).ok_or_else(|| strange(url, "eth_getBlockByNumber"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_only_the_host_is_shown() {
        for (url, expected) in [
            ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
            ("wss://me:word@node.example:443/v3/KEY?x=1", "wss://node.example:443/…"),
            ("http://host/", "http://host"),
            ("http://host?key=KEY", "http://host/…"),
            ("host/KEY", "host/…"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn only_plain_urls_are_taken_and_the_others_say_why() {
        assert_eq!(plain("http://127.0.0.1:8547").unwrap(), "127.0.0.1:8547");
        assert_eq!(plain("ws://localhost:1/x").unwrap(), "localhost:1/x");
        for secure in ["https://example.org", "wss://example.org"] {
            assert!(plain(secure).unwrap_err().to_string().contains("no TLS"));
        }
        for wrong in ["", "localhost:8547", "http://", "ftp://x"] {
            assert!(plain(wrong).unwrap_err().to_string().contains("expected a URL"), "{wrong}");
        }
    }
}
