//! The only place that writes to stdout and stderr: stdout is the result, stderr is the rest.

use crate::failure::Failure;
use serde::Serialize;
use std::io::{self, Write};

/// Writes results and notes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// An output for programs (`json`) or for people.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// True when programs read it.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// A line of the result.
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.write_all(b"\n")?;
        Ok(stdout.flush()?)
    }

    /// A value as one line of JSON.
    pub(crate) fn value(self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(io::Error::from)?;
        self.line(&text)
    }

    /// The result: JSON for programs, text for people.
    pub(crate) fn result(
        self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json { self.value(value) } else { self.line(&text()) }
    }

    /// A remark, to stderr. Nobody listening is no failure.
    pub(crate) fn note(self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Says why the command failed.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.is_closed_pipe() {
            return;
        }
        if self.json {
            self.note(&failure.to_json().to_string());
        } else {
            self.note(&format!("error: {failure}"));
        }
    }
}

/// Aligns rows under their headings, two spaces between columns.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; N]| {
        let padded: Vec<String> =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let body = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    std::iter::once(line(headings)).chain(body).collect::<Vec<_>>().join("\n")
}

/// Aligns names and values, one a line.
pub(crate) fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let line = |(name, value): &(&str, String)| format!("{name:width$}  {value}");
    fields.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), "long one".to_owned()], ["bbb".to_owned(), "c".to_owned()]];
        assert_eq!(table(["x", "y"], &rows), "x    y\na    long one\nbbb  c");
        assert_eq!(fields(&[("a", "1".to_owned()), ("bb", "2".to_owned())]), "a   1\nbb  2");
    }
}
