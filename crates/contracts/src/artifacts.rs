//! Our own Solidity contracts for development chains, as built.
//!
//! The sources and the command that rebuilds them are in `solidity/`; a test compares the sources'
//! hashes with those written into the artifacts. Nothing here is for public chains, except
//! [`resolver`].

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolValue,
};
use serde::Deserialize;
use serde_json::Value;
use std::sync::OnceLock;

/// One built contract.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Contract name.
    pub contract_name: String,
    /// SHA-256 over the hashes of all sources, hexadecimal.
    pub source_hash: String,
    /// Compiler version.
    pub compiler: String,
    /// The ABI in JSON.
    pub abi: Value,
    /// Creation code, without constructor arguments.
    pub bytecode: Bytes,
    /// Runtime code, with immutables still zero.
    pub deployed_bytecode: Bytes,
}

macro_rules! contracts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// A contract of the development chains.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DevContract {
            $($(#[$doc])* $name),*
        }

        impl DevContract {
            /// Every contract.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name in Solidity.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name)),*
                }
            }

            const fn json(self) -> &'static str {
                match self {
                    $(Self::$name => include_str!(
                        concat!("../solidity/artifacts/", stringify!($name), ".json")
                    )),*
                }
            }
        }
    };
}

contracts! {
    /// Escrow factory, as BMN v4.
    BmnFactory,
    /// Source escrow, made by the factory.
    BmnEscrowSrc,
    /// Destination escrow, made by the factory.
    BmnEscrowDst,
    /// Escrow factory, as BMN v3.0.2.
    Bmn302Factory,
    /// Its source escrow.
    Bmn302EscrowSrc,
    /// Its destination escrow.
    Bmn302EscrowDst,
    /// Escrow factory, as 1inch's of 2024.
    OneInch1Factory,
    /// Its source escrow.
    OneInch1EscrowSrc,
    /// Its destination escrow.
    OneInch1EscrowDst,
    /// Where resolvers pay in for fills outside the whitelist; made by that factory.
    FeeBank,
    /// Escrow factory, as 1inch's of 2025.
    OneInch2Factory,
    /// Its source escrow.
    OneInch2EscrowSrc,
    /// Its destination escrow, which pays fees.
    OneInch2EscrowDst,
    /// Our own taker: does what its owner says and keeps nothing.
    Resolver,
    /// Fills signed orders and calls the factory's post-interaction.
    LimitOrderProtocol,
    /// The same under the EIP-712 domain of 1inch.
    OneInchLimitOrderProtocol,
    /// ERC-20 with a faucet.
    DevToken,
    /// Wrapped native coin.
    DevWeth,
    /// The taker asset that always says yes (`protocol.md` 7.6).
    TrueToken,
    /// Ill-behaved token: keeps a share of every transfer.
    FeeOnTransferToken,
    /// Ill-behaved token: answers false instead of reverting.
    ReturnsFalseToken,
    /// Ill-behaved token: its transfers can be made to revert.
    RevertingToken,
    /// Ill-behaved token: returns nothing.
    NoReturnToken,
    /// Forces native coin into an address that refuses it.
    ForceSend,
    /// A taker that cannot receive native coin.
    NoReceiveTaker,
    /// A maker that is a contract.
    Erc1271Wallet,
}

impl DevContract {
    /// The built contract, parsed once.
    pub fn artifact(self) -> &'static Artifact {
        static PARSED: [OnceLock<Artifact>; DevContract::ALL.len()] =
            [const { OnceLock::new() }; DevContract::ALL.len()];
        PARSED[self as usize].get_or_init(|| {
            serde_json::from_str(self.json()).expect("the artifacts are compiled in and tested")
        })
    }

    /// Creation code with ABI-encoded constructor arguments behind it.
    fn creation_code(self, arguments: &[u8]) -> Bytes {
        [&self.artifact().bytecode, arguments].concat().into()
    }
}

/// The built contract with this name in Solidity.
pub fn artifact(name: &str) -> Option<&'static Artifact> {
    DevContract::ALL.iter().find(|contract| contract.name() == name).map(|it| it.artifact())
}

/// Creation code of a factory. `rescue_delay` is in seconds; an `access_token` of zero, as on mainnet,
/// shuts the public escrow functions without a signature. The owner is the first resolver on the
/// whitelist, which is bypassed until switched on.
pub fn bmn_factory(
    limit_order_protocol: Address,
    owner: Address,
    rescue_delay: u32,
    access_token: Address,
    weth: Address,
) -> Bytes {
    let arguments = (limit_order_protocol, owner, rescue_delay, access_token, weth);
    DevContract::BmnFactory.creation_code(&arguments.abi_encode_params())
}

/// Creation code of a `bmn302` factory; as [`bmn_factory`], but whoever calls its post-interaction is
/// believed to be a limit-order protocol.
pub fn bmn302_factory(access_token: Address, owner: Address, rescue_delay: u32) -> Bytes {
    DevContract::Bmn302Factory
        .creation_code(&(access_token, owner, rescue_delay).abi_encode_params())
}

/// Creation code of a `oneinch1` factory. Holders of `access_token` may fill outside an order's
/// whitelist, against a fee in `fee_token`, and end escrows in public. `rescue_delay` is in seconds.
pub fn oneinch1_factory(
    limit_order_protocol: Address,
    fee_token: Address,
    access_token: Address,
    owner: Address,
    rescue_delay: u32,
) -> Bytes {
    let arguments =
        (limit_order_protocol, fee_token, access_token, owner, rescue_delay, rescue_delay);
    DevContract::OneInch1Factory.creation_code(&arguments.abi_encode_params())
}

/// Creation code of a `oneinch2` factory; as [`oneinch1_factory`], but fees come out of the
/// destination amount.
pub fn oneinch2_factory(
    limit_order_protocol: Address,
    access_token: Address,
    owner: Address,
    rescue_delay: u32,
) -> Bytes {
    let arguments = (limit_order_protocol, access_token, owner, rescue_delay, rescue_delay);
    DevContract::OneInch2Factory.creation_code(&arguments.abi_encode_params())
}

/// Creation code of our resolver contract, which obeys `owner` alone.
pub fn resolver(owner: Address) -> Bytes {
    DevContract::Resolver.creation_code(&owner.abi_encode())
}

/// Creation code of a limit-order protocol.
pub fn limit_order_protocol(weth: Address) -> Bytes {
    DevContract::LimitOrderProtocol.creation_code(&weth.abi_encode())
}

/// Creation code of a limit-order protocol under the EIP-712 domain of 1inch.
pub fn oneinch_limit_order_protocol(weth: Address) -> Bytes {
    DevContract::OneInchLimitOrderProtocol.creation_code(&weth.abi_encode())
}

/// A token whose constructor takes name, symbol and decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Well-behaved.
    Plain,
    /// Answers false instead of reverting.
    ReturnsFalse,
    /// Its transfers can be made to revert.
    Reverting,
    /// Keeps this share of every transfer, in hundredths of a percent up to 10 000.
    FeeOnTransfer(u16),
}

/// Creation code of a token.
pub fn token(kind: TokenKind, name: &str, symbol: &str, decimals: u8) -> Bytes {
    let contract = match kind {
        TokenKind::Plain => DevContract::DevToken,
        TokenKind::ReturnsFalse => DevContract::ReturnsFalseToken,
        TokenKind::Reverting => DevContract::RevertingToken,
        TokenKind::FeeOnTransfer(fee) => {
            let arguments = (name, symbol, U256::from(decimals), U256::from(fee));
            return DevContract::FeeOnTransferToken.creation_code(&arguments.abi_encode_params());
        }
    };
    contract.creation_code(&(name, symbol, U256::from(decimals)).abi_encode_params())
}

/// Creation code of a token of 6 decimals whose functions return nothing and whose allowances go from
/// one amount to another through zero only.
pub fn no_return_token() -> Bytes {
    DevContract::NoReturnToken.creation_code(&[])
}

/// Creation code of the wrapped native coin.
pub fn weth() -> Bytes {
    DevContract::DevWeth.creation_code(&[])
}

/// Creation code of the taker asset that always says yes.
pub fn true_token() -> Bytes {
    DevContract::TrueToken.creation_code(&[])
}

/// Creation code that sends the value of its creation to `target`, whether it wants it or not.
pub fn force_send(target: Address) -> Bytes {
    DevContract::ForceSend.creation_code(&target.abi_encode())
}

/// Creation code of a taker that cannot receive native coin; its creator owns it.
pub fn no_receive_taker() -> Bytes {
    DevContract::NoReceiveTaker.creation_code(&[])
}

/// Creation code of a contract that signs orders with its owner's key.
pub fn erc1271_wallet(owner: Address) -> Bytes {
    DevContract::Erc1271Wallet.creation_code(&owner.abi_encode())
}
