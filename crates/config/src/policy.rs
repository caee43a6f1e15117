//! The operator's limits.

use crate::{
    error::ConfigError,
    section::{Section, read_file},
};
use alloy::primitives::Address;
use bmn_primitives::ChainId;

/// How much the operator is willing to risk, and for what gain. Every key has a default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Least profit after gas, in basis points of the source value. Negative: settle at a loss.
    pub min_profit_bps: i64,
    /// Largest source value of one order, millionths of the reference currency.
    pub max_order_value: u128,
    /// Seconds the maker is given to disclose once both legs stand.
    pub maker_reaction_secs: u64,
    /// Longest time from now to an order's source cancellation, seconds: our tokens may be locked for
    /// as long.
    pub max_window_secs: u64,
    /// Serve source escrows that somebody else created naming us (design rule M1).
    pub allow_direct_source: bool,
    /// Gas we spend on giving back one direct source escrow that we refused.
    pub cancel_refused_gas: u64,
    /// Orders open at the same time.
    pub max_open_orders: u64,
    /// Allowances, caps and lists.
    pub limits: PolicyLimits,
}

/// Allowances for what may go wrong, caps over everything that is open, and lists. Values are millionths
/// of the reference currency. The default allows for nothing and caps nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLimits {
    /// Least profit on the worst path that completes.
    pub min_profit_value: Option<i64>,
    /// Share of the source value that its price may lose until it is sold, basis points.
    pub slippage_bps: u64,
    /// Fees that the worst path is computed with, percent of those of the moment.
    pub gas_stress_percent: u64,
    /// Swaps in ten thousand that are expected to fail once both legs stand.
    pub failure_share_bps: u64,
    /// Most that a swap may cost which fails.
    pub max_failure_cost: Option<u128>,
    /// Least time from now to the source's cancellation, seconds.
    pub min_time_left_secs: u64,
    /// Most that may be open in one token of a chain.
    pub max_token_value: Option<u128>,
    /// Most that may be open with one maker.
    pub max_maker_value: Option<u128>,
    /// Most that may be open from one chain to one other.
    pub max_route_value: Option<u128>,
    /// Most that may be open through one destination factory.
    pub max_factory_value: Option<u128>,
    /// Caps of single routes, before `max_route_value`.
    pub routes: Vec<RouteLimit>,
    /// Makers that are served; everybody where empty.
    pub allow_makers: Vec<Address>,
    /// Makers that are not served.
    pub deny_makers: Vec<Address>,
    /// Tokens that are settled; every known one where empty.
    pub allow_tokens: Vec<Address>,
    /// Tokens that are not settled.
    pub deny_tokens: Vec<Address>,
    /// Source escrows of strangers that we refused and give back on a day of a chain; the others wait for
    /// the next day.
    pub refunds_per_day: u32,
    /// Most that may be spent on gas for it on a day of a chain, wei.
    pub refund_gas_per_day_wei: u128,
    /// Days that refused orders are kept; 0 is for ever.
    pub refused_days: u64,
    /// Refused orders that are kept at most; beyond, each goes after an hour.
    pub refused_rows: u64,
}

impl Default for PolicyLimits {
    fn default() -> Self {
        Self {
            min_profit_value: None,
            slippage_bps: 0,
            gas_stress_percent: 100,
            failure_share_bps: 0,
            max_failure_cost: None,
            min_time_left_secs: 0,
            max_token_value: None,
            max_maker_value: None,
            max_route_value: None,
            max_factory_value: None,
            routes: Vec::new(),
            allow_makers: Vec::new(),
            deny_makers: Vec::new(),
            allow_tokens: Vec::new(),
            deny_tokens: Vec::new(),
            refunds_per_day: 24,
            refund_gas_per_day_wei: 10_000_000_000_000_000,
            refused_days: 7,
            refused_rows: 50_000,
        }
    }
}

/// Most that may be open from one chain to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteLimit {
    /// Source chain.
    pub from: ChainId,
    /// Destination chain.
    pub to: ChainId,
    /// Millionths of the reference currency.
    pub max_value: u128,
}

impl RouteLimit {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let from = section.required::<ChainId>("from");
        let to = section.required::<ChainId>("to");
        let max_value = section.required("max_value");
        let (from, to) = (from?, to?);
        if from == to {
            section.contradiction("to", format!("chain {to} is where it comes from"));
        }
        Some(Self { from, to, max_value: max_value? })
    }
}

impl PolicyLimits {
    // The keys stand beside the others of the policy.
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let default = Self::default();
        let min_profit = section.optional("min_profit_value");
        let slippage = section.or("slippage_bps", default.slippage_bps);
        let stress = section.or("gas_stress_percent", default.gas_stress_percent);
        let failure = section.or("failure_share_bps", default.failure_share_bps);
        let max_failure_cost = section.optional("max_failure_cost");
        let min_time_left = section.or("min_time_left_secs", default.min_time_left_secs);
        let max_token_value = section.optional("max_token_value");
        let max_maker_value = section.optional("max_maker_value");
        let max_route_value = section.optional("max_route_value");
        let max_factory_value = section.optional("max_factory_value");
        let refunds = section.or("refunds_per_day", u64::from(default.refunds_per_day));
        let refund_gas = section.or("refund_gas_per_day_wei", default.refund_gas_per_day_wei);
        let refused_days = section.or("refused_days", default.refused_days);
        let refused_rows = section.or("refused_rows", default.refused_rows);
        if refused_days.is_some_and(|days| days > 36_500) {
            section.contradiction("refused_days", "expected 0 to 36500".to_owned());
        }
        if refunds.is_some_and(|refunds| refunds > 10_000) {
            section.contradiction("refunds_per_day", "expected 0 to 10000".to_owned());
        }
        let routes = section.tables("routes", RouteLimit::read);
        let lists = ["allow_makers", "deny_makers", "allow_tokens", "deny_tokens"];
        let [allow_makers, deny_makers, allow_tokens, deny_tokens] =
            lists.map(|key| section.list::<Address>(key));
        for (key, share) in [("slippage_bps", slippage), ("failure_share_bps", failure)] {
            if share.is_some_and(|share| share > 10_000) {
                section.contradiction(key, "more than 10000 basis points".to_owned());
            }
        }
        if stress.is_some_and(|stress| !(100..=10_000).contains(&stress)) {
            section.contradiction("gas_stress_percent", "expected 100 to 10000".to_owned());
        }
        let both = |allowed: &[Address], denied: &[Address]| {
            allowed.iter().find(|address| denied.contains(address)).copied()
        };
        for (key, found) in [
            ("deny_makers", both(&allow_makers, &deny_makers)),
            ("deny_tokens", both(&allow_tokens, &deny_tokens)),
        ] {
            if let Some(address) = found {
                section.contradiction(key, format!("{address} is on the other list, too"));
            }
        }
        Some(Self {
            min_profit_value: min_profit?,
            slippage_bps: slippage?,
            gas_stress_percent: stress?,
            failure_share_bps: failure?,
            max_failure_cost: max_failure_cost?,
            min_time_left_secs: min_time_left?,
            max_token_value: max_token_value?,
            max_maker_value: max_maker_value?,
            max_route_value: max_route_value?,
            max_factory_value: max_factory_value?,
            routes,
            allow_makers,
            deny_makers,
            allow_tokens,
            deny_tokens,
            refunds_per_day: u32::try_from(refunds?).ok()?,
            refund_gas_per_day_wei: refund_gas?,
            refused_days: refused_days?,
            refused_rows: refused_rows?,
        })
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            min_profit_bps: 10,
            max_order_value: 10_000_000_000,
            maker_reaction_secs: 60,
            max_window_secs: 86_400,
            allow_direct_source: false,
            cancel_refused_gas: 150_000,
            max_open_orders: 1_000,
            limits: PolicyLimits::default(),
        }
    }
}

impl Policy {
    /// Reads a policy; absent keys keep their default. `origin` names the file in errors.
    ///
    /// # Errors
    /// Every problem of the text at once.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, ConfigError> {
        read_file(text, origin, Self::read)
    }

    pub(crate) fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let default = Self::default();
        let min_profit_bps = section.or("min_profit_bps", default.min_profit_bps);
        let max_order_value = section.or("max_order_value", default.max_order_value);
        let maker_reaction_secs = section.or("maker_reaction_secs", default.maker_reaction_secs);
        let max_window_secs = section.or("max_window_secs", default.max_window_secs);
        let allow_direct_source = section.or("allow_direct_source", default.allow_direct_source);
        let cancel_refused_gas = section.or("cancel_refused_gas", default.cancel_refused_gas);
        let max_open_orders = section.or("max_open_orders", default.max_open_orders);
        let limits = PolicyLimits::read(section);
        if let (Some(reaction), Some(window)) = (maker_reaction_secs, max_window_secs)
            && reaction >= window
        {
            let reason = format!("no order fits: max_window_secs is {window}");
            section.contradiction("maker_reaction_secs", reason);
        }
        Some(Self {
            min_profit_bps: min_profit_bps?,
            max_order_value: max_order_value?,
            maker_reaction_secs: maker_reaction_secs?,
            max_window_secs: max_window_secs?,
            allow_direct_source: allow_direct_source?,
            cancel_refused_gas: cancel_refused_gas?,
            max_open_orders: max_open_orders?,
            limits: limits?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(Policy::from_toml("", "policy.toml"), Ok(Policy::default()));
    }

    #[test]
    fn a_key_overrides_its_default_alone() {
        let policy =
            Policy::from_toml("min_profit_bps = -5\nallow_direct_source = true", "p").unwrap();
        let expected =
            Policy { min_profit_bps: -5, allow_direct_source: true, ..Policy::default() };
        assert_eq!(policy, expected);
    }

    #[test]
    fn every_limit_is_read_and_each_wrong_one_is_named() {
        let text = "min_profit_value = 5\nslippage_bps = 20\nmax_maker_value = 7\nrefunds_per_day = 3\n\
                    refund_gas_per_day_wei = 44\nrefused_days = 2\nrefused_rows = 8\n\
                    deny_makers = \
                    [\"0x1111111111111111111111111111111111111111\"]\n[[routes]]\nfrom = 1\nto = 10\n\
                    max_value = 9";
        let limits = Policy::from_toml(text, "p").unwrap().limits;
        let route = RouteLimit { from: ChainId(1), to: ChainId(10), max_value: 9 };
        assert_eq!(
            (limits.min_profit_value, limits.slippage_bps, limits.routes),
            (Some(5), 20, vec![route])
        );
        assert_eq!(limits.deny_makers, [Address::repeat_byte(0x11)]);
        assert_eq!((limits.refunds_per_day, limits.refund_gas_per_day_wei), (3, 44));
        assert_eq!((limits.refused_days, limits.refused_rows), (2, 8));
        for (text, says) in [
            ("slippage_bps = 10_001", "`slippage_bps`: more than 10000 basis points"),
            ("gas_stress_percent = 99", "`gas_stress_percent`: expected 100 to 10000"),
            ("max_maker_vlaue = 1", "max_maker_value"),
            ("refused_days = 40_000", "`refused_days`: expected 0 to 36500"),
            ("refunds_per_day = 10_001", "`refunds_per_day`: expected 0 to 10000"),
            ("deny_makers = [5]", "`deny_makers[0]`: expected an address"),
            (
                "allow_tokens = [\"0x1111111111111111111111111111111111111111\"]\n\
                 deny_tokens = [\"0x1111111111111111111111111111111111111111\"]",
                "is on the other list, too",
            ),
            ("[[routes]]\nfrom = 1\nto = 1\nmax_value = 1", "where it comes from"),
        ] {
            let error = Policy::from_toml(text, "p").unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_reaction_longer_than_any_window_is_refused() {
        let error = Policy::from_toml("maker_reaction_secs = 90_000", "p").unwrap_err();
        assert_eq!(
            error.to_string(),
            "p: 1 problem\n  line 1: `maker_reaction_secs`: no order fits: max_window_secs is 86400"
        );
    }
}
