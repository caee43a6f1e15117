//! How many blocks to ask logs for.

/// The span of the next request for logs: it grows while requests succeed and shrinks when a node
/// finds them too large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogRange {
    span: u64,
    most: u64,
    /// What the node said it takes.
    stated: Option<u64>,
    /// Successes to wait for before growing: a limit that was just found is not tried at once.
    hold: u32,
}

/// Successes after a failure before the span grows again.
const HOLD: u32 = 8;
/// What the span is divided by after silence.
const SILENCE: u64 = 8;

impl LogRange {
    pub(crate) fn new(initial: u64, most: u64) -> Self {
        let most = most.max(1);
        Self { span: initial.clamp(1, most), most, stated: None, hold: 0 }
    }

    /// Blocks to ask for next; at least one.
    pub(crate) const fn span(&self) -> u64 {
        self.span
    }

    /// The node's own limit, where it named one.
    pub(crate) const fn stated(&self) -> Option<u64> {
        self.stated
    }

    /// A request over `asked` blocks was answered.
    pub(crate) fn answered(&mut self, asked: u64) {
        if asked < self.span {
            // The end of history, not the span, bounded it.
            return;
        }
        if self.hold > 0 {
            self.hold -= 1;
            return;
        }
        self.span = self.span.saturating_mul(2).min(self.most).min(self.stated.unwrap_or(u64::MAX));
    }

    /// A request over `asked` blocks was refused because it spans too many; `stated` is the limit
    /// that the node named. False when there is nothing smaller to ask for.
    pub(crate) fn too_wide(&mut self, asked: u64, stated: Option<u64>) -> bool {
        let Some(limit) = stated.filter(|limit| (1..asked).contains(limit)) else {
            return self.too_much(asked, None);
        };
        self.stated = Some(limit);
        self.hold = 0;
        self.span = limit;
        true
    }

    /// A request over `asked` blocks had too large an answer, or none in time; `works` is the span
    /// that the node proposes for this place. False when there is nothing smaller to ask for.
    pub(crate) fn too_much(&mut self, asked: u64, works: Option<u64>) -> bool {
        let less = works.filter(|span| (1..asked).contains(span)).unwrap_or(asked / 2);
        self.hold = HOLD;
        self.span = less.max(1);
        asked > 1
    }

    /// A request over `asked` blocks got no answer at all, perhaps because of its size: much less is
    /// asked for next, since each such request costs a whole timeout. False when there is nothing
    /// smaller to ask for.
    pub(crate) fn unanswered(&mut self, asked: u64) -> bool {
        self.too_much(asked, Some(asked / SILENCE))
    }

    /// Of the blocks that were asked for, only `used` could be taken: more would be read twice.
    pub(crate) fn overfetched(&mut self, used: u64) {
        self.span = used.clamp(1, self.span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_grows_halves_and_keeps_stated_limits() {
        let mut range = LogRange::new(1_000, 5_000);
        range.answered(10);
        assert_eq!(range.span(), 1_000, "a short request says nothing about long ones");
        range.answered(1_000);
        range.answered(2_000);
        range.answered(4_000);
        assert_eq!(range.span(), 5_000);
        assert!(range.too_much(5_000, None));
        assert_eq!(range.span(), 2_500);
        for _ in 0..HOLD {
            range.answered(2_500);
        }
        assert_eq!(range.span(), 2_500);
        range.answered(2_500);
        assert_eq!(range.span(), 5_000);
        assert!(range.too_wide(5_000, Some(800)));
        for _ in 0..20 {
            range.answered(range.span());
        }
        assert_eq!((range.span(), range.stated()), (800, Some(800)));
        assert!(range.too_wide(800, Some(9_999)), "a limit above what was asked is not the reason");
        assert_eq!((range.span(), range.stated()), (400, Some(800)));
        assert!(range.too_much(400, Some(37)));
        assert_eq!(range.span(), 37);
        assert!(!LogRange::new(1, 1).too_much(1, None));
        let mut range = LogRange::new(1_000, 5_000);
        assert!(range.unanswered(1_000));
        assert_eq!(range.span(), 125);
        range.overfetched(30);
        range.overfetched(70);
        assert_eq!(range.span(), 30, "it never grows this way");
        assert!(range.unanswered(5) && !range.unanswered(1));
        assert_eq!(range.span(), 1);
    }

    proptest! {
        #[test]
        fn any_limit_of_a_node_is_found(limit in 1u64..50_000, initial in 1u64..100_000) {
            let mut range = LogRange::new(initial, 100_000);
            let mut requests = 0;
            let mut covered = 0u64;
            while covered < limit * 20 {
                let asked = range.span();
                prop_assert!((1..=100_000).contains(&asked));
                if asked > limit {
                    prop_assert!(range.too_wide(asked, None));
                } else {
                    covered += asked;
                    range.answered(asked);
                }
                requests += 1;
                prop_assert!(requests < 150, "{limit} {initial}");
            }
        }
    }
}
