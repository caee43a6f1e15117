//! Nonces that nobody holds, below one that an intent holds: a deep reorg took back what was settled,
//! or somebody used our key and a reorg undid it. Nothing above them is mined before they are used.

use crate::{
    Executor, ExecutorError,
    account::day_of,
    bid::Bid,
    sign::{Unsigned, sign},
};
use bmn_primitives::{BlockRef, ChainId};
use bmn_store::{Reads, Spending};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Gaps that are closed in one pass.
const MOST_GAPS: usize = 16;

/// What is being done about the gaps, in memory only: whoever forgets it looks again.
#[derive(Debug, Default)]
pub(crate) struct Gaps(Mutex<BTreeMap<(ChainId, u64), Gap>>);

#[derive(Debug, Clone, Default)]
struct Gap {
    /// Block at which it was first seen.
    since: u64,
    versions: usize,
    last: Option<Sent>,
}

#[derive(Debug, Clone)]
struct Sent {
    bid: Bid,
    at: u64,
    raw: Vec<u8>,
}

impl Gaps {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(ChainId, u64), Gap>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The gaps of a chain as they are now, with what was done about each before.
    fn update(&self, chain: ChainId, nonces: &[u64], now: u64) -> Vec<(u64, Gap)> {
        let mut gaps = self.lock();
        gaps.retain(|(of, nonce), _| *of != chain || nonces.contains(nonce));
        let mut entry = |nonce: &u64| {
            let fresh = || Gap { since: now, ..Gap::default() };
            (*nonce, gaps.entry((chain, *nonce)).or_insert_with(fresh).clone())
        };
        nonces.iter().map(&mut entry).collect()
    }

    fn set(&self, chain: ChainId, nonce: u64, gap: Gap) {
        self.lock().insert((chain, nonce), gap);
    }
}

/// The unused nonces from `consumed` on below the highest one that is held.
fn unused(consumed: u64, held: &BTreeSet<u64>) -> Vec<u64> {
    let highest = held.last().copied().unwrap_or(consumed);
    (consumed..highest).filter(|nonce| !held.contains(nonce)).take(MOST_GAPS).collect()
}

impl Executor {
    /// Uses up the nonces that keep ours waiting. What is due takes the lowest free nonce, so a gap
    /// is left to it for a while first.
    pub(crate) async fn close_gaps(
        &self,
        chain: ChainId,
        tip: BlockRef,
        consumed: u64,
    ) -> Result<bool, ExecutorError> {
        let read = self.store.read()?;
        self.check_fence(&read, chain)?;
        let held = read.held_nonces(chain, self.rules.us, consumed)?.into_iter().collect();
        drop(read);
        let mut changed = false;
        for (nonce, gap) in self.gaps.update(chain, &unused(consumed, &held), tip.number) {
            if tip.number < gap.since.saturating_add(self.limits.bump_after) {
                continue;
            }
            match self.close_gap(chain, nonce, gap, tip).await {
                // What is due goes on: it takes the lowest free nonce, too. A signer that hangs is waited for once.
                Err(ExecutorError::Signer(reason)) => {
                    tracing::error!(
                        target: "bmn::executor", chain = %chain, nonce, %reason,
                        "gap not closed: the signer failed"
                    );
                    break;
                }
                closed => changed |= closed?,
            }
        }
        Ok(changed)
    }

    async fn close_gap(
        &self,
        chain: ChainId,
        nonce: u64,
        mut gap: Gap,
        tip: BlockRef,
    ) -> Result<bool, ExecutorError> {
        let fees = self.client(chain)?.fees().await?;
        let pressure = self.no_pressure(chain, gap.versions, fees);
        let bid = match &gap.last {
            None => Some(Bid::first(fees, pressure)),
            Some(last) if tip.number >= last.at.saturating_add(self.limits.bump_after) => {
                last.bid.raise(fees, pressure)
            }
            Some(_) => None,
        };
        let Some(bid) = bid else {
            if let Some(last) = gap.last {
                self.send(chain, last.raw).await;
            }
            return Ok(false);
        };
        let unsigned = Unsigned::filler(chain, nonce, self.rules.us);
        self.check_filler(&unsigned)?;
        let signed = sign(&*self.account.signer, &unsigned, bid).await;
        let (_, raw) = self.noted(chain, signed)?;
        let mut tx = self.store.write()?;
        self.check_fence(&tx, chain)?;
        if tx.intent_at(chain, self.rules.us, nonce)?.is_some() {
            return Ok(false);
        }
        let spending = Spending { day: day_of(tip.time), coin: unsigned.cost(bid), token: None };
        tx.spend(chain, &spending)?;
        tx.commit()?;
        tracing::warn!(target: "bmn::executor", chain = %chain, nonce, "nonce gap closed by a filler");
        gap.versions += 1;
        gap.last = Some(Sent { bid, at: tip.number, raw: raw.clone() });
        self.gaps.set(chain, nonce, gap);
        self.send(chain, raw).await;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_what_lies_unused_below_a_nonce_that_is_held() {
        let held = |nonces: &[u64]| nonces.iter().copied().collect::<BTreeSet<_>>();
        assert!(unused(3, &held(&[])).is_empty());
        assert!(unused(3, &held(&[3, 4])).is_empty());
        assert_eq!(unused(3, &held(&[5, 7])), [3, 4, 6]);
        assert!(unused(3, &held(&[1, 2])).is_empty(), "settled ones leave none");
        assert_eq!(unused(0, &held(&[1_000])).len(), MOST_GAPS);
    }

    #[test]
    fn a_gap_is_remembered_until_it_is_closed() {
        let gaps = Gaps::default();
        let chain = ChainId(1);
        gaps.update(chain, &[4], 10);
        gaps.update(ChainId(2), &[4], 11);
        assert_eq!(
            gaps.update(chain, &[4, 5], 12).iter().map(|(_, gap)| gap.since).collect::<Vec<_>>(),
            [10, 12]
        );
        assert!(gaps.update(chain, &[], 13).is_empty());
        assert_eq!(gaps.update(chain, &[4], 14)[0].1.since, 14);
        assert_eq!(gaps.update(ChainId(2), &[4], 15)[0].1.since, 11, "another chain's are its own");
    }
}
