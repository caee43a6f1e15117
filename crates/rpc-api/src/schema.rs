//! JSON schemas of the forms that are not what serde would derive: hex, checked parameters, decimal amounts.
//!
//! `x-form` is the accepted form in words, as the errors of a malformed parameter have it.

use crate::{
    Amount, BlockParam, ChainParam, Cursor, Day, Days, Limit, MAX_DAYS, MAX_LIMIT, MinProfit,
    OneOrMany, ResolverParam, SecretParam, SignedAmount, SwapKey, one_or_many, params,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// Stands for alloy's type in a derive.
pub(crate) struct Address;
/// Likewise, for `B256`.
pub(crate) struct Hash;
/// Likewise.
pub(crate) struct Bytes;

macro_rules! text {
    ($($type:ty = $name:literal: $description:literal, $pattern:expr, $form:expr;)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "description": $description,
                    "pattern": $pattern,
                    "x-form": $form,
                })
            }
        }
    )*};
}

const ADDRESS: &str = "^0x[0-9a-fA-F]{40}$";
const ADDRESS_FORM: &str = "an address, 0x + 40 hex digits";
const HASH: &str = "^0x[0-9a-fA-F]{64}$";
const HASH_FORM: &str = "0x + 64 hex digits";

text! {
    Address = "Address": "An address.", ADDRESS, ADDRESS_FORM;
    Hash = "Hash": "A hash, or another word of 32 bytes.", HASH, HASH_FORM;
    Bytes = "Bytes": "Bytes.", "^0x([0-9a-fA-F]{2})*$", "0x + hex digits, two for each byte";
    Amount = "Amount": "An amount in the token's smallest unit, or another number of up to 256 bits.",
        "^(0|[1-9][0-9]{0,77})$", "a decimal string";
    SignedAmount = "SignedAmount": "A result that may be a loss.",
        "^(0|-?[1-9][0-9]{0,76})$", "a decimal string, with - in front of a loss";
    Day = "Day": "A day in UTC.",
        "^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        "a day, YYYY-MM-DD";
    ResolverParam = "Resolver": "A resolver, by the address that escrows name as their taker.",
        ADDRESS, ADDRESS_FORM;
    SecretParam = "Secret": "A secret on its way in.", HASH, HASH_FORM;
}

macro_rules! short_text {
    ($($type:ty = $name:literal: $description:literal, $form:expr;)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "description": $description,
                    "minLength": 1,
                    "maxLength": params::MAX_TEXT,
                    "x-form": $form,
                })
            }
        }
    )*};
}

short_text! {
    SwapKey = "SwapKey": "Names an order or a swap.", SwapKey::FORM;
    Cursor = "Cursor": "Where a page begins. Opaque, and good for the same method and filter alone.",
        "the `next` of the page before";
}

macro_rules! number {
    ($($type:ty = $name:literal: $description:literal, $least:literal to $most:expr, $form:expr;)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "integer",
                    "description": $description,
                    "minimum": $least,
                    "maximum": $most,
                    "x-form": $form,
                })
            }
        }
    )*};
}

number! {
    Limit = "Limit": "Items on a page.", 1 to MAX_LIMIT, format!("a whole number, 1 to {MAX_LIMIT}");
    ChainParam = "Chain": "A chain.", 0 to u64::MAX, "a chain id as a number";
    BlockParam = "Block": "A block.", 0 to u64::MAX, "a block number as a number";
    Days = "Days": "Days to look back.", 1 to MAX_DAYS, format!("a whole number, 1 to {MAX_DAYS}");
    MinProfit = "MinProfit": "Least profit, basis points of the source value.", -9_223_372_036_854_775_808_i64 to i64::MAX,
        "basis points as a whole number";
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({
            "description": "One value, or a list of values to choose from.",
            "anyOf": [
                one,
                { "type": "array", "items": one, "minItems": 1, "maxItems": one_or_many::MOST },
            ],
        })
    }
}
