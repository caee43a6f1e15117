//! What waits above a transaction in its nonce lane. Nothing above a nonce is mined before it, so the head
//! of the lane is as urgent as the most urgent of them, and none that takes a risk keeps a way out waiting.

use crate::{
    Executor, ExecutorError, account::takes_risk, because::latest_send, bid::Pressure,
    commit::Bidding,
};
use bmn_chain::Fees;
use bmn_primitives::BlockRef;
use bmn_queue::Loaded;
use bmn_store::{IntentRow, Reads};

/// What waits above a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Behind {
    /// A way out of an escrow is among them.
    pub(crate) way_out: bool,
    /// Earliest of their latest safe times, unix seconds of the chain.
    pub(crate) latest: Option<u64>,
    /// Most that is at stake for a unit of gas in a way out among them, wei.
    pub(crate) stake: Option<u128>,
}

impl Behind {
    fn with(self, way_out: bool, latest: Option<u64>, stake: Option<u128>) -> Self {
        Self {
            way_out: self.way_out || way_out,
            latest: [self.latest, latest].into_iter().flatten().min(),
            stake: self.stake.max(stake),
        }
    }
}

impl Executor {
    /// For each of the intents of a chain, which go by nonce, what waits above it.
    pub(crate) fn behind(
        &self,
        read: &impl Reads,
        intents: &[IntentRow],
    ) -> Result<Vec<Behind>, ExecutorError> {
        let mut above = vec![Behind::default(); intents.len()];
        let mut seen = Behind::default();
        for (place, intent) in intents.iter().enumerate().rev() {
            above[place] = seen;
            // What the first one waits for is nobody's concern.
            if intent.filler || place == 0 {
                continue;
            }
            let key = intent.key;
            let way_out = !takes_risk(key.action);
            let Some(loaded) = Loaded::read(read, key.order, &self.rules)? else {
                seen = seen.with(way_out, None, None);
                continue;
            };
            let bidding = bidding(intent, &loaded);
            let latest = latest_send(key, &loaded, bidding.plan, &self.rules);
            let stake = way_out.then(|| self.most_per_gas(&bidding));
            seen = seen.with(way_out, latest, stake);
        }
        Ok(above)
    }

    /// How hard the next version of an intent is to be pressed, for itself and for what waits above it.
    /// What takes a risk never costs more than it may earn, whatever waits.
    pub(crate) fn pressed(
        &self,
        intent: &IntentRow,
        loaded: &Loaded,
        filler: bool,
        behind: &Behind,
        tip: BlockRef,
        fees: Fees,
    ) -> Pressure {
        let chain = intent.key.chain;
        let mut pressure = if filler {
            self.no_pressure(chain, intent.sent.len(), fees)
        } else {
            self.pressure(&bidding(intent, loaded), tip, fees)
        };
        let above = behind.latest.map(|latest| self.time_left(chain, tip, latest));
        pressure.time_left = [pressure.time_left, above].into_iter().flatten().min();
        if let Some(stake) = behind.stake
            && (filler || !takes_risk(intent.key.action))
        {
            pressure.cap = pressure.cap.max(self.cap_at(fees, Some(stake)));
        }
        pressure
    }
}

fn bidding<'a>(intent: &IntentRow, loaded: &'a Loaded) -> Bidding<'a> {
    Bidding {
        key: intent.key,
        loaded,
        plan: loaded.state.plan.as_ref(),
        gas_limit: intent.gas_limit,
        versions: intent.sent.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_as_urgent_as_the_most_urgent_behind_it_and_a_way_out_is_never_forgotten() {
        let none = Behind::default();
        let one = none.with(false, Some(90), None).with(true, None, Some(7));
        let all = one.with(false, Some(100), None).with(true, Some(80), Some(5));
        assert_eq!(all, Behind { way_out: true, latest: Some(80), stake: Some(7) });
        assert_eq!(none.with(false, None, None), none);
    }
}
