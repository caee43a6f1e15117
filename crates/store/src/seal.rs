//! Encryption at rest: a key per secret, wrapped by the master key.

use crate::{MasterKey, StoreError};
use alloy::primitives::{B64, hex};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use zeroize::Zeroizing;

const KEY: usize = 32;
const NONCE: usize = 24;

/// No random bytes to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EntropyUnavailable(pub String);

/// Where keys and nonces come from. A simulation gives a seeded one; anything else must be a
/// cryptographic generator, since a repeated nonce gives a secret away.
pub trait Entropy: Send + Sync {
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyUnavailable>;
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyUnavailable> {
        getrandom::fill(out).map_err(|error| EntropyUnavailable(error.to_string()))
    }
}

/// Ciphertext with its tag, and the nonce it was made with.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Ciphertext {
    nonce: [u8; NONCE],
    bytes: Vec<u8>,
}

/// Plaintext under a key of its own, and that key under the master key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Sealed {
    /// Drop this and the body is lost.
    pub(crate) key: Ciphertext,
    pub(crate) body: Ciphertext,
}

/// What is sealed: a name and a key. Both are authenticated, so a row moved elsewhere does not open.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) what: &'static str,
    pub(crate) key: &'a [u8],
}

impl Subject<'_> {
    fn aad(self, part: u8) -> Vec<u8> {
        let mut aad = vec![part];
        aad.extend_from_slice(self.what.as_bytes());
        aad.push(0);
        aad.extend_from_slice(self.key);
        aad
    }

    fn broken(self) -> StoreError {
        StoreError::SealBroken { what: self.what, key: hex::encode(self.key) }
    }
}

/// Seals and opens with one master key.
pub struct Sealer {
    master: MasterKey,
    entropy: Arc<dyn Entropy>,
}

impl Sealer {
    const KEY_PART: u8 = 1;
    const BODY_PART: u8 = 2;

    pub(crate) fn new(master: MasterKey, entropy: Arc<dyn Entropy>) -> Self {
        Self { master, entropy }
    }

    /// Names the master key.
    pub(crate) fn check_value(&self) -> B64 {
        self.master.check_value()
    }

    pub(crate) fn seal(&self, subject: Subject<'_>, plain: &[u8]) -> Result<Sealed, StoreError> {
        let mut own = Zeroizing::new([0u8; KEY]);
        self.entropy.fill(own.as_mut())?;
        let key = self.encrypt(self.master.expose(), &subject.aad(Self::KEY_PART), own.as_ref())?;
        let body = self.encrypt(&own, &subject.aad(Self::BODY_PART), plain)?;
        Ok(Sealed { key, body })
    }

    pub(crate) fn open(
        &self,
        subject: Subject<'_>,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let open = || {
            let aad = subject.aad(Self::KEY_PART);
            let own = decrypt(self.master.expose(), &aad, &sealed.key)?;
            let own = own.as_slice().try_into().ok()?;
            decrypt(own, &subject.aad(Self::BODY_PART), &sealed.body)
        };
        open().ok_or_else(|| subject.broken())
    }

    fn encrypt(&self, key: &[u8; KEY], aad: &[u8], msg: &[u8]) -> Result<Ciphertext, StoreError> {
        let mut nonce = [0u8; NONCE];
        self.entropy.fill(&mut nonce)?;
        let bytes = XChaCha20Poly1305::new(key.into())
            .encrypt(XNonce::from_slice(&nonce), Payload { msg, aad })
            .map_err(|_| StoreError::Misplaced("a sealed row is too long to encrypt"))?;
        Ok(Ciphertext { nonce, bytes })
    }
}

fn decrypt(key: &[u8; KEY], aad: &[u8], sealed: &Ciphertext) -> Option<Zeroizing<Vec<u8>>> {
    XChaCha20Poly1305::new(key.into())
        .decrypt(XNonce::from_slice(&sealed.nonce), Payload { msg: &sealed.bytes, aad })
        .ok()
        .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(key: u8) -> Sealer {
        Sealer::new(MasterKey::new([key; KEY]), Arc::new(OsEntropy))
    }

    const SUBJECT: Subject<'static> = Subject { what: "secret", key: &[1, 2, 3] };

    #[test]
    fn what_is_sealed_opens_under_its_own_name_and_key_alone() {
        let sealed = sealer(1).seal(SUBJECT, b"plain").unwrap();
        assert_eq!(sealer(1).open(SUBJECT, &sealed).unwrap().as_slice(), b"plain");
        for other in [Subject { what: "intent", ..SUBJECT }, Subject { key: &[1, 2], ..SUBJECT }] {
            assert!(sealer(1).open(other, &sealed).is_err());
        }
        assert!(sealer(2).open(SUBJECT, &sealed).is_err(), "another master key");
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let sealed = sealer(1).seal(SUBJECT, b"plain").unwrap();
        let mut body = sealed.clone();
        body.body.bytes[0] ^= 1;
        let mut key = sealed.clone();
        key.key.bytes[0] ^= 1;
        for altered in [body, key] {
            assert!(matches!(
                sealer(1).open(SUBJECT, &altered),
                Err(StoreError::SealBroken { what: "secret", .. })
            ));
        }
    }

    #[test]
    fn sealing_twice_shares_no_bytes() {
        let (a, b) = (sealer(1).seal(SUBJECT, b"plain"), sealer(1).seal(SUBJECT, b"plain"));
        let (a, b) = (a.unwrap(), b.unwrap());
        assert!(a.body.bytes != b.body.bytes && a.key.bytes != b.key.bytes);
    }
}
