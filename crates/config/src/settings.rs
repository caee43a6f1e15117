//! Every key with its value and where it came from, as people may see it.

use crate::{endpoint::EndpointSource, schedules::Profile};
use std::{
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};
use toml::de::{DeTable, DeValue};

/// One key of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key with its path, as in `chains[0].endpoints`.
    pub path: String,
    /// Its value as TOML has it, without what must stay hidden; empty when it is not set.
    pub value: String,
    /// Where the value came from.
    pub origin: SettingOrigin,
    /// Tells values apart that are shown alike; none where all of the value is shown.
    pub(crate) mark: Option<u64>,
}

impl Setting {
    /// Whether both have the same value, what is hidden included.
    pub fn has_value_of(&self, other: &Self) -> bool {
        (&self.value, self.mark) == (&other.value, other.mark)
    }
}

pub(crate) fn mark(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingOrigin {
    /// Nowhere: it may be left out, and is.
    Unset,
    /// It was left out, and the program's default holds.
    Default,
    /// It was left out, and the profile's default holds.
    Profile(Profile),
    /// The file.
    File {
        /// Its line, from 1.
        line: usize,
    },
    /// What stands above the file: an environment variable, a flag.
    Above(String),
}

impl SettingOrigin {
    /// For people; `file` is the name of the file.
    pub fn told(&self, file: &str) -> String {
        match self {
            Self::Unset => "not set".to_owned(),
            Self::Default => "default".to_owned(),
            Self::Profile(profile) => format!("profile {}", profile.name()),
            Self::File { line } => format!("file {file}:{line}"),
            Self::Above(name) => name.clone(),
        }
    }
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told("line"))
    }
}

/// The keys that a text has, with their values as TOML has them; what is no TOML is left out. For comparing texts
/// whose secrets are hidden.
pub fn written_keys(text: &str) -> BTreeMap<String, String> {
    let (table, _) = DeTable::parse_recoverable(text);
    let mut keys = BTreeMap::new();
    collect(table.get_ref(), "", &mut keys);
    keys
}

fn collect(table: &DeTable<'_>, path: &str, keys: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let name: &str = key.get_ref();
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match value.get_ref() {
            DeValue::Table(inner) => collect(inner, &path, keys),
            DeValue::Array(list) if list.iter().any(|one| one.get_ref().is_table()) => {
                for (position, one) in list.iter().enumerate() {
                    if let DeValue::Table(inner) = one.get_ref() {
                        collect(inner, &format!("{path}[{position}]"), keys);
                    }
                }
            }
            other => {
                keys.insert(path, written(other));
            }
        }
    }
}

/// What stands for a value that is not shown.
const HIDDEN: &str = "(hidden)";

/// A value as TOML has it.
pub(crate) fn written(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(array) => {
            let all: Vec<String> = array.iter().map(|one| written(one.get_ref())).collect();
            format!("[{}]", all.join(", "))
        }
        DeValue::Table(table) => {
            let one = |(key, value): (&str, &DeValue<'_>)| format!("{key} = {}", written(value));
            let all = table.iter().map(|(key, value)| one((key.get_ref(), value.get_ref())));
            format!("{{ {} }}", all.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The same of what may hold a key.
pub(crate) fn hidden(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => {
            let shown = EndpointSource::read(text).map(|source| source.shown());
            quoted(shown.as_deref().unwrap_or(HIDDEN))
        }
        DeValue::Array(array) => {
            let all: Vec<String> = array.iter().map(|one| hidden(one.get_ref())).collect();
            format!("[{}]", all.join(", "))
        }
        _ => quoted(HIDDEN),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if control.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(control)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
