//! The two development chains: their specifications and the contracts they start with.

use crate::{chain_spec::ChainSpec, error::ConfigError};
use alloy::primitives::{Address, address};

/// Deploys the contracts of a development chain: the first account of the mnemonic that every
/// Ethereum development tool uses. Its key is public.
pub const DEV_DEPLOYER: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

/// The contracts of a development chain in the order of their deployment, which fixes their
/// addresses: the nonce of [`DEV_DEPLOYER`] is the discriminant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DevContract {
    /// Wrapped coin.
    Weth = 0,
    /// `TKA`, 18 decimals.
    TokenA = 1,
    /// `USDX`, 6 decimals.
    UsdX = 2,
    /// The taker asset that says yes to every transfer.
    TrueToken = 3,
    /// Limit-order protocol.
    LimitOrderProtocol = 4,
    /// Escrow factory without access token, as on mainnet.
    Factory = 5,
    /// Token that opens the public functions of the second factory's escrows.
    AccessToken = 6,
    /// Escrow factory with [`Self::AccessToken`].
    AccessFactory = 7,
    /// Keeps a part of every transfer.
    FeeOnTransferToken = 8,
    /// Returns false instead of reverting.
    ReturnsFalseToken = 9,
    /// Reverts where it is told to.
    RevertingToken = 10,
    /// Limit-order protocol under the EIP-712 domain of 1inch.
    OneInchLimitOrderProtocol = 11,
    /// Escrow factory of `bmn302`, without access token.
    Bmn302Factory = 12,
    /// Escrow factory of `oneinch1` with [`Self::AccessToken`].
    OneInch1Factory = 13,
    /// Escrow factory of `oneinch2` with [`Self::AccessToken`].
    OneInch2Factory = 14,
    /// The resolver's own contract, which takes for every dialect but `bmn4`.
    ResolverContract = 15,
}

impl DevContract {
    /// Every contract, in the order of deployment.
    pub const ALL: [Self; 16] = [
        Self::Weth,
        Self::TokenA,
        Self::UsdX,
        Self::TrueToken,
        Self::LimitOrderProtocol,
        Self::Factory,
        Self::AccessToken,
        Self::AccessFactory,
        Self::FeeOnTransferToken,
        Self::ReturnsFalseToken,
        Self::RevertingToken,
        Self::OneInchLimitOrderProtocol,
        Self::Bmn302Factory,
        Self::OneInch1Factory,
        Self::OneInch2Factory,
        Self::ResolverContract,
    ];

    /// Nonce of [`DEV_DEPLOYER`] that creates it.
    pub const fn nonce(self) -> u64 {
        self as u64
    }

    /// Where it is created.
    pub fn address(self) -> Address {
        DEV_DEPLOYER.create(self.nonce())
    }
}

/// The specifications of `Chain A` (1337) and `Chain B` (1338), as built into the program.
///
/// # Errors
/// Never, unless the program was built from a broken specification; a test reads both.
pub fn dev_chains() -> Result<[ChainSpec; 2], ConfigError> {
    let a = include_str!("../../../chainspecs/dev-a.toml");
    let b = include_str!("../../../chainspecs/dev-b.toml");
    Ok([
        ChainSpec::from_toml(a, "chainspecs/dev-a.toml")?,
        ChainSpec::from_toml(b, "chainspecs/dev-b.toml")?,
    ])
}
