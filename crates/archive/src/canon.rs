//! Whether a record continues the records before it.

use crate::{
    error::Misfit,
    format::MAX_ROLLBACK,
    record::{Record, Rollback},
};
use bmn_chain::Header;
use bmn_primitives::BlockRef;
use std::collections::VecDeque;

/// The newest blocks of the history so far.
#[derive(Debug, Clone)]
pub(crate) struct Canon {
    first: u64,
    newest: VecDeque<BlockRef>,
}

impl Canon {
    pub(crate) const fn new(first: u64) -> Self {
        Self { first, newest: VecDeque::new() }
    }

    pub(crate) fn tip(&self) -> Option<BlockRef> {
        self.newest.back().copied()
    }

    /// Takes a record, and answers its header when it is a block.
    pub(crate) fn take(&mut self, record: &Record) -> Result<Option<Header>, Misfit> {
        match record {
            Record::Block(block) => {
                let header = block.header_view().map_err(Misfit::Header)?;
                self.join(&header)?;
                Ok(Some(header))
            }
            Record::Rollback(rollback) => {
                self.leave(rollback)?;
                Ok(None)
            }
        }
    }

    fn join(&mut self, header: &Header) -> Result<(), Misfit> {
        let block = header.block_ref();
        match self.tip() {
            Some(tip) if header.parent_hash != tip.hash || header.number != tip.number + 1 => {
                return Err(Misfit::NotChild { block, tip });
            }
            None if header.number != self.first => {
                return Err(Misfit::First { found: header.number, expected: self.first });
            }
            _ => {}
        }
        // One more than may leave, so that what is below a rollback is always known.
        if self.newest.len() > MAX_ROLLBACK {
            self.newest.pop_front();
        }
        self.newest.push_back(block);
        Ok(())
    }

    fn leave(&mut self, rollback: &Rollback) -> Result<(), Misfit> {
        let depth = rollback.reverted.len();
        if !(1..=MAX_ROLLBACK).contains(&depth) {
            return Err(Misfit::Rollback(depth));
        }
        // All are looked at before any is taken: a refused record changes nothing.
        let mut newest = self.newest.iter().rev();
        for found in &rollback.reverted {
            match newest.next() {
                Some(tip) if tip == found => {}
                tip => return Err(Misfit::NotTip { found: *found, tip: tip.copied() }),
            }
        }
        self.newest.truncate(self.newest.len() - depth);
        Ok(())
    }
}
