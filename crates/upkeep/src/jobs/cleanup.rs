//! Orders that are over leave the database, by the operator's lifetimes and never while anything is locked (S3-08, S0-38);
//! so does what the chains showed long ago (G-38).

use crate::{Ground, ground::store};
use async_trait::async_trait;
use bmn_scheduler::{Job, JobContext, JobError, JobSpec, Outcome};
use bmn_store::{
    PruneBudget, Pruned, Retained, Retention, RetentionBudget, RetentionPolicy, prune_index,
};
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
        let days = self.ground.config.retention;
        if days.orders_days == 0 && days.index_days == 0 {
            return Ok(Outcome::default().noted("[retention] sets no days: everything is kept"));
        }
        // Orders first: what only they needed goes with them.
        let orders = self.retain(ctx, days.orders_days.saturating_mul(DAY_SECS)).await?;
        let index = self.prune(ctx, days.index_days.saturating_mul(DAY_SECS)).await?;
        let outcome = Outcome::counted([
            ("ordersArchived", orders.archived),
            ("ordersRemoved", orders.removed),
            ("ordersHeld", orders.held),
            ("changesRemoved", orders.changes),
            ("escrowsPruned", index.escrows),
            ("eventsPruned", index.events),
        ]);
        let is_waiting = orders.is_waiting || index.is_waiting;
        Ok(match (is_waiting, orders.is_behind || index.is_behind) {
            (true, _) => outcome.noted("an index is not current: nothing was looked at"),
            (false, true) => outcome.noted("there is more to do; the next run goes on"),
            (false, false) => outcome,
        })
    }
}

impl OrderCleanup {
    async fn retain(&self, ctx: &JobContext, age_secs: u64) -> Result<Retained, JobError> {
        if age_secs == 0 {
            return Ok(Retained::default());
        }
        let policy = RetentionPolicy { orders_secs: Some(age_secs) };
        let (of, kept) = (self.ground.store().clone(), Arc::clone(&self.retention));
        let directory = self.ground.directory.join(ARCHIVE);
        let stop = ctx.stop.clone();
        ctx.blocking(move || {
            let mut kept = kept.lock();
            let mut retention = match kept.take() {
                Some(retention) => retention,
                None => Retention::open(&directory).map_err(store)?,
            };
            let is_stopped = || stop.is_cancelled();
            let budget = RetentionBudget::default();
            let done = retention.retain_until(&of, &policy, &budget, &is_stopped);
            *kept = Some(retention);
            done.map_err(store)
        })
        .await
    }

    async fn prune(&self, ctx: &JobContext, age_secs: u64) -> Result<Pruned, JobError> {
        if age_secs == 0 {
            return Ok(Pruned::default());
        }
        let (of, stop) = (self.ground.store().clone(), ctx.stop.clone());
        let is_stopped = move || stop.is_cancelled();
        ctx.blocking(move || {
            prune_index(&of, age_secs, &PruneBudget::default(), &is_stopped).map_err(store)
        })
        .await
    }
}
