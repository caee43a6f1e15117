//! What could not be looked at: nothing follows from its absence.

use crate::{AlertId, Facts, Kind, Thresholds};
use std::collections::{BTreeMap, BTreeSet};

/// What was not looked at in one round, or not well enough to call it well. An alert about it that stands is neither over
/// nor new.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unseen {
    kinds: BTreeSet<Kind>,
    subjects: BTreeMap<Kind, BTreeSet<String>>,
}

impl Unseen {
    /// All of a kind.
    pub fn kind(&mut self, kind: Kind) {
        self.kinds.insert(kind);
    }

    /// One subject of a kind, with everything below it: an order stands for its stages, a chain for its tokens.
    pub fn subject(&mut self, kind: Kind, subject: impl Into<String>) {
        self.subjects.entry(kind).or_default().insert(subject.into());
    }

    /// Whether what this is about was not looked at.
    pub fn has(&self, id: &AlertId) -> bool {
        if self.kinds.contains(&id.kind) {
            return true;
        }
        let Some(subjects) = self.subjects.get(&id.kind) else { return false };
        let above = id.subject.match_indices('/').map(|(at, _)| &id.subject[..at]);
        above.chain([id.subject.as_str()]).any(|subject| subjects.contains(subject))
    }
}

/// What these facts say nothing of: what whoever gathered them names, and what follows from them.
pub fn unseen(facts: &Facts, limits: &Thresholds) -> Unseen {
    let mut unseen = facts.unseen.clone();
    for chain in &facts.chains {
        // How old a head is, is known from the first one on that came while we looked.
        if !chain.moved && chain.head_age < limits.head_age_seconds {
            unseen.subject(Kind::RemoteLag, chain.chain.to_string());
        }
        if !chain.answers || chain.head.is_none() {
            unseen.subject(Kind::IndexerLag, chain.chain.to_string());
        }
    }
    if begins(facts, limits) {
        unseen.kind(Kind::OverallHealth);
    }
    unseen
}

/// Whether the node has just begun, and nothing is wrong but parts that were never well since: they are not ready yet.
pub(crate) fn begins(facts: &Facts, limits: &Thresholds) -> bool {
    let is_new = facts.up_seconds.is_some_and(|up| up < limits.start_seconds);
    is_new && !facts.parts.is_empty() && facts.parts.iter().all(|part| !part.was_well)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChainFacts;

    fn has(unseen: &Unseen, kind: Kind, subject: &str) -> bool {
        unseen.has(&AlertId::new(kind, subject))
    }

    #[test]
    fn a_subject_stands_for_what_is_below_it_and_for_nothing_beside_it() {
        let mut unseen = Unseen::default();
        unseen.subject(Kind::LowBalance, "1");
        unseen.kind(Kind::DiskLow);
        assert!(has(&unseen, Kind::LowBalance, "1") && has(&unseen, Kind::LowBalance, "1/ETH"));
        assert!(!has(&unseen, Kind::LowBalance, "10/ETH") && !has(&unseen, Kind::LowBalance, ""));
        assert!(!has(&unseen, Kind::RemoteLag, "1") && has(&unseen, Kind::DiskLow, ""));
    }

    #[test]
    fn a_host_that_showed_one_block_only_is_not_known_to_go_on_and_a_silent_one_shows_no_lag() {
        let limits = Thresholds::default();
        let of =
            |chain: ChainFacts| unseen(&Facts { chains: vec![chain], ..Facts::default() }, &limits);
        let chain = ChainFacts {
            chain: 7,
            indexed: Some(5),
            head: Some(5),
            head_age: 3,
            answers: true,
            moved: true,
        };
        assert_eq!(of(chain), Unseen::default());
        assert!(has(&of(ChainFacts { moved: false, ..chain }), Kind::RemoteLag, "7"));
        let old = ChainFacts { moved: false, head_age: 120, ..chain };
        assert!(!has(&of(old), Kind::RemoteLag, "7"), "that is seen, and wrong");
        let silent = of(ChainFacts { answers: false, ..chain });
        assert!(has(&silent, Kind::IndexerLag, "7") && !has(&silent, Kind::RemoteLag, "7"));
    }
}
