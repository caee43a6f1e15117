//! What keeps the resolver's database small during a run.

use crate::SimError;
use bmn_store::{
    PruneBudget, Retention, RetentionBudget, RetentionPolicy, Store, StoreError, prune_index,
};
use std::{path::Path, time::Duration};

/// How often orders that are over are looked for.
const EVERY: Duration = Duration::from_secs(5);

/// Archives and removes orders that are over, and takes out of the index what is.
pub(super) struct Upkeep {
    store: Store,
    policy: RetentionPolicy,
    /// None while a call is under way, or where every order is kept.
    retention: Option<Retention>,
    next: Duration,
    archived: u64,
    bytes: u64,
}

impl Upkeep {
    /// Keeps orders for so many seconds after their end; all of them when none.
    pub(super) fn open(
        store: Store,
        directory: &Path,
        keep: Option<u64>,
    ) -> Result<Self, SimError> {
        let policy = RetentionPolicy { orders_secs: keep };
        let archive = directory.join("archive");
        let retention = keep.map(|_| Retention::open(&archive)).transpose()?;
        Ok(Self { store, policy, retention, next: EVERY, archived: 0, bytes: 0 })
    }

    /// Does what is due.
    pub(super) async fn look(&mut self, elapsed: Duration) -> Result<(), SimError> {
        if elapsed < self.next {
            return Ok(());
        }
        let Some(mut retention) = self.retention.take() else { return Ok(()) };
        let (store, policy) = (self.store.clone(), self.policy);
        let work = move || {
            let done = retention.retain(&store, &policy, &RetentionBudget::default())?;
            if let Some(age) = policy.orders_secs {
                prune_index(&store, age, &PruneBudget::default(), &|| false)?;
            }
            Ok::<_, StoreError>((retention, done))
        };
        // A call that dies leaves the run without one that archives, which the figures show.
        let worked = tokio::task::spawn_blocking(work).await;
        let (retention, done) = worked.map_err(|_| SimError::Stuck("archiving"))??;
        self.archived += done.archived;
        self.bytes = retention.archive().bytes();
        self.retention = Some(retention);
        self.next = elapsed + EVERY;
        Ok(())
    }

    /// Bytes of the archive.
    pub(super) const fn archive_bytes(&self) -> u64 {
        self.bytes
    }

    /// Orders that were archived.
    pub(super) const fn archived(&self) -> u64 {
        self.archived
    }
}
