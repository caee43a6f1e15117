//! Records to what a host tells the index.

use crate::{
    error::{ArchiveError, Misfit, Place},
    format::MAX_ROLLBACK,
    reader::Reader,
    record::{ArchivedBlock, Record, Rollback},
};
use bmn_chain::{Block, ChainEvent, Segment};
use std::io::Read;

/// The history of a file as chain events: blocks in segments, rollbacks as what they were.
#[derive(Debug)]
pub struct Events<R: Read> {
    reader: Reader<R>,
    max_blocks: usize,
    ahead: Option<Record>,
}

impl<R: Read> Events<R> {
    /// Events of at most `max_blocks` blocks each, at least one. Replacements of a rollback stay
    /// together: their number is limited by the format.
    pub fn new(reader: Reader<R>, max_blocks: usize) -> Self {
        Self { reader, max_blocks: max_blocks.max(1), ahead: None }
    }

    /// The reader, to ask how far it is and how the file ended.
    pub const fn reader(&self) -> &Reader<R> {
        &self.reader
    }

    fn next_event(&mut self) -> Result<Option<ChainEvent>, ArchiveError> {
        match self.take()? {
            None => Ok(None),
            Some(Record::Block(first)) => {
                let blocks = self.blocks(vec![self.read(&first)?], self.max_blocks)?;
                Ok(Some(ChainEvent::Committed(self.segment(blocks)?)))
            }
            Some(Record::Rollback(rollback)) => self.rolled_back(rollback).map(Some),
        }
    }

    // A file that was cut off may lack some of the replacements: what is there is an event too.
    fn rolled_back(&mut self, rollback: Rollback) -> Result<ChainEvent, ArchiveError> {
        let Rollback { reverted, replaced_by } = rollback;
        let limit = MAX_ROLLBACK as u64;
        if reverted.is_empty() || reverted.len() > MAX_ROLLBACK {
            let problem = Misfit::Rollback(reverted.len()).into();
            return Err(ArchiveError::Contradiction { place: self.reader.place(), problem });
        }
        if replaced_by > limit {
            let (place, what) = (self.reader.place(), "a number of replacements");
            return Err(ArchiveError::TooLarge { place, what, found: replaced_by, limit });
        }
        let most = usize::try_from(replaced_by).unwrap_or(MAX_ROLLBACK);
        let blocks = self.blocks(Vec::new(), most)?;
        if blocks.is_empty() {
            return Ok(ChainEvent::Reverted { reverted });
        }
        Ok(ChainEvent::Reorged { reverted, committed: self.segment(blocks)? })
    }

    fn blocks(&mut self, mut blocks: Vec<Block>, most: usize) -> Result<Vec<Block>, ArchiveError> {
        while blocks.len() < most {
            match self.take()? {
                Some(Record::Block(block)) => blocks.push(self.read(&block)?),
                other => {
                    self.ahead = other;
                    break;
                }
            }
        }
        Ok(blocks)
    }

    fn take(&mut self) -> Result<Option<Record>, ArchiveError> {
        match self.ahead.take() {
            Some(record) => Ok(Some(record)),
            None => self.reader.next_record(),
        }
    }

    fn read(&self, block: &ArchivedBlock) -> Result<Block, ArchiveError> {
        block.block().map_err(|error| ArchiveError::damaged(self.reader.place(), error))
    }

    fn segment(&self, blocks: Vec<Block>) -> Result<Segment, ArchiveError> {
        let block = blocks.first().map(|block| block.header.number);
        Segment::new(blocks)
            .map_err(|error| ArchiveError::damaged(Place { block, ..self.reader.place() }, error))
    }
}

impl<R: Read> Iterator for Events<R> {
    type Item = Result<ChainEvent, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_event().transpose()
    }
}
