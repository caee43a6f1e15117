//! The operator's limits.

use crate::{
    error::ConfigError,
    section::{Section, read_file},
};

/// How much the operator is willing to risk, and for what gain. Every key has a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    fn a_reaction_longer_than_any_window_is_refused() {
        let error = Policy::from_toml("maker_reaction_secs = 90_000", "p").unwrap_err();
        assert_eq!(
            error.to_string(),
            "p: 1 problem\n  line 1: `maker_reaction_secs`: no order fits: max_window_secs is 86400"
        );
    }
}
