//! Escrows by any combination of what they are found by.
//!
//! Every index lists escrows in the order of their creation, so a query may walk whichever promises
//! the fewest rows, compare the rest field by field, and go on from a place with another one.

mod scan;

use crate::index::{Kind, prefix, word_of_address, word_of_hash};
use crate::keys::Key;
use crate::legs::{self, AnyLeg, LegState};
use crate::rows::row;
use crate::tables;
use crate::{EventKey, LegIndex, Reads, StoreError, Volume, daily, orders};
use alloy::primitives::{Address, U256};
use bmn_primitives::{AddressWord, ChainId, Hashlock, Leg, OrderHash, OrderId};
use bmn_swap::{DestinationLeg, SourceLeg};

type Result<T> = std::result::Result<T, StoreError>;

/// How much one request may find and look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageBounds {
    /// Items found at most.
    pub items: usize,
    /// Index rows looked at at most; at least 1.
    pub rows: usize,
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// What was found, by chain and place of creation.
    pub items: Vec<T>,
    /// The last place looked at, to go on after; none when nothing can follow.
    pub next: Option<EventKey>,
}

/// Which source escrows to find; every field narrows. Words are compared whole, dirty bits included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceQuery {
    /// Only on this chain; otherwise on every indexed one, by id.
    pub chain: Option<ChainId>,
    /// The escrow.
    pub escrow: Option<Address>,
    /// The order hash it names.
    pub order_hash: Option<OrderHash>,
    /// Its hashlock.
    pub hashlock: Option<Hashlock>,
    /// Its maker.
    pub maker: Option<AddressWord>,
    /// Its taker.
    pub taker: Option<AddressWord>,
    /// Its token.
    pub token: Option<AddressWord>,
    /// What became of it: one of these; empty means any.
    pub states: Vec<LegState>,
    /// First and last block that may have created it.
    pub blocks: (u64, u64),
}

/// Which destination escrows to find; every field narrows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationQuery {
    /// Only on this chain; otherwise on every indexed one, by id.
    pub chain: Option<ChainId>,
    /// The escrow.
    pub escrow: Option<Address>,
    /// Its hashlock.
    pub hashlock: Option<Hashlock>,
    /// Its taker.
    pub taker: Option<Address>,
    /// What became of it: one of these; empty means any.
    pub states: Vec<LegState>,
    /// First and last block that may have created it.
    pub blocks: (u64, u64),
}

/// Every block.
const ALL_BLOCKS: (u64, u64) = (0, u64::MAX);

impl Default for SourceQuery {
    fn default() -> Self {
        Self {
            chain: None,
            escrow: None,
            order_hash: None,
            hashlock: None,
            maker: None,
            taker: None,
            token: None,
            states: Vec::new(),
            blocks: ALL_BLOCKS,
        }
    }
}

impl Default for DestinationQuery {
    fn default() -> Self {
        let (blocks, states) = (ALL_BLOCKS, Vec::new());
        Self { chain: None, escrow: None, hashlock: None, taker: None, states, blocks }
    }
}

/// Rows of the index that together list every escrow a query can mean, by their prefixes.
type Plan = Vec<Key>;

fn by_state(states: &[LegState], key: impl Fn(LegState) -> Key) -> Plan {
    let every = if states.is_empty() { LegState::ALL.as_slice() } else { states };
    let mut plan: Vec<LegState> = every.to_vec();
    plan.sort_unstable();
    plan.dedup();
    plan.into_iter().map(key).collect()
}

fn state_plan(chain: ChainId, states: &[LegState]) -> Plan {
    by_state(states, |state| Key::of(chain).bytes(&[Kind::State as u8, state as u8]))
}

impl SourceQuery {
    fn plans(&self, chain: ChainId) -> Vec<Plan> {
        let hash = |kind, hash| vec![prefix(chain, kind, word_of_hash(hash), None)];
        let word = |kind, word: AddressWord| {
            vec![prefix(chain, kind, word_of_address(word.masked()), None)]
        };
        let mut plans = Vec::new();
        plans.extend(self.hashlock.map(|lock| hash(Kind::SourceHashlock, lock.0)));
        plans.extend(self.order_hash.map(|of| hash(Kind::OrderHash, of.0)));
        plans.extend(self.maker.map(|maker| word(Kind::SourceMaker, maker)));
        plans.extend(self.taker.map(|taker| {
            let taker = word_of_address(taker.masked());
            by_state(&self.states, |state| prefix(chain, Kind::SourceTaker, taker, Some(state)))
        }));
        plans.extend(self.token.map(|token| word(Kind::SourceToken, token)));
        plans.push(state_plan(chain, &self.states));
        plans
    }

    fn matches(&self, leg: &SourceLeg) -> bool {
        let state = LegState::of(leg.end.as_ref().map(|(end, _)| end));
        let number = leg.created.block.number;
        self.chain.is_none_or(|chain| chain == leg.swap.chain)
            && self.escrow.is_none_or(|escrow| escrow == leg.swap.escrow)
            && (self.order_hash.is_none() || self.order_hash == leg.order_hash())
            && (self.hashlock.is_none() || self.hashlock == leg.hashlock())
            && (self.maker.is_none() || self.maker == leg.maker())
            && (self.taker.is_none() || self.taker == leg.taker())
            && (self.token.is_none() || self.token == leg.token())
            && (self.states.is_empty() || self.states.contains(&state))
            && (self.blocks.0..=self.blocks.1).contains(&number)
    }
}

impl DestinationQuery {
    fn plans(&self, chain: ChainId) -> Vec<Plan> {
        let mut plans = Vec::new();
        plans.extend(self.hashlock.map(|lock| {
            vec![prefix(chain, Kind::DestinationHashlock, word_of_hash(lock.0), None)]
        }));
        plans.extend(self.taker.map(|taker| {
            let taker = word_of_address(taker);
            by_state(&self.states, |state| {
                prefix(chain, Kind::DestinationTaker, taker, Some(state))
            })
        }));
        plans.push(state_plan(chain, &self.states));
        plans
    }

    fn matches(&self, leg: &DestinationLeg) -> bool {
        let state = LegState::of(leg.end.as_ref().map(|(end, _)| end));
        let number = leg.created.block.number;
        self.chain.is_none_or(|chain| chain == leg.chain)
            && self.escrow.is_none_or(|escrow| escrow == leg.escrow)
            && self.hashlock.is_none_or(|lock| lock == leg.hashlock)
            && self.taker.is_none_or(|taker| taker == leg.taker)
            && (self.states.is_empty() || self.states.contains(&state))
            && (self.blocks.0..=self.blocks.1).contains(&number)
    }
}

/// Reads of the whole index, each bounded, in the order of creation. Every method fails as those of
/// [`Reads`].
pub trait IndexReads: Reads {
    /// Source escrows that `query` means and `keep` keeps, after the place `after`.
    fn find_sources<E: From<StoreError>>(
        &self,
        query: &SourceQuery,
        after: Option<EventKey>,
        bounds: PageBounds,
        mut keep: impl FnMut(&SourceLeg) -> std::result::Result<bool, E>,
    ) -> std::result::Result<Found<SourceLeg>, E> {
        let scope = scan::Scope { chain: query.chain, escrow: query.escrow, blocks: query.blocks };
        let plans = |chain| query.plans(chain);
        scan::page(self, scope, after, bounds, plans, |place| match legs::leg_at(self, place)? {
            Some(AnyLeg::Source(leg)) if query.matches(&leg) && keep(&leg)? => Ok(Some(leg)),
            _ => Ok(None),
        })
    }

    /// Destination escrows that `query` means and `keep` keeps, after the place `after`.
    fn find_destinations<E: From<StoreError>>(
        &self,
        query: &DestinationQuery,
        after: Option<EventKey>,
        bounds: PageBounds,
        mut keep: impl FnMut(&DestinationLeg) -> std::result::Result<bool, E>,
    ) -> std::result::Result<Found<DestinationLeg>, E> {
        let scope = scan::Scope { chain: query.chain, escrow: query.escrow, blocks: query.blocks };
        let plans = |chain| query.plans(chain);
        scan::page(self, scope, after, bounds, plans, |place| match legs::leg_at(self, place)? {
            Some(AnyLeg::Destination(leg)) if query.matches(&leg) && keep(&leg)? => Ok(Some(leg)),
            _ => Ok(None),
        })
    }

    /// Whether some indexed chain has a source escrow with this hashlock.
    fn has_source(&self, lock: Hashlock) -> Result<bool> {
        for (chain, _) in self.cursors()? {
            if !self.legs_by(chain, LegIndex::SourceHashlock(lock), None, 1)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Orders with a hashlock, by id.
    fn orders_by_hashlock_after(
        &self,
        lock: Hashlock,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        let by = Key::default().hash(lock.0);
        orders::orders_by(self, tables::ORDERS_BY_HASHLOCK, by, after, limit)
    }

    /// Orders with an order hash, by id.
    fn orders_by_hash_after(
        &self,
        hash: OrderHash,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        let by = Key::default().hash(hash.0);
        orders::orders_by(self, tables::ORDERS_BY_HASH, by, after, limit)
    }

    /// What source escrows of a day locked or promised of one token.
    fn volume(
        &self,
        chain: ChainId,
        day: u32,
        side: Leg,
        token: Address,
    ) -> Result<Option<Volume>> {
        let key = daily::volume_key(chain, day, side, token);
        let amount: Option<U256> = row(self, tables::DAILY, key.as_slice())?;
        Ok(amount.map(|amount| Volume { side, token, amount }))
    }
}

impl<T: Reads> IndexReads for T {}
