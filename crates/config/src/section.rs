//! Reads one TOML table, remembering every problem instead of stopping at the first.

use crate::{
    error::{ConfigError, Located, Problem},
    values::{Field, describe},
};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A table being read. A key counts as known once it was asked for; [`Section::finish`] reports the
/// others.
pub(crate) struct Section<'a, 'i> {
    table: &'a DeTable<'i>,
    text: &'a str,
    path: String,
    /// Line of the table's header; `None` for the file itself.
    line: Option<usize>,
    known: Vec<&'static str>,
    problems: Vec<Located>,
}

/// Parses `text` and reads its root table. `read` returns `None` only after it reported a problem.
pub(crate) fn read_file<T>(
    text: &str,
    origin: &str,
    read: impl FnOnce(&mut Section<'_, '_>) -> Option<T>,
) -> Result<T, ConfigError> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Located> = errors
        .into_iter()
        .map(|error| Located {
            line: error.span().map(|span| line_of(text, &span)),
            problem: Problem::Syntax(error.message().to_owned()),
        })
        .collect();
    let mut root = Section::new(table.get_ref(), text, String::new(), None);
    let value = read(&mut root);
    problems.extend(root.finish());
    problems.sort_by_key(|located| located.line);
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        _ => Err(ConfigError { origin: origin.to_owned(), problems }),
    }
}

impl<'a, 'i> Section<'a, 'i> {
    fn new(table: &'a DeTable<'i>, text: &'a str, path: String, line: Option<usize>) -> Self {
        Self { table, text, path, line, known: Vec::new(), problems: Vec::new() }
    }

    /// The value of a key without default.
    pub(crate) fn required<T: Field>(&mut self, key: &'static str) -> Option<T> {
        if !self.has(key) {
            self.missing(key, T::EXPECTED);
            return None;
        }
        self.optional(key).flatten()
    }

    /// `Some(None)` when the key is absent, `None` when its value is wrong.
    pub(crate) fn optional<T: Field>(&mut self, key: &'static str) -> Option<Option<T>> {
        self.known.push(key);
        let Some(value) = self.table.get(key) else { return Some(None) };
        let read = T::read(value.get_ref());
        if read.is_none() {
            let shown: &DeValue<'_> = value.get_ref();
            let hidden = DeValue::String("(not shown)".into());
            let shown = if T::SECRET { &hidden } else { shown };
            self.unexpected(self.full(key), T::EXPECTED, shown, &value.span());
        }
        read.map(Some)
    }

    /// The value of a key, or what stands for it when absent.
    pub(crate) fn or<T: Field>(&mut self, key: &'static str, default: T) -> Option<T> {
        self.optional(key).map(|value| value.unwrap_or(default))
    }

    /// A list of values; empty when absent. Wrong elements are reported one by one and left out.
    pub(crate) fn list<T: Field>(&mut self, key: &'static str) -> Vec<T> {
        let mut values = Vec::new();
        for (path, element, span) in self.elements(key, "a list") {
            match T::read(element) {
                Some(value) => values.push(value),
                None => self.unexpected(path, T::EXPECTED, element, &span),
            }
        }
        values
    }

    /// The table under a key.
    pub(crate) fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        let Some(value) = self.table.get(key) else {
            self.missing(key, "a table");
            return None;
        };
        self.child(self.full(key), value.get_ref(), &value.span(), read)
    }

    /// `Some(None)` when there is no table under the key.
    pub(crate) fn optional_table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_, '_>) -> Option<T>,
    ) -> Option<Option<T>> {
        self.known.push(key);
        if self.table.contains_key(key) { self.table(key, read).map(Some) } else { Some(None) }
    }

    /// The tables of a `[[key]]` list; empty when absent.
    pub(crate) fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'_, '_>) -> Option<T>,
    ) -> Vec<T> {
        self.elements(key, "a list of tables")
            .into_iter()
            .filter_map(|(path, element, span)| self.child(path, element, &span, &mut read))
            .collect()
    }

    /// Reports that the value of `key` contradicts another one.
    pub(crate) fn contradiction(&mut self, key: &str, reason: String) {
        let line = self.table.get(key).map(|value| line_of(self.text, &value.span()));
        let problem = Problem::Contradiction { key: self.full(key), reason };
        self.problems.push(Located { line: line.or(self.line), problem });
    }

    fn has(&mut self, key: &'static str) -> bool {
        self.known.push(key);
        self.table.contains_key(key)
    }

    fn elements(
        &mut self,
        key: &'static str,
        expected: &'static str,
    ) -> Vec<(String, &'a DeValue<'i>, Range<usize>)> {
        self.known.push(key);
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            self.unexpected(self.full(key), expected, value.get_ref(), &value.span());
            return Vec::new();
        };
        let path = self.full(key);
        array
            .iter()
            .enumerate()
            .map(|(i, element)| (format!("{path}[{i}]"), element.get_ref(), element.span()))
            .collect()
    }

    fn child<T>(
        &mut self,
        path: String,
        value: &'a DeValue<'i>,
        span: &Range<usize>,
        read: impl FnOnce(&mut Section<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        let DeValue::Table(table) = value else {
            self.unexpected(path, "a table", value, span);
            return None;
        };
        let mut child = Section::new(table, self.text, path, Some(line_of(self.text, span)));
        let read = read(&mut child);
        self.problems.extend(child.finish());
        read
    }

    fn missing(&mut self, key: &str, expected: &'static str) {
        let problem = Problem::Missing { key: self.full(key), expected };
        self.problems.push(Located { line: self.line, problem });
    }

    fn unexpected(
        &mut self,
        key: String,
        expected: &'static str,
        value: &DeValue<'_>,
        span: &Range<usize>,
    ) {
        let problem = Problem::Unexpected { key, expected, found: describe(value) };
        self.problems.push(Located { line: Some(line_of(self.text, span)), problem });
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn finish(mut self) -> Vec<Located> {
        self.known.sort_unstable();
        self.known.dedup();
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !self.known.contains(&name) {
                let problem = Problem::UnknownKey {
                    key: self.full(name),
                    suggestion: nearest(name, &self.known),
                    known: self.known.clone(),
                };
                let line = Some(line_of(self.text, &key.span()));
                self.problems.push(Located { line, problem });
            }
        }
        self.problems
    }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = &text.as_bytes()[..span.start.min(text.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// The known key that needs the fewest edits, when that is at most a third of its length.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    nearest_of(name, known.iter().copied())
}

/// [`nearest`] among any names.
pub(crate) fn nearest_of(
    name: &str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    known
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance * 3 <= candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in bytes.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_counts_insertions_deletions_and_substitutions() {
        assert_eq!(edits("chain_id", "chain_id"), 0);
        assert_eq!(edits("chainid", "chain_id"), 1);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
    }

    #[test]
    fn a_far_key_gets_no_suggestion() {
        let known = ["chain_id", "confirmations"];
        assert_eq!(nearest("confirmation", &known), Some("confirmations"));
        assert_eq!(nearest("chian_id", &known), Some("chain_id"));
        assert_eq!(nearest("colour", &known), None);
    }
}
