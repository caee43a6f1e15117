//! Tables that promise a test for every rule and every trap keep the promise.

use crate::tree::Tree;
use std::collections::BTreeSet;

/// Documents whose tables name tests as `file::test` or `folder/file::test`.
const TABLES: &[&str] = &["docs/rules.md", "docs/traps.md"];

/// The money rules of the design: each is a row that names a test.
const RULES: std::ops::RangeInclusive<u32> = 1..=11;

/// Tests that a table names and no file has.
pub(crate) fn missing_tests(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for table in TABLES {
        let Some(text) = tree.text(table) else {
            broken.push(format!("{table} is missing"));
            continue;
        };
        for (number, line) in (1..).zip(text.lines()) {
            let unknown = named(line).filter(|(place, test)| !exists(tree, place, test));
            broken.extend(unknown.map(|(place, test)| {
                format!("{table}:{number}: no file of {place} has a test {test}")
            }));
        }
    }
    broken
}

/// Money rules without a row, and rows without a test.
pub(crate) fn rules_without_tests(tree: &Tree) -> Vec<String> {
    let text = tree.text("docs/rules.md").unwrap_or_default();
    let tested: BTreeSet<&str> = text
        .lines()
        .filter(|line| named(line).next().is_some())
        .filter_map(|line| line.strip_prefix("| ")?.split([' ', '.']).next())
        .collect();
    let rules = RULES.map(|rule| format!("M{rule}"));
    rules
        .filter(|rule| !tested.contains(rule.as_str()))
        .map(|rule| format!("docs/rules.md: {rule} has no row that names a test"))
        .collect()
}

/// Every `place::test` between backticks.
fn named(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let word = |text: &str, also: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
    };
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.rsplit_once("::"))
        .filter(move |(place, test)| word(place, "_-/") && word(test, "_"))
}

fn exists(tree: &Tree, place: &str, test: &str) -> bool {
    let signature = format!("fn {test}(");
    tree.files().any(|(path, text)| {
        path.ends_with(".rs")
            && place.split('/').all(|part| path.contains(part))
            && text.contains(&signature)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: (&str, &str) = ("crates/swap/tests/doors.rs", "#[test]\nfn it_is_shut() {}");

    #[test]
    fn a_test_that_a_table_names_must_be_there() {
        let tables =
            [("docs/rules.md", "| M1 | `swap/doors::it_is_shut` |"), ("docs/traps.md", "")];
        assert!(missing_tests(&Tree::new([tables[0], tables[1], TEST])).is_empty());
        let renamed = ("docs/rules.md", "| M1 | `swap/doors::it_is_open` |");
        let elsewhere = ("docs/rules.md", "| M1 | `store/doors::it_is_shut` |");
        for broken in [renamed, elsewhere] {
            assert_eq!(missing_tests(&Tree::new([broken, tables[1], TEST])).len(), 1);
        }
        assert_eq!(missing_tests(&Tree::new([tables[0], TEST])).len(), 1, "a table is missing");
    }

    #[test]
    fn a_money_rule_needs_a_row_with_a_test() {
        let rows = "| M1 | x | `swap/doors::it_is_shut` |\n| M2 | none |";
        let broken = rules_without_tests(&Tree::new([("docs/rules.md", rows)]));
        assert_eq!(broken.len(), 10, "{broken:?}");
        assert!(broken[0].contains("M2") && broken[9].contains("M11"));
    }
}
