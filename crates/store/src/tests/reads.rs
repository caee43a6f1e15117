//! Bounded reads of the whole index against a plain search through everything.

use super::fixtures::*;
use crate::keys::KeyRange;
use crate::rows::{Row, Rows, Visitor};
use crate::seal::Sealer;
use crate::tables::{self, Table};
use crate::{
    AnyLeg, DestinationQuery, EventKey, Found, IndexReads, LegState, PageBounds, ReadTx, Reads,
    SourceQuery, Staged, Store, StoreError,
};
use alloy::primitives::{Address, B256, U256, keccak256};
use bmn_chain::Header;
use bmn_contracts::ContractEvent;
use bmn_primitives::{AddressWord, BlockRef, ChainId, Hashlock, OrderHash, SwapId};
use bmn_swap::{DestinationLeg, EscrowEnd, Inclusion, SourceLeg};
use proptest::prelude::*;
use std::cell::Cell;

const EVERYTHING: PageBounds = PageBounds { items: usize::MAX, rows: usize::MAX };

/// Pairs of hashes share the half that is in index keys.
fn hash(n: u8) -> B256 {
    let mut hash = keccak256([n]);
    hash[..16].copy_from_slice(&keccak256([n / 2, 1])[..16]);
    hash
}

/// Pairs of addresses share the bytes that are in index keys.
fn party(n: u8) -> Address {
    let mut party = Address::from_word(keccak256([n, 2]));
    party[4..].copy_from_slice(&keccak256([n / 2, 3])[..16]);
    party
}

/// From 4 on with dirty high bits.
fn dirty(n: u8) -> AddressWord {
    let word: U256 = AddressWord::from(party(n % 4)).0;
    AddressWord(word | (U256::from(n / 4) << 200))
}

#[derive(Debug, Clone)]
struct Terms {
    order: u8,
    lock: u8,
    maker: u8,
    taker: u8,
    token: u8,
}

#[derive(Debug, Clone)]
enum Act {
    Source(Terms),
    Destination { lock: u8, taker: u8 },
    End { which: usize, how: u8 },
    Nothing,
}

fn act() -> impl Strategy<Value = Act> {
    let terms = (0..4u8, 0..4u8, 0..6u8, 0..6u8, 0..6u8)
        .prop_map(|(order, lock, maker, taker, token)| Terms { order, lock, maker, taker, token });
    prop_oneof![
        4 => terms.prop_map(Act::Source),
        2 => (0..4u8, 0..4u8).prop_map(|(lock, taker)| Act::Destination { lock, taker }),
        3 => (0..1_000usize, 0..3u8).prop_map(|(which, how)| Act::End { which, how }),
        1 => Just(Act::Nothing),
    ]
}

fn world() -> impl Strategy<Value = Vec<(bool, Vec<Act>)>> {
    prop::collection::vec((any::<bool>(), prop::collection::vec(act(), 0..6)), 1..24)
}

/// A store and everything that was put into it.
struct World {
    store: Store,
    legs: Vec<AnyLeg>,
}

impl World {
    fn of(blocks: &[(bool, Vec<Act>)]) -> Self {
        let (store, mut legs) = (memory(), Vec::new());
        commit(&store, |tx| {
            for (first, acts) in blocks {
                block(tx, if *first { A } else { B }, acts, &mut legs);
            }
        });
        legs.sort_by_key(AnyLeg::place);
        Self { store, legs }
    }
}

fn block(tx: &mut Staged, chain: ChainId, acts: &[Act], legs: &mut Vec<AnyLeg>) {
    let header: Header = header(tx.cursor(chain).unwrap().tip, 1);
    let at: BlockRef = header.block_ref();
    tx.begin_block(chain, &header).unwrap();
    for (log, act) in acts.iter().enumerate() {
        perform(tx, chain, inclusion(at, log as u32), act, legs);
    }
    tx.end_block().unwrap();
}

fn perform(tx: &mut Staged, chain: ChainId, at: Inclusion, act: &Act, legs: &mut Vec<AnyLeg>) {
    let n = 1_000 + legs.len() as u64;
    match act {
        Act::Source(terms) => {
            let mut leg = source_leg(chain, n, at);
            let immutables = immutables_of(&mut leg);
            immutables.order_hash = OrderHash(hash(terms.order));
            immutables.hashlock = Hashlock(hash(terms.lock));
            immutables.maker = dirty(terms.maker);
            immutables.taker = dirty(terms.taker);
            immutables.token = dirty(terms.token);
            tx.put_source_leg(&leg).unwrap();
            tx.put_event(&event(chain, at, Some(n), created_event(&leg))).unwrap();
            legs.push(AnyLeg::Source(leg));
        }
        Act::Destination { lock, taker } => {
            let mut leg = destination_leg(chain, n, at);
            (leg.hashlock, leg.taker) = (Hashlock(hash(*lock)), party(*taker));
            tx.put_destination_leg(&leg).unwrap();
            tx.put_event(&event(chain, at, Some(n), destination_event(&leg))).unwrap();
            legs.push(AnyLeg::Destination(leg));
        }
        Act::End { which, how } => end(tx, chain, at, (*which, *how), legs),
        // Names an order hash and creates nothing.
        Act::Nothing => {
            let filled = ContractEvent::OrderFilled {
                order_hash: OrderHash(hash(1)),
                remaining: U256::ZERO,
            };
            tx.put_event(&event(chain, at, None, filled)).unwrap();
        }
    }
}

fn end(
    tx: &mut Staged,
    chain: ChainId,
    at: Inclusion,
    (which, how): (usize, u8),
    legs: &mut [AnyLeg],
) {
    let open = |leg: &&mut AnyLeg| leg.place().chain == chain && leg.state() == LegState::Open;
    let mut open: Vec<_> = legs.iter_mut().filter(open).collect();
    if open.is_empty() {
        return;
    }
    let chosen = which % open.len();
    let token = address(901);
    let (end, what) = match how {
        0 => {
            let secret = word(which as u64);
            (EscrowEnd::Withdrawn { secret }, ContractEvent::Withdrawn { secret })
        }
        1 => (EscrowEnd::Cancelled, ContractEvent::Cancelled),
        _ => (EscrowEnd::Rescued { token }, ContractEvent::Rescued { token, amount: U256::ONE }),
    };
    let escrow = match &mut *open[chosen] {
        AnyLeg::Source(leg) => {
            leg.end = Some((end, at));
            tx.put_source_leg(leg).unwrap();
            leg.swap.escrow
        }
        AnyLeg::Destination(leg) => {
            leg.end = Some((end, at));
            tx.put_destination_leg(leg).unwrap();
            leg.escrow
        }
    };
    let mut row = event(chain, at, None, what);
    (row.address, row.escrow) = (escrow, Some(escrow));
    tx.put_event(&row).unwrap();
}

fn maybe<T: Clone + std::fmt::Debug + 'static>(
    values: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![3 => Just(None), 1 => values.prop_map(Some)]
}

fn scope() -> impl Strategy<Value = (Option<ChainId>, Option<Address>, Vec<LegState>, (u64, u64))> {
    let states = prop::sample::subsequence(LegState::ALL.to_vec(), 0..=4);
    let blocks = prop_oneof![
        2 => Just((0, u64::MAX)),
        1 => (98..112u64, 98..118u64),
    ];
    let chain = maybe(prop_oneof![Just(A), Just(B), Just(ChainId(77))]);
    let escrow = prop_oneof![
        9 => Just(None),
        1 => (1_000..1_020u64).prop_map(|n| Some(address(n))),
    ];
    (chain, escrow, states, blocks)
}

fn source_query() -> impl Strategy<Value = SourceQuery> {
    let words = (maybe(0..6u8), maybe(0..6u8), maybe(0..6u8));
    (scope(), maybe(0..4u8), maybe(0..4u8), words).prop_map(
        |((chain, escrow, states, blocks), order, lock, (maker, taker, token))| SourceQuery {
            chain,
            escrow,
            order_hash: order.map(|n| OrderHash(hash(n))),
            hashlock: lock.map(|n| Hashlock(hash(n))),
            maker: maker.map(dirty),
            taker: taker.map(dirty),
            token: token.map(dirty),
            states,
            blocks,
        },
    )
}

fn destination_query() -> impl Strategy<Value = DestinationQuery> {
    (scope(), maybe(0..4u8), maybe(0..4u8)).prop_map(
        |((chain, escrow, states, blocks), lock, taker)| DestinationQuery {
            chain,
            escrow,
            hashlock: lock.map(|n| Hashlock(hash(n))),
            taker: taker.map(party),
            states,
            blocks,
        },
    )
}

/// The filter in words of its own.
fn is_meant(query: &SourceQuery, leg: &SourceLeg) -> bool {
    let terms = leg.immutables().unwrap();
    let state = AnyLeg::Source(leg.clone()).state();
    let number = leg.created.block.number;
    [
        query.chain.map(|chain| chain == leg.swap.chain),
        query.escrow.map(|escrow| escrow == leg.swap.escrow),
        query.order_hash.map(|hash| hash == terms.order_hash),
        query.hashlock.map(|lock| lock == terms.hashlock),
        query.maker.map(|maker| maker == terms.maker),
        query.taker.map(|taker| taker == terms.taker),
        query.token.map(|token| token == terms.token),
        (!query.states.is_empty()).then(|| query.states.contains(&state)),
        Some(query.blocks.0 <= number && number <= query.blocks.1),
    ]
    .into_iter()
    .all(|field| field != Some(false))
}

fn is_destination_meant(query: &DestinationQuery, leg: &DestinationLeg) -> bool {
    let state = AnyLeg::Destination(leg.clone()).state();
    let number = leg.created.block.number;
    [
        query.chain.map(|chain| chain == leg.chain),
        query.escrow.map(|escrow| escrow == leg.escrow),
        query.hashlock.map(|lock| lock == leg.hashlock),
        query.taker.map(|taker| taker == leg.taker),
        (!query.states.is_empty()).then(|| query.states.contains(&state)),
        Some(query.blocks.0 <= number && number <= query.blocks.1),
    ]
    .into_iter()
    .all(|field| field != Some(false))
}

type Answer<T> = Result<Found<T>, StoreError>;

/// Every page, joined. Each keeps its bounds; `read` counts what it was asked to keep.
fn paged<T>(
    bounds: PageBounds,
    mut read: impl FnMut(Option<EventKey>, PageBounds, &mut usize) -> Answer<T>,
) -> Vec<T> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let mut kept = 0;
        let page = read(after, bounds, &mut kept).unwrap();
        assert!(page.items.len() <= bounds.items && kept <= bounds.rows);
        all.extend(page.items);
        let Some(next) = page.next else { return all };
        assert!(after.is_none_or(|after| next > after), "a page that does not go on");
        after = Some(next);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn every_filter_finds_what_a_plain_search_finds_page_by_page_and_at_once(
        blocks in world(),
        sources in prop::collection::vec(source_query(), 8),
        destinations in prop::collection::vec(destination_query(), 4),
        items in 1..4usize,
        rows in 1..6usize,
    ) {
        let world = World::of(&blocks);
        let read = world.store.read().unwrap();
        let bounds = PageBounds { items, rows };
        for query in &sources {
            let meant: Vec<SourceLeg> = world.legs.iter().filter_map(|leg| match leg {
                AnyLeg::Source(leg) if is_meant(query, leg) => Some(leg.clone()),
                _ => None,
            }).collect();
            let whole: Answer<_> = read.find_sources(query, None, EVERYTHING, |_| Ok(true));
            prop_assert_eq!(&whole.unwrap(), &Found { items: meant.clone(), next: None });
            let pages = paged(bounds, |after, bounds, kept| {
                read.find_sources(query, after, bounds, |_| { *kept += 1; Ok(true) })
            });
            prop_assert_eq!(&pages, &meant, "{:?}", query);
        }
        for query in &destinations {
            let meant: Vec<DestinationLeg> = world.legs.iter().filter_map(|leg| match leg {
                AnyLeg::Destination(leg) if is_destination_meant(query, leg) => Some(leg.clone()),
                _ => None,
            }).collect();
            let pages = paged(bounds, |after, bounds, kept| {
                read.find_destinations(query, after, bounds, |_| { *kept += 1; Ok(true) })
            });
            prop_assert_eq!(&pages, &meant, "{:?}", query);
        }
        for n in 0..4 {
            let lock = Hashlock(hash(n));
            let has = world.legs.iter().any(
                |leg| matches!(leg, AnyLeg::Source(leg) if leg.hashlock() == Some(lock))
            );
            prop_assert_eq!(read.has_source(lock).unwrap(), has);
        }
    }
}

/// A snapshot that counts the rows it shows.
struct Counted {
    read: ReadTx,
    index: Cell<usize>,
    rows: Cell<usize>,
}

impl Counted {
    fn of(store: &Store) -> Self {
        Self { read: store.read().unwrap(), index: Cell::new(0), rows: Cell::new(0) }
    }
}

impl Rows for Counted {
    fn raw_get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows.set(self.rows.get() + 1);
        self.read.raw_get(table, key)
    }

    fn raw_scan(
        &self,
        table: Table,
        range: &KeyRange,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        let counter = if table == tables::INDEX { &self.index } else { &self.rows };
        self.read.raw_scan(table, range, &mut |key, value| {
            counter.set(counter.get() + 1);
            visit(key, value)
        })
    }

    fn raw_last(&self, table: Table, range: &KeyRange) -> Result<Option<Row>, StoreError> {
        self.rows.set(self.rows.get() + 1);
        self.read.raw_last(table, range)
    }

    fn raw_len(&self, table: Table) -> Result<u64, StoreError> {
        self.read.raw_len(table)
    }

    fn sealer(&self) -> &Sealer {
        self.read.sealer()
    }
}

const MANY: usize = 2_500;

/// Thousands of swaps of one maker, taker and token, with one rare hashlock among them.
fn crowded() -> World {
    let acts = |n: usize| {
        let lock = if n == MANY / 2 { 3 } else { 0 };
        Act::Source(Terms { order: 0, lock, maker: 0, taker: 0, token: 0 })
    };
    let acts: Vec<Act> = (0..MANY).map(acts).collect();
    let blocks: Vec<_> = acts.chunks(50).map(|acts| (true, acts.to_vec())).collect();
    World::of(&blocks)
}

#[test]
fn a_filter_that_matches_nothing_reads_no_more_than_its_bounds() {
    let world = crowded();
    let bounds = PageBounds { items: 50, rows: 500 };
    // Both words exist in thousands of rows, together in none.
    let query = SourceQuery {
        maker: Some(dirty(0)),
        order_hash: Some(OrderHash(hash(1))),
        ..SourceQuery::default()
    };
    let (mut after, mut requests, mut reads) = (None, 0, 0);
    loop {
        let counted = Counted::of(&world.store);
        let page: Answer<_> = counted.find_sources(&query, after, bounds, |_| Ok(true));
        let page = page.unwrap();
        assert!(page.items.is_empty());
        // Six plans are probed with 64 rows each; 128 rows are read ahead.
        assert!(counted.index.get() <= 6 * 64 + 500 + 128, "{} index rows", counted.index.get());
        assert!(counted.rows.get() <= 500 * 8 + 8, "{} rows", counted.rows.get());
        (requests, reads) = (requests + 1, reads + counted.index.get());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(requests, MANY / 500, "{reads} index rows");
}

#[test]
fn the_index_with_the_fewest_rows_is_walked() {
    let world = crowded();
    let counted = Counted::of(&world.store);
    let query = SourceQuery {
        hashlock: Some(Hashlock(hash(3))),
        maker: Some(dirty(0)),
        taker: Some(dirty(0)),
        token: Some(dirty(0)),
        states: vec![LegState::Open],
        ..SourceQuery::default()
    };
    let page: Answer<_> = counted.find_sources(&query, None, EVERYTHING, |_| Ok(true));
    assert_eq!(page.unwrap().items.len(), 1);
    assert!(counted.rows.get() < 40, "{} rows", counted.rows.get());
    assert!(counted.index.get() < 6 * 64, "{} index rows", counted.index.get());
    let swap = SwapId { chain: A, escrow: address(1_000 + MANY as u64 - 1) };
    let named = SourceQuery { escrow: Some(swap.escrow), ..query };
    let counted = Counted::of(&world.store);
    let none: Answer<_> = counted.find_sources(&named, None, EVERYTHING, |_| Ok(true));
    assert_eq!(none.unwrap(), Found { items: vec![], next: None });
    assert_eq!(counted.index.get(), 0);
}

#[test]
fn long_lists_join_in_the_order_of_creation() {
    let source = |n: u8| Terms { order: n % 4, lock: 0, maker: 0, taker: 0, token: 0 };
    let mut acts: Vec<Act> =
        (0..=255u8).cycle().take(900).map(|n| Act::Source(source(n))).collect();
    acts.extend((0..400).map(|n| Act::End { which: n * 7, how: (n % 3) as u8 }));
    let blocks: Vec<_> = acts.chunks(50).map(|acts| (true, acts.to_vec())).collect();
    let world = World::of(&blocks);
    let read = world.store.read().unwrap();
    for (states, taker) in [
        (vec![], None),
        (vec![LegState::Withdrawn, LegState::Open], None),
        (vec![LegState::Cancelled, LegState::Rescued], Some(dirty(0))),
    ] {
        let query = SourceQuery { states, taker, ..SourceQuery::default() };
        let meant: Vec<AnyLeg> = world
            .legs
            .iter()
            .filter(|leg| query.states.is_empty() || query.states.contains(&leg.state()))
            .cloned()
            .collect();
        assert!(meant.len() > 250);
        let found = paged(PageBounds { items: 70, rows: 333 }, |after, bounds, kept| {
            read.find_sources(&query, after, bounds, |_| {
                *kept += 1;
                Ok(true)
            })
        });
        let found: Vec<AnyLeg> = found.into_iter().map(AnyLeg::Source).collect();
        assert!(found == meant, "{:?}: {} of {}", query.states, found.len(), meant.len());
    }
}

#[test]
fn volumes_are_found_by_token() {
    let world = World::of(&[(
        true,
        vec![
            Act::Source(Terms { order: 0, lock: 0, maker: 0, taker: 0, token: 1 }),
            Act::Source(Terms { order: 0, lock: 0, maker: 0, taker: 0, token: 1 }),
        ],
    )]);
    let read = world.store.read().unwrap();
    let (day, _) = read.days(A, 0, u32::MAX, 1).unwrap()[0];
    let of = |token| read.volume(A, day, bmn_primitives::Leg::Source, token).unwrap();
    assert_eq!(of(party(1)).unwrap().amount, U256::from(1_000 + 1_001));
    assert_eq!(of(party(0)), None);
}
