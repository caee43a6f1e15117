//! What manifests and lock files may say.

use crate::tree::{Tree, dependencies_of};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Dependencies on reth in the root workspace: it is not on the crate registry, and the product must
/// build without it.
pub(crate) fn names_reth(tree: &Tree) -> Vec<String> {
    let is_reth = |name: &String| name == "reth" || name.starts_with("reth-");
    let mut broken = Vec::new();
    for member in tree.members() {
        let found = member.dependencies().into_iter().filter(is_reth);
        broken.extend(found.map(|name| format!("{}/Cargo.toml names {name}", member.folder)));
    }
    let root = tree.toml("Cargo.toml").unwrap_or_default();
    if let Some(workspace) = root.get("workspace").and_then(Value::as_table) {
        let found = dependencies_of(workspace).into_iter().filter(is_reth);
        broken.extend(found.map(|name| format!("Cargo.toml names {name}")));
    }
    broken
}

/// Members that do not inherit the lints or set their own, and a node workspace whose copy differs.
pub(crate) fn own_lints(tree: &Tree) -> Vec<String> {
    let inherited =
        Value::Table([("workspace".to_owned(), Value::Boolean(true))].into_iter().collect());
    let mut broken: Vec<String> = tree
        .members()
        .into_iter()
        .filter(|member| member.manifest.get("lints") != Some(&inherited))
        .map(|member| format!("{}/Cargo.toml: [lints] must be `workspace = true`", member.folder))
        .collect();
    for (path, source) in tree.rust() {
        for attribute in ["#![warn(", "#![deny(", "#![forbid("] {
            for at in source.find(attribute) {
                broken.push(format!("{path}:{}: lints belong into Cargo.toml", source.line(at)));
            }
        }
    }
    let lints = |path| Some(tree.toml(path)?.get("workspace")?.get("lints")?.clone());
    let node = "bin/bmn-reth/Cargo.toml";
    if tree.text(node).is_some() && lints(node) != lints("Cargo.toml") {
        broken.push(format!("{node}: [workspace.lints] differs from the root's"));
    }
    broken
}

/// Ethereum crates that the node workspace locks at other versions than the root.
pub(crate) fn lock_drift(tree: &Tree) -> Vec<String> {
    let node = "bin/bmn-reth/Cargo.lock";
    let (Some(node), Some(root)) = (tree.toml(node), tree.toml("Cargo.lock")) else {
        return match tree.text("Cargo.lock") {
            Some(_) => Vec::new(),
            None => vec!["Cargo.lock is missing".to_owned()],
        };
    };
    let (node, root) = (ethereum_versions(&node), ethereum_versions(&root));
    root.iter()
        .filter_map(|(name, ours)| Some((name, ours, node.get(name)?)))
        .filter(|(_, ours, theirs)| ours != theirs)
        .map(|(name, ours, theirs)| format!("{name}: {ours:?} here, {theirs:?} in the node's lock"))
        .collect()
}

fn ethereum_versions(lock: &Table) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let packages = lock.get("package").and_then(Value::as_array);
    for package in packages.into_iter().flatten() {
        let field = |key| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = field("name");
        if ["alloy", "revm", "jsonrpsee"].iter().any(|family| name.starts_with(family)) {
            versions.entry(name).or_default().insert(field("version"));
        }
    }
    versions
}

#[cfg(test)]
const ROOT: (&str, &str) = (
    "Cargo.toml",
    "[workspace]\nmembers = [\"crates/*\"]\n[workspace.lints.rust]\nmissing_docs = \"deny\"\n",
);

#[test]
fn reth_is_found_under_any_name() {
    for line in
        ["reth = \"1\"", "reth-exex.workspace = true", "x = { package = \"reth-db\", git = \"y\" }"]
    {
        let manifest = format!("[dev-dependencies]\nbreth = \"1\"\n{line}");
        let tree = Tree::new([ROOT, ("crates/a/Cargo.toml", &manifest)]);
        assert_eq!(names_reth(&tree).len(), 1, "{line}");
    }
    let root = "[workspace]\nmembers = []\n[workspace.dependencies]\nreth-evm = \"1\"";
    assert_eq!(names_reth(&Tree::new([("Cargo.toml", root)])), ["Cargo.toml names reth-evm"]);
}

#[test]
fn lints_outside_the_root_are_found() {
    let inherits = "[lints]\nworkspace = true";
    let broken = |manifest, source| {
        let files = [ROOT, ("crates/a/Cargo.toml", manifest), ("crates/a/src/lib.rs", source)];
        own_lints(&Tree::new(files)).len()
    };
    assert_eq!(broken(inherits, "// #![warn(x)]"), 0);
    assert_eq!(broken("", ""), 1);
    assert_eq!(broken("[lints.clippy]\nall = \"allow\"", ""), 1);
    assert_eq!(broken(inherits, "#![warn(missing_docs)]"), 1);
}

#[test]
fn a_node_workspace_with_other_lints_is_found() {
    let node = "[workspace]\n[workspace.lints.rust]\nmissing_docs = \"allow\"";
    assert_eq!(own_lints(&Tree::new([ROOT, ("bin/bmn-reth/Cargo.toml", node)])).len(), 1);
    let node = node.replace("allow", "deny");
    assert_eq!(own_lints(&Tree::new([ROOT, ("bin/bmn-reth/Cargo.toml", &node)])).len(), 0);
}

#[test]
fn drift_between_the_locks_is_found() {
    let lock = |version: &str| {
        format!(
            "[[package]]\nname = \"revm\"\nversion = \"{version}\"\n\
             [[package]]\nname = \"serde\"\nversion = \"{version}\"\n"
        )
    };
    let drift = |node: &str| {
        let files = [("Cargo.lock", lock("42.0.1")), ("bin/bmn-reth/Cargo.lock", lock(node))];
        lock_drift(&Tree::new(files.each_ref().map(|(path, text)| (*path, text.as_str()))))
    };
    assert_eq!(drift("42.0.1"), [""; 0]);
    assert_eq!(drift("43.0.0"), ["revm: {\"42.0.1\"} here, {\"43.0.0\"} in the node's lock"]);
    assert_eq!(lock_drift(&Tree::new([])).len(), 1);
}
