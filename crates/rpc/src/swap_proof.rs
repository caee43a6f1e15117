//! The proof of a swap: which events, from one snapshot; then the chains' own bytes for them.

use crate::{ReceiptSource, RpcError, convert, events, lookup, snapshot::Snapshot};
use alloy::primitives::{Address, B256};
use bmn_chain::ChainError;
use bmn_contracts::{Emitter, decode, destination_escrow};
use bmn_primitives::{BlockRef, ChainId, Dialect, Hashlock, Immutables, OrderId};
use bmn_rpc_api::{
    BlockReceipts, EscrowProof, EscrowSide, EventProof, LogProof, SwapKey, SwapProof,
};
use bmn_store::{DestinationQuery, EventRow, Found as Page, PageBounds, SourceQuery};
use bmn_swap::{
    DestinationLeg, FactoryTerms, Order, SourceLeg, SourceTerms, created_in, find_destination,
    stated_terms, writes_creation_time,
};

type Result<T> = std::result::Result<T, RpcError>;

/// Index rows looked at for a hashlock that strangers repeat.
const REPEATS: usize = 256;

/// Escrows of one side: whoever repeats a hashlock on one chain leaves the other side its places.
const PER_SIDE: usize = SwapProof::MAX_ESCROWS / 2;

/// What is to be proven.
pub(crate) struct Found {
    order: Option<OrderId>,
    hashlock: Option<Hashlock>,
    escrows: Vec<FoundEscrow>,
    more: bool,
}

/// An escrow, and what its proof is to be made of.
struct FoundEscrow {
    /// Without events yet.
    proof: EscrowProof,
    chain: ChainId,
    dialect: Dialect,
    rows: Vec<EventRow>,
    /// Where the call is that states what it is bound to, of a destination of which nothing here does.
    creation: Option<Creation>,
}

/// What created a destination.
struct Creation {
    factory: FactoryTerms,
    transaction: B256,
    /// Its block's time, unix seconds.
    time: u64,
}

/// The escrows of a swap and their events.
///
/// # Errors
/// Those of [`lookup::order`], where the swap is no stranger's.
pub(crate) fn find(
    snapshot: &Snapshot,
    key: &SwapKey,
    source: &dyn ReceiptSource,
) -> Result<Found> {
    match lookup::order(snapshot, key) {
        Ok(order) => of_order(snapshot, order, source),
        Err(RpcError::NotFound) => of_strangers(snapshot, key, source),
        Err(other) => Err(other),
    }
}

fn of_order(snapshot: &Snapshot, id: OrderId, source: &dyn ReceiptSource) -> Result<Found> {
    let loaded = snapshot.loaded(id)?.ok_or(RpcError::NotFound)?;
    let lock = loaded.order.hashlock;
    let mut found = Found { order: Some(id), hashlock: Some(lock), escrows: vec![], more: false };
    if let Some(leg) = &loaded.source {
        found.add_source(snapshot, leg, bound_source(leg, &loaded.order, source).as_ref())?;
    }
    if let Some(leg) = &loaded.destination {
        let plan = loaded.state.plan.as_ref().map(|plan| &plan.immutables);
        found.add_destination(snapshot, leg, plan, None)?;
    }
    Ok(found)
}

/// What a source is bound to: as its factory states it, or as the order says of which that names it.
fn bound_source(leg: &SourceLeg, order: &Order, source: &dyn ReceiptSource) -> Option<Immutables> {
    if let Some(stated) = leg.immutables() {
        return Some(stated.clone());
    }
    let factory = source.factory(leg.swap.chain, leg.factory)?;
    match stated_terms(order, leg, &factory)? {
        SourceTerms::Stated { immutables, .. } => Some(immutables),
        SourceTerms::Named(_) => None,
    }
}

/// All escrows with the hashlock: nothing else ties the sides of a stranger's swap together.
fn of_strangers(snapshot: &Snapshot, key: &SwapKey, source: &dyn ReceiptSource) -> Result<Found> {
    let locks = lookup::hashlocks(snapshot, key, 2)?;
    let lock = *locks.first().ok_or(RpcError::NotFound)?;
    let (sources, more_sources) = sources(snapshot, key, lock)?;
    let (destinations, more_destinations) = destinations(snapshot, key, lock)?;
    // An order hash may lead to several hashlocks: the others' escrows are not here.
    let more = more_sources || more_destinations || locks.len() > 1;
    let mut found = Found { order: None, hashlock: Some(lock), escrows: vec![], more };
    for leg in &sources {
        found.add_source(snapshot, leg, leg.immutables())?;
    }
    for leg in &destinations {
        let factory = source.factory(leg.chain, leg.factory);
        let answering = |factory: &FactoryTerms| {
            sources.iter().find_map(|source| find_destination(source, leg, factory, None))
        };
        let bound = factory.as_ref().and_then(answering);
        found.add_destination(snapshot, leg, bound.as_ref(), factory)?;
    }
    match found.escrows.is_empty() {
        true => Err(RpcError::NotFound),
        false => Ok(found),
    }
}

fn sources(snapshot: &Snapshot, key: &SwapKey, lock: Hashlock) -> Result<(Vec<SourceLeg>, bool)> {
    let bounds = PageBounds { items: PER_SIDE, rows: REPEATS };
    let query = SourceQuery { hashlock: Some(lock), ..SourceQuery::default() };
    let asked = match lookup::escrow(key) {
        None => vec![],
        Some((chain, escrow)) => {
            let query = SourceQuery { chain, escrow: Some(escrow), ..query.clone() };
            snapshot.sources(&query, None, bounds, |_| Ok(true))?.items
        }
    };
    let others = snapshot.sources(&query, None, bounds, |_| Ok(true))?;
    Ok(chosen(asked, others, |one, two| one.swap == two.swap))
}

fn destinations(
    snapshot: &Snapshot,
    key: &SwapKey,
    lock: Hashlock,
) -> Result<(Vec<DestinationLeg>, bool)> {
    let bounds = PageBounds { items: PER_SIDE, rows: REPEATS };
    let query = DestinationQuery { hashlock: Some(lock), ..DestinationQuery::default() };
    let asked = match lookup::escrow(key) {
        None => vec![],
        Some((chain, escrow)) => {
            let query = DestinationQuery { chain, escrow: Some(escrow), ..query.clone() };
            snapshot.destinations(&query, None, bounds, |_| Ok(true))?.items
        }
    };
    let others = snapshot.destinations(&query, None, bounds, |_| Ok(true))?;
    Ok(chosen(asked, others, |one, two| (one.chain, one.escrow) == (two.chain, two.escrow)))
}

/// What was asked for, then others while there is room; and whether any was left out.
fn chosen<T>(asked: Vec<T>, others: Page<T>, same: impl Fn(&T, &T) -> bool) -> (Vec<T>, bool) {
    let mut legs = asked;
    for leg in others.items {
        if !legs.iter().any(|known| same(known, &leg)) {
            legs.push(leg);
        }
    }
    let more = others.next.is_some() || legs.len() > PER_SIDE;
    legs.truncate(PER_SIDE);
    (legs, more)
}

impl Found {
    fn add_source(
        &mut self,
        snapshot: &Snapshot,
        leg: &SourceLeg,
        bound: Option<&Immutables>,
    ) -> Result<()> {
        let place = (EscrowSide::Source, leg.swap.chain, leg.swap.escrow);
        self.add(snapshot, place, (leg.factory, leg.dialect), bound, None)
    }

    fn add_destination(
        &mut self,
        snapshot: &Snapshot,
        leg: &DestinationLeg,
        bound: Option<&Immutables>,
        factory: Option<FactoryTerms>,
    ) -> Result<()> {
        let place = (EscrowSide::Destination, leg.chain, leg.escrow);
        let (transaction, time) = (leg.created.tx_hash, leg.created.block.time);
        let unknown = factory.filter(|_| bound.is_none());
        let creation = unknown.map(|factory| Creation { factory, transaction, time });
        self.add(snapshot, place, (leg.factory, leg.dialect), bound, creation)
    }

    fn add(
        &mut self,
        snapshot: &Snapshot,
        (side, chain, escrow): (EscrowSide, ChainId, Address),
        (factory, dialect): (Address, Dialect),
        bound: Option<&Immutables>,
        creation: Option<Creation>,
    ) -> Result<()> {
        let most = SwapProof::MAX_EVENTS + 1;
        let mut rows = snapshot.events_of(chain, escrow, (None, None), most)?.unwrap_or_default();
        self.more |= rows.len() == most;
        rows.truncate(SwapProof::MAX_EVENTS);
        let cursor = snapshot.cursor(chain)?;
        let proof = EscrowProof {
            side,
            chain: chain.0,
            escrow,
            factory,
            immutables: bound.map(convert::immutables),
            head: cursor.tip.map(convert::block),
            finalized: cursor.finalized.map(convert::block),
            events: vec![],
        };
        self.escrows.push(FoundEscrow { proof, chain, dialect, rows, creation });
        Ok(())
    }

    /// Every event, by its block: the blocks in the order of the proof.
    fn wanted(&self) -> Vec<(ChainId, BlockRef, Vec<Wanted>)> {
        let mut blocks: Vec<(ChainId, BlockRef, Vec<Wanted>)> = Vec::new();
        for (escrow, found) in self.escrows.iter().enumerate() {
            for (event, row) in found.rows.iter().enumerate() {
                let emitter = match row.address == found.proof.factory {
                    true => Emitter::Factory(found.dialect),
                    false => Emitter::Escrow(found.dialect),
                };
                let wanted = Wanted { place: (escrow, event), row: row.clone(), emitter };
                let key = (row.chain, row.at.block);
                match blocks.iter_mut().find(|(chain, block, _)| (*chain, *block) == key) {
                    Some((_, _, of_block)) => of_block.push(wanted),
                    None => blocks.push((key.0, key.1, vec![wanted])),
                }
            }
        }
        blocks
    }
}

impl FoundEscrow {
    /// Reads what the escrow is bound to from the call that created it. It may be wrong or missing: only what
    /// gives the escrow's address is taken.
    async fn read_creation(&mut self, source: &dyn ReceiptSource) {
        let Some(Creation { factory, transaction, time }) = self.creation.take() else { return };
        let call = match source.mined_call(self.chain, transaction).await {
            Ok(Some(call)) => call,
            Ok(None) => return,
            Err(error) => {
                let chain = self.chain;
                tracing::debug!(target: "bmn::rpc", %chain, %transaction, %error, "call not read");
                return;
            }
        };
        let as_created = |mut bound: Immutables| {
            if writes_creation_time(factory.dialect) {
                bound.timelocks = bound.timelocks.with_deployed_at(time);
            }
            bound
        };
        let (dialect, clones) = (factory.dialect, &factory.implementations);
        let is_its_own = |bound: &Immutables| {
            destination_escrow(dialect, factory.address, clones, bound) == self.proof.escrow
        };
        let bound = created_in(&call.data).into_iter().map(as_created).find(is_its_own);
        self.proof.immutables = bound.as_ref().map(convert::immutables);
    }
}

/// An event that is to be proven.
struct Wanted {
    /// Index of the escrow, and of the event among its own.
    place: (usize, usize),
    row: EventRow,
    emitter: Emitter,
}

/// Adds the proofs. Each block is asked for once, and let go before the next: a block may have as much as its gas
/// pays for.
///
/// # Errors
/// [`RpcError::Unproven`], [`RpcError::NotIndexed`] where receipts are gone.
pub(crate) async fn prove(mut found: Found, source: &dyn ReceiptSource) -> Result<SwapProof> {
    for escrow in &mut found.escrows {
        escrow.read_creation(source).await;
    }
    let mut proofs: Vec<((usize, usize), LogProof)> = Vec::new();
    for (chain, block, wanted) in found.wanted() {
        let receipts = receipts(source, chain, block).await?;
        // The trie of a full block is work for milliseconds.
        let made = tokio::task::spawn_blocking(move || {
            let all = wanted.iter().map(|event| Ok((event.place, event.prove(&receipts)?)));
            all.collect::<Result<Vec<_>>>()
        });
        proofs.extend(made.await.map_err(|error| RpcError::Interrupted(error.to_string()))??);
    }
    proofs.sort_by_key(|(place, _)| *place);
    let mut proofs = proofs.into_iter().map(|(_, proof)| proof);
    let told = |FoundEscrow { mut proof, rows, .. }: FoundEscrow| {
        let last = proof.finalized.map(|block| block.number);
        let shown = rows.iter().zip(proofs.by_ref()).map(|(row, proof)| EventProof {
            event: events::entry(row),
            is_final: last.is_some_and(|last| row.at.block.number <= last),
            proof,
        });
        proof.events = shown.collect();
        proof
    };
    let (order, lock) = (found.order, found.hashlock);
    Ok(SwapProof {
        order_id: order.map(|order| order.to_string()),
        hashlock: lock.map(|lock| lock.0),
        escrows: found.escrows.into_iter().map(told).collect(),
        more: found.more,
    })
}

impl Wanted {
    fn prove(&self, receipts: &BlockReceipts) -> Result<LogProof> {
        let Self { row, emitter, .. } = self;
        let (chain, block) = (row.chain.0, row.at.block);
        let unproven = |reason: String| RpcError::Unproven { chain, number: block.number, reason };
        let made =
            receipts.place_of(row.at.log_index).and_then(|(tx, log)| receipts.prove(tx, log));
        let proof = made.map_err(|error| unproven(error.to_string()))?;
        let shown = proof.verify().map_err(|error| unproven(error.to_string()))?;
        let event = decode(*emitter, shown.log.topics(), &shown.log.data.data).ok().flatten();
        let is_told = shown.log.address == row.address && event.as_ref() == Some(&row.event);
        if shown.block != block || !is_told {
            return Err(unproven("the log there is another one".to_owned()));
        }
        Ok(proof)
    }
}

async fn receipts(
    source: &dyn ReceiptSource,
    chain: ChainId,
    block: BlockRef,
) -> Result<BlockReceipts> {
    let read = source.block_receipts(chain, block.hash).await;
    let raw = read.map_err(|error| refused(chain, block, &error))?;
    let raw = raw.ok_or_else(|| RpcError::Unproven {
        chain: chain.0,
        number: block.number,
        reason: "it is not canonical".to_owned(),
    })?;
    let (header, receipts) = (raw.header, raw.receipts);
    Ok(BlockReceipts { chain: chain.0, header, receipts })
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
