//! The table for people.

use super::{Report, Row};
use std::fmt;

const HEADINGS: [&str; 9] =
    ["#", "route", "dialect", "kind", "maker", "path", "end", "gas (gwei)", "profit"];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 9]> = self.table.iter().map(cells).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([HEADINGS[column].len()]).max().unwrap_or_default()
        };
        let widths: [usize; 9] = std::array::from_fn(width);
        line(f, &HEADINGS.map(str::to_owned), &widths)?;
        for (row, cells) in self.table.iter().zip(&rows) {
            line(f, cells, &widths)?;
            for note in &row.notes {
                writeln!(f, "    ! {note}")?;
            }
        }
        for discrepancy in &self.discrepancies {
            writeln!(f, "! {discrepancy}")?;
        }
        self.summary(f)
    }
}

impl Report {
    fn summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { swaps, completed, cancelled, refused, void, failed, .. } = self;
        writeln!(
            f,
            "\n{swaps} swaps: {completed} completed, {cancelled} cancelled, {refused} refused, \
             {void} void, {failed} failed"
        )?;
        let conserved = if self.value_conserved { "conserved" } else { "NOT conserved" };
        write!(f, "value {conserved} per party, token and chain; seed {}", self.seed)?;
        if !self.nonces_dense {
            write!(f, "; nonces NOT dense")?;
        }
        if self.missed_deadlines > 0 {
            write!(f, "; {} deadlines MISSED", self.missed_deadlines)?;
        }
        if self.reorgs > 0 {
            write!(f, "; {} reorgs", self.reorgs)?;
        }
        if self.crashes > 0 {
            write!(f, "; {} crashes", self.crashes)?;
        }
        writeln!(f)
    }
}

fn line(f: &mut fmt::Formatter<'_>, cells: &[String; 9], widths: &[usize; 9]) -> fmt::Result {
    let padded: Vec<_> =
        cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    writeln!(f, "{}", padded.join("  ").trim_end())
}

fn cells(row: &Row) -> [String; 9] {
    let path: Vec<_> =
        row.path.iter().map(|step| format!("{}+{}s", step.status, step.at)).collect();
    let (source, destination) = row.gas_wei;
    [
        row.swap.to_string(),
        row.route.clone(),
        row.dialect.to_owned(),
        row.kind.to_owned(),
        row.behaviour.to_owned(),
        path.join(" "),
        if row.ok { row.end.clone() } else { format!("{} (FAILED)", row.end) },
        format!("{}+{}", source / 1_000_000_000, destination / 1_000_000_000),
        money(row.profit_micros),
    ]
}

/// Millionths as a decimal number with two digits after the point, rounded towards zero.
fn money(micros: i128) -> String {
    let cents = micros / 10_000;
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::money;

    #[test]
    fn money_keeps_its_sign_below_one() {
        assert_eq!(money(12_345_678), "12.34");
        assert_eq!(money(-120_000), "-0.12");
        assert_eq!(money(-9_000), "0.00");
    }
}
