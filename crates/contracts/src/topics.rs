//! Which topic belongs to which event of whom.

use crate::{
    bindings::{
        IBmnFactory, IBmnFactory11, IBmnFactory23, IErc20, IEscrow, ILimitOrderProtocol,
        IOneInchFactory, IOneInchFactory1,
    },
    events::Emitter,
};
use alloy::{primitives::B256, sol_types::SolEvent};
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
    /// Dialects that log it: several where the topic alone cannot tell, none for tokens. Those of one
    /// topic may index its members differently.
    pub dialects: &'static [Dialect],
    /// True when [`crate::decode`] has a [`crate::ContractEvent`] for it.
    pub indexed: bool,
}

const ALL: &[Dialect] = &Dialect::ALL;
const WITH_PARAMETERS: &[Dialect] = &[Dialect::Bmn4, Dialect::OneInch2];
const BMN_SINCE_22: &[Dialect] = &[Dialect::Bmn23, Dialect::Bmn302, Dialect::Bmn4];
const NAMING: &[Dialect] = &[Dialect::Bmn23, Dialect::Bmn302];
const FIRST: &[Dialect] = &[Dialect::Bmn1, Dialect::OneInch1];
const BMN11: &[Dialect] = &[Dialect::Bmn11];
const OFFSETS: &[Dialect] = &[Dialect::Bmn1, Dialect::Bmn11, Dialect::OneInch1, Dialect::OneInch2];
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
        IBmnFactory::SrcEscrowCreated::SIGNATURE_HASH => {
            indexed("SrcEscrowCreated", Factory, WITH_PARAMETERS)
        }
        IOneInchFactory1::SrcEscrowCreated::SIGNATURE_HASH => {
            indexed("SrcEscrowCreated", Factory, FIRST)
        }
        IBmnFactory11::SrcEscrowCreated::SIGNATURE_HASH => {
            indexed("SrcEscrowCreated", Factory, BMN11)
        }
        IBmnFactory23::SrcEscrowCreated::SIGNATURE_HASH => {
            indexed("SrcEscrowCreated", Factory, NAMING)
        }
        IBmnFactory::DstEscrowCreated::SIGNATURE_HASH => {
            indexed("DstEscrowCreated", Factory, BMN_SINCE_22)
        }
        IOneInchFactory::DstEscrowCreated::SIGNATURE_HASH => {
            indexed("DstEscrowCreated", Factory, OFFSETS)
        }
        IBmnFactory::PostInteractionEscrowCreated::SIGNATURE_HASH => {
            indexed("PostInteractionEscrowCreated", Factory, BMN_SINCE_22)
        }
        IBmnFactory11::SwapInitiated::SIGNATURE_HASH => seen("SwapInitiated", Factory, BMN11),
        IEscrow::EscrowWithdrawal::SIGNATURE_HASH => indexed("EscrowWithdrawal", Escrow, ALL),
        IEscrow::EscrowCancelled::SIGNATURE_HASH => indexed("EscrowCancelled", Escrow, ALL),
        IEscrow::FundsRescued::SIGNATURE_HASH => indexed("FundsRescued", Escrow, ALL),
        ILimitOrderProtocol::OrderFilled::SIGNATURE_HASH => {
            indexed("OrderFilled", LimitOrderProtocol, ALL)
        }
        ILimitOrderProtocol::OrderCancelled::SIGNATURE_HASH => {
            indexed("OrderCancelled", LimitOrderProtocol, ALL)
        }
        ILimitOrderProtocol::BitInvalidatorUpdated::SIGNATURE_HASH => {
            indexed("BitInvalidatorUpdated", LimitOrderProtocol, ALL)
        }
        IErc20::Transfer::SIGNATURE_HASH => seen("Transfer", Token, NONE),
        IErc20::Approval::SIGNATURE_HASH => seen("Approval", Token, NONE),
        other => return identify_administrative(other),
    })
}

fn identify_administrative(topic0: B256) -> Option<Identified> {
    use EmitterKind::{Factory, LimitOrderProtocol};
    Some(match topic0 {
        IBmnFactory::ResolverWhitelisted::SIGNATURE_HASH => {
            seen("ResolverWhitelisted", Factory, BMN_SINCE_22)
        }
        IBmnFactory::ResolverRemoved::SIGNATURE_HASH => {
            seen("ResolverRemoved", Factory, BMN_SINCE_22)
        }
        IBmnFactory::MakerWhitelisted::SIGNATURE_HASH => {
            seen("MakerWhitelisted", Factory, BMN_SINCE_22)
        }
        IBmnFactory::MakerRemoved::SIGNATURE_HASH => seen("MakerRemoved", Factory, BMN_SINCE_22),
        IBmnFactory::EmergencyPause::SIGNATURE_HASH => {
            seen("EmergencyPause", Factory, BMN_SINCE_22)
        }
        IBmnFactory::OwnershipTransferred::SIGNATURE_HASH => {
            seen("OwnershipTransferred", Factory, ALL)
        }
        ILimitOrderProtocol::EpochIncreased::SIGNATURE_HASH => {
            seen("EpochIncreased", LimitOrderProtocol, ALL)
        }
        ILimitOrderProtocol::EIP712DomainChanged::SIGNATURE_HASH => {
            seen("EIP712DomainChanged", LimitOrderProtocol, ALL)
        }
        ILimitOrderProtocol::Paused::SIGNATURE_HASH => seen("Paused", LimitOrderProtocol, ALL),
        ILimitOrderProtocol::Unpaused::SIGNATURE_HASH => seen("Unpaused", LimitOrderProtocol, ALL),
        _ => return None,
    })
}

/// Every topic that [`crate::decode`] understands from `emitter`, for bloom filters.
pub const fn topics(emitter: Emitter) -> &'static [B256] {
    match emitter {
        Emitter::Factory(Dialect::Bmn4) => &[
            IBmnFactory::SrcEscrowCreated::SIGNATURE_HASH,
            IBmnFactory::DstEscrowCreated::SIGNATURE_HASH,
            IBmnFactory::PostInteractionEscrowCreated::SIGNATURE_HASH,
        ],
        Emitter::Factory(Dialect::Bmn23 | Dialect::Bmn302) => &[
            IBmnFactory23::SrcEscrowCreated::SIGNATURE_HASH,
            IBmnFactory::DstEscrowCreated::SIGNATURE_HASH,
            IBmnFactory::PostInteractionEscrowCreated::SIGNATURE_HASH,
        ],
        Emitter::Factory(Dialect::Bmn11) => &[
            IBmnFactory11::SrcEscrowCreated::SIGNATURE_HASH,
            IBmnFactory11::DstEscrowCreated::SIGNATURE_HASH,
        ],
        Emitter::Factory(Dialect::Bmn1 | Dialect::OneInch1) => &[
            IOneInchFactory1::SrcEscrowCreated::SIGNATURE_HASH,
            IOneInchFactory::DstEscrowCreated::SIGNATURE_HASH,
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
