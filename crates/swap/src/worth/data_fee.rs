//! The fee a rollup of the OP stack takes for bringing a transaction's data to its base chain.

use alloy::primitives::U256;
use serde::{Deserialize, Serialize};

/// Parameters of the fee, as the chain's `GasPriceOracle` states them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFeeTerms {
    /// Base fee of the base chain, wei per gas.
    pub l1_base_fee: u128,
    /// Blob base fee of the base chain, wei per blob gas.
    pub blob_base_fee: u128,
    /// Share of the base fee, millionths.
    pub base_fee_scalar: u32,
    /// Share of the blob base fee, millionths.
    pub blob_base_fee_scalar: u32,
    /// What the oracle itself calls the most a transaction of some size costs: bytes and wei.
    pub stated: Option<(u64, U256)>,
}

/// The regression of the Fjord upgrade: millionths of a byte after compression, from the size that
/// FastLZ leaves.
const INTERCEPT: i128 = -42_585_600;
const SLOPE: i128 = 836_500;
const LEAST: i128 = 100_000_000;

/// The most that the data of a signed transaction of `bytes` costs, wei: its size as if nothing of it
/// could be compressed. Where the oracle states more than the formula gives, its word counts, in
/// proportion: the formula may have changed since.
pub fn data_fee(bytes: u64, terms: &DataFeeTerms) -> U256 {
    let ours = formula(bytes, terms);
    let Some((size, stated)) = terms.stated else { return ours };
    let expected = formula(size, terms);
    if stated <= expected {
        return ours;
    }
    if expected.is_zero() {
        return stated;
    }
    ours.saturating_mul(stated).div_ceil(expected)
}

fn formula(bytes: u64, terms: &DataFeeTerms) -> U256 {
    // FastLZ grows what it cannot compress by one byte in 255.
    let size = i128::from(bytes) + i128::from(bytes) / 255 + 16;
    let scaled = (INTERCEPT + SLOPE * size).max(LEAST).unsigned_abs();
    let calldata = U256::from(terms.base_fee_scalar)
        .saturating_mul(U256::from(16))
        .saturating_mul(U256::from(terms.l1_base_fee));
    let blobs =
        U256::from(terms.blob_base_fee_scalar).saturating_mul(U256::from(terms.blob_base_fee));
    let price = calldata.saturating_add(blobs);
    U256::from(scaled).saturating_mul(price).div_ceil(U256::from(1_000_000_000_000_u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TERMS: DataFeeTerms = DataFeeTerms {
        l1_base_fee: 20_000_000_000,
        blob_base_fee: 1_000_000_000,
        base_fee_scalar: 5_227,
        blob_base_fee_scalar: 1_014_213,
        stated: None,
    };

    #[test]
    fn the_fee_is_the_formula_of_the_upgrade_in_force() {
        // (836 500 * (600 + 2 + 16) - 42 585 600) * (16 * 5 227 * 20e9 + 1 014 213 * 1e9) / 1e12
        let fee = 474_371_400_u128 * (16 * 5_227 * 20_000_000_000 + 1_014_213 * 1_000_000_000)
            / 1_000_000_000_000;
        assert_eq!(data_fee(600, &TERMS), U256::from(fee + 1));
        assert_eq!(data_fee(0, &TERMS), data_fee(100, &TERMS));
    }

    #[test]
    fn an_oracle_that_asks_for_more_is_believed_and_one_that_asks_for_less_is_not() {
        let ours = data_fee(1_000, &TERMS);
        let double =
            DataFeeTerms { stated: Some((600, data_fee(600, &TERMS) * U256::from(2))), ..TERMS };
        assert_eq!(data_fee(1_000, &double), ours * U256::from(2));
        let cheap = DataFeeTerms { stated: Some((600, U256::ONE)), ..TERMS };
        assert_eq!(data_fee(1_000, &cheap), ours);
    }

    proptest! {
        #[test]
        fn more_bytes_and_dearer_data_never_cost_less(
            bytes in any::<u64>(), more in any::<u32>(), base in any::<u128>(), blob in any::<u128>(),
        ) {
            let terms = DataFeeTerms { l1_base_fee: base, blob_base_fee: blob, ..TERMS };
            let fee = data_fee(bytes, &terms);
            prop_assert!(data_fee(bytes.saturating_add(u64::from(more)), &terms) >= fee);
            let dearer = DataFeeTerms { l1_base_fee: base.saturating_add(u128::from(more)), ..terms };
            prop_assert!(data_fee(bytes, &dearer) >= fee);
        }
    }
}
