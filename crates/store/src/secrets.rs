//! Secrets: sealed until a chain shows them.

use crate::rows::{Rows, row};
use crate::seal::{Ciphertext, Sealed, Subject};
use crate::tables;
use crate::{Reads, Staged, StoreError, WriteTx};
use alloy::primitives::B256;
use bmn_primitives::{Hashlock, Secret};
use bmn_swap::SecretKnowledge;
use zeroize::Zeroizing;

type Result<T> = std::result::Result<T, StoreError>;

impl WriteTx {
    /// Seals a secret that a maker gave us. Sealing it again, or one that is public, changes
    /// nothing.
    ///
    /// # Errors
    /// [`StoreError::WrongSecret`] when it does not open `lock`.
    pub fn seal_secret(&mut self, lock: Hashlock, secret: &Secret) -> Result<()> {
        if !secret.opens(lock) {
            return Err(StoreError::WrongSecret { hashlock: lock });
        }
        if self.secret_knowledge(lock)? != SecretKnowledge::Unknown {
            return Ok(());
        }
        let sealed = self.sealer().seal(subject(&lock), secret.expose())?;
        self.put_row(tables::SECRETS, lock.0.as_slice(), &sealed.body)?;
        self.put_row(tables::SECRET_KEYS, lock.0.as_slice(), &sealed.key)
    }
}

impl Staged {
    /// Drops a sealed secret and its key. See the crate page for what stays on disk.
    pub fn wipe_secret(&mut self, lock: Hashlock) -> Result<()> {
        for table in [tables::SECRET_KEYS, tables::SECRETS] {
            // A removal that removes nothing would still be written.
            if self.raw_get(table, lock.0.as_slice())?.is_some() {
                self.remove(table, lock.0.as_slice())?;
            }
        }
        Ok(())
    }

    /// Keeps a secret that a chain has shown, for ever, and drops the sealed copy.
    ///
    /// # Errors
    /// [`StoreError::WrongSecret`] when it does not open `lock`.
    pub fn put_public_secret(&mut self, lock: Hashlock, secret: B256) -> Result<()> {
        if !Secret::new(secret.0).opens(lock) {
            return Err(StoreError::WrongSecret { hashlock: lock });
        }
        self.wipe_secret(lock)?;
        if self.public_secret(lock)?.is_some() {
            return Ok(());
        }
        self.put_row(tables::PUBLIC_SECRETS, lock.0.as_slice(), &secret)
    }
}

const fn subject(lock: &Hashlock) -> Subject<'_> {
    Subject { what: "secret", key: &lock.0.0 }
}

pub(crate) fn knowledge<R: Reads + ?Sized>(rows: &R, lock: Hashlock) -> Result<SecretKnowledge> {
    let key = lock.0.as_slice();
    Ok(if rows.raw_get(tables::PUBLIC_SECRETS, key)?.is_some() {
        SecretKnowledge::Public
    } else if rows.raw_get(tables::SECRET_KEYS, key)?.is_some() {
        SecretKnowledge::Sealed
    } else {
        SecretKnowledge::Unknown
    })
}

pub(crate) fn open<R: Reads + ?Sized>(rows: &R, lock: Hashlock) -> Result<Option<Secret>> {
    if let Some(secret) = rows.public_secret(lock)? {
        return Ok(Some(Secret::new(secret.0)));
    }
    let Some(plain) = open_sealed(rows, lock)? else { return Ok(None) };
    let mut bytes = Zeroizing::new([0u8; 32]);
    if plain.len() != bytes.len() {
        return Err(subject_broken(lock));
    }
    bytes.copy_from_slice(&plain);
    let secret = Secret::new(*bytes);
    if secret.opens(lock) { Ok(Some(secret)) } else { Err(subject_broken(lock)) }
}

fn open_sealed<R: Rows + ?Sized>(rows: &R, lock: Hashlock) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let key: Option<Ciphertext> = row(rows, tables::SECRET_KEYS, lock.0.as_slice())?;
    let body: Option<Ciphertext> = row(rows, tables::SECRETS, lock.0.as_slice())?;
    match (key, body) {
        (Some(key), Some(body)) => {
            rows.sealer().open(subject(&lock), &Sealed { key, body }).map(Some)
        }
        _ => Ok(None),
    }
}

fn subject_broken(lock: Hashlock) -> StoreError {
    StoreError::SealBroken { what: "secret", key: alloy::primitives::hex::encode(lock.0) }
}
