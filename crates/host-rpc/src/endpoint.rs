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

    /// Who runs it, as far as the address tells: two addresses of one host are one opinion.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// A node's words without anything of the address that may be a key.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut clean = text.replace(self.url.as_str(), &self.to_string());
        let path = self.url.path_segments().into_iter().flatten().map(str::to_owned);
        // As they are written and as they are meant: a node may repeat either.
        let written = self.url.query().unwrap_or_default().split('&');
        let written = written.filter_map(|pair| Some(pair.split_once('=')?.1.to_owned()));
        let query = self.url.query_pairs().map(|(_, value)| value.into_owned()).chain(written);
        let user = Some(self.url.username().to_owned());
        let mut words: Vec<String> = path.chain(user).chain(query).collect();
        words.retain(|word| word.len() >= SHORTEST_KEY);
        // A password is one, however short.
        words.extend(self.url.password().filter(|it| !it.is_empty()).map(str::to_owned));
        // The longest first: one may be part of another.
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        for word in words {
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
    fn keys_are_taken_out_however_they_are_written() {
        let url = "https://me:pw@node.example/s3cr3tk3y/s3cr3tk3y-and-more?key=an%2F0therk3y";
        let endpoint: Endpoint = url.parse().expect("an endpoint");
        let said = "bad key an%2F0therk3y (an/0therk3y) of s3cr3tk3y-and-more, password pw";
        let clean = endpoint.redact(said);
        let expected = "bad key [redacted] ([redacted]) of [redacted], password [redacted]";
        assert_eq!(clean, expected);
        let plain: Endpoint = "http://127.0.0.1:8545".parse().expect("an endpoint");
        assert_eq!(plain.redact("no such method"), "no such method");
        assert_eq!((endpoint.host(), plain.host()), ("node.example", "127.0.0.1"));
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
