//! Reading receipts against executing blocks again.

use crate::{
    blocks::{self, MEASURED, WARM},
    node::{Inside, Setup, history, launch},
    resolver::FACTORY,
};
use bmn_host_rpc::LogSelection;
use serde_json::{Value, json};
use std::{path::Path, time::Instant};

const TIMES: usize = 5;

/// Both ways over the same blocks, turn by turn; the best of each counts, which is with everything in memory.
pub(crate) async fn run(file: &Path) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let setup = Setup { writes_at_once: true, ..Setup::new(blocks::chain(), Inside::Nothing) };
    let node = launch(setup, directory.path()).await;
    let last = (WARM + MEASURED) as u64;
    for block in blocks::read(file) {
        let hash = block.payload.block_hash();
        node.insert(block).await;
        node.choose(hash).await;
    }
    while node.written() < last {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let (mut receipts, mut executed, mut matching, mut logs) = (f64::MAX, f64::MAX, 0, 0);
    for _ in 0..TIMES {
        let selection = LogSelection { addresses: vec![FACTORY], topics_anywhere: vec![] };
        let began = Instant::now();
        let blocks = history(&*node, selection).await;
        matching = blocks.iter().map(|block| block.logs.len()).sum::<usize>();
        receipts = receipts.min(began.elapsed().as_secs_f64());
        let began = Instant::now();
        logs = node.execute_again(1..=last);
        executed = executed.min(began.elapsed().as_secs_f64());
    }
    let (receipts, executed) = (last as f64 / receipts, last as f64 / executed);
    json!({ "blocks": last, "receipts": receipts, "executed": executed, "matching": matching, "logs": logs })
}
