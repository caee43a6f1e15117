//! What a transaction bids (M6): pure functions of the market, the time left and the cap.

use bmn_chain::Fees;

/// Fees of one signed version, wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bid {
    pub(crate) max_fee: u128,
    pub(crate) priority_fee: u128,
}

/// How hard a bid is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pressure {
    /// Seconds until the latest safe moment to send; `None`: there is none.
    pub(crate) time_left: Option<u64>,
    /// Seconds from sending to inclusion on this chain.
    pub(crate) inclusion: u64,
    /// Versions that were signed before.
    pub(crate) versions: usize,
    /// Versions that may be signed.
    pub(crate) max_versions: usize,
    /// Most that is ever bid, wei per gas.
    pub(crate) cap: u128,
}

/// Inclusion times before the deadline at which a bid begins to leave the market's.
const HORIZON: u64 = 4;

/// One, as urgencies count.
const FULL: u128 = 1 << 16;

impl Pressure {
    /// From 0, the market's bid, to [`FULL`], the cap: nothing until [`HORIZON`] inclusion times are
    /// left, everything when one is. The square keeps it flat while there is time.
    fn urgency(self) -> u128 {
        let Some(left) = self.time_left else { return 0 };
        let inclusion = self.inclusion.max(1);
        let horizon = inclusion.saturating_mul(HORIZON);
        if left <= inclusion {
            return FULL;
        }
        if left >= horizon {
            return 0;
        }
        let gone = u128::from(horizon - left) * FULL / u128::from(horizon - inclusion);
        gone * gone / FULL
    }
}

impl Pressure {
    /// Whether a bid leaves the market's already.
    pub(crate) fn is_urgent(self) -> bool {
        self.urgency() > 0
    }
}

// `from` moved towards `to` by `share` of FULL; never past it, never wrapped.
const fn towards(from: u128, to: u128, share: u128) -> u128 {
    let gap = to.saturating_sub(from);
    from + (gap / FULL) * share + (gap % FULL) * share / FULL
}

impl Bid {
    /// The market's: room for the base fee to double before the bid falls out of a block.
    pub(crate) const fn market(fees: Fees) -> Self {
        let priority_fee = if fees.priority == 0 { 1 } else { fees.priority };
        Self { max_fee: fees.base.saturating_mul(2).saturating_add(priority_fee), priority_fee }
    }

    /// The bid of a first version.
    pub(crate) fn first(fees: Fees, pressure: Pressure) -> Self {
        let market = Self::market(fees);
        let urgency = pressure.urgency();
        let bid = Self {
            max_fee: towards(market.max_fee, pressure.cap, urgency),
            priority_fee: towards(market.priority_fee, pressure.cap, urgency),
        };
        bid.within(pressure.cap)
    }

    fn within(self, cap: u128) -> Self {
        let max_fee = self.max_fee.min(cap);
        Self { max_fee, priority_fee: self.priority_fee.min(max_fee) }
    }

    /// At least an eighth above the last one: pools ask for a tenth on both fields.
    pub(crate) const fn floor_above(self) -> Self {
        const fn step(fee: u128) -> u128 {
            fee.saturating_add(fee / 8).saturating_add(1)
        }
        Self { max_fee: step(self.max_fee), priority_fee: step(self.priority_fee) }
    }

    /// The bid of the version after this one; `None` when it would pass the cap or one too many.
    pub(crate) fn raise(self, fees: Fees, pressure: Pressure) -> Option<Self> {
        if pressure.versions >= pressure.max_versions {
            return None;
        }
        let (floor, wanted) = (self.floor_above(), Self::first(fees, pressure));
        let bid = Self {
            max_fee: floor.max_fee.max(wanted.max_fee).max(floor.priority_fee),
            priority_fee: floor.priority_fee.max(wanted.priority_fee),
        };
        (bid.max_fee <= pressure.cap).then_some(bid)
    }
}

/// The most that gas may cost: a multiple of the market's bid, what the operator allows, and what is at
/// stake divided by the gas that it takes to save it.
pub(crate) fn cap(
    market: Bid,
    multiple: u32,
    max_fee: Option<u128>,
    at_stake: Option<u128>,
) -> u128 {
    let usual = market.max_fee.saturating_mul(u128::from(multiple.max(1)));
    usual.min(max_fee.unwrap_or(u128::MAX)).min(at_stake.unwrap_or(u128::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pressure() -> impl Strategy<Value = Pressure> {
        (proptest::option::of(0u64..10_000), 0u64..600, 0usize..40, 1u128..1 << 100).prop_map(
            |(time_left, inclusion, versions, cap)| Pressure {
                time_left,
                inclusion,
                versions,
                max_versions: 32,
                cap,
            },
        )
    }

    fn fees() -> impl Strategy<Value = Fees> {
        (0u128..1 << 80, 0u128..1 << 80).prop_map(|(base, priority)| Fees { base, priority })
    }

    proptest! {
        #[test]
        fn a_raised_bid_always_replaces_and_never_passes_the_cap(
            max in 1u128..1 << 90, share in 0u128..=100, fees in fees(), pressure in pressure(),
        ) {
            let old = Bid { max_fee: max, priority_fee: max / 100 * share };
            if let Some(new) = old.raise(fees, pressure) {
                prop_assert!(new.max_fee * 10 >= old.max_fee * 11);
                prop_assert!(new.priority_fee * 10 >= old.priority_fee * 11);
                prop_assert!(new.priority_fee <= new.max_fee);
                prop_assert!(new.max_fee <= pressure.cap);
                prop_assert!(pressure.versions < pressure.max_versions);
            }
        }

        #[test]
        fn a_first_bid_stays_between_the_market_and_the_cap(fees in fees(), pressure in pressure()) {
            let (bid, market) = (Bid::first(fees, pressure), Bid::market(fees));
            prop_assert!(bid.max_fee <= pressure.cap && bid.priority_fee <= bid.max_fee);
            prop_assert!(bid.max_fee >= market.max_fee.min(pressure.cap));
        }

        #[test]
        fn less_time_never_bids_less(fees in fees(), pressure in pressure(), less in 0u64..10_000) {
            let Some(left) = pressure.time_left else { return Ok(()) };
            let later = Pressure { time_left: Some(left.saturating_sub(less)), ..pressure };
            let (before, after) = (Bid::first(fees, pressure), Bid::first(fees, later));
            prop_assert!(after.max_fee >= before.max_fee);
            prop_assert!(after.priority_fee >= before.priority_fee);
        }

        #[test]
        fn it_rises_without_jumps(fees in fees(), inclusion in 1u64..600, left in 1u64..3_000) {
            let at = |time_left| Pressure {
                time_left: Some(time_left), inclusion, versions: 0, max_versions: 1,
                cap: Bid::market(fees).max_fee.saturating_mul(10),
            };
            let (before, after) = (Bid::first(fees, at(left)), Bid::first(fees, at(left - 1)));
            // The steepest second of a square over three inclusion times.
            let whole = at(0).cap - Bid::market(fees).max_fee;
            let most = whole / u128::from(inclusion) + whole / 100 + 1;
            prop_assert!(after.max_fee - before.max_fee <= most, "{before:?} {after:?}");
        }
    }

    #[test]
    fn the_last_moment_bids_the_cap_and_plenty_of_time_the_market() {
        let fees = Fees { base: 100, priority: 3 };
        let at = |time_left| Pressure {
            time_left,
            inclusion: 12,
            versions: 0,
            max_versions: 1,
            cap: 2_030,
        };
        assert_eq!(Bid::first(fees, at(Some(48))), Bid { max_fee: 203, priority_fee: 3 });
        assert_eq!(Bid::first(fees, at(None)), Bid::market(fees));
        assert_eq!(Bid::first(fees, at(Some(12))), Bid { max_fee: 2_030, priority_fee: 2_030 });
        let half = Bid::first(fees, at(Some(30)));
        assert!(half.max_fee > 600 && half.max_fee < 700, "{half:?}");
    }

    #[test]
    fn what_is_at_stake_and_what_the_operator_says_bound_the_cap() {
        let market = Bid { max_fee: 100, priority_fee: 1 };
        assert_eq!(cap(market, 10, None, None), 1_000);
        assert_eq!(cap(market, 10, Some(400), None), 400);
        assert_eq!(cap(market, 10, Some(400), Some(7)), 7);
        assert_eq!(cap(market, 0, None, None), 100, "a multiple of nothing would never send");
    }
}
