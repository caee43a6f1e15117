//! Blocks to rows.

use crate::{IndexError, Touched};
use alloy::primitives::Address;
use bmn_chain::{Block, ChainLog};
use bmn_contracts::{ContractEvent, Emitter, decode, source_escrow, topics};
use bmn_primitives::{AddressWord, BlockRef, ChainId, Dialect, Leg, SwapId};
use bmn_store::{EventRow, Reads, WriteTx};
use bmn_swap::{DestinationLeg, EscrowEnd, FactoryTerms, Fill, Inclusion, Route, SourceLeg};

/// Folds one block into the chain tables. The store has been told which block it is.
pub fn fold_block(
    tx: &mut WriteTx,
    route: &Route,
    us: Address,
    block: &Block,
    touched: &mut Touched,
) -> Result<(), IndexError> {
    let at = block.header.block_ref();
    for logs in block.logs.chunk_by(|a, b| a.tx_hash == b.tx_hash) {
        let fold = Fold { route, us, at, logs };
        for (index, log) in logs.iter().enumerate() {
            fold.log(tx, index, log, touched)?;
        }
    }
    Ok(())
}

/// One transaction of a block.
struct Fold<'a> {
    route: &'a Route,
    us: Address,
    at: BlockRef,
    logs: &'a [ChainLog],
}

impl Fold<'_> {
    fn log(
        &self,
        tx: &mut WriteTx,
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
        if matches!(emitter, Emitter::LimitOrderProtocol) && !self.creates_escrow() {
            touched.order_of(&event);
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
        tx: &WriteTx,
        log: &ChainLog,
    ) -> Result<Option<(Emitter, Option<Leg>)>, IndexError> {
        if let Some(factory) = self.route.factory(log.address) {
            return Ok(Some((Emitter::Factory(factory.dialect), None)));
        }
        if self.route.factories.iter().any(|f| f.limit_order_protocol == log.address) {
            return Ok(Some((Emitter::LimitOrderProtocol, None)));
        }
        let Some(topic) = log.topics.first() else { return Ok(None) };
        if !topics(Emitter::Escrow(Dialect::Bmn4)).contains(topic) {
            return Ok(None);
        }
        let chain = self.route.chain;
        let Some(leg) = tx.escrow(chain, log.address)? else { return Ok(None) };
        let dialect = match leg {
            Leg::Source => tx.source_leg(SwapId { chain, escrow: log.address })?.map(|l| l.dialect),
            Leg::Destination => tx.destination_leg(chain, log.address)?.map(|l| l.dialect),
        };
        Ok(dialect.map(|dialect| (Emitter::Escrow(dialect), Some(leg))))
    }

    fn creates_escrow(&self) -> bool {
        self.logs.iter().any(|log| self.route.factory(log.address).is_some())
    }

    const fn inclusion(&self, log: &ChainLog) -> Inclusion {
        Inclusion { block: self.at, tx_hash: log.tx_hash, log_index: log.log_index }
    }

    fn apply(
        &self,
        tx: &mut WriteTx,
        index: usize,
        log: &ChainLog,
        leg: Option<Leg>,
        event: &ContractEvent,
        touched: &mut Touched,
    ) -> Result<Option<Address>, IndexError> {
        match event {
            ContractEvent::SourceCreated { .. } => {
                let source = self.source_leg(index, log, event);
                let Some(source) = source else { return Ok(None) };
                if source.fill.is_none() && source.immutables.taker == AddressWord::from(self.us) {
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
                Ok(Some(*escrow))
            }
            ContractEvent::PostInteraction { escrow, .. } => Ok(Some(*escrow)),
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
        let ContractEvent::SourceCreated { immutables, complement } = event else { return None };
        let factory = self.route.factory(log.address)?;
        let escrow =
            source_escrow(factory.dialect, factory.address, &factory.implementations, immutables);
        let swap = SwapId { chain: self.route.chain, escrow };
        Some(SourceLeg {
            swap,
            factory: factory.address,
            dialect: factory.dialect,
            immutables: immutables.clone(),
            complement: complement.clone(),
            created: self.inclusion(log),
            fill: self.fill(index, factory, escrow, event),
            end: None,
        })
    }

    /// The fill behind a source escrow (`protocol.md` 11.6): later logs of the same transaction.
    fn fill(
        &self,
        index: usize,
        factory: &FactoryTerms,
        escrow: Address,
        created: &ContractEvent,
    ) -> Option<Fill> {
        let ContractEvent::SourceCreated { immutables, .. } = created else { return None };
        let mut interacted = false;
        for log in self.logs.get(index + 1..)? {
            let emitter = if log.address == factory.address {
                Emitter::Factory(factory.dialect)
            } else if log.address == factory.limit_order_protocol {
                Emitter::LimitOrderProtocol
            } else {
                continue;
            };
            match decode(emitter, &log.topics, &log.data) {
                Ok(Some(ContractEvent::PostInteraction { escrow: named, hashlock, .. })) => {
                    interacted |= named == escrow && hashlock == immutables.hashlock;
                }
                Ok(Some(ContractEvent::OrderFilled { order_hash, remaining }))
                    if order_hash == immutables.order_hash =>
                {
                    let contract = factory.limit_order_protocol;
                    return interacted.then_some(Fill { contract, remaining });
                }
                _ => {}
            }
        }
        None
    }
}

fn end_leg(
    tx: &mut WriteTx,
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
            source.immutables.hashlock
        }
        Some(Leg::Destination) => {
            let Some(mut destination) = tx.destination_leg(chain, escrow)? else { return Ok(()) };
            destination.end = ended(destination.end, event, at);
            tx.put_destination_leg(&destination)?;
            destination.hashlock
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

// Kept even when the block is reverted (M5): what was public once stays public.
fn publish(
    tx: &mut WriteTx,
    hashlock: bmn_primitives::Hashlock,
    event: &ContractEvent,
) -> Result<(), IndexError> {
    if let ContractEvent::Withdrawn { secret } = event
        && bmn_primitives::Secret::new(secret.0).opens(hashlock)
    {
        tx.put_public_secret(hashlock, *secret)?;
    }
    Ok(())
}
