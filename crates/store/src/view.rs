//! What a reader sees: the newest state, or a chain as it was a few blocks ago.

use crate::keys::KeyRange;
use crate::rows::{Row, Rows, Visitor};
use crate::seal::Sealer;
use crate::tables::Table;
use crate::{ReadTx, Reads, Staged, Store, StoreError};
use bmn_primitives::ChainId;

type Result<T> = std::result::Result<T, StoreError>;

/// One state of the store to read from.
pub enum View {
    /// That of a commit.
    Committed(ReadTx),
    /// The same, but for the rows of chains of which newer blocks are taken back, in memory alone.
    Past(Box<Staged>),
}

impl Store {
    /// The newest state, with the index of `chain` as it was after block `number`: what came later is undone by the
    /// journals that reorgs are undone with. Orders and everything else of our own stay as they are. Above the
    /// newest block it is the newest state.
    ///
    /// # Errors
    /// [`StoreError::UndoMissing`] when a later block is final or its journal is gone.
    pub fn read_as_of(&self, chain: ChainId, number: u64) -> Result<View> {
        let mut staged = self.staged()?;
        while let Some(tip) = staged.cursor(chain)?.tip.filter(|tip| tip.number > number) {
            staged.revert_block(chain, tip)?;
        }
        Ok(View::Past(Box::new(staged)))
    }
}

impl Rows for View {
    fn raw_get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Committed(read) => read.raw_get(table, key),
            Self::Past(staged) => staged.raw_get(table, key),
        }
    }

    fn raw_scan(&self, table: Table, range: &KeyRange, visit: &mut Visitor<'_>) -> Result<()> {
        match self {
            Self::Committed(read) => read.raw_scan(table, range, visit),
            Self::Past(staged) => staged.raw_scan(table, range, visit),
        }
    }

    fn raw_last(&self, table: Table, range: &KeyRange) -> Result<Option<Row>> {
        match self {
            Self::Committed(read) => read.raw_last(table, range),
            Self::Past(staged) => staged.raw_last(table, range),
        }
    }

    fn raw_len(&self, table: Table) -> Result<u64> {
        match self {
            Self::Committed(read) => read.raw_len(table),
            Self::Past(staged) => staged.raw_len(table),
        }
    }

    fn sealer(&self) -> &Sealer {
        match self {
            Self::Committed(read) => read.sealer(),
            Self::Past(staged) => staged.sealer(),
        }
    }
}
