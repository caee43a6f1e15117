//! What an import did, counted, compared, and what it left out.

use super::{
    rows::{self, ImportedSwap},
    wants_secret,
};
use crate::output;
use bmn_legacy::{Collection, LegacyError, LegacySwap};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf};

/// Rows of an import.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) new: usize,
    pub(super) changed: usize,
    pub(super) unchanged: usize,
    /// Secrets that were sealed now.
    pub(super) sealed: usize,
}

/// Everything there is to say of an import.
#[derive(Debug, Default)]
pub(super) struct Report {
    kinds: BTreeMap<&'static str, usize>,
    statuses: BTreeMap<&'static str, usize>,
    swaps: usize,
    duplicates: usize,
    secrets: usize,
    left_out: Vec<String>,
    problems: Vec<String>,
    pub(super) skipped: Vec<String>,
    pub(super) unreadable: Vec<LegacyError>,
    /// None when nothing was to be written.
    pub(super) counts: Option<Counts>,
    pub(super) differences: Vec<String>,
    pub(super) orders: Vec<PathBuf>,
}

impl Report {
    /// Counts what was read.
    pub(super) fn describe(
        &mut self,
        collected: &Collection,
        swaps: &[(&LegacySwap, ImportedSwap)],
    ) {
        self.kinds = collected.kinds().iter().map(|(kind, n)| (kind.name(), *n)).collect();
        self.swaps = swaps.len();
        for (swap, row) in swaps {
            let status = swap.status.get().map_or("unknown", |status| status.name());
            *self.statuses.entry(status).or_default() += 1;
            self.duplicates += swap.duplicates;
            self.problems.extend_from_slice(row.problems());
            let lock = swap.hashlock;
            match swap.secret.get() {
                Some(_) if wants_secret(swap) => self.secrets += 1,
                Some(_) => {
                    self.left_out
                        .push(format!("{lock}: secret: the swap is over, a chain shows it"));
                }
                None => {}
            }
            if rows::is_unfilled(swap) {
                let what = "order: nobody filled it; `bmn order submit` has it judged anew";
                self.left_out.push(format!("{lock}: {what}"));
            } else if swap.status.get().is_some_and(|status| !status.is_over()) {
                let what = "escrows: the node finds them on the chains";
                self.left_out.push(format!("{lock}: {what}"));
            }
        }
        self.left_out.extend(self.skipped.iter().map(|name| format!("{name}: no JSON file")));
        self.left_out.extend(self.unreadable.iter().map(ToString::to_string));
    }

    pub(super) fn json(&self) -> Value {
        let written = self.counts.as_ref().map(|it| {
            json!({
                "new": it.new, "changed": it.changed, "unchanged": it.unchanged,
                "secretsSealed": it.sealed,
            })
        });
        json!({
            "files": self.kinds, "swaps": self.swaps, "statuses": self.statuses,
            "secrets": self.secrets, "duplicates": self.duplicates, "problems": self.problems,
            "leftOut": self.left_out, "written": written,
            "verified": self.counts.is_some() && self.differences.is_empty(),
            "differences": self.differences, "orders": self.orders,
        })
    }

    pub(super) fn text(&self) -> String {
        let list = |counts: &BTreeMap<&'static str, usize>| {
            counts.iter().map(|(name, n)| format!("{n} {name}")).collect::<Vec<_>>().join(", ")
        };
        let mut fields = vec![
            ("files", list(&self.kinds)),
            ("swaps", format!("{}: {}", self.swaps, list(&self.statuses))),
            ("secrets", format!("{} to seal", self.secrets)),
            ("duplicates", self.duplicates.to_string()),
        ];
        match &self.counts {
            Some(it) => fields.extend([
                (
                    "written",
                    format!(
                        "{} new, {} changed, {} unchanged, {} secrets sealed",
                        it.new, it.changed, it.unchanged, it.sealed
                    ),
                ),
                ("read back", self.verdict()),
            ]),
            None => fields.push(("written", "nothing (--dry-run)".to_owned())),
        }
        fields.extend(self.orders.iter().map(|path| ("order", path.display().to_string())));
        fields.extend(self.problems.iter().map(|it| ("problem", it.clone())));
        fields.extend(self.left_out.iter().map(|it| ("left out", it.clone())));
        fields.extend(self.differences.iter().map(|it| ("differs", it.clone())));
        output::fields(&fields)
    }

    fn verdict(&self) -> String {
        if self.differences.is_empty() {
            "every field is as it was imported".to_owned()
        } else {
            format!("{} fields differ", self.differences.len())
        }
    }
}
