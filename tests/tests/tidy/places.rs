//! Nothing in the repository depends on where it was written.

use crate::tree::Tree;

/// Folders of one person's or one builder's machine. Written in parts, since this file is searched too.
const MACHINE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("C:\\Us", "ers\\"),
];

/// Words in a host name that tell a package registry or a way around one.
const REGISTRY: &[&str] = &["registry", "mirror", "artifactory", "nexus", "proxy"];

/// The registry that lock files of npm name.
const PUBLIC: &[&str] = &["registry.npmjs.org"];

/// The only source that `Cargo.lock` may name.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Absolute paths that exist on one machine only.
pub(crate) fn machine_paths(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in tree.files() {
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(folder) = MACHINE.iter().find(|folder| has_path(line, folder)) {
                broken.push(format!("{path}:{number}: a path below {folder}"));
            }
        }
    }
    broken
}

/// True when `folder` starts a path in the line, not when it continues one.
fn has_path(line: &str, folder: &str) -> bool {
    let continues = |c: char| c.is_alphanumeric() || "._-/}*~)".contains(c);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(continues))
}

/// Hosts and lock file sources that only some networks reach.
pub(crate) fn private_hosts(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in tree.files() {
        for (number, line) in (1..).zip(text.lines()) {
            let hosts = hosts(line);
            let found = hosts.iter().filter(|host| is_private(host));
            broken.extend(found.map(|host| format!("{path}:{number}: the host {host}")));
        }
        if path.ends_with(".npmrc") || path.contains(".cargo/config") {
            broken.push(format!("{path}: where packages come from is the machine's business"));
        }
        if path == "Cargo.lock" {
            broken.extend(foreign_sources(text).map(|source| format!("{path}: {source}")));
        }
    }
    broken
}

fn foreign_sources(lock: &str) -> impl Iterator<Item = &str> {
    let sources = lock.lines().filter_map(|line| line.strip_prefix("source = "));
    sources.map(|source| source.trim_matches('"')).filter(|source| *source != CRATES_IO)
}

/// The host of every URL in the line.
fn hosts(line: &str) -> Vec<&str> {
    line.match_indices("://")
        .map(|(at, separator)| {
            let rest = &line[at + separator.len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && !"._-@".contains(c));
            let authority = &rest[..end.unwrap_or(rest.len())];
            authority.rsplit('@').next().unwrap_or(authority).trim_end_matches('.')
        })
        .collect()
}

fn is_private(host: &str) -> bool {
    let names_registry = REGISTRY.iter().any(|word| host.contains(word)) && !PUBLIC.contains(&host);
    let internal = [".internal", ".local", ".lan", ".corp"].iter().any(|end| host.ends_with(end));
    let parts: Vec<u8> = host.split('.').filter_map(|part| part.parse().ok()).collect();
    let private_address = host.split('.').count() == 4
        && matches!(parts.as_slice(), [10, ..] | [192, 168, ..] | [172, 16..=31, ..])
        && parts.len() == 4;
    names_registry || internal || private_address
}

#[test]
fn a_path_of_one_machine_is_found() {
    for folder in MACHINE {
        let line = format!("see {folder}x/README.md");
        assert_eq!(machine_paths(&Tree::new([("docs/a.md", &line)])).len(), 1, "{line}");
        let line = format!("crates{folder}x and ./state{folder}");
        assert_eq!(machine_paths(&Tree::new([("docs/a.md", &line)])), [""; 0], "{line}");
    }
}

#[test]
fn a_private_host_is_found() {
    let broken = |host: &str| {
        let line = format!("url = \"https://user@{host}:8080/x\"");
        private_hosts(&Tree::new([("a.toml", &line)])).len()
    };
    let registry = format!("npm.{}.example", REGISTRY[0]);
    for host in [registry.as_str(), "10.1.2.3", "172.20.0.1", "192.168.7.7", "packages.corp"] {
        assert_eq!(broken(host), 1, "{host}");
    }
    for host in
        ["crates.io", "registry.npmjs.org", "127.0.0.1", "localhost", "172.15.0.1", "1.10.2.3"]
    {
        assert_eq!(broken(host), 0, "{host}");
    }
}

#[test]
fn a_lock_with_another_source_is_found() {
    let lock = |source: &str| {
        let text = format!("[[package]]\nname = \"a\"\nsource = \"{source}\"\n");
        private_hosts(&Tree::new([("Cargo.lock", &text)])).len()
    };
    assert_eq!(lock(CRATES_IO), 0);
    assert_eq!(lock("git+https://github.com/a/b#c"), 1);
    assert_eq!(private_hosts(&Tree::new([("a/.npmrc", "")])).len(), 1);
}
