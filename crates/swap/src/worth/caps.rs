//! How much may stand open at once, and against whom; what strangers may cost us, and for how long they are
//! remembered.

use crate::{Order, Refusal, admit::Terms};
use alloy::primitives::{Address, U256};
use bmn_primitives::ChainId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What one accepted order adds to what is open, at the value it was decided with. Kept until the
/// order is at an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// Source value, millionths of the reference currency.
    pub value: u128,
    /// Chain and token that we pay with.
    pub token: (ChainId, Address),
    /// Chain and token that we are paid with.
    pub source_token: (ChainId, Address),
    /// Who sells.
    pub maker: Address,
    /// Source and destination chain.
    pub route: (ChainId, ChainId),
    /// Factory of the destination escrow.
    pub factory: (ChainId, Address),
}

impl Exposure {
    /// What an order of this source value adds. `None` where its destination is not served.
    pub fn of(order: &Order, value: u128, terms: &Terms<'_>) -> Option<Self> {
        let chain = order.destination_chain;
        let factory = terms.route(chain)?.factory_for(order.dialect)?;
        Some(Self {
            value,
            token: (chain, order.destination_token),
            source_token: (order.id.chain, order.source_token),
            maker: order.maker,
            route: (order.id.chain, chain),
            factory: (chain, factory.address),
        })
    }
}

/// How long refused orders are kept. The default keeps all of them for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Retention {
    /// Seconds of the order's chain after which one is not kept; `None`: however old it is.
    pub seconds: Option<u64>,
    /// Beyond so many of them age counts for little: one goes when it is [`Self::LEAST`] old. `None`:
    /// however many there are.
    pub rows: Option<u64>,
}

impl Retention {
    /// Seconds for which a refusal can be read in any case.
    pub const LEAST: u64 = 3_600;

    /// Whether one of this age is kept no longer, where there are so many.
    pub fn is_over(&self, age: u64, rows: u64) -> bool {
        let too_old = self.seconds.is_some_and(|seconds| age > seconds);
        let too_many = self.rows.is_some_and(|most| rows > most);
        age > Self::LEAST && (too_old || too_many)
    }
}

/// What a maker's other open orders will take of the token that an order sells, smallest unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MakerClaims {
    /// All of them: his balance has to cover it beside the order.
    pub balance: U256,
    /// Those of the order's limit-order contract: what he allowed it has to cover them, too.
    pub allowance: U256,
}

impl MakerClaims {
    /// The larger of what was read at two moments.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            balance: self.balance.max(other.balance),
            allowance: self.allowance.max(other.allowance),
        }
    }

    /// Why an order of a maker who holds and allowed so much is not covered beside the others.
    pub(crate) fn against(&self, needed: U256, balance: U256, allowance: U256) -> Vec<Refusal> {
        let of = [("balance", balance, self.balance), ("allowance", allowance, self.allowance)];
        let short = of
            .into_iter()
            .filter(|(_, has, claimed)| *has >= needed && *has < needed.saturating_add(*claimed));
        short
            .map(|(what, has, claimed)| Refusal::MakerCommitted {
                what: what.to_owned(),
                has,
                claimed,
                needed,
            })
            .collect()
    }
}

/// What strangers may cost us in a day of a chain by source escrows in our name that we refuse: each is given
/// back at our expense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundLimits {
    /// How many are given back.
    pub per_day: u32,
    /// Gas for all of them, wei.
    pub gas_per_day: u128,
}

impl Default for RefundLimits {
    fn default() -> Self {
        Self { per_day: 24, gas_per_day: 10_000_000_000_000_000 }
    }
}

/// What was given back on a day already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refunded {
    /// How many.
    pub number: U256,
    /// Gas at the highest price that was signed, wei.
    pub gas: U256,
}

/// Why the next one waits for another day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefundWait {
    /// So many were given back.
    #[error("{number} source escrows of strangers were given back today, {limit} is the most")]
    Number {
        /// Today.
        number: U256,
        /// The limit.
        limit: u32,
    },
    /// It would cost too much.
    #[error(
        "giving source escrows of strangers back cost {gas} wei today and {adding} would be added, {limit} \
         is the most"
    )]
    Gas {
        /// Today, wei.
        gas: U256,
        /// This one at most, wei.
        adding: U256,
        /// The limit, wei.
        limit: u128,
    },
}

impl RefundLimits {
    /// Why one that may cost `adding` wei is not given back beside those of today.
    ///
    /// # Errors
    /// The limit that it would pass.
    pub fn allow(&self, today: Refunded, adding: U256) -> Result<(), RefundWait> {
        let Refunded { number, gas } = today;
        if number >= U256::from(self.per_day) {
            return Err(RefundWait::Number { number, limit: self.per_day });
        }
        // The first of a day goes at any price that a transaction may have: else a dear one would wait for ever.
        if !gas.is_zero() && gas.saturating_add(adding) > U256::from(self.gas_per_day) {
            return Err(RefundWait::Gas { gas, adding, limit: self.gas_per_day });
        }
        Ok(())
    }
}

/// What is open already against each thing an order would add to, millionths of the reference
/// currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Orders that pay with or are paid in its destination token.
    pub token: u128,
    /// Orders that pay with or are paid in its source token.
    pub source_token: u128,
    /// Orders of its maker.
    pub maker: u128,
    /// Orders from its source chain to its destination chain.
    pub route: u128,
    /// Orders through its destination factory.
    pub factory: u128,
}

impl Usage {
    /// Counts open orders against one that is to be added.
    pub fn against(adding: &Exposure, open: impl IntoIterator<Item = Exposure>) -> Self {
        let mut usage = Self::default();
        let add = |sum: &mut u128, counts: bool, value: u128| {
            if counts {
                *sum = sum.saturating_add(value);
            }
        };
        for one in open {
            let touches = |token| one.token == token || one.source_token == token;
            add(&mut usage.token, touches(adding.token), one.value);
            add(&mut usage.source_token, touches(adding.source_token), one.value);
            add(&mut usage.maker, one.maker == adding.maker, one.value);
            add(&mut usage.route, one.route == adding.route, one.value);
            add(&mut usage.factory, one.factory == adding.factory, one.value);
        }
        usage
    }
}

/// What a cap is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CapKind {
    /// One order.
    Order,
    /// Everything that pays with or is paid in the destination token.
    Token,
    /// Everything that pays with or is paid in the source token.
    SourceToken,
    /// Everything of the maker.
    Maker,
    /// Everything from the source chain to the destination chain.
    Route,
    /// Everything through the destination factory: whoever holds a key on its list can open its
    /// escrows.
    Factory,
}

impl fmt::Display for CapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Order => "order",
            Self::Token => "token",
            Self::SourceToken => "sourceToken",
            Self::Maker => "maker",
            Self::Route => "route",
            Self::Factory => "factory",
        })
    }
}

/// A cap with what stands against it, millionths of the reference currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// What it is on.
    pub kind: CapKind,
    /// Open already.
    pub used: u128,
    /// What the order adds.
    pub adding: u128,
    /// The limit; `None` where the operator set none.
    pub limit: Option<u128>,
}

impl Cap {
    /// The reason against the order, where the limit would be passed.
    pub fn refusal(&self) -> Option<Refusal> {
        let limit = self.limit?;
        if self.used.saturating_add(self.adding) <= limit {
            return None;
        }
        Some(match self.kind {
            CapKind::Order => Refusal::TooLarge { micros: self.adding, cap: limit },
            kind => {
                let (used, adding) = (self.used, self.adding);
                Refusal::CapExceeded { kind, used, adding, limit }
            }
        })
    }
}

/// Every cap with what stands against it.
pub fn caps(order: &Order, value: u128, usage: &Usage, terms: &Terms<'_>) -> Vec<Cap> {
    let limits = &terms.policy.limits;
    let token_cap = |chain: ChainId, token: Address| {
        let own = terms.route(chain).and_then(|route| route.limits.token_cap(token));
        own.or(limits.max_token_value)
    };
    let to = order.destination_chain;
    let factory = terms.route(to).and_then(|route| {
        let factory = route.factory_for(order.dialect)?;
        route.limits.factory_cap(factory.address)
    });
    let route = limits
        .route_caps
        .iter()
        .find(|cap| (cap.from, cap.to) == (order.id.chain, to))
        .map(|cap| cap.limit);
    let cap = |kind, used, limit| Cap { kind, used, adding: value, limit };
    vec![
        cap(CapKind::Order, 0, Some(terms.policy.max_order_value)),
        cap(CapKind::Token, usage.token, token_cap(to, order.destination_token)),
        cap(
            CapKind::SourceToken,
            usage.source_token,
            token_cap(order.id.chain, order.source_token),
        ),
        cap(CapKind::Maker, usage.maker, limits.max_maker_value),
        cap(CapKind::Route, usage.route, route.or(limits.max_route_value)),
        cap(CapKind::Factory, usage.factory, factory.or(limits.max_factory_value)),
    ]
}
