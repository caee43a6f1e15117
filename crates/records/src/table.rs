//! A table: a name, and what its rows are.

use redb::TableDefinition;
use std::marker::PhantomData;

/// A table of values of one type. Two tables never share a name.
#[derive(Debug)]
pub struct Table<V> {
    name: &'static str,
    value: PhantomData<fn() -> V>,
}

impl<V> Table<V> {
    /// The table of this name; it need not exist yet.
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// Its name in the file.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn definition(
        &self,
    ) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(self.name)
    }
}
