//! A host on scripted nodes, and on sockets.

mod acting;
mod agreeing;
mod backfill;
mod endpoints;
mod failover;
mod follow;
mod node;
mod private;
mod quorums;
mod receipts;
mod remote;
mod secrecy;
mod sockets;
mod watching;

use crate::{Limits, LogSelection, RpcConfig, RpcError, RpcHost, RpcSource, transport::Transport};
use alloy::primitives::{Address, B256};
use bmn_chain::{ChainError, ChainEvent, ChainLog, ChainSource, KnownBlocks};
use bmn_primitives::{BlockRef, ChainId};
use node::Node;
use std::{collections::BTreeMap, time::Duration};

const CHAIN: ChainId = ChainId(31_337);
const OURS: Address = Address::repeat_byte(0xaa);
const TOPIC: B256 = B256::repeat_byte(0x77);
const START: u64 = 10;

fn limits() -> Limits {
    Limits { jitter_seed: Some(1), ..Limits::default() }
}

fn config(nodes: usize) -> RpcConfig {
    let endpoint = |at| format!("http://node{at}.example/v1/s3cr3tk3y").parse().expect("a URL");
    RpcConfig {
        chain_id: CHAIN,
        endpoints: (0..nodes).map(endpoint).collect(),
        private: None,
        start_block: START,
        finality_depth: 20,
        filter: LogSelection { addresses: vec![OURS], topics_anywhere: vec![TOPIC] },
        agreement: 1,
        limits: limits(),
        poll: Duration::from_secs(2),
    }
}

async fn try_host(config: RpcConfig, nodes: &[&Node]) -> Result<RpcHost, RpcError> {
    let transports = nodes.iter().map(|node| Box::new((*node).clone()) as Box<dyn Transport>);
    RpcHost::connect_over(config, transports.collect()).await
}

async fn host(config: RpcConfig, nodes: &[&Node]) -> RpcHost {
    try_host(config, nodes).await.expect("a node answers")
}

/// What an index holds.
#[derive(Default)]
struct Ours {
    cursor: Option<BlockRef>,
    held: BTreeMap<u64, BlockRef>,
    logs: BTreeMap<u64, Vec<ChainLog>>,
}

impl KnownBlocks for Ours {
    fn at(&self, number: u64) -> Option<BlockRef> {
        self.held.get(&number).copied()
    }
}

impl Ours {
    /// Applies an event, and checks it against the rules of the seam.
    fn apply(&mut self, event: &ChainEvent) {
        let before = self.cursor;
        for (place, gone) in event.reverted().iter().enumerate() {
            assert!(place > 0 || Some(*gone) == before, "reverted starts at the cursor");
            assert_eq!(self.held.remove(&gone.number), Some(*gone), "newest first, all ours");
            self.logs.remove(&gone.number);
        }
        self.cursor = self.held.last_key_value().map(|(_, block)| *block);
        let next = self.cursor.map_or(START, |cursor| cursor.number + 1);
        match event {
            ChainEvent::Backfilled(history) => {
                assert_eq!(history.from(), next);
                self.held.insert(history.through().number, history.through());
            }
            ChainEvent::Committed(segment) | ChainEvent::Reorged { committed: segment, .. } => {
                let first = &segment.first().header;
                assert_eq!(first.number, next);
                assert!(self.cursor.is_none_or(|cursor| cursor.hash == first.parent_hash));
            }
            ChainEvent::Reverted { .. } => {}
        }
        for block in event.committed() {
            self.held.insert(block.header.number, block.header.block_ref());
            if !block.logs.is_empty() {
                self.logs.insert(block.header.number, block.logs.clone());
            }
        }
        self.cursor = self.held.last_key_value().map(|(_, block)| *block);
    }

    async fn step(
        &mut self,
        source: &mut RpcSource,
        most: usize,
    ) -> Result<Option<ChainEvent>, ChainError> {
        let event = source.next_event(self.cursor, self, most).await?;
        if let Some(event) = &event {
            assert!(event.committed().len() <= most, "at most {most} blocks");
            self.apply(event);
        }
        Ok(event)
    }

    /// Follows to the tip; how many events it took.
    async fn catch_up(&mut self, source: &mut RpcSource) -> usize {
        let mut events = 0;
        while self.step(source, 50).await.expect("an answer").is_some() {
            events += 1;
            assert!(events < 10_000, "no progress");
        }
        events
    }

    /// What is held is what the node's chain holds.
    fn matches(&self, node: &Node) {
        assert_eq!(self.cursor, Some(node.head()));
        assert_eq!(self.logs, node.wanted_logs());
    }
}
