//! Whether what is stored is whole (S3-07, S3-51: each commit is durable, so this job checks instead of saving).

use crate::{
    Ground,
    ground::{records, store},
};
use async_trait::async_trait;
use bmn_primitives::ChainId;
use bmn_records::{Reads as _, Records, Table};
use bmn_scheduler::{Job, JobContext, JobError, JobSpec, Outcome};
use bmn_store::{BlockReads, Reads, Store, Verification, Verified, verify};
use metrics::gauge;
use tokio_util::sync::CancellationToken;

/// Blocks that the index remembers, of each chain and run.
const BLOCKS: usize = 512;

/// Where the next slice of a chain begins.
const NEXT: Table<u64> = Table::new("integrity_next");

pub(super) struct Integrity(pub(super) Ground);

#[async_trait]
impl Job for Integrity {
    fn spec(&self) -> JobSpec {
        crate::schedules::spec("statePersistence", self.0.config.profile)
    }

    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError> {
        let (of, records, now) = (self.0.store().clone(), self.0.records.clone(), ctx.now_ms);
        let (stop, file) = (ctx.stop.clone(), self.0.store().path().to_owned());
        let checked = ctx.blocking(move || checked(&of, &records, now, &stop)).await?;
        // A store in memory has no file.
        let bytes = std::fs::metadata(&file).map_or(0, |file| file.len());
        #[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
        gauge!("bmn_store_verified_blocks").set(checked.blocks as f64);
        Ok(Outcome::counted([
            ("blocksVerified", checked.blocks),
            ("eventsVerified", checked.events),
            ("chainsVerified", checked.chains),
            ("storeBytes", bytes),
        ]))
    }
}

#[derive(Debug, Default)]
struct Checked {
    blocks: u64,
    events: u64,
    chains: u64,
}

fn checked(
    of: &Store,
    beside: &Records,
    now: u64,
    stop: &CancellationToken,
) -> Result<Checked, JobError> {
    let mut sum = Checked::default();
    let chains: Vec<ChainId> =
        of.read().map_err(store)?.cursors().map_err(store)?.into_iter().map(|(id, _)| id).collect();
    for chain in chains {
        if stop.is_cancelled() {
            break;
        }
        if let Some(verified) = slice(of, beside, chain, now)? {
            sum.blocks += verified.blocks;
            sum.events += verified.events;
            sum.chains += 1;
        }
    }
    Ok(sum)
}

/// Verifies the next slice of a chain; none while its index is not current.
fn slice(
    of: &Store,
    beside: &Records,
    chain: ChainId,
    now: u64,
) -> Result<Option<Verified>, JobError> {
    let read = of.read().map_err(store)?;
    if !read.cursor(chain).map_err(store)?.mode.is_current() {
        return Ok(None);
    }
    let key = chain.0.to_be_bytes();
    let known = beside.read().map_err(records)?.get(&NEXT, &key, now).map_err(records)?;
    let from = known.unwrap_or(0);
    let after = from.checked_sub(1);
    let blocks = read.blocks_after(chain, after, BLOCKS).map_err(store)?;
    // At the end of the chain, or behind it after a reorg: from its start again.
    let Some(last) = blocks.last() else {
        beside.put(&NEXT, &key, &0, None).map_err(records)?;
        return Ok(None);
    };
    match verify(&read, chain, from..=last.block.number, &mut |_| {}).map_err(store)? {
        Verification::Sound(verified) => {
            let next = if blocks.len() < BLOCKS { 0 } else { last.block.number.saturating_add(1) };
            beside.put(&NEXT, &key, &next, None).map_err(records)?;
            Ok(Some(verified))
        }
        Verification::Differs(difference) => Err(JobError::Corrupt(format!(
            "the index of chain {chain} is not what its events say: {difference}; stop the node and run \
             bmn verify --rebuild"
        ))),
    }
}
