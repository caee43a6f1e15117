//! How long something has been wrong, and since when.

use crate::{AlertId, Condition, Conditions, Kind, Severity, Unseen};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An alert that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// How urgent.
    pub severity: Severity,
    /// One sentence for people, with the newest values.
    pub text: String,
    /// When it began to be so, milliseconds since 1970; its hold time included.
    pub since_ms: u64,
}

/// Alerts that stand, by what they are about.
pub type Alerts = BTreeMap<AlertId, Alert>;

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edge {
    /// It stands from now on.
    Began(AlertId, Alert),
    /// It stands and is worse than it was.
    Worse(AlertId, Alert),
    /// It is over. The alert is as it was at the end.
    Over(AlertId, Alert),
}

/// Remembers what is wrong between two looks.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// Since when each thing is wrong, told or not.
    since: BTreeMap<AlertId, u64>,
    stands: Alerts,
}

impl Watch {
    /// One that begins with what stood when the process before it ended.
    pub fn resumed(stands: Alerts) -> Self {
        let since = stands.iter().map(|(id, alert)| (id.clone(), alert.since_ms)).collect();
        Self { since, stands }
    }

    /// What stands.
    pub const fn stands(&self) -> &Alerts {
        &self.stands
    }

    /// Takes what is wrong now, and says what changed. A clock that is set back makes a hold time longer, never
    /// shorter.
    pub fn look(&mut self, conditions: &Conditions, now_ms: u64) -> Vec<Edge> {
        self.look_with(conditions, now_ms, Kind::hold)
    }

    /// The same where not everything could be looked at: what is not known to be well stays as it is.
    pub fn look_past(
        &mut self,
        conditions: &Conditions,
        unseen: &Unseen,
        now_ms: u64,
    ) -> Vec<Edge> {
        self.take(conditions, unseen, now_ms, Kind::hold)
    }

    /// The same with other hold times, milliseconds.
    pub fn look_with(
        &mut self,
        conditions: &Conditions,
        now_ms: u64,
        hold: impl Fn(Kind) -> u64,
    ) -> Vec<Edge> {
        self.take(conditions, &Unseen::default(), now_ms, hold)
    }

    fn take(
        &mut self,
        conditions: &Conditions,
        unseen: &Unseen,
        now_ms: u64,
        hold: impl Fn(Kind) -> u64,
    ) -> Vec<Edge> {
        let mut edges = Vec::new();
        let is_over = |id: &AlertId| !conditions.contains_key(id) && !unseen.has(id);
        self.since.retain(|id, _| !is_over(id));
        let over: Vec<_> = self.stands.keys().filter(|id| is_over(id)).cloned().collect();
        for id in over {
            if let Some(alert) = self.stands.remove(&id) {
                edges.push(Edge::Over(id, alert));
            }
        }
        for (id, condition) in conditions {
            let since = *self.since.entry(id.clone()).or_insert(now_ms);
            if now_ms.saturating_sub(since) >= hold(id.kind) {
                edges.extend(self.stand(id, condition, since));
            }
        }
        edges
    }

    fn stand(&mut self, id: &AlertId, condition: &Condition, since_ms: u64) -> Option<Edge> {
        let Condition { severity, text } = condition.clone();
        let alert = Alert { severity, text, since_ms };
        match self.stands.insert(id.clone(), alert.clone()) {
            None => Some(Edge::Began(id.clone(), alert)),
            Some(before) if before.severity < severity => Some(Edge::Worse(id.clone(), alert)),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: u64 = 60_000;

    fn wrong(kind: Kind, severity: Severity, text: &str) -> Conditions {
        let condition = Condition { severity, text: text.to_owned() };
        Conditions::from([(AlertId::new(kind, "x"), condition)])
    }

    #[test]
    fn a_stage_is_told_after_one_minute_and_depth_and_lag_after_five() {
        for (kind, minutes) in
            [(Kind::TimelockApproaching, 1), (Kind::HighQueueDepth, 5), (Kind::IndexerLag, 5)]
        {
            let mut watch = Watch::default();
            let wrong = wrong(kind, Severity::Critical, "it is so");
            assert_eq!(watch.look(&wrong, 7), []);
            assert_eq!(watch.look(&wrong, 7 + minutes * MINUTE - 1), []);
            let edges = watch.look(&wrong, 7 + minutes * MINUTE);
            assert!(
                matches!(&edges[..], [Edge::Began(_, alert)] if alert.since_ms == 7),
                "{edges:?}"
            );
            assert_eq!(watch.look(&wrong, 8 + minutes * MINUTE), [], "an edge comes once");
        }
    }

    #[test]
    fn what_is_interrupted_begins_its_hold_time_again() {
        let mut watch = Watch::default();
        let wrong = wrong(Kind::TimelockApproaching, Severity::Critical, "near");
        watch.look(&wrong, 0);
        watch.look(&Conditions::new(), MINUTE - 1);
        assert_eq!(watch.look(&wrong, MINUTE), []);
        assert_eq!(watch.look(&wrong, 2 * MINUTE).len(), 1);
    }

    #[test]
    fn a_new_value_is_no_edge_and_a_worse_severity_is() {
        let mut watch = Watch::default();
        let look = |watch: &mut Watch, severity, text: &str| {
            watch.look(&wrong(Kind::OverallHealth, severity, text), 1)
        };
        assert!(matches!(look(&mut watch, Severity::Warning, "a")[..], [Edge::Began(..)]));
        assert_eq!(look(&mut watch, Severity::Warning, "b"), []);
        assert_eq!(watch.stands().values().next().unwrap().text, "b", "the newest text is kept");
        assert!(matches!(look(&mut watch, Severity::Critical, "c")[..], [Edge::Worse(..)]));
        assert_eq!(look(&mut watch, Severity::Warning, "d"), []);
        assert!(matches!(watch.look(&Conditions::new(), 2)[..], [Edge::Over(..)]));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_begin_early() {
        let mut watch = Watch::default();
        let wrong = wrong(Kind::IndexerLag, Severity::Critical, "far");
        watch.look(&wrong, 100 * MINUTE);
        assert_eq!(watch.look(&wrong, MINUTE), []);
        assert_eq!(watch.look(&wrong, 104 * MINUTE), []);
        assert_eq!(watch.look(&wrong, 105 * MINUTE).len(), 1);
    }

    #[test]
    fn what_was_not_looked_at_is_neither_over_nor_new() {
        let mut watch = Watch::default();
        let low = wrong(Kind::LowBalance, Severity::Warning, "9 left");
        assert!(matches!(watch.look(&low, 1)[..], [Edge::Began(..)]));
        let mut watch = Watch::resumed(watch.stands().clone());
        let mut unseen = Unseen::default();
        unseen.subject(Kind::LowBalance, "x");
        assert_eq!(watch.look_past(&Conditions::new(), &unseen, 2), []);
        assert_eq!(watch.stands().len(), 1, "it stands as it did");
        assert_eq!(watch.look_past(&low, &Unseen::default(), 3), [], "and is no new one");
        let well = watch.look_past(&Conditions::new(), &Unseen::default(), 4);
        assert!(matches!(well[..], [Edge::Over(..)]));
        unseen.kind(Kind::DiskLow);
        assert_eq!(watch.look_past(&Conditions::new(), &unseen, 5), [], "nothing begins unseen");
    }

    #[test]
    fn a_hold_time_goes_on_past_a_look_that_saw_nothing() {
        let mut watch = Watch::default();
        let far = wrong(Kind::IndexerLag, Severity::Critical, "far");
        let mut unseen = Unseen::default();
        unseen.kind(Kind::IndexerLag);
        watch.look(&far, 0);
        assert_eq!(watch.look_past(&Conditions::new(), &unseen, MINUTE), []);
        assert_eq!(watch.look(&far, 5 * MINUTE).len(), 1);
    }

    proptest! {
        #[test]
        fn beginnings_and_ends_alternate_whatever_happens(
            looks in prop::collection::vec((any::<bool>(), 0_u64..400_000), 1..60)
        ) {
            let mut watch = Watch::default();
            let (mut now, mut stands) = (0, false);
            for (is_wrong, passed) in looks {
                now += passed;
                let conditions = if is_wrong {
                    wrong(Kind::HighQueueDepth, Severity::Warning, "deep")
                } else {
                    Conditions::new()
                };
                for edge in watch.look(&conditions, now) {
                    match edge {
                        Edge::Began(_, alert) => {
                            prop_assert!(!stands && now - alert.since_ms >= 5 * MINUTE);
                            stands = true;
                        }
                        Edge::Over(..) => {
                            prop_assert!(stands && !is_wrong);
                            stands = false;
                        }
                        Edge::Worse(..) => prop_assert!(false, "one severity"),
                    }
                }
                prop_assert_eq!(watch.stands().len(), usize::from(stands));
            }
        }
    }
}
