//! What events and escrows are found by.

use crate::events;
use crate::keys::{Key, KeyRange, u32_at, u64_at};
use crate::legs::{self, AnyLeg, LegState, Place};
use crate::rows::{Rows, collect};
use crate::tables;
use crate::{EventKey, EventRow, StoreError};
use alloy::primitives::{Address, B256, Keccak256};
use bmn_primitives::{AddressWord, ChainId, Hashlock, OrderHash};
use bmn_swap::{DestinationLeg, SourceLeg};

type Result<T> = std::result::Result<T, StoreError>;

/// Bytes of a word in a key.
pub(crate) const WORD: usize = 16;

/// What a row of the index is found by. The numbers are in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Events that name an order hash: creations of source escrows, fills, cancellations.
    OrderHash = 1,
    SourceHashlock = 2,
    SourceMaker = 3,
    SourceTaker = 4,
    SourceToken = 5,
    DestinationHashlock = 6,
    DestinationTaker = 7,
    /// Escrows of both sides by state; no word.
    State = 8,
    /// Withdrawals, by the hashlock of the secret they show.
    Withdrawal = 9,
    /// Events of an escrow beyond those in its row.
    EscrowEvent = 10,
    /// Source escrows with a fill behind them, by what binds one to an order. Strangers can repeat
    /// an order hash and a hashlock; a fill needs the order that the maker signed.
    Filled = 11,
}

impl Kind {
    pub(crate) const ALL: [Self; 11] = [
        Self::OrderHash,
        Self::SourceHashlock,
        Self::SourceMaker,
        Self::SourceTaker,
        Self::SourceToken,
        Self::DestinationHashlock,
        Self::DestinationTaker,
        Self::State,
        Self::Withdrawal,
        Self::EscrowEvent,
        Self::Filled,
    ];

    /// Bytes between the kind and the place: the word and the state, where the kind has them.
    pub(crate) const fn middle(self) -> usize {
        match self {
            Self::State => 1,
            Self::SourceTaker | Self::DestinationTaker => WORD + 1,
            _ => WORD,
        }
    }
}

/// Which escrows to list, in the order of their creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegIndex {
    /// Source escrows that repeat an order hash.
    OrderHash(OrderHash),
    /// Source escrows that repeat a hashlock.
    SourceHashlock(Hashlock),
    /// Source escrows of a maker; the raw word of the immutables.
    SourceMaker(AddressWord),
    /// Source escrows of a taker in a state; the raw word of the immutables.
    SourceTaker(AddressWord, LegState),
    /// Source escrows that hold a token; the raw word of the immutables.
    SourceToken(AddressWord),
    /// Destination escrows that repeat a hashlock.
    DestinationHashlock(Hashlock),
    /// Destination escrows of a taker in a state.
    DestinationTaker(Address, LegState),
    /// Escrows of both sides in a state.
    State(LegState),
    /// Source escrows that a fill made, as one order needs them.
    Filled(SourceBinding),
}

/// What a source escrow must show to be that of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceBinding {
    /// The limit-order contract that filled the order.
    pub contract: Address,
    /// The factory that made the escrow.
    pub factory: Address,
    /// The order.
    pub order_hash: OrderHash,
    /// What the secret opens.
    pub hashlock: Hashlock,
    /// Who filled it; the raw word of the immutables.
    pub taker: AddressWord,
}

impl SourceBinding {
    /// What an escrow shows; none without a fill.
    pub fn of(leg: &SourceLeg) -> Option<Self> {
        Some(Self {
            contract: leg.fill?.contract,
            factory: leg.factory,
            order_hash: leg.order_hash()?,
            hashlock: leg.hashlock()?,
            taker: leg.taker()?,
        })
    }

    // All of it in one word: whoever differs in any part of it is not even listed.
    fn word(&self) -> Word {
        let mut hasher = Keccak256::new();
        hasher.update(self.contract);
        hasher.update(self.factory);
        hasher.update(self.order_hash.0);
        hasher.update(self.hashlock.0);
        hasher.update(self.taker.0.to_be_bytes::<32>());
        word_of_hash(hasher.finalize())
    }
}

type Word = [u8; WORD];

pub(crate) fn word_of_hash(hash: B256) -> Word {
    let mut word = [0; WORD];
    word.copy_from_slice(&hash[..WORD]);
    word
}

pub(crate) fn word_of_address(address: Address) -> Word {
    let mut word = [0; WORD];
    word.copy_from_slice(&address[Address::len_bytes() - WORD..]);
    word
}

impl LegIndex {
    fn prefix(self, chain: ChainId) -> Key {
        let by = |kind, word, state| prefix(chain, kind, word, state);
        match self {
            Self::OrderHash(hash) => by(Kind::OrderHash, word_of_hash(hash.0), None),
            Self::SourceHashlock(lock) => by(Kind::SourceHashlock, word_of_hash(lock.0), None),
            Self::SourceMaker(maker) => {
                by(Kind::SourceMaker, word_of_address(maker.masked()), None)
            }
            Self::SourceTaker(taker, state) => {
                by(Kind::SourceTaker, word_of_address(taker.masked()), Some(state))
            }
            Self::SourceToken(token) => {
                by(Kind::SourceToken, word_of_address(token.masked()), None)
            }
            Self::DestinationHashlock(lock) => {
                by(Kind::DestinationHashlock, word_of_hash(lock.0), None)
            }
            Self::DestinationTaker(taker, state) => {
                by(Kind::DestinationTaker, word_of_address(taker), Some(state))
            }
            Self::State(state) => state_prefix(chain, state),
            Self::Filled(binding) => by(Kind::Filled, binding.word(), None),
        }
    }

    // Two words may share the bytes that are in the key.
    fn lists(self, leg: &AnyLeg) -> bool {
        match (self, leg) {
            (Self::OrderHash(hash), AnyLeg::Source(leg)) => leg.order_hash() == Some(hash),
            (Self::SourceHashlock(lock), AnyLeg::Source(leg)) => leg.hashlock() == Some(lock),
            (Self::SourceMaker(maker), AnyLeg::Source(leg)) => leg.maker() == Some(maker),
            (Self::SourceTaker(taker, _), AnyLeg::Source(leg)) => leg.taker() == Some(taker),
            (Self::SourceToken(token), AnyLeg::Source(leg)) => leg.token() == Some(token),
            (Self::DestinationHashlock(lock), AnyLeg::Destination(leg)) => leg.hashlock == lock,
            (Self::DestinationTaker(taker, _), AnyLeg::Destination(leg)) => leg.taker == taker,
            (Self::State(_), _) => true,
            (Self::Filled(binding), AnyLeg::Source(leg)) => SourceBinding::of(leg) == Some(binding),
            _ => false,
        }
    }
}

pub(crate) fn prefix(chain: ChainId, kind: Kind, word: Word, state: Option<LegState>) -> Key {
    let key = Key::of(chain).bytes(&[kind as u8]).bytes(&word);
    match state {
        Some(state) => key.bytes(&[state as u8]),
        None => key,
    }
}

fn state_prefix(chain: ChainId, state: LegState) -> Key {
    Key::of(chain).bytes(&[Kind::State as u8, state as u8])
}

pub(crate) fn at(prefix: Key, place: Place) -> Key {
    prefix.u64(place.number).u32(place.log_index)
}

/// The rows of a source escrow that stay as they are.
pub(crate) fn fixed_keys_of_source(leg: &SourceLeg) -> Vec<Key> {
    let (chain, place) = (leg.swap.chain, Place::of(&leg.created));
    let by = |kind, word| at(prefix(chain, kind, word, None), place);
    let hashes = [
        (Kind::OrderHash, leg.order_hash().map(|hash| hash.0)),
        (Kind::SourceHashlock, leg.hashlock().map(|lock| lock.0)),
    ];
    let words = [(Kind::SourceMaker, leg.maker()), (Kind::SourceToken, leg.token())];
    let hashes = hashes.into_iter().filter_map(|(kind, hash)| Some((kind, word_of_hash(hash?))));
    let words =
        words.into_iter().filter_map(|(kind, word)| Some((kind, word_of_address(word?.masked()))));
    let filled = SourceBinding::of(leg).map(|binding| (Kind::Filled, binding.word()));
    hashes.chain(words).chain(filled).map(|(kind, word)| by(kind, word)).collect()
}

/// The rows of a source escrow that move with its state.
pub(crate) fn state_keys_of_source(leg: &SourceLeg, state: LegState) -> Vec<Key> {
    let (chain, place) = (leg.swap.chain, Place::of(&leg.created));
    let taker = leg.taker().map(|taker| {
        prefix(chain, Kind::SourceTaker, word_of_address(taker.masked()), Some(state))
    });
    taker.into_iter().chain([state_prefix(chain, state)]).map(|key| at(key, place)).collect()
}

/// The rows of a destination escrow that stay as they are.
pub(crate) fn fixed_keys_of_destination(leg: &DestinationLeg) -> Vec<Key> {
    let by = prefix(leg.chain, Kind::DestinationHashlock, word_of_hash(leg.hashlock.0), None);
    vec![at(by, Place::of(&leg.created))]
}

/// The rows of a destination escrow that move with its state.
pub(crate) fn state_keys_of_destination(leg: &DestinationLeg, state: LegState) -> Vec<Key> {
    let place = Place::of(&leg.created);
    let word = word_of_address(leg.taker);
    let taker = prefix(leg.chain, Kind::DestinationTaker, word, Some(state));
    [taker, state_prefix(leg.chain, state)].into_iter().map(|key| at(key, place)).collect()
}

/// What the rows begin with that list the events of an escrow beyond those in its own row.
pub(crate) fn overflow_prefix(chain: ChainId, escrow: Address) -> Key {
    prefix(chain, Kind::EscrowEvent, word_of_address(escrow), None)
}

/// One of these rows.
pub(crate) fn overflow_key(chain: ChainId, escrow: Address, place: Place) -> Key {
    at(overflow_prefix(chain, escrow), place)
}

/// The rows of an event of any kind.
pub(crate) fn keys_of_event(row: &EventRow) -> Vec<Key> {
    let place = Place::of(&row.at);
    let hash = row.order_hash().map(|hash| (Kind::OrderHash, hash.0));
    let lock = legs::revealed(&row.event).map(|(lock, _)| (Kind::Withdrawal, lock));
    let keys = [hash, lock].into_iter().flatten();
    keys.map(|(kind, hash)| at(prefix(row.chain, kind, word_of_hash(hash), None), place)).collect()
}

/// The place at the end of an index key.
pub(crate) fn place_of(key: &[u8]) -> Result<Place> {
    let table = tables::INDEX;
    let place = key.len().checked_sub(size_of::<u64>() + size_of::<u32>());
    let start = place.ok_or_else(|| StoreError::undecodable(table.name, key))?;
    Ok(Place { number: u64_at(table, key, start)?, log_index: u32_at(table, key, start + 8)? })
}

fn places<R: Rows + ?Sized>(
    rows: &R,
    prefix: &Key,
    after: Option<Place>,
    limit: usize,
) -> Result<Vec<Place>> {
    let after = after.map(|after| Key::default().u64(after.number).u32(after.log_index));
    let range: KeyRange = prefix.clone().prefix_after(after.as_ref().map(Key::as_slice));
    collect(rows, tables::INDEX, &range, limit, |key, _| place_of(key))
}

/// What `take` makes of the places under `prefix`, until there are `limit` of them.
fn listed<T, R: Rows + ?Sized>(
    rows: &R,
    prefix: &Key,
    mut after: Option<Place>,
    limit: usize,
    mut take: impl FnMut(Place) -> Result<Option<T>>,
) -> Result<Vec<T>> {
    const PAGE: usize = 256;
    let mut found = Vec::new();
    while found.len() < limit {
        let wanted = (limit - found.len()).min(PAGE);
        let page = places(rows, prefix, after, wanted)?;
        for place in &page {
            found.extend(take(*place)?);
        }
        after = page.last().copied();
        if page.len() < wanted {
            break;
        }
    }
    Ok(found)
}

/// Events under `prefix` that `belongs` knows as its own, in chain order.
pub(crate) fn events_under<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    prefix: &Key,
    after: Option<Place>,
    limit: usize,
    belongs: impl Fn(&EventRow) -> bool,
) -> Result<Vec<EventRow>> {
    listed(rows, prefix, after, limit, |place| {
        let (stored, block) = events::named(rows, place.on(chain))?;
        Ok(Some(stored.into_row(chain, block, place.log_index)).filter(&belongs))
    })
}

/// Escrows that `by` lists, in the order of their creation.
pub(crate) fn legs_by<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    by: LegIndex,
    after: Option<EventKey>,
    limit: usize,
) -> Result<Vec<AnyLeg>> {
    listed(rows, &by.prefix(chain), after.map(Place::from), limit, |place| {
        Ok(legs::leg_at(rows, place.on(chain))?.filter(|leg| by.lists(leg)))
    })
}

/// Events that name an order hash, in chain order.
pub(crate) fn events_of_order<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    hash: OrderHash,
    after: Option<EventKey>,
    limit: usize,
) -> Result<Vec<EventRow>> {
    let prefix = prefix(chain, Kind::OrderHash, word_of_hash(hash.0), None);
    events_under(rows, chain, &prefix, after.map(Place::from), limit, |event| {
        event.order_hash() == Some(hash)
    })
}

/// Withdrawals that show the secret behind a hashlock, in chain order.
pub(crate) fn withdrawals<R: Rows + ?Sized>(
    rows: &R,
    chain: ChainId,
    lock: Hashlock,
    after: Option<EventKey>,
    limit: usize,
) -> Result<Vec<EventRow>> {
    let prefix = prefix(chain, Kind::Withdrawal, word_of_hash(lock.0), None);
    events_under(rows, chain, &prefix, after.map(Place::from), limit, |event| {
        legs::revealed(&event.event).is_some_and(|(shown, _)| shown == lock.0)
    })
}

/// Splits an index key into its kind and the bytes between the kind and the place.
pub(crate) fn kind_of(key: &[u8]) -> Option<Kind> {
    let kind = *key.get(size_of::<u64>())?;
    let kind = Kind::ALL.into_iter().find(|known| *known as u8 == kind)?;
    (key.len() == size_of::<u64>() + 1 + kind.middle() + 12).then_some(kind)
}
