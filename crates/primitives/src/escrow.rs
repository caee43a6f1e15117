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
    /// BMN `SimplifiedEscrowFactory` v4.0.0.
    Bmn4,
    /// 1inch Fusion+ `EscrowFactory` of 2025 (with fee parameters).
    OneInch2,
}

/// The dialect's name is not one this build knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown dialect `{0}`: known are bmn4, oneinch2")]
pub struct UnknownDialect(pub String);

impl Dialect {
    /// Every dialect this build decodes.
    pub const ALL: [Self; 2] = [Self::Bmn4, Self::OneInch2];

    /// The name used in chain specifications, vectors and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bmn4 => "bmn4",
            Self::OneInch2 => "oneinch2",
        }
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
