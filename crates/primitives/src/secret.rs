//! Hashlocks and the secrets that open them.

use alloy::primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `keccak256(secret)`: both escrows of a swap open to the secret behind it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Hashlock(pub B256);

impl fmt::Display for Hashlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The 32 bytes behind a hashlock. Wiped on drop; never printed, serialised or compared by the
/// compiler's derived code.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

/// The text is not a secret.
///
/// The offending text is not part of the error: it may be a secret with one digit too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret is 0x followed by 64 hex digits")]
pub struct SecretFormatError;

impl Secret {
    /// Wraps raw bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the bytes: only to build calldata, to seal, or to check a hashlock.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hashlock this secret opens.
    pub fn hashlock(&self) -> Hashlock {
        Hashlock(keccak256(self.0))
    }

    /// True when this secret opens `hashlock`.
    pub fn opens(&self, hashlock: Hashlock) -> bool {
        self.hashlock() == hashlock
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl FromStr for Secret {
    type Err = SecretFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("0x").ok_or(SecretFormatError)?;
        if digits.len() != 64 {
            return Err(SecretFormatError);
        }
        let mut bytes = [0u8; 32];
        alloy::primitives::hex::decode_to_slice(digits, &mut bytes)
            .map_err(|_| SecretFormatError)?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_and_errors_never_show_the_bytes() {
        let secret = Secret::new([0xab; 32]);
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
        let error = Secret::from_str(&format!("0x{}a", "ab".repeat(32))).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("abab"));
    }

    #[test]
    fn text_must_be_exactly_32_bytes() {
        let text = format!("0x{}", "11".repeat(32));
        assert_eq!(Secret::from_str(&text).unwrap().expose(), &[0x11; 32]);
        for bad in ["", "0x", "11", &text[2..], &text[..65], "0xzz"] {
            assert!(Secret::from_str(bad).is_err(), "{bad}");
        }
    }
}
