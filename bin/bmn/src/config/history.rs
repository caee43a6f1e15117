//! `bmn config history` and `bmn config diff`.

use super::{DiffArgs, Place};
use crate::{
    failure::Failure,
    output::{Output, table},
};
use bmn_config::{ENVIRONMENT, without_secrets, written_keys};
use bmn_launch::{ConfigSource, History, Version};
use bmn_rpc_api::Day;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

impl Place {
    pub(super) fn source(&self) -> Result<ConfigSource, Failure> {
        self.config.source(true)
    }

    /// The history of this node, also where its configuration cannot be read any more.
    pub(super) fn history(&self) -> Result<History, Failure> {
        if let Some(directory) = &self.data_dir {
            return Ok(History::of(directory));
        }
        let source = self.source()?;
        let text = source.text()?;
        if let Ok(loaded) = source.load(&text) {
            return Ok(History::of(&loaded.config.data_dir));
        }
        let variable = std::env::var(format!("{ENVIRONMENT}DATA_DIR")).ok();
        let named = variable.or_else(|| {
            let written = written_keys(&text).remove("data_dir")?;
            Some(written.trim_matches('"').to_owned())
        });
        let named = named.ok_or_else(|| {
            let file = source.path().display();
            Failure::Usage(format!("{file} names no data_dir: say where it is with --data-dir"))
        })?;
        let beside = source.path().parent().map(PathBuf::from).unwrap_or_default();
        Ok(History::of(&beside.join(named)))
    }

    pub(super) fn version(&self, number: u64) -> Result<Version, Failure> {
        let history = self.history()?;
        history.version(number)?.ok_or_else(|| {
            let kept = history.versions().unwrap_or_default();
            let known = match (kept.first(), kept.last()) {
                (Some(first), Some(last)) => {
                    format!("there are {} to {}", first.number, last.number)
                }
                _ => "there is none: a node writes them".to_owned(),
            };
            Failure::Usage(format!("no version {number}: {known} (bmn config history)"))
        })
    }
}

pub(super) fn list(place: &Place, output: Output) -> Result<(), Failure> {
    let versions = place.history()?.versions()?;
    output.result(&versions, || {
        if versions.is_empty() {
            return "No version yet: a node writes the first one when it starts.".to_owned();
        }
        let rows: Vec<[String; 4]> = versions
            .iter()
            .rev()
            .map(|it| {
                [
                    it.number.to_string(),
                    utc(it.time_ms),
                    it.source.clone(),
                    it.outcome.name().to_owned(),
                ]
            })
            .collect();
        let table = table(["version", "seen (UTC)", "by", "outcome"], &rows);
        // What was told of a version stands below its line.
        let mut lines = Vec::new();
        for (line, version) in
            table.lines().zip(std::iter::once(None).chain(versions.iter().rev().map(Some)))
        {
            lines.push(line.to_owned());
            let told = version.into_iter().flat_map(|it| &it.told);
            lines.extend(told.flat_map(|it| it.lines()).map(|it| format!("         {it}")));
        }
        lines.join("\n")
    })
}

pub(super) fn diff(args: &DiffArgs, output: Output) -> Result<(), Failure> {
    let text = |number: u64| {
        let version = args.place.version(number)?;
        version.text.ok_or_else(|| {
            Failure::No(format!(
                "version {number} was {}: only what it was refused for is kept (bmn config history)",
                version.outcome.name()
            ))
        })
    };
    let before = written_keys(&text(args.from)?);
    let after = match args.to {
        Some(number) => text(number)?,
        None => {
            let file = args.place.source()?.read()?;
            without_secrets(&file.text, &file.loaded.secrets)
        }
    };
    let changes = changes(&before, &written_keys(&after));
    output.result(&changes, || {
        if changes.is_empty() {
            return "No key differs.".to_owned();
        }
        let side =
            |value: &Value| value.as_str().map_or_else(|| "(not set)".to_owned(), str::to_owned);
        let one = |change: &Value| {
            let key = change["key"].as_str().unwrap_or_default();
            format!("{key}\n  - {}\n  + {}", side(&change["before"]), side(&change["after"]))
        };
        changes.iter().map(one).collect::<Vec<_>>().join("\n")
    })
}

fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Value> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .map(|key| json!({ "key": key, "before": before.get(key), "after": after.get(key) }))
        .collect()
}

/// A moment for people.
fn utc(millis: u64) -> String {
    let seconds = millis / 1_000;
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{} {hour:02}:{minute:02}:{second:02}", Day::of(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_in_utc() {
        assert_eq!(utc(0), "1970-01-01 00:00:00");
        assert_eq!(utc(951_782_399_999), "2000-02-28 23:59:59");
        assert_eq!(utc(951_782_400_000), "2000-02-29 00:00:00");
        assert_eq!(utc(1_767_225_599_000), "2025-12-31 23:59:59");
    }

    #[test]
    fn what_came_went_and_changed_is_told() {
        let before = written_keys("a = 1\n[t]\nb = 2\nc = 3");
        let after = written_keys("a = 1\n[t]\nb = 4\nd = \"x\"");
        let told = json!([
            { "key": "t.b", "before": "2", "after": "4" },
            { "key": "t.c", "before": "3", "after": null },
            { "key": "t.d", "before": null, "after": "\"x\"" },
        ]);
        assert_eq!(Value::from(changes(&before, &after)), told);
    }
}
