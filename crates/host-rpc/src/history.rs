//! Sparse history through one endpoint: the logs of a range of final blocks, and the headers of the
//! blocks that have any.

use crate::{
    fault::Fault,
    reader::{LogsByBlock, Reader, holds},
};
use bmn_chain::{Header, History};
use bmn_primitives::BlockRef;

/// Most requests for the logs of a range that another endpoint read.
const MOST_REQUESTS: usize = 64;

impl Reader<'_> {
    /// Logs from `from` over as many blocks as the endpoint answers for; with the last block asked.
    pub(crate) async fn widest_logs(
        &self,
        from: u64,
        last: u64,
    ) -> Result<(LogsByBlock, u64), Fault> {
        loop {
            let most = last.saturating_sub(from).saturating_add(1);
            let span = self.pool.known(self.at, |known| known.range.span()).min(most);
            let to = from.saturating_add(span - 1);
            let range = |change: &dyn Fn(&mut crate::range::LogRange) -> bool| {
                self.pool.known(self.at, |known| change(&mut known.range))
            };
            match self.logs_in(from, to).await {
                Ok(logs) => {
                    range(&|it| {
                        it.answered(span);
                        true
                    });
                    return Ok((logs, to));
                }
                Err(Fault::TooWide { most }) if range(&|it| it.too_wide(span, most)) => {}
                Err(Fault::TooMuch { works }) if range(&|it| it.too_much(span, works)) => {}
                Err(fault) => {
                    if fault.is_silence() {
                        // Perhaps the answer would have been too large, or too slow to make. Another
                        // endpoint is asked now, and this one for less later.
                        range(&|it| it.unanswered(span));
                    }
                    return Err(fault.of_final_block(from));
                }
            }
        }
    }

    /// All logs from `from` to `through`, in as many requests as it takes.
    pub(crate) async fn all_logs(&self, from: u64, through: u64) -> Result<LogsByBlock, Fault> {
        let (mut all, mut next) = (LogsByBlock::new(), from);
        for _ in 0..MOST_REQUESTS {
            let (logs, to) = self.widest_logs(next, through).await?;
            all.extend(logs);
            if to >= through {
                return Ok(all);
            }
            next = to + 1;
        }
        Err(Fault::NotYet(format!("the logs up to block {through} in {MOST_REQUESTS} requests")))
    }

    /// Joins the logs of the blocks from `from` to `to` and their headers. The block at the cursor is
    /// read last, so that a reorg while the rest was read shows.
    pub(crate) async fn history(
        &self,
        from: u64,
        to: u64,
        logs: LogsByBlock,
        cursor: Option<BlockRef>,
    ) -> Result<History, Fault> {
        let mut numbers: Vec<u64> = logs.keys().copied().collect();
        if numbers.last() != Some(&to) {
            numbers.push(to);
        }
        numbers.extend(cursor.map(|cursor| cursor.number));
        let final_block = |fault: Fault| fault.of_final_block(from);
        let found = self.headers(&numbers).await.map_err(final_block)?;
        let mut headers = Vec::with_capacity(numbers.len());
        for (header, number) in found.into_iter().zip(numbers) {
            let absent = || Fault::NotYet(format!("block {number}")).of_final_block(number);
            headers.push(header.ok_or_else(absent)?);
        }
        if let Some(cursor) = cursor
            && headers.pop().is_some_and(|now| now.hash != cursor.hash)
        {
            return Err(Fault::NotYet("the chain moved while it was read".to_owned()));
        }
        let through = headers.last().map(Header::block_ref);
        let through = through.ok_or_else(|| Fault::Garbled("no header".to_owned()))?;
        let mut blocks = Vec::with_capacity(logs.len());
        for (header, (number, (hash, logs))) in headers.into_iter().zip(logs) {
            if header.hash != hash {
                let what = format!("logs of {hash} at {number}, which is {}", header.hash);
                return Err(self.wrong(what));
            }
            let orphan = cursor.is_some_and(|cursor| {
                cursor.number.checked_add(1) == Some(number) && header.parent_hash != cursor.hash
            });
            if orphan {
                return Err(self.wrong(format!("block {number} is no child of the one before")));
            }
            blocks.push(self.block(header, logs)?);
        }
        History::new(from, blocks, through).map_err(|error| self.wrong(error.to_string()))
    }

    /// Looks for logs that `other` has and `history`, which was read here, lacks. Only a log that fits
    /// the header this very endpoint gives counts against it. What `other` cannot answer proves
    /// nothing. Whether there was an answer.
    pub(crate) async fn audit(&self, history: &History, other: &Self) -> Result<bool, Fault> {
        let most = other.pool.known(other.at, |known| known.range.span());
        let to = history.through().number.min(history.from().saturating_add(most - 1));
        let Ok(theirs) = other.logs_in(history.from(), to).await else { return Ok(false) };
        let lacks = |number: u64, log: &bmn_chain::ChainLog| {
            let mut ours = history.blocks().iter().filter(|it| it.header.number == number);
            !ours.any(|block| block.logs.contains(log))
        };
        for (number, (hash, logs)) in theirs {
            let Some(log) = logs.iter().find(|log| lacks(number, log)) else { continue };
            let header = self.headers(&[number]).await?.into_iter().flatten().next();
            if header.is_some_and(|it| it.hash == hash && holds(&it.logs_bloom, log)) {
                let name = other.pool.name(other.at);
                let index = log.log_index;
                return Err(self.wrong(format!(
                    "it leaves out log {index} of block {number}, which {name} has"
                )));
            }
        }
        Ok(true)
    }
}
