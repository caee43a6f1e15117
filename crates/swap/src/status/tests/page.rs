//! The page `docs/states.md`: the diagram and the table, generated from the table.

use crate::status::{Status, TRANSITIONS};
use std::{collections::BTreeMap, fmt::Write as _, path::Path};

const BEGIN: &str = "<!-- generated: states -->";
const END: &str = "<!-- end: states -->";

/// Where a row begins: an order accepted, refused, or found as an escrow that names us; a stranger's
/// escrow.
const STARTS: [Status; 5] =
    [Status::Accepted, Status::Refused, Status::SourceLocked, Status::Refunding, Status::Watched];

fn diagram() -> String {
    let mut out = String::from("```mermaid\nstateDiagram-v2\n");
    for start in STARTS {
        writeln!(out, "    [*] --> {start}").unwrap();
    }
    let mut edges = BTreeMap::<(Status, Status), Vec<&str>>::new();
    for row in TRANSITIONS {
        edges.entry((row.from, row.to)).or_default().push(row.cause.words());
    }
    for ((from, to), causes) in edges {
        writeln!(out, "    {from} --> {to}: {}", causes.join(", ")).unwrap();
    }
    for end in Status::ALL.into_iter().filter(|status| status.is_terminal()) {
        writeln!(out, "    {end} --> [*]").unwrap();
    }
    out + "```\n"
}

fn statuses() -> String {
    let mut out = String::from("| number | status | end | alarm |\n|---|---|---|---|\n");
    for status in Status::ALL {
        let end = match (status.is_terminal(), status.is_success()) {
            (true, true) => "good",
            (true, false) => "bad",
            (false, _) => "",
        };
        let alarm = if status.is_alarm() { "yes" } else { "" };
        writeln!(out, "| {} | `{status}` | {end} | {alarm} |", status as u8).unwrap();
    }
    out
}

fn table() -> String {
    let mut rows: Vec<_> = TRANSITIONS.iter().collect();
    rows.sort_by_key(|row| (row.from, row.cause.words(), row.to));
    let mut out = String::from("| from | cause | to |\n|---|---|---|\n");
    for row in rows {
        writeln!(out, "| `{}` | {} | `{}` |", row.from, row.cause.words(), row.to).unwrap();
    }
    out
}

#[test]
fn the_page_of_states_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/states.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the begin marker");
    let (_, after) = rest.split_once(END).expect("the page has the end marker");
    let generated = format!("{}\n{}\n{}", diagram(), statuses(), table());
    let wanted = format!("{before}{BEGIN}\n{generated}{END}{after}");
    if std::env::var_os("BMN_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
        return;
    }
    assert!(page == wanted, "docs/states.md is not what the table says; BMN_BLESS=1 rewrites it");
}
