//! What is to be signed: the call of a job with the next free nonce and a bid, or why not now.

use crate::{
    Executor, ExecutorError,
    account::{day_of, takes_risk},
    because::justification,
    bid::Bid,
    commit::{Bidding, Standing},
    executor::Ready,
    refunds::purse_of,
    sign::Unsigned,
    verdict::Verdict,
};
use alloy::primitives::U256;
use bmn_chain::Fees;
use bmn_primitives::{BlockRef, ChainId};
use bmn_store::{IntentNotes, Reads, Spending};
use bmn_swap::{Action, ActionKey};
use std::collections::BTreeSet;

/// What is about to be signed.
pub(crate) struct Draft {
    pub(crate) unsigned: Unsigned,
    pub(crate) bid: Bid,
    pub(crate) tip: BlockRef,
    pub(crate) notes: IntentNotes,
}

/// The market that a batch is signed in, and what the batch takes of it, job after job.
pub(crate) struct Market {
    pub(crate) fees: Fees,
    pub(crate) tip: BlockRef,
    pub(crate) nonces: FreeNonces,
    /// What the account holds; known where a risk is to be taken.
    pub(crate) held: U256,
    /// What the transactions that are not mined may cost.
    pub(crate) pledged: U256,
}

/// The nonces that no chain and no intent has used, lowest first: a gap that a deep reorg left closes
/// with the next transaction (M6).
pub(crate) struct FreeNonces {
    pub(crate) next: u64,
    held: BTreeSet<u64>,
}

impl FreeNonces {
    /// All from `on_chain` on, the nonce that the chain waits for.
    pub(crate) const fn from(on_chain: u64) -> Self {
        Self { next: on_chain, held: BTreeSet::new() }
    }

    /// The same without those that an intent holds.
    pub(crate) fn beside(self, held: Vec<u64>) -> Self {
        Self { held: held.into_iter().collect(), ..self }.at_free()
    }

    fn at_free(mut self) -> Self {
        while self.held.contains(&self.next) {
            self.next += 1;
        }
        self
    }

    /// Uses the next one.
    pub(crate) fn take(&mut self) {
        let held = std::mem::take(&mut self.held);
        *self = Self { next: self.next + 1, held }.at_free();
    }
}

impl Executor {
    /// The transaction of a call with the next free nonce, or why there is none; what there is takes its
    /// share of the market.
    pub(crate) fn draft(
        &self,
        read: &impl Reads,
        key: &ActionKey,
        ready: &Ready,
        market: &mut Market,
    ) -> Result<Result<Draft, Verdict>, ExecutorError> {
        let key = *key;
        let loaded = match self.standing(read, key)? {
            Standing::Due(loaded) => loaded,
            standing => return Ok(Err(self.not_now(read, key, standing)?)),
        };
        let (fees, tip) = (market.fees, market.tip);
        let unsigned = Unsigned {
            chain: key.chain,
            nonce: market.nonces.next,
            to: ready.call.to,
            value: ready.call.value,
            gas_limit: ready.gas_limit,
            data: ready.call.data.clone(),
        };
        let plan = ready.plan.as_ref().or(loaded.state.plan.as_ref());
        let bidding =
            Bidding { key, loaded: &loaded, plan, gas_limit: ready.gas_limit, versions: 0 };
        let bid = Bid::first(fees, self.pressure(&bidding, tip, fees));
        let token = match (key.action, plan) {
            (Action::FundDestination, Some(plan)) if !plan.immutables.token.is_zero() => {
                Some((plan.immutables.token.masked(), plan.immutables.amount))
            }
            _ => None,
        };
        let coin = unsigned.cost(bid);
        let token = purse_of(key.action, &loaded.order).map(|purse| (purse, coin)).or(token);
        let spending = Spending { day: day_of(tip.time), coin, token };
        let notes = IntentNotes {
            because: Some(justification(key.action, &loaded, key.chain, tip)),
            foreign: None,
            spending: Some(spending),
        };
        let draft = Draft { unsigned, bid, tip, notes };
        if let Some(verdict) = self.refund_must_wait(read, key.chain, &draft.notes)? {
            return Ok(Err(verdict));
        }
        let over = match self.too_dear(key.action, &draft, fees) {
            Some(reason) => Some(reason),
            None => self.over_cap(read, key, &draft)?.or_else(|| cannot_pay(key, coin, market)),
        };
        if let Some(reason) = over {
            return Ok(Err(self.deferred(key.chain, reason)?));
        }
        if let Err(error) = self.check_gate(key, &draft.unsigned, &loaded, plan) {
            return Ok(Err(self.refused_by_gate(&key, &error)?));
        }
        market.nonces.take();
        market.pledged = market.pledged.saturating_add(coin);
        Ok(Ok(draft))
    }

    // What is sent all the same would wait at the head of the lane, and every way out behind it. A way
    // out waits for a better price only where gas alone costs more than it saves.
    fn too_dear(&self, action: Action, draft: &Draft, fees: Fees) -> Option<String> {
        let (base, bid) = (fees.base, draft.bid.max_fee);
        if bid > base {
            return None;
        }
        match self.account.max_fee.filter(|most| *most <= base) {
            Some(most) => takes_risk(action)
                .then(|| format!("gas costs {base} wei, the operator's most is {most}")),
            None => Some(format!("gas costs {base} wei, what is at stake pays for {bid}")),
        }
    }

    pub(crate) fn over_cap(
        &self,
        read: &impl Reads,
        key: ActionKey,
        draft: &Draft,
    ) -> Result<Option<String>, ExecutorError> {
        let Some(spending) = &draft.notes.spending else { return Ok(None) };
        Ok(self.account.caps.over(read, key.chain, key.action, spending)?)
    }
}

/// What the transactions of a chain that are not mined may cost.
pub(crate) fn pledged(
    read: &impl Reads,
    chain: ChainId,
    on_chain: u64,
) -> Result<U256, ExecutorError> {
    let waiting = read.intents(chain)?.into_iter().filter(|intent| intent.nonce >= on_chain);
    let costs = waiting.filter_map(|intent| Some(intent.notes.spending?.coin));
    Ok(costs.fold(U256::ZERO, U256::saturating_add))
}

// A pool takes nothing that the account cannot pay beside what it holds already, and a nonce that waits
// for coin keeps every way out behind it waiting, too.
fn cannot_pay(key: ActionKey, needed: U256, market: &Market) -> Option<String> {
    let Market { held, pledged, .. } = market;
    let over = takes_risk(key.action) && needed.saturating_add(*pledged) > *held;
    over.then(|| {
        format!("it may cost {needed} wei; the account holds {held}, {pledged} of it pledged")
    })
}

#[cfg(test)]
mod tests {
    use super::FreeNonces;

    #[test]
    fn nonces_are_given_out_lowest_first_and_each_once() {
        let mut nonces = FreeNonces::from(3).beside(vec![4, 5, 7]);
        let mut given = Vec::new();
        for _ in 0..4 {
            given.push(nonces.next);
            nonces.take();
        }
        assert_eq!(given, [3, 6, 8, 9]);
        assert_eq!(FreeNonces::from(3).beside(vec![3]).next, 4);
    }
}
