//! What to bid, from what nodes suggest.

use bmn_chain::Fees;

/// Blocks of `eth_feeHistory` looked at.
pub(crate) const BLOCKS: u64 = 5;
/// Percentile of the priority fees of each block.
pub(crate) const PERCENTILE: u8 = 50;

/// The next block's base fee and the median of the blocks' priority fees. `None` where the history
/// has no base fee; the priority fee is `None` where it says nothing about it.
pub(crate) fn of_history(base: &[u128], rewards: &[Vec<u128>]) -> Option<(u128, Option<u128>)> {
    let base = *base.last()?;
    let mut paid: Vec<u128> = rewards.iter().filter_map(|block| block.first()).copied().collect();
    paid.retain(|fee| *fee > 0);
    paid.sort_unstable();
    Some((base, paid.get(paid.len() / 2).copied()))
}

/// For a chain without EIP-1559, and where a node knows nothing better: all of the gas price that is
/// not base fee.
pub(crate) const fn of_gas_price(base: u128, price: u128) -> Fees {
    Fees { base, priority: price.saturating_sub(base) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_what_was_paid_counts() {
        let rewards = [vec![5], vec![0], vec![9], vec![1], vec![]];
        assert_eq!(of_history(&[1, 2, 7], &rewards), Some((7, Some(5))));
        assert_eq!(of_history(&[7], &[vec![0]]), Some((7, None)), "empty blocks suggest nothing");
        assert_eq!(of_history(&[], &rewards), None);
        assert_eq!(of_gas_price(7, 9), Fees { base: 7, priority: 2 });
        assert_eq!(of_gas_price(9, 7), Fees { base: 9, priority: 0 });
    }
}
