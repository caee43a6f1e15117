//! Giving back source escrows that strangers made in our name and we refused: it costs gas and brings
//! nothing, so a day has bounds for it.

use crate::{Executor, ExecutorError, account::day_of, keeper::KEEPER_GAS, verdict::Verdict};
use alloy::primitives::{Address, U256, address};
use bmn_primitives::ChainId;
use bmn_store::{IntentNotes, Reads, Spending, StoreError, WriteTx};
use bmn_swap::{Action, Order, Refunded, Wake};

/// Stands for the gas of it among the tokens that are counted day by day: a part of the coin, and no token.
pub(crate) const REFUND_GAS: Address = address!("0000000000000000000000000000000000726667");

/// Stands for how many there were.
const REFUNDS: Address = address!("000000000000000000000000000000000072666e");

const DAY: u64 = 86_400;

/// Whether an action gives a refused source escrow back.
pub(crate) fn is_refund(action: Action, order: &Order) -> bool {
    action == Action::CancelSource && !order.is_accepted()
}

/// Counts one that is about to be sent.
pub(crate) fn count_refund(
    tx: &mut WriteTx,
    chain: ChainId,
    spending: &Spending,
) -> Result<(), StoreError> {
    if spending.token.is_none_or(|(purse, _)| purse != REFUND_GAS) {
        return Ok(());
    }
    let one = Spending { coin: U256::ZERO, token: Some((REFUNDS, U256::ONE)), ..*spending };
    tx.spend(chain, &one)
}

/// What part of the coin the gas of an action is counted as, beside the coin.
pub(crate) fn purse_of(action: Action, order: &Order) -> Option<Address> {
    if action.is_keeper() {
        return Some(KEEPER_GAS);
    }
    is_refund(action, order).then_some(REFUND_GAS)
}

/// The same of what was counted before.
pub(crate) fn purse(counted: &Spending) -> Option<Address> {
    counted.token.map(|(token, _)| token).filter(|token| [KEEPER_GAS, REFUND_GAS].contains(token))
}

impl Executor {
    /// Why one that may cost `cost` wei more is not sent today: it waits for tomorrow.
    pub(crate) fn refund_waits(
        &self,
        read: &impl Reads,
        chain: ChainId,
        cost: U256,
    ) -> Result<Option<Verdict>, ExecutorError> {
        let day = day_of(read.cursor(chain)?.tip.unwrap_or_default().time);
        let today = Refunded {
            number: read.spent(chain, day, REFUNDS)?,
            gas: read.spent(chain, day, REFUND_GAS)?,
        };
        let Err(wait) = self.rules.policy.limits.refunds.allow(today, cost) else {
            return Ok(None);
        };
        let tomorrow = u64::from(day).saturating_add(1).saturating_mul(DAY);
        Ok(Some(Verdict::Deferred(wait.to_string(), Wake::Time { chain, time: tomorrow })))
    }

    /// The same of what one counts as spent.
    pub(crate) fn refund_must_wait(
        &self,
        read: &impl Reads,
        chain: ChainId,
        notes: &IntentNotes,
    ) -> Result<Option<Verdict>, ExecutorError> {
        match notes.spending.and_then(|spending| spending.token) {
            Some((REFUND_GAS, cost)) => self.refund_waits(read, chain, cost),
            _ => Ok(None),
        }
    }
}
