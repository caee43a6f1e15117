//! Telling how the node is, on stderr, while it runs.

use super::progress::{CatchUp, Place, Progress};
use crate::{onchain::Onchain, output::Output};
use bmn_config::ChainSpec;
use bmn_launch::hosts;
use bmn_node::{Clock, ResolverHandle, SystemClock};
use bmn_store::{Reads, Store};
use std::{convert::Infallible, time::Duration};

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A head that takes longer is asked for at the next look.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is looked at.
pub(super) struct Watch {
    chains: Vec<(ChainSpec, Onchain)>,
    store: Store,
    output: Output,
}

impl Watch {
    /// Over these chains and their database.
    pub(super) const fn new(
        chains: Vec<(ChainSpec, Onchain)>,
        store: Store,
        output: Output,
    ) -> Self {
        Self { chains, store, output }
    }

    /// Looks for ever. `acting` is asked why it does not act.
    pub(super) async fn run(&self, acting: Option<ResolverHandle>) -> Infallible {
        let clock = SystemClock::new();
        let progress = Progress::new(self.output);
        let mut catching: Vec<_> = self
            .chains
            .iter()
            .map(|(spec, chain)| (spec, chain, progress.chain(hosts::named(spec))))
            .collect();
        let mut told = None;
        loop {
            for (spec, chain, catch_up) in &mut catching {
                self.look(spec, chain, catch_up, &progress, &clock).await;
            }
            let why = acting.as_ref().and_then(ResolverHandle::not_acting);
            if why != told {
                self.tell(why.as_deref());
                told = why;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn look(
        &self,
        spec: &ChainSpec,
        chain: &Onchain,
        catch_up: &mut CatchUp,
        progress: &Progress,
        clock: &SystemClock,
    ) {
        if catch_up.arrived() {
            return;
        }
        // A chain that does not answer is in the log; here it only stands still.
        let Ok(Ok(head)) = tokio::time::timeout(PATIENCE, chain.client.head()).await else {
            return;
        };
        let Ok(read) = self.store.read() else { return };
        let Ok(cursor) = read.cursor(spec.chain_id) else { return };
        let indexed = cursor.tip.map(|tip| tip.number);
        let place = Place { indexed, start: spec.start_block, head: head.number };
        progress.show(catch_up, place, clock.monotonic());
    }

    fn tell(&self, why: Option<&str>) {
        self.output.note(&match why {
            Some(why) => format!("NOT ACTING on every chain, new orders are refused: {why}"),
            None => "Acting.".to_owned(),
        });
    }
}

/// What to do about it, where the error itself does not say.
pub(super) fn with_cure(why: &str) -> String {
    let full = ["os error 28", "No space left", "os error 122"];
    if full.iter().any(|text| why.contains(text)) {
        return format!(
            "{why}; the disk is full: make room and start again, nothing that was decided is lost"
        );
    }
    why.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_with_what_to_do() {
        let error = std::io::Error::from_raw_os_error(28);
        assert!(with_cure(&format!("database failed: {error}")).contains("make room"));
        assert_eq!(with_cure("chain 1: no common block"), "chain 1: no common block");
    }
}
