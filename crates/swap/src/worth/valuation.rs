//! What an order brings and costs, on every path it can take.

use super::{
    data_fee::{DataFeeTerms, data_fee},
    gas::{PathStep, step_bytes, step_gas},
};
use crate::{
    Order, Refusal,
    admit::Terms,
    policy::{Price, Route},
    quotes::{Priced, Quotes, price_of},
};
use alloy::primitives::{Address, I256, U256};
use bmn_primitives::ChainId;
use serde::{Deserialize, Serialize};

/// An amount and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Valued {
    /// Chain.
    pub chain: ChainId,
    /// Token; zero is the coin.
    pub token: Address,
    /// Amount in its smallest unit.
    pub amount: U256,
    /// Digits after the point.
    pub decimals: u8,
    /// The price, with age and sources.
    pub price: Priced,
    /// Value in millionths of the reference currency: at the low price of what we get, at the high
    /// price of what we give.
    pub value: u128,
}

/// What one transaction of ours costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GasStep {
    /// Which.
    pub step: PathStep,
    /// Where.
    pub chain: ChainId,
    /// Gas it uses, rounded up.
    pub gas: u64,
    /// Wei per gas.
    pub gas_price: u128,
    /// Bytes of the signed transaction, rounded up.
    pub bytes: u64,
    /// What a rollup takes for its data, wei; zero elsewhere.
    pub data_fee: U256,
    /// All of it, millionths of the reference currency, rounded up.
    pub cost: u128,
}

/// Net results in millionths of the reference currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Completed at today's fees, whichever is better: the maker withdraws and keeps the deposit, or we
    /// do and keep it.
    pub best: i128,
    /// Completed at today's fees, we withdraw both and our deposit comes back.
    pub expected: i128,
    /// Completed at the fees the policy fears, after slippage, and the deposit is gone although we paid
    /// every withdrawal; less the share of swaps that are expected to fail.
    pub worst: i128,
    /// Funded, waited, and both legs taken back at the fees the policy fears; the deposit gone to
    /// whoever was faster.
    pub failed: i128,
    /// The same with both legs rescued instead.
    pub rescued: i128,
    /// The worst completed path in basis points of the source value, rounded down.
    pub worst_bps: i64,
    /// The same in the smallest unit of the source token.
    pub worst_in_source: I256,
}

/// The worth of an order with everything that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Valuation {
    /// What we get.
    pub source: Valued,
    /// What we give.
    pub destination: Valued,
    /// The source chain's coin, priced for gas; the amount is the source escrow's safety deposit.
    pub source_coin: Valued,
    /// The destination chain's coin; the amount is the destination escrow's safety deposit, which is
    /// at risk until we have withdrawn or cancelled, and won by whoever does either.
    pub destination_coin: Valued,
    /// Every step a path can have.
    pub steps: Vec<GasStep>,
    /// Results.
    pub outcomes: Outcomes,
}

/// Prices and fees of the moment, and our own book.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Market {
    /// What price sources say, and what rollups take for data.
    pub quotes: Quotes,
    /// What stands against the caps.
    pub usage: super::Usage,
}

impl Valuation {
    /// Values an order at `now`, the source chain's time.
    ///
    /// # Errors
    /// Every price or fee that is missing. Tokens and chains that are not known give none of these:
    /// they are refused elsewhere.
    pub fn of(
        order: &Order,
        market: &Market,
        gas_price: (u128, u128),
        now: u64,
        terms: &Terms<'_>,
    ) -> Result<Self, Vec<Refusal>> {
        let (from, to) = (order.id.chain, order.destination_chain);
        let (Some(src), Some(dst)) = (terms.route(from), terms.route(to)) else {
            return Err(Vec::new());
        };
        let mut faults = Vec::new();
        let mut valued = |route: &Route, token, amount, given| {
            let valued = value_at(route, token, amount, given, &market.quotes, now);
            match valued {
                Ok(valued) => valued,
                Err(reasons) => {
                    faults.extend(reasons);
                    None
                }
            }
        };
        let parts = (
            valued(src, order.source_token, order.source_amount, false),
            valued(dst, order.destination_token, order.destination_amount, true),
            valued(src, Address::ZERO, order.source_deposit, true),
            valued(dst, Address::ZERO, order.destination_deposit, true),
        );
        let data_fee = |route: &Route| {
            let asked = route.limits.op_stack;
            asked.then(|| market.quotes.data_fee_of(route.chain, now)).flatten()
        };
        let fees = (data_fee(src), data_fee(dst));
        for (route, fees) in [(src, fees.0), (dst, fees.1)] {
            if route.limits.op_stack && fees.is_none() {
                faults.push(Refusal::DataFeeUnknown(route.chain));
            }
        }
        let mut told: Vec<Refusal> = Vec::new();
        faults.into_iter().for_each(|fault| {
            if !told.contains(&fault) {
                told.push(fault);
            }
        });
        let (Some(source), Some(destination), Some(source_coin), Some(destination_coin)) = parts
        else {
            return Err(told);
        };
        if !told.is_empty() {
            return Err(told);
        }
        let steps: Vec<_> = PathStep::ALL
            .into_iter()
            .map(|step| {
                let (coin, price, fees) = if step.on_source() {
                    (&source_coin, gas_price.0, fees.0)
                } else {
                    (&destination_coin, gas_price.1, fees.1)
                };
                cost_of(order, step, coin, price, fees)
            })
            .collect();
        let outcomes =
            outcomes(&source, &destination, (&source_coin, &destination_coin), &steps, terms);
        Ok(Self { source, destination, source_coin, destination_coin, steps, outcomes })
    }
}

/// `Ok(None)` for a token that is not known, which is told elsewhere.
fn value_at(
    route: &Route,
    token: Address,
    amount: U256,
    given: bool,
    quotes: &Quotes,
    now: u64,
) -> Result<Option<Valued>, Vec<Refusal>> {
    let Some(known) = route.token(token) else { return Ok(None) };
    let decimals = known.decimals;
    let price = price_of(route, token, quotes, now)?;
    let value = if given {
        price.high.value_up(amount, decimals)
    } else {
        price.low.value(amount, decimals)
    };
    Ok(Some(Valued { chain: route.chain, token, amount, decimals, price, value }))
}

fn cost_of(
    order: &Order,
    step: PathStep,
    coin: &Valued,
    gas_price: u128,
    fees: Option<&DataFeeTerms>,
) -> GasStep {
    let (gas, bytes) = (step_gas(order.dialect, step), step_bytes(order.dialect, step));
    let data_fee = fees.map_or(U256::ZERO, |fees| data_fee(bytes, fees));
    let wei = U256::from(gas).saturating_mul(U256::from(gas_price)).saturating_add(data_fee);
    let cost = coin.price.high.value_up(wei, coin.decimals);
    GasStep { step, chain: coin.chain, gas, gas_price, bytes, data_fee, cost }
}

fn signed(value: u128) -> i128 {
    i128::try_from(value).unwrap_or(i128::MAX)
}

/// A share of a value, rounded up.
fn share(value: u128, parts: u64, of: u64) -> u128 {
    let scaled = U256::from(value).saturating_mul(U256::from(parts)).div_ceil(U256::from(of));
    u128::try_from(scaled).unwrap_or(u128::MAX)
}

fn outcomes(
    source: &Valued,
    destination: &Valued,
    coins: (&Valued, &Valued),
    steps: &[GasStep],
    terms: &Terms<'_>,
) -> Outcomes {
    use PathStep::{
        CancelDestination, CancelSource, Create, Fill, RescueDestination, RescueSource,
        WithdrawDestination, WithdrawSource,
    };
    let limits = &terms.policy.limits;
    let cost = |taken: &[PathStep]| {
        steps
            .iter()
            .filter(|step| taken.contains(&step.step))
            .fold(0u128, |sum, step| sum.saturating_add(step.cost))
    };
    let feared = |taken: &[PathStep]| share(cost(taken), limits.gas_stress_percent.max(100), 100);
    let less = |from: i128, costs: &[u128]| {
        costs.iter().map(|cost| signed(*cost)).fold(from, i128::saturating_sub)
    };
    // The source's deposit comes back to us with its withdrawal, unless somebody else is faster once
    // its public window is open.
    let (source_deposit, deposit) = (coins.0.value, coins.1.value);
    let gross = less(signed(source.value), &[destination.value]);
    let completed = [Fill, Create, WithdrawDestination, WithdrawSource];
    let expected = less(gross, &[cost(&completed)]);
    let left_to_maker = less(gross, &[cost(&[Fill, Create, WithdrawSource]), deposit]);
    let failed = less(
        0,
        &[feared(&[Fill, Create, CancelDestination, CancelSource]), deposit, source_deposit],
    );
    let rescued = less(
        0,
        &[feared(&[Fill, Create, RescueDestination, RescueSource]), deposit, source_deposit],
    );
    let slippage = share(source.value, limits.slippage_bps, 10_000);
    let failing = share(failed.min(rescued).unsigned_abs(), limits.failure_share_bps, 10_000);
    let worst = less(gross, &[feared(&completed), deposit, source_deposit, slippage, failing]);
    Outcomes {
        best: expected.max(left_to_maker),
        expected,
        worst,
        failed,
        rescued,
        worst_bps: basis_points(worst, source.value),
        worst_in_source: in_units(worst, source.price.low, source.decimals),
    }
}

/// Basis points of a value, rounded down; the least number there is of nothing.
pub(crate) fn basis_points(net: i128, of: u128) -> i64 {
    if of == 0 {
        return i64::MIN;
    }
    let scaled = net.saturating_mul(10_000).div_euclid(signed(of));
    i64::try_from(scaled).unwrap_or(if scaled < 0 { i64::MIN } else { i64::MAX })
}

/// A value in the smallest unit of a token, rounded towards zero.
fn in_units(net: i128, price: Price, decimals: u8) -> I256 {
    let one = U256::from(10).pow(U256::from(decimals));
    let units = U256::from(net.unsigned_abs()).saturating_mul(one) / U256::from(price.0.max(1));
    let units = I256::try_from(units).unwrap_or(I256::MAX);
    if net < 0 { -units } else { units }
}
