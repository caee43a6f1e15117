//! The jobs.

mod backup;
mod balances;
mod cleanup;
mod health;
mod integrity;
mod report;
mod state_sync;
mod sweep;
mod windows;

pub use health::{HealthRecord, latest_health};
pub use report::{DailyReport, report_of};
pub use windows::{Sums, Window, windows_since};

use crate::Ground;
use async_trait::async_trait;
use bmn_scheduler::{Job, JobContext, JobError, JobSpec, Outcome};
use std::sync::Arc;

/// Every job over this ground, in the order of [`JOBS`](crate::JOBS).
pub fn jobs(ground: &Ground) -> Vec<Arc<dyn Job>> {
    let new = || ground.clone();
    vec![
        Arc::new(sweep::TimelockMonitor(new())),
        Arc::new(sweep::CancellationCheck(new())),
        Arc::new(state_sync::StateSync::new(new())),
        Arc::new(health::HealthCheck(new())),
        Arc::new(integrity::Integrity(new())),
        Arc::new(balances::BalanceMonitor(new())),
        Arc::new(backup::DailyBackup(new())),
        Arc::new(cleanup::OrderCleanup::new(new())),
        Arc::new(windows::MetricsAggregator(new())),
        Arc::new(report::DailyReportJob(new())),
        Arc::new(RecordsSweep(new())),
    ]
}

/// Rows of one table that are taken away in one commit.
const MOST_SWEPT: usize = 1_000;

/// Takes records away whose time is over.
struct RecordsSweep(Ground);

#[async_trait]
impl Job for RecordsSweep {
    fn spec(&self) -> JobSpec {
        crate::schedules::spec("recordsSweep", self.0.config.profile)
    }

    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError> {
        let (records, now, stop) = (self.0.records.clone(), ctx.now_ms, ctx.stop.clone());
        let swept = ctx.blocking(move || {
            let mut swept = 0;
            loop {
                let tx = records.write().map_err(crate::ground::records)?;
                let some = tx.sweep(now, MOST_SWEPT).map_err(crate::ground::records)?;
                tx.commit().map_err(crate::ground::records)?;
                swept += some as u64;
                if some == 0 || stop.is_cancelled() {
                    return Ok(swept);
                }
            }
        });
        Ok(Outcome::counted([("rowsRemoved", swept.await?)]))
    }
}
