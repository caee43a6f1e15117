//! Every metric and label of the Prometheus rules and Grafana dashboards is measured by a node: there is no list of them
//! here.

mod expression;

use crate::{
    network::must,
    operations::get,
    run_node::{Running, config, follows},
};
use bmn_alerts::Kind;
use expression::names;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Looks before something is called stuck.
const PATIENCE: u32 = 20_000;

/// Labels that Prometheus gives by itself, and the metric that says whether a scrape worked.
const BY_PROMETHEUS: [&str; 2] = ["instance", "job"];
const UP: &str = "up";

/// Labels of each metric, with the values they have.
type Scrape = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// An expression, where it stands, and texts that speak of its labels.
struct Used {
    place: String,
    expression: String,
    texts: Vec<String>,
}

/// A value of a line `key: value` of a file that is as simple as ours.
fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let line = line.trim().trim_start_matches("- ");
    Some(line.strip_prefix(key)?.strip_prefix(": ")?.trim_matches('\''))
}

fn rules() -> Vec<Used> {
    let mut all: Vec<Used> = Vec::new();
    for line in read("etc/prometheus/rules.yml").lines() {
        if let Some(name) = value_of(line, "alert") {
            let (expression, texts) = (String::new(), Vec::new());
            all.push(Used { place: name.to_owned(), expression, texts });
        }
        let Some(rule) = all.last_mut() else { continue };
        if let Some(expression) = value_of(line, "expr") {
            rule.expression = expression.to_owned();
        }
        for key in ["summary", "description", "kind", "runbook_url"] {
            rule.texts.extend(value_of(line, key).map(str::to_owned));
        }
    }
    all
}

fn dashboards() -> Vec<Used> {
    let mut all = Vec::new();
    for entry in fs::read_dir(root().join("etc/grafana")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "json") {
            continue;
        }
        let board: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let text = |of: &Value| of.as_str().unwrap().to_owned();
                all.push(Used {
                    place: format!("{}: {}", path.display(), panel["title"]),
                    expression: text(&target["expr"]),
                    texts: vec![text(&target["legendFormat"])],
                });
            }
        }
    }
    all
}

fn scrape(text: &str) -> Scrape {
    let mut found = Scrape::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let used = names(line.rsplit_once(' ').unwrap().0);
        let (name, labels) = used.metrics.into_iter().next().unwrap();
        let metric = found.entry(name).or_default();
        for (label, value) in labels {
            metric.entry(label).or_default().insert(value);
        }
    }
    found
}

/// Labels that a text fills in: `{{ $labels.x }}` of a rule, `{{x}}` of a legend.
fn filled(text: &str) -> Vec<String> {
    let holes = text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
    let label = |hole: &str| {
        let hole = hole.split('|').next().unwrap_or_default().trim();
        let label = hole.strip_prefix("$labels.").unwrap_or(hole);
        (!label.starts_with('$')).then(|| label.to_owned())
    };
    holes.filter_map(label).collect()
}

/// What an expression speaks of and the scrape does not have.
fn missing(used: &Used, found: &Scrape) -> Vec<String> {
    let speaks = names(&used.expression);
    let mut missing = Vec::new();
    let mut labels: BTreeSet<&str> = BY_PROMETHEUS.into();
    for (metric, compared) in &speaks.metrics {
        if metric == UP {
            continue;
        }
        let Some(has) = found.get(metric) else {
            missing.push(format!("{}: no {metric}", used.place));
            continue;
        };
        labels.extend(has.keys().map(String::as_str));
        for (label, text) in compared.iter().filter(|(_, text)| !text.contains('$')) {
            let values = has.get(label);
            let known =
                |value: &str| values.is_some_and(|all| value.is_empty() || all.contains(value));
            let unknown = text.split('|').filter(|value| !known(value));
            missing.extend(
                unknown.map(|value| format!("{}: no {metric}{{{label}=\"{value}\"}}", used.place)),
            );
        }
    }
    let filled: Vec<_> = used.texts.iter().flat_map(|text| filled(text)).collect();
    let unknown =
        speaks.groups.iter().chain(&filled).filter(|label| !labels.contains(label.as_str()));
    missing.extend(unknown.map(|label| format!("{}: no label {label}", used.place)));
    missing
}

#[test]
fn each_kind_of_alert_has_a_rule_and_a_runbook_and_each_rule_names_one_that_is_there() {
    let rules = rules();
    for kind in Kind::ALL {
        assert!(rules.iter().any(|rule| rule.texts.iter().any(|it| it == kind.name())), "{kind}");
        let text = read(&kind.runbook());
        for part in
            ["## What it means", "## What is at stake", "## Look at", "## Do", "## It is over when"]
        {
            assert!(text.contains(part), "{kind}: {part}");
        }
    }
    for rule in &rules {
        let runbook = rule.texts.iter().find(|text| text.starts_with("docs/runbooks/"));
        let runbook = runbook.unwrap_or_else(|| panic!("{} names no runbook", rule.place));
        assert!(root().join(runbook).exists(), "{}: {runbook}", rule.place);
    }
    let documented = read("docs/alerts.md");
    for kind in Kind::ALL {
        assert!(documented.contains(&format!("`{kind}`")), "docs/alerts.md does not name {kind}");
    }
}

#[test]
fn a_name_that_is_not_measured_is_found() {
    let found = scrape("# HELP a b\na{x=\"1\"} 1\nb 2\n");
    let used = |expression: &str, text: &str| Used {
        place: "here".to_owned(),
        expression: expression.to_owned(),
        texts: vec![text.to_owned()],
    };
    for (expression, text) in [
        ("c > 1", ""),
        ("a{x=\"2\"}", ""),
        ("a{y=\"1\"}", ""),
        ("sum by (z) (a)", ""),
        ("b", "{{x}}"),
    ] {
        assert_eq!(missing(&used(expression, text), &found).len(), 1, "{expression} {text}");
    }
    let good = used("sum by (x) (a{x=~\"1\"}) > b", "{{x}} {{ $labels.instance }} {{ $value }}");
    assert_eq!(missing(&good, &found), Vec::<String>::new());
}

#[test]
fn every_metric_and_label_of_rules_and_dashboards_is_measured_by_a_node() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let network = Running::start(at, "dev --ports 0 --json");
    let urls = [network.text("/chains/0/url"), network.text("/chains/1/url")];
    follows(network.text("/resolver"), 0, urls[0]);
    // Nobody listens there: what is sent fails, and is counted.
    let more = "operations = \"127.0.0.1:0\"\nadmin_rpc = \"127.0.0.1:0\"\n\n[signer]\nkey_file = \"key.hex\"\n\
                [alerts]\nwebhook = \"http://127.0.0.1:9/\"\nheartbeat = \"http://127.0.0.1:9/\"\n";
    fs::write(at.join("bmn.toml"), config(urls, more)).unwrap();
    private(&at.join("key.hex"), KEY);
    let node = Running::start(at, "node --config bmn.toml --json");
    let (operations, admin) = (node.text("/operations"), node.text("/adminRpc"));
    for job in [
        "timelockMonitor",
        "cancellationCheck",
        "healthCheck",
        "metricsAggregator",
        "balanceMonitor",
    ] {
        must(at, &format!("jobs run {job} --rpc {admin} --jwt-secret data/jwt.hex"));
    }
    must(at, &format!("status --rpc {}", node.text("/rpc")));
    let used: Vec<_> = rules().into_iter().chain(dashboards()).collect();
    assert!(used.len() > 80, "they were read: {}", used.len());
    let mut last = Vec::new();
    for _ in 0..PATIENCE {
        let found = scrape(&get(operations, "/metrics").1);
        last = used.iter().flat_map(|used| missing(used, &found)).collect();
        if last.is_empty() {
            break;
        }
    }
    assert!(last.is_empty(), "{}", last.join("\n"));
    assert_eq!((node.stop(), network.stop()), (0, 0));
}

/// A key of the development mnemonic that nobody else acts with.
const KEY: &str = "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba";

/// Writes a file that nobody else may read.
fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
