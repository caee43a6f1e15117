//! The daily copy of the database and the records (S1-108).

use crate::{Ground, backups::back_up, ground::store};
use async_trait::async_trait;
use bmn_scheduler::{Job, JobContext, JobError, JobSpec, Outcome};

pub(super) struct DailyBackup(pub(super) Ground);

#[async_trait]
impl Job for DailyBackup {
    fn spec(&self) -> JobSpec {
        crate::schedules::spec("dailyBackup", self.0.config.profile)
    }

    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError> {
        let (of, beside, now) = (self.0.store().clone(), self.0.records.clone(), ctx.now_ms);
        let configured = &self.0.config.backup;
        let directory =
            configured.directory.clone().unwrap_or_else(|| self.0.directory.join("backups"));
        let keep = usize::try_from(configured.keep).unwrap_or(usize::MAX);
        let done = ctx.blocking(move || {
            back_up(&of, Some(&beside), &directory, Some(keep), now, &mut |_, _| {}).map_err(store)
        });
        let done = done.await?;
        let outcome = Outcome::counted([
            ("rows", done.report.rows()),
            ("recordsRows", done.report.beside),
            ("bytes", done.report.bytes),
            ("olderDeleted", done.deleted.len() as u64),
        ]);
        Ok(outcome.noted(format!("{}", done.path.display())))
    }
}
