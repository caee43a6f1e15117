//! When jobs run: the profiles, and what the operator writes instead.

use crate::{node::NodeChain, section::Section, values::Field};
use toml::de::DeValue;

/// A set of defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Profile {
    /// Development chains and test networks: jobs come often.
    #[default]
    Test,
    /// Real money: jobs come as seldom as they may.
    Mainnet,
}

/// The development chains.
const DEVELOPMENT: [u64; 3] = [1337, 1338, 31337];

impl Profile {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Mainnet => "mainnet",
        }
    }

    /// The one that holds where none is named: test when every chain is a development chain.
    pub(crate) fn of(chains: &[NodeChain]) -> Self {
        let is_test = chains.iter().all(|chain| DEVELOPMENT.contains(&chain.spec.chain_id.0));
        if is_test { Self::Test } else { Self::Mainnet }
    }
}

impl Field for Profile {
    const EXPECTED: &'static str = "\"test\" or \"mainnet\"";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        [Self::Test, Self::Mainnet].into_iter().find(|it| value.as_str() == Some(it.name()))
    }

    fn shown(&self) -> String {
        format!("{:?}", self.name())
    }
}

/// A job that can be scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSchedule {
    /// Its name, also the key under `[schedules]`.
    pub job: &'static str,
    /// Its times in the test profile.
    pub test: &'static str,
    /// Its times in the mainnet profile.
    pub mainnet: &'static str,
    /// What it does.
    pub what: &'static str,
}

/// What stands for no time at all.
pub const OFF: &str = "off";

const fn job(
    job: &'static str,
    test: &'static str,
    mainnet: &'static str,
    what: &'static str,
) -> JobSchedule {
    JobSchedule { job, test, mainnet, what }
}

/// Every job, with the times of both profiles (S3-48 to S3-56, S1-108): seconds, minutes, hours, day of the month,
/// month and day of the week, in UTC.
pub const JOBS: [JobSchedule; 10] = [
    job("timelock_monitor", "*/10 * * * * *", "0 * * * * *", "looks for windows that close soon"),
    job("state_sync", "*/30 * * * * *", "0 */2 * * * *", "compares the index with the chains"),
    job("cancellation_check", "*/15 * * * * *", "0 */2 * * * *", "looks for cancellations due"),
    job("state_persistence", "0 * * * * *", "0 */5 * * * *", "checks that the database is whole"),
    job("order_cleanup", "0 */5 * * * *", "0 */30 * * * *", "puts away what has ended"),
    job("balance_monitor", "0 */5 * * * *", "0 */15 * * * *", "compares balances with [balances]"),
    job("health_check", "0 * * * * *", "0 */5 * * * *", "asks every part how it is"),
    job("metrics_aggregator", "0 */5 * * * *", "0 */15 * * * *", "sums up figures by window"),
    job("daily_report", OFF, "0 0 0 * * *", "sums up the day"),
    job("daily_backup", OFF, "0 5 0 * * *", "copies the database"),
];

/// When one job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// One of [`JOBS`].
    pub job: &'static str,
    /// Cron text with seconds; `None` when the job is off.
    pub cron: Option<String>,
    /// Where it is written, for errors; `None` when it is the profile's.
    pub place: Option<String>,
}

/// When every job runs, in the order of [`JOBS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedules(pub Vec<Schedule>);

impl Schedules {
    /// Those of a profile.
    pub fn of(profile: Profile) -> Self {
        let one = |job: &JobSchedule| {
            let text = job.times(profile);
            let cron = (text != OFF).then(|| text.to_owned());
            Schedule { job: job.job, cron, place: None }
        };
        Self(JOBS.iter().map(one).collect())
    }

    /// The cron text of a job; none when it is off, or there is no such job.
    pub fn cron(&self, job: &str) -> Option<&str> {
        self.0.iter().find(|it| it.job == job)?.cron.as_deref()
    }

    pub(crate) fn read(section: &mut Section<'_, '_>, profile: Profile) -> Option<Self> {
        let read = JOBS.iter().map(|job| {
            section.defaults_of(profile);
            let text = section.or(job.job, CronText(job.times(profile).to_owned()))?.0;
            let cron = (text != OFF).then_some(text);
            Some(Schedule { job: job.job, cron, place: section.place_of(job.job) })
        });
        // Every key is asked for, so that every mistake is told.
        let read: Vec<Option<Schedule>> = read.collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }
}

impl Default for Schedules {
    fn default() -> Self {
        Self::of(Profile::default())
    }
}

impl JobSchedule {
    /// Its times in a profile.
    pub const fn times(&self, profile: Profile) -> &'static str {
        match profile {
            Profile::Test => self.test,
            Profile::Mainnet => self.mainnet,
        }
    }
}

/// Cron text by its looks; whether the times exist is for who runs it to say.
struct CronText(String);

const FIELDS: usize = 6;

impl Field for CronText {
    const EXPECTED: &'static str = "cron text of six fields (second minute hour day month weekday), as in \
                                    \"0 */5 * * * *\", or \"off\"";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let text = value.as_str()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"*/,-?#".contains(&byte);
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let is_cron = fields.len() == FIELDS && fields.iter().all(|it| it.bytes().all(plain));
        (text == OFF || is_cron).then(|| Self(fields.join(" ")))
    }

    fn shown(&self) -> String {
        format!("{:?}", self.0)
    }
}
