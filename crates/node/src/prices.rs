//! Prices and fees for data from outside, brought into the store where decisions read them.
//!
//! A source that fails keeps its last word until that is too old; one that answers nonsense loses it at
//! once. Nothing here decides whether a price is good enough: that is [`bmn_swap::price_of`].

mod http;
mod onchain;

pub use http::{HttpPrice, read_price};
pub use onchain::{FeedPrice, PoolPrice, read_data_fee};

use crate::Clock;
use alloy::primitives::Address;
use async_trait::async_trait;
use bmn_chain::{ChainClient, ChainError};
use bmn_config::{ChainSpec, EndpointSource, PriceSourceKind, PriceSourceSpec};
use bmn_primitives::{ChainId, ErrorClass};
use bmn_store::{DecisionReads, Store, StoreError};
use bmn_swap::{Quote, Quotes};
use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

/// How long one source may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a source said of one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Millionths of the reference currency for one whole token.
    pub micros: u64,
    /// When it was true, unix seconds.
    pub at: u64,
}

/// Why a source has no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceFault {
    /// It did not answer, or not in time.
    #[error("no answer: {0}")]
    Silent(String),
    /// What it answered is no price: zero, negative, too large, or something else.
    #[error("no price: {0}")]
    Nonsense(String),
}

impl PriceFault {
    /// Whether its last word may still be believed for as long as its age allows.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Silent(_) => ErrorClass::Transient,
            Self::Nonsense(_) => ErrorClass::Corrupt,
        }
    }
}

impl From<ChainError> for PriceFault {
    fn from(error: ChainError) -> Self {
        Self::Silent(error.to_string())
    }
}

/// Something that states the price of one token.
#[async_trait]
pub trait PriceSource: Send + Sync {
    /// Its newest word.
    ///
    /// # Errors
    /// See [`PriceFault`].
    async fn ask(&self) -> Result<Word, PriceFault>;
}

/// A source and the token it speaks of.
pub struct Listed {
    /// Chain of the token.
    pub chain: ChainId,
    /// Token; zero is the coin.
    pub token: Address,
    /// The source's name in the specification.
    pub name: String,
    /// The source.
    pub source: Box<dyn PriceSource>,
}

impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listed").field("token", &self.token).field("name", &self.name).finish()
    }
}

/// A source that cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceBookError {
    /// Its URL is not there.
    #[error("price source {name} of chain {chain}: {reason}")]
    Unusable {
        /// Name of the source.
        name: String,
        /// Chain of the token.
        chain: ChainId,
        /// Why, without the URL.
        reason: String,
    },
}

impl PriceBookError {
    /// Whether to try again.
    pub const fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }
}

/// Asks every source in turn and keeps what they say.
pub struct PriceBook {
    store: Store,
    sources: Vec<Listed>,
    rollups: Vec<Arc<dyn ChainClient>>,
    patience: Duration,
}

impl std::fmt::Debug for PriceBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PriceBook").field("sources", &self.sources).finish_non_exhaustive()
    }
}

/// What the sources of a node are made from.
pub struct PriceParts<'a> {
    /// The chains, with the sources of their tokens.
    pub specs: &'a [ChainSpec],
    /// How each chain is asked.
    pub clients: BTreeMap<ChainId, Arc<dyn ChainClient>>,
    /// The URL of a source; none where it is not there.
    pub url: &'a dyn Fn(&EndpointSource) -> Option<String>,
    /// Time of answers that do not state theirs.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for PriceParts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PriceParts").finish_non_exhaustive()
    }
}

impl PriceBook {
    /// A book over any sources.
    pub fn new(store: Store, sources: Vec<Listed>, rollups: Vec<Arc<dyn ChainClient>>) -> Self {
        Self { store, sources, rollups, patience: PATIENCE }
    }

    /// The same with another time for each source to answer in.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The book that specifications ask for.
    ///
    /// # Errors
    /// [`PriceBookError::Unusable`] names the first source that cannot be asked.
    pub fn of(store: Store, parts: &PriceParts<'_>) -> Result<Self, PriceBookError> {
        let (mut sources, mut rollups) = (Vec::new(), Vec::new());
        for spec in parts.specs {
            let Some(client) = parts.clients.get(&spec.chain_id) else { continue };
            if spec.op_stack {
                rollups.push(Arc::clone(client));
            }
            let tokens = spec.tokens.iter().map(|t| (t.address, t.decimals, t.prices.as_ref()));
            let coin = (Address::ZERO, spec.native.decimals, spec.native.prices.as_ref());
            for (token, decimals, prices) in tokens.chain([coin]) {
                for source in prices.map_or(&[][..], |prices| &prices.sources) {
                    let (chain, name) = (spec.chain_id, source.name.clone());
                    let source = made(source, decimals, client, parts).map_err(|reason| {
                        PriceBookError::Unusable { name: name.clone(), chain, reason }
                    })?;
                    sources.push(Listed { chain, token, name, source });
                }
            }
        }
        Ok(Self::new(store, sources, rollups))
    }

    /// True when there is nothing to ask.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.rollups.is_empty()
    }

    /// Asks everybody once and stores what they said, in one transaction.
    ///
    /// # Errors
    /// The store's.
    pub async fn refresh(&self) -> Result<Quotes, StoreError> {
        let before = self.store.read()?.quotes()?;
        let mut quotes = self.listed_only(&before);
        for listed in &self.sources {
            let asked = tokio::time::timeout(self.patience, listed.source.ask()).await;
            let word = asked.unwrap_or_else(|_| {
                Err(PriceFault::Silent(format!("nothing within {:?}", self.patience)))
            });
            self.note(&mut quotes, listed, word);
        }
        for client in &self.rollups {
            let chain = client.chain_id();
            match tokio::time::timeout(self.patience, read_data_fee(&**client)).await {
                Ok(Ok(read)) => {
                    quotes.data_fees.insert(chain, read);
                }
                Ok(Err(fault)) => {
                    tracing::warn!(target: "bmn::node", chain = %chain, %fault, "no fee for data");
                }
                Err(_) => {
                    tracing::warn!(target: "bmn::node", chain = %chain, "no fee for data in time");
                }
            }
        }
        if quotes != before {
            let mut tx = self.store.write()?;
            tx.set_quotes(&quotes)?;
            tx.commit()?;
        }
        Ok(quotes)
    }

    /// Asks everybody again and again; what fails is told and tried again.
    pub async fn run(&self, every: Duration) -> Infallible {
        loop {
            if self.is_empty() {
                std::future::pending::<()>().await;
            }
            if let Err(error) = self.refresh().await {
                tracing::error!(target: "bmn::node", %error, "prices cannot be stored");
            }
            tokio::time::sleep(every).await;
        }
    }

    // A source that is listed no more says nothing any more.
    fn listed_only(&self, before: &Quotes) -> Quotes {
        let mut quotes = Quotes::default();
        for listed in &self.sources {
            let known = before.of(listed.chain, listed.token).iter();
            for quote in known.filter(|quote| quote.source == listed.name) {
                quotes.put(listed.chain, listed.token, quote.clone());
            }
        }
        for client in &self.rollups {
            let chain = client.chain_id();
            quotes.data_fees.extend(before.data_fees.get(&chain).map(|read| (chain, *read)));
        }
        quotes
    }

    fn note(&self, quotes: &mut Quotes, listed: &Listed, word: Result<Word, PriceFault>) {
        let (chain, token, name) = (listed.chain, listed.token, &listed.name);
        match word {
            Ok(Word { micros: 0, .. }) => quotes.forget(chain, token, name),
            Ok(Word { micros, at }) => {
                quotes.put(chain, token, Quote { micros, at, source: name.clone() });
            }
            Err(fault) => {
                tracing::warn!(
                    target: "bmn::node", chain = %chain, token = %token, source = %name, %fault, "no price"
                );
                if fault.class() == ErrorClass::Corrupt {
                    quotes.forget(chain, token, name);
                }
            }
        }
    }
}

fn made(
    source: &PriceSourceSpec,
    decimals: u8,
    client: &Arc<dyn ChainClient>,
    parts: &PriceParts<'_>,
) -> Result<Box<dyn PriceSource>, String> {
    Ok(match &source.kind {
        PriceSourceKind::Feed { contract } => {
            Box::new(FeedPrice::new(Arc::clone(client), *contract))
        }
        PriceSourceKind::Pool { contract, token, other_decimals, other_price } => {
            let other = (*other_decimals, *other_price);
            Box::new(PoolPrice::new(Arc::clone(client), *contract, (*token, decimals), other))
        }
        PriceSourceKind::Http { url, pointer, time_pointer } => {
            let url = (parts.url)(url).ok_or("its URL is not set")?;
            let clock = Arc::clone(&parts.clock);
            let read = HttpPrice::new(&url, pointer.clone(), time_pointer.clone(), clock);
            Box::new(read.map_err(|fault| fault.to_string())?)
        }
    })
}
