//! Blocks to rows.

use crate::{IndexError, LogFilter, Touched};
use alloy::primitives::Address;
use bmn_chain::{Block, ChainLog};
use bmn_contracts::{ContractEvent, Emitter, EmitterKind, decode, identify};
use bmn_primitives::{AddressWord, BlockRef, ChainId, Hashlock, Leg, OrderHash, Secret, SwapId};
use bmn_store::{EventRow, Reads, Staged};
use bmn_swap::{
    DestinationLeg, EscrowEnd, FactoryTerms, Fill, Inclusion, NamedTerms, Route, SourceLeg,
    SourceTerms, writes_creation_time,
};
use std::cell::OnceCell;

/// Folds one block into the chain tables. The store has been told which block it is. Makes the filter
/// of the route each time: whoever folds many blocks keeps one and calls [`fold_filtered`].
pub fn fold_block(
    tx: &mut Staged,
    route: &Route,
    us: Address,
    block: &Block,
    touched: &mut Touched,
) -> Result<(), IndexError> {
    fold_filtered(tx, &LogFilter::new(route), route, us, block, touched)
}

/// [`fold_block`] with the route's filter. A block without a log of interest costs a look at each log's
/// address and first topic.
pub fn fold_filtered(
    tx: &mut Staged,
    filter: &LogFilter,
    route: &Route,
    us: Address,
    block: &Block,
    touched: &mut Touched,
) -> Result<(), IndexError> {
    // The header's bloom is not asked: it says nothing about logs that are here, and a host that gets
    // it wrong must not make us deaf.
    if !block.logs.iter().any(|log| filter.wants(log)) {
        return Ok(());
    }
    let at = block.header.block_ref();
    for logs in block.logs.chunk_by(|a, b| a.tx_hash == b.tx_hash) {
        if !logs.iter().any(|log| filter.wants(log)) {
            continue;
        }
        let creates_escrow = logs.iter().any(|log| route.factory(log.address).is_some());
        let heard = OnceCell::new();
        let fold = Fold { filter, route, us, at, logs, creates_escrow, heard };
        for (index, log) in logs.iter().enumerate() {
            fold.log(tx, index, log, touched)?;
        }
    }
    Ok(())
}

/// One transaction of a block.
struct Fold<'a> {
    filter: &'a LogFilter,
    route: &'a Route,
    us: Address,
    at: BlockRef,
    logs: &'a [ChainLog],
    creates_escrow: bool,
    /// What [`speaks_otherwise`](Self::speaks_otherwise) found for the first factory asked about.
    heard: OnceCell<(Address, bool)>,
}

impl Fold<'_> {
    fn log(
        &self,
        tx: &mut Staged,
        index: usize,
        log: &ChainLog,
        touched: &mut Touched,
    ) -> Result<(), IndexError> {
        let Some((emitter, leg)) = self.emitter(tx, log)? else { return Ok(()) };
        let event = match decode(emitter, &log.topics, &log.data) {
            Ok(Some(event)) => event,
            Ok(None) => return Ok(()),
            Err(error) => {
                // A registered contract that emits what its dialect cannot is a wrong dialect in
                // the configuration, or no escrow of ours to settle.
                tracing::error!(
                    target: "bmn::indexer", chain = %self.route.chain, block = %self.at,
                    address = %log.address, %error, "event ignored"
                );
                return Ok(());
            }
        };
        // The limit-order contract serves every order of its chain. Rows are kept of those whose
        // fill created an escrow; of the rest it is enough to look at an order of ours again.
        if matches!(emitter, Emitter::LimitOrderProtocol) && !self.creates_escrow {
            touched.order_of(self.route.chain, log.address, &event);
            return Ok(());
        }
        let escrow = self.apply(tx, index, log, leg, &event, touched)?;
        let row = EventRow {
            chain: self.route.chain,
            at: self.inclusion(log),
            tx_index: log.tx_index,
            address: log.address,
            escrow,
            event,
        };
        tx.put_event(&row)?;
        touched.event(&row);
        Ok(())
    }

    fn emitter(
        &self,
        tx: &Staged,
        log: &ChainLog,
    ) -> Result<Option<(Emitter, Option<Leg>)>, IndexError> {
        if !self.filter.wants(log) {
            return Ok(None);
        }
        if let Some(factory) = self.route.factory(log.address) {
            return Ok(Some((Emitter::Factory(factory.dialect), None)));
        }
        if self.filter.addresses().binary_search(&log.address).is_ok() {
            return Ok(Some((Emitter::LimitOrderProtocol, None)));
        }
        let chain = self.route.chain;
        let known = tx.emitter(chain, log.address)?;
        Ok(known.map(|(leg, dialect)| (Emitter::Escrow(dialect), Some(leg))))
    }

    const fn inclusion(&self, log: &ChainLog) -> Inclusion {
        Inclusion { block: self.at, tx_hash: log.tx_hash, log_index: log.log_index }
    }

    fn apply(
        &self,
        tx: &mut Staged,
        index: usize,
        log: &ChainLog,
        leg: Option<Leg>,
        event: &ContractEvent,
        touched: &mut Touched,
    ) -> Result<Option<Address>, IndexError> {
        match event {
            ContractEvent::SourceCreated { .. }
            | ContractEvent::SourceCreatedAt { .. }
            | ContractEvent::SourceNamed { .. } => {
                let Some(source) = self.source_leg(index, log, event) else { return Ok(None) };
                if is_direct(self.route, self.us, &source) {
                    touched.direct.insert(source.swap);
                }
                tx.put_source_leg(&source)?;
                Ok(Some(source.swap.escrow))
            }
            ContractEvent::DestinationCreated { escrow, hashlock, taker } => {
                let Some(factory) = self.route.factory(log.address) else { return Ok(None) };
                tx.put_destination_leg(&DestinationLeg {
                    chain: self.route.chain,
                    escrow: *escrow,
                    factory: factory.address,
                    dialect: factory.dialect,
                    hashlock: *hashlock,
                    taker: taker.masked(),
                    created: self.inclusion(log),
                    end: None,
                })?;
                let ours = self.route.taker(self.us, factory.dialect);
                if writes_creation_time(factory.dialect)
                    && ours.is_some_and(|ours| *taker == AddressWord::from(ours))
                {
                    touched.created(self.route.chain, *escrow, *hashlock);
                }
                Ok(Some(*escrow))
            }
            ContractEvent::PostInteraction { escrow, .. } => {
                let factory = self.route.factory(log.address);
                if factory.is_some_and(|factory| !factory.dialect.states_immutables())
                    && let Some(source) = self.source_leg(index, log, event)
                {
                    tx.put_source_leg(&source)?;
                }
                Ok(Some(*escrow))
            }
            ContractEvent::Withdrawn { .. }
            | ContractEvent::Cancelled
            | ContractEvent::Rescued { .. } => {
                end_leg(tx, self.route.chain, leg, log.address, event, self.inclusion(log))?;
                Ok(Some(log.address))
            }
            _ => Ok(None),
        }
    }

    fn source_leg(&self, index: usize, log: &ChainLog, event: &ContractEvent) -> Option<SourceLeg> {
        let factory = self.route.factory(log.address)?;
        let (escrow, terms, fill) = match event {
            ContractEvent::SourceCreated { immutables, complement } => {
                let escrow = self.filter.source_escrow(factory, immutables);
                let terms = SourceTerms::Stated {
                    immutables: immutables.clone(),
                    complement: complement.clone(),
                };
                let (hash, lock) = (immutables.order_hash, immutables.hashlock);
                (escrow, terms, self.fill(index, factory, escrow, hash, lock))
            }
            ContractEvent::SourceCreatedAt { escrow, immutables, complement } => {
                let terms = SourceTerms::Stated {
                    immutables: immutables.clone(),
                    complement: complement.clone(),
                };
                let (hash, lock) = (immutables.order_hash, immutables.hashlock);
                (*escrow, terms, self.fill(index, factory, *escrow, hash, lock))
            }
            ContractEvent::SourceNamed { escrow, order_hash, maker, taker, amount } => {
                let named = NamedTerms {
                    order_hash: Some(*order_hash),
                    hashlock: None,
                    maker: Some((*maker).into()),
                    taker: Some((*taker).into()),
                    amount: Some(*amount),
                };
                (*escrow, SourceTerms::Named(named), None)
            }
            ContractEvent::PostInteraction { escrow, hashlock, protocol, taker, amount } => {
                let filled = self.named_fill(index, factory, *protocol);
                let named = NamedTerms {
                    order_hash: filled.map(|(order_hash, _)| order_hash),
                    hashlock: Some(*hashlock),
                    maker: None,
                    taker: Some((*taker).into()),
                    amount: Some(*amount),
                };
                (*escrow, SourceTerms::Named(named), filled.map(|(_, fill)| fill))
            }
            _ => return None,
        };
        Some(SourceLeg {
            swap: SwapId { chain: self.route.chain, escrow },
            factory: factory.address,
            dialect: factory.dialect,
            terms,
            created: self.inclusion(log),
            fill,
            end: None,
        })
    }

    /// Later events of the same transaction, of a factory and of its limit-order contract.
    fn later<'f>(
        &'f self,
        index: usize,
        factory: &'f FactoryTerms,
    ) -> impl Iterator<Item = ContractEvent> + 'f {
        let logs = self.logs.get(index + 1..).unwrap_or_default();
        logs.iter().filter_map(|log| {
            let emitter = if log.address == factory.address {
                Emitter::Factory(factory.dialect)
            } else if log.address == factory.limit_order_protocol {
                Emitter::LimitOrderProtocol
            } else {
                return None;
            };
            decode(emitter, &log.topics, &log.data).ok().flatten()
        })
    }

    /// The fill behind a source escrow whose immutables are stated (`protocol.md` 11.6). Where the
    /// factory names its fills, the name is part of the proof: in `bmn4` anybody can create a source.
    fn fill(
        &self,
        index: usize,
        factory: &FactoryTerms,
        escrow: Address,
        order: OrderHash,
        hashlock: Hashlock,
    ) -> Option<Fill> {
        if self.is_foreign(factory) || !self.may_be_filled(index, factory) {
            return None;
        }
        let mut interacted = !factory.dialect.names_fills();
        for event in self.later(index, factory) {
            match event {
                ContractEvent::PostInteraction { escrow: named, hashlock: lock, .. } => {
                    interacted |= named == escrow && lock == hashlock;
                }
                ContractEvent::OrderFilled { order_hash, remaining } if order_hash == order => {
                    let contract = factory.limit_order_protocol;
                    return interacted.then_some(Fill { contract, remaining });
                }
                _ => {}
            }
        }
        None
    }

    /// [`speaks_otherwise`](Self::speaks_otherwise), once for the transaction.
    fn is_foreign(&self, factory: &FactoryTerms) -> bool {
        let ask = || (factory.address, self.speaks_otherwise(factory));
        let (asked, found) = *self.heard.get_or_init(ask);
        if asked == factory.address { found } else { self.speaks_otherwise(factory) }
    }

    /// Whether a later event is the limit-order contract's fill; asked before each of them is decoded.
    fn may_be_filled(&self, index: usize, factory: &FactoryTerms) -> bool {
        let logs = self.logs.get(index + 1..).unwrap_or_default();
        logs.iter().any(|log| log.address == factory.limit_order_protocol)
    }

    /// A factory that logs, in the transaction of a source escrow, what its dialect does not have is
    /// listed under the wrong one: the address we derived is wrong too, and nothing may bind to it.
    fn speaks_otherwise(&self, factory: &FactoryTerms) -> bool {
        let foreign =
            self.logs.iter().filter(|log| log.address == factory.address).find_map(|log| {
                let known = identify(*log.topics.first()?)?;
                let other = known.emitter == EmitterKind::Factory
                    && !known.dialects.contains(&factory.dialect);
                other.then_some(known.event)
            });
        if let Some(event) = foreign {
            tracing::error!(
                target: "bmn::indexer", chain = %self.route.chain, block = %self.at,
                factory = %factory.address, dialect = %factory.dialect, event,
                "the factory logs what its dialect does not have: correct `dialect` in the chain \
                 specification"
            );
        }
        foreign.is_some()
    }

    /// The order and the fill behind a source escrow that is only named. Before `bmn4` anybody can call
    /// the factory's post-interaction, which then names him as `protocol` (`protocol.md` 11.13); the
    /// limit-order contract logs its fill right after it, before any other of the factory's.
    fn named_fill(
        &self,
        index: usize,
        factory: &FactoryTerms,
        protocol: Address,
    ) -> Option<(OrderHash, Fill)> {
        if protocol != factory.limit_order_protocol {
            return None;
        }
        let next = self.later(index, factory).find(|event| {
            matches!(
                event,
                ContractEvent::PostInteraction { .. } | ContractEvent::OrderFilled { .. }
            )
        });
        match next {
            Some(ContractEvent::OrderFilled { order_hash, remaining }) => {
                Some((order_hash, Fill { contract: protocol, remaining }))
            }
            _ => None,
        }
    }
}

/// An order of its own, if it is one we could act on: only BMN since v2.2 creates sources without a
/// fill, and one that is only named cannot be read as an order.
pub(crate) fn is_direct(route: &Route, us: Address, source: &SourceLeg) -> bool {
    let factory = route.factory(source.factory);
    !us.is_zero()
        && source.fill.is_none()
        && source.dialect.names_fills()
        && route.taker(us, source.dialect).is_some_and(|ours| {
            source.immutables().is_some_and(|i| i.taker == AddressWord::from(ours))
        })
        && factory.is_some_and(|factory| factory.index_only_reason().is_none())
}

fn end_leg(
    tx: &mut Staged,
    chain: ChainId,
    leg: Option<Leg>,
    escrow: Address,
    event: &ContractEvent,
    at: Inclusion,
) -> Result<(), IndexError> {
    let hashlock = match leg {
        Some(Leg::Source) => {
            let Some(mut source) = tx.source_leg(SwapId { chain, escrow })? else { return Ok(()) };
            source.end = ended(source.end, event, at);
            tx.put_source_leg(&source)?;
            source.hashlock()
        }
        Some(Leg::Destination) => {
            let Some(mut destination) = tx.destination_leg(chain, escrow)? else { return Ok(()) };
            destination.end = ended(destination.end, event, at);
            tx.put_destination_leg(&destination)?;
            Some(destination.hashlock)
        }
        None => return Ok(()),
    };
    publish(tx, hashlock, event)
}

// Only the first end counts; a rescue of some other token may come before it.
fn ended(
    before: Option<(EscrowEnd, Inclusion)>,
    event: &ContractEvent,
    at: Inclusion,
) -> Option<(EscrowEnd, Inclusion)> {
    let end = match event {
        ContractEvent::Withdrawn { secret } => EscrowEnd::Withdrawn { secret: *secret },
        ContractEvent::Cancelled => EscrowEnd::Cancelled,
        ContractEvent::Rescued { token, .. } => EscrowEnd::Rescued { token: *token },
        _ => return before,
    };
    match before {
        None | Some((EscrowEnd::Rescued { .. }, _)) => Some((end, at)),
        first => first,
    }
}

// Kept even when the block is reverted (M5): what was public once stays public. An escrow that was only
// named may have kept its hashlock to itself; the secret tells it.
fn publish(
    tx: &mut Staged,
    hashlock: Option<Hashlock>,
    event: &ContractEvent,
) -> Result<(), IndexError> {
    if let ContractEvent::Withdrawn { secret } = event {
        let opened = Secret::new(secret.0).hashlock();
        if hashlock.is_none_or(|hashlock| hashlock == opened) {
            tx.put_public_secret(opened, *secret)?;
        }
    }
    Ok(())
}
