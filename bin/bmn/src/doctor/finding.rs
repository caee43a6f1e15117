//! What a check found, for people and for programs.

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// As it should be.
    Ok,
    /// It works, and somebody should look.
    Warning,
    /// It does not work, or funds are at risk.
    Error,
}

impl Severity {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "ERROR",
        }
    }
}

/// What mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mend {
    /// To be typed into a shell as it stands.
    Command(String),
    /// To be read.
    Sentence(String),
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Where: `config`, `key`, `disk`, a chain.
    pub(crate) area: String,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What was found.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) mends: Option<Mend>,
}

impl Finding {
    fn new(area: &str, severity: Severity, what: impl Into<String>) -> Self {
        Self { area: area.to_owned(), severity, what: plain(&what.into()), mends: None }
    }

    /// As it should be.
    pub(crate) fn ok(area: &str, what: impl Into<String>) -> Self {
        Self::new(area, Severity::Ok, what)
    }

    /// Somebody should look.
    pub(crate) fn warning(area: &str, what: impl Into<String>) -> Self {
        Self::new(area, Severity::Warning, what)
    }

    /// Somebody must look.
    pub(crate) fn error(area: &str, what: impl Into<String>) -> Self {
        Self::new(area, Severity::Error, what)
    }

    /// A command that mends it.
    pub(crate) fn run(mut self, command: impl Into<String>) -> Self {
        self.mends = Some(Mend::Command(command.into()));
        self
    }

    /// What a person does about it.
    pub(crate) fn say(mut self, sentence: impl Into<String>) -> Self {
        self.mends = Some(Mend::Sentence(sentence.into()));
        self
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (command, sentence) = match &self.mends {
            Some(Mend::Command(text)) => (Some(text), None),
            Some(Mend::Sentence(text)) => (None, Some(text)),
            None => (None, None),
        };
        let mut fields = serializer.serialize_struct("Finding", 5)?;
        fields.serialize_field("area", &self.area)?;
        fields.serialize_field("severity", &self.severity)?;
        fields.serialize_field("what", &self.what)?;
        fields.serialize_field("command", &command)?;
        fields.serialize_field("mend", &sentence)?;
        fields.end()
    }
}

// What a chain or a file says steers no terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// The worst first; what is equally bad stays in the order of the checks.
pub(crate) fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// How many there are of each, in one line.
pub(crate) fn summary(findings: &[Finding]) -> String {
    let of = |severity| findings.iter().filter(|it| it.severity == severity).count();
    let counted = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    };
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    format!(
        "{}, {}, {} ok",
        counted(errors, "error"),
        counted(warnings, "warning"),
        of(Severity::Ok)
    )
}

/// Columns of the severity with the gap after it.
const SEVERITY: usize = 9;

/// A table of at most so many columns.
pub(crate) fn text(findings: &[Finding], columns: usize) -> String {
    let longest = findings.iter().map(|it| it.area.chars().count()).max().unwrap_or_default();
    let area = longest.min(columns / 4);
    let indent = SEVERITY + area + 2;
    let room = columns.saturating_sub(indent).max(20);
    let mut lines = Vec::new();
    for finding in findings {
        let name: String = finding.area.chars().take(area).collect();
        let mut first = format!("{:<7}  {name:<area$}  ", finding.severity.name());
        for part in finding.what.lines().flat_map(|line| wrap(line, room, "")) {
            lines.push(format!("{first}{part}"));
            first = " ".repeat(indent);
        }
        match &finding.mends {
            // It goes on at the left: a command is copied, and wants few breaks.
            Some(Mend::Command(command)) => {
                let mut prefix = format!("{}$ ", " ".repeat(SEVERITY));
                for part in wrap(command, columns.saturating_sub(prefix.len()).max(20), " \\") {
                    lines.push(format!("{prefix}{part}"));
                    prefix = " ".repeat(SEVERITY + 4);
                }
            }
            Some(Mend::Sentence(sentence)) => {
                let mut prefix = format!("{}> ", " ".repeat(SEVERITY));
                for part in wrap(sentence, columns.saturating_sub(prefix.len()).max(20), "") {
                    lines.push(format!("{prefix}{part}"));
                    prefix = " ".repeat(SEVERITY + 2);
                }
            }
            None => {}
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// Words over lines; a line that is not the last ends with `goes_on`. A word that is too long stands alone, cut at
/// the room, so that no line is wider; in a command nothing is cut.
fn wrap(text: &str, room: usize, goes_on: &str) -> Vec<String> {
    // What follows the first line of a command stands two columns further right.
    let room = room.saturating_sub(goes_on.len() + if goes_on.is_empty() { 0 } else { 2 }).max(1);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let fits = |line: &String| line.chars().count() + 1 + word.chars().count() <= room;
        match lines.last_mut().filter(|line| fits(line)) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None if goes_on.is_empty() => lines.extend(pieces(word, room)),
            None => lines.push(word.to_owned()),
        }
    }
    let last = lines.len().saturating_sub(1);
    let end = |at: usize| if at < last { goes_on } else { "" };
    lines.iter().enumerate().map(|(at, line)| format!("{line}{}", end(at))).collect()
}

fn pieces(word: &str, room: usize) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    letters.chunks(room).map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::ok("config", "bmn.toml can be read"),
            Finding::error("Chain B (1338)", format!("no allowance for {}", "USDX ".repeat(30)))
                .run("bmn approve --config /etc/bmn/bmn.toml --chain 1338 --token USDX --amount 1000"),
            Finding::warning("disk", format!("{} is nearly full", "/a".repeat(60)))
                .say("Free some, or move the data directory to a larger disk and say so in data_dir."),
        ]
    }

    #[test]
    fn no_line_is_wider_than_the_window_and_commands_can_be_copied() {
        for columns in [60, 80, 200] {
            let text = text(&findings(), columns);
            assert!(text.lines().all(|line| line.chars().count() <= columns), "{columns}:\n{text}");
            // As a shell reads it: a backslash at the end of a line joins it to the next.
            let joined = text.replace("\\\n", "");
            let words: Vec<_> = joined.split_whitespace().collect();
            let command =
                "$ bmn approve --config /etc/bmn/bmn.toml --chain 1338 --token USDX --amount 1000";
            assert!(words.join(" ").contains(command), "{text}");
        }
    }

    #[test]
    fn the_worst_comes_first_and_all_are_counted() {
        let sorted = sorted(findings());
        let order: Vec<_> = sorted.iter().map(|it| it.severity).collect();
        assert_eq!(order, [Severity::Error, Severity::Warning, Severity::Ok]);
        assert_eq!(summary(&sorted), "1 error, 1 warning, 1 ok");
        assert_eq!(summary(&[]), "0 errors, 0 warnings, 0 ok");
    }

    #[test]
    fn programs_are_told_the_command_apart_from_a_sentence() {
        let value = serde_json::to_value(findings()).unwrap();
        assert_eq!(value[0]["severity"], "ok");
        assert!(value[1]["command"].as_str().unwrap().starts_with("bmn approve"));
        assert!(value[1]["mend"].is_null() && value[2]["command"].is_null());
        assert!(value[2]["mend"].as_str().unwrap().starts_with("Free some"));
    }

    #[test]
    fn what_a_chain_says_steers_no_terminal() {
        assert_eq!(Finding::ok("a", "\u{1b}[31mred").what, "\u{fffd}[31mred");
    }
}
