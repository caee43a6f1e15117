//! Orders derived again when a chain has been caught up with.

use crate::{IndexError, Indexer, Touched, fold::is_direct, indexer::refuse_while_clearing};
use bmn_primitives::{AddressWord, ChainId, OrderId};
use bmn_queue::{PROMOTE_LIMIT, find_destination, promote, refresh};
use bmn_store::{
    AnyLeg, EventKey, LegIndex, LegState, Mode, Reads, RebuildReason, StoreError, WriteTx,
};
use bmn_swap::Status;

/// Orders in one transaction, so that none holds the writer for long.
const AT_ONCE: usize = 16;

/// Where a derivation stands.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Direct source escrows that name us and that nobody has looked at, on the chain with this
    /// place among the routes.
    Direct(usize, Option<EventKey>),
    /// Orders not at an end, in the status with this place in [`Status::ALL`], after this one.
    Orders(usize, Option<OrderId>),
    /// Jobs whose time came meanwhile.
    Wakes,
    /// Orders at an end, likewise: what was not seen may give them another end.
    Ended(usize, Option<OrderId>),
}

/// Orders being derived again, a bounded number at a time.
#[derive(Debug, Clone)]
pub struct Derivation {
    chain: ChainId,
    /// False when every block was looked at as it came.
    with_ended: bool,
    stage: Stage,
}

impl Derivation {
    /// True when only orders at an end are left: the chain may be acted on, and what it shows goes
    /// first.
    pub const fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Ended(..))
    }
}

impl Indexer {
    /// Begins to derive orders again, when the index of `chain` has reached its host's head. From
    /// here on the index counts as current.
    ///
    /// # Errors
    /// [`IndexError::Store`].
    pub fn derivation(&self, chain: ChainId) -> Result<Derivation, IndexError> {
        let mut tx = self.store.write()?;
        refuse_while_clearing(&tx, chain)?;
        let before = tx.cursor(chain)?.mode;
        let mode = match before {
            Mode::Rebuilding(reason) => Mode::Deriving(reason),
            Mode::Backfilling => Mode::Deriving(RebuildReason::Behind),
            other => other,
        };
        if mode != before {
            tx.set_mode(chain, mode)?;
            tx.commit()?;
        }
        let with_ended = mode != Mode::Live;
        Ok(Derivation { chain, with_ended, stage: Stage::Direct(0, None) })
    }

    /// Derives the next few orders in one durable transaction. True when more are left; after the
    /// last the chain is live.
    ///
    /// # Errors
    /// [`IndexError::Store`], with `CursorMoved` when a rebuild was begun meanwhile;
    /// [`IndexError::Queue`]. The same step is then taken again, or another derivation begun.
    pub fn derive_some(&self, derivation: &mut Derivation) -> Result<bool, IndexError> {
        let mut tx = self.store.write_behind()?;
        if !tx.cursor(derivation.chain)?.mode.is_current() {
            return Err(StoreError::CursorMoved { chain: derivation.chain }.into());
        }
        let (mut stage, mut seen) = (Some(derivation.stage), 0);
        while let Some(now) = stage
            && seen < AT_ONCE
        {
            let (next, more) = self.derive_slice(&mut tx, derivation, now, AT_ONCE - seen)?;
            (stage, seen) = (next, seen + more);
        }
        // Not before the ended ones: after a crash on the way all of them are looked at again.
        if stage.is_none() {
            tx.set_mode(derivation.chain, Mode::Live)?;
        }
        tx.commit()?;
        derivation.stage = stage.unwrap_or(Stage::Ended(Status::ALL.len(), None));
        Ok(stage.is_some())
    }

    /// At most `limit` rows of one stage: what comes next, and how many rows were looked at.
    fn derive_slice(
        &self,
        tx: &mut WriteTx,
        derivation: &Derivation,
        stage: Stage,
        limit: usize,
    ) -> Result<(Option<Stage>, usize), IndexError> {
        match stage {
            Stage::Direct(route, after) => self.derive_direct(tx, (route, after), limit),
            Stage::Orders(status, after) => {
                let Some(of) = Status::ALL.get(status) else { return Ok((Some(Stage::Wakes), 0)) };
                let open = !of.is_terminal();
                let (last, seen) = self.derive_orders(tx, *of, open, after, limit)?;
                Ok((Some(following(status, last, Stage::Orders)), seen))
            }
            Stage::Wakes => self.derive_wakes(tx, derivation),
            Stage::Ended(status, after) => {
                let Some(of) = Status::ALL.get(status) else { return Ok((None, 0)) };
                let (last, seen) = self.derive_orders(tx, *of, of.is_terminal(), after, limit)?;
                Ok((Some(following(status, last, Stage::Ended)), seen))
            }
        }
    }

    fn derive_direct(
        &self,
        tx: &mut WriteTx,
        (route, after): (usize, Option<EventKey>),
        limit: usize,
    ) -> Result<(Option<Stage>, usize), IndexError> {
        let Some(terms) = self.rules.routes.get(route) else {
            return Ok((Some(Stage::Orders(0, None)), 0));
        };
        let us = self.rules.us;
        let ours = LegIndex::SourceTaker(AddressWord::from(us), LegState::Open);
        let legs = tx.legs_by(terms.chain, ours, after, limit)?;
        let mut touched = Touched::default();
        let sources = legs.iter().filter_map(|leg| match leg {
            AnyLeg::Source(leg) => Some(leg),
            AnyLeg::Destination(_) => None,
        });
        touched.direct.extend(sources.filter(|leg| is_direct(terms, us, leg)).map(|leg| leg.swap));
        self.adopt_direct(tx, &touched)?;
        let next = match legs.last() {
            Some(last) if legs.len() == limit => Stage::Direct(route, Some(last.place())),
            _ => Stage::Direct(route + 1, None),
        };
        Ok((Some(next), legs.len()))
    }

    /// The last order looked at when there may be more, and how many were.
    fn derive_orders(
        &self,
        tx: &mut WriteTx,
        of: Status,
        wanted: bool,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<(Option<OrderId>, usize), IndexError> {
        if !wanted {
            return Ok((None, 0));
        }
        let orders = tx.orders_by_status(of, after, limit)?;
        for order in &orders {
            find_destination(tx, *order, &self.rules)?;
            self.doubt(tx, *order)?;
            refresh(tx, *order, &self.rules)?;
        }
        Ok((orders.last().copied().filter(|_| orders.len() == limit), orders.len()))
    }

    fn derive_wakes(
        &self,
        tx: &mut WriteTx,
        Derivation { chain, with_ended, .. }: &Derivation,
    ) -> Result<(Option<Stage>, usize), IndexError> {
        let after = with_ended.then_some(Stage::Ended(0, None));
        let Some(tip) = tx.cursor(*chain)?.tip else { return Ok((after, 0)) };
        let route = self.rules.terms().route(*chain).ok_or(IndexError::UnknownChain(*chain))?;
        let next_time = tip.time.saturating_add(route.pace.block_time);
        let promoted = promote(tx, *chain, tip.number, next_time)?;
        Ok((if promoted == PROMOTE_LIMIT { Some(Stage::Wakes) } else { after }, promoted))
    }
}

fn following(
    status: usize,
    last: Option<OrderId>,
    stage: fn(usize, Option<OrderId>) -> Stage,
) -> Stage {
    match last {
        Some(last) => stage(status, Some(last)),
        None => stage(status + 1, None),
    }
}
