//! Everything a decision was made of, as numbers that a person can check.

use crate::{
    Order, Refusal,
    admit::Terms,
    policy::TokenFlag,
    timeline::{Shortfall, Step},
    times::{Moment, schedule},
    worth::{Cap, Exposure, Market, Valuation, caps},
};
use alloy::primitives::Address;
use bmn_primitives::{BlockRef, ChainId};
use serde::{Deserialize, Serialize};

/// A step with its latest safe moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slack {
    /// The step.
    pub step: Step,
    /// Latest safe time to send it, unix seconds.
    pub latest: u64,
    /// Seconds from the decision until then.
    pub seconds: u64,
}

/// Whether every step fits its window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeSlack {
    /// Each does.
    Fits(Vec<Slack>),
    /// One does not.
    Short(Shortfall),
}

/// The numbers behind a decision, as they were when it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// Source head.
    pub at: BlockRef,
    /// Every reason against the order; empty when it was taken.
    pub reasons: Vec<Refusal>,
    /// Gas prices on (source, destination), wei per gas.
    pub gas_price: (u128, u128),
    /// What it brings and costs; `None` where a price, a fee, a token or a chain is not known.
    pub valuation: Option<Valuation>,
    /// Least worst-case profit, basis points of the source value.
    pub min_profit_bps: i64,
    /// Every cap; empty without a valuation.
    pub caps: Vec<Cap>,
    /// Orders open, and the limit.
    pub open_orders: (u64, u64),
    /// Seconds to spare at each step; `None` where a chain is not served.
    pub time: Option<TimeSlack>,
    /// Confirmations asked for on (source, destination).
    pub confirmations: (u64, u64),
    /// Manners of its tokens that are known.
    pub flags: Vec<(ChainId, Address, TokenFlag)>,
    /// What it adds to what is open, if taken.
    pub exposure: Option<Exposure>,
}

/// What a decision was taken with.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Source head.
    pub at: BlockRef,
    /// Gas prices on (source, destination), wei per gas.
    pub gas_price: (u128, u128),
    /// Orders open.
    pub open_orders: u64,
    /// Prices, fees for data, and what stands against the caps.
    pub market: &'a Market,
    /// True for an order that is still to be filled.
    pub to_be_filled: bool,
}

/// The numbers of an order, by the functions that judged it.
pub fn assess(
    order: &Order,
    reasons: &[Refusal],
    seen: &Circumstances<'_>,
    terms: &Terms<'_>,
) -> Assessment {
    let now = seen.at.time;
    let valuation = Valuation::of(order, seen.market, seen.gas_price, now, terms).ok();
    let caps = valuation.as_ref().map_or_else(Vec::new, |valuation| {
        caps(order, valuation.source.value, &seen.market.usage, terms)
    });
    let value = terms.reference_value(order);
    let confirmations =
        |chain| terms.route(chain).map_or(0, |route| route.confirmations_for(value));
    let exposure =
        valuation.as_ref().and_then(|valuation| Exposure::of(order, valuation.source.value, terms));
    Assessment {
        at: seen.at,
        reasons: reasons.to_vec(),
        gas_price: seen.gas_price,
        min_profit_bps: terms.policy.min_profit_bps,
        caps,
        open_orders: (seen.open_orders, terms.policy.max_open_orders),
        time: time(order, seen, terms),
        confirmations: (confirmations(order.id.chain), confirmations(order.destination_chain)),
        flags: flags(order, terms),
        exposure,
        valuation,
    }
}

fn time(order: &Order, seen: &Circumstances<'_>, terms: &Terms<'_>) -> Option<TimeSlack> {
    let now = seen.at.time;
    let moment = if seen.to_be_filled { Moment::Unfilled(now) } else { Moment::Filled(now) };
    let schedule = match schedule(order, moment, terms)? {
        Ok(schedule) => schedule,
        Err(short) => return Some(TimeSlack::Short(short)),
    };
    let steps = [
        (Step::LockSource, schedule.fill_by),
        (Step::FundDestination, schedule.fund_by),
        (Step::WithdrawDestination, schedule.withdraw_destination_by),
        (Step::WithdrawSource, schedule.withdraw_source_by),
    ];
    let slack =
        steps.map(|(step, latest)| Slack { step, latest, seconds: latest.saturating_sub(now) });
    Some(TimeSlack::Fits(slack.to_vec()))
}

fn flags(order: &Order, terms: &Terms<'_>) -> Vec<(ChainId, Address, TokenFlag)> {
    let mut flags = Vec::new();
    for (chain, token) in
        [(order.id.chain, order.source_token), (order.destination_chain, order.destination_token)]
    {
        let Some(route) = terms.route(chain) else { continue };
        flags.extend(route.limits.flags_of(token).iter().map(|flag| (chain, token, *flag)));
    }
    flags
}
