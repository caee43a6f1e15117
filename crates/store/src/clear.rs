//! Taking a chain's rows away, to write them again.

use crate::keys::Key;
use crate::rows::collect;
use crate::tables::{self, Table};
use crate::{Cursor, Mode, Staged, StoreError};
use bmn_primitives::ChainId;

/// What leads to a row goes before the row, so that no snapshot meets an end that is not there.
const ORDER: [Table; 7] = [
    tables::INDEX,
    tables::DAILY,
    tables::LEGS,
    tables::PRUNED,
    tables::EVENTS,
    tables::BLOCKS,
    tables::UNDO,
];

impl Staged {
    /// Forgets where the index of `chain` stands, and from where on it was whole.
    pub fn reset_cursor(&mut self, chain: ChainId, mode: Mode) -> Result<(), StoreError> {
        self.drop_floor(chain)?;
        self.put_cursor(chain, &Cursor { mode, ..Cursor::default() })
    }

    /// Removes at most `limit` rows that `chain` wrote; answers how many. When they are fewer, none
    /// is left. Its cursor stays.
    pub fn clear_chain(&mut self, chain: ChainId, limit: usize) -> Result<usize, StoreError> {
        let mut cleared = 0;
        for table in ORDER {
            let range = Key::of(chain).prefix();
            let keys = collect(self, table, &range, limit - cleared, |key, _| Ok(key.to_vec()))?;
            for key in &keys {
                self.restore(table, key, None);
            }
            cleared += keys.len();
        }
        Ok(cleared)
    }
}
