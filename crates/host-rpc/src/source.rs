//! Reading the chain.

use crate::{
    LogSelection, RpcConfig,
    fault::Fault,
    pool::Pool,
    reader::{LATEST, LogsByBlock, Position, Reader},
    tour::Tour,
    transport::Heads,
    wire::WireHeader,
};
use alloy::primitives::B256;
use async_trait::async_trait;
use bmn_chain::{
    Block, ChainError, ChainEvent, ChainSource, Header, History, KnownBlocks, Segment,
};
use bmn_primitives::{BlockRef, ChainId};
use futures_util::{FutureExt, StreamExt, future::join_all};
use parking_lot::Mutex;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// Follows a chain through the nodes of an [`RpcHost`](crate::RpcHost). Holds no position: see the
/// crate page for how an event is found.
pub struct RpcSource {
    pool: Arc<Pool>,
    start: u64,
    finality_depth: u64,
    selection: LogSelection,
    agreement: usize,
    poll: Duration,
    /// Locked by nobody: a stream cannot be shared between threads, a lock around it can.
    heads: Option<Mutex<Heads>>,
    subscribe_at: Instant,
    subscribe_failures: u32,
    probe_at: Instant,
    /// Head that `next_event` last saw.
    seen: Option<BlockRef>,
    behind: Option<Behind>,
}

impl std::fmt::Debug for RpcSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcSource").field("chain", &self.pool.chain).finish_non_exhaustive()
    }
}

/// Every endpoint's head is below our cursor, on our own chain.
#[derive(Debug, Clone, Copy)]
struct Behind {
    head: BlockRef,
    since: Instant,
}

/// What one endpoint says about what follows the cursor.
#[derive(Debug)]
enum Reading {
    Tip(BlockRef),
    Event(ChainEvent, BlockRef),
    /// Its head is an ancestor of the cursor: it lags, or blocks left the chain.
    Behind {
        head: BlockRef,
        reverted: Vec<BlockRef>,
    },
}

/// Where our chain and the endpoint's part.
struct Fork {
    reverted: Vec<BlockRef>,
    /// The last common block; `None` when everything we hold is gone.
    common: Option<BlockRef>,
}

impl RpcSource {
    pub(crate) fn new(pool: Arc<Pool>, config: &RpcConfig) -> Self {
        let now = Instant::now();
        Self {
            start: config.start_block,
            finality_depth: config.finality_depth,
            selection: config.filter.clone(),
            agreement: config.agreement,
            poll: config.poll,
            heads: None,
            subscribe_at: now,
            subscribe_failures: 0,
            probe_at: now + config.limits.probe,
            seen: None,
            behind: None,
            pool,
        }
    }

    fn reader(&self, at: usize) -> Reader<'_> {
        Reader { pool: &self.pool, at, selection: &self.selection }
    }

    async fn read(
        &self,
        at: usize,
        cursor: Option<BlockRef>,
        known: &dyn KnownBlocks,
        max_blocks: usize,
    ) -> Result<Reading, Fault> {
        let reader = self.reader(at);
        let number = cursor.map(|cursor| cursor.number);
        let position = reader.position(number, self.finality_depth).await?;
        let head = position.latest.block_ref();
        let fork = match cursor {
            None => Fork { reverted: vec![], common: None },
            Some(cursor) => self.fork(&reader, cursor, &position, known).await?,
        };
        let next = match (fork.common, fork.reverted.last()) {
            (Some(common), _) => common.number + 1,
            (None, Some(oldest)) => oldest.number,
            (None, None) => self.start,
        };
        if next > head.number {
            let reverted = fork.reverted;
            return Ok(match reverted.is_empty() {
                true => Reading::Tip(head),
                false => Reading::Behind { head, reverted },
            });
        }
        let last_final = position.finalized.unwrap_or_default();
        let distance = self.pool.limits.backfill_distance;
        if fork.reverted.is_empty() && last_final >= next.saturating_add(distance) {
            let history = self.backfill(&reader, next, last_final, cursor, max_blocks).await?;
            self.agree(at, history.through()).await?;
            return Ok(Reading::Event(ChainEvent::Backfilled(history), head));
        }
        let blocks = self.segment(&reader, next, &position, fork.common, max_blocks).await?;
        let segment = Segment::new(blocks).map_err(|error| Fault::NotYet(error.to_string()))?;
        self.agree(at, segment.tip().header.block_ref()).await?;
        let event = match fork.reverted {
            reverted if reverted.is_empty() => ChainEvent::Committed(segment),
            reverted => ChainEvent::Reorged { reverted, committed: segment },
        };
        Ok(Reading::Event(event, head))
    }

    /// Goes back through our blocks to the last one that the endpoint has, too.
    async fn fork(
        &self,
        reader: &Reader<'_>,
        cursor: BlockRef,
        position: &Position,
        known: &dyn KnownBlocks,
    ) -> Result<Fork, Fault> {
        let latest = position.latest.number;
        match &position.at_cursor {
            Some(theirs) if theirs.hash == cursor.hash => {
                return Ok(Fork { reverted: vec![], common: Some(cursor) });
            }
            None if cursor.number <= latest => {
                return Err(Fault::NotYet(format!("block {} at our cursor", cursor.number)));
            }
            _ => {}
        }
        let limits = &self.pool.limits;
        let below = |block: BlockRef| known.at(block.number.checked_sub(1)?);
        let is_first = |block: BlockRef| block.number == self.start && self.start > 0;
        let (mut reverted, mut ours, mut step) = (Vec::new(), cursor, 1);
        loop {
            let mut run = vec![ours];
            while let Some(last) = run.last()
                && run.len() < step
                && !is_first(*last)
                && let Some(block) = below(*last)
            {
                run.push(block);
            }
            let asked: Vec<_> = run.iter().map(|it| it.number).filter(|it| *it <= latest).collect();
            let found = reader.headers(&asked).await?;
            let found: BTreeMap<_, _> = asked.into_iter().zip(found).collect();
            for block in run {
                if let Some(theirs) = found.get(&block.number) {
                    let absent = || Fault::NotYet(format!("block {}", block.number));
                    if theirs.as_ref().ok_or_else(absent)?.hash == block.hash {
                        return Ok(Fork { reverted, common: Some(block) });
                    }
                }
                reverted.push(block);
                if is_first(block) {
                    // What is below the start was never ours.
                    return Ok(Fork { reverted, common: None });
                }
                if reverted.len() > limits.max_reorg {
                    return Err(Fault::Beyond);
                }
                ours = block;
            }
            ours = below(ours).ok_or(Fault::Beyond)?;
            step = (step * 2).min(limits.max_batch.max(1));
        }
    }

    /// Sparse history: the logs of a range of final blocks, and the headers of the blocks that have
    /// any.
    async fn backfill(
        &self,
        reader: &Reader<'_>,
        from: u64,
        last_final: u64,
        cursor: Option<BlockRef>,
        max_blocks: usize,
    ) -> Result<History, Fault> {
        let (mut logs, mut to) = self.widest_logs(reader, from, last_final).await?;
        if let Some(cut) = logs.keys().nth(max_blocks.max(1)).copied() {
            logs.split_off(&cut);
            to = logs.last_key_value().map_or(to, |(last, _)| *last);
        }
        let mut numbers: Vec<u64> = logs.keys().copied().collect();
        if numbers.last() != Some(&to) {
            numbers.push(to);
        }
        // Last, so that a reorg while the rest was read shows.
        numbers.extend(cursor.map(|cursor| cursor.number));
        let final_block = |fault: Fault| fault.of_final_block(from);
        let found = reader.headers(&numbers).await.map_err(final_block)?;
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
                return Err(reader.wrong(what));
            }
            let orphan = cursor.is_some_and(|cursor| {
                cursor.number + 1 == number && header.parent_hash != cursor.hash
            });
            if orphan {
                return Err(reader.wrong(format!("block {number} is no child of the one before")));
            }
            blocks.push(reader.block(header, logs)?);
        }
        History::new(from, blocks, through).map_err(|error| reader.wrong(error.to_string()))
    }

    /// Logs from `from` over as many blocks as the endpoint answers for; with the last block asked.
    async fn widest_logs(
        &self,
        reader: &Reader<'_>,
        from: u64,
        last_final: u64,
    ) -> Result<(LogsByBlock, u64), Fault> {
        loop {
            let most = last_final - from + 1;
            let span = self.pool.known(reader.at, |known| known.range.span()).min(most);
            let to = from + span - 1;
            let range = |change: &dyn Fn(&mut crate::range::LogRange) -> bool| {
                self.pool.known(reader.at, |known| change(&mut known.range))
            };
            match reader.logs_in(from, to).await {
                Ok(logs) => {
                    range(&|it| {
                        it.answered(span);
                        true
                    });
                    return Ok((logs, to));
                }
                Err(Fault::TooWide { most }) if range(&|it| it.too_wide(span, most)) => {}
                Err(Fault::TooMuch { works }) if range(&|it| it.too_much(span, works)) => {}
                Err(fault) => return Err(fault.of_final_block(from)),
            }
        }
    }

    /// Blocks from `next` on, in full.
    async fn segment(
        &self,
        reader: &Reader<'_>,
        next: u64,
        position: &Position,
        parent: Option<BlockRef>,
        max_blocks: usize,
    ) -> Result<Vec<Block>, Fault> {
        let latest = &position.latest;
        let most = max_blocks.clamp(1, self.pool.limits.max_segment.max(1)) as u64;
        let to = latest.number.min(next.saturating_add(most - 1));
        // The head's header is here already.
        let numbers: Vec<u64> = (next..=to).filter(|number| *number != latest.number).collect();
        let found = reader.headers(&numbers).await?;
        let mut headers: Vec<Header> = found.into_iter().map_while(|header| header).collect();
        if headers.len() < numbers.len() && headers.is_empty() {
            let absent = Fault::NotYet(format!("block {next}"));
            let is_final = position.finalized.is_some_and(|last| next <= last);
            return Err(if is_final { absent.of_final_block(next) } else { absent });
        }
        if headers.len() == numbers.len() && to == latest.number {
            headers.push(latest.clone());
        }
        let mut before = parent.map(|parent| parent.hash);
        for header in &headers {
            if before.is_some_and(|before| before != header.parent_hash) {
                let number = header.number;
                return Err(Fault::NotYet(format!(
                    "block {number} does not continue the last one"
                )));
            }
            before = Some(header.hash);
        }
        reader.blocks(headers).await
    }

    /// Waits until enough endpoints name the same hash for a block, and more than name any other.
    async fn agree(&self, at: usize, block: BlockRef) -> Result<(), Fault> {
        if self.agreement <= 1 {
            return Ok(());
        }
        let limits = &self.pool.limits;
        let deadline = Instant::now() + limits.agreement_wait;
        loop {
            let others = (0..self.pool.len()).filter(|other| *other != at);
            let votes = join_all(others.map(|other| self.vote(other, block))).await;
            let mut counts = BTreeMap::from([(block.hash, 1usize)]);
            let mut said = vec![format!("{} says {}", self.pool.name(at), block.hash)];
            let mut undecided = 0;
            for (other, vote) in votes {
                let name = self.pool.name(other);
                if let Ok(Some(hash)) = vote {
                    *counts.entry(hash).or_default() += 1;
                    said.push(format!("{name} says {hash}"));
                    continue;
                }
                undecided += 1;
                said.push(match vote {
                    Err(fault) => format!("{name}: {fault}"),
                    Ok(_) => format!("{name} does not have it yet"),
                });
            }
            let ours = counts.remove(&block.hash).unwrap_or_default();
            let rival = counts.values().copied().max().unwrap_or_default();
            let enough = |votes: usize| votes >= self.agreement && votes > rival;
            if enough(ours) {
                return Ok(());
            }
            if !enough(ours + undecided) || Instant::now() >= deadline {
                let (number, need) = (block.number, self.agreement);
                let said = said.join(", ");
                return Err(Fault::Disagree(format!(
                    "block {number} has {ours} of {need} endpoints behind it: {said}"
                )));
            }
            sleep(limits.agreement_poll).await;
        }
    }

    async fn vote(&self, at: usize, block: BlockRef) -> (usize, Result<Option<B256>, Fault>) {
        let found = self.reader(at).headers(&[block.number]).await;
        (at, found.map(|it| it.into_iter().flatten().next().map(|header| header.hash)))
    }

    async fn latest(&self, at: usize) -> Result<Header, Fault> {
        let found: Option<WireHeader> =
            self.pool.ask(at, "eth_getBlockByNumber", json!([LATEST, false])).await?;
        let header = Header::from(found.ok_or_else(|| Fault::NotYet("no block".to_owned()))?);
        self.pool.saw_head(at, &header);
        Ok(header)
    }

    /// Heads below the cursor: reported as reverted blocks once they stay.
    async fn behind(
        &mut self,
        at: usize,
        head: BlockRef,
        reverted: Vec<BlockRef>,
    ) -> Result<Option<ChainEvent>, ChainError> {
        let now = Instant::now();
        let same = self.behind.filter(|behind| behind.head.hash == head.hash);
        let since = same.map_or(now, |behind| behind.since);
        self.behind = Some(Behind { head, since });
        if now.duration_since(since) < self.pool.limits.lag_patience {
            return Ok(None);
        }
        if let Err(fault) = self.agree(at, head).await {
            return Err(ChainError::Unavailable {
                chain: self.pool.chain,
                reason: fault.to_string(),
            });
        }
        self.behind = None;
        Ok(Some(ChainEvent::Reverted { reverted }))
    }

    /// Makes sure that new heads wake us, where some endpoint can push them.
    async fn subscribe(&mut self) {
        if self.heads.is_some() || Instant::now() < self.subscribe_at {
            return;
        }
        for at in self.pool.order() {
            if let Ok(Some(heads)) = self.pool.new_heads(at).await {
                self.heads = Some(Mutex::new(heads));
                self.subscribe_failures = 0;
                return;
            }
        }
        self.unsubscribed();
    }

    fn unsubscribed(&mut self) {
        let limits = &self.pool.limits;
        let wait = limits.rest * 2u32.saturating_pow(self.subscribe_failures.min(16));
        self.heads = None;
        self.subscribe_failures = self.subscribe_failures.saturating_add(1);
        self.subscribe_at = Instant::now() + self.pool.jittered(wait.min(limits.max_rest));
    }

    /// Measures every endpoint, so that one that was left behind can be found to have recovered.
    async fn probe(&mut self) {
        if Instant::now() >= self.probe_at {
            self.probe_at = Instant::now() + self.pool.limits.probe;
            join_all(self.pool.order().into_iter().map(|at| self.latest(at))).await;
        }
    }
}

#[async_trait]
impl ChainSource for RpcSource {
    fn chain_id(&self) -> ChainId {
        self.pool.chain
    }

    async fn next_event(
        &mut self,
        cursor: Option<BlockRef>,
        known: &dyn KnownBlocks,
        max_blocks: usize,
    ) -> Result<Option<ChainEvent>, ChainError> {
        let pool = Arc::clone(&self.pool);
        let mut tour = Tour::after(&pool, cursor);
        let mut lowest: Option<(usize, BlockRef, Vec<BlockRef>)> = None;
        loop {
            let at = match tour.next().await {
                Ok(at) => at,
                Err(error) => {
                    return match lowest {
                        Some((at, head, reverted)) if tour.is_behind() => {
                            self.seen = Some(head);
                            self.behind(at, head, reverted).await
                        }
                        _ => Err(error),
                    };
                }
            };
            match self.read(at, cursor, known, max_blocks).await {
                Ok(Reading::Behind { head, reverted }) => {
                    if lowest.as_ref().is_none_or(|(_, it, _)| it.number < head.number) {
                        lowest = Some((at, head, reverted));
                    }
                    tour.failed(at, Fault::Behind);
                }
                Ok(Reading::Tip(head)) => {
                    (self.seen, self.behind) = (Some(head), None);
                    pool.in_use(at);
                    // One node may have a block that too few others have.
                    return tour.disagreement().map_or(Ok(None), Err);
                }
                Ok(Reading::Event(event, head)) => {
                    (self.seen, self.behind) = (Some(head), None);
                    pool.in_use(at);
                    return Ok(Some(event));
                }
                Err(fault) => tour.failed(at, fault),
            }
        }
    }

    async fn changed(&mut self) -> Result<(), ChainError> {
        loop {
            self.subscribe().await;
            let limits = &self.pool.limits;
            let wait = if self.heads.is_some() { self.poll.max(limits.quiet) } else { self.poll };
            if let Some(heads) = self.heads.as_mut().map(Mutex::get_mut) {
                tokio::select! {
                    head = heads.next() => {
                        if head.is_none() {
                            self.unsubscribed();
                        } else {
                            // One look at the chain answers for all of them.
                            while let Some(Some(())) = heads.next().now_or_never() {}
                        }
                        return Ok(());
                    }
                    () = sleep(wait) => {}
                }
            } else {
                sleep(wait).await;
            }
            self.probe().await;
            let head = self.head().await?;
            if self.behind.is_some() || head != self.seen {
                return Ok(());
            }
        }
    }

    async fn head(&self) -> Result<Option<BlockRef>, ChainError> {
        let mut tour = Tour::new(&self.pool);
        loop {
            let at = tour.next().await?;
            match self.latest(at).await {
                Ok(header) => return Ok(Some(header.block_ref())),
                Err(fault) => tour.failed(at, fault),
            }
        }
    }

    async fn finalized(&self) -> Result<Option<BlockRef>, ChainError> {
        let mut tour = Tour::new(&self.pool);
        loop {
            let at = tour.next().await?;
            match self.last_final(at).await {
                Ok(block) => return Ok(block),
                Err(fault) => tour.failed(at, fault),
            }
        }
    }

    /// JSON-RPC has no such message; nodes prune by their own rules.
    fn acknowledge(&mut self, _block: BlockRef) {}
}

impl RpcSource {
    async fn last_final(&self, at: usize) -> Result<Option<BlockRef>, Fault> {
        let reader = self.reader(at);
        let position = reader.position(None, self.finality_depth).await?;
        let Some(number) = position.finalized else { return Ok(None) };
        if number == position.latest.number {
            return Ok(Some(position.latest.block_ref()));
        }
        let found = reader.headers(&[number]).await?.into_iter().flatten().next();
        let header = found.ok_or_else(|| Fault::NotYet(format!("block {number}")))?;
        Ok(Some(header.block_ref()))
    }
}
