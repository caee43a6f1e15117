//! A day in a few numbers (S0-22, S0-76, S3-56).

use super::windows::{Sums, windows_since};
use crate::{Ground, ground::records};
use async_trait::async_trait;
use bmn_records::{Reads as _, Records, RecordsError, Table};
use bmn_rpc_api::Day;
use bmn_scheduler::{Job, JobContext, JobError, JobSpec, Outcome};
use serde::{Deserialize, Serialize};

const DAY_MS: u64 = 86_400_000;

/// How long reports are kept, milliseconds.
const KEPT_MS: u64 = 90 * DAY_MS;

const REPORTS: Table<DailyReport> = Table::new("daily_reports");

/// What happened on a day, by UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyReport {
    /// Days since 1970-01-01.
    pub day: u64,
    /// When the report was made, milliseconds since 1970: before the end of the day for one that was asked for by hand.
    pub made_ms: u64,
    /// Sums of the windows that ended on that day.
    pub sums: Sums,
    /// Such windows.
    pub windows: u64,
}

/// The report of a day, by its number since 1970-01-01.
///
/// # Errors
/// See [`RecordsError`].
pub fn report_of(of: &Records, day: u64, now_ms: u64) -> Result<Option<DailyReport>, RecordsError> {
    of.read()?.get(&REPORTS, &day.to_be_bytes(), now_ms)
}

pub(super) struct DailyReportJob(pub(super) Ground);

#[async_trait]
impl Job for DailyReportJob {
    fn spec(&self) -> JobSpec {
        crate::schedules::spec("dailyReport", self.0.config.profile)
    }

    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError> {
        // At midnight it is about the day that ends; by hand about the day so far.
        let day = ctx.slot_ms.map_or(ctx.now_ms, |slot| slot.saturating_sub(1)) / DAY_MS;
        let (beside, now) = (self.0.records.clone(), ctx.now_ms);
        let report = ctx.blocking(move || made(&beside, day, now).map_err(records)).await?;
        let sums = &report.sums;
        let named = Day::from_number(u32::try_from(day).unwrap_or(u32::MAX));
        let average = match sums.average_seconds() {
            Some(seconds) => format!("{seconds} s on average"),
            None => "none timed".to_owned(),
        };
        let outcome = Outcome::counted([
            ("created", sums.created),
            ("refused", sums.refused),
            ("completed", sums.completed),
            ("cancelled", sums.cancelled),
            ("failed", sums.failed),
            ("windows", report.windows),
        ]);
        Ok(outcome.noted(format!(
            "{}: {} taken, {} completed ({average}), {} ended without a swap, {} failed",
            named.map_or_else(String::new, |day| day.to_string()),
            sums.created,
            sums.completed,
            sums.cancelled,
            sums.failed,
        )))
    }
}

fn made(of: &Records, day: u64, now: u64) -> Result<DailyReport, RecordsError> {
    let (from, to) = (day.saturating_mul(DAY_MS), day.saturating_add(1).saturating_mul(DAY_MS));
    let (mut sums, mut windows) = (Sums::default(), 0);
    // A window that ends at midnight is the last of its day.
    for window in windows_since(of, from, now)?.iter().filter(|window| window.to_ms <= to) {
        sums.add(&window.sums);
        windows += 1;
    }
    let report = DailyReport { day, made_ms: now, sums, windows };
    of.put(&REPORTS, &day.to_be_bytes(), &report, Some(now.saturating_add(KEPT_MS)))?;
    Ok(report)
}
