//! What the full node's workspace may name. It builds from a git repository, which not every machine that checks
//! this one reaches, so its manifest and lock file are compared with what they have to agree with.

use crate::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

const MANIFEST: &str = "bin/bmn-reth/Cargo.toml";
const LOCK: &str = "bin/bmn-reth/Cargo.lock";
const RETH: &str = "https://github.com/paradigmxyz/reth";
/// What reth itself takes from a repository.
const OF_RETH: &str = "git+https://github.com/sigp/discv5?rev=";
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Sources of the node that are not the pinned release of reth, our own folders or the public registry.
pub(crate) fn sources(tree: &Tree) -> Vec<String> {
    let (Some(manifest), Some(lock)) = (tree.toml(MANIFEST), tree.toml(LOCK)) else {
        return vec![];
    };
    let (tags, mut broken) = pins(&manifest);
    let Some(tag) = tags.first().filter(|_| tags.len() == 1) else {
        broken.push(format!("{MANIFEST}: one tag of reth, found {tags:?}"));
        return broken;
    };
    let mut commits = BTreeSet::new();
    for package in packages(&lock) {
        let (name, source) = (text(package, "name"), text(package, "source"));
        if let Some(commit) = source.strip_prefix(&format!("git+{RETH}?tag={tag}#")) {
            commits.insert(commit.to_owned());
        } else if !(source.is_empty() && name.starts_with("bmn-"))
            && source != CRATES_IO
            && !source.starts_with(OF_RETH)
        {
            broken.push(format!("{LOCK}: {name} comes from `{source}`"));
        }
    }
    let is_commit = |text: &String| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if commits.len() != 1 || !commits.iter().all(is_commit) {
        broken.push(format!("{LOCK}: one commit of reth's {tag}, found {commits:?}"));
    }
    broken
}

fn pins(manifest: &Table) -> (BTreeSet<String>, Vec<String>) {
    let (mut tags, mut broken) = (BTreeSet::new(), Vec::new());
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, value) in manifest.get(kind).and_then(Value::as_table).into_iter().flatten() {
            let Some(value) = value.as_table() else { continue };
            let (git, path) = (text(value, "git"), text(value, "path"));
            if !git.is_empty() {
                tags.insert(text(value, "tag").to_owned());
                if git != RETH {
                    broken.push(format!("{MANIFEST}: {name} comes from {git}"));
                }
            }
            let ours = path.starts_with("../../crates/") || path == "../../benches";
            if !path.is_empty() && !ours {
                broken.push(format!("{MANIFEST}: {name} is in {path}"));
            }
        }
    }
    for table in ["patch", "replace"] {
        if manifest.contains_key(table) {
            broken
                .push(format!("{MANIFEST}: [{table}] makes another node than the lock file says"));
        }
    }
    (tags, broken)
}

/// Crates of ours that gained a dependency since the node's lock file was made: it would not build `--locked`.
pub(crate) fn stale_lock(tree: &Tree) -> Vec<String> {
    let Some(lock) = tree.toml(LOCK) else { return vec![] };
    let locked: BTreeMap<_, BTreeSet<_>> = packages(&lock)
        .map(|package| {
            let all = package.get("dependencies").and_then(Value::as_array);
            let names = all.into_iter().flatten().filter_map(Value::as_str);
            // A name that is there twice has its version behind it.
            let names = names.map(|name| name.split(' ').next().unwrap_or(name).to_owned());
            (text(package, "name").to_owned(), names.collect())
        })
        .collect();
    let mut broken = Vec::new();
    for member in tree.members() {
        let package = format!("bmn-{}", member.name);
        let Some(locked) = locked.get(&package) else { continue };
        let wanted = member.manifest.get("dependencies").and_then(Value::as_table);
        let wanted = wanted.into_iter().flatten().filter(|(_, value)| !is_optional(value));
        let missing: Vec<_> =
            wanted.map(|(name, _)| name.as_str()).filter(|name| !locked.contains(*name)).collect();
        if !missing.is_empty() {
            broken.push(format!("{LOCK}: {package} lacks {}", missing.join(", ")));
        }
    }
    broken
}

fn is_optional(dependency: &Value) -> bool {
    dependency.get("optional").and_then(Value::as_bool) == Some(true)
}

fn packages(lock: &Table) -> impl Iterator<Item = &Table> {
    let all = lock.get("package").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(Value::as_table)
}

fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod broken {
    use super::*;

    const GOOD: &str =
        "[dependencies]\nreth = { git = \"https://github.com/paradigmxyz/reth\", tag = \"v1\" }";

    fn lock(source: &str) -> String {
        let commit = "6dec1b96b625584956883c34ad0eafbe550480ac";
        format!(
            "[[package]]\nname = \"reth\"\nsource = \"git+{RETH}?tag=v1#{commit}\"\n\
             [[package]]\nname = \"other\"\nsource = \"{source}\"\n"
        )
    }

    fn of(manifest: &str, lock: &str) -> Vec<String> {
        sources(&Tree::new([(MANIFEST, manifest), (LOCK, lock)]))
    }

    #[test]
    fn a_source_of_somebody_elses_is_found() {
        assert_eq!(of(GOOD, &lock(CRATES_IO)), [""; 0]);
        assert_eq!(of(GOOD, &lock("git+https://github.com/other/reth?tag=v1#0")).len(), 1);
        assert_eq!(of(GOOD, &lock("")).len(), 1);
        assert_eq!(of(&GOOD.replace("paradigmxyz", "fork"), &lock(CRATES_IO)).len(), 1);
        assert_eq!(of(&GOOD.replace("v1", "v2"), &lock(CRATES_IO)).len(), 2);
        assert_eq!(of(&format!("{GOOD}\n[patch.crates-io]"), &lock(CRATES_IO)).len(), 1);
        assert_eq!(of(&format!("{GOOD}\nx = {{ path = \"../x\" }}"), &lock(CRATES_IO)).len(), 1);
    }

    #[test]
    fn a_lock_file_that_was_not_made_again_is_found() {
        let root = ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]");
        let stale = |manifest: &str| {
            let lock = "[[package]]\nname = \"bmn-a\"\ndependencies = [\"serde\", \"rand 0.9.1\"]";
            stale_lock(&Tree::new([root, ("crates/a/Cargo.toml", manifest), (LOCK, lock)]))
        };
        let uses = "[dependencies]\nserde.workspace = true\nrand.workspace = true";
        assert_eq!(stale(uses), [""; 0]);
        assert_eq!(stale(&format!("{uses}\ntokio.workspace = true")).len(), 1);
        assert_eq!(
            stale(&format!("{uses}\n[dev-dependencies]\ntempfile.workspace = true")).len(),
            0
        );
    }
}
