//! Everything a decision was made of, as numbers that a person can check.

use crate::{
    Order, Refusal, SourceLeg,
    admit::Terms,
    policy::TokenFlag,
    stages::{TimedAction, Timetable, Verdict},
    timeline::{Shortfall, Step},
    times::timetable_at,
    worth::{Cap, Exposure, Market, Valuation, caps},
};
use alloy::primitives::Address;
use bmn_primitives::{BlockRef, ChainId};
use serde::{Deserialize, Serialize};

/// A step that can come too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slack {
    /// The step.
    pub step: Step,
    /// Latest safe time to send it, unix seconds.
    pub latest: u64,
    /// Seconds to spare when everything before it is slow.
    pub seconds: u64,
}

/// Whether every step fits its window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeSlack {
    /// Each does.
    Fits(Vec<Slack>),
    /// One does not.
    Short(Shortfall),
    /// The times themselves are wrong, and what is wrong with them.
    Malformed(String),
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
    /// Its source escrow; none for an order that is still to be filled.
    pub source: Option<&'a SourceLeg>,
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
    let table = timetable_at(order, seen.source, seen.at.time, terms)?;
    Some(match table.verdict {
        Verdict::Fits { .. } => TimeSlack::Fits(spare(&table)),
        Verdict::Short { step, seconds } => {
            // Only steps have a slack to be short of.
            let step = step.step().unwrap_or(Step::LockSource);
            TimeSlack::Short(Shortfall { step, seconds })
        }
        Verdict::Malformed { fault } => TimeSlack::Malformed(fault.to_string()),
    })
}

fn spare(table: &Timetable) -> Vec<Slack> {
    // A permission leaves the maker what his disclosure leaves him.
    let steps = table.slots.iter().filter(|slot| slot.action != TimedAction::Permit);
    let slack = steps.filter_map(|slot| {
        let seconds = slot.slack?.unsigned_abs();
        Some(Slack { step: slot.action.step()?, latest: slot.latest?, seconds })
    });
    slack.collect()
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
