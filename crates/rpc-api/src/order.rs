//! The order file and the answer to a submission.

use crate::Amount;
use alloy::primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A maker's order as a file and as the parameter of `bmn_submitOrder` (`protocol.md` section 18,
/// format C).
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
    /// Hash of the secret; checked where given.
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

/// A field of an order file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: expected {expected}")]
pub struct FieldError {
    /// Path of the field in the file.
    pub field: String,
    /// The accepted form.
    pub expected: String,
}

impl FieldError {
    /// Names a field and what it should be.
    pub fn new(field: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { field: field.into(), expected: expected.into() }
    }
}

/// A signature that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadSignature {
    /// EIP-2098 halves.
    Compact {
        /// `r`.
        r: B256,
        /// `s` and parity.
        vs: B256,
    },
    /// Bytes for the maker's contract.
    Contract(Bytes),
}

/// An order file whose every field could be read. Nothing is judged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOrder {
    /// Source chain id.
    pub chain_id: u64,
    /// Salt, maker, receiver, maker asset, taker asset, making amount, taking amount, maker traits.
    pub words: [U256; 8],
    /// Extension bytes.
    pub extension: Bytes,
    /// The signature, when there is one.
    pub signature: Option<ReadSignature>,
    /// Digest the file claims.
    pub order_hash: Option<B256>,
    /// Hashlock the file claims.
    pub hashlock: Option<B256>,
    /// Destination chain the file claims.
    pub dst_chain_id: Option<u64>,
    /// Hashes of the secrets of an order that takes several fills.
    pub secret_hashes: Vec<B256>,
}

impl OrderFile {
    /// The format version this build reads and writes.
    pub const VERSION: u64 = 1;

    /// Secret hashes of one order at most: an order in 256 parts has that many.
    pub const MOST_SECRETS: usize = 257;

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
        let hash = |field: &str, text: &Option<String>| {
            text.as_deref().map(|text| word32(field, text)).transpose()
        };
        Ok(ReadOrder {
            chain_id: self.chain_id,
            words: self.order.read()?,
            extension: bytes("extensionData", &self.extension_data)?,
            signature: self.signature.as_ref().map(WireSignature::read).transpose()?,
            order_hash: hash("orderHash", &self.order_hash)?,
            hashlock: hash("hashlock", &self.hashlock)?,
            dst_chain_id: self.dst_chain_id,
            secret_hashes: self.read_secret_hashes()?,
        })
    }
}

impl OrderFile {
    fn read_secret_hashes(&self) -> Result<Vec<B256>, FieldError> {
        if self.secret_hashes.len() > Self::MOST_SECRETS {
            let accepted = format!("at most {} hashes", Self::MOST_SECRETS);
            return Err(FieldError::new("secretHashes", accepted));
        }
        let hashes = self.secret_hashes.iter().enumerate();
        hashes.map(|(index, text)| word32(&format!("secretHashes[{index}]"), text)).collect()
    }
}

impl OrderWords {
    fn read(&self) -> Result<[U256; 8], FieldError> {
        Ok([
            word("order.salt", &self.salt)?,
            word("order.maker", &self.maker)?,
            word("order.receiver", &self.receiver)?,
            word("order.makerAsset", &self.maker_asset)?,
            word("order.takerAsset", &self.taker_asset)?,
            word("order.makingAmount", &self.making_amount)?,
            word("order.takingAmount", &self.taking_amount)?,
            word("order.makerTraits", &self.maker_traits)?,
        ])
    }

    /// Writes the words the way order files have them: addresses as addresses where they are clean,
    /// everything else decimal.
    pub fn write(words: &[U256; 8]) -> Self {
        let address = |word: U256| {
            let address = Address::from_word(B256::from(word));
            if U256::from_be_bytes(address.into_word().0) == word {
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
    fn read(&self) -> Result<ReadSignature, FieldError> {
        match self {
            Self::Compact { r, vs } => Ok(ReadSignature::Compact {
                r: word32("signature.r", r)?,
                vs: word32("signature.vs", vs)?,
            }),
            Self::Contract(text) => bytes("signature", text).map(ReadSignature::Contract),
        }
    }
}

fn word(field: &str, text: &str) -> Result<U256, FieldError> {
    let digits = text.strip_prefix("0x");
    let radix = if digits.is_some() { 16 } else { 10 };
    let digits = digits.unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain
        .then(|| U256::from_str_radix(digits, radix).ok())
        .flatten()
        .ok_or_else(|| FieldError::new(field, "a decimal or 0x-hex number of at most 256 bits"))
}

fn word32(field: &str, text: &str) -> Result<B256, FieldError> {
    let good = text.starts_with("0x").then(|| B256::from_str(text).ok()).flatten();
    good.ok_or_else(|| FieldError::new(field, "0x followed by 64 hex digits"))
}

fn bytes(field: &str, text: &str) -> Result<Bytes, FieldError> {
    let good = text.starts_with("0x").then(|| Bytes::from_str(text).ok()).flatten();
    good.ok_or_else(|| FieldError::new(field, "0x followed by an even number of hex digits"))
}

/// What the node made of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OrderDecision {
    /// The resolver settles it.
    Accepted,
    /// The resolver funds nothing for it.
    Refused,
}

/// One reason of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusalReason {
    /// Stable code, for example `doesNotFit`.
    pub code: String,
    /// The reason with its numbers.
    pub message: String,
}

/// What an order earns, in millionths of the reference currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireProfit {
    /// Value received on the source chain.
    pub source_value: Amount,
    /// Value paid on the destination chain.
    pub destination_value: Amount,
    /// Expected gas on both chains.
    pub gas: Amount,
    /// The destination's safety deposit, which the maker may keep by withdrawing alone.
    pub deposit: Amount,
    /// Net profit after gas and deposit, in basis points of the source value.
    pub bps: i64,
}

/// Answer of `bmn_submitOrder`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderSubmission {
    /// Order id, `chain:contract:orderHash:leaf`.
    pub order_id: String,
    /// EIP-712 digest.
    pub order_hash: B256,
    /// Hash of the secret.
    pub hashlock: B256,
    /// What was decided.
    pub decision: OrderDecision,
    /// Every reason of a refusal; empty when accepted.
    pub refusals: Vec<RefusalReason>,
    /// What it earns; `null` where it could not be valued.
    pub profit: Option<WireProfit>,
}

/// Answer of `bmn_submitSecret`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretAnswer {
    /// The hashlock the secret opens.
    pub hashlock: B256,
    /// Ids of the orders it belongs to.
    pub orders: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> serde_json::Value {
        serde_json::json!({
            "version": 1, "chainId": 8453, "srcChainId": 8453, "dstChainId": 10,
            "order": {
                "salt": "127982729489502734900406273425319953869362200770442874521718405",
                "maker": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
                "receiver": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
                "makerAsset": "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
                "takerAsset": "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9",
                "makingAmount": "1000000000000000000", "takingAmount": "2000000000000000000",
                "makerTraits": "33471150795161712739625987854073848363835854942411725985720694969077703283644",
            },
            "signature": { "r": format!("0x{}", "11".repeat(32)), "vs": format!("0x{}", "22".repeat(32)) },
            "extensionData": "0x000000b4", "orderHash": format!("0x{}", "33".repeat(32)),
            "hashlock": format!("0x{}", "44".repeat(32)), "createdAt": 1_795_219_860_052u64,
        })
    }

    fn read(json: serde_json::Value) -> Result<ReadOrder, FieldError> {
        serde_json::from_value::<OrderFile>(json).unwrap().read()
    }

    #[test]
    fn a_format_c_file_reads_and_its_words_write_back() {
        let order = read(file()).unwrap();
        assert_eq!(order.words[5], U256::from(10).pow(U256::from(18)));
        assert_eq!(order.dst_chain_id, Some(10));
        let words = OrderWords::write(&order.words);
        assert_eq!(serde_json::to_value(words).unwrap(), file()["order"]);
    }

    #[test]
    fn signatures_are_halves_or_bytes_or_missing() {
        let mut json = file();
        json["signature"] = serde_json::json!("0xabcd");
        let expected = ReadSignature::Contract(Bytes::from(vec![0xab, 0xcd]));
        assert_eq!(read(json.clone()).unwrap().signature, Some(expected));
        json["signature"] = serde_json::Value::Null;
        assert_eq!(read(json).unwrap().signature, None);
    }

    #[test]
    fn dirty_words_survive_reading_and_writing() {
        let dirty = format!("0x01{}", "00".repeat(31));
        let mut json = file();
        json["order"]["makerAsset"] = dirty.clone().into();
        let words = read(json).unwrap().words;
        assert_eq!(OrderWords::write(&words).maker_asset, dirty);
    }

    #[test]
    fn each_malformed_field_is_named() {
        for (pointer, value, field) in [
            ("/version", serde_json::json!(2), "version"),
            ("/srcChainId", serde_json::json!(1), "srcChainId"),
            ("/order/salt", "12a".into(), "order.salt"),
            ("/order/maker", "".into(), "order.maker"),
            ("/order/makingAmount", "-5".into(), "order.makingAmount"),
            ("/order/makerTraits", format!("0x1{}", "0".repeat(64)).into(), "order.makerTraits"),
            ("/extensionData", "0x1".into(), "extensionData"),
            ("/orderHash", "0x12".into(), "orderHash"),
            ("/hashlock", "44".repeat(32).into(), "hashlock"),
            ("/signature/vs", "0x".into(), "signature.vs"),
        ] {
            let mut json = file();
            *json.pointer_mut(pointer).unwrap() = value;
            let error = read(json).unwrap_err();
            assert_eq!(error.field, field);
            assert!(error.to_string().starts_with(&format!("`{field}`: expected ")));
        }
    }
}
