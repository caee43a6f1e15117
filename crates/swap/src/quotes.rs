//! Prices: who stated them, when, and whether they may be believed.
//!
//! Without sources a token has the price of its chain specification. With sources it has only what they
//! say: each of them must have spoken lately, and together they must agree. A source that stopped makes
//! the token unpriced, since an old price is a stranger's option on our money.

use crate::{
    Refusal,
    policy::{Price, Route},
    worth::DataFeeTerms,
};
use alloy::primitives::Address;
use bmn_primitives::ChainId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one source said of one token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Millionths of the reference currency for one whole token.
    pub micros: u64,
    /// When it was true by the source's own word, unix seconds.
    pub at: u64,
    /// Name of the source, as in [`SourceTerms::name`].
    pub source: String,
}

/// A source of a token's price and how old its word may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceTerms {
    /// Its name, unique for the token.
    pub name: String,
    /// Seconds after which its word is no price any more.
    pub max_age: u64,
}

/// Where a token's price comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceTerms {
    /// Every one of them must have spoken.
    pub sources: Vec<SourceTerms>,
    /// Largest difference between two of them, basis points of the lower one.
    pub max_spread_bps: u64,
}

/// The newest words of the sources.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quotes {
    /// Prices by chain and token; the zero address is the chain's coin.
    pub prices: BTreeMap<(ChainId, Address), Vec<Quote>>,
    /// Fees for data of rollups, and the unix second they were read for.
    pub data_fees: BTreeMap<ChainId, (DataFeeTerms, u64)>,
}

/// Seconds after which a rollup's word about its fee for data is none any more.
pub const MAX_DATA_FEE_AGE: u64 = 600;

impl Quotes {
    /// What is known of a token.
    pub fn of(&self, chain: ChainId, token: Address) -> &[Quote] {
        self.prices.get(&(chain, token)).map_or(&[], Vec::as_slice)
    }

    /// What a rollup takes for data at `now`, unless its word is too old.
    pub fn data_fee_of(&self, chain: ChainId, now: u64) -> Option<&DataFeeTerms> {
        let (terms, at) = self.data_fees.get(&chain)?;
        (now.saturating_sub(*at) <= MAX_DATA_FEE_AGE).then_some(terms)
    }

    /// Puts a quote in the place of what its source said before.
    pub fn put(&mut self, chain: ChainId, token: Address, quote: Quote) {
        let quotes = self.prices.entry((chain, token)).or_default();
        quotes.retain(|known| known.source != quote.source);
        quotes.push(quote);
        quotes.sort_by(|a, b| a.source.cmp(&b.source));
    }

    /// Forgets what a source said. One that failed is not believed on its last word for longer than
    /// its age allows in any case; one that answered nonsense is not believed at all.
    pub fn forget(&mut self, chain: ChainId, token: Address, source: &str) {
        if let Some(quotes) = self.prices.get_mut(&(chain, token)) {
            quotes.retain(|known| known.source != source);
        }
    }
}

/// A quote and its age when it was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgedQuote {
    /// The quote.
    pub quote: Quote,
    /// Seconds.
    pub age: u64,
}

/// A token's price as it may be used: the lower one for what we get, the higher one for what we give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priced {
    /// The lowest word.
    pub low: Price,
    /// The highest word.
    pub high: Price,
    /// Each source's word; empty where the specification's price was used.
    pub quotes: Vec<AgedQuote>,
}

/// Seconds by which a source's clock may be ahead of the chain that asks.
pub const CLOCK_TOLERANCE: u64 = 60;

/// The price of a known token at `now`, the time of the source chain; every reason why it has none.
pub fn price_of(
    route: &Route,
    token: Address,
    quotes: &Quotes,
    now: u64,
) -> Result<Priced, Vec<Refusal>> {
    let chain = route.chain;
    let none = || vec![Refusal::NoPrice { chain, token }];
    let known = route.token(token).ok_or_else(none)?;
    let Some(terms) = route.limits.prices_of(token) else {
        // Without a price what we pay is worth nothing in our own books, and every order a bargain.
        if known.price.0 == 0 {
            return Err(none());
        }
        return Ok(Priced { low: known.price, high: known.price, quotes: Vec::new() });
    };
    let words = quotes.of(chain, token);
    let mut faults = Vec::new();
    let mut aged = Vec::new();
    for source in &terms.sources {
        match judge(chain, token, source, words, now) {
            Ok(quote) => aged.push(quote),
            Err(fault) => faults.push(fault),
        }
    }
    let micros = || aged.iter().map(|aged| aged.quote.micros);
    let (Some(low), Some(high)) = (micros().min(), micros().max()) else {
        return Err(if faults.is_empty() { none() } else { faults });
    };
    let spread_bps = spread(low, high);
    if spread_bps > terms.max_spread_bps {
        let limit_bps = terms.max_spread_bps;
        faults.push(Refusal::PricesDisagree { chain, token, low, high, spread_bps, limit_bps });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Priced { low: Price(low), high: Price(high), quotes: aged })
}

/// Difference in basis points of the lower price, rounded up.
fn spread(low: u64, high: u64) -> u64 {
    let wide = (u128::from(high - low) * 10_000).div_ceil(u128::from(low.max(1)));
    u64::try_from(wide).unwrap_or(u64::MAX)
}

fn judge(
    chain: ChainId,
    token: Address,
    source: &SourceTerms,
    words: &[Quote],
    now: u64,
) -> Result<AgedQuote, Refusal> {
    let name = || source.name.clone();
    let quote = words.iter().find(|quote| quote.source == source.name);
    let Some(quote) = quote.filter(|quote| quote.micros > 0) else {
        return Err(Refusal::NoQuote { chain, token, from: name() });
    };
    let ahead = quote.at.saturating_sub(now);
    if ahead > CLOCK_TOLERANCE {
        return Err(Refusal::FuturePrice { chain, token, from: name(), seconds: ahead });
    }
    let age = now.saturating_sub(quote.at);
    if age > source.max_age {
        let max_age = source.max_age;
        return Err(Refusal::StalePrice { chain, token, from: name(), age, max_age });
    }
    Ok(AgedQuote { quote: quote.clone(), age })
}
