//! The running node: whether it is this program, how it does, and what it gave up.

use super::finding::Finding;
use crate::{failure::Failure, operator::OperatorArgs};
use bmn_rpc_api::{
    BmnApiClient, Health, HealthComponent, HealthPart, HealthStatus, Limit, NodeStatus,
    OperatorApiClient,
};
use std::collections::BTreeSet;

/// As the node of this build names itself.
const OURS: &str = concat!("bmn/", env!("CARGO_PKG_VERSION"));

/// What was found, and what the node said.
pub(super) struct Running {
    pub(super) findings: Vec<Finding>,
    pub(super) status: Option<NodeStatus>,
}

/// Asks the node. `config` is the file that would start it.
pub(super) async fn check(operator: &OperatorArgs, config: Option<&str>) -> Running {
    let url = operator.node.shown();
    let asked = async {
        let client = operator.http()?;
        let status = client.status().await.map_err(|error| operator.failed(error))?;
        Ok((client, status))
    };
    let (client, status) = match asked.await {
        Ok(answer) => answer,
        Err(failure) => {
            return Running { findings: vec![silent(&url, failure, config)], status: None };
        }
    };
    let mut findings = judge(&url, &status);
    match client.health().await {
        Ok(health) => findings.extend(unwell(&health, &status)),
        Err(error) => findings.push(Finding::error("node", operator.failed(error).to_string())),
    }
    match client.list_dead_letters(None, None, Limit::new(200)).await {
        Ok(page) if page.items.is_empty() => {}
        Ok(page) => {
            let more = if page.next.is_some() { "or more " } else { "" };
            let what = format!("{} {more}steps were given up", page.items.len());
            findings.push(Finding::error("node", what).run("bmn queue list"));
        }
        // The operator's: what everybody is told of them is in the node's health.
        Err(_) => {}
    }
    Running { findings, status: Some(status) }
}

fn silent(url: &str, failure: Failure, config: Option<&str>) -> Finding {
    match (failure, config) {
        (Failure::Unreachable { reason, .. }, Some(file)) => {
            Finding::warning("node", format!("no node answers at {url}: {reason}"))
                .run(format!("bmn node --config {file}"))
        }
        (Failure::Unreachable { reason, .. }, None) => {
            Finding::error("node", format!("no node answers at {url}: {reason}"))
                .say("bmn dev starts one; --rpc names another, --config looks at what bmn node would be given.")
        }
        (other, _) => Finding::error("node", other.to_string()),
    }
}

fn judge(url: &str, status: &NodeStatus) -> Vec<Finding> {
    let mut findings = Vec::new();
    let told = format!("{} answers at {url}", status.version);
    if status.version == OURS {
        findings.push(Finding::ok("node", told));
    } else {
        findings.push(
            Finding::warning("node", format!("{told}, this program is {OURS}")).say(
                "Use the program of the node's version, or start the node again with this one.",
            ),
        );
    }
    if status.overdue > 0 {
        findings.push(
            Finding::error(
                "node",
                format!("{} steps are near or past their latest safe time", status.overdue),
            )
            .run("bmn top"),
        );
    }
    if status.missed_deadlines > 0 {
        let what = format!("{} steps were ever not sent in time", status.missed_deadlines);
        findings.push(Finding::error("node", what).say(
            "Look at the log for \"deadline\" and at what became of each swap (bmn swap list).",
        ));
    }
    findings
}

/// What is less than healthy, and what mends it; or that all is well.
fn unwell(health: &Health, status: &NodeStatus) -> Vec<Finding> {
    let parts: Vec<_> =
        health.components.iter().filter(|part| part.status != HealthStatus::Healthy).collect();
    if parts.is_empty() {
        return vec![Finding::ok(
            "node",
            format!("all {} parts are healthy", health.components.len()),
        )];
    }
    parts.into_iter().map(|part| mend(part, status)).collect()
}

fn mend(part: &HealthComponent, status: &NodeStatus) -> Finding {
    let chain = part.chain.map(|id| {
        let named = status.chains.iter().find(|chain| chain.id == id);
        format!(" of {}", named.map_or_else(|| id.to_string(), |chain| chain.name.clone()))
    });
    let what = format!("{}{}: {}", part.name.name(), chain.unwrap_or_default(), part.detail);
    let finding = match part.status {
        HealthStatus::Unhealthy => Finding::error("node", what),
        _ => Finding::warning("node", what),
    };
    match part.name {
        HealthPart::Store => finding.say("Look at the disk and at the node's log."),
        HealthPart::Index => finding.say(
            "A chain without blocks: look at its endpoints below. One that is behind catches up by itself.",
        ),
        HealthPart::Acting => {
            finding.say("The node's log says why; it takes no new order until it acts again.")
        }
        HealthPart::Queue => finding.run("bmn queue list"),
        HealthPart::Deadlines => finding.run("bmn swap list"),
        // A part that a later node has.
        #[allow(unreachable_patterns, reason = "the node may know more parts than this program")]
        _ => finding.say("The node's log says why."),
    }
}

/// Whether the node follows the chains of the configuration.
pub(super) fn same_chains(status: &NodeStatus, configured: &BTreeSet<u64>) -> Vec<Finding> {
    let followed: BTreeSet<u64> = status.chains.iter().map(|chain| chain.id).collect();
    if followed == *configured {
        return Vec::new();
    }
    let list = |ids: &BTreeSet<u64>| ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let what = format!(
        "the node follows chains {}, the configuration names {}",
        list(&followed),
        list(configured)
    );
    vec![Finding::error("node", what).say(
        "Is --rpc the node of this configuration? If so, it was changed since: start it again.",
    )]
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Mend, Severity};
    use super::*;

    fn status(version: &str, missed: u64) -> NodeStatus {
        serde_json::from_value(serde_json::json!({
            "version": version, "uptime": 5, "acting": true, "notActingBecause": null, "sequence": 3,
            "orders": {}, "jobs": {}, "chains": [], "missedDeadlines": missed,
        }))
        .unwrap()
    }

    #[test]
    fn another_version_and_missed_steps_are_told() {
        let severities = |status: &NodeStatus| -> Vec<_> {
            judge("http://node", status).iter().map(|finding| finding.severity).collect()
        };
        assert_eq!(severities(&status(OURS, 0)), [Severity::Ok]);
        assert_eq!(severities(&status("bmn/9", 0)), [Severity::Warning]);
        assert_eq!(severities(&status(OURS, 2)), [Severity::Ok, Severity::Error]);
    }

    #[test]
    fn a_node_that_is_not_there_is_started_with_the_configuration_that_was_named() {
        let failure = || Failure::Unreachable {
            url: "http://node".to_owned(),
            reason: "refused".to_owned(),
            hint: None,
        };
        let found = silent("http://node", failure(), Some("/etc/bmn.toml"));
        assert_eq!(found.mends, Some(Mend::Command("bmn node --config /etc/bmn.toml".to_owned())));
        assert_eq!(found.severity, Severity::Warning);
        assert_eq!(silent("http://node", failure(), None).severity, Severity::Error);
    }

    #[test]
    fn each_part_that_is_not_well_has_a_cure() {
        let part = |name, status| HealthComponent::new(name, status, "why");
        let health = |components| Health {
            status: HealthStatus::Degraded,
            ready: true,
            version: OURS.to_owned(),
            uptime: 1,
            components,
        };
        let node = status(OURS, 0);
        let good = unwell(&health(vec![part(HealthPart::Store, HealthStatus::Healthy)]), &node);
        assert_eq!((good.len(), good[0].severity), (1, Severity::Ok));
        let bad = unwell(
            &health(vec![
                part(HealthPart::Index, HealthStatus::Degraded),
                part(HealthPart::Queue, HealthStatus::Unhealthy),
            ]),
            &node,
        );
        assert!(bad.iter().all(|finding| finding.mends.is_some() && finding.what.contains("why")));
        let severities: Vec<_> = bad.iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, [Severity::Warning, Severity::Error]);
    }

    #[test]
    fn a_node_of_another_configuration_is_found_out() {
        let node = status(OURS, 0);
        assert_eq!(same_chains(&node, &BTreeSet::new()), []);
        assert_eq!(same_chains(&node, &[1].into())[0].severity, Severity::Error);
    }
}
