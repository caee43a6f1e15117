//! Digests of rows as they pass.

use super::{BackupHead, BackupTable, Tail};
use alloy::primitives::{B256, Keccak256};
use bmn_primitives::ChainId;
use std::collections::BTreeMap;

/// Counts and digests of the rows of each table, and of what each chain shows.
pub(super) struct Tally {
    tables: Vec<BackupTable>,
    digests: Vec<Keccak256>,
    counts: Vec<u64>,
    chains: BTreeMap<ChainId, Keccak256>,
    last: Option<(usize, Vec<u8>)>,
    rows: u64,
}

impl Tally {
    pub(super) fn new(head: &BackupHead) -> Self {
        let tables = head.tables.clone();
        let chains = head.chains.iter().map(|it| (it.chain, Keccak256::new())).collect();
        let digests = vec![Keccak256::new(); tables.len()];
        Self { counts: vec![0; tables.len()], tables, digests, chains, last: None, rows: 0 }
    }

    /// The rows so far.
    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes the next row. Tables come in their order, rows in that of their keys: each once.
    pub(super) fn add(&mut self, table: usize, key: &[u8], value: &[u8]) -> Result<(), String> {
        let unknown = || "rows of an unknown table".to_owned();
        let facts = self.tables.get(table).ok_or_else(unknown)?;
        let digest = self.digests.get_mut(table).ok_or_else(unknown)?;
        if self.last.as_ref().is_some_and(|(last, of)| (*last, of.as_slice()) >= (table, key)) {
            return Err(format!("rows of table {} do not stand in their order", facts.name));
        }
        lengths_and_bytes(digest, key, value);
        if facts.of_chain {
            let chain = key.first_chunk().map(|id| ChainId(u64::from_be_bytes(*id)));
            let chain =
                chain.ok_or_else(|| format!("a row of table {} has no chain", facts.name))?;
            let digest = self.chains.entry(chain).or_default();
            digest.update([facts.id]);
            lengths_and_bytes(digest, key, value);
        }
        self.counts[table] += 1;
        self.rows += 1;
        let (last, of) = self.last.get_or_insert_with(Default::default);
        *last = table;
        of.clear();
        of.extend_from_slice(key);
        Ok(())
    }

    /// The first table that has another number of rows than the head says.
    pub(super) fn miscounted(&self) -> Option<(&str, u64, u64)> {
        let mut counted = self.tables.iter().zip(&self.counts);
        counted
            .find(|(table, found)| table.rows != **found)
            .map(|(table, found)| (table.name.as_str(), table.rows, *found))
    }

    pub(super) fn finish(self, beside: u64, file: B256) -> Tail {
        let chains = self.chains.into_iter().map(|(chain, digest)| (chain, digest.finalize()));
        let tables = self.digests.into_iter().map(Keccak256::finalize).collect();
        Tail { tables, chains: chains.collect(), beside, file }
    }
}

fn lengths_and_bytes(digest: &mut Keccak256, key: &[u8], value: &[u8]) {
    for part in [key, value] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
}
