//! Rows as bytes, for a backup.

use crate::{RecordsError, Tx, View};
use redb::{ReadableTable, TableDefinition, TableHandle};
use std::ops::ControlFlow;

/// Is given a table, a key and the row as it stands in the file.
pub type RowVisitor<'a> = dyn FnMut(&str, &[u8], &[u8]) -> ControlFlow<()> + 'a;

impl View {
    /// Visits every row of every table, until the visitor stops.
    ///
    /// # Errors
    /// [`RecordsError::Storage`].
    pub fn each_row(&self, visit: &mut RowVisitor<'_>) -> Result<(), RecordsError> {
        let mut names: Vec<String> = self
            .tx
            .list_tables()
            .map_err(|error| self.failed(error))?
            .map(|table| table.name().to_owned())
            .collect();
        names.sort_unstable();
        for name in names {
            let definition: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(&name);
            let open = self.tx.open_table(definition).map_err(|error| self.failed(error))?;
            for row in open.iter().map_err(|error| self.failed(error))? {
                let (key, bytes) = row.map_err(|error| self.failed(error))?;
                if visit(&name, key.value(), bytes.value()).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Tx {
    /// Writes a row that [`View::each_row`] gave.
    ///
    /// # Errors
    /// [`RecordsError::Storage`].
    pub fn put_row(&self, table: &str, key: &[u8], bytes: &[u8]) -> Result<(), RecordsError> {
        let definition: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(table);
        let mut open = self.tx.open_table(definition).map_err(|error| self.failed(error))?;
        open.insert(key, bytes).map_err(|error| self.failed(error))?;
        Ok(())
    }
}
