//! Where a node is reached.

use alloy::transports::http::reqwest::Url;
use std::{fmt, str::FromStr};

/// The address of one JSON-RPC node. Paths, queries and user names carry API keys, so only the
/// scheme, the host and the port are ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
}

/// The text is no endpoint. The text itself is not repeated: it may hold an API key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; accepted: http://, https://, ws:// or wss:// and a host")]
pub struct ParseEndpointError {
    reason: String,
}

/// Parts of a URL shorter than this are words (`v2`, `rpc`, `mainnet`), not keys.
const SHORTEST_KEY: usize = 8;

impl Endpoint {
    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// Whether it is reached over a WebSocket, and so can push new heads.
    pub fn is_websocket(&self) -> bool {
        matches!(self.url.scheme(), "ws" | "wss")
    }

    /// A node's words without anything of the address that may be a key.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut clean = text.replace(self.url.as_str(), &self.to_string());
        let path = self.url.path_segments().into_iter().flatten().map(str::to_owned);
        let query = self.url.query_pairs().map(|(_, value)| value.into_owned());
        let user = [Some(self.url.username()), self.url.password()];
        let user = user.into_iter().flatten().map(str::to_owned);
        for word in path.chain(user).chain(query).filter(|word| word.len() >= SHORTEST_KEY) {
            clean = clean.replace(&word, "[redacted]");
        }
        clean
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason: String| ParseEndpointError { reason };
        let url = Url::parse(text.trim())
            .map_err(|error| fail(format!("the endpoint is not a URL ({error})")))?;
        if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
            return Err(fail("the endpoint has another scheme".to_owned()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(fail("the endpoint has no host".to_owned()));
        }
        Ok(Self { url })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.url.host_str().unwrap_or_default())?;
        self.url.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scheme_and_host_are_shown() {
        let text =
            "wss://alice:hunter2hunter2@node.example:8546/v2/s3cr3tk3yvalue?apikey=an0therk3y";
        let endpoint: Endpoint = text.parse().expect("an endpoint");
        assert!(endpoint.is_websocket());
        assert_eq!(endpoint.to_string(), "wss://node.example:8546");
        assert_eq!(format!("{endpoint:?}"), "Endpoint(wss://node.example:8546)");
        let said = format!("key s3cr3tk3yvalue or an0therk3y of {text} is invalid hunter2hunter2");
        let clean = endpoint.redact(&said);
        for secret in ["s3cr3t", "an0ther", "hunter2", "alice"] {
            assert!(!clean.contains(secret), "{clean}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_without_being_repeated() {
        for text in ["", "ftp://k3yk3yk3y.example/", "not a url k3yk3yk3y", "http://", "/k3yk3yk3y"]
        {
            let error = text.parse::<Endpoint>().expect_err(text).to_string();
            assert!(error.contains("accepted: http://"), "{error}");
            assert!(!error.contains("k3yk3yk3y"), "{error}");
        }
    }
}
