//! What a [`SwapProof`] shows to somebody who believes nothing but a few factories and his own nodes.

use crate::{
    ChainEventEntry, EscrowProof, EscrowSide, EventProof, ProofError, SwapProof, WireImmutables,
    describe_event,
};
use alloy::primitives::{Address, B256, U256, keccak256};
use bmn_contracts::{
    ContractEvent, Emitter, EscrowImplementations, decode, destination_escrow, source_escrow,
};
use bmn_primitives::{
    AddressWord, BlockRef, Complement, Dialect, Hashlock, Immutables, OrderHash, Timelocks,
};
use std::{collections::BTreeMap, mem::discriminant};

/// A factory that the verifier believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BelievedFactory {
    /// Chain id.
    pub chain: u64,
    /// The factory.
    pub address: Address,
    /// The dialect it speaks.
    pub dialect: Dialect,
    /// What it clones.
    pub implementations: EscrowImplementations,
}

/// An escrow and what was shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenEscrow {
    /// Which side of the swap.
    pub side: EscrowSide,
    /// Its factory.
    pub factory: BelievedFactory,
    /// The clone.
    pub escrow: Address,
    /// Everything it is bound to; none where neither an event states it nor the node named it.
    pub immutables: Option<Immutables>,
    /// What the destination must hold, of a source whose factory states it.
    pub complement: Option<Complement>,
    /// Its events in the order of the proof, each with its block. That the blocks are the chain's is still to
    /// be asked for.
    pub events: Vec<(BlockRef, ContractEvent)>,
}

impl ProvenEscrow {
    /// Hash of the secret that opens it; none where it is only named and its event does not say.
    pub fn hashlock(&self) -> Option<Hashlock> {
        let bound = self.immutables.as_ref().map(|immutables| immutables.hashlock);
        bound.or_else(|| self.events.iter().find_map(|(_, event)| event.hashlock()))
    }

    /// Every hashlock that something shown ties it to: what it is bound to, its events, and the secret that
    /// opened it.
    fn hashlocks(&self) -> impl Iterator<Item = Hashlock> {
        let bound = self.immutables.iter().map(|immutables| immutables.hashlock);
        bound.chain(self.events.iter().filter_map(|(_, event)| match event {
            ContractEvent::Withdrawn { secret } => Some(Hashlock(keccak256(secret))),
            event => event.hashlock(),
        }))
    }

    /// The event of its creation, with its block: the one that says most.
    pub fn created(&self) -> Option<&(BlockRef, ContractEvent)> {
        let made = || self.events.iter().filter(|(_, event)| is_creation(event));
        made().find(|(_, event)| states_terms(event)).or_else(|| made().next())
    }

    /// The event that ended it, with its block; none while none is shown.
    pub fn end(&self) -> Option<&(BlockRef, ContractEvent)> {
        let ends = |event: &ContractEvent| {
            matches!(event, ContractEvent::Withdrawn { .. } | ContractEvent::Cancelled)
        };
        self.events.iter().find(|(_, event)| ends(event))
    }
}

/// Why a swap's proof is refused. `at` is the place in the document, as `escrows[0].events[1]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwapProofError {
    /// A proof shows nothing.
    #[error("{at}.proof: {source}")]
    Proof {
        /// Place.
        at: String,
        /// Why.
        source: ProofError,
    },
    /// The factory is none that is believed.
    #[error("{at}.factory: {factory:#x} on chain {chain} is no factory that is believed here")]
    UnknownFactory {
        /// Place.
        at: String,
        /// Chain id.
        chain: u64,
        /// The factory.
        factory: Address,
    },
    /// A part contradicts what it belongs to.
    #[error("{at}: found {found}, expected {expected}")]
    Contradiction {
        /// Place.
        at: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// A log of a believed contract that is none of its events.
    #[error("{at}.proof: the log is no event of an escrow or its factory")]
    NoEvent {
        /// Place.
        at: String,
    },
    /// No event shows that the factory created the escrow.
    #[error("{at}.events: none of them is the escrow's creation by its factory")]
    NotCreated {
        /// Place.
        at: String,
    },
    /// The factory states the terms in an event of its own, which is not there: others say less.
    #[error(
        "{at}.events: the factory's SrcEscrowCreated is not among them, which states the terms"
    )]
    LesserCreation {
        /// Place.
        at: String,
    },
    /// Something stands in it twice.
    #[error("{at}: the same as {first}")]
    Repeated {
        /// Place.
        at: String,
        /// Where it stands first.
        first: String,
    },
    /// Nothing that is shown ties the escrow to the swap.
    #[error("{at}: nothing shows that it has the hashlock of the swap")]
    Untied {
        /// Place.
        at: String,
    },
    /// The immutables belong to another escrow.
    #[error("{at}.immutables: they are those of {found:#x}, not of {expected:#x}")]
    OtherEscrow {
        /// Place.
        at: String,
        /// The address that follows from them.
        found: Address,
        /// The escrow's.
        expected: Address,
    },
}

type Result<T> = std::result::Result<T, SwapProofError>;

fn contradiction(at: String, found: impl ToString, expected: impl ToString) -> SwapProofError {
    SwapProofError::Contradiction { at, found: found.to_string(), expected: expected.to_string() }
}

impl SwapProof {
    /// Checks everything that can be checked without asking anybody: that each event is in a block of the hash it
    /// names, that believed factories created the escrows, that their terms are those the addresses commit to,
    /// that nothing stands there twice, and that all share one hashlock. What is left is to ask a node of one's own
    /// whether those hashes are its chain's.
    ///
    /// # Errors
    /// [`SwapProofError`], naming the first place that does not fit.
    pub fn verify(&self, believed: &[BelievedFactory]) -> Result<Vec<ProvenEscrow>> {
        let mut proven = Vec::with_capacity(self.escrows.len());
        let mut places = BTreeMap::new();
        for (index, escrow) in self.escrows.iter().enumerate() {
            let at = format!("escrows[{index}]");
            if let Some(first) = places.insert((escrow.chain, escrow.escrow), at.clone()) {
                return Err(SwapProofError::Repeated { at, first });
            }
            let shown = escrow.verify(&at, believed)?;
            self.is_tied(&at, &shown)?;
            proven.push(shown);
        }
        Ok(proven)
    }

    /// What is shown of an escrow names the swap's hashlock, and no other.
    fn is_tied(&self, at: &str, shown: &ProvenEscrow) -> Result<()> {
        let mut locks = shown.hashlocks().map(|lock| lock.0).peekable();
        if locks.peek().is_none() {
            return Err(SwapProofError::Untied { at: at.to_owned() });
        }
        let Some(other) = locks.find(|lock| Some(*lock) != self.hashlock) else { return Ok(()) };
        let named = self.hashlock.map_or_else(|| "null".to_owned(), |it| it.to_string());
        Err(contradiction("hashlock".to_owned(), named, format!("{other}, of {at}")))
    }
}

/// Whether an event says that an escrow was created.
const fn is_creation(event: &ContractEvent) -> bool {
    states_terms(event)
        || matches!(
            event,
            ContractEvent::SourceNamed { .. }
                | ContractEvent::PostInteraction { .. }
                | ContractEvent::DestinationCreated { .. }
        )
}

/// Whether an event states what a source is bound to, and what it asks for.
const fn states_terms(event: &ContractEvent) -> bool {
    matches!(event, ContractEvent::SourceCreated { .. } | ContractEvent::SourceCreatedAt { .. })
}

impl EscrowProof {
    fn verify(&self, at: &str, believed: &[BelievedFactory]) -> Result<ProvenEscrow> {
        let is_ours = |it: &&BelievedFactory| it.chain == self.chain && it.address == self.factory;
        let factory = *believed.iter().find(is_ours).ok_or(SwapProofError::UnknownFactory {
            at: at.to_owned(),
            chain: self.chain,
            factory: self.factory,
        })?;
        let mut events: Vec<(BlockRef, ContractEvent)> = Vec::with_capacity(self.events.len());
        let (mut stated, mut places) = (None, BTreeMap::new());
        for (index, event) in self.events.iter().enumerate() {
            let place = format!("{at}.events[{index}]");
            if let Some(first) = places.insert(event.place(), place.clone()) {
                return Err(SwapProofError::Repeated { at: place, first });
            }
            let (block, shown) = event.verify(&place, self, &factory)?;
            if let Some(creation) = self.creation(&place, &factory, &shown)? {
                let is_same = |(_, it): &(_, _)| discriminant(it) == discriminant(&shown);
                if events.iter().any(is_same) {
                    return Err(contradiction(place, shown.name(), "one creation of the escrow"));
                }
                stated = stated.or(creation);
            }
            events.push((block, shown));
        }
        if !events.iter().any(|(_, event)| is_creation(event)) {
            return Err(SwapProofError::NotCreated { at: at.to_owned() });
        }
        let states = self.side == EscrowSide::Source && factory.dialect.states_immutables();
        if states && stated.is_none() {
            return Err(SwapProofError::LesserCreation { at: at.to_owned() });
        }
        let claimed = self.immutables.as_ref().map(Immutables::from);
        let (immutables, complement) = match (stated, claimed) {
            (Some((bound, complement)), _) => (Some(bound), Some(complement)),
            (None, claimed) => (claimed, None),
        };
        self.is_bound_to(at, &factory, immutables.as_ref())?;
        let (side, escrow) = (self.side, self.escrow);
        Ok(ProvenEscrow { side, factory, escrow, immutables, complement, events })
    }

    /// Whether the event is the escrow's creation, and the terms it states.
    fn creation(
        &self,
        at: &str,
        factory: &BelievedFactory,
        event: &ContractEvent,
    ) -> Result<Option<Option<(Immutables, Complement)>>> {
        let (side, escrow, stated) = match event {
            ContractEvent::SourceCreated { immutables, complement } => {
                let (dialect, clones) = (factory.dialect, &factory.implementations);
                let escrow = source_escrow(dialect, factory.address, clones, immutables);
                (EscrowSide::Source, escrow, Some((immutables.clone(), complement.clone())))
            }
            ContractEvent::SourceCreatedAt { escrow, immutables, complement } => {
                (EscrowSide::Source, *escrow, Some((immutables.clone(), complement.clone())))
            }
            ContractEvent::SourceNamed { escrow, .. }
            | ContractEvent::PostInteraction { escrow, .. } => (EscrowSide::Source, *escrow, None),
            ContractEvent::DestinationCreated { escrow, .. } => {
                (EscrowSide::Destination, *escrow, None)
            }
            _ => return Ok(None),
        };
        if side != self.side {
            let name = event.name();
            return Err(contradiction(at.to_owned(), name, "the creation of the other side"));
        }
        if escrow != self.escrow {
            let (found, expected) = (format!("{escrow:#x}"), format!("{:#x}", self.escrow));
            return Err(contradiction(at.to_owned(), format!("escrow {found}"), expected));
        }
        Ok(Some(stated))
    }

    /// The escrow's address is that of its terms, where there are any.
    fn is_bound_to(
        &self,
        at: &str,
        factory: &BelievedFactory,
        terms: Option<&Immutables>,
    ) -> Result<()> {
        let Some(terms) = terms else { return Ok(()) };
        if let Some(claimed) = &self.immutables
            && Immutables::from(claimed) != *terms
        {
            let (found, expected) = ("other terms", "those of the creation");
            return Err(contradiction(format!("{at}.immutables"), found, expected));
        }
        let address = match self.side {
            EscrowSide::Source => source_escrow,
            EscrowSide::Destination => destination_escrow,
        };
        let found = address(factory.dialect, factory.address, &factory.implementations, terms);
        if found == self.escrow {
            return Ok(());
        }
        Err(SwapProofError::OtherEscrow { at: at.to_owned(), found, expected: self.escrow })
    }
}

impl EventProof {
    /// Which log it is: block, transaction, and its number there.
    const fn place(&self) -> (B256, u64, u32) {
        (self.proof.block_hash, self.proof.transaction_index, self.proof.log_index)
    }

    fn verify(
        &self,
        at: &str,
        escrow: &EscrowProof,
        factory: &BelievedFactory,
    ) -> Result<(BlockRef, ContractEvent)> {
        if self.proof.chain != escrow.chain {
            let place = format!("{at}.proof.chain");
            return Err(contradiction(place, self.proof.chain, escrow.chain));
        }
        let shown = self
            .proof
            .verify()
            .map_err(|source| SwapProofError::Proof { at: at.to_owned(), source })?;
        let emitter = match shown.log.address {
            address if address == escrow.factory => Emitter::Factory(factory.dialect),
            address if address == escrow.escrow => Emitter::Escrow(factory.dialect),
            other => {
                let expected = "the escrow or its factory";
                return Err(contradiction(format!("{at}.proof"), format!("{other:#x}"), expected));
            }
        };
        let event = decode(emitter, shown.log.topics(), &shown.log.data.data)
            .ok()
            .flatten()
            .ok_or_else(|| SwapProofError::NoEvent { at: at.to_owned() })?;
        says(at, &self.event, (shown.block, shown.log.address, escrow), &event)?;
        Ok((shown.block, event))
    }
}

/// The event in words is the log that was shown.
fn says(
    at: &str,
    told: &ChainEventEntry,
    (block, address, of): (BlockRef, Address, &EscrowProof),
    event: &ContractEvent,
) -> Result<()> {
    let shown = describe_event(event);
    let told_block =
        BlockRef { number: told.block.number, hash: told.block.hash, time: told.block.time };
    let wrong = [
        ("chain", told.chain != of.chain),
        ("block", told_block != block),
        ("address", told.address != address),
        ("escrow", told.escrow != Some(of.escrow)),
        ("event", told.event != shown.event),
        ("fields", told.fields != shown.fields),
        ("units", told.units != shown.units),
    ];
    match wrong.iter().find(|(_, wrong)| *wrong) {
        None => Ok(()),
        Some((field, _)) => {
            let place = format!("{at}.event.{field}");
            Err(contradiction(place, "something else", "what the log says"))
        }
    }
}

impl From<&WireImmutables> for Immutables {
    fn from(it: &WireImmutables) -> Self {
        let word = |word: alloy::primitives::B256| AddressWord(U256::from_be_bytes(word.0));
        Self {
            order_hash: OrderHash(it.order_hash),
            hashlock: Hashlock(it.hashlock),
            maker: word(it.maker),
            taker: word(it.taker),
            token: word(it.token),
            amount: it.amount.0,
            safety_deposit: it.safety_deposit.0,
            timelocks: Timelocks(U256::from_be_bytes(it.timelocks.0)),
            parameters: it.parameters.clone(),
        }
    }
}
