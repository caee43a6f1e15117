//! Reading the chain.

use crate::{
    LogSelection, RpcConfig,
    fault::Fault,
    pool::Pool,
    reader::{Position, Reader},
    tour::Tour,
    vote::Claim,
    watch::Watch,
};
use async_trait::async_trait;
use bmn_chain::{
    Block, ChainError, ChainEvent, ChainSource, Header, History, KnownBlocks, Segment,
};
use bmn_primitives::{BlockRef, ChainId};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Follows a chain through the nodes of an [`RpcHost`](crate::RpcHost). Holds no position: see the
/// crate page for how an event is found.
pub struct RpcSource {
    pub(crate) pool: Arc<Pool>,
    start: u64,
    pub(crate) finality_depth: u64,
    selection: LogSelection,
    pub(crate) poll: Duration,
    pub(crate) watch: Watch,
    /// Whether a range of sparse history was ever compared with another host's.
    audited: AtomicBool,
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
        Self {
            start: config.start_block,
            finality_depth: config.finality_depth,
            selection: config.filter.clone(),
            poll: config.poll,
            watch: Watch::new(&pool),
            audited: AtomicBool::new(false),
            behind: None,
            pool,
        }
    }

    pub(crate) fn is_behind(&self) -> bool {
        self.behind.is_some()
    }

    pub(crate) fn reader(&self, at: usize) -> Reader<'_> {
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
            Some(cursor) => self.checked_fork(&reader, cursor, &position, known).await?,
        };
        let next = match (fork.common, fork.reverted.last()) {
            (Some(common), _) => common.number.saturating_add(1),
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
            self.agree(at, Claim::History(&history, cursor)).await?;
            self.audit(&reader, &history).await?;
            return Ok(Reading::Event(ChainEvent::Backfilled(history), head));
        }
        let blocks = self.segment(&reader, next, &position, fork.common, max_blocks).await?;
        let segment = Segment::new(blocks).map_err(|error| Fault::NotYet(error.to_string()))?;
        let first = &segment.first().header;
        if fork.reverted.last().is_some_and(|oldest| oldest.hash == first.hash) {
            // What did not leave the chain must not be taken back.
            let number = first.number;
            return Err(Fault::NotYet(format!("block {number} was gone and is there again")));
        }
        let tip = segment.tip().header.block_ref();
        self.agree(at, Claim::Blocks(segment.blocks(), tip)).await?;
        let event = match fork.reverted {
            reverted if reverted.is_empty() => ChainEvent::Committed(segment),
            reverted => ChainEvent::Reorged { reverted, committed: segment },
        };
        Ok(Reading::Event(event, head))
    }

    /// Where the chains part. An endpoint that takes blocks back is asked for its chain once more: one
    /// that changed it has no block in common with us, and that must not end in a rebuild.
    async fn checked_fork(
        &self,
        reader: &Reader<'_>,
        cursor: BlockRef,
        position: &Position,
        known: &dyn KnownBlocks,
    ) -> Result<Fork, Fault> {
        let fork = self.fork(reader, cursor, position, known).await;
        let parted = match &fork {
            Ok(fork) => !fork.reverted.is_empty(),
            Err(fault) => *fault == Fault::Beyond,
        };
        if parted {
            self.pool.recheck_chain(reader.at).await?;
        }
        fork
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
                let absent = Fault::NotYet(format!("block {} at our cursor", cursor.number));
                let is_final = position.finalized.is_some_and(|last| cursor.number <= last);
                return Err(if is_final { absent.of_final_block(cursor.number) } else { absent });
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
        // The others have to read it, too, as well as they can.
        let spans = self.pool.voters().into_iter();
        let spans = spans.map(|at| self.pool.known(at, |known| known.range.span()));
        let most = spans.min().filter(|_| self.pool.agreement > 1).unwrap_or(u64::MAX);
        let last = last_final.min(from.saturating_add(most.saturating_sub(1)));
        let (mut logs, mut to) = reader.widest_logs(from, last).await?;
        if let Some(cut) = logs.keys().nth(max_blocks.max(1)).copied() {
            logs.split_off(&cut);
            to = logs.last_key_value().map_or(to, |(last, _)| *last);
            let used = to.saturating_sub(from).saturating_add(1);
            self.pool.known(reader.at, |known| known.range.overfetched(used));
        }
        reader.history(from, to, logs, cursor).await
    }

    /// Compares a range with what another host has, now and then: what is left out of the logs of a
    /// range shows nowhere else.
    async fn audit(&self, reader: &Reader<'_>, history: &History) -> Result<(), Fault> {
        let every = self.pool.limits.audit_every;
        if self.pool.agreement > 1 || every == 0 {
            return Ok(());
        }
        let first = !self.audited.load(Ordering::Relaxed);
        if !first && !self.pool.draw().is_multiple_of(every) {
            return Ok(());
        }
        let host = self.pool.host(reader.at);
        let others = self.pool.voters().into_iter();
        let Some(other) = others.into_iter().find(|at| self.pool.host(*at) != host) else {
            return Ok(());
        };
        let compared = reader.audit(history, &self.reader(other)).await?;
        self.audited.fetch_or(compared, Ordering::Relaxed);
        Ok(())
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
        let agreed = self.agree(at, Claim::Head(head)).await;
        agreed.map_err(|fault| self.unavailable(fault.to_string()))?;
        self.behind = None;
        Ok(Some(ChainEvent::Reverted { reverted }))
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
                            self.watch.saw(head);
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
                    self.watch.saw(head);
                    self.behind = None;
                    pool.in_use(at);
                    // One node may have a block that too few others have.
                    return tour.disagreement().map_or(Ok(None), Err);
                }
                Ok(Reading::Event(event, head)) => {
                    self.watch.saw(head);
                    self.behind = None;
                    pool.in_use(at);
                    return Ok(Some(event));
                }
                Err(fault) => tour.failed(at, fault),
            }
        }
    }

    async fn changed(&mut self) -> Result<(), ChainError> {
        self.woken().await
    }

    async fn head(&self) -> Result<Option<BlockRef>, ChainError> {
        let mut tour = Tour::new(&self.pool);
        loop {
            let at = tour.next().await?;
            match self.pool.latest(at).await {
                Ok(header) => return Ok(Some(header.block_ref())),
                Err(fault) => tour.failed(at, fault),
            }
        }
    }

    async fn finalized(&self) -> Result<Option<BlockRef>, ChainError> {
        if self.pool.agreement > 1 {
            return self.agreed_final().await;
        }
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
    pub(crate) async fn last_final(&self, at: usize) -> Result<Option<BlockRef>, Fault> {
        let reader = self.reader(at);
        let position = reader.position(None, self.finality_depth).await?;
        let Some(number) = position.finalized else { return Ok(None) };
        if let Some(header) = position.final_header {
            return Ok(Some(header.block_ref()));
        }
        let found = reader.headers(&[number]).await?.into_iter().flatten().next();
        let header = found.ok_or_else(|| Fault::NotYet(format!("block {number}")))?;
        Ok(Some(header.block_ref()))
    }
}
