//! Which topic belongs to which event of whom.

use crate::{
    bindings::{IBmnFactory, IErc20, IEscrow, ILimitOrderProtocol, IOneInchFactory},
    events::Emitter,
};
use alloy::{
    primitives::{B256, b256},
    sol_types::SolEvent,
};
use bmn_primitives::Dialect;

/// The kind of contract that logs an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EmitterKind {
    /// An escrow factory.
    Factory,
    /// An escrow clone.
    Escrow,
    /// A limit-order protocol.
    LimitOrderProtocol,
    /// An ERC-20 token.
    Token,
}

/// What a topic says by itself. It never says whether the log is genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identified {
    /// Solidity name.
    pub event: &'static str,
    /// Who logs it.
    pub emitter: EmitterKind,
    /// Dialects of this build that log it: two where the topic alone cannot tell, none for tokens
    /// and for factories older than the dialects.
    pub dialects: &'static [Dialect],
    /// True when [`crate::decode`] has a [`crate::ContractEvent`] for it.
    pub indexed: bool,
}

const BOTH: &[Dialect] = &[Dialect::Bmn4, Dialect::OneInch2];
const BMN4: &[Dialect] = &[Dialect::Bmn4];
const ONEINCH2: &[Dialect] = &[Dialect::OneInch2];
const NONE: &[Dialect] = &[];

const fn indexed(
    event: &'static str,
    emitter: EmitterKind,
    dialects: &'static [Dialect],
) -> Identified {
    Identified { event, emitter, dialects, indexed: true }
}

const fn seen(
    event: &'static str,
    emitter: EmitterKind,
    dialects: &'static [Dialect],
) -> Identified {
    Identified { event, emitter, dialects, indexed: false }
}

/// Names a topic without configuration; `None` for topics of nobody's.
pub fn identify(topic0: B256) -> Option<Identified> {
    use EmitterKind::{Escrow, Factory, LimitOrderProtocol, Token};
    Some(match topic0 {
        IBmnFactory::SrcEscrowCreated::SIGNATURE_HASH => indexed("SrcEscrowCreated", Factory, BOTH),
        IBmnFactory::DstEscrowCreated::SIGNATURE_HASH => indexed("DstEscrowCreated", Factory, BMN4),
        IOneInchFactory::DstEscrowCreated::SIGNATURE_HASH => {
            indexed("DstEscrowCreated", Factory, ONEINCH2)
        }
        IBmnFactory::PostInteractionEscrowCreated::SIGNATURE_HASH => {
            indexed("PostInteractionEscrowCreated", Factory, BMN4)
        }
        IEscrow::EscrowWithdrawal::SIGNATURE_HASH => indexed("EscrowWithdrawal", Escrow, BOTH),
        IEscrow::EscrowCancelled::SIGNATURE_HASH => indexed("EscrowCancelled", Escrow, BOTH),
        IEscrow::FundsRescued::SIGNATURE_HASH => indexed("FundsRescued", Escrow, BOTH),
        ILimitOrderProtocol::OrderFilled::SIGNATURE_HASH => {
            indexed("OrderFilled", LimitOrderProtocol, BOTH)
        }
        ILimitOrderProtocol::OrderCancelled::SIGNATURE_HASH => {
            indexed("OrderCancelled", LimitOrderProtocol, BOTH)
        }
        ILimitOrderProtocol::BitInvalidatorUpdated::SIGNATURE_HASH => {
            indexed("BitInvalidatorUpdated", LimitOrderProtocol, BOTH)
        }
        IErc20::Transfer::SIGNATURE_HASH => seen("Transfer", Token, NONE),
        IErc20::Approval::SIGNATURE_HASH => seen("Approval", Token, NONE),
        other => return identify_administrative(other).or_else(|| identify_historical(other)),
    })
}

fn identify_administrative(topic0: B256) -> Option<Identified> {
    use EmitterKind::{Factory, LimitOrderProtocol};
    Some(match topic0 {
        IBmnFactory::ResolverWhitelisted::SIGNATURE_HASH => {
            seen("ResolverWhitelisted", Factory, BMN4)
        }
        IBmnFactory::ResolverRemoved::SIGNATURE_HASH => seen("ResolverRemoved", Factory, BMN4),
        IBmnFactory::MakerWhitelisted::SIGNATURE_HASH => seen("MakerWhitelisted", Factory, BMN4),
        IBmnFactory::MakerRemoved::SIGNATURE_HASH => seen("MakerRemoved", Factory, BMN4),
        IBmnFactory::EmergencyPause::SIGNATURE_HASH => seen("EmergencyPause", Factory, BMN4),
        IBmnFactory::OwnershipTransferred::SIGNATURE_HASH => {
            seen("OwnershipTransferred", Factory, BOTH)
        }
        ILimitOrderProtocol::EpochIncreased::SIGNATURE_HASH => {
            seen("EpochIncreased", LimitOrderProtocol, BOTH)
        }
        ILimitOrderProtocol::EIP712DomainChanged::SIGNATURE_HASH => {
            seen("EIP712DomainChanged", LimitOrderProtocol, BOTH)
        }
        ILimitOrderProtocol::Paused::SIGNATURE_HASH => seen("Paused", LimitOrderProtocol, BOTH),
        ILimitOrderProtocol::Unpaused::SIGNATURE_HASH => seen("Unpaused", LimitOrderProtocol, BOTH),
        _ => return None,
    })
}

/// `SrcEscrowCreated` of factories older than the dialects of this build (`protocol.md` section 2).
const HISTORICAL_SOURCE_CREATED: [B256; 3] = [
    b256!("0e534c62f0afd2fa0f0fa71198e8aa2d549f24daf2bb47de0d5486c7ce9288ca"),
    b256!("d2441ca0d5908dcf7cb9576579cf63aede62b73cf1b3f4d4ec23de47c5898553"),
    b256!("b68514f3fd43f58950720caa0e3c8a33918342e1150fe06e53f288a399902008"),
];

fn identify_historical(topic0: B256) -> Option<Identified> {
    HISTORICAL_SOURCE_CREATED
        .contains(&topic0)
        .then(|| seen("SrcEscrowCreated", EmitterKind::Factory, NONE))
}

/// Every topic that [`crate::decode`] understands from `emitter`, for bloom filters.
pub const fn topics(emitter: Emitter) -> &'static [B256] {
    match emitter {
        Emitter::Factory(Dialect::Bmn4) => &[
            IBmnFactory::SrcEscrowCreated::SIGNATURE_HASH,
            IBmnFactory::DstEscrowCreated::SIGNATURE_HASH,
            IBmnFactory::PostInteractionEscrowCreated::SIGNATURE_HASH,
        ],
        Emitter::Factory(Dialect::OneInch2) => &[
            IBmnFactory::SrcEscrowCreated::SIGNATURE_HASH,
            IOneInchFactory::DstEscrowCreated::SIGNATURE_HASH,
        ],
        Emitter::Escrow(_) => &[
            IEscrow::EscrowWithdrawal::SIGNATURE_HASH,
            IEscrow::EscrowCancelled::SIGNATURE_HASH,
            IEscrow::FundsRescued::SIGNATURE_HASH,
        ],
        Emitter::LimitOrderProtocol => &[
            ILimitOrderProtocol::OrderFilled::SIGNATURE_HASH,
            ILimitOrderProtocol::OrderCancelled::SIGNATURE_HASH,
            ILimitOrderProtocol::BitInvalidatorUpdated::SIGNATURE_HASH,
        ],
    }
}
