//! Whether other hosts say the same about what one endpoint read.

use crate::{
    agreement::{Ballot, Patience, canvass, gather},
    fault::Fault,
    reader::Reader,
    source::RpcSource,
};
use alloy::primitives::{B256, keccak256};
use bmn_chain::{Block, ChainError, History};
use bmn_primitives::BlockRef;
use serde::Serialize;
use tokio::time::{Instant, sleep};

/// What one endpoint says, to be confirmed by others. The hash of the newest block does not speak for
/// its contents: an endpoint can name the right hash and invent the logs.
#[derive(Clone, Copy)]
pub(crate) enum Claim<'a> {
    /// This block is in the chain.
    Head(BlockRef),
    /// These are the blocks of their numbers, with all their logs that are wanted.
    Blocks(&'a [Block], BlockRef),
    /// This is all there is in final history after the cursor.
    History(&'a History, Option<BlockRef>),
}

impl Claim<'_> {
    const fn block(&self) -> BlockRef {
        match self {
            Self::Head(block) | Self::Blocks(_, block) => *block,
            Self::History(history, _) => history.through(),
        }
    }
}

impl RpcSource {
    /// Waits until enough hosts say the same as this endpoint, and more than say anything else.
    pub(crate) async fn agree(&self, at: usize, claim: Claim<'_>) -> Result<(), Fault> {
        let (pool, limits) = (&self.pool, &self.pool.limits);
        if pool.agreement <= 1 {
            return Ok(());
        }
        let slowest = match claim {
            Claim::Head(_) => limits.request_timeout,
            Claim::Blocks(..) | Claim::History(..) => limits.log_timeout,
        };
        let enough = Instant::now() + limits.agreement_wait;
        let patience = Patience { enough, most: enough.max(Instant::now() + slowest) };
        let block = claim.block();
        loop {
            let mut ballot = Ballot::new(pool.agreement);
            ballot.cast(pool.host(at), block.hash);
            let others: Vec<usize> =
                pool.voters().into_iter().filter(|it| pool.host(*it) != pool.host(at)).collect();
            let ask = |other: usize| self.vote(other, claim);
            let silent = canvass(pool, &mut ballot, &others, patience, ask).await;
            if ballot.carries(&block.hash, 0) {
                return Ok(());
            }
            let undecided = pool.hosts().saturating_sub(ballot.heard());
            let votes = ballot.votes(&block.hash);
            let possible = votes + undecided >= pool.agreement
                && votes + undecided > ballot.rival(&block.hash);
            if !possible || Instant::now() + limits.agreement_poll >= enough {
                let (number, need) = (block.number, pool.agreement);
                let said = self.said(at, &ballot, &silent);
                return Err(Fault::Disagree(format!(
                    "block {number} has {votes} of {need} hosts behind it: {said}"
                )));
            }
            sleep(limits.agreement_poll).await;
        }
    }

    fn said(&self, at: usize, ballot: &Ballot<B256>, silent: &[(usize, Fault)]) -> String {
        let name = |host: usize| {
            let of_host = (0..self.pool.len()).find(|it| self.pool.host(*it) == host);
            self.pool.name(of_host.unwrap_or(at))
        };
        let voted = ballot.all().map(|(host, hash)| format!("{} says {hash}", name(host)));
        let silent = silent.iter().map(|(at, fault)| format!("{}: {fault}", self.pool.name(*at)));
        voted.chain(silent).collect::<Vec<_>>().join(", ")
    }

    async fn vote(&self, at: usize, claim: Claim<'_>) -> Result<B256, Fault> {
        let reader = self.reader(at);
        match claim {
            Claim::Head(block) => Ok(one(&reader, block.number).await?.hash),
            Claim::Blocks(blocks, tip) => vote_on_blocks(&reader, blocks, tip).await,
            Claim::History(history, cursor) => {
                let position = reader.position(None, self.finality_depth).await?;
                let through = history.through();
                if position.finalized < Some(through.number) {
                    return Err(Fault::NotYet(format!("block {} as final", through.number)));
                }
                let logs = reader.all_logs(history.from(), through.number).await?;
                let found = reader.history(history.from(), through.number, logs, cursor).await?;
                let same = found == *history;
                choice(found.through().hash, through.hash, same, &found.blocks())
            }
        }
    }

    /// The newest block that enough hosts say is final.
    pub(crate) async fn agreed_final(&self) -> Result<Option<BlockRef>, ChainError> {
        let most = Instant::now() + self.pool.limits.request_timeout;
        let ask = |at: usize| self.last_final(at);
        let (mut finals, silent) = gather(&self.pool, most, ask).await;
        finals.sort_by_key(|block| std::cmp::Reverse(block.map(|it| it.number)));
        let Some(block) = finals.get(self.pool.agreement - 1).copied() else {
            let silent = silent.iter().map(|(at, it)| format!("{}: {it}", self.pool.name(*at)));
            let silent = silent.collect::<Vec<_>>().join(", ");
            return Err(self.unavailable(format!("too few hosts name a final block: {silent}")));
        };
        let Some(block) = block else { return Ok(None) };
        let at = self.pool.voters().into_iter().next();
        let at = at.ok_or_else(|| self.unavailable("no endpoint may be asked now".to_owned()))?;
        let header = one(&self.reader(at), block.number).await;
        let block = header.map_err(|fault| self.unavailable(fault.to_string()))?;
        let agreed = self.agree(at, Claim::Head(block)).await;
        agreed.map_err(|fault| self.unavailable(fault.to_string()))?;
        Ok(Some(block))
    }

    pub(crate) fn unavailable(&self, reason: String) -> ChainError {
        ChainError::Unavailable { chain: self.pool.chain, reason }
    }
}

async fn one(reader: &Reader<'_>, number: u64) -> Result<BlockRef, Fault> {
    let found = reader.headers(&[number]).await?.into_iter().flatten().next();
    found.map(|it| it.block_ref()).ok_or_else(|| Fault::NotYet(format!("block {number}")))
}

async fn vote_on_blocks(
    reader: &Reader<'_>,
    blocks: &[Block],
    tip: BlockRef,
) -> Result<B256, Fault> {
    let numbers: Vec<u64> = blocks.iter().map(|block| block.header.number).collect();
    let found = reader.headers(&numbers).await?;
    let mut headers = Vec::with_capacity(found.len());
    for (header, number) in found.into_iter().zip(numbers) {
        headers.push(header.ok_or_else(|| Fault::NotYet(format!("block {number}")))?);
    }
    let hash = headers.last().map_or(B256::ZERO, |header| header.hash);
    if hash != tip.hash {
        return Ok(hash);
    }
    let found = reader.blocks(headers).await?;
    choice(hash, tip.hash, found == blocks, &found)
}

/// The vote of an endpoint whose newest block is `found`: for the claim only when all the rest is
/// `same`. Those who say the same other thing have the same other vote.
fn choice(
    found: B256,
    claimed: B256,
    same: bool,
    contents: &impl Serialize,
) -> Result<B256, Fault> {
    if same || found != claimed {
        return Ok(found);
    }
    let bytes = serde_json::to_vec(contents).map_err(|error| Fault::Garbled(error.to_string()))?;
    Ok(keccak256(bytes))
}
