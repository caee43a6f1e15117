//! The proof of a swap: which events, from one snapshot; then the chains' own bytes for them.

use crate::{ReceiptSource, RpcError, convert, events, lookup, snapshot::Snapshot};
use alloy::primitives::{Address, B256};
use bmn_chain::ChainError;
use bmn_primitives::{BlockRef, ChainId, Hashlock, Immutables, OrderId};
use bmn_rpc_api::{
    BlockReceipts, EscrowProof, EscrowSide, EventProof, LogProof, SwapKey, SwapProof,
};
use bmn_store::{DestinationQuery, EventRow, PageBounds, SourceQuery};
use bmn_swap::{DestinationLeg, SourceLeg};
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, RpcError>;

/// Index rows looked at for a hashlock that strangers repeat.
const REPEATS: usize = 256;

/// What is to be proven.
pub(crate) struct Found {
    order: Option<OrderId>,
    hashlock: Option<Hashlock>,
    /// The escrows, their proofs without events yet, and the events.
    escrows: Vec<(EscrowProof, Vec<EventRow>)>,
    more: bool,
}

/// The escrows of a swap and their events.
///
/// # Errors
/// Those of [`lookup::order`], where the swap is no stranger's.
pub(crate) fn find(snapshot: &Snapshot, key: &SwapKey) -> Result<Found> {
    match lookup::order(snapshot, key) {
        Ok(order) => of_order(snapshot, order),
        Err(RpcError::NotFound) => of_strangers(snapshot, key),
        Err(other) => Err(other),
    }
}

fn of_order(snapshot: &Snapshot, id: OrderId) -> Result<Found> {
    let loaded = snapshot.loaded(id)?.ok_or(RpcError::NotFound)?;
    let lock = loaded.order.hashlock;
    let mut found = Found { order: Some(id), hashlock: Some(lock), escrows: vec![], more: false };
    if let Some(leg) = &loaded.source {
        found.add_source(snapshot, leg)?;
    }
    if let Some(leg) = &loaded.destination {
        let plan = loaded.state.plan.as_ref().map(|plan| &plan.immutables);
        found.add_destination(snapshot, leg, plan)?;
    }
    Ok(found)
}

/// All escrows with the hashlock: nothing else ties the sides of a stranger's swap together.
fn of_strangers(snapshot: &Snapshot, key: &SwapKey) -> Result<Found> {
    let locks = lookup::hashlocks(snapshot, key, 1)?;
    let hashlock = Some(*locks.first().ok_or(RpcError::NotFound)?);
    let mut found = Found { order: None, hashlock, escrows: vec![], more: false };
    let bounds = PageBounds { items: SwapProof::MAX_ESCROWS, rows: REPEATS };
    let query = SourceQuery { hashlock, ..SourceQuery::default() };
    let sources = snapshot.sources(&query, None, bounds, |_| Ok(true))?;
    let query = DestinationQuery { hashlock, ..DestinationQuery::default() };
    let destinations = snapshot.destinations(&query, None, bounds, |_| Ok(true))?;
    found.more = sources.next.is_some() || destinations.next.is_some();
    for leg in &sources.items {
        found.add_source(snapshot, leg)?;
    }
    for leg in &destinations.items {
        found.add_destination(snapshot, leg, None)?;
    }
    match found.escrows.is_empty() {
        true => Err(RpcError::NotFound),
        false => Ok(found),
    }
}

impl Found {
    fn add_source(&mut self, snapshot: &Snapshot, leg: &SourceLeg) -> Result<()> {
        let place = (EscrowSide::Source, leg.swap.chain, leg.swap.escrow);
        self.add(snapshot, place, leg.factory, leg.immutables())
    }

    fn add_destination(
        &mut self,
        snapshot: &Snapshot,
        leg: &DestinationLeg,
        immutables: Option<&Immutables>,
    ) -> Result<()> {
        let place = (EscrowSide::Destination, leg.chain, leg.escrow);
        self.add(snapshot, place, leg.factory, immutables)
    }

    fn add(
        &mut self,
        snapshot: &Snapshot,
        (side, chain, escrow): (EscrowSide, ChainId, Address),
        factory: Address,
        immutables: Option<&Immutables>,
    ) -> Result<()> {
        if self.escrows.len() == SwapProof::MAX_ESCROWS {
            self.more = true;
            return Ok(());
        }
        let most = SwapProof::MAX_EVENTS + 1;
        let mut rows = snapshot.events_of(chain, escrow, None, most)?.unwrap_or_default();
        self.more |= rows.len() == most;
        rows.truncate(SwapProof::MAX_EVENTS);
        let cursor = snapshot.cursor(chain)?;
        let proof = EscrowProof {
            side,
            chain: chain.0,
            escrow,
            factory,
            immutables: immutables.map(convert::immutables),
            head: cursor.tip.map(convert::block),
            finalized: cursor.finalized.map(convert::block),
            events: vec![],
        };
        self.escrows.push((proof, rows));
        Ok(())
    }
}

/// Adds the proofs. Each block is asked for once.
///
/// # Errors
/// [`RpcError::Unproven`], [`RpcError::NotIndexed`] where receipts are gone.
pub(crate) async fn prove(found: Found, source: &dyn ReceiptSource) -> Result<SwapProof> {
    let mut blocks = Blocks { source, read: BTreeMap::new() };
    let mut escrows = Vec::with_capacity(found.escrows.len());
    for (mut escrow, rows) in found.escrows {
        for row in &rows {
            let proof = blocks.prove(row).await?;
            let number = row.at.block.number;
            let is_final = escrow.finalized.is_some_and(|block| number <= block.number);
            escrow.events.push(EventProof { event: events::entry(row), is_final, proof });
        }
        escrows.push(escrow);
    }
    let (order, lock) = (found.order, found.hashlock);
    Ok(SwapProof {
        order_id: order.map(|order| order.to_string()),
        hashlock: lock.map(|lock| lock.0),
        escrows,
        more: found.more,
    })
}

/// Blocks that were read for an answer.
struct Blocks<'a> {
    source: &'a dyn ReceiptSource,
    read: BTreeMap<(ChainId, B256), BlockReceipts>,
}

impl Blocks<'_> {
    async fn prove(&mut self, row: &EventRow) -> Result<LogProof> {
        let (chain, block) = (row.chain, row.at.block);
        let unproven =
            |reason: String| RpcError::Unproven { chain: chain.0, number: block.number, reason };
        let receipts = self.block(chain, block).await?;
        let made =
            receipts.place_of(row.at.log_index).and_then(|(tx, log)| receipts.prove(tx, log));
        let proof = made.map_err(|error| unproven(error.to_string()))?;
        let shown = proof.verify().map_err(|error| unproven(error.to_string()))?;
        if shown.block != block || shown.log.address != row.address {
            return Err(unproven("the log there is another one".to_owned()));
        }
        Ok(proof)
    }

    async fn block(&mut self, chain: ChainId, block: BlockRef) -> Result<&BlockReceipts> {
        let key = (chain, block.hash);
        if !self.read.contains_key(&key) {
            let read = self.source.block_receipts(chain, block.hash).await;
            let read = read.map_err(|error| refused(chain, block, &error))?;
            let gone = || RpcError::Unproven {
                chain: chain.0,
                number: block.number,
                reason: "it is not canonical".to_owned(),
            };
            let raw = read.ok_or_else(gone)?;
            let (header, receipts) = (raw.header, raw.receipts);
            self.read.insert(key, BlockReceipts { chain: chain.0, header, receipts });
        }
        self.read.get(&key).ok_or(RpcError::NotFound)
    }
}

fn refused(chain: ChainId, block: BlockRef, error: &ChainError) -> RpcError {
    let number = block.number;
    match error {
        ChainError::Pruned { .. } => RpcError::NotIndexed(format!(
            "receipts of block {number} of chain {chain}: its node no longer has them"
        )),
        other => RpcError::Unproven { chain: chain.0, number, reason: other.to_string() },
    }
}
