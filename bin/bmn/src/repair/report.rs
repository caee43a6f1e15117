//! What is in a backup, for people and programs.

use crate::output;
use bmn_store::backup::{BackupChain, BackupReport};
use serde_json::{Value, json};
use std::path::Path;

/// A backup that is whole, for programs.
pub(crate) fn json(path: &Path, report: &BackupReport) -> Value {
    let rows = |chain: &BackupChain| {
        report.chains.iter().find(|(id, _)| *id == chain.chain).map(|(_, digest)| *digest)
    };
    let chains = report.head.chains.iter().map(|chain| {
        json!({
            "chain": chain.chain.0,
            "number": chain.cursor.tip.map(|tip| tip.number),
            "hash": chain.cursor.tip.map(|tip| tip.hash),
            "digest": chain.cursor.digest,
            "rows": rows(chain),
            "genesis": chain.genesis,
        })
    });
    let tables = report.head.tables.iter().zip(&report.tables).map(
        |(table, digest)| json!({ "table": table.name, "rows": table.rows, "digest": digest }),
    );
    json!({
        "file": path, "bytes": report.bytes, "digest": report.digest, "takenMs": report.head.taken_ms,
        "schema": report.head.schema, "keyCheck": report.head.key_check,
        "chains": chains.collect::<Vec<_>>(), "tables": tables.collect::<Vec<_>>(),
        "records": report.beside,
    })
}

/// The same for people.
pub(crate) fn text(path: &Path, report: &BackupReport) -> String {
    let head = &report.head;
    let mut fields = vec![
        ("backup", path.display().to_string()),
        (
            "size",
            format!("{} bytes, {} rows, {} of records", report.bytes, report.rows(), report.beside),
        ),
        ("schema", head.schema.to_string()),
        ("digest", report.digest.to_string()),
        ("master key", format!("check value {}; it is not in the backup", head.key_check)),
    ];
    for chain in &head.chains {
        let at = chain.cursor.tip.map_or_else(
            || "no block yet".to_owned(),
            |tip| format!("block {} ({}), digest {}", tip.number, tip.hash, chain.cursor.digest),
        );
        fields.push(("chain", format!("{}: {at}", chain.chain.0)));
    }
    output::fields(&fields)
}
