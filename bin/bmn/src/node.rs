//! Talking to a node and to a chain.

use crate::failure::Failure;
use bmn_rpc_api::RpcErrorCode;
use clap::Args;
use jsonrpsee::core::{ClientError, client::ClientT, rpc_params};
use jsonrpsee_http_client::HttpClient;
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use serde_json::Value;

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
        http(&self.rpc)
    }

    /// A client for subscriptions.
    pub(crate) async fn ws(&self) -> Result<WsClient, Failure> {
        let rest = plain(&self.rpc)?;
        let url = format!("ws://{rest}");
        WsClientBuilder::new().build(&url).await.map_err(|error| unreachable(&url, &error))
    }

    /// What a failed request means.
    pub(crate) fn failed(&self, error: ClientError) -> Failure {
        failed(&self.rpc, error)
    }
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
            "`{url}`: this build speaks no TLS; use an http:// URL (a local proxy or SSH tunnel)"
        )
    } else {
        format!("`{url}`: expected a URL that begins with http:// or ws://")
    }))
}

fn http(url: &str) -> Result<HttpClient, Failure> {
    let target = format!("http://{}", plain(url)?);
    HttpClient::builder().build(&target).map_err(|error| unreachable(&target, &error))
}

fn unreachable(url: &str, error: &dyn std::error::Error) -> Failure {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        cause = error.source();
    }
    Failure::Unreachable { url: url.to_owned(), reason }
}

fn failed(url: &str, error: ClientError) -> Failure {
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
        other => unreachable(url, &other),
    }
}

/// Time of the newest block of the chain behind `url`, unix seconds.
///
/// # Errors
/// Also when the chain is another one than `chain`.
pub(crate) async fn chain_time(url: &str, chain: u64) -> Result<u64, Failure> {
    let client = http(url)?;
    let quantity = |value: &Value| {
        let digits = value.as_str()?.strip_prefix("0x")?;
        u64::from_str_radix(digits, 16).ok()
    };
    let strange = |method: &str| Failure::Unreachable {
        url: url.to_owned(),
        reason: format!("{method} was not answered as an Ethereum node does"),
    };
    let found: Value =
        client.request("eth_chainId", rpc_params![]).await.map_err(|error| failed(url, error))?;
    let found = quantity(&found).ok_or_else(|| strange("eth_chainId"))?;
    if found != chain {
        return Err(Failure::Usage(format!("{url} is chain {found}, expected chain {chain}")));
    }
    let block: Value = client
        .request("eth_getBlockByNumber", rpc_params!["latest", false])
        .await
        .map_err(|error| failed(url, error))?;
    quantity(&block["timestamp"]).ok_or_else(|| strange("eth_getBlockByNumber"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
