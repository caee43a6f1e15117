//! The key of the operator's listener, and what its tokens must be: those of engine APIs.
//!
//! A request carries `Authorization: Bearer TOKEN`. The token is a JWT signed with HS256 over a key of 32 bytes that
//! both sides read from a file; its `iat` may differ by 60 s from the time here. See
//! <https://github.com/ethereum/execution-apis/blob/main/src/engine/authentication.md>.

use alloy::hex;
use alloy_rpc_types_engine::{Claims, JwtError, JwtSecret};
use std::fmt;
use zeroize::Zeroizing;

/// A key of 32 bytes that the node and its operator share.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct JwtKey(JwtSecret);

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtKey(..)")
    }
}

/// A text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hex digits (32 bytes), with or without 0x")]
pub struct NotAKey;

/// A token could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the token cannot be signed: {0}")]
pub struct TokenError(String);

impl JwtKey {
    /// A key that nobody has.
    pub fn random() -> Self {
        Self(JwtSecret::random())
    }

    /// The key in a text: 64 hex digits, with or without `0x`.
    ///
    /// # Errors
    /// [`NotAKey`]. The text is not repeated.
    pub fn from_hex(text: &str) -> Result<Self, NotAKey> {
        JwtSecret::from_hex(text).map(Self).map_err(|_| NotAKey)
    }

    /// The text that [`from_hex`](Self::from_hex) reads, for the key's file.
    pub fn to_hex(self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_bytes()))
    }

    /// A token for the next minute.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn token(&self) -> Result<String, TokenError> {
        self.0.encode(&Claims::default()).map_err(|error| TokenError(error.to_string()))
    }

    /// Why the value of an `Authorization` header does not open what this key guards; none when it does.
    /// The words hold nothing of it.
    pub fn refusal(&self, authorization: Option<&[u8]>) -> Option<String> {
        self.check(authorization).err().map(|fault| fault.to_string())
    }

    /// Whether the value of an `Authorization` header opens the listener.
    pub(crate) fn check(&self, authorization: Option<&[u8]>) -> Result<(), TokenFault> {
        let header = authorization.ok_or(TokenFault::Missing)?;
        let header = std::str::from_utf8(header).map_err(|_| TokenFault::Scheme)?;
        let (scheme, token) = header.split_once(' ').ok_or(TokenFault::Scheme)?;
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return Err(TokenFault::Scheme);
        }
        self.0.validate(token.trim()).map_err(|error| match error {
            JwtError::InvalidSignature => TokenFault::Key,
            JwtError::UnsupportedSignatureAlgorithm => TokenFault::Algorithm,
            JwtError::InvalidIssuanceTimestamp => TokenFault::Time,
            _ => TokenFault::Malformed,
        })
    }
}

/// What is wrong with a request for the operator's listener. No text holds any of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenFault {
    #[error(
        "no Authorization header: send `Authorization: Bearer` and a JWT made with the node's key"
    )]
    Missing,
    #[error("the Authorization header is not `Bearer` and a JWT")]
    Scheme,
    #[error("the token is not signed with the key of this node")]
    Key,
    #[error("the token is not signed with HS256")]
    Algorithm,
    #[error(
        "the token was issued (iat) more than 60 s before or after the time of this node: make a new one for each \
         request, and look at both clocks"
    )]
    Time,
    #[error(
        "the token cannot be read as a JWT signed with HS256 that says when it was issued (iat)"
    )]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written_and_never_shown() {
        let key = JwtKey::random();
        assert_eq!(JwtKey::from_hex(&key.to_hex()), Ok(key));
        assert_eq!(JwtKey::from_hex(&format!("0x{}\n", *key.to_hex())), Ok(key));
        for wrong in ["", "0x12", &"g".repeat(64), &"a".repeat(66)] {
            assert_eq!(JwtKey::from_hex(wrong), Err(NotAKey), "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "JwtKey(..)");
    }
}
