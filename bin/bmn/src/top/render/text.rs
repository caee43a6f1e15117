//! Texts that fit, and tables whose columns give way.

use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span},
};

/// Colours, or the same without.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub(super) colour: bool,
}

impl Palette {
    fn of(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    /// Headings and what is less important.
    pub(super) fn dim(self) -> Style {
        self.of(Color::DarkGray)
    }

    /// As it should be.
    pub(super) fn good(self) -> Style {
        self.of(Color::Green)
    }

    /// For a person to look at.
    pub(super) fn warn(self) -> Style {
        self.of(Color::Yellow)
    }

    /// Wrong. Bold as well, so that it is seen without colours.
    pub(super) fn bad(self) -> Style {
        self.of(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Titles.
    pub(super) fn title(self) -> Style {
        self.of(Color::Cyan).add_modifier(Modifier::BOLD)
    }
}

/// Columns of a text in a terminal.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// A text in at most so many columns; what is cut off ends with `…`. Control characters are shown as such:
/// a token's words steer no terminal.
pub(super) fn fit(text: &str, most: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if width(&plain) <= most {
        return plain;
    }
    let mut cut = String::new();
    for letter in plain.chars() {
        let longer = format!("{cut}{letter}");
        if width(&longer) + 1 > most {
            break;
        }
        cut = longer;
    }
    if most > 0 {
        cut.push('…');
    }
    cut
}

/// A hash or an address in 13 columns, when it is longer.
pub(super) fn short(text: &str) -> String {
    match (text.get(..8), text.len() > 16, text.get(text.len().saturating_sub(4)..)) {
        (Some(first), true, Some(last)) => format!("{first}…{last}"),
        _ => text.to_owned(),
    }
}

/// Seconds for people, in at most six columns below a hundred days.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{minutes}m{:02}s", seconds % 60),
        3_600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// Time of day in UTC.
pub(super) fn clock(unix: u64) -> String {
    format!("{:02}:{:02}:{:02}", unix / 3_600 % 24, unix / 60 % 60, unix % 60)
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Columns of the terminal that it keeps however narrow the window is.
    pub(super) least: usize,
    /// Numbers stand at the right.
    pub(super) right: bool,
}

/// A column of texts.
pub(super) const fn left(name: &'static str, least: usize) -> Column {
    Column { name, least, right: false }
}

/// A column of numbers.
pub(super) const fn right(name: &'static str, least: usize) -> Column {
    Column { name, least, right: true }
}

/// A cell and how it looks.
pub(super) type Cell = (String, Style);

const GAP: usize = 2;

/// A table in so many columns of the terminal: the widest columns give way first, then the last ones go.
pub(super) fn grid(
    columns: &[Column],
    rows: &[Vec<Cell>],
    room: usize,
    heading: Style,
) -> Vec<Line<'static>> {
    let widths = widths(columns, rows, room);
    let line = |cells: Vec<Cell>| {
        let mut spans = Vec::new();
        for (at, ((text, style), most)) in cells.into_iter().zip(&widths).enumerate() {
            let text = fit(&text, *most);
            let pad = " ".repeat(most.saturating_sub(width(&text)));
            let text = match columns.get(at) {
                Some(column) if column.right => format!("{pad}{text}"),
                _ => format!("{text}{pad}"),
            };
            spans.push(Span::styled(text, style));
            spans.push(Span::raw(" ".repeat(GAP)));
        }
        spans.pop();
        Line::from(spans)
    };
    let names = columns.iter().map(|column| (column.name.to_owned(), heading)).collect();
    std::iter::once(names).chain(rows.iter().cloned()).map(line).collect()
}

fn widths(columns: &[Column], rows: &[Vec<Cell>], room: usize) -> Vec<usize> {
    let mut natural: Vec<usize> = columns.iter().map(|column| width(column.name)).collect();
    for row in rows {
        for (most, (text, _)) in natural.iter_mut().zip(row) {
            *most = (*most).max(width(text));
        }
    }
    // The most columns whose least widths fit.
    let fits = |count: usize| {
        let least = columns.iter().zip(&natural).take(count);
        let least: usize = least.map(|(column, most)| column.least.clamp(1, *most.max(&1))).sum();
        least + GAP * count.saturating_sub(1) <= room
    };
    let shown = (1..=natural.len()).rev().find(|count| fits(*count)).unwrap_or(1);
    natural.truncate(shown);
    shrink(natural, columns, room)
}

/// The widest gives way first, none below its least.
fn shrink(mut widths: Vec<usize>, columns: &[Column], room: usize) -> Vec<usize> {
    while widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1) > room {
        let spare = |at: usize| {
            let least = columns.get(at).map_or(0, |column| column.least.max(1));
            widths.get(at).map_or(0, |most| most.saturating_sub(least))
        };
        match (0..widths.len()).max_by_key(|at| spare(*at)).filter(|at| spare(*at) > 0) {
            Some(at) => widths[at] -= 1,
            // Not even one column fits.
            None => return vec![room],
        }
    }
    widths
}

/// A text over several lines of at most so many columns; words longer than that are cut.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = fit(word, room);
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(&word) <= room => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_ends_with_dots_and_steers_nothing() {
        assert_eq!(
            (fit("Chain A", 7), fit("Chain A", 5)),
            ("Chain A".to_owned(), "Chai…".to_owned())
        );
        assert_eq!(fit("日本語", 5), "日本…", "two columns each");
        assert_eq!(fit("a\u{1b}[31m", 9), "a\u{fffd}[31m");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(short("0x0123456789abcdef0123"), "0x012345…0123");
        assert_eq!(short("0x01"), "0x01");
    }

    #[test]
    fn times_are_read_at_a_glance() {
        let told = [0, 59, 60, 3_599, 3_600, 90_061, 8_000_000].map(span);
        assert_eq!(told, ["0s", "59s", "1m00s", "59m59s", "1h00m", "1d01h", "92d14h"]);
        assert_eq!(clock(1_700_000_000), "22:13:20");
    }

    #[test]
    fn columns_give_way_and_then_go() {
        let plain = |text: &str| (text.to_owned(), Style::new());
        let columns = [left("NAME", 4), right("N", 1), left("WHY", 3)];
        let rows = [vec![plain("a long name of a chain"), plain("7"), plain("because")]];
        let told = |room| -> Vec<String> {
            grid(&columns, &rows, room, Style::new()).iter().map(ToString::to_string).collect()
        };
        assert_eq!(told(40)[1], "a long name of a chain  7  because");
        assert_eq!(told(24)[1], "a long name…  7  because");
        assert_eq!(told(12), ["NAME  N  WHY", "a l…  7  be…"]);
        assert_eq!(told(9), ["NAME    N", "a lon…  7"]);
        assert!((1..60).all(|room| told(room).iter().all(|line| width(line) <= room)));
    }

    #[test]
    fn words_are_wrapped_and_none_is_wider_than_the_room() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 4), ["abc…"]);
    }
}
