//! The schema of an order file. The file belongs to the contracts' crate, which knows nothing of schemas: these
//! types have its fields, and a test compares the two.

#![allow(dead_code, reason = "read by the derive alone")]

use bmn_contracts::OrderFile;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// An order as makers hand it over. Unknown fields are ignored. The optional fields follow from the order; they are
/// compared with it and never believed.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "OrderFile")]
pub(crate) struct OrderFileForm {
    /// Format version.
    #[schemars(range(min = OrderFile::VERSION, max = OrderFile::VERSION))]
    version: u64,
    /// Chain the order is filled on, by id.
    chain_id: u64,
    /// The eight words that are signed.
    order: OrderWordsForm,
    /// The signature; a file without one is refused.
    signature: Option<SignatureForm>,
    /// The extension.
    #[schemars(with = "crate::schema::Bytes")]
    extension_data: String,
    /// EIP-712 digest; checked where given.
    #[schemars(with = "Option<crate::schema::Hash>")]
    order_hash: Option<String>,
    /// Hash of the secret, or the word in its place in an order that takes several fills; checked where given.
    #[schemars(with = "Option<crate::schema::Hash>")]
    hashlock: Option<String>,
    /// Source chain id; must equal `chainId` where given.
    src_chain_id: Option<u64>,
    /// Destination chain id; checked where given.
    dst_chain_id: Option<u64>,
    /// When the file was made, unix milliseconds. Not checked.
    created_at: Option<u64>,
    /// Hashes of the secrets of an order that takes several fills, in the order of its parts: one more than it has
    /// parts. Empty for any other order.
    #[serde(default)]
    #[schemars(with = "Vec<crate::schema::Hash>", length(max = OrderFile::MOST_SECRETS))]
    secret_hashes: Vec<String>,
}

/// The words of a limit order. A word that is an address is usually written as one.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "OrderWords")]
struct OrderWordsForm {
    /// Salt; its low 160 bits are those of the extension's hash.
    salt: Word,
    /// Owner of the source tokens.
    maker: Word,
    /// Beneficiary; zero means the maker.
    receiver: Word,
    /// Token sold.
    maker_asset: Word,
    /// Token paid on the source chain: the chain's always-true token.
    taker_asset: Word,
    /// Amount sold, smallest unit.
    making_amount: Word,
    /// Amount bought, smallest unit.
    taking_amount: Word,
    /// Flags, expiration, nonce and allowed sender.
    maker_traits: Word,
}

/// A signature of an order file.
#[derive(JsonSchema)]
#[schemars(rename = "OrderSignature", untagged)]
enum SignatureForm {
    /// EIP-2098 halves, from a plain account.
    Compact {
        /// `r`.
        #[schemars(with = "crate::schema::Hash")]
        r: String,
        /// `s` with the parity in its highest bit.
        #[schemars(with = "crate::schema::Hash")]
        vs: String,
    },
    /// Bytes for the maker's contract (ERC-1271).
    Contract(#[schemars(with = "crate::schema::Bytes")] String),
}

/// Up to 256 bits.
struct Word;

impl JsonSchema for Word {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Word".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A number of at most 256 bits.",
            "pattern": "^(0x[0-9a-fA-F]+|[0-9]+)$",
            "x-form": "a decimal or 0x-hex number of at most 256 bits",
        })
    }
}
