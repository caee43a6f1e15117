//! Random operations against a queue that is a map and a loop.

use super::fixtures::*;
use crate::*;
use bmn_primitives::ChainId;
use bmn_store::{JobCounts, Reads, WriteTx};
use bmn_swap::{Action, ActionKey, Due, Wake, When};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Op {
    Reconcile(u8, Vec<Due>),
    Promote(ChainId, u64, u64),
    Lease(ChainId, u64),
    Recover(u64),
    Finish(ActionKey),
    Park(ActionKey, When),
    Sent(ActionKey),
    Retry(ActionKey, Wake),
    Bury(ActionKey),
    Requeue(ActionKey),
    Drop(ActionKey),
}

const MAX_ATTEMPTS: u32 = 2;

/// The queue as its page describes it, with no index at all.
#[derive(Debug, Clone, Default)]
struct Model {
    jobs: BTreeMap<ActionKey, JobRow>,
    next: u64,
}

impl Model {
    fn reconcile(&mut self, n: u8, due: &[Due]) {
        let wanted: BTreeMap<_, _> = due.iter().map(|due| (due.key, &due.when)).collect();
        self.jobs
            .retain(|key, job| key.order != order(n) || wanted.contains_key(key) || is_held(job));
        for (key, when) in wanted {
            let next = &mut self.next;
            let job = self.jobs.entry(key).or_insert_with(|| {
                *next += 1;
                JobRow {
                    key,
                    state: JobState::Ready,
                    attempts: 0,
                    seq: *next,
                    last_error: None,
                    not_before: None,
                }
            });
            if matches!(job.state, JobState::Ready | JobState::Waiting(_)) {
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

    fn lease(&mut self, chain: ChainId, epoch: u64) -> Option<JobRow> {
        let ready = self.jobs.values_mut();
        let ready = ready.filter(|job| job.key.chain == chain && job.state == JobState::Ready);
        let job = ready.min_by_key(|job| (job.key.action, job.seq))?;
        job.state = JobState::Leased { epoch };
        Some(job.clone())
    }

    fn recover(&mut self, epoch: u64) -> usize {
        let stale =
            |job: &&mut JobRow| matches!(job.state, JobState::Leased { epoch: e } if e < epoch);
        let stale = self.jobs.values_mut().filter(stale);
        stale.map(|job| job.state = JobState::Ready).count()
    }

    fn held(&mut self, key: ActionKey) -> Option<&mut JobRow> {
        self.jobs.get_mut(&key).filter(|job| is_held(job))
    }

    /// The operations on one job; false when it is refused.
    fn act(&mut self, op: &Op) -> bool {
        let dead = || JobState::Dead { reason: "x".to_owned(), at: None };
        let job = match op {
            Op::Finish(key) => return self.jobs.remove(key).is_some(),
            Op::Drop(key) => {
                let free = self.jobs.get(key).is_some_and(|job| !is_held(job));
                return free && self.jobs.remove(key).is_some();
            }
            Op::Park(key, _) | Op::Sent(key) | Op::Retry(key, _) => self.held(*key),
            Op::Bury(key) => self.jobs.get_mut(key),
            Op::Requeue(key) => {
                self.jobs.get_mut(key).filter(|job| matches!(job.state, JobState::Dead { .. }))
            }
            _ => None,
        };
        let Some(job) = job else { return false };
        match op {
            Op::Park(_, When::Now) => job.state = JobState::Ready,
            Op::Park(_, When::Wake(wakes)) => job.state = JobState::Waiting(wakes.clone()),
            Op::Sent(_) => job.state = JobState::Sent,
            Op::Bury(_) => (job.state, job.not_before) = (dead(), None),
            Op::Requeue(_) => (job.state, job.attempts) = (JobState::Ready, 0),
            Op::Retry(_, wake) => {
                job.attempts += 1;
                job.last_error = Some("x".to_owned());
                (job.state, job.not_before) = if job.attempts >= MAX_ATTEMPTS {
                    (dead(), None)
                } else {
                    (JobState::Waiting(vec![*wake]), Some(*wake))
                };
            }
            _ => {}
        }
        true
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

fn run(tx: &mut WriteTx, model: &mut Model, op: &Op) -> Result<(), TestCaseError> {
    match op {
        Op::Reconcile(n, due) => {
            reconcile(tx, order(*n), due).unwrap();
            model.reconcile(*n, due);
        }
        Op::Promote(chain, head, time) => prop_assert_eq!(
            promote(tx, *chain, *head, *time).unwrap(),
            model.promote(*chain, *head, *time)
        ),
        Op::Lease(chain, epoch) => {
            prop_assert_eq!(lease(tx, *chain, *epoch).unwrap(), model.lease(*chain, *epoch));
        }
        Op::Recover(epoch) => prop_assert_eq!(recover(tx, *epoch).unwrap(), model.recover(*epoch)),
        Op::Finish(key) => prop_assert_eq!(finish(tx, key).is_ok(), model.act(op)),
        Op::Park(key, when) => prop_assert_eq!(park(tx, key, when).is_ok(), model.act(op)),
        Op::Sent(key) => prop_assert_eq!(sent(tx, key).is_ok(), model.act(op)),
        Op::Retry(key, wake) => {
            let done = retry(tx, key, "x", *wake, MAX_ATTEMPTS);
            prop_assert_eq!(done.is_ok(), model.act(op));
        }
        Op::Bury(key) => prop_assert_eq!(bury(tx, key, "x").is_ok(), model.act(op)),
        Op::Requeue(key) => prop_assert_eq!(requeue(tx, key).is_ok(), model.act(op)),
        Op::Drop(key) => prop_assert_eq!(drop_job(tx, key).is_ok(), model.act(op)),
    }
    Ok(())
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
    prop_oneof![
        4 => due().prop_map(|(n, due)| Op::Reconcile(n, due)),
        3 => (chain(), 0..6u64, 0..6u64).prop_map(|(chain, h, t)| Op::Promote(chain, h, t)),
        4 => (chain(), 1..4u64).prop_map(|(chain, epoch)| Op::Lease(chain, epoch)),
        1 => (1..4u64).prop_map(Op::Recover),
        1 => a_key().prop_map(Op::Finish),
        2 => (a_key(), when()).prop_map(|(key, when)| Op::Park(key, when)),
        2 => a_key().prop_map(Op::Sent),
        2 => (a_key(), wake()).prop_map(|(key, wake)| Op::Retry(key, wake)),
        1 => a_key().prop_map(Op::Bury),
        1 => a_key().prop_map(Op::Requeue),
        1 => a_key().prop_map(Op::Drop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

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
