//! Which jobs there are, when they run, and what the operator writes instead (`requirements.md` F.2, S3-48 to S3-56).

use bmn_config::{Profile, Schedules};
use bmn_scheduler::{JobSpec, Overrides, Priority, Schedule};
use std::time::Duration;

/// What is known of a job before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its name, as commands, answers and metrics have it.
    pub name: &'static str,
    /// Its key under `[schedules]`; none when nobody needs to change it.
    pub key: Option<&'static str>,
    /// One line on what it does.
    pub about: &'static str,
    /// Its schedule in the test profile.
    pub test: &'static str,
    /// Its schedule in the mainnet profile.
    pub mainnet: &'static str,
    /// How much it matters.
    pub priority: Priority,
    /// Waits before it is tried again, milliseconds.
    pub retries: &'static [u64],
    /// How long an attempt may take, seconds.
    pub timeout_s: u64,
}

const fn known(
    (name, key): (&'static str, Option<&'static str>),
    about: &'static str,
    (test, mainnet): (&'static str, &'static str),
    priority: Priority,
    (retries, timeout_s): (&'static [u64], u64),
) -> Known {
    Known { name, key, about, test, mainnet, priority, retries, timeout_s }
}

/// Every job.
pub const JOBS: [Known; 11] = [
    known(
        ("timelockMonitor", Some("timelock_monitor")),
        "asks the plan of every open order again; counts steps near their latest safe time",
        ("*/10 * * * * *", "0 * * * * *"),
        Priority::Critical,
        (&[1_000, 5_000, 10_000], 30),
    ),
    known(
        ("cancellationCheck", Some("cancellation_check")),
        "looks whether every cancellation and rescue that is due has a step",
        ("*/15 * * * * *", "0 */2 * * * *"),
        Priority::Critical,
        (&[1_000, 5_000], 30),
    ),
    known(
        ("stateSync", Some("state_sync")),
        "compares the escrows of open orders with the chains",
        ("*/30 * * * * *", "0 */2 * * * *"),
        Priority::High,
        (&[2_000, 5_000], 60),
    ),
    known(
        ("healthCheck", Some("health_check")),
        "asks every part and every chain how it does, and tells of changes",
        ("0 * * * * *", "0 */5 * * * *"),
        Priority::High,
        (&[1_000, 3_000], 30),
    ),
    known(
        ("statePersistence", Some("state_persistence")),
        "computes a slice of the index again from its events; measures the database",
        ("0 * * * * *", "0 */5 * * * *"),
        Priority::Medium,
        (&[5_000], 60),
    ),
    known(
        ("balanceMonitor", Some("balance_monitor")),
        "reads the account's balances and compares them with [balances]",
        ("0 */5 * * * *", "0 */15 * * * *"),
        Priority::Medium,
        (&[2_000], 60),
    ),
    known(
        ("dailyBackup", Some("daily_backup")),
        "copies the database and the records, and reads the copy back",
        ("off", "0 5 0 * * *"),
        Priority::Medium,
        (&[60_000, 300_000], 3_600),
    ),
    known(
        ("orderCleanup", Some("order_cleanup")),
        "puts away what has ended, as [retention] says",
        ("0 */5 * * * *", "0 */30 * * * *"),
        Priority::Low,
        (&[5_000], 120),
    ),
    known(
        ("metricsAggregator", Some("metrics_aggregator")),
        "sums up the orders that changed since its last run",
        ("0 */5 * * * *", "0 */15 * * * *"),
        Priority::Low,
        (&[1_000], 60),
    ),
    known(
        ("dailyReport", Some("daily_report")),
        "sums up a day from its windows",
        ("off", "0 0 0 * * *"),
        Priority::Low,
        (&[60_000], 60),
    ),
    known(
        ("recordsSweep", None),
        "takes records away whose time is over",
        ("every 10m", "every 10m"),
        Priority::Low,
        (&[5_000], 60),
    ),
];

/// The specification of a job in a profile. A name that is not in [`JOBS`] is a mistake that a test finds; such a job never
/// runs by itself.
pub(crate) fn spec(name: &'static str, profile: Profile) -> JobSpec {
    let known = JOBS.iter().find(|known| known.name == name);
    let text = known.map_or("off", |known| match profile {
        Profile::Test => known.test,
        Profile::Mainnet => known.mainnet,
    });
    let retries = known.map_or(&[][..], |known| known.retries);
    JobSpec {
        name,
        about: known.map_or("", |known| known.about),
        schedule: text.parse().unwrap_or(Schedule::Off),
        priority: known.map_or(Priority::Low, |known| known.priority),
        retries: retries.iter().map(|ms| Duration::from_millis(*ms)).collect(),
        timeout: Duration::from_secs(known.map_or(60, |known| known.timeout_s)),
        exclusive: true,
    }
}

/// What the configuration says of every job that it names. A text that is no schedule leaves the job as its profile has it;
/// each such text is told with its key.
pub fn overrides(schedules: &Schedules) -> (Overrides, Vec<String>) {
    let (mut overrides, mut refused) = (Overrides::new(), Vec::new());
    for known in &JOBS {
        let Some(key) = known.key else { continue };
        let text = schedules.cron(key).unwrap_or("off");
        match text.parse() {
            Ok(schedule) => {
                overrides.insert(known.name.to_owned(), schedule);
            }
            Err(error) => refused.push(format!("schedules.{key}: {error}")),
        }
    }
    (overrides, refused)
}

/// The name of a job as somebody may write it: also with its key under `[schedules]`.
pub fn named(text: &str) -> &str {
    JOBS.iter().find(|known| known.key == Some(text)).map_or(text, |known| known.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmn_config::JOBS as CONFIGURED;

    #[test]
    fn the_jobs_are_those_of_the_configuration_with_its_times() {
        for configured in CONFIGURED {
            let known = JOBS.iter().find(|known| known.key == Some(configured.job)).unwrap();
            assert_eq!((known.test, known.mainnet), (configured.test, configured.mainnet));
        }
        assert_eq!(JOBS.iter().filter(|known| known.key.is_some()).count(), CONFIGURED.len());
    }

    #[test]
    fn every_profile_is_made_of_schedules() {
        for known in JOBS {
            for text in [known.test, known.mainnet] {
                assert!(text.parse::<Schedule>().is_ok(), "{text}");
            }
        }
        for profile in [Profile::Test, Profile::Mainnet] {
            let (overrides, refused) = overrides(&Schedules::of(profile));
            assert_eq!((overrides.len(), refused.len()), (10, 0));
            for (name, schedule) in overrides {
                let known = JOBS.iter().find(|known| known.name == name).unwrap();
                assert_eq!(spec(known.name, profile).schedule, schedule);
            }
        }
    }

    #[test]
    fn a_time_that_does_not_exist_leaves_the_profiles_and_is_told() {
        let mut schedules = Schedules::of(Profile::Test);
        schedules.0[0].cron = Some("0 0 0 31 2 *".to_owned());
        let (overrides, refused) = overrides(&schedules);
        assert!(!overrides.contains_key("timelockMonitor"));
        assert!(refused[0].starts_with("schedules.timelock_monitor: "), "{refused:?}");
        assert_eq!(named("daily_report"), "dailyReport");
        assert_eq!(named("dailyReport"), "dailyReport");
    }
}
