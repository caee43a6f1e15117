//! A webhook: a URL, what it is told of, and how it knows that it is we who tell.

use crate::{AlertError, Message, Severity};
use sha2::{Digest, Sha256};
use std::{fmt, time::Duration};
use zeroize::Zeroizing;

/// Header with the moment and the signature of a body.
pub const SIGNATURE_HEADER: &str = "x-bmn-signature";

/// Longest that a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Length of a block of SHA-256, bytes.
const BLOCK: usize = 64;

/// What a webhook is made of.
#[derive(Clone)]
pub struct RouteParts {
    /// Name in logs, metrics and the records.
    pub name: String,
    /// Where to; it may hold a key, and is never shown.
    pub url: Zeroizing<String>,
    /// What bodies are signed with; not signed without.
    pub secret: Option<Zeroizing<Vec<u8>>>,
    /// The least severity that it is told of.
    pub least: Severity,
}

impl fmt::Debug for RouteParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteParts").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A webhook that can be told.
#[derive(Clone)]
pub struct Route {
    parts: RouteParts,
    url: reqwest::Url,
    client: reqwest::Client,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("name", &self.parts.name).finish_non_exhaustive()
    }
}

/// Why a message did not arrive. Never names the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The receiver understood and does not want it.
    #[error("it refuses the message with status {0}")]
    Refused(u16),
    /// It may want it later.
    #[error("it answers with status {0}")]
    Status(u16),
    /// It does not answer.
    #[error("it does not answer: {0}")]
    Silent(String),
}

/// A client that follows no redirect, which could take a message, and the key in its URL, elsewhere.
pub(crate) fn client(route: &str) -> Result<reqwest::Client, AlertError> {
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| AlertError::NoClient {
            route: route.to_owned(),
            reason: error.without_url().to_string(),
        })
}

pub(crate) fn silent(error: reqwest::Error) -> SendError {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        reason = cause.to_string();
        source = cause.source();
    }
    SendError::Silent(reason)
}

impl Route {
    /// A route.
    ///
    /// # Errors
    /// [`AlertError::BadUrl`], [`AlertError::NoClient`].
    pub fn new(parts: RouteParts) -> Result<Self, AlertError> {
        let bad = || AlertError::BadUrl { route: parts.name.clone() };
        let url: reqwest::Url = parts.url.trim().parse().map_err(|_| bad())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(bad());
        }
        Ok(Self { client: client(&parts.name)?, url, parts })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// Whether it is told of this.
    pub fn wants(&self, severity: Severity) -> bool {
        severity >= self.parts.least
    }

    /// Tells it. `now_ms` goes into the signature, so that an old message cannot be told again by somebody else.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, message: &Message, node: &str, now_ms: u64) -> Result<u16, SendError> {
        let body = message.body(node).to_string();
        let mut request = self.client.post(self.url.clone());
        request = request.header("content-type", "application/json");
        if let Some(secret) = &self.parts.secret {
            request = request.header(SIGNATURE_HEADER, signature(secret, now_ms, body.as_bytes()));
        }
        let answer = request.body(body).send().await.map_err(silent)?;
        match answer.status().as_u16() {
            status @ 200..=299 => Ok(status),
            status @ (400 | 413 | 415 | 422) => Err(SendError::Refused(status)),
            status => Err(SendError::Status(status)),
        }
    }
}

/// What [`SIGNATURE_HEADER`] holds: `t=MILLISECONDS,v1=HEX`, the HMAC-SHA256 of `MILLISECONDS.BODY`.
pub fn signature(secret: &[u8], at_ms: u64, body: &[u8]) -> String {
    let signed = [at_ms.to_string().as_bytes(), b".", body].concat();
    format!("t={at_ms},v1={}", alloy::primitives::hex::encode(hmac(secret, &signed)))
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(secret: &[u8], message: &[u8]) -> [u8; 32] {
    let mut key = Zeroizing::new([0_u8; BLOCK]);
    if secret.len() > BLOCK {
        key[..32].copy_from_slice(&Sha256::digest(secret));
    } else {
        key[..secret.len()].copy_from_slice(secret);
    }
    let padded = |with: u8| Zeroizing::new(key.map(|byte| byte ^ with));
    let inner = Sha256::new().chain_update(*padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(*padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::hex;

    #[test]
    fn a_signature_is_the_one_that_rfc_4231_gives() {
        let cases: [(&[u8], &[u8], &str); 3] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (secret, message, expected) in cases {
            assert_eq!(hex::encode(hmac(secret, message)), expected);
        }
        let signed = signature(b"Jefe", 7, b"{}");
        assert_eq!(signed, format!("t=7,v1={}", hex::encode(hmac(b"Jefe", b"7.{}"))));
    }

    #[test]
    fn neither_url_nor_secret_is_shown() {
        let parts = RouteParts {
            name: "phone".to_owned(),
            url: Zeroizing::new("https://alerts.example/hook/KEY".to_owned()),
            secret: Some(Zeroizing::new(b"SECRET".to_vec())),
            least: Severity::Warning,
        };
        let bad = RouteParts { url: Zeroizing::new("KEY://x".to_owned()), ..parts.clone() };
        let bad = Route::new(bad).unwrap_err();
        let shown = format!("{parts:?} {:?} {bad} {bad:?}", Route::new(parts.clone()).unwrap());
        assert!(!shown.contains("KEY") && !shown.contains("SECRET"), "{shown}");
        assert!(bad.to_string().contains("`phone`") && bad.to_string().contains("https://"));
    }
}
