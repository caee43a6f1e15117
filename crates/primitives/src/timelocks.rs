//! The packed timelocks word: seven stage offsets and the deployment time.

use alloy::primitives::U256;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The seven stages of a swap, in the order of their bits in the word (`protocol.md` 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Stage {
    /// The taker may withdraw the source.
    SrcWithdrawal = 0,
    /// Others may withdraw the source for the taker.
    SrcPublicWithdrawal = 1,
    /// The taker may cancel the source; withdrawing ends.
    SrcCancellation = 2,
    /// Others may cancel the source.
    SrcPublicCancellation = 3,
    /// The taker may withdraw the destination for the maker.
    DstWithdrawal = 4,
    /// Others may withdraw the destination for the maker.
    DstPublicWithdrawal = 5,
    /// The taker may cancel the destination; withdrawing ends.
    DstCancellation = 6,
}

impl Stage {
    /// All stages, in the order of their bits.
    pub const ALL: [Self; 7] = [
        Self::SrcWithdrawal,
        Self::SrcPublicWithdrawal,
        Self::SrcCancellation,
        Self::SrcPublicCancellation,
        Self::DstWithdrawal,
        Self::DstPublicWithdrawal,
        Self::DstCancellation,
    ];
}

/// A half-open window of block timestamps, unix seconds: `start <= t < end`. The boundary second
/// belongs to the later window (`onlyAfter` and `onlyBefore` of the escrow contracts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First second inside.
    pub start: u64,
    /// First second outside; `u64::MAX` when it never ends.
    pub end: u64,
}

impl Window {
    /// True when a block with timestamp `time` is inside.
    pub const fn contains(&self, time: u64) -> bool {
        time >= self.start && time < self.end
    }
}

/// `Timelocks` of the contracts: stage offsets in seconds from `deployedAt`, one 32-bit field each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Timelocks(pub U256);

impl Timelocks {
    const DEPLOYED_AT_SHIFT: usize = 224;

    /// Packs offsets (seconds, in [`Stage::ALL`] order) and the deployment time.
    pub fn pack(deployed_at: u32, offsets: [u32; 7]) -> Self {
        let fields = offsets.into_iter().chain([deployed_at]);
        Self(
            fields
                .enumerate()
                .fold(U256::ZERO, |word, (i, field)| word | (U256::from(field) << (32 * i))),
        )
    }

    fn field(self, index: usize) -> u32 {
        let word: U256 = (self.0 >> (32 * index)) & U256::from(u32::MAX);
        word.to::<u32>()
    }

    /// Unix seconds from which the offsets count.
    pub fn deployed_at(self) -> u64 {
        u64::from(self.field(7))
    }

    /// Offset of a stage in seconds.
    pub fn offset(self, stage: Stage) -> u32 {
        self.field(stage as usize)
    }

    /// All offsets, in [`Stage::ALL`] order.
    pub fn offsets(self) -> [u32; 7] {
        Stage::ALL.map(|stage| self.offset(stage))
    }

    /// Absolute start of a stage, unix seconds (`TimelocksLib.get`).
    pub fn at(self, stage: Stage) -> u64 {
        self.deployed_at() + u64::from(self.offset(stage))
    }

    /// The same offsets counted from another time; only the low 32 bits of `time` are kept
    /// (`TimelocksLib.setDeployedAt`).
    pub fn with_deployed_at(self, time: u64) -> Self {
        let offsets = self.0 & ((U256::from(1) << Self::DEPLOYED_AT_SHIFT) - U256::from(1));
        Self(offsets | (U256::from(time & u64::from(u32::MAX)) << Self::DEPLOYED_AT_SHIFT))
    }

    /// When the taker may withdraw the source.
    pub fn src_withdraw(self) -> Window {
        Window { start: self.at(Stage::SrcWithdrawal), end: self.at(Stage::SrcCancellation) }
    }

    /// When the taker may cancel the source.
    pub fn src_cancel(self) -> Window {
        Window { start: self.at(Stage::SrcCancellation), end: u64::MAX }
    }

    /// When the taker may withdraw the destination.
    pub fn dst_withdraw(self) -> Window {
        Window { start: self.at(Stage::DstWithdrawal), end: self.at(Stage::DstCancellation) }
    }

    /// When others may withdraw the destination for the maker.
    pub fn dst_public_withdraw(self) -> Window {
        Window { start: self.at(Stage::DstPublicWithdrawal), end: self.at(Stage::DstCancellation) }
    }

    /// When the taker may cancel the destination.
    pub fn dst_cancel(self) -> Window {
        Window { start: self.at(Stage::DstCancellation), end: u64::MAX }
    }

    /// When the taker may rescue what is left (`deployedAt + RESCUE_DELAY`).
    pub fn rescue(self, delay: u64) -> Window {
        Window { start: self.deployed_at() + delay, end: u64::MAX }
    }
}

impl fmt::Debug for Timelocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timelocks({} + {:?})", self.deployed_at(), self.offsets())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_round_trips() {
        let offsets = [0, 60, 600, 660, 30, 90, 600];
        let word = Timelocks::pack(1_755_450_006, offsets);
        assert_eq!(word.offsets(), offsets);
        assert_eq!(word.deployed_at(), 1_755_450_006);
        assert_eq!(word.with_deployed_at(7).offsets(), offsets);
        assert_eq!(word.with_deployed_at((1 << 32) + 7).deployed_at(), 7);
    }

    #[test]
    fn sums_do_not_wrap_on_read() {
        let word = Timelocks::pack(u32::MAX, [u32::MAX; 7]);
        assert_eq!(word.at(Stage::DstCancellation), 2 * u64::from(u32::MAX));
    }

    #[test]
    fn the_boundary_second_belongs_to_the_later_window() {
        let word = Timelocks::pack(1_000, [0, 60, 600, 660, 30, 90, 500]);
        assert!(word.dst_withdraw().contains(1_499) && !word.dst_cancel().contains(1_499));
        assert!(!word.dst_withdraw().contains(1_500) && word.dst_cancel().contains(1_500));
    }
}
