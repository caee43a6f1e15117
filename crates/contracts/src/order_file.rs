//! The order file: one JSON object that carries an order (`protocol.md` section 18, format C). It is the
//! parameter of `bmn_submitOrder`, too.

mod fields;

use crate::{
    error::OrderError,
    extension::Extension,
    extra_data::ExtraData,
    order::{LimitOrder, OrderDomain, OrderSignature},
    traits::MakerTraits,
};
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_primitives::{AddressWord, ChainId, Dialect, ErrorClass, Hashlock, OrderHash};
use fields::{address_word, bytes, hash, word};
use serde::{Deserialize, Serialize};

pub use fields::FieldError;

/// An order as makers hand it over, signed or not yet. Unknown fields are ignored. The optional fields
/// follow from the order; they are compared with it ([`ReadOrder::verify`]) and never believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderFile {
    /// Format version: 1.
    pub version: u64,
    /// Chain the order is filled on, by id.
    pub chain_id: u64,
    /// The eight words that are signed.
    pub order: OrderWords,
    /// The signature; `null` or absent in a file that is not signed yet.
    #[serde(default)]
    pub signature: Option<WireSignature>,
    /// The extension, `0x` hex.
    pub extension_data: String,
    /// EIP-712 digest; checked where given.
    #[serde(default)]
    pub order_hash: Option<String>,
    /// Hash of the secret, or the word in its place in an order that takes several fills; checked where
    /// given.
    #[serde(default)]
    pub hashlock: Option<String>,
    /// Source chain id; must equal `chainId` where given.
    #[serde(default)]
    pub src_chain_id: Option<u64>,
    /// Destination chain id; checked where given.
    #[serde(default)]
    pub dst_chain_id: Option<u64>,
    /// When the file was made, unix milliseconds. Not checked.
    #[serde(default)]
    pub created_at: Option<u64>,
    /// Hashes of the secrets of an order that takes several fills, in the order of its parts: one more
    /// than it has parts. Empty for any other order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_hashes: Vec<String>,
}

/// The words of a limit order: decimal strings or `0x` hex, at most 256 bits each. A word that is an
/// address is usually written as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderWords {
    /// Salt; its low 160 bits are those of the extension's hash.
    pub salt: String,
    /// Owner of the source tokens.
    pub maker: String,
    /// Beneficiary; zero means the maker.
    pub receiver: String,
    /// Token sold.
    pub maker_asset: String,
    /// Token paid on the source chain: the chain's always-true token.
    pub taker_asset: String,
    /// Amount sold, smallest unit.
    pub making_amount: String,
    /// Amount bought, smallest unit.
    pub taking_amount: String,
    /// Flags, expiration, nonce and allowed sender.
    pub maker_traits: String,
}

/// A signature of an order file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WireSignature {
    /// EIP-2098 halves, from a plain account.
    Compact {
        /// `r`, 0x + 64 hex digits.
        r: String,
        /// `s` with the parity in its highest bit, 0x + 64 hex digits.
        vs: String,
    },
    /// Bytes for the maker's contract (ERC-1271), `0x` hex.
    Contract(String),
}

/// An order file whose every field could be read. Nothing is judged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOrder {
    /// Chain the order is filled on.
    pub chain_id: ChainId,
    /// The order.
    pub order: LimitOrder,
    /// Extension bytes.
    pub extension: Bytes,
    /// The signature, when there is one.
    pub signature: Option<OrderSignature>,
    /// Digest the file claims.
    pub order_hash: Option<OrderHash>,
    /// Hashlock the file claims.
    pub hashlock: Option<Hashlock>,
    /// Destination chain the file claims.
    pub dst_chain_id: Option<u64>,
    /// Hashes of the secrets of an order that takes several fills.
    pub secret_hashes: Vec<Hashlock>,
}

/// Why an order file cannot be what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderFileError {
    /// A field repeats something that follows from the order, and repeats it wrongly.
    #[error("`{field}` of the file is {found}, the order itself says {derived}")]
    Contradiction {
        /// Path of the field.
        field: &'static str,
        /// What the file says.
        found: String,
        /// What follows from the order.
        derived: String,
    },
    /// The extension cannot be read, or is not the one that the order commits to.
    #[error("`extensionData` of the file: {0}")]
    Extension(#[from] OrderError),
}

impl OrderFileError {
    /// The same file fails again.
    pub const fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }
}

impl OrderFile {
    /// The format version this build reads and writes.
    pub const VERSION: u64 = 1;

    /// Secret hashes of one order at most: an order in 256 parts has that many.
    pub const MOST_SECRETS: usize = 257;

    /// The file of an order that is not signed yet, with what follows from it.
    pub fn unsigned(
        order: &LimitOrder,
        extension: &Bytes,
        domain: &OrderDomain,
        extra: &ExtraData,
    ) -> Self {
        Self {
            version: Self::VERSION,
            chain_id: domain.chain_id.0,
            order: OrderWords::write(&order.words()),
            signature: None,
            extension_data: extension.to_string(),
            order_hash: Some(order.hash(domain).to_string()),
            hashlock: Some(extra.hashlock.to_string()),
            src_chain_id: Some(domain.chain_id.0),
            dst_chain_id: u64::try_from(extra.dst_chain_id).ok(),
            created_at: None,
            secret_hashes: Vec::new(),
        }
    }

    /// The same file with a signature.
    #[must_use]
    pub fn signed(self, signature: &OrderSignature) -> Self {
        Self { signature: Some(signature.into()), ..self }
    }

    /// Reads every field.
    ///
    /// # Errors
    /// The first field that is malformed, with the accepted form.
    pub fn read(&self) -> Result<ReadOrder, FieldError> {
        if self.version != Self::VERSION {
            return Err(FieldError::new("version", "1"));
        }
        if self.src_chain_id.is_some_and(|chain| chain != self.chain_id) {
            return Err(FieldError::new("srcChainId", "the same chain as `chainId`"));
        }
        let claimed = |field: &str, text: &Option<String>| {
            text.as_deref().map(|text| hash(field, text)).transpose()
        };
        Ok(ReadOrder {
            chain_id: ChainId(self.chain_id),
            order: self.order.read()?,
            extension: bytes("extensionData", &self.extension_data)?,
            signature: self.signature.as_ref().map(WireSignature::read).transpose()?,
            order_hash: claimed("orderHash", &self.order_hash)?.map(OrderHash),
            hashlock: claimed("hashlock", &self.hashlock)?.map(Hashlock),
            dst_chain_id: self.dst_chain_id,
            secret_hashes: self.read_secret_hashes()?,
        })
    }

    fn read_secret_hashes(&self) -> Result<Vec<Hashlock>, FieldError> {
        if self.secret_hashes.len() > Self::MOST_SECRETS {
            let accepted = format!("at most {} hashes", Self::MOST_SECRETS);
            return Err(FieldError::new("secretHashes", accepted));
        }
        let hashes = self.secret_hashes.iter().enumerate();
        let read = |(index, text): (usize, &String)| hash(&format!("secretHashes[{index}]"), text);
        hashes.map(|entry| read(entry).map(Hashlock)).collect()
    }
}

impl OrderWords {
    fn read(&self) -> Result<LimitOrder, FieldError> {
        Ok(LimitOrder {
            salt: word("order.salt", &self.salt)?,
            maker: address_word("order.maker", &self.maker)?,
            receiver: address_word("order.receiver", &self.receiver)?,
            maker_asset: address_word("order.makerAsset", &self.maker_asset)?,
            taker_asset: address_word("order.takerAsset", &self.taker_asset)?,
            making_amount: word("order.makingAmount", &self.making_amount)?,
            taking_amount: word("order.takingAmount", &self.taking_amount)?,
            maker_traits: MakerTraits(word("order.makerTraits", &self.maker_traits)?),
        })
    }

    /// Writes the words the way order files have them: addresses as addresses where they are clean,
    /// everything else decimal.
    pub fn write(words: &[U256; 8]) -> Self {
        let address = |word: U256| {
            let address = Address::from_word(B256::from(word));
            if AddressWord::from(address).0 == word {
                address.to_string()
            } else {
                format!("{word:#066x}")
            }
        };
        let [salt, maker, receiver, maker_asset, taker_asset, making, taking, traits] = *words;
        Self {
            salt: salt.to_string(),
            maker: address(maker),
            receiver: address(receiver),
            maker_asset: address(maker_asset),
            taker_asset: address(taker_asset),
            making_amount: making.to_string(),
            taking_amount: taking.to_string(),
            maker_traits: traits.to_string(),
        }
    }
}

impl WireSignature {
    fn read(&self) -> Result<OrderSignature, FieldError> {
        match self {
            Self::Compact { r, vs } => Ok(OrderSignature::Compact {
                r: hash("signature.r", r)?,
                vs: hash("signature.vs", vs)?,
            }),
            Self::Contract(text) => bytes("signature", text).map(OrderSignature::Contract),
        }
    }
}

impl From<&OrderSignature> for WireSignature {
    fn from(signature: &OrderSignature) -> Self {
        match signature {
            OrderSignature::Compact { r, vs } => {
                Self::Compact { r: r.to_string(), vs: vs.to_string() }
            }
            OrderSignature::Contract(bytes) => Self::Contract(bytes.to_string()),
        }
    }
}

impl ReadOrder {
    /// Derives what the optional fields repeat, and compares.
    ///
    /// # Errors
    /// An extension that cannot be read, or the first field that contradicts the order.
    pub fn verify(
        &self,
        domain: &OrderDomain,
        dialect: Dialect,
    ) -> Result<(OrderHash, ExtraData), OrderFileError> {
        let (_, extra) = Extension::parse(&self.extension)?.post_interaction()?;
        let extra = ExtraData::decode(dialect, extra)?;
        let hash = self.order.hash(domain);
        same("chainId", Some(self.chain_id), &domain.chain_id)?;
        same("orderHash", self.order_hash, &hash)?;
        same("hashlock", self.hashlock, &extra.hashlock)?;
        same("dstChainId", self.dst_chain_id, &extra.dst_chain_id)?;
        Ok((hash, extra))
    }
}

/// Compares as text: a chain id is a `u64` in the file and a `uint256` in the order.
fn same<T: ToString>(
    field: &'static str,
    found: Option<T>,
    derived: &impl ToString,
) -> Result<(), OrderFileError> {
    let derived = derived.to_string();
    match found.map(|found| found.to_string()).filter(|found| *found != derived) {
        None => Ok(()),
        Some(found) => Err(OrderFileError::Contradiction { field, found, derived }),
    }
}
