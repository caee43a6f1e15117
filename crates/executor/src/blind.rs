//! Chains whose blocks are not seen for the moment.
//!
//! What is stored of such a chain is what was so before. Money that goes out on another chain because of it, or a secret that
//! is disclosed there, waits until it is seen again; ways out do not wait.

use crate::{Executor, account::takes_risk};
use bmn_primitives::ChainId;
use bmn_queue::Loaded;
use bmn_swap::{Action, ActionKey, SecretKnowledge};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// In memory only: whoever begins anew finds out again.
#[derive(Debug, Default)]
pub(crate) struct Blind(Mutex<BTreeSet<ChainId>>);

impl Blind {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<ChainId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Executor {
    /// The host of a chain does not give its blocks, or contradicts itself.
    pub fn loses_sight_of(&self, chain: ChainId) {
        self.blind.lock().insert(chain);
    }

    /// The chain was followed to its head.
    pub fn sees(&self, chain: ChainId) {
        self.blind.lock().remove(&chain);
    }

    /// The other chain of an order whose blocks must be seen before this is done, and are not.
    pub(crate) fn waits_for_sight_of(&self, loaded: &Loaded, key: &ActionKey) -> Option<ChainId> {
        if !must_see(key.action, loaded.state.evidence.secret) {
            return None;
        }
        let chains = [loaded.order.id.chain, loaded.order.destination_chain];
        let blind = self.blind.lock();
        chains.into_iter().find(|chain| *chain != key.chain && blind.contains(chain))
    }
}

/// Whether an action gives something away that cannot be had back.
const fn must_see(action: Action, secret: SecretKnowledge) -> bool {
    let discloses =
        matches!(action, Action::WithdrawDestination) && !matches!(secret, SecretKnowledge::Public);
    takes_risk(action) || discloses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_a_risk_waits_and_ways_out_do_not() {
        use SecretKnowledge::{Public, Sealed};
        for action in [Action::Fill, Action::FundDestination] {
            assert!(must_see(action, Public));
        }
        assert!(must_see(Action::WithdrawDestination, Sealed), "it discloses the secret");
        assert!(!must_see(Action::WithdrawDestination, Public));
        for way_out in [Action::WithdrawSource, Action::CancelSource, Action::CancelDestination] {
            assert!(!must_see(way_out, Sealed));
        }
    }
}
