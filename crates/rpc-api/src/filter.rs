//! What to list. An empty filter (`{}`) lists everything; every field narrows.

use crate::{Day, EscrowStates, JobState, OneOrMany, SwapStatuses};
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
    status("status"): SwapStatuses => "one of refused, accepted, sourceLocked, bothLocked, secretKnown, destinationPaid, destinationRefunded, destinationStranded, refunding, exposed, completed, cancelled, void, lost, violated, owing, watched, kept, released, or a list of them";
    chain("chain"): u64 => "a chain id as a number";
    maker("maker"): Address => "an address, 0x + 40 hex digits";
    taker("taker"): Address => "an address, 0x + 40 hex digits";
    token("token"): Address => "an address, 0x + 40 hex digits; zero is the native coin";
    escrow("escrow"): Address => "an address, 0x + 40 hex digits";
    open_for("openFor"): Address => "an address, 0x + 40 hex digits";
    min_profit_bps("minProfitBps"): i64 => "basis points as a whole number";
    escrow_state("state"): EscrowStates => "one of open, withdrawn, cancelled, rescued, or a list of them";
    unmatched("unmatched"): bool => "true or false";
    from_day("fromDay"): Day => "a day, YYYY-MM-DD";
    to_day("toDay"): Day => "a day, YYYY-MM-DD";
    hashlock("hashlock"): B256 => "a hash, 0x + 64 hex digits";
    order_hash("orderHash"): B256 => "a hash, 0x + 64 hex digits";
    from_block("fromBlock"): u64 => "a block number as a number";
    to_block("toBlock"): u64 => "a block number as a number";
    address("address"): Address => "an address, 0x + 40 hex digits";
    event("event"): String => "an event name, for example SrcEscrowCreated";
    state("state"): JobState => "one of waiting, ready, leased, sent, dead";
    order("order"): String => "an order id (chain:contract:orderHash:leaf)";
    hashlocks("hashlock"): OneOrMany<B256> => "a hash, 0x + 64 hex digits, or a list of them";
}

/// Which orders `bmn_getSwaps` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SwapFilter {
    /// Where they stand: one status, or a list of those to show.
    #[serde(deserialize_with = "named::status")]
    pub status: Option<SwapStatuses>,
    /// Chain of either leg, by id.
    #[serde(deserialize_with = "named::chain")]
    pub chain: Option<u64>,
    /// Owner of the source tokens.
    #[serde(deserialize_with = "named::maker")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub maker: Option<Address>,
    /// Taker that the source escrow names; an order without one has none.
    #[serde(deserialize_with = "named::taker")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub taker: Option<Address>,
    /// Token sold or bought.
    #[serde(deserialize_with = "named::token")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub token: Option<Address>,
    /// Hash of the secret.
    #[serde(deserialize_with = "named::hashlock")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub hashlock: Option<B256>,
    /// EIP-712 digest of the order.
    #[serde(deserialize_with = "named::order_hash")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub order_hash: Option<B256>,
    /// Either escrow; the destination also while it is only planned.
    #[serde(deserialize_with = "named::escrow")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub escrow: Option<Address>,
    /// First block that may hold the creation of the source escrow, on its chain.
    #[serde(deserialize_with = "named::from_block")]
    pub from_block: Option<u64>,
    /// Last such block, included.
    #[serde(deserialize_with = "named::to_block")]
    pub to_block: Option<u64>,
    /// Orders that are not terminal and this resolver's to settle: its address is the taker of the
    /// source escrow or, while there is none, the account of this node.
    #[serde(deserialize_with = "named::open_for")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub open_for: Option<Address>,
    /// Least profit in basis points of the source value, at the configured prices and the base fees
    /// of the newest indexed blocks. What cannot be valued does not match.
    #[serde(deserialize_with = "named::min_profit_bps")]
    pub min_profit_bps: Option<i64>,
}

/// Which source escrows `bmn_getSources` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SourceFilter {
    /// Chain id; without it every chain, one after the other by id.
    #[serde(deserialize_with = "named::chain")]
    pub chain: Option<u64>,
    /// The escrow.
    #[serde(deserialize_with = "named::escrow")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub escrow: Option<Address>,
    /// Order hash it names.
    #[serde(deserialize_with = "named::order_hash")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub order_hash: Option<B256>,
    /// Hash of the secret.
    #[serde(deserialize_with = "named::hashlock")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub hashlock: Option<B256>,
    /// Maker. One whose word has dirty high bits matches no address.
    #[serde(deserialize_with = "named::maker")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub maker: Option<Address>,
    /// Taker, in the same way.
    #[serde(deserialize_with = "named::taker")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub taker: Option<Address>,
    /// Token locked, in the same way.
    #[serde(deserialize_with = "named::token")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub token: Option<Address>,
    /// How it stands: one state, or a list of those to show.
    #[serde(deserialize_with = "named::escrow_state")]
    pub state: Option<EscrowStates>,
    /// First block that may have created it.
    #[serde(deserialize_with = "named::from_block")]
    pub from_block: Option<u64>,
    /// Last such block, included.
    #[serde(deserialize_with = "named::to_block")]
    pub to_block: Option<u64>,
}

/// Which destination escrows `bmn_getDestinations` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DestinationFilter {
    /// Chain id; without it every chain, one after the other by id.
    #[serde(deserialize_with = "named::chain")]
    pub chain: Option<u64>,
    /// The escrow.
    #[serde(deserialize_with = "named::escrow")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub escrow: Option<Address>,
    /// Hash of the secret.
    #[serde(deserialize_with = "named::hashlock")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub hashlock: Option<B256>,
    /// Taker that the factory's event names.
    #[serde(deserialize_with = "named::taker")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub taker: Option<Address>,
    /// How it stands: one state, or a list of those to show.
    #[serde(deserialize_with = "named::escrow_state")]
    pub state: Option<EscrowStates>,
    /// Only those without (`true`) or with (`false`) a source escrow of the same hashlock on any
    /// indexed chain.
    #[serde(deserialize_with = "named::unmatched")]
    pub unmatched: Option<bool>,
    /// First block that may have created it.
    #[serde(deserialize_with = "named::from_block")]
    pub from_block: Option<u64>,
    /// Last such block, included.
    #[serde(deserialize_with = "named::to_block")]
    pub to_block: Option<u64>,
}

/// Which source escrows `bmn_getPendingOrders` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PendingFilter {
    /// Chain of the source escrow; without it every chain, one after the other by id.
    #[serde(deserialize_with = "named::chain")]
    pub chain: Option<u64>,
    /// Least profit in basis points of the source value, at the configured prices and the base fees
    /// of the newest indexed blocks. What cannot be valued does not match.
    #[serde(deserialize_with = "named::min_profit_bps")]
    pub min_profit_bps: Option<i64>,
}

/// Which days `bmn_getStatistics` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StatisticsFilter {
    /// Chain id; without it every chain, one after the other by id.
    #[serde(deserialize_with = "named::chain")]
    pub chain: Option<u64>,
    /// First day, in UTC.
    #[serde(deserialize_with = "named::from_day")]
    pub from_day: Option<Day>,
    /// Last day, included.
    #[serde(deserialize_with = "named::to_day")]
    pub to_day: Option<Day>,
    /// Only the volumes of this token; the counts are those of all.
    #[serde(deserialize_with = "named::token")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub token: Option<Address>,
}

/// A chain as it was after one of its blocks: what came later is left out, as if it had not been mined yet. Possible
/// from the newest final block on, and no more than 4 096 blocks back. Other chains, and which order of this node an
/// escrow belongs to, are shown as they are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AsOf {
    /// Chain id.
    pub chain: u64,
    /// Number of the last block to count.
    pub block: u64,
}

/// Which chain events `bmn_getEvents` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub address: Option<Address>,
    /// Event name, for example `SrcEscrowCreated`.
    #[serde(deserialize_with = "named::event")]
    pub event: Option<String>,
}

/// Which jobs `bmn_getJobs` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// Which dead letters `bmn_listDeadLetters` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DeadLetterFilter {
    /// Chain the job acts on, by id.
    #[serde(deserialize_with = "named::chain")]
    pub chain: Option<u64>,
    /// Order it is for, by its full id.
    #[serde(deserialize_with = "named::order")]
    pub order: Option<String>,
}

/// Which changes a subscription to `swaps` tells. Fields of the order never change; `status` is the one that a
/// change leads to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ChangeFilter {
    /// Status after the change: one, or a list of those to tell.
    #[serde(deserialize_with = "named::status")]
    pub status: Option<SwapStatuses>,
    /// Order, by its full id.
    #[serde(deserialize_with = "named::order")]
    pub order: Option<String>,
    /// Chain of either leg, by id.
    #[serde(deserialize_with = "named::chain")]
    pub chain: Option<u64>,
    /// Owner of the source tokens.
    #[serde(deserialize_with = "named::maker")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub maker: Option<Address>,
    /// Token sold or bought.
    #[serde(deserialize_with = "named::token")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub token: Option<Address>,
    /// Hash of the secret: one, or a list of those to tell.
    #[serde(deserialize_with = "named::hashlocks")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<OneOrMany<crate::schema::Hash>>"))]
    pub hashlock: Option<OneOrMany<B256>>,
}

/// Which secrets a subscription to `secrets` tells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SecretFilter {
    /// Chain that shows it, by id.
    #[serde(deserialize_with = "named::chain")]
    pub chain: Option<u64>,
    /// Hash of the secret: one, or a list of those to tell.
    #[serde(deserialize_with = "named::hashlocks")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<OneOrMany<crate::schema::Hash>>"))]
    pub hashlock: Option<OneOrMany<B256>>,
    /// Escrow that was opened.
    #[serde(deserialize_with = "named::escrow")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Address>"))]
    pub escrow: Option<Address>,
}

/// Which blocks a subscription to `blocks` tells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BlockFilter {
    /// Chain id.
    #[serde(deserialize_with = "named::chain")]
    pub chain: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EscrowState, SwapStatus};

    #[test]
    fn a_wrong_field_is_named_with_its_form_and_not_repeated() {
        for (json, says) in [
            (r#"{"chain":"0x1"}"#, "`chain`: expected a chain id as a number"),
            (r#"{"status":"done"}"#, "`status`: expected one of refused, accepted"),
            (r#"{"maker":"0x12"}"#, "`maker`: expected an address"),
            (r#"{"hashlock":5}"#, "`hashlock`: expected a hash"),
            (r#"{"status":[]}"#, "`status`: expected one of refused, accepted"),
            (r#"{"token":"0x1"}"#, "`token`: expected an address"),
            (r#"{"openFor":1}"#, "`openFor`: expected an address"),
            (r#"{"minProfitBps":"5"}"#, "`minProfitBps`: expected basis points"),
            (r#"{"makr":"0x12"}"#, "unknown field `makr`, expected one of"),
        ] {
            let error = serde_json::from_str::<SwapFilter>(json).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
        let error = serde_json::from_str::<EventFilter>(r#"{"fromBlock":-1}"#).unwrap_err();
        assert!(error.to_string().starts_with("`fromBlock`: expected a block number"));
        let error = serde_json::from_str::<StatisticsFilter>(r#"{"toDay":"2026-02-30"}"#);
        assert!(error.unwrap_err().to_string().starts_with("`toDay`: expected a day, YYYY-MM-DD"));
        let error = serde_json::from_str::<DestinationFilter>(r#"{"unmatched":1}"#).unwrap_err();
        assert!(error.to_string().starts_with("`unmatched`: expected true or false"));
    }

    #[test]
    fn one_state_or_several_and_the_same_ones_are_the_same_filter() {
        let read = |json: &str| serde_json::from_str::<SourceFilter>(json).unwrap();
        let one = read(r#"{"state":"open"}"#);
        assert_eq!(one, read(r#"{"state":["open","open"]}"#));
        assert_eq!(serde_json::to_value(&one).unwrap()["state"], "open");
        let several = read(r#"{"state":["rescued","open"]}"#);
        assert_eq!(several, read(r#"{"state":["open","rescued"]}"#));
        assert_eq!(several.state.unwrap().as_slice(), [EscrowState::Open, EscrowState::Rescued]);
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
