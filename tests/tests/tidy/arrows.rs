//! Dependencies point downward only (ARCHITECTURE.md, "Arrows").

use crate::tree::Tree;

/// The packages of the workspace, lowest first. One may depend on those of lower layers only, so hosts
/// and faces import neither each other nor themselves, and engines meet in the store and the queue.
const LAYERS: &[&[&str]] = &[
    &["primitives"],
    &["contracts"],
    &["chain"],
    &["swap", "monitor", "archive", "legacy"],
    &["store", "records", "supervisor"],
    &["queue", "scheduler", "alerts"],
    &["indexer", "executor"],
    &["host-dev", "host-rpc", "rpc-api", "rpc", "telemetry", "config"],
    &["node", "operations"],
    &["upkeep", "sim"],
    &["launch"],
    &["embed"],
    &["bmn", "tests", "benches"],
];

/// Arrows inside a layer.
const ALLOWED: &[(&str, &str)] = &[("rpc", "rpc-api")];

/// Crates whose decisions are functions of their arguments (design rule P3).
const PURE: &[&str] = &["primitives", "contracts", "chain", "swap", "monitor"];

/// What only an engine, a host or a face may depend on; a name stands for its family too
/// (`tokio` for `tokio-util`).
const IMPURE: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "mio",
    "redb",
    "sqlx",
    "rusqlite",
    "hyper",
    "reqwest",
    "axum",
    "tower",
    "jsonrpsee",
    "ureq",
    "tungstenite",
    "rand",
    "getrandom",
    "chrono",
    "time",
];

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

/// Arrows that do not point downward, and packages without a layer.
pub(crate) fn upward(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for member in tree.members() {
        let Some(own) = layer(&member.name) else {
            broken.push(format!("{}: give it a layer in this test", member.folder));
            continue;
        };
        for dependency in member.dependencies() {
            let Some(name) = dependency.strip_prefix("bmn-") else { continue };
            let below = layer(name).is_some_and(|layer| layer < own);
            if !below && !ALLOWED.contains(&(member.name.as_str(), name)) {
                broken.push(format!("{} must not depend on {dependency}", member.folder));
            }
        }
    }
    broken
}

/// Pure crates that could reach a runtime, a database, the network, chance or the clock.
pub(crate) fn impure(tree: &Tree) -> Vec<String> {
    let pure = tree.members().into_iter().filter(|member| PURE.contains(&member.name.as_str()));
    let of_family = |dependency: &str, name: &str| {
        dependency.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    pure.flat_map(|member| {
        let bad = |dependency: &String| IMPURE.iter().any(|name| of_family(dependency, name));
        let found: Vec<_> = member.dependencies().into_iter().filter(bad).collect();
        found.into_iter().map(move |name| format!("{} depends on {name}", member.folder))
    })
    .collect()
}

#[cfg(test)]
const ROOT: (&str, &str) =
    ("Cargo.toml", "[workspace]\nmembers = [\"bin/bmn\", \"crates/*\", \"tests\"]");

#[test]
fn an_arrow_that_points_up_or_sideways_is_found() {
    let cases = [
        ("swap", "[dependencies]\nbmn-store.workspace = true"),
        ("host-dev", "[dev-dependencies]\nbmn-rpc = { path = \"../rpc\" }"),
        ("host-dev", "[dev-dependencies]\nbmn-host-rpc.workspace = true"),
        ("rpc", "[dependencies]\nbmn-config.workspace = true"),
        ("indexer", "[target.'cfg(unix)'.dependencies]\nbmn-executor.workspace = true"),
        ("node", "[dependencies]\nrenamed = { path = \"../sim\", package = \"bmn-sim\" }"),
        ("unheard-of", ""),
    ];
    for (name, manifest) in cases {
        let path = format!("crates/{name}/Cargo.toml");
        let broken = upward(&Tree::new([ROOT, (&path, manifest)]));
        assert_eq!(broken.len(), 1, "{name}: {broken:?}");
    }
}

#[test]
fn arrows_that_point_down_are_fine() {
    let tree = Tree::new([
        ROOT,
        ("crates/rpc/Cargo.toml", "[dependencies]\nbmn-rpc-api.workspace = true\ntokio = \"1\""),
        ("crates/sim/Cargo.toml", "[dependencies]\nbmn-node.workspace = true"),
        ("tests/Cargo.toml", "[dependencies]\nbmn-sim.workspace = true"),
    ]);
    assert_eq!(upward(&tree), [""; 0]);
}

#[test]
fn a_runtime_in_a_pure_crate_is_found() {
    for name in ["tokio", "tokio-util", "redb", "jsonrpsee-http-client", "rand"] {
        let manifest = format!("[dependencies]\n{name}.workspace = true\nrandom-words = \"1\"");
        let tree = Tree::new([ROOT, ("crates/swap/Cargo.toml", &manifest)]);
        assert_eq!(impure(&tree), [format!("crates/swap depends on {name}")]);
        let tree = Tree::new([ROOT, ("crates/store/Cargo.toml", &manifest)]);
        assert_eq!(impure(&tree), [""; 0]);
    }
}
