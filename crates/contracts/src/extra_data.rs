//! What the order tells the factory about the destination, and the timelocks the factory makes of it.

use crate::error::OrderError;
use alloy::primitives::{Bytes, U256};
use bmn_primitives::{AddressWord, Dialect, Hashlock, Timelocks, split_halves};
use serde::{Deserialize, Serialize};

/// The five words behind the factory's address in the post-interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExtraData {
    /// Hash of the secret; in 1inch orders with several fills, the number of parts and the Merkle root
    /// ([`crate::parts_of`]).
    pub hashlock: Hashlock,
    /// Destination chain id.
    pub dst_chain_id: U256,
    /// Token on the destination chain; zero is the native coin. BMN's factory reverts on a dirty
    /// word; on 1inch it may be an address of another kind of chain.
    pub dst_token: AddressWord,
    /// Two safety deposits in wei, 128 bits each; which half is whose depends on the dialect.
    pub deposits: U256,
    /// Two absolute times where [`Dialect::has_absolute_times`], else the seven offsets.
    pub timelocks: U256,
}

impl ExtraData {
    /// Length of the five words in bytes.
    pub const LEN: usize = 5 * 32;

    /// Decodes what follows the factory's address. BMN since v2.2 reads the first 160 bytes and ignores
    /// the rest; 1inch and older BMN read the last 160, behind fee and whitelist data.
    ///
    /// # Errors
    /// Fewer than 160 bytes.
    pub fn decode(dialect: Dialect, bytes: &[u8]) -> Result<Self, OrderError> {
        let words: Option<&[u8; Self::LEN]> =
            if dialect.has_absolute_times() { bytes.first_chunk() } else { bytes.last_chunk() };
        let words = words.ok_or(OrderError::ExtraDataTooShort(bytes.len()))?;
        let word = |index: usize| U256::from_be_slice(&words[index * 32..(index + 1) * 32]);
        Ok(Self {
            hashlock: Hashlock(word(0).into()),
            dst_chain_id: word(1),
            dst_token: AddressWord(word(2)),
            deposits: word(3),
            timelocks: word(4),
        })
    }

    /// The five words. In 1inch orders the fee and whitelist data go in front of them.
    pub fn encode(&self) -> Bytes {
        let words = [
            self.hashlock.0.into(),
            self.dst_chain_id,
            self.dst_token.0,
            self.deposits,
            self.timelocks,
        ];
        words.map(|word: U256| word.to_be_bytes::<32>()).concat().into()
    }

    /// Packs the deposits word from wei; each is cut to 128 bits.
    pub fn pack_deposits(dialect: Dialect, source: u128, destination: u128) -> U256 {
        let (high, low) = if dialect.has_absolute_times() {
            (destination, source)
        } else {
            (source, destination)
        };
        (U256::from(high) << 128) | U256::from(low)
    }

    /// Safety deposit of the source escrow, wei. BMN never funds it: above zero, the escrow cannot be
    /// withdrawn or cancelled (`protocol.md` section 9).
    pub fn src_deposit(&self, dialect: Dialect) -> U256 {
        let (high, low) = split_halves(self.deposits);
        if dialect.has_absolute_times() { low } else { high }
    }

    /// Safety deposit of the destination escrow, wei.
    pub fn dst_deposit(&self, dialect: Dialect) -> U256 {
        let (high, low) = split_halves(self.deposits);
        if dialect.has_absolute_times() { high } else { low }
    }

    /// Packs the timelocks word of a BMN order, unix seconds.
    pub fn pack_bmn_times(src_cancellation: u64, dst_withdrawal: u64) -> U256 {
        (U256::from(src_cancellation) << 128) | U256::from(dst_withdrawal)
    }

    /// Absolute times: when the source can be cancelled, unix seconds. `u64::MAX` stands for anything larger,
    /// which no range check lets pass.
    pub fn src_cancellation(&self) -> u64 {
        split_halves(self.timelocks).0.saturating_to()
    }

    /// Absolute times: when the destination can be withdrawn, unix seconds, and the last moment before which
    /// the fill must be mined. `u64::MAX` stands for anything larger.
    pub fn dst_withdrawal(&self) -> u64 {
        split_halves(self.timelocks).1.saturating_to()
    }

    /// The timelocks of the source escrow that a fill in a block of this time creates
    /// (`protocol.md` 5.2).
    ///
    /// # Errors
    /// A time that the factory would revert for.
    pub fn source_timelocks(
        &self,
        dialect: Dialect,
        block_time: u64,
    ) -> Result<Timelocks, OrderError> {
        let (source, destination) = (self.src_cancellation(), self.dst_withdrawal());
        match dialect {
            Dialect::Bmn302 | Dialect::Bmn4 => {
                bmn_factory_timelocks(block_time, source, destination)
            }
            Dialect::Bmn23 => bmn23_factory_timelocks(block_time, source, destination),
            Dialect::Bmn1 | Dialect::Bmn11 | Dialect::OneInch1 | Dialect::OneInch2 => {
                Ok(Timelocks(self.timelocks).with_deployed_at(block_time))
            }
        }
    }
}

/// Seconds between a stage and its public stage in timelocks that the `bmn302` and `bmn4` factories
/// make.
const PUBLIC_DELAY: u64 = 60;

/// The timelocks of a source escrow that the `bmn302` and `bmn4` factories create in a fill
/// (`protocol.md` 5.2). Every offset is cut to 32 bits, exactly as there: whoever accepts an order must
/// check the range of its times, or a far cancellation wraps to a near one.
///
/// # Errors
/// A time that is not after the block's; the factory reverts with `… must be future`.
pub fn bmn_factory_timelocks(
    block_time: u64,
    src_cancellation: u64,
    dst_withdrawal: u64,
) -> Result<Timelocks, OrderError> {
    let until = |field, value: u64| match value.checked_sub(block_time) {
        None | Some(0) => Err(OrderError::NotInFuture { field, value, block_time }),
        Some(offset) => Ok(offset),
    };
    let cancellation = until("srcCancellation", src_cancellation)?;
    let withdrawal = until("dstWithdrawal", dst_withdrawal)?;
    let offsets = [
        0,
        PUBLIC_DELAY,
        cancellation,
        cancellation.wrapping_add(PUBLIC_DELAY),
        withdrawal,
        withdrawal.wrapping_add(PUBLIC_DELAY),
        cancellation,
    ];
    Ok(Timelocks::pack(low_32(block_time), offsets.map(low_32)))
}

/// The same for the `bmn23` factory: other delays, a fixed destination cancellation, and a time equal to
/// the block's passes.
///
/// # Errors
/// A time before the block's; the factory panics on the underflow.
pub fn bmn23_factory_timelocks(
    block_time: u64,
    src_cancellation: u64,
    dst_withdrawal: u64,
) -> Result<Timelocks, OrderError> {
    const DELAY: u64 = 300;
    const DST_CANCELLATION: u64 = 7_200;
    let until = |field, value: u64| {
        let past = OrderError::NotInFuture { field, value, block_time };
        value.checked_sub(block_time).ok_or(past)
    };
    let cancellation = until("srcCancellation", src_cancellation)?;
    let withdrawal = until("dstWithdrawal", dst_withdrawal)?;
    let offsets = [
        DELAY,
        2 * DELAY,
        cancellation,
        cancellation.wrapping_add(DELAY),
        withdrawal,
        withdrawal.wrapping_add(DELAY),
        DST_CANCELLATION,
    ];
    Ok(Timelocks::pack(low_32(block_time), offsets.map(low_32)))
}

/// Solidity's `uint32(x)`.
const fn low_32(value: u64) -> u32 {
    (value & u32::MAX as u64) as u32
}
