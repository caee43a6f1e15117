//! What our transactions may spend on a day of a chain's time.

use crate::keys::Key;
use crate::rows::{Rows, collect, row};
use crate::tables;
use crate::{Reads, Spending, StoreError, WriteTx};
use alloy::primitives::{Address, U256};
use bmn_primitives::ChainId;

type Result<T> = std::result::Result<T, StoreError>;

/// Days whose rows are kept. An intent lives for hours; what is older answers no question.
const KEPT_DAYS: u32 = 32;

/// Rows removed with one that is added: more than are ever added in between.
const REMOVED_AT_ONCE: usize = 16;

impl WriteTx {
    /// Counts what a transaction may spend; sums stop at the highest 256-bit number.
    ///
    /// # Errors
    /// [`StoreError::Storage`], [`StoreError::Undecodable`].
    pub fn spend(&mut self, chain: ChainId, spending: &Spending) -> Result<()> {
        for (token, amount) in parts(spending) {
            let before = self.spent(chain, spending.day, token)?;
            self.set_spent(chain, spending.day, token, before.saturating_add(amount))?;
        }
        self.forget_old_days(chain, spending.day)
    }

    /// Takes back what a transaction counted as spent and did not spend.
    ///
    /// # Errors
    /// [`StoreError::Storage`], [`StoreError::Undecodable`].
    pub fn unspend(&mut self, chain: ChainId, spending: &Spending) -> Result<()> {
        for (token, amount) in parts(spending) {
            let before = self.spent(chain, spending.day, token)?;
            self.set_spent(chain, spending.day, token, before.saturating_sub(amount))?;
        }
        Ok(())
    }

    fn set_spent(&mut self, chain: ChainId, day: u32, token: Address, sum: U256) -> Result<()> {
        let key = spent_key(chain, day, token);
        if sum.is_zero() {
            return self.remove(tables::SPENT, key.as_slice());
        }
        self.put_row(tables::SPENT, key.as_slice(), &sum)
    }

    fn forget_old_days(&mut self, chain: ChainId, today: u32) -> Result<()> {
        let oldest = Key::of(chain).u32(today.saturating_sub(KEPT_DAYS));
        let range =
            crate::keys::KeyRange::between(Key::of(chain).as_slice(), Some(oldest.as_slice()));
        let old: Vec<Vec<u8>> =
            collect(self, tables::SPENT, &range, REMOVED_AT_ONCE, |key, _| Ok(key.to_vec()))?;
        old.iter().try_for_each(|key| self.remove(tables::SPENT, key))
    }
}

fn parts(spending: &Spending) -> impl Iterator<Item = (Address, U256)> {
    let coin = (!spending.coin.is_zero()).then_some((Address::ZERO, spending.coin));
    coin.into_iter().chain(spending.token)
}

fn spent_key(chain: ChainId, day: u32, token: Address) -> Key {
    Key::of(chain).u32(day).address(token)
}

pub(crate) fn spent<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    day: u32,
    token: Address,
) -> Result<U256> {
    Ok(row(rows, tables::SPENT, spent_key(chain, day, token).as_slice())?.unwrap_or_default())
}
