//! The files of a repository, in memory.

use crate::lexer::Source;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use toml::Table;

/// Path from the root (with `/`) to text. Files that are not UTF-8 are left out.
pub(crate) struct Tree(BTreeMap<String, String>);

/// A package of the workspace.
pub(crate) struct Member {
    /// Folder from the root.
    pub(crate) folder: String,
    /// Last part of the folder: `host-dev`.
    pub(crate) name: String,
    /// Its `Cargo.toml`.
    pub(crate) manifest: Table,
}

impl Tree {
    pub(crate) fn of_this_repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent");
        let mut files = BTreeMap::new();
        collect(root, root, &mut files);
        assert!(files.contains_key("Cargo.toml"), "{} is not the root", root.display());
        Self(files)
    }

    /// A tree for the test of a rule.
    pub(crate) fn new<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self(files.map(|(path, text)| (path.to_owned(), text.to_owned())).into())
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every Rust file, lexed.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, Source<'_>)> {
        self.files()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| (path, Source::new(text)))
    }

    /// Rust files of `crates/` and `bin/` that are compiled into the product.
    pub(crate) fn product(&self) -> impl Iterator<Item = (&str, Source<'_>)> {
        self.rust().filter(|(path, _)| {
            (path.starts_with("crates/") || path.starts_with("bin/"))
                && path.contains("/src/")
                && !path.contains("/tests/")
                && !path.ends_with("/tests.rs")
        })
    }

    pub(crate) fn toml(&self, path: &str) -> Option<Table> {
        let text = self.text(path)?;
        Some(text.parse().unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    /// The packages that the root manifest names.
    pub(crate) fn members(&self) -> Vec<Member> {
        let root = self.toml("Cargo.toml").expect("there is a root manifest");
        let patterns = root["workspace"]["members"].as_array().expect("members is a list");
        let patterns: Vec<_> = patterns.iter().filter_map(|pattern| pattern.as_str()).collect();
        let folders = self.0.keys().filter_map(|path| path.strip_suffix("/Cargo.toml"));
        folders
            .filter(|folder| patterns.iter().any(|pattern| matches(pattern, folder)))
            .map(|folder| Member {
                folder: folder.to_owned(),
                name: folder.rsplit('/').next().unwrap_or(folder).to_owned(),
                manifest: self.toml(&format!("{folder}/Cargo.toml")).unwrap_or_default(),
            })
            .collect()
    }
}

impl Member {
    /// Every dependency of any kind, by the name of its package.
    pub(crate) fn dependencies(&self) -> Vec<String> {
        let targets = self.manifest.get("target").and_then(|targets| targets.as_table());
        let targets = targets.into_iter().flat_map(|table| table.values());
        let tables = [&self.manifest].into_iter().chain(targets.filter_map(|t| t.as_table()));
        tables.flat_map(dependencies_of).collect()
    }
}

/// The packages named by the dependency tables of one manifest (or target) table.
pub(crate) fn dependencies_of(table: &Table) -> Vec<String> {
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .into_iter()
        .filter_map(|kind| table.get(kind)?.as_table())
        .flatten()
        .map(|(key, value)| {
            let package = value.get("package").and_then(|package| package.as_str());
            package.unwrap_or(key).to_owned()
        })
        .collect()
}

fn matches(pattern: &str, folder: &str) -> bool {
    match pattern.strip_suffix("/*") {
        Some(parent) => folder.rsplit_once('/').is_some_and(|(above, _)| above == parent),
        None => pattern == folder,
    }
}

/// Reads what belongs to the repository: neither build output nor what npm installs.
fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let path: PathBuf = entry.path();
        if path.is_symlink() || name == "target" || name == "node_modules" || name == ".git" {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let relative = path.strip_prefix(root).expect("it was found below the root");
            files.insert(relative.to_string_lossy().replace('\\', "/"), text);
        }
    }
}

#[test]
fn members_are_found_through_patterns_and_names() {
    let tree = Tree::new([
        ("Cargo.toml", "[workspace]\nmembers = [\"bin/bmn\", \"crates/*\"]"),
        ("bin/bmn/Cargo.toml", ""),
        ("bin/other/Cargo.toml", ""),
        ("crates/a/Cargo.toml", ""),
        ("crates/a/nested/Cargo.toml", ""),
    ]);
    let folders: Vec<_> = tree.members().into_iter().map(|member| member.folder).collect();
    assert_eq!(folders, ["bin/bmn", "crates/a"]);
}

#[test]
fn dependencies_of_every_kind_are_seen_under_their_package_name() {
    let manifest = "[dependencies]\na = \"1\"\nalias = { version = \"1\", package = \"b\" }\n\
                    [dev-dependencies]\nc.workspace = true\n\
                    [target.'cfg(unix)'.build-dependencies]\nd = \"1\"\n";
    let member = Member {
        folder: String::new(),
        name: String::new(),
        manifest: manifest.parse().expect("valid TOML"),
    };
    assert_eq!(member.dependencies(), ["a", "b", "c", "d"]);
}
