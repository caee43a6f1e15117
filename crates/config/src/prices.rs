//! Where the prices of a token come from, besides the specification.

use crate::{
    endpoint::EndpointSource,
    section::Section,
    values::{Decimals, Field},
};
use alloy::primitives::Address;
use std::{collections::BTreeSet, num::NonZeroU64};
use toml::de::DeValue;

/// Sources that must all have spoken, and agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceSpec {
    /// At least one.
    pub sources: Vec<PriceSourceSpec>,
    /// Largest difference between two of them, basis points of the lower one.
    pub max_spread_bps: u64,
}

/// One source of a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceSourceSpec {
    /// Name in answers and refusals, unique for the token.
    pub name: String,
    /// Seconds after which its word is no price any more.
    pub max_age_secs: u64,
    /// How it is asked.
    pub kind: PriceSourceKind,
}

/// How a price is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceSourceKind {
    /// A contract on the token's chain with `latestRoundData()` and `decimals()`.
    Feed {
        /// The contract.
        contract: Address,
    },
    /// A pair on the token's chain with `getReserves()` and `token0()`: its middle price.
    Pool {
        /// The pair.
        contract: Address,
        /// The token of the pair that stands for this one: the token itself, or the wrapped coin.
        token: Address,
        /// Decimals of the other token of the pair.
        other_decimals: u8,
        /// Value of one whole of the other token, millionths of the reference currency.
        other_price: u64,
    },
    /// A JSON document behind a URL.
    Http {
        /// The URL; it may hold a key, so that it is never shown.
        url: EndpointSource,
        /// JSON pointer to the price of one whole token, a number or a text.
        pointer: String,
        /// JSON pointer to the unix second of the price; without it, it is that of the question.
        time_pointer: Option<String>,
    },
}

/// Most sources of one token.
const MOST_SOURCES: usize = 8;

impl PriceSpec {
    pub(crate) fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let max_spread_bps = section.or("max_spread_bps", 100);
        let listed = section.optional::<crate::node::ListLength>("sources").flatten();
        let listed = listed.map_or(0, |length| length.0);
        let sources = section.tables("sources", PriceSourceSpec::read);
        if listed == 0 || listed > MOST_SOURCES {
            let reason = format!("{listed} sources: expected 1 to {MOST_SOURCES}");
            section.contradiction("sources", reason);
        }
        let mut names = BTreeSet::new();
        for source in &sources {
            if !names.insert(&source.name) {
                let reason = format!("the name {:?} is there twice", source.name);
                section.contradiction("sources", reason);
            }
        }
        Some(Self { sources, max_spread_bps: max_spread_bps? })
    }
}

impl PriceSourceSpec {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let name = section.required::<String>("name");
        let max_age = section.required::<NonZeroU64>("max_age_secs");
        let kind = section.required::<KindName>("kind");
        let kind = match kind? {
            KindName::Feed => PriceSourceKind::Feed { contract: section.required("contract")? },
            KindName::Pool => {
                let contract = section.required("contract");
                let token = section.required("token");
                let other_decimals = section.required::<Decimals>("other_decimals");
                let other_price = section.required::<NonZeroU64>("other_price");
                PriceSourceKind::Pool {
                    contract: contract?,
                    token: token?,
                    other_decimals: other_decimals?.0,
                    other_price: other_price?.get(),
                }
            }
            KindName::Http => {
                let url = section.required::<HttpUrl>("url");
                let pointer = section.required::<Pointer>("pointer");
                let time_pointer = section.optional::<Pointer>("time_pointer");
                PriceSourceKind::Http {
                    url: url?.0,
                    pointer: pointer?.0,
                    time_pointer: time_pointer?.map(|pointer| pointer.0),
                }
            }
        };
        Some(Self { name: name?, max_age_secs: max_age?.get(), kind })
    }
}

enum KindName {
    Feed,
    Pool,
    Http,
}

impl Field for KindName {
    const EXPECTED: &'static str = "\"feed\", \"pool\" or \"http\"";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        match value.as_str()? {
            "feed" => Some(Self::Feed),
            "pool" => Some(Self::Pool),
            "http" => Some(Self::Http),
            _ => None,
        }
    }
}

struct HttpUrl(EndpointSource);

impl Field for HttpUrl {
    const EXPECTED: &'static str = "a URL that begins with http:// or https://, or env:NAME";
    // A wrong one may hold a key all the same.
    const SECRET: bool = true;

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let text = value.as_str()?;
        let plain = ["http://", "https://", "env:"].iter().any(|start| text.starts_with(start));
        plain.then(|| EndpointSource::read(text)).flatten().map(Self)
    }
}

struct Pointer(String);

impl Field for Pointer {
    const EXPECTED: &'static str = "a JSON pointer, as in \"/data/price\"";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().filter(|text| text.starts_with('/')).map(|text| Self(text.to_owned()))
    }
}
