//! Orders that are over leave the database, by the operator's lifetimes and never while anything is locked (S3-08, S0-38).

use crate::{Ground, ground::store};
use async_trait::async_trait;
use bmn_scheduler::{Job, JobContext, JobError, JobSpec, Outcome};
use bmn_store::{Retention, RetentionBudget, RetentionPolicy};
use parking_lot::Mutex;
use std::sync::Arc;

/// Where the archive lies in the data directory.
const ARCHIVE: &str = "archive";

const DAY_SECS: u64 = 86_400;

pub(super) struct OrderCleanup {
    ground: Ground,
    /// Opened by the first run that has something to keep to; it remembers how far it has looked.
    retention: Arc<Mutex<Option<Retention>>>,
}

impl OrderCleanup {
    pub(super) fn new(ground: Ground) -> Self {
        Self { ground, retention: Arc::default() }
    }
}

#[async_trait]
impl Job for OrderCleanup {
    fn spec(&self) -> JobSpec {
        crate::schedules::spec("orderCleanup", self.ground.config.profile)
    }

    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError> {
        let days = self.ground.config.retention.orders_days;
        if days == 0 {
            return Ok(Outcome::default().noted("retention.orders_days is 0: orders are kept"));
        }
        let policy = RetentionPolicy { orders_secs: Some(days.saturating_mul(DAY_SECS)) };
        let (of, kept) = (self.ground.store().clone(), Arc::clone(&self.retention));
        let directory = self.ground.directory.join(ARCHIVE);
        let done = ctx.blocking(move || {
            let mut kept = kept.lock();
            let mut retention = match kept.take() {
                Some(retention) => retention,
                None => Retention::open(&directory).map_err(store)?,
            };
            let done = retention.retain(&of, &policy, &RetentionBudget::default());
            *kept = Some(retention);
            done.map_err(store)
        });
        let done = done.await?;
        let outcome = Outcome::counted([
            ("ordersArchived", done.archived),
            ("ordersRemoved", done.removed),
            ("ordersHeld", done.held),
            ("changesRemoved", done.changes),
        ]);
        Ok(match (done.is_waiting, done.is_behind) {
            (true, _) => outcome.noted("an index is not current: nothing was looked at"),
            (false, true) => outcome.noted("there is more to do; the next run goes on"),
            (false, false) => outcome,
        })
    }
}
