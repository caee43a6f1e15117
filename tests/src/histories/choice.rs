//! Where decisions come from: a seed, or the bytes of a fuzzer.

/// A source of decisions.
pub trait Choices {
    /// A number below `bound`, which is above zero.
    fn below(&mut self, bound: u32) -> u32;

    /// True when nothing more should be decided.
    fn is_spent(&self) -> bool;

    /// True once in `times`.
    fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }
}

/// Decisions that follow from a seed (SplitMix64): the same on every machine.
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// The decisions of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl Choices for Seeded {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = u128::from(z ^ (z >> 31));
        // The high half of the product: every value equally often, to one in 2^32.
        ((high * u128::from(bound)) >> 64) as u32
    }

    fn is_spent(&self) -> bool {
        false
    }
}

/// Decisions read from bytes, one or two each; when they are used up every answer is zero.
#[derive(Debug, Clone)]
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// The decisions that `bytes` spell.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl Choices for Bytes<'_> {
    fn below(&mut self, bound: u32) -> u32 {
        let width = if bound > 256 { 2 } else { 1 };
        let taken = self.0.len().min(width);
        let (bytes, rest) = self.0.split_at(taken);
        self.0 = rest;
        bytes.iter().fold(0, |value, byte| (value << 8) | u32::from(*byte)) % bound
    }

    fn is_spent(&self) -> bool {
        self.0.is_empty()
    }
}
