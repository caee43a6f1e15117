//! Random operations against a queue that is a map and a loop.

use super::fixtures::{A, B, height, key, memory, order, time};
use crate::*;
use bmn_primitives::ChainId;
use bmn_store::{JobCounts, Reads, WriteTx};
use bmn_swap::{Action, ActionKey, Due, Wake, When};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
enum Op {
    Reconcile(u8, Vec<Due>, Option<u64>),
    Promote(ChainId, u64, u64),
    Lease(ChainId, u64, u64),
    Recover(u64),
    Expire(ChainId, u64),
    // The rest is done with one of the claims ever handed out, most of which are over.
    Renew(usize, u64),
    Finish(usize),
    Park(usize, When),
    Sent(usize),
    Retry(usize, bool),
    Bury(usize),
}

const FOR_EVER: RetryPolicy = RetryPolicy { first: 1, multiplier: 2, ceiling: 4, attempts: None };
const ONCE: RetryPolicy = RetryPolicy { attempts: Some(1), ..FOR_EVER };

/// The queue as its page describes it, with no index at all.
#[derive(Debug, Clone, Default)]
struct Model {
    jobs: BTreeMap<ActionKey, JobRow>,
    next: u64,
    claims: Vec<Claim>,
}

impl Model {
    fn reconcile(&mut self, n: u8, due: &[Due], deadline: Option<u64>) {
        let wanted: BTreeMap<_, _> = due.iter().map(|due| (due.key, &due.when)).collect();
        self.jobs
            .retain(|key, job| key.order != order(n) || wanted.contains_key(key) || !is_free(job));
        for (key, job) in &mut self.jobs {
            if key.order == order(n) && matches!(job.state, JobState::Leased { .. }) {
                job.is_revoked = !wanted.contains_key(key);
            }
        }
        for (key, when) in wanted {
            let next = &mut self.next;
            let job = self.jobs.entry(key).or_insert_with(|| {
                *next += 1;
                JobRow {
                    key,
                    state: JobState::Ready,
                    attempts: 0,
                    seq: *next,
                    not_before: None,
                    deadline,
                    token: 0,
                    is_revoked: false,
                    failures: Vec::new(),
                }
            });
            if is_free(job) {
                job.deadline = deadline;
                job.state = match (when, job.not_before) {
                    (When::Now, None) => JobState::Ready,
                    (When::Now, Some(wake)) => JobState::Waiting(vec![wake]),
                    (When::Wake(wakes), _) => JobState::Waiting(wakes.clone()),
                };
            }
        }
    }

    fn promote(&mut self, chain: ChainId, head: u64, next_time: u64) -> usize {
        let met = |wake: &Wake| match *wake {
            Wake::Height { chain: on, number } => on == chain && number <= head,
            Wake::Time { chain: on, time } => on == chain && time <= next_time,
        };
        let mut promoted = 0;
        for job in self.jobs.values_mut() {
            let JobState::Waiting(wakes) = &job.state else { continue };
            if !wakes.iter().any(met) {
                continue;
            }
            job.not_before = job.not_before.filter(|wake| !met(wake));
            job.state = match job.not_before {
                Some(wake) => JobState::Waiting(vec![wake]),
                None => {
                    promoted += 1;
                    JobState::Ready
                }
            };
        }
        promoted
    }

    fn lease(&mut self, chain: ChainId, epoch: u64, now: u64) -> Option<JobRow> {
        let leased = self.jobs.values().filter(|job| matches!(job.state, JobState::Leased { .. }));
        let busy: Vec<_> = leased.map(|job| job.key.order).collect();
        let token = self.claims.len() as u64 + 1;
        let ready = self.jobs.values_mut();
        let ready = ready.filter(|job| job.key.chain == chain && job.state == JobState::Ready);
        let ready = ready.filter(|job| !busy.contains(&job.key.order));
        let urgency = |job: &&mut JobRow| (job.lane(), job.deadline.unwrap_or(u64::MAX), job.seq);
        let job = ready.min_by_key(urgency)?;
        job.state = JobState::Leased { epoch, until: now + LEASE_SECONDS };
        job.token = token;
        self.claims.push(job.claim());
        Some(job.clone())
    }

    fn recover(&mut self, epoch: u64) -> usize {
        let stale =
            |job: &JobRow| matches!(job.state, JobState::Leased { epoch: e, .. } if e < epoch);
        self.give_back(stale, |_| {})
    }

    fn expire(&mut self, chain: ChainId, now: u64) -> usize {
        let over = |job: &JobRow| {
            job.key.chain == chain
                && matches!(job.state, JobState::Leased { until, .. } if until <= now)
        };
        self.give_back(over, |job| {
            fail(job, FailureClass::Abandoned, "its worker was not heard of for 300 s");
        })
    }

    fn give_back(&mut self, which: impl Fn(&JobRow) -> bool, more: impl Fn(&mut JobRow)) -> usize {
        let keys: Vec<_> = self.jobs.values().filter(|job| which(job)).map(|job| job.key).collect();
        for key in &keys {
            let job = self.jobs.get_mut(key).unwrap();
            if job.is_revoked {
                self.jobs.remove(key);
            } else {
                job.state = JobState::Ready;
                more(job);
            }
        }
        keys.len()
    }

    fn claim(&self, pick: usize) -> Claim {
        let never = Claim { key: key(1, Action::Fill, A), token: 0 };
        if self.claims.is_empty() { never } else { self.claims[pick % self.claims.len()] }
    }

    /// The operations of whoever has a claim; false when it is over.
    fn act(&mut self, op: &Op, claim: Claim) -> bool {
        let held = self.jobs.get_mut(&claim.key);
        let Some(job) = held.filter(|job| is_held(job) && job.token == claim.token) else {
            return false;
        };
        let was_revoked = job.is_revoked;
        match op {
            Op::Renew(_, now) => {
                if let JobState::Leased { until, .. } = &mut job.state {
                    *until = (*until).max(now + LEASE_SECONDS);
                }
                return true;
            }
            Op::Finish(_) => {
                self.jobs.remove(&claim.key);
                return true;
            }
            Op::Sent(_) => {
                (job.state, job.is_revoked) = (JobState::Sent, false);
                return true;
            }
            Op::Bury(_) => {
                fail(job, FailureClass::Final, "x");
                (job.is_revoked, job.not_before) = (false, None);
                job.state = dead("x", FailureClass::Final);
                return true;
            }
            Op::Park(_, When::Now) => job.state = JobState::Ready,
            Op::Park(_, When::Wake(wakes)) => job.state = JobState::Waiting(wakes.clone()),
            Op::Retry(_, once) => {
                fail(job, FailureClass::Host, "x");
                let policy = if *once { ONCE } else { FOR_EVER };
                let spread = jitter(&job.key, job.attempts);
                match next_attempt(policy, job.attempts, 0, job.deadline, spread) {
                    NextAttempt::Retry(time) => {
                        let wake = Wake::Time { chain: job.key.chain, time };
                        job.state = JobState::Waiting(vec![wake]);
                        job.not_before = Some(wake);
                    }
                    NextAttempt::Dead(why) => {
                        job.state = dead(&format!("{why}: x"), FailureClass::Host);
                        job.not_before = None;
                    }
                }
            }
            _ => unreachable!("not done with a claim"),
        }
        if was_revoked {
            self.jobs.remove(&claim.key);
        }
        true
    }

    /// At most one lease for each order, and no token twice.
    fn check(&self) -> Result<(), TestCaseError> {
        let mut orders = BTreeSet::new();
        for job in self.jobs.values().filter(|job| matches!(job.state, JobState::Leased { .. })) {
            prop_assert!(orders.insert(job.key.order), "two leases of one order");
        }
        Ok(())
    }

    fn counts(&self) -> JobCounts {
        let count = |kinds: &[StateKind]| {
            self.jobs.values().filter(|job| kinds.contains(&job.state.kind())).count() as u64
        };
        JobCounts {
            waiting: count(&[StateKind::Waiting]),
            ready: count(&[StateKind::Ready]),
            held: count(&[StateKind::Leased, StateKind::Sent]),
            dead: count(&[StateKind::Dead]),
        }
    }
}

fn is_held(job: &JobRow) -> bool {
    matches!(job.state, JobState::Leased { .. } | JobState::Sent)
}

fn is_free(job: &JobRow) -> bool {
    matches!(job.state, JobState::Ready | JobState::Waiting(_))
}

fn fail(job: &mut JobRow, class: FailureClass, error: &str) {
    job.attempts += 1;
    job.failures.push(Failure { class, error: error.to_owned(), at: None });
    let most = JobRow::MAX_FAILURES;
    job.failures.drain(..job.failures.len().saturating_sub(most));
}

fn dead(reason: &str, class: FailureClass) -> JobState {
    JobState::Dead { reason: reason.to_owned(), class, at: None }
}

fn run(tx: &mut WriteTx, model: &mut Model, op: &Op) -> Result<(), TestCaseError> {
    match op {
        Op::Reconcile(n, due, deadline) => {
            reconcile(tx, order(*n), due, |_| *deadline).unwrap();
            model.reconcile(*n, due, *deadline);
        }
        Op::Promote(chain, head, time) => prop_assert_eq!(
            promote(tx, *chain, *head, *time).unwrap(),
            model.promote(*chain, *head, *time)
        ),
        Op::Lease(chain, epoch, now) => prop_assert_eq!(
            lease(tx, *chain, *epoch, *now).unwrap(),
            model.lease(*chain, *epoch, *now)
        ),
        Op::Recover(epoch) => prop_assert_eq!(recover(tx, *epoch).unwrap(), model.recover(*epoch)),
        Op::Expire(chain, now) => {
            prop_assert_eq!(has_expired(tx, *chain, *now).unwrap(), {
                let mut ahead = model.clone();
                ahead.expire(*chain, *now) > 0
            });
            prop_assert_eq!(expire(tx, *chain, *now).unwrap(), model.expire(*chain, *now));
        }
        Op::Renew(pick, _)
        | Op::Finish(pick)
        | Op::Park(pick, _)
        | Op::Sent(pick)
        | Op::Retry(pick, _)
        | Op::Bury(pick) => {
            let claim = model.claim(*pick);
            let done = act(tx, op, &claim);
            let overtaken = matches!(done, Err(QueueError::Overtaken { .. }));
            prop_assert!(done.is_ok() || overtaken, "{done:?}");
            prop_assert_eq!(done.is_ok(), model.act(op, claim));
        }
    }
    model.check()
}

fn act(tx: &mut WriteTx, op: &Op, claim: &Claim) -> Result<(), QueueError> {
    match op {
        Op::Renew(_, now) => renew(tx, claim, *now),
        Op::Finish(_) => finish(tx, claim),
        Op::Park(_, when) => park(tx, claim, when),
        Op::Sent(_) => sent(tx, claim),
        Op::Retry(_, once) => {
            let policy = if *once { ONCE } else { FOR_EVER };
            retry(tx, claim, FailureClass::Host, "x", policy).map(drop)
        }
        _ => bury(tx, claim, FailureClass::Final, "x"),
    }
}

fn chain() -> impl Strategy<Value = ChainId> {
    prop_oneof![Just(A), Just(B)]
}

fn a_key() -> impl Strategy<Value = ActionKey> {
    let action = prop::sample::select(vec![Action::WithdrawSource, Action::Fill]);
    (1..3u8, action, chain()).prop_map(|(n, action, chain)| key(n, action, chain))
}

fn wake() -> impl Strategy<Value = Wake> {
    (chain(), any::<bool>(), 0..6u64)
        .prop_map(|(chain, by_time, at)| if by_time { time(chain, at) } else { height(chain, at) })
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![Just(When::Now), prop::collection::vec(wake(), 0..3).prop_map(When::Wake)]
}

fn due() -> impl Strategy<Value = (u8, Vec<Due>)> {
    (1..3u8, prop::collection::vec((a_key(), when()), 0..4)).prop_map(|(n, due)| {
        let due = due.into_iter().map(|(mut key, when)| {
            key.order = order(n);
            Due { key, when }
        });
        (n, due.collect())
    })
}

fn op() -> impl Strategy<Value = Op> {
    let pick = || prop_oneof![Just(0), any::<usize>()];
    let clock = || prop::sample::select(vec![0u64, 200, 300, 450, 700]);
    prop_oneof![
        4 => (due(), prop::option::of(0..9u64)).prop_map(|((n, due), by)| Op::Reconcile(n, due, by)),
        3 => (chain(), 0..6u64, 0..6u64).prop_map(|(chain, h, t)| Op::Promote(chain, h, t)),
        5 => (chain(), 1..4u64, clock()).prop_map(|(chain, epoch, now)| Op::Lease(chain, epoch, now)),
        1 => (1..4u64).prop_map(Op::Recover),
        1 => (chain(), clock()).prop_map(|(chain, now)| Op::Expire(chain, now)),
        1 => (pick(), clock()).prop_map(|(pick, now)| Op::Renew(pick, now)),
        1 => pick().prop_map(Op::Finish),
        2 => (pick(), when()).prop_map(|(pick, when)| Op::Park(pick, when)),
        2 => pick().prop_map(Op::Sent),
        2 => (pick(), any::<bool>()).prop_map(|(pick, once)| Op::Retry(pick, once)),
        1 => pick().prop_map(Op::Bury),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_queue_does_what_a_map_and_a_loop_do(
        transactions in prop::collection::vec((prop::collection::vec(op(), 1..8), any::<bool>()), 1..12)
    ) {
        let store = memory();
        let mut model = Model::default();
        for (ops, commits) in transactions {
            let mut tx = store.write().unwrap();
            let mut attempt = model.clone();
            for op in &ops {
                run(&mut tx, &mut attempt, op)?;
            }
            if commits {
                tx.commit().unwrap();
                model = attempt;
            }
            let read = store.read().unwrap();
            let jobs = list(&read, &JobFilter::default(), None, usize::MAX).unwrap();
            prop_assert_eq!(jobs, model.jobs.values().cloned().collect::<Vec<_>>());
            prop_assert_eq!(read.job_counts().unwrap(), model.counts());
        }
    }
}
