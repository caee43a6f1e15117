//! What a replay found out.

use crate::output::fields;
use alloy::primitives::B256;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// How long something took, and how much of it there was.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Phase {
    pub(super) seconds: f64,
    /// Bytes of the archive, read once.
    pub(super) bytes_read: u64,
    pub(super) blocks: u64,
    pub(super) logs: u64,
    pub(super) blocks_per_second: f64,
    pub(super) logs_per_second: f64,
}

impl Phase {
    pub(super) fn new(took: Duration, bytes_read: u64, blocks: u64, logs: u64) -> Self {
        let seconds = took.as_secs_f64();
        let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        Self {
            seconds,
            bytes_read,
            blocks,
            logs,
            blocks_per_second: per_second(blocks),
            logs_per_second: per_second(logs),
        }
    }
}

/// The result of `bmn bench replay`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReplayReport {
    pub(super) file: PathBuf,
    pub(super) file_bytes: u64,
    pub(super) chain: u64,
    pub(super) history_digest: Option<B256>,
    pub(super) durable: bool,
    pub(super) blocks_per_event: usize,
    /// Blocks written in bulk, and as at the head of a chain.
    pub(super) bulk_blocks: u64,
    pub(super) live_blocks: u64,
    pub(super) cache_bytes: usize,
    /// Streaming: checksums and decompression, nothing decoded.
    pub(super) read_only: Phase,
    /// Streaming and decoding every header and log.
    pub(super) decode_only: Phase,
    /// All of it, and indexing into the database.
    pub(super) index: Phase,
    pub(super) reorgs: u64,
    /// Rows of the table of events: what is ours.
    pub(super) events: u64,
    pub(super) events_per_second: f64,
    pub(super) rows: u64,
    pub(super) rows_by_table: BTreeMap<String, u64>,
    pub(super) database_bytes: u64,
    /// Most memory the process had before indexing, and at all; bytes. Linux only.
    pub(super) peak_memory_before: Option<u64>,
    pub(super) peak_memory: Option<u64>,
    /// Over the chain tables: equal for equal indexes of one schema.
    pub(super) digest: B256,
    pub(super) schema: u32,
}

impl ReplayReport {
    pub(super) fn for_people(&self) -> String {
        let phase = |phase: &Phase| {
            format!(
                "{:.3} s  {:.0} blocks/s  {:.0} logs/s",
                phase.seconds, phase.blocks_per_second, phase.logs_per_second
            )
        };
        let memory = |bytes: Option<u64>| {
            bytes.map_or_else(|| "unknown".to_owned(), |bytes| format!("{} KiB", bytes >> 10))
        };
        let durable = if self.durable { "durable" } else { "not durable" };
        fields(&[
            ("read only", phase(&self.read_only)),
            ("decode only", phase(&self.decode_only)),
            ("index", phase(&self.index)),
            (
                "",
                format!(
                    "{durable}, {} blocks in bulk, {} as at the head, {} an event",
                    self.bulk_blocks, self.live_blocks, self.blocks_per_event
                ),
            ),
            ("events", format!("{}  {:.0} events/s", self.events, self.events_per_second)),
            ("reorgs", self.reorgs.to_string()),
            ("rows", self.rows.to_string()),
            ("database", format!("{} bytes", self.database_bytes)),
            ("archive", format!("{} bytes", self.file_bytes)),
            (
                "peak memory",
                format!(
                    "{} ({} before)",
                    memory(self.peak_memory),
                    memory(self.peak_memory_before)
                ),
            ),
            ("digest", self.digest.to_string()),
        ])
    }
}

/// The most memory this process had at once, bytes.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
