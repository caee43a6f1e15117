//! Reads one TOML table, remembering every problem instead of stopping at the first.

use crate::{
    error::{ConfigError, Located, Problem},
    layers::{Layers, Override, Place},
    schedules::Profile,
    settings::{Setting, SettingOrigin, hidden, mark, written},
    values::{Field, describe},
};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A table being read. A key counts as known once it was asked for; [`Section::finish`] reports the
/// others.
pub(crate) struct Section<'a, 'i> {
    table: &'a DeTable<'i>,
    layers: &'a Layers<'a>,
    path: String,
    /// The table's header; `None` for the file itself, and for a table that is not written.
    place: Option<Place>,
    /// Set where defaults are those of a profile.
    profile: Option<Profile>,
    known: Vec<&'static str>,
    found: Found,
}

/// What came of reading.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) problems: Vec<Located>,
    /// Every key that was asked for.
    pub(crate) settings: Vec<Setting>,
    /// Where the file has values that must not be shown.
    pub(crate) secrets: Vec<Range<usize>>,
}

impl Found {
    fn extend(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.settings.extend(other.settings);
        self.secrets.extend(other.secrets);
    }
}

/// Parses `text` and reads its root table. `read` returns `None` only after it reported a problem.
pub(crate) fn read_file<T>(
    text: &str,
    origin: &str,
    read: impl FnOnce(&mut Section<'_, '_>) -> Option<T>,
) -> Result<T, ConfigError> {
    read_layers(text, &[], origin, read).map(|(value, _)| value)
}

/// The same with values that stand above those of the file.
pub(crate) fn read_layers<T>(
    text: &str,
    overrides: &[Override],
    origin: &str,
    read: impl FnOnce(&mut Section<'_, '_>) -> Option<T>,
) -> Result<(T, Found), ConfigError> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let layers = Layers::new(text, overrides);
    let mut problems: Vec<Located> = errors
        .into_iter()
        .map(|error| {
            let place = error.span().map(|span| layers.place(&span));
            Located::at(place, Problem::Syntax(error.message().to_owned()))
        })
        .collect();
    let padded = layers.padded();
    let mut table = table.into_inner();
    let covered = layers.covered(&table);
    problems.extend(layers.apply(&mut table, &padded));
    let mut root = Section::new(&table, &layers, String::new(), None);
    let value = read(&mut root);
    let mut found = root.finish();
    found.problems.extend(problems);
    found.secrets.extend(covered);
    found.problems.sort_by_key(|located| (located.line, located.place.clone()));
    match value {
        Some(value) if found.problems.is_empty() => Ok((value, found)),
        _ => Err(ConfigError { origin: origin.to_owned(), problems: found.problems }),
    }
}

impl<'a, 'i> Section<'a, 'i> {
    fn new(
        table: &'a DeTable<'i>,
        layers: &'a Layers<'a>,
        path: String,
        place: Option<Place>,
    ) -> Self {
        let (profile, known, found) = (None, Vec::new(), Found::default());
        Self { table, layers, path, place, profile, known, found }
    }

    /// Defaults that are asked for from now on are those of a profile.
    pub(crate) const fn defaults_of(&mut self, profile: Profile) {
        self.profile = Some(profile);
    }

    /// Where the value of a key is written, for errors.
    pub(crate) fn place_of(&self, key: &str) -> Option<String> {
        let span = self.table.get(key)?.span();
        Some(self.layers.place(&span).to_string())
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
        if !T::STRUCTURE {
            self.note::<T>(key, || (String::new(), SettingOrigin::Unset));
        }
        self.value(key)
    }

    /// The value of a key, or what stands for it when absent.
    pub(crate) fn or<T: Field>(&mut self, key: &'static str, default: T) -> Option<T> {
        self.known.push(key);
        let origin = self.profile.map_or(SettingOrigin::Default, SettingOrigin::Profile);
        self.note::<T>(key, || (default.shown(), origin));
        self.value(key).map(|value| value.unwrap_or(default))
    }

    fn value<T: Field>(&mut self, key: &str) -> Option<Option<T>> {
        let Some(value) = self.table.get(key) else { return Some(None) };
        let read = T::read(value.get_ref());
        if read.is_none() {
            self.unexpected::<T>(self.full(key), value.get_ref(), &value.span());
        }
        read.map(Some)
    }

    /// Remembers what a key is, and where it comes from.
    fn note<T: Field>(&mut self, key: &str, absent: impl FnOnce() -> (String, SettingOrigin)) {
        let path = self.full(key);
        let Some(value) = self.table.get(key) else {
            let (value, origin) = absent();
            self.found.settings.push(Setting { path, value, origin, mark: None });
            return;
        };
        let whole = written(value.get_ref());
        let shown = if T::SECRET { hidden(value.get_ref()) } else { whole.clone() };
        let origin = self.layers.place(&value.span()).into_origin();
        let mark = (shown != whole).then(|| mark(&whole));
        if shown != whole && matches!(origin, SettingOrigin::File { .. }) {
            self.found.secrets.push(value.span());
        }
        self.found.settings.push(Setting { path, value: shown, origin, mark });
    }

    /// A list of values; empty when absent. Wrong elements are reported one by one and left out.
    pub(crate) fn list<T: Field>(&mut self, key: &'static str) -> Vec<T> {
        self.note::<T>(key, || ("[]".to_owned(), SettingOrigin::Default));
        let mut values = Vec::new();
        for (path, element, span) in self.elements(key, "a list") {
            match T::read(element) {
                Some(value) => values.push(value),
                None => self.unexpected::<T>(path, element, &span),
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

    /// The same where an absent table is an empty one.
    pub(crate) fn table_or_empty<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        if self.table.contains_key(key) {
            return self.table(key, read);
        }
        self.known.push(key);
        let empty = DeTable::new();
        let mut child = Section::new(&empty, self.layers, self.full(key), None);
        let read = read(&mut child);
        let found = child.finish();
        self.found.extend(found);
        read
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
        let place = self.table.get(key).map(|value| self.layers.place(&value.span()));
        let problem = Problem::Contradiction { key: self.full(key), reason };
        self.report(place.or_else(|| self.place.clone()), problem);
    }

    fn report(&mut self, place: Option<Place>, problem: Problem) {
        self.found.problems.push(Located::at(place, problem));
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
            // It may be one of the list's values without its brackets, and a secret.
            let not_shown = DeValue::String("(not shown)".into());
            let text = value.get_ref().is_str();
            let shown = if text { &not_shown } else { value.get_ref() };
            self.unlike(self.full(key), expected, shown, &value.span());
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
            self.unlike(path, "a table", value, span);
            return None;
        };
        let mut child = Section::new(table, self.layers, path, Some(self.layers.place(span)));
        let read = read(&mut child);
        let found = child.finish();
        self.found.extend(found);
        read
    }

    fn missing(&mut self, key: &str, expected: &'static str) {
        let problem = Problem::Missing { key: self.full(key), expected };
        self.report(self.place.clone(), problem);
    }

    fn unexpected<T: Field>(&mut self, key: String, value: &DeValue<'_>, span: &Range<usize>) {
        let not_shown = DeValue::String("(not shown)".into());
        let value = if T::SECRET && value.is_str() { &not_shown } else { value };
        self.unlike(key, T::EXPECTED, value, span);
    }

    fn unlike(
        &mut self,
        key: String,
        expected: &'static str,
        value: &DeValue<'_>,
        span: &Range<usize>,
    ) {
        let problem = Problem::Unexpected { key, expected, found: describe(value) };
        self.report(Some(self.layers.place(span)), problem);
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn finish(mut self) -> Found {
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
                let place = Some(self.layers.place(&key.span()));
                self.found.problems.push(Located::at(place, problem));
            }
        }
        self.found
    }
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
