//! `bmn config schema`.

use crate::{failure::Failure, output::Output};
use bmn_config::{KEYS, Key, NodeConfig, NodeOrigin, Profile, Setting, SettingOrigin};
use serde_json::{Value, json};
use std::{io, path::Path};

/// The least that can be read: every key that it leaves out has its default.
const LEAST: &str = "data_dir = \"bmn-data\"\nindex_only = true\nprofile = \"mainnet\"\n\
                     [[chains]]\nspec = \"dev-a\"\nendpoints = [\"http://127.0.0.1:8545\"]\n";

pub(super) fn run(output: Output) -> Result<(), Failure> {
    let defaults = defaults()?;
    let default = |key: &Key| {
        let path = key.path.replace("[]", "[0]");
        let found = defaults.iter().find(|it| it.path == path);
        let is_default = |it: &&Setting| {
            let written = matches!(it.origin, SettingOrigin::File { .. } | SettingOrigin::Unset);
            !written
        };
        found.filter(is_default).map(|it| it.value.clone())
    };
    let value: Vec<Value> = KEYS.iter().map(|key| for_programs(key, default(key))).collect();
    output.result(&value, || {
        let told = KEYS.iter().map(|key| for_people(key, default(key)));
        told.collect::<Vec<_>>().join("\n")
    })
}

/// What the reader takes where nothing is written.
fn defaults() -> Result<Vec<Setting>, Failure> {
    let origin = NodeOrigin {
        name: "defaults",
        directory: Path::new(""),
        index_only: true,
        read: &|_| Err(io::ErrorKind::NotFound.into()),
    };
    let loaded = NodeConfig::from_layers(LEAST, &[], &origin);
    Ok(loaded.map_err(|error| Failure::Run(eyre::Report::new(error)))?.settings)
}

fn for_programs(key: &Key, default: Option<String>) -> Value {
    json!({
        "key": key.path, "type": key.kind.name(), "unit": key.unit, "default": default,
        "live": key.live, "secret": key.secret, "description": key.what,
    })
}

fn for_people(key: &Key, default: Option<String>) -> String {
    let mut told = vec![key.kind.name().to_owned()];
    if !key.unit.is_empty() {
        told.push(key.unit.to_owned());
    }
    if let Some(default) = default {
        let of = if key.path.starts_with("schedules.") { Profile::Mainnet.name() } else { "" };
        told.push(format!("default {default} {of}").trim_end().to_owned());
    }
    told.push(if key.live { "live" } else { "needs a restart" }.to_owned());
    format!("{}\n    {}\n    {}", key.path, key.what, told.join("; "))
}
