//! Orders derived again when a chain has been caught up with.

use crate::{IndexError, Indexer, Touched};
use bmn_primitives::{AddressWord, ChainId, OrderId};
use bmn_queue::{PROMOTE_LIMIT, promote, refresh};
use bmn_store::{AnyLeg, EventKey, LegIndex, LegState, Mode, Reads, WriteTx};
use bmn_swap::Status;

/// Orders in one transaction, so that none holds the writer for long.
const AT_ONCE: usize = 16;

/// Where a derivation stands.
#[derive(Debug, Clone)]
enum Stage {
    /// Direct source escrows that name us and that nobody has looked at, on the chain with this
    /// place among the routes.
    Direct(usize, Option<EventKey>),
    /// Orders in the status with this place in [`Status::ALL`], after this one.
    Orders(usize, Option<OrderId>),
    /// Jobs whose time came meanwhile.
    Wakes,
}

/// Orders being derived again, a bounded number at a time.
#[derive(Debug, Clone)]
pub struct Derivation {
    chain: ChainId,
    /// Orders at an end too: after a rebuild the chain may show another end.
    with_ended: bool,
    stage: Stage,
}

impl Indexer {
    /// Begins to derive orders again, when the index of `chain` has reached its host's head. From
    /// here on the index counts as current.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn derivation(&self, chain: ChainId) -> Result<Derivation, IndexError> {
        let mut tx = self.store.write()?;
        let before = tx.cursor(chain)?.mode;
        let mode = match before {
            Mode::Live | Mode::Backfilling => Mode::Live,
            Mode::Clearing(reason) | Mode::Rebuilding(reason) | Mode::Deriving(reason) => {
                Mode::Deriving(reason)
            }
        };
        if mode != before {
            tx.set_mode(chain, mode)?;
            tx.commit()?;
        }
        let with_ended = mode.rebuild_reason().is_some();
        Ok(Derivation { chain, with_ended, stage: Stage::Direct(0, None) })
    }

    /// Derives the next few orders in one durable transaction. True when more are left; after the
    /// last the chain is live.
    ///
    /// # Errors
    /// [`IndexError::Store`], [`IndexError::Queue`]; the same step is then taken again.
    pub fn derive_some(&self, derivation: &mut Derivation) -> Result<bool, IndexError> {
        let mut tx = self.store.write_behind()?;
        let next = match derivation.stage {
            Stage::Direct(route, after) => Some(self.derive_direct(&mut tx, route, after)?),
            Stage::Orders(status, after) => {
                Some(self.derive_orders(&mut tx, derivation, status, after)?)
            }
            Stage::Wakes => self.derive_wakes(&mut tx, derivation.chain)?,
        };
        if next.is_none() {
            tx.set_mode(derivation.chain, Mode::Live)?;
        }
        tx.commit()?;
        let more = next.is_some();
        derivation.stage = next.unwrap_or(Stage::Wakes);
        Ok(more)
    }

    fn derive_direct(
        &self,
        tx: &mut WriteTx,
        route: usize,
        after: Option<EventKey>,
    ) -> Result<Stage, IndexError> {
        let Some(chain) = self.rules.routes.get(route).map(|route| route.chain) else {
            return Ok(Stage::Orders(0, None));
        };
        let ours = LegIndex::SourceTaker(AddressWord::from(self.rules.us), LegState::Open);
        let legs = tx.legs_by(chain, ours, after, AT_ONCE)?;
        let mut touched = Touched::default();
        let sources = legs.iter().filter_map(|leg| match leg {
            AnyLeg::Source(leg) => Some(leg),
            AnyLeg::Destination(_) => None,
        });
        touched.direct.extend(sources.filter(|leg| leg.fill.is_none()).map(|leg| leg.swap));
        self.adopt_direct(tx, &touched)?;
        Ok(match legs.last() {
            Some(last) if legs.len() == AT_ONCE => Stage::Direct(route, Some(last.place())),
            _ => Stage::Direct(route + 1, None),
        })
    }

    fn derive_orders(
        &self,
        tx: &mut WriteTx,
        derivation: &Derivation,
        status: usize,
        after: Option<OrderId>,
    ) -> Result<Stage, IndexError> {
        let Some(of) = Status::ALL.get(status) else { return Ok(Stage::Wakes) };
        if of.is_terminal() && !derivation.with_ended {
            return Ok(Stage::Orders(status + 1, None));
        }
        let orders = tx.orders_by_status(*of, after, AT_ONCE)?;
        for order in &orders {
            refresh(tx, *order, &self.rules)?;
        }
        Ok(match orders.last() {
            Some(last) if orders.len() == AT_ONCE => Stage::Orders(status, Some(*last)),
            _ => Stage::Orders(status + 1, None),
        })
    }

    fn derive_wakes(&self, tx: &mut WriteTx, chain: ChainId) -> Result<Option<Stage>, IndexError> {
        let Some(tip) = tx.cursor(chain)?.tip else { return Ok(None) };
        let route = self.rules.terms().route(chain).ok_or(IndexError::UnknownChain(chain))?;
        let promoted = promote(tx, chain, tip.number, tip.time + route.pace.block_time)?;
        Ok((promoted == PROMOTE_LIMIT).then_some(Stage::Wakes))
    }
}
