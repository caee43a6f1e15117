//! Finishing strangers' swaps.

use crate::section::Section;

/// What strangers' swaps are finished for, and for how much. Off unless it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeper {
    /// Whether they are finished at all.
    pub enabled: bool,
    /// Least that one must bring on average, millionths of the reference currency.
    pub min_gain: u128,
    /// Most that may be spent on gas for it on a day of a chain, wei.
    pub gas_per_day_wei: u128,
    /// Transactions of it that are not settled yet, on a chain.
    pub max_open: u32,
    /// Strangers' swaps that are watched at the same time.
    pub max_watched: u32,
    /// How often our transaction is the first, basis points.
    pub win_bps: u16,
    /// Gas that one uses which comes second.
    pub lost_gas: u64,
    /// Nothing is sent for it where a job of our own is due within so many blocks.
    pub quiet_blocks: u64,
}

impl Default for Keeper {
    fn default() -> Self {
        Self {
            enabled: false,
            min_gain: 100_000,
            gas_per_day_wei: 10_000_000_000_000_000,
            max_open: 2,
            max_watched: 64,
            win_bps: 5_000,
            lost_gas: 40_000,
            quiet_blocks: 5,
        }
    }
}

impl Keeper {
    pub(crate) fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let default = Self::default();
        let enabled = section.or("enabled", default.enabled);
        let min_gain = section.or("min_gain", default.min_gain);
        let gas_per_day = section.or("gas_per_day_wei", default.gas_per_day_wei);
        let max_open = section.or("max_open", u64::from(default.max_open));
        let max_watched = section.or("max_watched", u64::from(default.max_watched));
        let win_bps = section.or("win_bps", u64::from(default.win_bps));
        let lost_gas = section.or("lost_gas", default.lost_gas);
        let quiet_blocks = section.or("quiet_blocks", default.quiet_blocks);
        for (key, value, most) in [
            ("win_bps", win_bps, 10_000),
            ("max_open", max_open, 64),
            ("max_watched", max_watched, 1_024),
        ] {
            if value.is_some_and(|value| !(1..=most).contains(&value)) {
                section.contradiction(key, format!("expected 1 to {most}"));
            }
        }
        Some(Self {
            enabled: enabled?,
            min_gain: min_gain?,
            gas_per_day_wei: gas_per_day?,
            max_open: u32::try_from(max_open?).ok()?,
            max_watched: u32::try_from(max_watched?).ok()?,
            win_bps: u16::try_from(win_bps?).ok()?,
            lost_gas: lost_gas?,
            quiet_blocks: quiet_blocks?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::read_file;

    fn read(text: &str) -> Result<Keeper, String> {
        read_file(text, "k", Keeper::read).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_kept_unless_it_is_asked_for() {
        assert_eq!(read(""), Ok(Keeper::default()));
        assert!(!Keeper::default().enabled);
        let keeper = read("enabled = true\nwin_bps = 9_000\ngas_per_day_wei = 7").unwrap();
        let expected =
            Keeper { enabled: true, win_bps: 9_000, gas_per_day_wei: 7, ..Keeper::default() };
        assert_eq!(keeper, expected);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (text, says) in [
            ("win_bps = 10_001", "`win_bps`: expected 1 to 10000"),
            ("max_open = 0", "`max_open`: expected 1 to 64"),
            ("max_watched = 9_999", "`max_watched`: expected 1 to 1024"),
            ("enabeld = true", "enabled"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
