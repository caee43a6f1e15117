//! Alerts of a node: what its configuration says of them, and what looks at it.

use crate::{LaunchError, LivePart, Tree, secrets};
use bmn_alerts::{
    AlertError, AlertLoop, BalanceFacts, Clock, Heartbeat, Route, RouteParts, Settings, Severity,
    Thresholds,
};
use bmn_config::{AlertSeverity, EndpointSource, NodeConfig, Upkeep};
use bmn_primitives::ErrorClass;
use bmn_records::Records;
use bmn_scheduler::SchedulerHandle;
use bmn_supervisor::{Failure, Importance};
use bmn_upkeep::{Expected, FactParts, Ground, NodeFacts};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Name of the one route that a configuration has.
pub const WEBHOOK: &str = "webhook";

/// Backups in the data directory, where the configuration names no other place.
const BACKUPS: &str = "backups";

/// Wall-clock time.
struct Wall(bmn_scheduler::SystemClock);

impl Clock for Wall {
    fn now_ms(&self) -> u64 {
        bmn_scheduler::Clock::now_ms(&self.0)
    }
}

/// Who is told, and from which figures on. URLs and secrets are read now, wherever they are.
///
/// # Errors
/// [`LaunchError::Configuration`], which names the key and never the value.
pub fn alert_settings(config: &Upkeep, node: &str) -> Result<Settings, LaunchError> {
    let alerts = &config.alerts;
    let read = |key: &str, source: &EndpointSource| {
        let url = secrets::url(source);
        url.map(Zeroizing::new)
            .map_err(|reason| LaunchError::Configuration(format!("`alerts.{key}`: {reason}")))
    };
    let refused = |key: &str, error: &AlertError| {
        LaunchError::Configuration(format!("`alerts.{key}`: {error}"))
    };
    let mut routes = Vec::new();
    let secret = alerts.webhook_secret.as_ref();
    let secret = secret.map(|source| read("webhook_secret", source)).transpose()?;
    if let Some(source) = &alerts.webhook {
        let parts = RouteParts {
            name: WEBHOOK.to_owned(),
            url: read("webhook", source)?,
            secret: secret.map(|text| Zeroizing::new(text.as_bytes().to_vec())),
            least: match alerts.min_severity {
                AlertSeverity::Critical => Severity::Critical,
                AlertSeverity::Info | AlertSeverity::Warning => Severity::Warning,
            },
        };
        routes.push(Route::new(parts).map_err(|error| refused("webhook", &error))?);
    }
    let heartbeat = match &alerts.heartbeat {
        None => None,
        Some(source) => {
            let every = Duration::from_secs(alerts.heartbeat_secs);
            let heartbeat = Heartbeat::new(&read("heartbeat", source)?, every);
            Some(Arc::new(heartbeat.map_err(|error| refused("heartbeat", &error))?))
        }
    };
    let thresholds = Thresholds {
        timelock_seconds: alerts.timelock_secs,
        queue_depth: alerts.queue_depth,
        lag_blocks: alerts.lag_blocks,
        capacity_percent: alerts.capacity_percent,
        repeat_seconds: alerts.repeat_secs,
        ..Thresholds::default()
    };
    Ok(Settings { node: node.to_owned(), thresholds, routes, heartbeat })
}

/// What looks at a node and tells people. Clones are the same.
#[derive(Clone)]
pub struct NodeAlerts {
    source: Arc<NodeFacts>,
    records: Records,
    node: String,
    settings: Arc<watch::Sender<Arc<Settings>>>,
}

impl std::fmt::Debug for NodeAlerts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeAlerts").field("node", &self.node).finish_non_exhaustive()
    }
}

impl NodeAlerts {
    /// Alerts of the node that the jobs stand on too.
    ///
    /// # Errors
    /// As [`alert_settings`].
    pub fn new(ground: &Ground, jobs: Option<SchedulerHandle>) -> Result<Self, LaunchError> {
        let node = ground.resolver.rules().us.to_string();
        let settings = alert_settings(&ground.config, &node)?;
        let (resolver, balances) = (ground.resolver.clone(), ground.balances.clone());
        let looked_after = ground.clone();
        let specs = ground.resolver.specs().iter();
        let clients = specs.filter_map(|spec| ground.resolver.client(spec.chain_id).cloned());
        let source = NodeFacts::new(FactParts {
            store: ground.resolver.store().clone(),
            clients: clients.collect(),
            rules: Box::new(move || resolver.rules()),
            rpc: ground.rpc.clone(),
            balances: Box::new(move || watched(&balances)),
            unread: Box::new(move || unread(&looked_after)),
            jobs,
            backups: backups(&ground.config, &ground.directory),
            directory: Some(ground.directory.clone()),
            clock: Arc::new(Wall(bmn_scheduler::SystemClock)),
        });
        let settings = Arc::new(watch::channel(Arc::new(settings)).0);
        Ok(Self { source: Arc::new(source), records: ground.records.clone(), node, settings })
    }

    /// Thresholds and routes as a part that is changed while the node runs.
    pub fn live_part(&self) -> LivePart {
        let (alerts, node) = (self.clone(), self.node.clone());
        let checked = move |config: &NodeConfig| {
            alert_settings(&config.upkeep, &node).map(drop).map_err(|error| error.to_string())
        };
        let apply = move |config: &NodeConfig| {
            let settings = alert_settings(&config.upkeep, &alerts.node);
            alerts.settings.send_replace(Arc::new(settings.map_err(|error| error.to_string())?));
            Ok(())
        };
        LivePart::new("alerts", apply).checked(checked)
    }

    /// Looks and tells until `stop`. Can be run again after it failed.
    ///
    /// # Errors
    /// A failure that a supervisor may start it again after.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        let failed = |error: AlertError| Failure::new(error.to_string(), error.class());
        let (source, settings) = (Arc::clone(&self.source), self.settings.subscribe());
        let clock = Arc::new(Wall(bmn_scheduler::SystemClock));
        // Opening reads and writes the records.
        let opened = tokio::task::spawn_blocking(move || {
            AlertLoop::new(source, self.records.clone(), settings, clock)
        });
        let opened = opened.await;
        let opened =
            opened.map_err(|error| Failure::new(error.to_string(), ErrorClass::Transient))?;
        opened.map_err(failed)?.run(stop).await.map_err(failed)
    }
}

impl Tree {
    /// With alerts. They are not vital: the resolver goes on without anybody who is told.
    pub fn alerts(&mut self, alerts: &NodeAlerts) {
        let alerts = alerts.clone();
        self.child("alerts", Importance::Useful, move |stop| alerts.clone().run(stop));
    }
}

/// Balances that have a threshold.
fn watched(balances: &bmn_upkeep::Balances) -> Vec<BalanceFacts> {
    let of = |it: bmn_upkeep::Balance| {
        Some(BalanceFacts {
            chain: it.chain.0,
            threshold: alloy::primitives::U256::from(it.threshold?),
            token: it.symbol,
            balance: it.amount,
        })
    };
    balances.all().into_iter().filter_map(of).collect()
}

/// Balances that have a threshold and that no job has read yet.
fn unread(ground: &Ground) -> Vec<(u64, String)> {
    let read = ground.balances.all();
    let is_read =
        |it: &Expected| read.iter().any(|own| (own.chain, own.token) == (it.chain, it.token));
    let expected = ground.expected_balances().into_iter();
    expected.filter(|it| !is_read(it)).map(|it| (it.chain.0, it.symbol)).collect()
}

/// Where backups go by themselves.
fn backups(config: &Upkeep, directory: &Path) -> Option<std::path::PathBuf> {
    config.schedules.cron("daily_backup")?;
    let named = config.backup.directory.clone();
    Some(named.unwrap_or_else(|| directory.join(BACKUPS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmn_config::Alerts;

    fn of(alerts: Alerts) -> Result<Settings, LaunchError> {
        alert_settings(&Upkeep { alerts, ..Upkeep::default() }, "n")
    }

    #[test]
    fn routes_thresholds_and_the_signal_are_as_configured() {
        let url = |path: &str| Some(EndpointSource::Url(format!("https://x.example/{path}")));
        let settings = of(Alerts {
            webhook: url("KEY"),
            heartbeat: url("KEY"),
            timelock_secs: 7,
            repeat_secs: 9,
            ..Alerts::default()
        })
        .expect("it is read");
        assert_eq!((settings.routes.len(), settings.heartbeat.is_some()), (1, true));
        assert_eq!(settings.thresholds.timelock_seconds, 7);
        assert_eq!(settings.thresholds.repeat_seconds, 9);
        assert!(!format!("{settings:?}").contains("KEY"));
        let none = of(Alerts::default()).expect("it is read");
        assert_eq!((none.routes.len(), none.heartbeat.is_none()), (0, true));
        assert_eq!(none.thresholds, Thresholds::default(), "the defaults are those of section (b)");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_not_repeated() {
        let missing = Some(EndpointSource::Env("BMN_NO_SUCH_WEBHOOK".to_owned()));
        let bad = Some(EndpointSource::Url("https://[KEY/".to_owned()));
        for (alerts, named) in [
            (Alerts { webhook: missing.clone(), ..Alerts::default() }, "`alerts.webhook`"),
            (Alerts { heartbeat: missing.clone(), ..Alerts::default() }, "BMN_NO_SUCH_WEBHOOK"),
            (Alerts { webhook_secret: missing, ..Alerts::default() }, "`alerts.webhook_secret`"),
            (Alerts { webhook: bad, ..Alerts::default() }, "`alerts.webhook`"),
        ] {
            let told = of(alerts).map(|_| ()).unwrap_err().to_string();
            assert!(told.contains(named) && !told.contains("KEY"), "{told}");
        }
    }
}
