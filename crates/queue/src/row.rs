//! The form of a job in the store. Fields are only ever appended: rows of the first form are a
//! prefix of the present one and are still read.

use crate::retry::FailureClass;
use crate::{Failure, JobRow, JobState, QueueError};
use bmn_primitives::BlockRef;
use bmn_store::{QueueTable, decode, encode};
use bmn_swap::{ActionKey, Wake};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
enum StoredState {
    Waiting(Vec<Wake>),
    Ready,
    Leased { epoch: u64 },
    Sent,
    Dead { reason: String, at: Option<BlockRef> },
}

/// The first form.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct First {
    key: ActionKey,
    state: StoredState,
    attempts: u32,
    seq: u64,
    last_error: Option<String>,
    not_before: Option<Wake>,
}

/// What the second form appends.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Appended {
    deadline: Option<u64>,
    token: u64,
    until: u64,
    is_revoked: bool,
    class: Option<FailureClass>,
    failures: Vec<Failure>,
}

pub(crate) fn to_bytes(job: &JobRow) -> Result<Vec<u8>, QueueError> {
    let (mut until, mut class) = (0, None);
    let state = match &job.state {
        JobState::Waiting(wakes) => StoredState::Waiting(wakes.clone()),
        JobState::Ready => StoredState::Ready,
        JobState::Leased { epoch, until: end } => {
            until = *end;
            StoredState::Leased { epoch: *epoch }
        }
        JobState::Sent => StoredState::Sent,
        JobState::Dead { reason, class: why, at } => {
            class = Some(*why);
            StoredState::Dead { reason: reason.clone(), at: *at }
        }
    };
    let first = First {
        key: job.key,
        state,
        attempts: job.attempts,
        seq: job.seq,
        last_error: None,
        not_before: job.not_before,
    };
    let appended = Appended {
        deadline: job.deadline,
        token: job.token,
        until,
        is_revoked: job.is_revoked,
        class,
        failures: job.failures.clone(),
    };
    Ok(encode(QueueTable::Jobs.name(), &(first, appended))?)
}

pub(crate) fn from_bytes(key: &[u8], bytes: &[u8]) -> Result<JobRow, QueueError> {
    let table = QueueTable::Jobs.name();
    match decode::<(First, Appended)>(table, key, bytes) {
        Ok((first, appended)) => Ok(joined(first, appended)),
        // The first form ends where the second goes on, so one is never taken for the other.
        Err(error) => match decode::<First>(table, key, bytes) {
            Ok(first) => Ok(of_first(first)),
            Err(_) => Err(error.into()),
        },
    }
}

fn of_first(mut first: First) -> JobRow {
    let class = FailureClass::Final;
    let last = first.last_error.take();
    let failures = last.map(|error| Failure { class: FailureClass::Reverted, error, at: None });
    let appended = Appended {
        deadline: None,
        token: 0,
        until: 0,
        is_revoked: false,
        class: Some(class),
        failures: failures.into_iter().collect(),
    };
    joined(first, appended)
}

fn joined(first: First, appended: Appended) -> JobRow {
    let state = match first.state {
        StoredState::Waiting(wakes) => JobState::Waiting(wakes),
        StoredState::Ready => JobState::Ready,
        StoredState::Leased { epoch } => JobState::Leased { epoch, until: appended.until },
        StoredState::Sent => JobState::Sent,
        StoredState::Dead { reason, at } => {
            let class = appended.class.unwrap_or(FailureClass::Final);
            JobState::Dead { reason, class, at }
        }
    };
    JobRow {
        key: first.key,
        state,
        attempts: first.attempts,
        seq: first.seq,
        not_before: first.not_before,
        deadline: appended.deadline,
        token: appended.token,
        is_revoked: appended.is_revoked,
        failures: appended.failures,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixtures::{A, height, key, memory};
    use crate::{StateKind, get, lease, recover};
    use bmn_store::{Reads, WriteTx};
    use bmn_swap::Action;

    #[test]
    fn rows_of_the_first_form_are_read_and_never_taken_for_the_second() {
        let states = [
            StoredState::Waiting(vec![height(A, 3)]),
            StoredState::Ready,
            StoredState::Leased { epoch: 7 },
            StoredState::Sent,
            StoredState::Dead { reason: "no".to_owned(), at: None },
        ];
        for state in states {
            let first = First {
                key: key(1, Action::Fill, A),
                state,
                attempts: 2,
                seq: 300,
                last_error: Some("away".to_owned()),
                not_before: Some(height(A, 9)),
            };
            let bytes = encode("jobs", &first).unwrap();
            assert!(decode::<(First, Appended)>("jobs", &[], &bytes).is_err());
            let job = from_bytes(&[], &bytes).unwrap();
            assert_eq!((job.key, job.attempts, job.seq, job.token), (first.key, 2, 300, 0));
            assert_eq!(job.last_error(), Some("away"));
            assert_eq!(job.not_before, first.not_before);
            assert_eq!(from_bytes(&[], &to_bytes(&job).unwrap()).unwrap(), job);
        }
    }

    fn put_first(tx: &mut WriteTx, n: u8, state: StoredState) -> ActionKey {
        let key = key(n, Action::Fill, A);
        let (seq, chain) = (u64::from(n), A.0.to_be_bytes());
        let (table, index, value) = match state {
            StoredState::Ready => {
                let priority = [key.action.priority()];
                let index = [&chain[..], &priority, &seq.to_be_bytes()].concat();
                (QueueTable::Ready, index, key.to_bytes().to_vec())
            }
            _ => (QueueTable::Held, [&chain[..], &key.to_bytes()].concat(), Vec::new()),
        };
        let row = First { key, state, attempts: 0, seq, last_error: None, not_before: None };
        tx.queue_put(table, &index, &value).unwrap();
        let row = encode("jobs", &row).unwrap();
        tx.queue_put(QueueTable::Jobs, &key.to_bytes(), &row).unwrap();
        key
    }

    #[test]
    fn jobs_that_an_older_build_left_are_worked_on() {
        let store = memory();
        let mut tx = store.write().unwrap();
        let sent = put_first(&mut tx, 1, StoredState::Sent);
        put_first(&mut tx, 2, StoredState::Ready);
        put_first(&mut tx, 3, StoredState::Leased { epoch: 1 });
        assert_eq!(recover(&mut tx, 2).unwrap(), 1);
        assert_eq!(recover(&mut tx, 2).unwrap(), 0);
        for n in [2, 3] {
            let job = lease(&mut tx, A, 2, 0).unwrap().unwrap();
            assert_eq!(job.key, key(n, Action::Fill, A));
        }
        assert_eq!(lease(&mut tx, A, 2, 0).unwrap(), None);
        assert_eq!(get(&tx, &sent).unwrap().unwrap().state.kind(), StateKind::Sent);
        let counts = tx.job_counts().unwrap();
        assert_eq!((counts.ready, counts.held), (0, 3));
    }
}
