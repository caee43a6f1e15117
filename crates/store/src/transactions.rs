//! What we do on chains: intents, nonces, reservations, leases.

use crate::keys::{Key, trailing_address, u64_at};
use crate::rows::{Rows, collect, indexed, row};
use crate::seal::{Sealed, Subject};
use crate::tables;
use crate::totals::Total;
use crate::{
    IntentRow, Reads, Reservation, SentTx, StoreError, TxPayload, WriteTx, decode, encode,
};
use alloy::primitives::{Address, B256, U256, U512};
use bmn_primitives::{ChainId, OrderId};
use bmn_swap::ActionKey;
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use zeroize::Zeroizing;

type Result<T> = std::result::Result<T, StoreError>;

/// An intent as it lies in the file: its bytes are sealed.
#[derive(Serialize, Deserialize)]
struct StoredIntent {
    account: Address,
    nonce: u64,
    to: Address,
    value: U256,
    gas_limit: u64,
    sent: Vec<SentTx>,
    filler: bool,
    payload: Sealed,
}

impl WriteTx {
    /// Stores a transaction before it is sent, or a newer version of it.
    ///
    /// # Errors
    /// [`StoreError::Misplaced`] when another action owns the nonce, or the action another nonce:
    /// an action has one live transaction at most (design rule M3).
    pub fn put_intent(&mut self, intent: &IntentRow) -> Result<()> {
        let owner = self.intent_at(intent.key.chain, intent.account, intent.nonce)?;
        if owner.is_some_and(|owner| owner != intent.key) {
            return Err(StoreError::Misplaced("the nonce belongs to another action"));
        }
        let key = intent.key.to_bytes();
        let before: Option<StoredIntent> = row(self, tables::INTENTS, &key)?;
        let place = (intent.account, intent.nonce);
        if before.is_some_and(|before| (before.account, before.nonce) != place) {
            return Err(StoreError::Misplaced("the action already has a live transaction"));
        }
        let plain = Zeroizing::new(encode(
            tables::INTENTS.name,
            &(&intent.payload.data, &intent.payload.raw),
        )?);
        let stored = StoredIntent {
            account: intent.account,
            nonce: intent.nonce,
            to: intent.to,
            value: intent.value,
            gas_limit: intent.gas_limit,
            sent: intent.sent.clone(),
            filler: intent.filler,
            payload: self.sealer().seal(subject(&key), &plain)?,
        };
        self.put_row(tables::INTENTS, &key, &stored)?;
        self.put_row(tables::INTENT_NOTES, &key, &intent.notes)?;
        if intent.key.action.is_keeper() {
            self.keep_versions(intent.key.order, &intent.sent)?;
        }
        let by_nonce = nonce_key(&intent.key, intent.account, intent.nonce);
        self.put_row(tables::INTENTS_BY_NONCE, by_nonce.as_slice(), &intent.key)
    }

    /// Forgets a transaction whose nonce is settled; harmless when there is none.
    pub fn remove_intent(&mut self, key: &ActionKey) -> Result<()> {
        let stored: Option<StoredIntent> = row(self, tables::INTENTS, &key.to_bytes())?;
        let Some(stored) = stored else { return Ok(()) };
        let by_nonce = nonce_key(key, stored.account, stored.nonce);
        self.remove(tables::INTENTS_BY_NONCE, by_nonce.as_slice())?;
        self.remove(tables::INTENT_NOTES, &key.to_bytes())?;
        self.remove(tables::INTENTS, &key.to_bytes())
    }

    /// Sets the next nonce to hand out.
    pub fn set_next_nonce(&mut self, chain: ChainId, account: Address, nonce: u64) -> Result<()> {
        self.put_row(tables::NONCES, Key::of(chain).address(account).as_slice(), &nonce)
    }

    /// Promises balance to an order; replaces its promise for the same chain and token.
    pub fn reserve(&mut self, reservation: &Reservation) -> Result<()> {
        let (by_order, by_token) = reservation_keys(reservation);
        let promised = Total::Promised(reservation.chain, reservation.token);
        let before: Option<U256> = row(self, tables::RESERVATIONS, by_order.as_slice())?;
        self.lower(&promised, U512::from(before.unwrap_or_default()))?;
        self.raise(&promised, U512::from(reservation.amount))?;
        self.put_row(tables::RESERVATIONS, by_order.as_slice(), &reservation.amount)?;
        self.put_row(tables::RESERVATIONS_BY_TOKEN, by_token.as_slice(), &reservation.amount)
    }

    /// Takes back every promise made to an order.
    pub fn release(&mut self, order: OrderId) -> Result<()> {
        self.release_where(order, |_| true)
    }

    /// Takes back the promises made to an order on one chain: what was promised there is spent.
    pub fn release_on(&mut self, order: OrderId, chain: ChainId) -> Result<()> {
        self.release_where(order, |reservation| reservation.chain == chain)
    }

    fn release_where(
        &mut self,
        order: OrderId,
        released: impl Fn(&Reservation) -> bool,
    ) -> Result<()> {
        for reservation in self.reservations(order)?.into_iter().filter(released) {
            let (by_order, by_token) = reservation_keys(&reservation);
            self.remove(tables::RESERVATIONS, by_order.as_slice())?;
            self.remove(tables::RESERVATIONS_BY_TOKEN, by_token.as_slice())?;
            let promised = Total::Promised(reservation.chain, reservation.token);
            self.lower(&promised, U512::from(reservation.amount))?;
        }
        Ok(())
    }

    /// Takes the lease of an account under `epoch` (design rule M9).
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when a newer epoch holds it.
    pub fn take_lease(&mut self, chain: ChainId, account: Address, epoch: u64) -> Result<()> {
        match self.lease(chain, account)? {
            Some(current) if current > epoch => {
                Err(StoreError::Fenced { chain, current, offered: epoch })
            }
            _ => self.put_row(tables::LEASES, Key::of(chain).address(account).as_slice(), &epoch),
        }
    }

    /// Remembers the genesis of `chain` the first time and compares it ever after.
    ///
    /// # Errors
    /// [`StoreError::WrongGenesis`] when the host's chain is another one than we indexed.
    pub fn pin_genesis(&mut self, chain: ChainId, found: B256) -> Result<()> {
        match self.genesis(chain)? {
            Some(stored) if stored != found => {
                Err(StoreError::WrongGenesis { chain, stored, found })
            }
            Some(_) => Ok(()),
            None => self.put_row(tables::META, genesis_key(chain).as_slice(), &found),
        }
    }

    /// What decides how the blocks of `chain` are read, as it was when they were; any 32 bytes.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub fn set_reading(&mut self, chain: ChainId, reading: B256) -> Result<()> {
        self.put_row(tables::META, reading_key(chain).as_slice(), &reading)
    }

    /// The next number of a job, from 1; never given twice.
    pub fn next_job_seq(&mut self) -> Result<u64> {
        let last: Option<u64> = row(self, tables::META, JOB_SEQ)?;
        let next = last.unwrap_or(0) + 1;
        self.put_row(tables::META, JOB_SEQ, &next)?;
        Ok(next)
    }

    /// The fencing token of a job's next lease, from 1; never given twice.
    pub fn next_lease_token(&mut self) -> Result<u64> {
        let last: Option<u64> = row(self, tables::META, LEASE_TOKEN)?;
        let next = last.unwrap_or(0) + 1;
        self.put_row(tables::META, LEASE_TOKEN, &next)?;
        Ok(next)
    }
}

const JOB_SEQ: &[u8] = b"job_seq";
const LEASE_TOKEN: &[u8] = b"lease_token";

const fn subject(key: &[u8]) -> Subject<'_> {
    Subject { what: "intent", key }
}

fn nonce_key(key: &ActionKey, account: Address, nonce: u64) -> Key {
    Key::of(key.chain).address(account).u64(nonce)
}

pub(crate) fn reading_key(chain: ChainId) -> Key {
    Key::default().bytes(b"reading/").u64(chain.0)
}

pub(crate) fn genesis_key(chain: ChainId) -> Key {
    Key::default().bytes(b"genesis/").u64(chain.0)
}

fn reservation_keys(reservation: &Reservation) -> (Key, Key) {
    let Reservation { order, chain, token, .. } = *reservation;
    (
        Key::default().order(order).u64(chain.0).address(token),
        Key::of(chain).address(token).order(order),
    )
}

pub(crate) fn intent<R: Rows + ?Sized>(rows: &R, key: &ActionKey) -> Result<Option<IntentRow>> {
    let bytes = key.to_bytes();
    let stored: Option<StoredIntent> = row(rows, tables::INTENTS, &bytes)?;
    stored.map(|stored| unseal(rows, key, &bytes, stored)).transpose()
}

fn unseal<R: Rows + ?Sized>(
    rows: &R,
    key: &ActionKey,
    bytes: &[u8],
    stored: StoredIntent,
) -> Result<IntentRow> {
    let plain = rows.sealer().open(subject(bytes), &stored.payload)?;
    let (data, raw) = decode(tables::INTENTS.name, bytes, &plain)?;
    Ok(IntentRow {
        key: *key,
        account: stored.account,
        nonce: stored.nonce,
        to: stored.to,
        value: stored.value,
        gas_limit: stored.gas_limit,
        sent: stored.sent,
        filler: stored.filler,
        payload: TxPayload { data, raw },
        notes: row(rows, tables::INTENT_NOTES, bytes)?.unwrap_or_default(),
    })
}

pub(crate) fn intents<R: Rows + ?Sized>(rows: &R, chain: ChainId) -> Result<Vec<IntentRow>> {
    let table = tables::INTENTS_BY_NONCE;
    let range = Key::of(chain).prefix();
    let keys: Vec<ActionKey> =
        collect(rows, table, &range, usize::MAX, |key, value| decode(table.name, key, value))?;
    keys.iter()
        .map(|key| {
            let bytes = key.to_bytes();
            let stored = indexed(rows, tables::INTENTS, &Key::default().bytes(&bytes))?;
            unseal(rows, key, &bytes, stored)
        })
        .collect()
}

/// Nonces of `account` that an intent holds, rising: the intents themselves stay sealed.
pub(crate) fn held_nonces<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    account: Address,
    from: u64,
) -> Result<Vec<u64>> {
    let table = tables::INTENTS_BY_NONCE;
    let mut range = Key::of(chain).address(account).prefix();
    range.from = Bound::Included(Key::of(chain).address(account).u64(from).as_slice().to_vec());
    collect(rows, table, &range, usize::MAX, |key, _| u64_at(table, key, 8 + Address::len_bytes()))
}

pub(crate) fn reservations<R: Rows + ?Sized>(rows: &R, order: OrderId) -> Result<Vec<Reservation>> {
    let table = tables::RESERVATIONS;
    let range = Key::default().order(order).prefix();
    collect(rows, table, &range, usize::MAX, |key, value| {
        let chain = ChainId(u64_at(table, key, OrderId::LEN)?);
        let token = trailing_address(table, key)?;
        Ok(Reservation { order, chain, token, amount: decode(table.name, key, value)? })
    })
}

pub(crate) fn newest_leaseholder<R: Rows + ?Sized>(rows: &R) -> Result<Option<Address>> {
    let table = tables::LEASES;
    let leases: Vec<(u64, Address)> =
        collect(rows, table, &Key::default().prefix(), usize::MAX, |key, value| {
            Ok((decode(table.name, key, value)?, trailing_address(table, key)?))
        })?;
    Ok(leases.into_iter().max_by_key(|(epoch, _)| *epoch).map(|(_, account)| account))
}
