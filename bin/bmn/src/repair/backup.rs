//! `bmn backup`.

use super::{bar, failed, moves, now_ms, open, report};
use crate::{
    failure::Failure,
    operator::OperatorArgs,
    output::{self, Output},
};
use bmn_records::{RECORDS_FILE, Records};
use bmn_rpc_api::{AdminApiClient, Limit, OperatorApiClient, RunResult, ScheduledRun};
use bmn_store::{MASTER_KEY_FILE, StoreError, backup};
use bmn_upkeep::backups::{BackedUp, back_up, back_up_to};
use clap::Args;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

const EXAMPLES: &str = "\
Examples:
  bmn backup                                       has the running node make one (its job dailyBackup)
  bmn backup --config bmn.toml                     of a stopped node, into [backup] directory
  bmn backup --data-dir bmn-data --dir backups --keep 7
  bmn backup --data-dir bmn-data --out before-upgrade.bmnbackup

A running node writes into its own [backup] directory, and nowhere else. With --config or --data-dir the node must be
stopped: a database is opened once. The master key is in no backup: keep a copy of it apart.
`bmn verify --backup FILE` checks a backup, `bmn restore FILE --data-dir DIRECTORY` makes a directory from it.";

/// Back up the database and records of a node.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group(clap::ArgGroup::new("stopped").multiple(true)))]
pub(crate) struct BackupArgs {
    /// Configuration of a stopped node, which names its directories.
    #[arg(long, value_name = "FILE", group = "stopped")]
    config: Option<PathBuf>,

    /// Database directory of a stopped node; that of the configuration unless given.
    #[arg(long, value_name = "DIRECTORY", group = "stopped")]
    data_dir: Option<PathBuf>,

    /// Directory for the backup, which gets a name by its time; that of the configuration, or `backups` in the
    /// database directory, unless given.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "out", requires = "stopped")]
    dir: Option<PathBuf>,

    /// File for the backup; an existing one is never overwritten.
    #[arg(long, value_name = "FILE", requires = "stopped")]
    out: Option<PathBuf>,

    /// How many backups stay in the directory; what the configuration says, or all, unless given.
    #[arg(long, value_name = "COUNT", conflicts_with = "out", requires = "stopped",
          value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,

    #[command(flatten)]
    node: OperatorArgs,
}

/// Where from, where to.
struct Places {
    data_dir: PathBuf,
    directory: PathBuf,
    keep: usize,
}

/// Takes a backup and reads it back.
pub(crate) async fn run(args: &BackupArgs, output: &Output) -> Result<(), Failure> {
    match (&args.config, &args.data_dir) {
        (None, None) => of_running(&args.node, output).await,
        _ => of_stopped(args, output),
    }
}

/// The job that makes them.
const JOB: &str = "dailyBackup";

/// Pause between two looks at it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Has the node make one and waits for it; the job has a timeout of its own.
async fn of_running(node: &OperatorArgs, output: &Output) -> Result<(), Failure> {
    let failed = |error| node.failed(error);
    let started = node.http()?.run_job(JOB.to_owned()).await.map_err(failed)?;
    output.note("The node is making a backup.");
    loop {
        let client = node.http()?;
        let runs = client.scheduled_runs(Some(JOB.to_owned()), Some(Limit::default())).await;
        let runs = runs.map_err(failed)?;
        let run = runs.into_iter().find(|run| run.started_ms == started.started_ms);
        let Some(run) = run.filter(|run| run.result != RunResult::Running) else {
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        };
        if run.result != RunResult::Succeeded {
            let why = run.error.unwrap_or_else(|| run.result.to_string());
            return Err(Failure::No(format!("the node made no backup: {why}")));
        }
        let file = PathBuf::from(run.note.clone().unwrap_or_default());
        // On another machine the file is not here: what the node counted has to do.
        return match backup::check(&file, &mut |_, _| {}) {
            Ok(checked) => {
                output.result(&report::json(&file, &checked), || report::text(&file, &checked))
            }
            Err(_) => output.result(&run, || counted(&run)),
        };
    }
}

fn counted(run: &ScheduledRun) -> String {
    let mut fields = vec![("backup", run.note.clone().unwrap_or_default())];
    let counters = run.counters.iter().map(|(name, count)| (name.as_str(), count.to_string()));
    fields.extend(counters);
    output::fields(&fields)
}

fn of_stopped(args: &BackupArgs, output: &Output) -> Result<(), Failure> {
    let places = args.places()?;
    let store = open(&places.data_dir).map_err(|error| hint(error, &places.data_dir))?;
    let records = places.data_dir.join(RECORDS_FILE).exists();
    let records = records.then(|| Records::open(&places.data_dir)).transpose();
    let records = records.map_err(|error| Failure::Run(eyre::Report::new(error)))?;
    let bar = bar("backup")?;
    let (to, now, mut moved) = (&places.directory, now_ms(), moves(&bar));
    let taken = match &args.out {
        Some(path) => back_up_to(&store, records.as_ref(), path, now, &mut moved)
            .map(|report| BackedUp { path: path.clone(), report, deleted: Vec::new() }),
        None => back_up(&store, records.as_ref(), to, Some(places.keep), now, &mut moved),
    };
    bar.finish_and_clear();
    let taken = taken.map_err(failed)?;
    let key = places.data_dir.join(MASTER_KEY_FILE);
    output.note(&format!(
        "The master key is not in it: keep a copy of {} apart, check value {}.",
        key.display(),
        taken.report.head.key_check
    ));
    for old in &taken.deleted {
        output.note(&format!("Deleted {}.", old.display()));
    }
    let mut value = report::json(&taken.path, &taken.report);
    value["masterKey"] = serde_json::json!(key);
    value["deleted"] = serde_json::json!(taken.deleted);
    output.result(&value, || report::text(&taken.path, &taken.report))
}

/// A node that runs makes its own.
fn hint(failure: Failure, data_dir: &Path) -> Failure {
    let Failure::Run(report) = &failure else { return failure };
    match report.downcast_ref::<StoreError>() {
        Some(StoreError::AlreadyOpen { .. }) => Failure::Usage(format!(
            "a node is running on {}: have it make one (`bmn backup --rpc URL --jwt-secret FILE`, without --data-dir), or stop it first",
            data_dir.display()
        )),
        _ => failure,
    }
}

impl BackupArgs {
    fn places(&self) -> Result<Places, Failure> {
        // No key is asked for: nothing is signed.
        let config = self.config.as_deref().map(|path| bmn_launch::read_config(path, true));
        let config = config.transpose()?;
        let said = config.as_ref().map(|config| &config.data_dir);
        let no_place = || Failure::Usage("name a directory: --data-dir or --config".to_owned());
        let data_dir = self.data_dir.as_ref().or(said).cloned().ok_or_else(no_place)?;
        let said = config.as_ref().map(|config| &config.upkeep.backup);
        let directory = self.dir.as_ref().or(said.and_then(|backup| backup.directory.as_ref()));
        let directory = directory.cloned().unwrap_or_else(|| data_dir.join("backups"));
        let keep = self.keep.map(u64::from).or(said.map(|backup| backup.keep));
        // All of them: what a backup that was cut short left goes even then.
        let keep = keep.map_or(usize::MAX, |keep| usize::try_from(keep).unwrap_or(usize::MAX));
        Ok(Places { data_dir, directory, keep })
    }
}
