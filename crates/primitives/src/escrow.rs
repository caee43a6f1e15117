//! What an escrow is made of.

use crate::{AddressWord, Hashlock, OrderHash, Timelocks};
use alloy::primitives::{Bytes, U256};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The contract family and version a factory speaks. It belongs to the factory, never to the topic:
/// `bmn4` and `oneinch2` share the topic of `SrcEscrowCreated` and hash immutables differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// BMN `EscrowFactory` v1.0, which logs as `oneinch1` does.
    Bmn1,
    /// BMN `EscrowFactory` v1.1 and `CrossChainEscrowFactory` v2.1, whose events name the escrow.
    Bmn11,
    /// BMN `SimplifiedEscrowFactory` v2.2 and v2.3.
    Bmn23,
    /// BMN `SimplifiedEscrowFactory` v3.0.
    Bmn302,
    /// BMN `SimplifiedEscrowFactory` v4.0.0.
    Bmn4,
    /// 1inch Fusion+ `EscrowFactory` 1.0.0 of 2024.
    OneInch1,
    /// 1inch Fusion+ `EscrowFactory` of 2025 (with fee parameters).
    OneInch2,
}

/// The dialect's name is not one this build knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown dialect `{0}`: known are {known}", known = Dialect::ALL.map(Dialect::name).join(", "))]
pub struct UnknownDialect(pub String);

impl Dialect {
    /// Every dialect this build decodes.
    pub const ALL: [Self; 7] = [
        Self::Bmn1,
        Self::Bmn11,
        Self::Bmn23,
        Self::Bmn302,
        Self::Bmn4,
        Self::OneInch1,
        Self::OneInch2,
    ];

    /// The name used in chain specifications, vectors and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bmn1 => "bmn1",
            Self::Bmn11 => "bmn11",
            Self::Bmn23 => "bmn23",
            Self::Bmn302 => "bmn302",
            Self::Bmn4 => "bmn4",
            Self::OneInch1 => "oneinch1",
            Self::OneInch2 => "oneinch2",
        }
    }

    /// Immutables carry `parameters` behind their eight words. Where they do not, calls have other
    /// selectors and the hash covers the eight words alone.
    pub const fn has_parameters(self) -> bool {
        match self {
            Self::Bmn4 | Self::OneInch2 => true,
            Self::Bmn1 | Self::Bmn11 | Self::Bmn23 | Self::Bmn302 | Self::OneInch1 => false,
        }
    }

    /// Orders carry two absolute times and the destination's deposit first (BMN since v2.2); the
    /// others carry seven offsets and the source's deposit first.
    pub const fn has_absolute_times(self) -> bool {
        match self {
            Self::Bmn23 | Self::Bmn302 | Self::Bmn4 => true,
            Self::Bmn1 | Self::Bmn11 | Self::OneInch1 | Self::OneInch2 => false,
        }
    }

    /// Fills log the escrow in `PostInteractionEscrowCreated` (BMN since v2.2).
    pub const fn names_fills(self) -> bool {
        self.has_absolute_times()
    }

    /// A fill logs the source's immutables. `bmn23` and `bmn302` name the escrow and state nothing
    /// of what it is bound to.
    pub const fn states_immutables(self) -> bool {
        !matches!(self, Self::Bmn23 | Self::Bmn302)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.name() == text)
            .ok_or_else(|| UnknownDialect(text.to_owned()))
    }
}

/// Which side of a swap an escrow is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leg {
    /// The maker's tokens, for the resolver.
    Source,
    /// The resolver's tokens, for the maker.
    Destination,
}

/// `IBaseEscrow.Immutables`: everything an escrow is bound to. The clone's address is derived from
/// its hash, so every bit counts and must be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Immutables {
    /// Hash of the maker's limit order.
    pub order_hash: OrderHash,
    /// Hash of the secret.
    pub hashlock: Hashlock,
    /// Who gets the tokens of a destination, or gets a source back.
    pub maker: AddressWord,
    /// Who withdraws a source or gets a destination back: the resolver.
    pub taker: AddressWord,
    /// Token contract; zero is the native coin (destination only).
    pub token: AddressWord,
    /// Token amount in the token's smallest unit.
    pub amount: U256,
    /// Native coin paid to whoever ends the escrow, wei.
    pub safety_deposit: U256,
    /// Stage offsets and deployment time.
    pub timelocks: Timelocks,
    /// Opaque extra bytes, hashed with the rest.
    pub parameters: Bytes,
}

/// `DstImmutablesComplement`: what the source chain says the destination must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complement {
    /// Beneficiary on the destination chain.
    pub maker: AddressWord,
    /// Amount on the destination chain, smallest unit.
    pub amount: U256,
    /// Token on the destination chain; zero is the native coin.
    pub token: AddressWord,
    /// Destination safety deposit, wei.
    pub safety_deposit: U256,
    /// Destination chain id, as the contract carries it.
    pub chain_id: U256,
    /// Opaque extra bytes (fees in `oneinch2`).
    pub parameters: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_refused_with_the_known_ones() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.name().parse(), Ok(dialect));
        }
        let error = "bmn5".parse::<Dialect>().unwrap_err().to_string();
        for dialect in Dialect::ALL {
            assert!(error.contains(dialect.name()), "{error}");
        }
    }
}
