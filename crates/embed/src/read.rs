//! Reading blocks out of the node's storage: final history in sparse runs, the live part in full.

use crate::{
    ledger::{Ledger, LedgerError, StoredHeader},
    window::weight,
};
use bmn_chain::{Block, History};
use bmn_host_rpc::LogSelection;
use bmn_primitives::BlockRef;

/// Bounds of one range of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Blocks looked at: 1000.
    pub blocks: u64,
    /// Blocks whose receipts are read at once: 64.
    pub run: usize,
    /// Bytes of the blocks that hold something: 8 MiB.
    pub bytes: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { blocks: 1_000, run: 64, bytes: 8 << 20 }
    }
}

/// What a range continues: its first block, and the block before where one is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number of the first block.
    pub next: u64,
    /// Its parent; none where nothing is held.
    pub parent: Option<BlockRef>,
}

/// Final blocks from `place` on, at most to `last` and at most `most` that hold something. The parent's
/// hash is looked at again after everything else was read, so that a reorg in between shows.
///
/// # Errors
/// [`LedgerError`]; nothing that was read before it is told.
pub fn history(
    ledger: &impl Ledger,
    selection: &LogSelection,
    place: Place,
    last: u64,
    most: usize,
    limits: HistoryLimits,
) -> Result<History, LedgerError> {
    let last = last.min(place.next.saturating_add(limits.blocks.max(1) - 1));
    let headers = contiguous(ledger.headers(place.next..=last)?, place)?;
    let (mut blocks, mut bytes) = (Vec::new(), 0);
    let mut through = None;
    let full = |blocks: &Vec<Block>, bytes| blocks.len() >= most.max(1) || bytes >= limits.bytes;
    for run in runs(&headers, selection, limits.run.max(1)) {
        if full(&blocks, bytes) {
            break;
        }
        let Some(end) = run.last() else { continue };
        if !selection.may_match(&end.header.logs_bloom) {
            through = Some(end);
            continue;
        }
        let found = ledger.logs_of_run(run, selection)?;
        for (stored, logs) in run.iter().zip(found) {
            if full(&blocks, bytes) {
                break;
            }
            through = Some(stored);
            if !logs.is_empty() {
                let block = Block { header: stored.header.clone(), logs };
                bytes += weight(&block);
                blocks.push(block);
            }
        }
    }
    let through = through.ok_or(LedgerError::Moved { number: place.next })?.header.block_ref();
    for block in place.parent.into_iter().chain([through]) {
        if ledger.hash(block.number)? != Some(block.hash) {
            return Err(LedgerError::Moved { number: block.number });
        }
    }
    let contradiction = |error: bmn_chain::HistoryError| LedgerError::Contradiction {
        number: place.next,
        reason: error.to_string(),
    };
    History::new(place.next, blocks, through).map_err(contradiction)
}

/// Blocks from `place` on, at most to `last`, with every log that is wanted. Logs are asked for by the
/// block's hash, so that none of another block at the same number is taken for one of this.
///
/// # Errors
/// [`LedgerError::Moved`] when the chain changed in between.
pub fn live(
    ledger: &impl Ledger,
    selection: &LogSelection,
    place: Place,
    last: u64,
) -> Result<Vec<Block>, LedgerError> {
    let headers = contiguous(ledger.headers(place.next..=last)?, place)?;
    let block = |stored: StoredHeader| {
        let logs = match selection.may_match(&stored.header.logs_bloom) {
            true => ledger.logs(&stored, selection)?,
            false => vec![],
        };
        Ok(Block { header: stored.header, logs })
    };
    headers.into_iter().map(block).collect()
}

/// These headers, if they are a chain that continues `place`. A range that was read while the chain
/// changed is none.
fn contiguous(headers: Vec<StoredHeader>, place: Place) -> Result<Vec<StoredHeader>, LedgerError> {
    if headers.is_empty() {
        return Err(LedgerError::Moved { number: place.next });
    }
    let mut parent = place.parent.map(|parent| parent.hash);
    for (number, StoredHeader { header, .. }) in (place.next..).zip(&headers) {
        if header.number != number || parent.is_some_and(|parent| parent != header.parent_hash) {
            return Err(LedgerError::Moved { number });
        }
        parent = Some(header.hash);
    }
    Ok(headers)
}

/// Cuts headers into runs that are alike in whether their blooms may hold something, those that may at
/// most `most` long.
fn runs<'a>(
    headers: &'a [StoredHeader],
    selection: &'a LogSelection,
    most: usize,
) -> impl Iterator<Item = &'a [StoredHeader]> {
    let alike = |one: &StoredHeader, two: &StoredHeader| {
        let may = |it: &StoredHeader| selection.may_match(&it.header.logs_bloom);
        may(one) == may(two)
    };
    headers.chunk_by(alike).flat_map(move |run| run.chunks(most))
}
