//! What is done beside the swaps: jobs, alerts, backups, what is kept for how long, and the log.

use crate::{
    endpoint::EndpointSource,
    node::{NodeChain, NodeOrigin},
    schedules::{Profile, Schedules},
    section::Section,
    values::Field,
};
use alloy::primitives::Address;
use bmn_primitives::ChainId;
use std::{collections::BTreeSet, num::NonZeroU64, path::PathBuf};
use toml::de::DeValue;

/// Everything of a configuration that no swap depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Upkeep {
    /// Whose defaults hold where nothing is written.
    pub profile: Profile,
    /// When each job runs.
    pub schedules: Schedules,
    /// Who is told of what goes wrong.
    pub alerts: Alerts,
    /// Below which balance somebody is told.
    pub balances: Balances,
    /// Copies of the database.
    pub backup: Backup,
    /// How long what is over is kept.
    pub retention: Retention,
    /// The log, and where spans go.
    pub telemetry: Telemetry,
}

impl Upkeep {
    pub(crate) fn read(
        section: &mut Section<'_, '_>,
        origin: &NodeOrigin<'_>,
        chains: &[NodeChain],
    ) -> Option<Self> {
        let profile = section.or("profile", Profile::of(chains));
        let defaults = profile.unwrap_or_default();
        let schedules =
            section.table_or_empty("schedules", |table| Schedules::read(table, defaults));
        let alerts = section.table_or_empty("alerts", Alerts::read);
        let balances = section.table_or_empty("balances", Balances::read);
        let backup = section.table_or_empty("backup", |table| Backup::read(table, origin));
        let retention = section.table_or_empty("retention", Retention::read);
        let telemetry = section.table_or_empty("telemetry", Telemetry::read);
        Some(Self {
            profile: profile?,
            schedules: schedules?,
            alerts: alerts?,
            balances: balances?,
            backup: backup?,
            retention: retention?,
            telemetry: telemetry?,
        })
    }
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AlertSeverity {
    /// Worth knowing.
    Info,
    /// Somebody should look today.
    #[default]
    Warning,
    /// Somebody must look now.
    Critical,
}

impl AlertSeverity {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl Field for AlertSeverity {
    const EXPECTED: &'static str = "\"info\", \"warning\" or \"critical\"";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let all = [Self::Info, Self::Warning, Self::Critical];
        all.into_iter().find(|severity| value.as_str() == Some(severity.name()))
    }

    fn shown(&self) -> String {
        format!("{:?}", self.name())
    }
}

/// Who is told, and from which figure on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerts {
    /// Where alerts are posted; nowhere without. The URL is often a key, so that it is never shown.
    pub webhook: Option<EndpointSource>,
    /// What posts are signed with, so that the receiver knows that it is we; not signed without. Never a URL.
    pub webhook_secret: Option<EndpointSource>,
    /// Least severity that is posted.
    pub min_severity: AlertSeverity,
    /// Seconds after which an alert that still holds is posted again.
    pub repeat_secs: u64,
    /// What is called as long as everything runs, by an outside service that tells when the call stays out.
    pub heartbeat: Option<EndpointSource>,
    /// Seconds between two such calls.
    pub heartbeat_secs: u64,
    /// A window that closes within so many seconds is an alert (S1-58).
    pub timelock_secs: u64,
    /// More jobs that wait are one (S1-59).
    pub queue_depth: u64,
    /// A chain further behind its head is one, blocks (S1-61).
    pub lag_blocks: u64,
    /// Open orders from this share of `policy.max_open_orders` on are one, percent (S3-32).
    pub capacity_percent: u64,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            webhook: None,
            webhook_secret: None,
            min_severity: AlertSeverity::Warning,
            repeat_secs: 3_600,
            heartbeat: None,
            heartbeat_secs: 60,
            timelock_secs: 300,
            queue_depth: 100,
            lag_blocks: 10,
            capacity_percent: 90,
        }
    }
}

impl Alerts {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let default = Self::default();
        let webhook = section.optional::<PostUrl>("webhook");
        let webhook_secret = section.optional::<SecretPlace>("webhook_secret");
        let min_severity = section.or("min_severity", default.min_severity);
        let [repeat, heartbeat_secs] =
            [("repeat_secs", default.repeat_secs), ("heartbeat_secs", default.heartbeat_secs)]
                .map(|(key, value)| section.or(key, seconds(value)));
        let heartbeat = section.optional::<PostUrl>("heartbeat");
        let timelock_secs = section.or("timelock_secs", default.timelock_secs);
        let queue_depth = section.or("queue_depth", default.queue_depth);
        let lag_blocks = section.or("lag_blocks", default.lag_blocks);
        let capacity_percent = section.or("capacity_percent", default.capacity_percent);
        if capacity_percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
            section.contradiction("capacity_percent", "expected 1 to 100".to_owned());
        }
        Some(Self {
            webhook: webhook?.map(|url| url.0),
            webhook_secret: webhook_secret?.map(|place| place.0),
            min_severity: min_severity?,
            repeat_secs: repeat?.get(),
            heartbeat: heartbeat?.map(|url| url.0),
            heartbeat_secs: heartbeat_secs?.get(),
            timelock_secs: timelock_secs?,
            queue_depth: queue_depth?,
            lag_blocks: lag_blocks?,
            capacity_percent: capacity_percent?,
        })
    }
}

fn seconds(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).unwrap_or(NonZeroU64::MIN)
}

/// An address that is posted to: no push connection.
struct PostUrl(EndpointSource);

impl Field for PostUrl {
    const EXPECTED: &'static str = "a URL that begins with http:// or https://, env:NAME, file:/PATH or command:PROGRAM ARGUMENTS";
    const SECRET: bool = true;

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let text = value.as_str()?;
        let is_push = text.starts_with("ws://") || text.starts_with("wss://");
        (!is_push).then(|| EndpointSource::read(text)).flatten().map(Self)
    }

    fn shown(&self) -> String {
        self.0.shown()
    }
}

/// Where a secret is; never the secret itself.
struct SecretPlace(EndpointSource);

impl Field for SecretPlace {
    const EXPECTED: &'static str = "env:NAME, file:/PATH or command:PROGRAM ARGUMENTS";
    const SECRET: bool = true;

    fn read(value: &DeValue<'_>) -> Option<Self> {
        let source = EndpointSource::read(value.as_str()?)?;
        (!matches!(source, EndpointSource::Url(_))).then_some(Self(source))
    }

    fn shown(&self) -> String {
        self.0.shown()
    }
}

/// Below which balance of our account somebody is told, smallest units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balances {
    /// The coin of every chain that `least` does not name, wei (S1-60).
    pub coin: u128,
    /// Single tokens and coins.
    pub least: Vec<LeastBalance>,
}

/// A token of a chain that must not run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeastBalance {
    /// The chain.
    pub chain: ChainId,
    /// The token; `None` is the coin.
    pub token: Option<Address>,
    /// Smallest unit.
    pub amount: u128,
}

impl Default for Balances {
    fn default() -> Self {
        Self { coin: 100_000_000_000_000_000, least: Vec::new() }
    }
}

impl Balances {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let coin = section.or("coin", Self::default().coin);
        let least = section.tables("least", LeastBalance::read);
        let mut seen = BTreeSet::new();
        for one in &least {
            if !seen.insert((one.chain, one.token)) {
                let token = one.token.map_or_else(|| "the coin".to_owned(), |it| it.to_string());
                let reason = format!("chain {} names {token} twice", one.chain);
                section.contradiction("least", reason);
            }
        }
        Some(Self { coin: coin?, least })
    }

    /// The threshold of a token of a chain (`None`: the coin), smallest unit; none when it is not watched.
    pub fn of(&self, chain: ChainId, token: Option<Address>) -> Option<u128> {
        let named = self.least.iter().find(|one| one.chain == chain && one.token == token);
        named.map(|one| one.amount).or_else(|| token.is_none().then_some(self.coin))
    }
}

impl LeastBalance {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let chain = section.required::<ChainId>("chain");
        let token = section.optional::<Address>("token");
        let amount = section.required::<u128>("amount");
        Some(Self { chain: chain?, token: token?, amount: amount? })
    }
}

/// Copies of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Where they go; `backups` in the data directory without.
    pub directory: Option<PathBuf>,
    /// Newest ones that are kept.
    pub keep: u64,
}

impl Default for Backup {
    fn default() -> Self {
        Self { directory: None, keep: 7 }
    }
}

impl Backup {
    fn read(section: &mut Section<'_, '_>, origin: &NodeOrigin<'_>) -> Option<Self> {
        let directory = section.optional::<String>("directory");
        let keep = section.or("keep", seconds(Self::default().keep));
        Some(Self {
            directory: directory?.map(|path| origin.directory.join(path)),
            keep: keep?.get(),
        })
    }
}

/// How long what is over is kept, days. Nothing goes while an escrow of ours holds funds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Orders that have ended, with their changes; 0 is for ever.
    pub orders_days: u64,
    /// Events and ended escrows of every chain, by its own time; 0 is for ever.
    pub index_days: u64,
}

/// A hundred years.
const MOST_DAYS: u64 = 36_500;

impl Retention {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let orders_days = section.or("orders_days", Self::default().orders_days);
        let index_days = section.or("index_days", Self::default().index_days);
        for (name, days) in [("orders_days", orders_days), ("index_days", index_days)] {
            if days.is_some_and(|days| days > MOST_DAYS) {
                section.contradiction(name, format!("expected 0 to {MOST_DAYS}"));
            }
        }
        Some(Self { orders_days: orders_days?, index_days: index_days? })
    }
}

/// The log, and where spans go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Telemetry {
    /// What is logged, as in `BMN_LOG`, which comes before it.
    pub filter: Option<String>,
    /// How it is written.
    pub log_format: LogFormat,
    /// Where spans are sent (OTLP over HTTP); nowhere without.
    pub otlp: Option<EndpointSource>,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl Field for LogFormat {
    const EXPECTED: &'static str = "\"text\" or \"json\"";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        [Self::Text, Self::Json].into_iter().find(|it| value.as_str() == Some(it.name()))
    }

    fn shown(&self) -> String {
        format!("{:?}", self.name())
    }
}

impl Telemetry {
    fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let filter = section.optional::<String>("filter");
        let log_format = section.or("log_format", LogFormat::Text);
        let otlp = section.optional::<PostUrl>("otlp");
        Some(Self { filter: filter?, log_format: log_format?, otlp: otlp?.map(|url| url.0) })
    }
}
