//! `MakerTraits` and `TakerTraits`: the packed options of an order and of a fill.

use alloy::primitives::{Address, U256};
use serde::{Deserialize, Serialize};

fn bits(word: U256, shift: usize, width: usize) -> U256 {
    (word >> shift) & mask(width)
}

fn mask(width: usize) -> U256 {
    (U256::from(1) << width) - U256::from(1)
}

fn bits_u64(word: U256, shift: usize, width: usize) -> u64 {
    bits(word, shift, width).as_limbs()[0]
}

/// Options that the maker signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct MakerTraits(pub U256);

impl MakerTraits {
    const NO_PARTIAL_FILLS: usize = 255;
    const ALLOW_MULTIPLE_FILLS: usize = 254;
    const PRE_INTERACTION: usize = 252;
    const POST_INTERACTION: usize = 251;
    const NEED_CHECK_EPOCH: usize = 250;
    const HAS_EXTENSION: usize = 249;
    const USE_PERMIT2: usize = 248;
    const UNWRAP_WETH: usize = 247;
    const ALLOWED_SENDER_BITS: usize = 80;

    /// What a cross-chain order needs and nothing else: `POST_INTERACTION` and `HAS_EXTENSION`.
    /// Without the first, a fill hands the maker's tokens to the taker and no escrow is made.
    pub fn cross_chain() -> Self {
        Self::default().with(Self::POST_INTERACTION).with(Self::HAS_EXTENSION)
    }

    fn with(mut self, bit: usize) -> Self {
        self.0.set_bit(bit, true);
        self
    }

    fn with_field(self, shift: usize, width: usize, value: U256) -> Self {
        Self((self.0 & !(mask(width) << shift)) | ((value & mask(width)) << shift))
    }

    /// Refuses partial fills; used-up orders are then tracked by nonce.
    pub fn with_no_partial_fills(self) -> Self {
        self.with(Self::NO_PARTIAL_FILLS)
    }

    /// Allows several fills; used-up orders are then tracked by order hash.
    pub fn with_multiple_fills(self) -> Self {
        self.with(Self::ALLOW_MULTIPLE_FILLS)
    }

    /// Only this taker may fill. The traits keep the low 80 bits of the address.
    pub fn with_allowed_sender(self, taker: Address) -> Self {
        let word = U256::from_be_slice(taker.as_slice());
        self.with_field(0, Self::ALLOWED_SENDER_BITS, word)
    }

    /// Last second in which the order can be filled, unix seconds below 2^40; 0 is for ever.
    pub fn with_expiration(self, time: u64) -> Self {
        self.with_field(80, 40, U256::from(time))
    }

    /// Nonce, or the epoch when [`Self::needs_epoch_check`]; below 2^40.
    pub fn with_nonce(self, nonce: u64) -> Self {
        self.with_field(120, 40, U256::from(nonce))
    }

    /// Series of the epoch; below 2^40.
    pub fn with_series(self, series: u64) -> Self {
        self.with_field(160, 40, U256::from(series))
    }

    /// Bit 255.
    pub fn no_partial_fills(self) -> bool {
        self.0.bit(Self::NO_PARTIAL_FILLS)
    }

    /// Bit 254.
    pub fn allow_multiple_fills(self) -> bool {
        self.0.bit(Self::ALLOW_MULTIPLE_FILLS)
    }

    /// Bit 252.
    pub fn pre_interaction(self) -> bool {
        self.0.bit(Self::PRE_INTERACTION)
    }

    /// Bit 251.
    pub fn post_interaction(self) -> bool {
        self.0.bit(Self::POST_INTERACTION)
    }

    /// Bit 250.
    pub fn needs_epoch_check(self) -> bool {
        self.0.bit(Self::NEED_CHECK_EPOCH)
    }

    /// Bit 249.
    pub fn has_extension(self) -> bool {
        self.0.bit(Self::HAS_EXTENSION)
    }

    /// Bit 248.
    pub fn use_permit2(self) -> bool {
        self.0.bit(Self::USE_PERMIT2)
    }

    /// Bit 247.
    pub fn unwrap_weth(self) -> bool {
        self.0.bit(Self::UNWRAP_WETH)
    }

    /// Low 80 bits of the only address that may fill; zero is anyone.
    pub fn allowed_sender(self) -> U256 {
        bits(self.0, 0, Self::ALLOWED_SENDER_BITS)
    }

    /// True when `taker` may fill (`PrivateOrder` otherwise).
    pub fn allows(self, taker: Address) -> bool {
        let allowed = self.allowed_sender();
        let taker = U256::from_be_slice(taker.as_slice());
        allowed.is_zero() || allowed == bits(taker, 0, Self::ALLOWED_SENDER_BITS)
    }

    /// Last second in which the order can be filled, unix seconds; 0 is for ever.
    pub fn expiration(self) -> u64 {
        bits_u64(self.0, 80, 40)
    }

    /// True when a fill in a block of this time reverts with `OrderExpired`.
    pub fn is_expired(self, block_time: u64) -> bool {
        self.expiration() != 0 && self.expiration() < block_time
    }

    /// Nonce, or the epoch when [`Self::needs_epoch_check`].
    pub fn nonce(self) -> u64 {
        bits_u64(self.0, 120, 40)
    }

    /// Series of the epoch.
    pub fn series(self) -> u64 {
        bits_u64(self.0, 160, 40)
    }

    /// True when used-up orders are tracked by nonce (`bitInvalidatorForOrder`), so that two orders
    /// of one maker with the same nonce exclude each other; false when by order hash.
    pub fn uses_bit_invalidator(self) -> bool {
        self.no_partial_fills() || !self.allow_multiple_fills()
    }
}

/// Options that the filler passes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct TakerTraits(pub U256);

impl TakerTraits {
    const MAKER_AMOUNT: usize = 255;
    const ARGS_HAS_TARGET: usize = 251;
    const THRESHOLD_BITS: usize = 184;
    const LENGTH_BITS: usize = 24;

    /// A fill of a BMN order: the amount is the making amount, no target (a target would send the
    /// maker's tokens past the taker while the factory still pulls them from the taker), and at most
    /// `max_taking_amount` is paid.
    pub fn bmn_fill(extension_length: usize, max_taking_amount: U256) -> Self {
        Self::default()
            .with_maker_amount()
            .with_extension_length(extension_length)
            .with_threshold(max_taking_amount)
    }

    /// A fill of a 1inch order: as [`Self::bmn_fill`], but with the source escrow as the target, since
    /// the factory expects the maker's tokens there, and with a taker interaction (of length 0 unless
    /// the order is filled in parts).
    pub fn one_inch_fill(
        extension_length: usize,
        interaction_length: usize,
        max_taking_amount: U256,
    ) -> Self {
        Self::bmn_fill(extension_length, max_taking_amount)
            .with_target()
            .with_interaction_length(interaction_length)
    }

    fn with_field(self, shift: usize, width: usize, value: U256) -> Self {
        Self((self.0 & !(mask(width) << shift)) | ((value & mask(width)) << shift))
    }

    /// The fill's amount is a making amount.
    pub fn with_maker_amount(mut self) -> Self {
        self.0.set_bit(Self::MAKER_AMOUNT, true);
        self
    }

    /// The arguments begin with a 20-byte target for the maker's tokens.
    pub fn with_target(mut self) -> Self {
        self.0.set_bit(Self::ARGS_HAS_TARGET, true);
        self
    }

    /// Length of the extension in the arguments, bytes below 2^24.
    pub fn with_extension_length(self, length: usize) -> Self {
        self.with_field(224, Self::LENGTH_BITS, U256::from(length))
    }

    /// Length of the taker interaction in the arguments, bytes below 2^24.
    pub fn with_interaction_length(self, length: usize) -> Self {
        self.with_field(200, Self::LENGTH_BITS, U256::from(length))
    }

    /// Worst acceptable other amount. A larger value than the 184 bits that fit is capped there,
    /// never wrapped; 0 switches the check off.
    pub fn with_threshold(self, amount: U256) -> Self {
        self.with_field(0, Self::THRESHOLD_BITS, amount.min(mask(Self::THRESHOLD_BITS)))
    }

    /// Bit 255.
    pub fn is_maker_amount(self) -> bool {
        self.0.bit(Self::MAKER_AMOUNT)
    }

    /// Bit 251.
    pub fn has_target(self) -> bool {
        self.0.bit(Self::ARGS_HAS_TARGET)
    }

    /// Length of the extension in the arguments, bytes.
    pub fn extension_length(self) -> usize {
        bits(self.0, 224, Self::LENGTH_BITS).to()
    }

    /// Length of the taker interaction in the arguments, bytes.
    pub fn interaction_length(self) -> usize {
        bits(self.0, 200, Self::LENGTH_BITS).to()
    }

    /// Worst acceptable other amount; 0 is any.
    pub fn threshold(self) -> U256 {
        bits(self.0, 0, Self::THRESHOLD_BITS)
    }
}
