//! What orders are judged with, and the numbers of each decision.

use crate::keys::KeyRange;
use crate::rows::{Rows, collect, row};
use crate::{StoreError, WriteTx, decode, tables, totals};
use bmn_primitives::OrderId;
use bmn_swap::{Assessment, Exposure, Modes, Quotes, Usage};

type Result<T> = std::result::Result<T, StoreError>;

const MODES: &[u8] = b"modes";
const QUOTES: &[u8] = b"quotes";

/// Reads of what decides about orders, on a snapshot and inside a write transaction.
pub trait DecisionReads: Rows {
    /// The numbers behind the newest decision about an order.
    fn assessment(&self, order: OrderId) -> Result<Option<Assessment>> {
        row(self, tables::ASSESSMENTS, &order.to_bytes())
    }

    /// What an order adds to what is open; `None` once it is at an end.
    fn exposure(&self, order: OrderId) -> Result<Option<Exposure>> {
        row(self, tables::EXPOSURES, &order.to_bytes())
    }

    /// What every open order adds.
    fn exposures(&self) -> Result<Vec<Exposure>> {
        let table = tables::EXPOSURES;
        collect(self, table, &KeyRange::all(), usize::MAX, |key, value| {
            decode(table.name, key, value)
        })
    }

    /// What is open against each thing that an order would add to.
    fn usage(&self, adding: &Exposure) -> Result<Usage> {
        totals::usage(self, adding)
    }

    /// The mode and the switches; everything is taken before the first was set.
    fn modes(&self) -> Result<Modes> {
        Ok(row(self, tables::META, MODES)?.unwrap_or_default())
    }

    /// True once a mode was set.
    fn has_modes(&self) -> Result<bool> {
        Ok(row::<Modes, _>(self, tables::META, MODES)?.is_some())
    }

    /// The newest word of each price source.
    fn quotes(&self) -> Result<Quotes> {
        Ok(row(self, tables::META, QUOTES)?.unwrap_or_default())
    }
}

impl<T: Rows> DecisionReads for T {}

impl WriteTx {
    /// Stores the numbers of a decision, in the place of those of an earlier one.
    pub fn put_assessment(&mut self, order: OrderId, assessment: &Assessment) -> Result<()> {
        self.put_row(tables::ASSESSMENTS, &order.to_bytes(), assessment)
    }

    /// Counts an order as open, or not any more. `None` where it was taken without being valued.
    pub fn set_exposure(&mut self, order: OrderId, exposure: Option<&Exposure>) -> Result<()> {
        let before = self.exposure(order)?;
        self.count_exposure(before.as_ref(), exposure)?;
        match exposure {
            Some(exposure) => self.put_row(tables::EXPOSURES, &order.to_bytes(), exposure),
            None => self.remove(tables::EXPOSURES, &order.to_bytes()),
        }
    }

    /// Sets the mode and the switches.
    pub fn set_modes(&mut self, modes: &Modes) -> Result<()> {
        self.put_row(tables::META, MODES, modes)
    }

    /// Replaces what the price sources said.
    pub fn set_quotes(&mut self, quotes: &Quotes) -> Result<()> {
        self.put_row(tables::META, QUOTES, quotes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CrashBackend;
    use crate::{MasterKey, Store, StoreOptions};
    use alloy::primitives::{Address, B256};
    use bmn_primitives::{ChainId, OrderHash};
    use bmn_swap::{Mode, Quote, Switch};

    const A: ChainId = ChainId(1);
    const B: ChainId = ChainId(2);

    fn order(n: u8) -> OrderId {
        let hash = OrderHash(B256::repeat_byte(n));
        OrderId { chain: A, contract: Address::repeat_byte(1), hash, leaf: 0 }
    }

    fn exposure(value: u128) -> Exposure {
        Exposure {
            value,
            token: (B, Address::ZERO),
            source_token: (A, Address::repeat_byte(2)),
            maker: Address::repeat_byte(3),
            route: (A, B),
            factory: (B, Address::repeat_byte(4)),
        }
    }

    #[test]
    fn modes_prices_and_open_orders_are_there_after_the_file_was_opened_again() {
        let disk = CrashBackend::new();
        let open =
            || Store::open(StoreOptions::backend(disk.clone(), MasterKey::new([3; 32]))).unwrap();
        let mut quotes = Quotes::default();
        let quote = Quote { micros: 5, at: 6, source: "feed".to_owned() };
        quotes.put(A, Address::ZERO, quote);
        let modes = Modes { mode: Mode::Percent(7), switches: [Switch::Chain(B)].into() };
        {
            let store = open();
            let read = store.read().unwrap();
            assert!(!read.has_modes().unwrap() && read.exposures().unwrap().is_empty());
            assert_eq!(read.modes().unwrap(), Modes::default());
            drop(read);
            let mut tx = store.write().unwrap();
            tx.set_modes(&modes).unwrap();
            tx.set_quotes(&quotes).unwrap();
            for n in 1..=3 {
                tx.set_exposure(order(n), Some(&exposure(n.into()))).unwrap();
            }
            tx.set_exposure(order(2), None).unwrap();
            tx.commit().unwrap();
        }
        let store = open();
        let read = store.read().unwrap();
        assert!(read.has_modes().unwrap());
        assert_eq!((read.modes().unwrap(), read.quotes().unwrap()), (modes, quotes));
        assert_eq!(read.exposures().unwrap(), [exposure(1), exposure(3)]);
        assert_eq!(read.exposure(order(2)).unwrap(), None);
        assert_eq!(read.assessment(order(1)).unwrap(), None);
    }
}
