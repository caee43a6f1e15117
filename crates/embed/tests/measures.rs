//! The names of what is measured, in the code, in the table and in the documentation.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use bmn_embed::measures::{COUNTERS, GAUGES, TIMES};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every word of the text that names a measure.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|of: char| !(of.is_ascii_alphanumeric() || of == '_'));
    let words = words.map(|word| word.trim_start_matches("reth_"));
    words.filter(|word| word.starts_with("bmn_extension_")).map(str::to_owned).collect()
}

fn sources(directory: &Path) -> String {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| !path.ends_with("measures.rs"));
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn what_is_measured_is_described_and_documented_and_nothing_else() {
    let described = [&COUNTERS[..], &GAUGES, &TIMES].concat();
    let described: BTreeSet<_> = described.iter().map(|(name, _)| (*name).to_owned()).collect();
    let code =
        sources(&root().join("crates/embed/src")) + &sources(&root().join("bin/bmn-reth/src"));
    assert_eq!(named(&code), described);
    let documented = fs::read_to_string(root().join("docs/reth.md")).unwrap();
    assert_eq!(named(&documented), described);
}
