//! Orders and escrows made to hurt a resolver (design section 3).

use super::{End, Expectation, Kind};
use bmn_primitives::Dialect;

/// A trap. Each of them was seen to work against the real contracts or against careless resolvers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trap {
    /// The source token's word has dirty high bits.
    DirtyAddress,
    /// The order asks for a source safety deposit, which nothing funds.
    SourceDeposit,
    /// Destination withdrawal begins after source cancellation.
    WithdrawalAfterCancellation,
    /// The source cancellation wraps at 32 bits and is over at once.
    WrappedWindow,
    /// The taker asset is a real token: it would be paid on the source chain too.
    DoublePayment,
    /// A stranger used the hashlock in a tiny fill of his own before the order came in.
    CopiedHashlock,
    /// A stranger uses the hashlock in the very block of the fill.
    CopiedHashlockInFlight,
    /// A stranger filled a part of the order first.
    PartiallyFilled,
    /// The source token is not on the list.
    UnknownToken,
    /// The source token burns a part of every transfer.
    FeeOnTransferToken,
    /// The source token can return false instead of reverting.
    ReturnsFalseToken,
    /// The source token can be frozen.
    RevertingToken,
    /// The post-interaction goes to a contract nobody knows.
    UnknownFactory,
    /// The extension holds a field that runs foreign code.
    ForeignExtensionField,
    /// Without the post-interaction flag a fill makes no escrow.
    NoPostInteraction,
    /// The order allows another filler only.
    PrivateOrder,
    /// The order's own expiration has passed.
    Expired,
    /// The windows leave no time for every step.
    NoTimeLeft,
    /// Somebody else signed.
    BadSignature,
    /// The hashlock is that of another order of ours.
    ReusedHashlock,
    /// The destination chain is not served.
    UnsupportedDestination,
    /// The resolver would lose.
    Unprofitable,
    /// A direct source escrow whose clock was set back.
    DirectBackdated,
    /// A direct source escrow with a deposit that was never paid in.
    DirectSourceDeposit,
    /// A direct source escrow whose taker is somebody else.
    DirectWrongTaker,
    /// A direct source escrow that holds less than it says.
    DirectFeeOnTransfer,
    /// A direct source escrow with the hashlock of another order of ours.
    DirectReusedHashlock,
    /// A 1inch order whose whitelist names somebody else.
    NotWhitelisted,
    /// A 1inch order that may be filled later only.
    OpensLater,
    /// A `oneinch2` order whose fill would call a contract that nobody knows.
    ForeignPostInteraction,
    /// A stranger calls the open post-interaction of `bmn302` with our contract as the taker.
    StrangersPostInteraction,
    /// A stranger creates a destination with our hashlock and our contract as the taker.
    StrangersDestination,
    /// The maker takes his allowance back once his order is priced.
    DrainsAllowance,
}

impl Trap {
    /// All of them.
    pub const ALL: [Self; 33] = [
        Self::DirtyAddress,
        Self::SourceDeposit,
        Self::WithdrawalAfterCancellation,
        Self::WrappedWindow,
        Self::DoublePayment,
        Self::CopiedHashlock,
        Self::CopiedHashlockInFlight,
        Self::PartiallyFilled,
        Self::UnknownToken,
        Self::FeeOnTransferToken,
        Self::ReturnsFalseToken,
        Self::RevertingToken,
        Self::UnknownFactory,
        Self::ForeignExtensionField,
        Self::NoPostInteraction,
        Self::PrivateOrder,
        Self::Expired,
        Self::NoTimeLeft,
        Self::BadSignature,
        Self::ReusedHashlock,
        Self::UnsupportedDestination,
        Self::Unprofitable,
        Self::DirectBackdated,
        Self::DirectSourceDeposit,
        Self::DirectWrongTaker,
        Self::DirectFeeOnTransfer,
        Self::DirectReusedHashlock,
        Self::NotWhitelisted,
        Self::OpensLater,
        Self::ForeignPostInteraction,
        Self::StrangersPostInteraction,
        Self::StrangersDestination,
        Self::DrainsAllowance,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DirtyAddress => "dirtyAddress",
            Self::SourceDeposit => "sourceDeposit",
            Self::WithdrawalAfterCancellation => "withdrawalAfterCancellation",
            Self::WrappedWindow => "wrappedWindow",
            Self::DoublePayment => "doublePayment",
            Self::CopiedHashlock => "copiedHashlock",
            Self::CopiedHashlockInFlight => "copiedHashlockInFlight",
            Self::PartiallyFilled => "partiallyFilled",
            Self::UnknownToken => "unknownToken",
            Self::FeeOnTransferToken => "feeOnTransferToken",
            Self::ReturnsFalseToken => "returnsFalseToken",
            Self::RevertingToken => "revertingToken",
            Self::UnknownFactory => "unknownFactory",
            Self::ForeignExtensionField => "foreignExtensionField",
            Self::NoPostInteraction => "noPostInteraction",
            Self::PrivateOrder => "privateOrder",
            Self::Expired => "expired",
            Self::NoTimeLeft => "noTimeLeft",
            Self::BadSignature => "badSignature",
            Self::ReusedHashlock => "reusedHashlock",
            Self::UnsupportedDestination => "unsupportedDestination",
            Self::Unprofitable => "unprofitable",
            Self::DirectBackdated => "directBackdated",
            Self::DirectSourceDeposit => "directSourceDeposit",
            Self::DirectWrongTaker => "directWrongTaker",
            Self::DirectFeeOnTransfer => "directFeeOnTransfer",
            Self::DirectReusedHashlock => "directReusedHashlock",
            Self::NotWhitelisted => "notWhitelisted",
            Self::OpensLater => "opensLater",
            Self::ForeignPostInteraction => "foreignPostInteraction",
            Self::StrangersPostInteraction => "strangersPostInteraction",
            Self::StrangersDestination => "strangersDestination",
            Self::DrainsAllowance => "drainsAllowance",
        }
    }

    /// How it reaches the resolver.
    pub const fn kind(self) -> Kind {
        match self {
            Self::DirectBackdated
            | Self::DirectSourceDeposit
            | Self::DirectWrongTaker
            | Self::DirectFeeOnTransfer
            | Self::DirectReusedHashlock => Kind::DirectEscrow,
            _ => Kind::LimitOrder,
        }
    }

    /// The dialect it is made in.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::StrangersPostInteraction => Dialect::Bmn302,
            Self::NotWhitelisted | Self::StrangersDestination => Dialect::OneInch1,
            Self::OpensLater | Self::ForeignPostInteraction => Dialect::OneInch2,
            _ => Dialect::Bmn4,
        }
    }

    /// Whether the maker goes on as an honest one would: the trap is a stranger's, or none after all.
    pub const fn maker_is_honest(self) -> bool {
        matches!(
            self,
            Self::CopiedHashlockInFlight
                | Self::OpensLater
                | Self::StrangersPostInteraction
                | Self::StrangersDestination
        )
    }

    /// Whether it copies the hashlock of another swap of the run.
    pub const fn needs_partner(self) -> bool {
        matches!(self, Self::ReusedHashlock | Self::DirectReusedHashlock)
    }

    /// The refusal code that must be among the reasons, where the resolver gives any.
    pub const fn refusal(self) -> Option<&'static str> {
        Some(match self {
            Self::DirtyAddress => "dirtyAddress",
            Self::SourceDeposit | Self::DirectSourceDeposit => "sourceDeposit",
            Self::WithdrawalAfterCancellation | Self::NoTimeLeft => "doesNotFit",
            Self::WrappedWindow => "badWindow",
            Self::DoublePayment => "doublePayment",
            Self::CopiedHashlock | Self::ReusedHashlock | Self::DirectReusedHashlock => {
                "hashlockUsed"
            }
            Self::PartiallyFilled => "partiallyFilled",
            Self::UnknownToken
            | Self::FeeOnTransferToken
            | Self::ReturnsFalseToken
            | Self::RevertingToken
            | Self::DirectFeeOnTransfer => "unknownToken",
            Self::UnknownFactory => "unknownFactory",
            Self::ForeignExtensionField => "foreignExtensionField",
            Self::NoPostInteraction => "missingTrait",
            Self::PrivateOrder => "privateOrder",
            Self::Expired => "expired",
            Self::BadSignature => "badSignature",
            Self::UnsupportedDestination => "unknownDestination",
            Self::Unprofitable => "unprofitable",
            Self::DirectBackdated => "backdated",
            Self::NotWhitelisted | Self::ForeignPostInteraction => "badHeader",
            // Taken and found dead later, or nobody's order, or of no effect.
            Self::CopiedHashlockInFlight
            | Self::DirectWrongTaker
            | Self::OpensLater
            | Self::StrangersPostInteraction
            | Self::StrangersDestination
            | Self::DrainsAllowance => return None,
        })
    }

    /// How it must end.
    pub const fn expectation(self) -> Expectation {
        let ends: &'static [End] = match self {
            // A reorg may put the resolver's fill in front of the stranger's: then it is a swap.
            Self::CopiedHashlockInFlight => &[End::Void, End::Completed],
            Self::DirectBackdated | Self::DirectReusedHashlock => &[End::Cancelled],
            Self::OpensLater | Self::StrangersPostInteraction | Self::StrangersDestination => {
                &[End::Completed]
            }
            // A reorg may put the resolver's fill in front: then the maker is one who never discloses.
            Self::DrainsAllowance => &[End::Void, End::Cancelled],
            _ => &[End::Refused],
        };
        Expectation { ends, refusal: self.refusal() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_trap_is_listed_once_under_its_own_name() {
        let names: BTreeSet<_> = Trap::ALL.iter().map(|trap| trap.name()).collect();
        assert_eq!(names.len(), Trap::ALL.len());
    }
}
