//! Values that stand above those of the file: from the environment, and from flags.

use crate::{
    error::{Located, Problem},
    schema,
    settings::SettingOrigin,
};
use std::{fmt, ops::Range};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// How the variables begin that stand above the file. `BMN_RPC`, `BMN_KEY`, `BMN_LOG` and others without it belong to
/// commands.
pub const ENVIRONMENT: &str = "BMN_CONFIG__";

/// A value that stands above that of the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Override {
    /// Where it stands, for errors: a variable or a flag.
    pub name: String,
    /// Tables, positions in lists, and the key.
    pub path: Vec<String>,
    /// The value: as it is where the key takes a text, else as TOML has it.
    pub text: String,
}

// It may be a URL with a key in it.
impl fmt::Debug for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Override").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Override {
    /// Those of an environment, by name. What has only a part of the prefix is no affair of ours.
    pub fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> Vec<Self> {
        let mut found: Vec<Self> = variables
            .into_iter()
            .filter_map(|(name, text)| {
                let path = name.strip_prefix(ENVIRONMENT)?.to_ascii_lowercase();
                let path = path.split("__").map(str::to_owned).collect();
                Some(Self { name: format!("environment {name}"), path, text })
            })
            .collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found
    }

    /// What `--set` is given: `KEY=VALUE`.
    ///
    /// # Errors
    /// Why it is not taken; never the value, which may be a secret.
    pub fn from_flag(text: &str) -> Result<Self, String> {
        let form = "expected --set KEY=VALUE, as in --set policy.min_profit_bps=25";
        let (key, value) = text.split_once('=').ok_or(form)?;
        let key = key.trim();
        let path: Vec<String> = key.split(['.', '[']).map(|it| it.replace(']', "")).collect();
        if path.iter().any(String::is_empty) {
            return Err(form.to_owned());
        }
        let value = value.trim();
        if is_secret(&path, value) {
            return Err(format!(
                "--set {key}: a secret never comes from a flag, where other users of this machine see it; write it \
                 into a file and name that (file:/PATH or a key that ends in _file), or a variable (env:NAME, \
                 _env), or a program (command:PROGRAM, _command)"
            ));
        }
        Ok(Self { name: format!("flag --set {key}"), path, text: value.to_owned() })
    }
}

/// What must not be on a command line: a URL that may hold a key, and whatever is called one.
fn is_secret(path: &[String], value: &str) -> bool {
    let known = schema::find(path);
    if known.is_some_and(|key| key.secret) {
        let named = ["env:", "file:", "command:"];
        let plain = value.trim_matches(['[', ']', '"', '\'', ' ']);
        return !named.iter().any(|start| plain.starts_with(start)) || plain.contains("://");
    }
    let last = path.last().map_or("", String::as_str);
    let called = ["key", "secret", "password", "passphrase", "mnemonic"];
    known.is_none() && called.iter().any(|word| last.contains(word))
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A line of the file, from 1.
    Line(usize),
    /// A variable or flag.
    Above(String),
}

impl Place {
    pub(crate) fn into_origin(self) -> SettingOrigin {
        match self {
            Self::Line(line) => SettingOrigin::File { line },
            Self::Above(name) => SettingOrigin::Above(name),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Above(name) => f.write_str(name),
        }
    }
}

/// The file's text, and what stands above it. Positions behind the end of the text are those of the values above.
pub(crate) struct Layers<'a> {
    text: &'a str,
    above: Vec<(Range<usize>, &'a Override)>,
}

/// The key under which a single value is parsed.
const VALUE: &str = "v";

impl<'a> Layers<'a> {
    pub(crate) fn new(text: &'a str, overrides: &'a [Override]) -> Self {
        let mut end = text.len();
        let above = overrides.iter().map(|one| {
            let start = end + 1;
            end = start + VALUE.len() + 3 + one.text.len();
            (start..end, one)
        });
        Self { text, above: above.collect() }
    }

    /// Where a position is.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        let above = self.above.iter().find(|(range, _)| range.contains(&span.start));
        if let Some((_, one)) = above {
            return Place::Above(one.name.clone());
        }
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        Place::Line(1 + before.iter().filter(|byte| **byte == b'\n').count())
    }

    /// The values as documents that begin at their positions, so that what is found in them has a place.
    pub(crate) fn padded(&self) -> Vec<String> {
        let document = |(range, one): &(Range<usize>, &Override)| {
            format!("{:start$}{VALUE} = {}", "", one.text, start = range.start)
        };
        self.above.iter().map(document).collect()
    }

    /// Where the file has values that must not be shown and that something stands above.
    pub(crate) fn covered(&self, table: &DeTable<'_>) -> Vec<Range<usize>> {
        let secret = |path: &[String]| schema::find(path).is_some_and(|key| key.secret);
        let above = self.above.iter().filter(|(_, one)| secret(&one.path));
        above.filter_map(|(_, one)| span_of(table, &one.path)).collect()
    }

    /// Puts them into the table of the file; what cannot be put there is a problem.
    pub(crate) fn apply<'i>(&self, table: &mut DeTable<'i>, padded: &'i [String]) -> Vec<Located>
    where
        'a: 'i,
    {
        let mut problems = Vec::new();
        for ((range, one), document) in self.above.iter().zip(padded) {
            let value = value_of(one, document, range);
            if let Err(problem) = put(table, &one.path, range, value, &one.path) {
                problems.push(Located::at(Some(Place::Above(one.name.clone())), problem));
            }
        }
        problems
    }
}

fn value_of<'i>(
    one: &'i Override,
    document: &'i str,
    range: &Range<usize>,
) -> Spanned<DeValue<'i>> {
    let text = || Spanned::new(range.clone(), DeValue::String(one.text.as_str().into()));
    let is_quoted = one.text.starts_with(['"', '\'']);
    if schema::find(&one.path).is_some_and(schema::Key::is_text) && !is_quoted {
        return text();
    }
    // What is no value of TOML is a text; whoever reads the key says whether it takes one.
    let Ok(parsed) = DeTable::parse(document) else { return text() };
    let mut parsed = parsed.into_inner();
    if parsed.len() == 1 { parsed.remove(VALUE).unwrap_or_else(text) } else { text() }
}

fn span_of(table: &DeTable<'_>, path: &[String]) -> Option<Range<usize>> {
    let (key, rest) = path.split_first()?;
    let found = table.get(key.as_str())?;
    match (found.get_ref(), rest) {
        (_, []) => Some(found.span()),
        (DeValue::Table(inner), rest) => span_of(inner, rest),
        (DeValue::Array(list), [position, rest @ ..]) => {
            let found: &Spanned<DeValue<'_>> = list.get(position.parse::<usize>().ok()?)?;
            match (found.get_ref(), rest) {
                (_, []) => Some(found.span()),
                (DeValue::Table(inner), rest) => span_of(inner, rest),
                _ => None,
            }
        }
        _ => None,
    }
}

fn put<'i>(
    table: &mut DeTable<'i>,
    path: &'i [String],
    range: &Range<usize>,
    value: Spanned<DeValue<'i>>,
    whole: &[String],
) -> Result<(), Problem> {
    let refused =
        |reason: &str| Problem::Contradiction { key: whole.join("."), reason: reason.to_owned() };
    let (key, rest) = path.split_first().ok_or_else(|| refused("names no key"))?;
    let spanned = || Spanned::new(range.clone(), key.as_str().into());
    if rest.is_empty() {
        // A key keeps the place where it was first written: the one above is what counts.
        table.remove(key.as_str());
        table.insert(spanned(), value);
        return Ok(());
    }
    if !table.contains_key(key.as_str()) {
        let empty = DeValue::Table(DeTable::new());
        table.insert(spanned(), Spanned::new(range.clone(), empty));
    }
    let Some(found) = table.get_mut(key.as_str()) else { return Ok(()) };
    match found.get_mut() {
        DeValue::Table(inner) => put(inner, rest, range, value, whole),
        DeValue::Array(list) => {
            let (position, rest) = rest.split_first().ok_or_else(|| refused("names no key"))?;
            let length = list.len();
            let position = position.parse::<usize>().ok().filter(|position| *position < length);
            let reason = format!("`{key}` is a list of {length}: expected a position from 0");
            let position = position.ok_or_else(|| refused(&reason))?;
            match list.get_mut(position).map(Spanned::get_mut) {
                Some(DeValue::Table(inner)) if !rest.is_empty() => {
                    put(inner, rest, range, value, whole)
                }
                _ => Err(refused("only a key of a table can be set")),
            }
        }
        _ => Err(refused(&format!("`{key}` is no table"))),
    }
}
