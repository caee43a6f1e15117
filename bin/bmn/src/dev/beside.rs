//! The scheduled jobs and the alerts of the resolver of `bmn dev`.

use crate::output::Output;
use bmn_config::Upkeep as UpkeepConfig;
use bmn_launch::{LaunchError, NodeAlerts};
use bmn_node::Resolver;
use std::path::Path;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Jobs that run until this is dropped.
pub(super) struct Jobs {
    _stop: DropGuard,
    _running: JoinSet<()>,
}

impl Jobs {
    /// Begins with the schedules of the test profile. Without them a development network does as well.
    pub(super) fn begin(resolver: &Resolver, output: Output) -> Option<Self> {
        match Self::opened(resolver) {
            Ok(jobs) => Some(jobs),
            Err(error) => {
                output.note(&format!("No scheduled jobs: {error}"));
                None
            }
        }
    }

    fn opened(resolver: &Resolver) -> Result<Self, LaunchError> {
        let directory = resolver.store().path().parent().unwrap_or(Path::new("")).to_owned();
        let records = bmn_launch::records(&directory)?;
        let config = UpkeepConfig::default();
        let (upkeep, ground) = bmn_launch::upkeep(resolver, &config, records, &directory)?;
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        let alerts = NodeAlerts::new(&ground, Some(upkeep.handle()))?.run(stop.clone());
        let jobs = upkeep.run(stop.clone());
        running.spawn(async move {
            if let Err(error) = jobs.await {
                tracing::error!(target: "bmn::launch", %error, "scheduled jobs have ended");
            }
        });
        running.spawn(async move {
            if let Err(error) = alerts.await {
                tracing::error!(target: "bmn::launch", %error, "alerts have ended");
            }
        });
        Ok(Self { _stop: stop.drop_guard(), _running: running })
    }
}
