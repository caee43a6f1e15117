//! Strangers' swaps: which of them are taken among the orders, to be finished for their safety deposits.
//!
//! A swap is left alone until one of its public actions is due and seems to pay: nearly all of them are
//! finished by their own resolvers, and no row is ever made for those.

use crate::{NodeError, Resolver, resolver::Shared};
use bmn_executor::{Executor, ExecutorError, KeeperLimits};
use bmn_primitives::{ChainId, OrderId};
use bmn_queue::{KeeperFacts, Loaded, refresh, stranger_sources, watch_swap};
use bmn_store::{AnyLeg, LegIndex, LegState, Reads};
use bmn_swap::{Access, ActionKey, Price, Status, When};
use std::cmp::Reverse;

/// Open escrows that are looked at with each new block.
const PAGE: usize = 128;

/// Swaps that a host is asked about with each new block.
const MOST_PROBES: usize = 8;

impl Resolver {
    /// Finishes strangers' swaps from now on where that pays, within these limits. Nothing is kept by a
    /// resolver that only indexes.
    pub fn keep_within(&self, limits: KeeperLimits) {
        if let Some(executor) = &self.shared.executor {
            executor.keep_within(limits);
        }
    }
}

/// The limits of a configuration; none where keeping is off.
pub fn keeper_limits_of(keeper: &bmn_config::Keeper) -> Option<KeeperLimits> {
    keeper.enabled.then_some(KeeperLimits {
        terms: bmn_swap::KeeperTerms {
            win_bps: keeper.win_bps,
            lost_gas: keeper.lost_gas,
            min_expected: keeper.min_gain,
            quiet_blocks: keeper.quiet_blocks,
        },
        gas_per_day: keeper.gas_per_day_wei,
        max_open: keeper.max_open,
        max_watched: keeper.max_watched,
    })
}

/// A swap that is worth taking up, and what that would bring.
struct Candidate {
    loaded: Loaded,
    key: ActionKey,
    expected: i128,
}

impl Shared {
    /// With a new block: looks again at what is watched, and at one page of the open escrows for more. True
    /// when a row changed.
    pub(crate) async fn watch_strangers(
        &self,
        executor: &Executor,
        chain: ChainId,
    ) -> Result<bool, NodeError> {
        let Some(limits) = executor.keeper() else { return Ok(false) };
        let most = usize::try_from(limits.max_watched).unwrap_or(usize::MAX);
        let (watched, mut found) = {
            let read = self.store.read()?;
            let watched = read.orders_by_status(Status::Watched, None, most)?;
            (watched, self.candidates(&read, chain, limits)?)
        };
        // The dearest first: what there is no room for is asked again with a later block.
        found.sort_by_key(|candidate| (Reverse(candidate.expected), candidate.key));
        found.truncate(most.saturating_sub(watched.len()).min(MOST_PROBES));
        let mut taken = Vec::new();
        for candidate in found {
            match executor.probe(candidate.key, &candidate.loaded).await {
                Ok(Access::Held) => taken.push(candidate),
                Ok(_) => {}
                // What a stranger made cannot stop us.
                Err(error @ ExecutorError::Incomplete { .. }) => {
                    tracing::warn!(
                        target: "bmn::node", order = %candidate.key.order, %error, "not watched"
                    );
                }
                Err(error) => return Err(error.into()),
            }
        }
        if watched.is_empty() && taken.is_empty() {
            return Ok(false);
        }
        self.record(&watched, &taken)
    }

    fn record(&self, watched: &[OrderId], taken: &[Candidate]) -> Result<bool, NodeError> {
        let mut tx = self.store.write()?;
        let before = tx.last_change()?;
        for order in watched {
            refresh(&mut tx, *order, &self.rules)?;
        }
        for Candidate { loaded, key, expected } in taken {
            tracing::info!(
                target: "bmn::node", order = %key.order, action = key.action.name(),
                chain = %key.chain, expected, "a stranger's swap is worth finishing"
            );
            watch_swap(&mut tx, loaded, &self.rules)?;
        }
        let changed = tx.last_change()? != before;
        tx.commit()?;
        Ok(changed)
    }

    // Page by page, round and round: nothing is remembered that a reorg or a restart could make wrong.
    fn candidates(
        &self,
        read: &impl Reads,
        chain: ChainId,
        limits: &KeeperLimits,
    ) -> Result<Vec<Candidate>, NodeError> {
        let after = self.looked_at.read().get(&chain).copied();
        let legs = read.legs_by(chain, LegIndex::State(LegState::Open), after, PAGE)?;
        match legs.last().filter(|_| legs.len() == PAGE) {
            Some(last) => self.looked_at.write().insert(chain, last.place()),
            None => self.looked_at.write().remove(&chain),
        };
        let terms = self.rules.terms();
        let Some(route) = terms.route(chain) else { return Ok(Vec::new()) };
        let coin = route.tokens.iter().find(|token| token.address.is_zero());
        // What the host says of fees is asked before anything is sent; this only sorts out what is hopeless.
        let facts = KeeperFacts {
            gas_price: Some(read.cursor(chain)?.base_fee.unwrap_or(0).into()),
            data_fee: 0,
            access: Access::Held,
            own_due_in: None,
            coin: coin.map_or(Price(0), |coin| coin.price),
        };
        let mut found: Vec<Candidate> = Vec::new();
        for leg in legs {
            for candidate in self.of_leg(read, leg, chain, &facts, limits)? {
                if found.iter().all(|known| known.key.order != candidate.key.order) {
                    found.push(candidate);
                }
            }
        }
        Ok(found)
    }

    fn of_leg(
        &self,
        read: &impl Reads,
        leg: AnyLeg,
        chain: ChainId,
        facts: &KeeperFacts,
        limits: &KeeperLimits,
    ) -> Result<Vec<Candidate>, NodeError> {
        let mut found = Vec::new();
        for source in stranger_sources(read, leg, &self.rules)? {
            let Some(loaded) = Loaded::watched(read, source, &self.rules)? else { continue };
            if read.order(loaded.order.id)?.is_some() {
                continue;
            }
            let Some(plan) = loaded.keep(&self.rules, facts, &limits.terms) else { continue };
            let due = plan.due.iter().filter(|due| due.chain == chain && due.when == When::Now);
            if let Some(best) = due.max_by_key(|due| due.numbers.expected) {
                let key = ActionKey {
                    order: loaded.order.id,
                    action: best.action.action(),
                    chain,
                    escrow: best.escrow,
                };
                found.push(Candidate { key, expected: best.numbers.expected, loaded });
            }
        }
        Ok(found)
    }
}
