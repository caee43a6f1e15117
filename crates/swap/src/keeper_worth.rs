//! What a public action on a stranger's escrow costs and brings, and which ones are taken.

use crate::{
    When,
    keeper::{KeeperAction, KeeperChain, KeeperDue},
};
use alloy::primitives::U256;
use bmn_primitives::{ChainId, Dialect, Immutables};
use serde::{Deserialize, Serialize};
use std::{cmp::Reverse, collections::BTreeMap};

/// Native coins have 18 decimals on every chain that the protocol is on.
const COIN_DECIMALS: u8 = 18;
/// One, in basis points.
const WHOLE: u16 = 10_000;

/// The operator's terms for keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperTerms {
    /// How often our transaction is the first, in basis points; more than 10 000 is 10 000.
    pub win_bps: u16,
    /// Gas that a transaction uses which came second and reverts.
    pub lost_gas: u64,
    /// Least expected value, millionths of the reference currency. A zero expectation is never worth it.
    pub min_expected: u128,
    /// Nothing is kept on a chain where a job of our own is due within so many blocks.
    pub quiet_blocks: u64,
}

/// Why an action is worth it, or not, in millionths of the reference currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeeperNumbers {
    /// Value of the safety deposit, rounded down.
    pub deposit: u128,
    /// What the transaction costs when it is the first, rounded up.
    pub cost: u128,
    /// What it costs when it comes second, rounded up.
    pub lost: u128,
    /// How often it is the first, basis points.
    pub win_bps: u16,
    /// What it brings on average, rounded down.
    pub expected: i128,
    /// Most it may cost, wei: what counts against the day's gas.
    pub wei: u128,
}

/// Why a public action is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeeperRefusal {
    /// The taker is us.
    #[error("it is an escrow of ours")]
    Ours,
    /// It was withdrawn, cancelled or rescued.
    #[error("it has ended")]
    Ended,
    /// There is no destination to finish.
    #[error("no destination escrow is known")]
    NoDestination,
    /// Its chain is not ours to act on, or what happened there cannot be known.
    #[error("the destination chain is not served")]
    ChainNotServed,
    /// Without its immutables nobody can call it.
    #[error("its immutables are not known")]
    TermsUnknown,
    /// Nothing is there to be won.
    #[error("it holds no safety deposit")]
    NoDeposit,
    /// Every call to it reverts.
    #[error("its factory's escrows lock funds")]
    LocksFunds,
    /// The window is over, or is when the transaction is mined.
    #[error("the last moment to send was {seconds} s ago")]
    TooLate {
        /// Seconds since.
        seconds: u64,
    },
    /// Nobody published the secret.
    #[error("the secret is not public")]
    SecretUnknown,
    /// The source would go to its taker although its maker was not paid.
    #[error("the maker was not paid on the destination chain")]
    MakerUnpaid,
    /// The source would go back to a maker who was paid.
    #[error("the maker was paid on the destination chain")]
    MakerPaid,
    /// We do not hold the token that public actions ask for, and sign no permission instead.
    #[error("our account holds no access token for it")]
    NoAccessToken,
    /// The probe was not made, or said nothing.
    #[error("whether our account holds its access token is not known")]
    AccessUnknown,
    /// No reliable gas price.
    #[error("the gas price is not known")]
    NoGasPrice,
    /// It brings too little.
    #[error(
        "it brings {} on average, at least {min} is asked: the deposit is worth {}, the gas {}, a lost \
         race {}, won {} times in 10000 (millionths of the reference currency)",
        .numbers.expected, .numbers.deposit, .numbers.cost, .numbers.lost, .numbers.win_bps
    )]
    NotWorth {
        /// What it costs and brings.
        numbers: KeeperNumbers,
        /// What is asked.
        min: u128,
    },
    /// Our own swaps go first.
    #[error("a job of our own is due in {blocks} blocks; nothing is kept within {quiet}")]
    OwnWorkFirst {
        /// Blocks until then.
        blocks: u64,
        /// Blocks that are kept free before it.
        quiet: u64,
    },
    /// The day's gas for keeping is used up.
    #[error("it may cost {wei} wei, {left} wei are left of the day's gas for keeping")]
    GasSpent {
        /// Most it may cost.
        wei: u128,
        /// What is left.
        left: u128,
    },
    /// Enough keeper jobs are open.
    #[error("{open} keeper jobs are open, which is the most")]
    TooManyOpen {
        /// How many are open.
        open: u32,
    },
}

impl KeeperRefusal {
    /// It will not go away, whatever happens, unless a reorg takes its reason back.
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Ours
                | Self::Ended
                | Self::NoDeposit
                | Self::LocksFunds
                | Self::TooLate { .. }
                | Self::MakerPaid
        )
    }
}

/// What is left for keeping on one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperBudget {
    /// Wei of today's gas.
    pub gas_left: u128,
    /// Keeper jobs that are open.
    pub open: u32,
    /// Most that may be.
    pub max_open: u32,
}

/// Which of the actions that are worth it are sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeeperChoice {
    /// Sent, best first.
    pub taken: Vec<KeeperDue>,
    /// Not sent, each with its reason. Asked again later.
    pub put_off: Vec<(KeeperDue, KeeperRefusal)>,
}

/// Chooses among actions that are due now, best first, what the budgets allow, and takes it out of them.
/// A chain without a budget has none. Actions that wait for something are not looked at.
pub fn choose_kept(
    due: Vec<KeeperDue>,
    budgets: &mut BTreeMap<ChainId, KeeperBudget>,
) -> KeeperChoice {
    let mut due: Vec<_> = due.into_iter().filter(|due| due.when == When::Now).collect();
    due.sort_by_key(|due| (Reverse(due.numbers.expected), due.chain, due.escrow, due.action));
    let mut choice = KeeperChoice { taken: Vec::new(), put_off: Vec::new() };
    for due in due {
        let none = KeeperBudget { gas_left: 0, open: 0, max_open: 0 };
        let budget = budgets.entry(due.chain).or_insert(none);
        let wei = due.numbers.wei;
        if budget.open >= budget.max_open {
            choice.put_off.push((due, KeeperRefusal::TooManyOpen { open: budget.open }));
        } else if let Some(left) = budget.gas_left.checked_sub(wei) {
            budget.gas_left = left;
            budget.open += 1;
            choice.taken.push(due);
        } else {
            let left = budget.gas_left;
            choice.put_off.push((due, KeeperRefusal::GasSpent { wei, left }));
        }
    }
    choice
}

pub(crate) fn expect(
    action: KeeperAction,
    dialect: Dialect,
    bound: &Immutables,
    at: &KeeperChain,
    terms: &KeeperTerms,
) -> Result<KeeperNumbers, KeeperRefusal> {
    if bound.safety_deposit.is_zero() {
        return Err(KeeperRefusal::NoDeposit);
    }
    let price = at.gas_price.ok_or(KeeperRefusal::NoGasPrice)?;
    let wei = |gas: u64| u128::from(gas).saturating_mul(price).saturating_add(at.data_fee);
    // Rounded against us.
    let cost = |wei: u128| at.coin.value(U256::from(wei), COIN_DECIMALS).saturating_add(1);
    let spent = wei(action.gas(dialect));
    let deposit = at.coin.value(bound.safety_deposit, COIN_DECIMALS);
    let reverted = wei(terms.lost_gas);
    let (cost, lost) = (cost(spent), cost(reverted));
    let win_bps = terms.win_bps.min(WHOLE);
    let signed = |value: u128| i128::try_from(value).unwrap_or(i128::MAX);
    let (wins, loses) = (i128::from(win_bps), i128::from(WHOLE - win_bps));
    let won = signed(deposit).saturating_sub(signed(cost)).saturating_mul(wins);
    let expected =
        won.saturating_sub(signed(lost).saturating_mul(loses)).div_euclid(i128::from(WHOLE));
    let numbers =
        KeeperNumbers { deposit, cost, lost, win_bps, expected, wei: spent.max(reverted) };
    if expected <= 0 || expected < signed(terms.min_expected) {
        return Err(KeeperRefusal::NotWorth { numbers, min: terms.min_expected });
    }
    Ok(numbers)
}
