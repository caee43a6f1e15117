//! What an order is worth, and whether what it needs is there.
//!
//! One set of functions computes the numbers that refuse an order and those that explain it
//! ([`crate::Assessment`]), so that the two cannot differ.

mod caps;
mod data_fee;
mod gas;
mod valuation;

pub use caps::{
    Cap, CapKind, Exposure, MakerClaims, RefundLimits, RefundWait, Refunded, Retention, Usage, caps,
};
pub use data_fee::{DataFeeTerms, data_fee};
pub use gas::{PathStep, step_bytes, step_gas, through_contract};
pub(crate) use valuation::basis_points;
pub use valuation::{GasStep, Market, Outcomes, Valuation, Valued};

use crate::{
    Order, Refusal,
    admit::{IntakeFacts, Terms},
};
use alloy::primitives::{Address, U256};
use bmn_primitives::ChainId;

impl Terms<'_> {
    /// Source value of an order at the specification's prices, millionths of the reference currency.
    /// Confirmations go by it: what is asked for must be the same after every restart, whatever the
    /// market says by then.
    pub fn reference_value(&self, order: &Order) -> u128 {
        let token = self.route(order.id.chain).and_then(|route| route.token(order.source_token));
        token.map_or(0, |token| token.price.value(order.source_amount, token.decimals))
    }
}

pub(crate) fn funds(order: &Order, facts: &IntakeFacts) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let needed = order.source_amount;
    if facts.maker_balance < needed {
        reasons.push(Refusal::MakerBalance { balance: facts.maker_balance, needed });
    }
    if facts.maker_allowance < needed {
        reasons.push(Refusal::MakerAllowance { allowance: facts.maker_allowance, needed });
    }
    let (balance, allowance) = (facts.maker_balance, facts.maker_allowance);
    reasons.extend(facts.maker_claims.against(needed, balance, allowance));
    reasons
}

pub(crate) fn inventory(order: &Order, facts: &IntakeFacts) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let chain = order.destination_chain;
    let native = order.destination_token.is_zero();
    if !native && facts.free_token < order.destination_amount {
        reasons.push(Refusal::Inventory {
            chain,
            token: order.destination_token,
            available: facts.free_token,
            needed: order.destination_amount,
        });
    }
    let coin = order.destination_deposit.saturating_add(if native {
        order.destination_amount
    } else {
        U256::ZERO
    });
    if facts.free_native < coin {
        reasons.push(Refusal::Inventory {
            chain,
            token: Address::ZERO,
            available: facts.free_native,
            needed: coin,
        });
    }
    reasons
}

pub(crate) fn route(order: &Order, destination: U256, terms: &Terms<'_>) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let known = |chain: ChainId, token: Address| {
        terms.route(chain).is_some_and(|route| route.token(token).is_some())
    };
    let served = order.destination_chain != order.id.chain
        && terms
            .route(order.destination_chain)
            .is_some_and(|route| route.factory_for(order.dialect).is_some())
        && U256::from(order.destination_chain.0) == destination;
    if !served {
        reasons.push(Refusal::UnknownDestination(destination));
    } else if !known(order.destination_chain, order.destination_token) {
        let (chain, token) = (order.destination_chain, order.destination_token);
        reasons.push(Refusal::UnknownToken { chain, token });
    }
    if order.source_token.is_zero() || !known(order.id.chain, order.source_token) {
        reasons.push(Refusal::UnknownToken { chain: order.id.chain, token: order.source_token });
    }
    reasons
}

/// Every reason why an order does not pay or would pass a limit; `now` is the source chain's time.
pub fn worth(
    order: &Order,
    market: &Market,
    gas_price: (u128, u128),
    open: u64,
    now: u64,
    terms: &Terms<'_>,
) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let limit = terms.policy.max_open_orders;
    if open >= limit {
        reasons.push(Refusal::TooManyOpen { open, limit });
    }
    reasons.extend(listed(order, terms));
    reasons.extend(flagged(order, terms));
    reasons.extend(time_left(order, now, terms));
    match Valuation::of(order, market, gas_price, now, terms) {
        Ok(valuation) => {
            reasons.extend(pays(order, &valuation, terms));
            let caps = caps(order, valuation.source.value, &market.usage, terms);
            reasons.extend(caps.iter().filter_map(Cap::refusal));
        }
        Err(faults) => reasons.extend(faults),
    }
    reasons
}

/// The operator's lists of makers and tokens.
fn listed(order: &Order, terms: &Terms<'_>) -> Vec<Refusal> {
    let limits = &terms.policy.limits;
    let mut reasons = Vec::new();
    let denied = |list: &[Address], allowed: &[Address], address: &Address| {
        list.contains(address) || !(allowed.is_empty() || allowed.contains(address))
    };
    if denied(&limits.deny_makers, &limits.allow_makers, &order.maker) {
        reasons.push(Refusal::MakerDenied(order.maker));
    }
    for (chain, token) in both_tokens(order) {
        // The coin has no contract to be listed by.
        if !token.is_zero() && denied(&limits.deny_tokens, &limits.allow_tokens, &token) {
            reasons.push(Refusal::TokenDenied { chain, token });
        }
    }
    reasons
}

fn both_tokens(order: &Order) -> [(ChainId, Address); 2] {
    [(order.id.chain, order.source_token), (order.destination_chain, order.destination_token)]
}

fn flagged(order: &Order, terms: &Terms<'_>) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    for (chain, token) in both_tokens(order) {
        let Some(route) = terms.route(chain) else { continue };
        for flag in route.limits.flags_of(token).iter().filter(|flag| flag.refuses()) {
            reasons.push(Refusal::IllBehavedToken { chain, token, flag: *flag });
        }
    }
    reasons
}

fn time_left(order: &Order, now: u64, terms: &Terms<'_>) -> Option<Refusal> {
    let least = terms.policy.limits.min_time_left;
    let left = order.times.src_cancellation(now).saturating_sub(now);
    (left < least).then_some(Refusal::TooLittleTime { left, least })
}

fn pays(order: &Order, valuation: &Valuation, terms: &Terms<'_>) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let (policy, limits) = (terms.policy, &terms.policy.limits);
    let outcomes = &valuation.outcomes;
    if outcomes.worst_bps < policy.min_profit_bps {
        let (bps, micros, min_bps) = (outcomes.worst_bps, outcomes.worst, policy.min_profit_bps);
        reasons.push(Refusal::Unprofitable { bps, micros, min_bps });
    }
    if let Some(least) = limits.min_profit.filter(|least| outcomes.worst < i128::from(*least)) {
        reasons.push(Refusal::ProfitTooSmall { micros: outcomes.worst, least });
    }
    let cost = outcomes.failed.min(outcomes.rescued).min(0).unsigned_abs();
    if let Some(limit) = limits.max_failure_cost.filter(|limit| cost > *limit) {
        reasons.push(Refusal::TooCostlyToFail { cost, limit });
    }
    let least = terms.route(order.id.chain).map_or(0, |route| route.min_order_value);
    if valuation.source.value < least {
        reasons.push(Refusal::TooSmall { micros: valuation.source.value, least });
    }
    reasons
}
