//! What of a configuration is changed while the node runs.

use crate::failure::Failure;
use bmn_config::NodeConfig;
use bmn_launch::{ConfigSource, ConfigWatch, Live, LivePart, LoadedFile, Tree};
use bmn_node::{ResolverHandle, SystemClock, policy_of};
use bmn_scheduler::Schedule;
use bmn_supervisor::Importance;
use std::sync::Arc;

/// Begins with what the node was started with.
pub(super) fn start(
    source: ConfigSource,
    file: LoadedFile,
    resolver: ResolverHandle,
) -> Result<Live, Failure> {
    let mut live = Live::start(source, file, Arc::new(SystemClock::new()))?;
    let rules = LivePart::new("limits and prices", move |config| {
        let specs: Vec<_> = config.chains.iter().map(|chain| chain.spec.clone()).collect();
        let changed = resolver.change_rules(policy_of(&config.policy), &specs);
        changed.map_err(|error| error.to_string())
    });
    live.part(rules.checked(check_schedules));
    Ok(live)
}

/// Every time that a schedule names exists.
pub(crate) fn check_schedules(config: &NodeConfig) -> Result<(), String> {
    let mut wrong = Vec::new();
    for schedule in &config.upkeep.schedules.0 {
        let Some(text) = &schedule.cron else { continue };
        if let Err(error) = text.parse::<Schedule>() {
            let place = schedule.place.as_deref().unwrap_or("profile");
            wrong.push(format!("{place}: `schedules.{}`: {error}", schedule.job));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Looks at the file for as long as the node runs.
pub(super) fn watch(tree: &mut Tree, live: Live) {
    let live = Arc::new(live);
    tree.child("configuration", Importance::Useful, move |stop| {
        let watch = ConfigWatch::new(Arc::clone(&live));
        async move {
            let failed = |error: bmn_launch::LaunchError| {
                bmn_supervisor::Failure::new(error.to_string(), error.class())
            };
            watch.run(stop).await.map_err(failed)
        }
    });
}
