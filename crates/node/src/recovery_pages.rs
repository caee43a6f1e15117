//! The rows that a sweep looks through, a page at a time.

use crate::{NodeError, resolver::Shared};
use bmn_primitives::{ChainId, OrderId};
use bmn_store::{AnyLeg, EventKey, LegIndex, LegState, Reads};
use bmn_swap::{DestinationLeg, DestinationPlan, SourceLeg, Status, is_in_doubt};

/// Rows of one page.
const ROWS: usize = 64;

/// Where an order may stand whose destination nobody knows.
const IN_DOUBT: [Status; 4] =
    [Status::SourceLocked, Status::Accepted, Status::Violated, Status::Cancelled];

/// What comes next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Page {
    /// Source escrows of the taker with this place.
    Sources(usize, Option<EventKey>),
    /// Destination escrows, likewise.
    Destinations(usize, Option<EventKey>),
    /// Orders in the status with this place.
    Orders(usize, Option<OrderId>),
}

impl Default for Page {
    fn default() -> Self {
        Self::Sources(0, None)
    }
}

/// Something that no stored row accounts for.
#[derive(Debug)]
pub(crate) enum Found {
    /// A source escrow that a fill of ours made.
    Source(Box<SourceLeg>),
    /// A destination escrow that names us.
    Destination(Box<DestinationLeg>),
    /// A destination of an order that means another one by now.
    Replaced(OrderId, Box<DestinationPlan>),
    /// An order whose destination is not known.
    InDoubt(OrderId),
}

type Read = (Vec<Found>, Option<Page>);

impl Shared {
    /// What one page holds, and the next one.
    pub(crate) fn next_page(&self, chain: ChainId, page: Page) -> Result<Read, NodeError> {
        match page {
            Page::Sources(place, after) => self.sources(chain, place, after),
            Page::Destinations(place, after) => self.destinations(chain, place, after),
            Page::Orders(place, after) => self.doubted(chain, place, after),
        }
    }

    fn sources(
        &self,
        chain: ChainId,
        place: usize,
        after: Option<EventKey>,
    ) -> Result<Read, NodeError> {
        let takers = self.takers(chain);
        let Some(taker) = takers.get(place) else {
            return Ok((Vec::new(), Some(Page::Destinations(0, None))));
        };
        let Some(taker) = *taker else {
            return Ok((Vec::new(), Some(Page::Sources(place + 1, None))));
        };
        let read = self.store.read()?;
        let by = LegIndex::SourceTaker(taker.into(), LegState::Open);
        let legs = read.legs_by(chain, by, after, ROWS)?;
        let next = match legs.last() {
            Some(last) if legs.len() == ROWS => Page::Sources(place, Some(last.place())),
            _ => Page::Sources(place + 1, None),
        };
        let terms = self.rules.terms();
        let mut found = Vec::new();
        for leg in legs {
            if let AnyLeg::Source(leg) = leg
                && leg.fill.is_some()
                && terms.taker(chain, leg.dialect) == Some(taker)
                && read.order_by_source(leg.swap)?.is_none()
            {
                found.push(Found::Source(Box::new(leg)));
            }
        }
        Ok((found, Some(next)))
    }

    fn destinations(
        &self,
        chain: ChainId,
        place: usize,
        after: Option<EventKey>,
    ) -> Result<Read, NodeError> {
        let takers = self.takers(chain);
        let Some(taker) = takers.get(place) else {
            return Ok((Vec::new(), Some(Page::Orders(0, None))));
        };
        let Some(taker) = *taker else {
            return Ok((Vec::new(), Some(Page::Destinations(place + 1, None))));
        };
        let read = self.store.read()?;
        let by = LegIndex::DestinationTaker(taker, LegState::Open);
        let legs = read.legs_by(chain, by, after, ROWS)?;
        let next = match legs.last() {
            Some(last) if legs.len() == ROWS => Page::Destinations(place, Some(last.place())),
            _ => Page::Destinations(place + 1, None),
        };
        let terms = self.rules.terms();
        let mut found = Vec::new();
        for leg in legs {
            let AnyLeg::Destination(leg) = leg else { continue };
            if terms.taker(chain, leg.dialect) != Some(taker) {
                continue;
            }
            match read.plan(chain, leg.escrow)? {
                None => found.push(Found::Destination(Box::new(leg))),
                Some((id, plan)) => {
                    let state = read.order_state(id)?;
                    let now = state.and_then(|state| state.plan?.escrow);
                    if now != Some(leg.escrow) {
                        found.push(Found::Replaced(id, Box::new(plan)));
                    }
                }
            }
        }
        Ok((found, Some(next)))
    }

    fn doubted(
        &self,
        chain: ChainId,
        place: usize,
        after: Option<OrderId>,
    ) -> Result<Read, NodeError> {
        let Some(status) = IN_DOUBT.get(place) else { return Ok((Vec::new(), None)) };
        let read = self.store.read()?;
        let ids = read.orders_by_status(*status, after, ROWS)?;
        let next = match ids.last() {
            Some(last) if ids.len() == ROWS => Page::Orders(place, Some(*last)),
            _ => Page::Orders(place + 1, None),
        };
        let mut found = Vec::new();
        for id in ids {
            let Some(state) = read.order_state(id)? else { continue };
            let here = || -> Result<bool, NodeError> {
                Ok(read.order(id)?.is_some_and(|order| order.destination_chain == chain))
            };
            if is_in_doubt(&state.evidence, state.plan.as_ref()) && here()? {
                found.push(Found::InDoubt(id));
            }
        }
        Ok((found, Some(next)))
    }
}
