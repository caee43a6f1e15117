//! What everybody else logs.

use super::block::{Made, log};
use alloy::primitives::{Address, B256, Bytes, Log, LogData, U256, b256};
use alloy::sol_types::SolEvent;
use bmn_contracts::bindings::IErc20;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

const CONTRACTS: usize = 512;
const ACCOUNTS: usize = 20_000;

/// `Swap(address,address,int256,int256,uint160,uint128,int24)`, as of Uniswap v3.
const SWAP_3: B256 = b256!("c42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67");
/// `Swap(address,uint256,uint256,uint256,uint256,address)`, as of Uniswap v2.
const SWAP_2: B256 = b256!("d78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822");
/// `Sync(uint112,uint112)`, as of Uniswap v2.
const SYNC: B256 = b256!("1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1");

/// Contracts and accounts that come again and again.
#[derive(Debug)]
pub(super) struct Others {
    contracts: Vec<Address>,
    accounts: Vec<Address>,
}

impl Others {
    pub(super) fn new(rng: &mut ChaCha8Rng) -> Self {
        let mut addresses =
            |count| (0..count).map(|_| Address::from(rng.random::<[u8; 20]>())).collect::<Vec<_>>();
        Self { contracts: addresses(CONTRACTS), accounts: addresses(ACCOUNTS) }
    }

    /// Adds transactions with `logs` logs together.
    pub(super) fn fill(&self, logs: u32, rng: &mut ChaCha8Rng, made: &mut Made) {
        let mut left = logs;
        while left > 0 {
            let count = rng.random_range(0..=6).min(left);
            made.add((0..count).map(|_| self.log(rng)).collect());
            left -= count;
        }
    }

    fn log(&self, rng: &mut ChaCha8Rng) -> Log {
        let contract = few(&self.contracts, rng);
        let [from, to] = [(); 2].map(|()| few(&self.accounts, rng).into_word());
        let (topics, words) = match rng.random_range(0..100) {
            0..=54 => (vec![IErc20::Transfer::SIGNATURE_HASH, from, to], 1),
            55..=66 => (vec![SWAP_3, from, to], 5),
            67..=73 => (vec![SWAP_2, from, to], 4),
            74..=79 => (vec![SYNC], 2),
            80..=87 => (vec![IErc20::Approval::SIGNATURE_HASH, from, to], 1),
            _ => {
                // A contract's own event: the same topic every time.
                let mut topics = vec![contract.into_word()];
                topics.extend([from, to].into_iter().take(rng.random_range(0..=2)));
                (topics, rng.random_range(0..=8))
            }
        };
        let data: Vec<u8> = (0..words).flat_map(|_| amount(rng).to_be_bytes::<32>()).collect();
        log(contract, LogData::new_unchecked(topics, Bytes::from(data)))
    }
}

/// A member, the first ones far more often.
fn few(all: &[Address], rng: &mut ChaCha8Rng) -> Address {
    let index = [(); 3].map(|()| rng.random_range(0..all.len())).into_iter().min();
    index.map_or(Address::ZERO, |index| all[index])
}

/// An amount as people move it: few digits and a power of ten, or any.
fn amount(rng: &mut ChaCha8Rng) -> U256 {
    if rng.random_ratio(1, 3) {
        let digits: u32 = rng.random_range(1..10_000);
        U256::from(digits) * U256::from(10).pow(U256::from(rng.random_range(4..18_u32)))
    } else {
        U256::from(rng.random::<u128>() >> rng.random_range(16..80_u32))
    }
}
