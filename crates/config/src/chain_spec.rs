//! One chain as the resolver sees it.

use crate::{
    error::ConfigError,
    prices::PriceSpec,
    section::{Section, read_file},
    values::{Decimals, Flag},
};
use alloy::primitives::{Address, B256};
use bmn_primitives::{ChainId, Dialect};
use std::{collections::BTreeSet, num::NonZeroU64};

/// What the operator states about one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainSpec {
    /// Name for people.
    pub name: String,
    /// Chain id; a host that reports another one is refused.
    pub chain_id: ChainId,
    /// Seconds between blocks.
    pub block_time_secs: u64,
    /// Blocks on top of an including block before we rely on it; every reorg of at most this depth
    /// is survived (design rule M1).
    pub confirmations: u64,
    /// Blocks we allow for a sent transaction to be mined.
    pub inclusion_blocks: u64,
    /// Seconds by which this chain's timestamps may differ from another chain's.
    pub max_clock_skew_secs: u64,
    /// First block that may hold an event of ours: the earliest of the factories', where they state
    /// theirs.
    pub start_block: u64,
    /// Depth at which a block counts as final where the host names no finalized block.
    pub finality_depth: u64,
    /// Escrow factories that are believed. The first one of a dialect creates our destinations.
    pub factories: Vec<FactorySpec>,
    /// Tokens with a price; all others are refused. Without any the chain is indexed and nothing on it
    /// is settled.
    pub tokens: Vec<TokenSpec>,
    /// The chain's coin.
    pub native: NativeSpec,
    /// Taker assets whose transfer costs nothing (`protocol.md` 7.6).
    pub true_tokens: Vec<Address>,
    /// Our resolver contract, which takes for the dialects that a plain account cannot or must not take
    /// for. Without it their orders are refused.
    pub resolver_contract: Option<Address>,
    /// Least amounts.
    pub minimums: Minimums,
    /// A rollup of the OP stack: its transactions pay for their data, too, and its `GasPriceOracle` says
    /// how much.
    pub op_stack: bool,
    /// More confirmations for larger orders; never fewer than `confirmations`.
    pub confirmation_steps: Vec<ConfirmationStep>,
}

/// From a value on, this many confirmations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfirmationStep {
    /// Source value of an order, millionths of the reference currency.
    pub from_value: u128,
    /// Blocks on top of an including block.
    pub confirmations: u64,
}

/// An escrow factory and the contracts it works with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorySpec {
    /// The dialect it speaks: never guessed from its events.
    pub dialect: Dialect,
    /// The factory.
    pub address: Address,
    /// Which version it is, for people.
    pub version: Option<String>,
    /// The limit-order contract whose fills it accepts. Zero where it is not known, which only an
    /// index-only factory may leave open: no escrow of it is then tied to the fill it came from.
    pub limit_order_protocol: Address,
    /// Seconds from deployment until an escrow may be rescued.
    pub rescue_delay_secs: u64,
    /// Token whose holders may use the public functions; `None` where nobody can.
    pub access_token: Option<Address>,
    /// What source clones delegate to; `None` when it follows from the factory's address.
    pub source_implementation: Option<Address>,
    /// What destination clones delegate to; `None` when it follows from the factory's address.
    pub destination_implementation: Option<Address>,
    /// Its events are indexed; nothing is ever put into its escrows. For factories whose escrows lock
    /// funds, and wherever the operator wants it.
    pub index_only: bool,
    /// Block it was created in, or one before; `None` for the chain's.
    pub start_block: Option<u64>,
    /// `keccak256` of its runtime code, to be compared at start ([`Self::check_code`]).
    pub code_hash: Option<B256>,
    /// Most that may be open in destination escrows of it, millionths of the reference currency; else
    /// what the policy says of every factory.
    pub max_exposure: Option<u128>,
}

/// A token we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSpec {
    /// Ticker, unique on its chain.
    pub symbol: String,
    /// Contract.
    pub address: Address,
    /// Digits after the point of one whole token.
    pub decimals: u8,
    /// Value of one whole token, millionths of the reference currency. With sources it is the reference
    /// for confirmations alone.
    pub price: u64,
    /// Where its price comes from; `None`: it is `price`.
    pub prices: Option<PriceSpec>,
    /// Its manners, by name.
    pub flags: Vec<String>,
    /// Most that may be open in it, millionths of the reference currency; else what the policy says of
    /// every token.
    pub max_open_value: Option<u128>,
}

/// The chain's coin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeSpec {
    /// Ticker.
    pub symbol: String,
    /// Digits after the point of one whole coin.
    pub decimals: u8,
    /// Value of one whole coin, millionths of the reference currency. Zero where it is not stated,
    /// which only a chain without priced tokens may do.
    pub price: u64,
    /// Where its price comes from; `None`: it is `price`.
    pub prices: Option<PriceSpec>,
}

/// Below these nothing is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minimums {
    /// Least source value of an order, millionths of the reference currency.
    pub order_value: u128,
    /// Coins never promised to an order, so that every step already begun can pay its gas; wei.
    pub native_balance: u128,
}

impl ChainSpec {
    /// Reads a specification. `origin` names the file in errors.
    ///
    /// # Errors
    /// Every problem of the text at once.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, ConfigError> {
        read_file(text, origin, Self::read)
    }

    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let name = section.required("name");
        let chain_id = section.required("chain_id");
        let block_time_secs = section.required::<NonZeroU64>("block_time_secs");
        let confirmations = section.required::<NonZeroU64>("confirmations");
        let inclusion_blocks = section.required::<NonZeroU64>("inclusion_blocks");
        let max_clock_skew_secs = section.or("max_clock_skew_secs", 0);
        let start_block = section.or("start_block", 0);
        let finality_depth = section.required::<u64>("finality_depth");
        let native = section.table("native", NativeSpec::read);
        let minimums = section.optional_table("minimums", Minimums::read);
        let factories = section.tables("factories", FactorySpec::read);
        let tokens = section.tables("tokens", TokenSpec::read);
        let true_tokens = section.list("true_tokens");
        let op_stack = section.or("op_stack", false);
        let confirmation_steps = section.tables("confirmation_steps", ConfirmationStep::read);
        let resolver_contract = section.optional::<Address>("resolver_contract");
        let spec = Self {
            name: name?,
            chain_id: chain_id?,
            block_time_secs: block_time_secs?.get(),
            confirmations: confirmations?.get(),
            inclusion_blocks: inclusion_blocks?.get(),
            max_clock_skew_secs: max_clock_skew_secs?,
            start_block: start_block?,
            finality_depth: finality_depth?,
            factories,
            tokens,
            native: native?,
            true_tokens,
            resolver_contract: resolver_contract?,
            minimums: minimums?.unwrap_or(Minimums { order_value: 0, native_balance: 0 }),
            op_stack: op_stack?,
            confirmation_steps,
        };
        spec.check_priced(section, minimums.is_some_and(|stated| stated.is_some()));
        spec.check(section);
        Some(spec)
    }

    /// Reports what a chain on which orders are settled cannot leave open.
    fn check_priced(&self, section: &mut Section<'_, '_>, minimums: bool) {
        if self.tokens.is_empty() {
            return;
        }
        if self.native.price == 0 {
            let reason = "needs a price above 0 where tokens have one: it pays for gas".to_owned();
            section.contradiction("native", reason);
        }
        if !minimums {
            let reason = "is missing, and tokens have prices: an order of no value would be settled \
                          with the last coin";
            section.contradiction("minimums", reason.to_owned());
        }
        for token in self.tokens.iter().filter(|token| token.price == 0) {
            let reason = format!("the price of {} is 0: leave the token out instead", token.symbol);
            section.contradiction("tokens", reason);
        }
    }

    /// Reports values that contradict each other.
    fn check(&self, section: &mut Section<'_, '_>) {
        if self.finality_depth < self.confirmations {
            let reason = format!("less than the {} confirmations", self.confirmations);
            section.contradiction("finality_depth", reason);
        }
        self.check_steps(section);
        if self.factories.is_empty() {
            section.contradiction("factories", "no factory to watch".to_owned());
        }
        for address in repeated(self.factories.iter().map(|factory| factory.address)) {
            section.contradiction("factories", format!("{address} is listed twice"));
        }
        for factory in &self.factories {
            if factory.start_block.is_some_and(|start| start < self.start_block) {
                let reason = format!("{} starts before the chain's start_block", factory.address);
                section.contradiction("factories", reason);
            }
        }
        for address in repeated(self.tokens.iter().map(|token| token.address)) {
            section.contradiction("tokens", format!("{address} is listed twice"));
        }
        let symbols = self.tokens.iter().map(|token| &token.symbol);
        for symbol in repeated(symbols.chain([&self.native.symbol])) {
            section.contradiction("tokens", format!("the symbol {symbol} names two things"));
        }
        if let Some(contract) = self.resolver_contract {
            let known = self
                .factories
                .iter()
                .flat_map(|factory| [factory.address, factory.limit_order_protocol]);
            if contract.is_zero() || known.into_iter().any(|known| known == contract) {
                let reason = format!("{contract} is no contract of ours");
                section.contradiction("resolver_contract", reason);
            }
        }
        for token in self.tokens.iter().filter(|token| self.true_tokens.contains(&token.address)) {
            let reason = format!("{} has a price: a fill would pay it", token.symbol);
            section.contradiction("true_tokens", reason);
        }
    }

    fn check_steps(&self, section: &mut Section<'_, '_>) {
        let mut last = (0, self.confirmations);
        for step in &self.confirmation_steps {
            if step.from_value <= last.0 || step.confirmations <= last.1 {
                let reason = "each step needs a higher from_value and more confirmations than the one \
                              before it, the chain's own included";
                section.contradiction("confirmation_steps", reason.to_owned());
            }
            if step.confirmations > self.finality_depth {
                let reason = format!("more than finality_depth, which is {}", self.finality_depth);
                section.contradiction("confirmation_steps", reason);
            }
            last = (step.from_value, step.confirmations);
        }
    }

    /// The token at an address, when it has a price.
    pub fn token(&self, address: Address) -> Option<&TokenSpec> {
        self.tokens.iter().find(|token| token.address == address)
    }

    /// The token with a symbol, when it has a price.
    pub fn token_named(&self, symbol: &str) -> Option<&TokenSpec> {
        self.tokens.iter().find(|token| token.symbol == symbol)
    }
}

impl FactorySpec {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let dialect = section.required("dialect");
        let address = section.required("address");
        let version = section.optional("version");
        let index_only = section.or("index_only", false);
        let limit_order_protocol = if index_only == Some(true) {
            section.or("limit_order_protocol", Address::ZERO)
        } else {
            section.required("limit_order_protocol")
        };
        let rescue_delay_secs = section.required::<NonZeroU64>("rescue_delay_secs");
        let access_token = section.optional("access_token");
        let source_implementation = section.optional("source_implementation");
        let destination_implementation = section.optional("destination_implementation");
        let start_block = section.optional("start_block");
        let code_hash = section.optional("code_hash");
        let max_exposure = section.optional("max_exposure");
        Some(Self {
            dialect: dialect?,
            address: address?,
            version: version?,
            limit_order_protocol: limit_order_protocol?,
            rescue_delay_secs: rescue_delay_secs?.get(),
            access_token: access_token?,
            source_implementation: source_implementation?,
            destination_implementation: destination_implementation?,
            index_only: index_only?,
            start_block: start_block?,
            code_hash: code_hash?,
            max_exposure: max_exposure?,
        })
    }
}

impl TokenSpec {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let symbol = section.required("symbol");
        let address = section.required("address");
        let decimals = section.required::<Decimals>("decimals");
        let price = section.required("price");
        let prices = section.optional_table("prices", PriceSpec::read);
        let flags = section.list::<Flag>("flags");
        let max_open_value = section.optional("max_open_value");
        Some(Self {
            symbol: symbol?,
            address: address?,
            decimals: decimals?.0,
            price: price?,
            prices: prices?,
            flags: flags.into_iter().map(|flag| flag.0).collect(),
            max_open_value: max_open_value?,
        })
    }
}

impl NativeSpec {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let symbol = section.required("symbol");
        let decimals = section.or("decimals", Decimals(18));
        let price = section.or("price", 0);
        let prices = section.optional_table("prices", PriceSpec::read);
        Some(Self { symbol: symbol?, decimals: decimals?.0, price: price?, prices: prices? })
    }
}

impl ConfirmationStep {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let from_value = section.required("from_value");
        let confirmations = section.required::<NonZeroU64>("confirmations");
        Some(Self { from_value: from_value?, confirmations: confirmations?.get() })
    }
}

impl Minimums {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let order_value = section.required("order_value");
        let native_balance = section.required("native_balance");
        Some(Self { order_value: order_value?, native_balance: native_balance? })
    }
}

/// The values that occur more than once, each time they do so again.
fn repeated<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    values.filter(|value| !seen.insert(*value)).collect()
}
