//! What to list. An empty filter (`{}`) lists everything; every field narrows.

use crate::{JobState, SwapStatus};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

// serde's own errors do not name the field; each of these does, with the form it accepts. The value
// is not repeated.
macro_rules! named {
    ($($field:ident($name:literal): $type:ty => $form:literal;)*) => {
        mod named {
            use super::*;
            use serde::{Deserializer, de::Error as _};
            $(
                pub(super) fn $field<'de, D: Deserializer<'de>>(
                    deserializer: D,
                ) -> Result<Option<$type>, D::Error> {
                    let value = serde_json::Value::deserialize(deserializer)?;
                    serde_json::from_value(value).map_err(|_| {
                        D::Error::custom(concat!("`", $name, "`: expected ", $form))
                    })
                }
            )*
        }
    };
}

named! {
    status("status"): SwapStatus => "one of refused, accepted, sourceLocked, bothLocked, secretKnown, destinationPaid, destinationRefunded, destinationStranded, refunding, exposed, completed, cancelled, void, lost, violated";
    chain("chain"): u64 => "a chain id as a number";
    maker("maker"): Address => "an address, 0x + 40 hex digits";
    hashlock("hashlock"): B256 => "a hash, 0x + 64 hex digits";
    order_hash("orderHash"): B256 => "a hash, 0x + 64 hex digits";
    from_block("fromBlock"): u64 => "a block number as a number";
    to_block("toBlock"): u64 => "a block number as a number";
    address("address"): Address => "an address, 0x + 40 hex digits";
    event("event"): String => "an event name, for example SrcEscrowCreated";
    state("state"): JobState => "one of waiting, ready, leased, sent, dead";
    order("order"): String => "an order id (chain:contract:orderHash:leaf)";
}

/// Which orders `bmn_getSwaps` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SwapFilter {
    /// Where they stand.
    #[serde(deserialize_with = "named::status")]
    pub status: Option<SwapStatus>,
    /// Chain of either leg, by id.
    #[serde(deserialize_with = "named::chain")]
    pub chain: Option<u64>,
    /// Owner of the source tokens.
    #[serde(deserialize_with = "named::maker")]
    pub maker: Option<Address>,
    /// Hash of the secret.
    #[serde(deserialize_with = "named::hashlock")]
    pub hashlock: Option<B256>,
    /// EIP-712 digest of the order.
    #[serde(deserialize_with = "named::order_hash")]
    pub order_hash: Option<B256>,
}

/// Which chain events `bmn_getEvents` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EventFilter {
    /// Chain id; without it every chain, one after the other by id.
    #[serde(deserialize_with = "named::chain")]
    pub chain: Option<u64>,
    /// First block number, included.
    #[serde(deserialize_with = "named::from_block")]
    pub from_block: Option<u64>,
    /// Last block number, included.
    #[serde(deserialize_with = "named::to_block")]
    pub to_block: Option<u64>,
    /// Escrow or factory that emitted the event, or the escrow the event names.
    #[serde(deserialize_with = "named::address")]
    pub address: Option<Address>,
    /// Event name, for example `SrcEscrowCreated`.
    #[serde(deserialize_with = "named::event")]
    pub event: Option<String>,
}

/// Which jobs `bmn_getJobs` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JobFilter {
    /// Where the job stands.
    #[serde(deserialize_with = "named::state")]
    pub state: Option<JobState>,
    /// Chain the job acts on, by id.
    #[serde(deserialize_with = "named::chain")]
    pub chain: Option<u64>,
    /// Order it is for, by its full id.
    #[serde(deserialize_with = "named::order")]
    pub order: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_is_named_with_its_form_and_not_repeated() {
        for (json, says) in [
            (r#"{"chain":"0x1"}"#, "`chain`: expected a chain id as a number"),
            (r#"{"status":"done"}"#, "`status`: expected one of refused, accepted"),
            (r#"{"maker":"0x12"}"#, "`maker`: expected an address"),
            (r#"{"hashlock":5}"#, "`hashlock`: expected a hash"),
            (r#"{"makr":"0x12"}"#, "unknown field `makr`, expected one of"),
        ] {
            let error = serde_json::from_str::<SwapFilter>(json).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
        let error = serde_json::from_str::<EventFilter>(r#"{"fromBlock":-1}"#).unwrap_err();
        assert!(error.to_string().starts_with("`fromBlock`: expected a block number"));
    }

    #[test]
    fn an_empty_filter_and_null_fields_narrow_nothing() {
        assert_eq!(serde_json::from_str::<SwapFilter>("{}").unwrap(), SwapFilter::default());
        let nulls = serde_json::to_string(&EventFilter::default()).unwrap();
        assert_eq!(serde_json::from_str::<EventFilter>(&nulls).unwrap(), EventFilter::default());
    }

    #[test]
    fn the_status_error_names_every_status() {
        let error = serde_json::from_str::<SwapFilter>(r#"{"status":1}"#).unwrap_err().to_string();
        for status in SwapStatus::ALL {
            assert!(error.contains(&status.to_string()), "{status} missing in {error}");
        }
    }
}
