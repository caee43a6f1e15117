#![doc = include_str!("../README.md")]

mod doc;
mod error;
mod order;
mod shapes;
mod state;
mod swap;

#[cfg(test)]
mod tests;

pub use error::LegacyError;
pub use order::LegacyOrder;
pub use shapes::{Kind, hashlock_in_name};
pub use swap::{Escrow, LegacyStatus, LegacySwap, Problem, Slot};

use bmn_contracts::OrderDomain;
use bmn_primitives::Hashlock;
use std::collections::BTreeMap;

/// The largest file that is read, bytes.
pub const MOST_BYTES: usize = 16 << 20;

/// Swaps that are gathered at most.
pub const MOST_SWAPS: usize = 100_000;

/// Files of an older resolver, gathered by hashlock.
#[derive(Debug)]
pub struct Collection {
    domains: Vec<OrderDomain>,
    files: Vec<String>,
    kinds: BTreeMap<Kind, usize>,
    swaps: BTreeMap<Hashlock, LegacySwap>,
}

impl Collection {
    /// An empty one. `domains` are those in which order hashes are looked for: one for each limit-order protocol that
    /// orders may have been signed for.
    pub fn new(domains: Vec<OrderDomain>) -> Self {
        Self { domains, files: Vec::new(), kinds: BTreeMap::new(), swaps: BTreeMap::new() }
    }

    /// Reads a file, whatever it holds; `name` is its path, for messages and for the hashlock that some names carry.
    /// Nothing of a file that gives an error is taken.
    ///
    /// # Errors
    /// [`LegacyError`] with the file, the field, and what is accepted.
    pub fn read(&mut self, name: &str, bytes: &[u8]) -> Result<Kind, LegacyError> {
        let (kind, told) = shapes::read(name, bytes, &self.domains)?;
        let file = self.files.len();
        let new = told.iter().filter(|(lock, _)| !self.swaps.contains_key(lock)).count();
        if self.swaps.len() + new > MOST_SWAPS {
            return Err(LegacyError::TooMany { file: name.to_owned(), most: MOST_SWAPS });
        }
        self.files.push(name.to_owned());
        *self.kinds.entry(kind).or_default() += 1;
        for (lock, told) in told {
            self.swaps.entry(lock).or_insert_with(|| LegacySwap::new(lock)).merge(told, file);
        }
        Ok(kind)
    }

    /// The name of a file that a record points to.
    pub fn file(&self, index: usize) -> &str {
        self.files.get(index).map_or("", String::as_str)
    }

    /// How many files of each kind were read.
    pub const fn kinds(&self) -> &BTreeMap<Kind, usize> {
        &self.kinds
    }

    /// Every swap, by hashlock.
    pub fn swaps(&self) -> impl ExactSizeIterator<Item = &LegacySwap> {
        self.swaps.values()
    }
}
