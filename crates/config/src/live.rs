//! What can be changed while the node runs.

use crate::{
    chain_spec::ChainSpec,
    node::{Loaded, NodeConfig},
    schema,
};
use std::collections::BTreeSet;

impl NodeConfig {
    /// This configuration with all of another one that can be changed while the node runs: limits, prices and caps of
    /// chains, schedules, alerts and their thresholds, the filter of the log. [`KEYS`](crate::KEYS) says
    /// of each key whether it is of them.
    #[must_use]
    pub fn with_live_of(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.policy.clone_from(&other.policy);
        all.upkeep.profile = other.upkeep.profile;
        all.upkeep.schedules.clone_from(&other.upkeep.schedules);
        all.upkeep.alerts.clone_from(&other.upkeep.alerts);
        all.upkeep.telemetry.filter.clone_from(&other.upkeep.telemetry.filter);
        for chain in &mut all.chains {
            let same = |it: &&crate::NodeChain| it.spec.chain_id == chain.spec.chain_id;
            if let Some(found) = other.chains.iter().find(same) {
                chain.spec = with_figures(&chain.spec, &found.spec);
            }
        }
        all
    }
}

impl Loaded {
    /// What of this configuration needs a restart when the node runs with `running`: keys with their paths, and chain
    /// specifications.
    pub fn needs_restart(&self, running: &Self) -> Vec<String> {
        let mut named = BTreeSet::new();
        let both = [(self, running), (running, self)];
        for (one, other) in both {
            let fixed = one
                .settings
                .iter()
                .filter(|it| schema::key_of(&it.path).is_some_and(|it| !it.live));
            for setting in fixed {
                let found = other.settings.iter().find(|it| it.path == setting.path);
                let is_unset = setting.value.is_empty();
                if found.map_or(!is_unset, |found| !found.has_value_of(setting)) {
                    named.insert(setting.path.clone());
                }
            }
        }
        let specs = running.config.chains.iter().filter_map(|chain| {
            let same = |it: &&crate::NodeChain| it.spec.chain_id == chain.spec.chain_id;
            let found = self.config.chains.iter().find(same)?;
            let all = with_figures(&chain.spec, &found.spec) == found.spec
                // Told as `start_block` already where the configuration names it.
                || found.spec.start_block != chain.spec.start_block;
            (!all).then(|| format!("the specification of {}", chain.spec.name))
        });
        named.extend(specs);
        named.into_iter().collect()
    }
}

/// A specification with the prices and caps of another one, where it has the same tokens and factories.
fn with_figures(spec: &ChainSpec, figures: &ChainSpec) -> ChainSpec {
    let mut all = spec.clone();
    all.native.price = figures.native.price;
    all.minimums.order_value = figures.minimums.order_value;
    for token in &mut all.tokens {
        if let Some(found) = figures.tokens.iter().find(|it| it.address == token.address) {
            (token.price, token.max_open_value) = (found.price, found.max_open_value);
        }
    }
    for factory in &mut all.factories {
        if let Some(found) = figures.factories.iter().find(|it| it.address == factory.address) {
            factory.max_exposure = found.max_exposure;
        }
    }
    all
}
