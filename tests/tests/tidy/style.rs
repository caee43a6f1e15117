//! House rules that no lint of the compiler knows.

use crate::{
    lexer::{Source, starts_word},
    tree::Tree,
};

/// `unwrap` in the product: an error must say what, where and what would be accepted.
pub(crate) fn unwraps(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, source) in tree.product() {
        for at in source.find(".unwrap()") {
            broken.push(format!("{path}:{}: unwrap outside tests", source.line(at)));
        }
    }
    broken
}

/// Logs and spans whose target is not `bmn::…`, so that an operator could not choose them.
pub(crate) fn untargeted_logs(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, source) in tree.product() {
        for at in log_macros(&source) {
            let arguments =
                source.text[at..].split_once('(').map_or("", |(_, rest)| rest.trim_start());
            if !arguments.starts_with("target: \"bmn::") {
                broken
                    .push(format!("{path}:{}: log without `target: \"bmn::…\"`", source.line(at)));
            }
        }
        let attributes = source.find("instrument(").into_iter().chain(source.find("instrument]"));
        // `work.instrument(span)` takes a span that has its target.
        for at in attributes.filter(|at| !source.text[..*at].ends_with('.')) {
            let attribute = source.text[at..].split(']').next().unwrap_or_default();
            if !attribute.contains("target = \"bmn::") {
                let line = source.line(at);
                broken.push(format!("{path}:{line}: span without `target = \"bmn::…\"`"));
            }
        }
    }
    broken
}

fn log_macros(source: &Source<'_>) -> Vec<usize> {
    const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];
    let names = LEVELS.iter().flat_map(|level| [format!("{level}!("), format!("{level}_span!(")]);
    let names = names.chain(["event!(".to_owned(), "span!(".to_owned()]);
    let found = names.flat_map(|name| source.find(&name));
    found.filter(|at| starts_word(&source.code, *at)).collect()
}

/// Exceptions from the root `clippy.toml` that do not say why.
pub(crate) fn unreasoned_exceptions(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, source) in tree.rust() {
        for (at, _) in source.code.match_indices("clippy::disallowed_") {
            let attribute = source.code[at..].split(']').next().unwrap_or_default();
            if !attribute.contains("reason =") {
                broken.push(format!("{path}:{}: `reason = …` is missing", source.line(at)));
            }
        }
    }
    broken
}

/// Crates without a README, or with another text as their documentation.
pub(crate) fn undocumented_crates(tree: &Tree) -> Vec<String> {
    const INCLUDE: &str = "#![doc = include_str!(\"../README.md\")]";
    let mut broken = Vec::new();
    for member in tree.members() {
        let folder = &member.folder;
        if !folder.starts_with("crates/") {
            continue;
        }
        let readme = tree.text(&format!("{folder}/README.md")).unwrap_or_default();
        if readme.lines().filter(|line| !line.trim().is_empty()).count() < 3 {
            broken.push(format!("{folder}/README.md: say what the crate is and what may break"));
        }
        let library = tree.text(&format!("{folder}/src/lib.rs")).unwrap_or_default();
        if !library.starts_with(INCLUDE) {
            broken.push(format!("{folder}/src/lib.rs must start with {INCLUDE}"));
        }
    }
    broken
}

#[cfg(test)]
fn broken_by(rule: fn(&Tree) -> Vec<String>, text: &str) -> usize {
    rule(&Tree::new([("crates/a/src/b.rs", text)])).len()
}

#[test]
fn an_unwrap_is_found_outside_tests_and_comments() {
    assert_eq!(broken_by(unwraps, "fn a() { b().unwrap(); }"), 1);
    assert_eq!(broken_by(unwraps, "/// b().unwrap()\nfn a() { b().unwrap_or(1); }"), 0);
    assert_eq!(broken_by(unwraps, "#[cfg(test)]\nmod tests { fn a() { b().unwrap() } }"), 0);
    assert_eq!(unwraps(&Tree::new([("crates/a/tests/b.rs", "fn a() { b().unwrap(); }")])).len(), 0);
}

#[test]
fn a_log_without_target_is_found() {
    assert_eq!(broken_by(untargeted_logs, "tracing::info!(\"x\");"), 1);
    assert_eq!(broken_by(untargeted_logs, "warn!(\n    target: \"bmn::store\",\n    \"x\"\n);"), 0);
    assert_eq!(broken_by(untargeted_logs, "warn!(target: \"store\", \"x\");"), 1);
    assert_eq!(broken_by(untargeted_logs, "let span = debug_span!(\"job\");"), 1);
    assert_eq!(broken_by(untargeted_logs, "#[instrument(skip_all)]\nfn a() {}"), 1);
    assert_eq!(broken_by(untargeted_logs, "fn a() { work.instrument(span) }"), 0);
    assert_eq!(broken_by(untargeted_logs, "#[instrument(target = \"bmn::a\")]\nfn a() {}"), 0);
    assert_eq!(broken_by(untargeted_logs, "myinfo!(\"x\"); // info!(\"x\")"), 0);
}

#[test]
fn an_exception_without_reason_is_found() {
    let exception = |reason| format!("#[allow(clippy::disallowed_methods{reason})]\nfn a() {{}}");
    assert_eq!(broken_by(unreasoned_exceptions, &exception("")), 1);
    assert_eq!(broken_by(unreasoned_exceptions, &exception(", reason = \"owns the clock\"")), 0);
}

#[test]
fn a_crate_without_readme_is_found() {
    let root = ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]");
    let broken = |readme, library| {
        undocumented_crates(&Tree::new([
            root,
            ("crates/a/Cargo.toml", ""),
            ("crates/a/README.md", readme),
            ("crates/a/src/lib.rs", library),
        ]))
        .len()
    };
    let (readme, library) = ("# a\n\nb\n\nc\n", "#![doc = include_str!(\"../README.md\")]\n");
    assert_eq!(broken(readme, library), 0);
    assert_eq!(broken("# a\n", library), 1);
    assert_eq!(broken(readme, "//! Another text.\n"), 1);
}
