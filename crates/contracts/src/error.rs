//! What can be wrong with logs, calldata and orders.

use alloy::primitives::{Address, B256, Selector, U256};
use bmn_primitives::{Dialect, ErrorClass};

/// A log or calldata is not what its topic or selector promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The number of topics differs.
    #[error("{event}: expected {expected} topics, found {found}")]
    TopicCount {
        /// Solidity name of the event.
        event: &'static str,
        /// Topics of the event, the signature included.
        expected: usize,
        /// Topics of the log.
        found: usize,
    },
    /// The data has another length.
    #[error("{event}: expected {expected} bytes of data, found {found}")]
    DataLength {
        /// Solidity name of the event.
        event: &'static str,
        /// Bytes that the fields need.
        expected: usize,
        /// Bytes of the log.
        found: usize,
    },
    /// One field breaks the canonical encoding.
    #[error("{event}: field `{field}`: {reason}")]
    Field {
        /// Solidity name of the event.
        event: &'static str,
        /// Solidity name of the field.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The calldata has no selector, or one that we do not decode.
    #[error("selector {0} is not one of the escrow, factory or limit-order calls decoded here")]
    UnknownCall(Selector),
    /// The calldata does not hold the arguments of its selector.
    #[error("{call}: the arguments do not decode: {reason}")]
    Arguments {
        /// Solidity name of the function.
        call: &'static str,
        /// The decoder's words.
        reason: String,
    },
}

impl DecodeError {
    /// What was decoded is on chain, or was handed to us: it never gets better.
    pub const fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }
}

/// An order, its extension, its signature or a permission cannot be what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Shorter than the 32-byte offsets word.
    #[error("extension of {0} bytes: expected none, or at least the 32-byte offsets word")]
    ExtensionTooShort(usize),
    /// A field ends before it begins.
    #[error("extension field {field}: ends at {end}, before its begin at {begin}")]
    ExtensionOffsets {
        /// Field number, 0 to 7.
        field: u8,
        /// Where the previous field ends.
        begin: u32,
        /// Where it ends.
        end: u32,
    },
    /// A field ends outside the extension.
    #[error(
        "extension field {field}: ends at {end}, but only {available} bytes follow the offsets"
    )]
    ExtensionBounds {
        /// Field number, 0 to 7.
        field: u8,
        /// Where it ends.
        end: u32,
        /// Bytes after the offsets word.
        available: usize,
    },
    /// The maker traits ask for an extension and there is none (`MissingOrderExtension`).
    #[error("the maker traits say HAS_EXTENSION, but there is no extension")]
    ExtensionMissing,
    /// There is an extension that the maker traits do not mention (`UnexpectedOrderExtension`).
    #[error("there is an extension, but the maker traits do not say HAS_EXTENSION")]
    ExtensionUnexpected,
    /// The salt commits to another extension (`InvalidExtensionHash`).
    #[error("the salt's low 160 bits are {salt}, the extension's hash has {extension}")]
    ExtensionHash {
        /// Low 160 bits of the salt.
        salt: Address,
        /// Low 160 bits of the extension's hash.
        extension: Address,
    },
    /// The post-interaction field is too short to name a contract.
    #[error("post-interaction of {0} bytes: expected at least a 20-byte address")]
    PostInteractionTooShort(usize),
    /// The extra data is too short for its five words.
    #[error("extra data of {0} bytes: expected at least 160")]
    ExtraDataTooShort(usize),
    /// Orders of this dialect say nothing about who may fill them.
    #[error("orders of {dialect} have no fees and whitelist, only those of oneinch1 and oneinch2", dialect = .0.name())]
    NoFillTerms(Dialect),
    /// The factory reads fees and whitelist of its own form in front of the five words.
    #[error("orders of {dialect} need fees and a whitelist, of the form of {dialect}", dialect = .0.name())]
    WrongFillTerms(Dialect),
    /// Fees and whitelist end early.
    #[error("fees and whitelist of {0} bytes: too short for what they announce")]
    FillTermsTooShort(usize),
    /// The factory would ignore these bytes.
    #[error("{0} bytes between whitelist and the last five words mean nothing to the factory")]
    FillTermsSurplus(usize),
    /// The factory would ignore some of these bits.
    #[error("fee flags {0:#04x}: only bit 0 is known below the number of resolvers")]
    FillTermsFlags(u8),
    /// The factory would refuse the fill (`InvalidIntegratorShare`, `InvalidWhitelistDiscountNumerator`).
    #[error("{field} of {value} percent: at most 100")]
    AboveHundredPercent {
        /// Which.
        field: &'static str,
        /// Percent.
        value: u8,
    },
    /// More resolvers than the dialect can count.
    #[error("a whitelist of {entries} resolvers: at most {most}")]
    WhitelistTooLong {
        /// Resolvers.
        entries: usize,
        /// The most that fit.
        most: u8,
    },
    /// The destination could never be withdrawn (`IndexOutOfRange`).
    #[error("parameters of {0} bytes: both fee amounts, and the recipient of each, are 32 bytes")]
    ParametersTooShort(usize),
    /// The destination could never be withdrawn.
    #[error("the fees are more than the amount {0} of the escrow")]
    FeesAboveAmount(U256),
    /// The factory would refuse the fill: this time must lie after the block's.
    #[error("{field} {value} must be after the block time {block_time}")]
    NotInFuture {
        /// `srcCancellation` or `dstWithdrawal`.
        field: &'static str,
        /// Unix seconds.
        value: u64,
        /// Unix seconds.
        block_time: u64,
    },
    /// Not a 65-byte `r || s || v` signature with v 27 or 28.
    #[error("a signature is 65 bytes, r || s || v, with v 27 or 28")]
    SignatureFormat,
    /// `s` is in the upper half of the curve order, which the contracts refuse.
    #[error("signature s {0:#x} is above half the curve order")]
    SignatureMalleable(U256),
    /// No public key belongs to the signature.
    #[error("no address can be recovered from the signature for {0}")]
    SignatureUnrecoverable(B256),
    /// Contract signatures are checked by the maker's contract, on chain only.
    #[error("an ERC-1271 signature says nothing off chain: call isValidSignature of the maker")]
    ContractSignature,
    /// We never sign public cancels (any holder could open any escrow of ours with one).
    #[error("{0} is never signed: it lets its holder open escrows of ours")]
    PublicCancelRefused(&'static str),
    /// The signer failed.
    #[error("the signer refused: {0}")]
    Signer(String),
}

impl OrderError {
    /// Everything but the signer's failure is a property of the order.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Signer(_) => ErrorClass::Transient,
            _ => ErrorClass::Permanent,
        }
    }
}
