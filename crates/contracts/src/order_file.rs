//! The order file: one JSON object that carries a signed order (`protocol.md` section 18, format C).

mod fields;

use crate::{
    error::OrderError,
    extension::Extension,
    extra_data::ExtraData,
    order::{LimitOrder, OrderDomain, OrderSignature},
};
use alloy::primitives::Bytes;
use bmn_primitives::{ChainId, Dialect, ErrorClass, Hashlock, OrderHash};
use fields::Object;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value, json};

/// Why an order file was not understood: the JSON field, and what it may hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderFileError {
    /// Not JSON at all.
    #[error("the order file is not JSON: {0}")]
    Json(String),
    /// A required field is not there.
    #[error("order file field `{field}` is missing: expected {expected}")]
    Missing {
        /// Path of the field.
        field: &'static str,
        /// What it may hold.
        expected: &'static str,
    },
    /// A field holds something else.
    #[error("order file field `{field}`: expected {expected}, found {found}")]
    Field {
        /// Path of the field.
        field: &'static str,
        /// What it may hold.
        expected: &'static str,
        /// What it holds, shortened.
        found: String,
    },
    /// A field repeats something that follows from the order, and repeats it wrongly.
    #[error("order file field `{field}` says {found}, but the order itself says {derived}")]
    Contradiction {
        /// Path of the field.
        field: &'static str,
        /// What the file says.
        found: String,
        /// What follows from the order.
        derived: String,
    },
    /// The extension cannot be read.
    #[error("order file field `extensionData`: {0}")]
    Extension(OrderError),
}

impl OrderFileError {
    /// The same file fails again.
    pub const fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }
}

/// A signed order as makers hand it over. `bmn_submitOrder` takes the same object.
///
/// Unknown fields are ignored. The optional fields follow from the order; they are compared with it
/// by [`Self::verify`] and never believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFile {
    /// Chain on which the order was signed to be filled.
    pub chain_id: ChainId,
    /// The order.
    pub order: LimitOrder,
    /// The maker's signature.
    pub signature: OrderSignature,
    /// The extension that the salt commits to.
    pub extension: Bytes,
    /// Hash of the order.
    pub order_hash: Option<OrderHash>,
    /// Hash of the secret.
    pub hashlock: Option<Hashlock>,
    /// Source chain, equal to `chain_id`.
    pub src_chain_id: Option<ChainId>,
    /// Destination chain.
    pub dst_chain_id: Option<ChainId>,
    /// When the file was written, unix milliseconds.
    pub created_at: Option<u64>,
}

impl OrderFile {
    /// The format's version.
    pub const VERSION: u64 = 1;

    /// A file for a freshly signed order.
    pub const fn new(
        chain_id: ChainId,
        order: LimitOrder,
        signature: OrderSignature,
        extension: Bytes,
    ) -> Self {
        Self {
            chain_id,
            order,
            signature,
            extension,
            order_hash: None,
            hashlock: None,
            src_chain_id: None,
            dst_chain_id: None,
            created_at: None,
        }
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// The first field that is wrong, and what it may hold.
    pub fn from_json(text: &str) -> Result<Self, OrderFileError> {
        let value = serde_json::from_str(text);
        Self::from_value(&value.map_err(|error| OrderFileError::Json(error.to_string()))?)
    }

    /// Reads a parsed object.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn from_value(value: &Value) -> Result<Self, OrderFileError> {
        let file = Object::root(value)?;
        file.version("version", Self::VERSION)?;
        let order = file.object("order")?;
        Ok(Self {
            chain_id: file.chain("chainId")?,
            order: LimitOrder {
                salt: order.uint("order.salt")?,
                maker: order.address("order.maker")?,
                receiver: order.address("order.receiver")?,
                maker_asset: order.address("order.makerAsset")?,
                taker_asset: order.address("order.takerAsset")?,
                making_amount: order.uint("order.makingAmount")?,
                taking_amount: order.uint("order.takingAmount")?,
                maker_traits: crate::MakerTraits(order.uint("order.makerTraits")?),
            },
            signature: file.signature("signature")?,
            extension: file.bytes("extensionData")?,
            order_hash: file.optional("orderHash", Object::hash)?.map(OrderHash),
            hashlock: file.optional("hashlock", Object::hash)?.map(Hashlock),
            src_chain_id: file.optional("srcChainId", Object::chain)?,
            dst_chain_id: file.optional("dstChainId", Object::chain)?,
            created_at: file.optional("createdAt", Object::milliseconds)?,
        })
    }

    /// The file as a JSON object: integers are decimal strings, addresses and bytes hexadecimal.
    pub fn to_value(&self) -> Value {
        let order = &self.order;
        let mut file = Map::new();
        let mut put = |field: &str, value: Value| file.insert(field.to_owned(), value);
        put("version", Self::VERSION.into());
        put("chainId", self.chain_id.0.into());
        let order = json!({
            "salt": order.salt.to_string(),
            "maker": order.maker.to_string(),
            "receiver": order.receiver.to_string(),
            "makerAsset": order.maker_asset.to_string(),
            "takerAsset": order.taker_asset.to_string(),
            "makingAmount": order.making_amount.to_string(),
            "takingAmount": order.taking_amount.to_string(),
            "makerTraits": order.maker_traits.0.to_string(),
        });
        put("order", order);
        let signature = match &self.signature {
            OrderSignature::Compact { r, vs } => {
                json!({ "r": r.to_string(), "vs": vs.to_string() })
            }
            OrderSignature::Contract(bytes) => Value::String(bytes.to_string()),
        };
        put("signature", signature);
        put("extensionData", self.extension.to_string().into());
        if let Some(hash) = self.order_hash {
            put("orderHash", hash.to_string().into());
        }
        if let Some(hashlock) = self.hashlock {
            put("hashlock", hashlock.to_string().into());
        }
        if let Some(chain) = self.src_chain_id {
            put("srcChainId", chain.0.into());
        }
        if let Some(chain) = self.dst_chain_id {
            put("dstChainId", chain.0.into());
        }
        if let Some(time) = self.created_at {
            put("createdAt", time.into());
        }
        Value::Object(file)
    }

    /// Derives what the optional fields repeat, and compares.
    ///
    /// # Errors
    /// An extension that cannot be read, or the first field that contradicts the order.
    pub fn verify(
        &self,
        domain: &OrderDomain,
        dialect: Dialect,
    ) -> Result<(OrderHash, ExtraData), OrderFileError> {
        let extension = Extension::parse(&self.extension).map_err(OrderFileError::Extension)?;
        let (_, extra) = extension.post_interaction().map_err(OrderFileError::Extension)?;
        let extra = ExtraData::decode(dialect, extra).map_err(OrderFileError::Extension)?;
        let hash = self.order.hash(domain);
        same("chainId", Some(self.chain_id), &domain.chain_id)?;
        same("orderHash", self.order_hash, &hash)?;
        same("hashlock", self.hashlock, &extra.hashlock)?;
        same("srcChainId", self.src_chain_id, &self.chain_id)?;
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

impl Serialize for OrderFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OrderFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
