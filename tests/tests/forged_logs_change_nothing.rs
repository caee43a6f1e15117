//! Design rule I4: a log of a stranger's contract is not even an event.

use alloy::primitives::{Address, B256, U256};
use bmn_chain::{Block, ChainEvent, ChainLog, ChainSource, Segment};
use bmn_indexer::Indexer;
use bmn_node::rules_of;
use bmn_sim::{accounts::DevAccount, scenario::Behaviour};
use bmn_store::{Reads, chain_rows, testing::CrashBackend};
use bmn_swap::Status;
use bmn_tests::{World, memory_store, policy, swap};
use std::sync::Arc;

/// Every log of both chains so far, in the words of the true contracts.
fn true_logs(world: &World) -> Vec<ChainLog> {
    let mut logs = Vec::new();
    for node in &world.network.chains {
        for number in 0..=node.chain.head().number {
            let block = node.chain.block(number).expect("stored").expect("canonical");
            logs.extend(block.view().logs);
        }
    }
    logs
}

#[tokio::test]
async fn the_words_of_the_true_contracts_from_other_addresses_are_nothing() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    assert!(world.run_to_end().await);
    let forger = Address::repeat_byte(0xbd);
    let forged: Vec<ChainLog> = true_logs(&world)
        .into_iter()
        .enumerate()
        .map(|(index, log)| ChainLog {
            address: forger,
            log_index: index as u32,
            tx_index: 0,
            tx_hash: B256::repeat_byte(1),
            ..log
        })
        .collect();
    assert!(forged.len() > 10, "there is something to forge");

    let node = &world.network.chains[0];
    let specs = world.network.chains.iter().map(|node| &node.spec);
    let rules = Arc::new(rules_of(DevAccount::Resolver.address(), specs, policy()));
    let with = |logs: Vec<ChainLog>| {
        let rules = Arc::clone(&rules);
        let mut block = node.chain.block(0).expect("stored").expect("genesis").view();
        block.logs = logs;
        let chain = node.id();
        let store = memory_store(&CrashBackend::new());
        let event = ChainEvent::Committed(Segment::new(vec![block]).expect("one block"));
        Indexer::new(store.clone(), rules).apply(chain, &event, None).expect("it applies");
        let read = store.read().expect("a snapshot");
        assert!(read.orders(None, 10).expect("orders").is_empty());
        assert_eq!(read.last_change().expect("the log"), 0);
        chain_rows(&read, chain).expect("rows")
    };
    assert_eq!(with(forged), with(Vec::new()));
}

#[tokio::test]
async fn a_forged_end_of_a_true_escrow_does_not_end_it() {
    let mut world = World::new(vec![swap(0, Behaviour::Silent)]).await;
    let locked = |world: &World| world.status() == Some(Status::BothLocked);
    assert!(world.run_until(200, locked).await);
    let mut source = world.network.chains[1].chain.source();
    let chain = world.network.chains[1].id();
    let store = world.resolver.store().clone();
    let tip = store.read().expect("a snapshot").cursor(chain).expect("a cursor").tip;
    world.network.chains[1].chain.mine(None).expect("a block");
    let event = {
        let read = store.read().expect("a snapshot");
        source.next_event(tip, &read.known_blocks(chain), 1).await.expect("an answer")
    };
    let Some(ChainEvent::Committed(segment)) = event else { panic!("one block") };
    let mut block: Block = segment.first().clone();
    let topics =
        bmn_contracts::topics(bmn_contracts::Emitter::Escrow(bmn_primitives::Dialect::Bmn4));
    block.logs = topics
        .iter()
        .zip(0u32..)
        .map(|(topic, index)| ChainLog {
            address: Address::repeat_byte(0xbd),
            topics: vec![*topic],
            data: U256::from(7).to_be_bytes::<32>().to_vec().into(),
            tx_hash: B256::repeat_byte(1),
            tx_index: 0,
            log_index: index,
        })
        .collect();
    let specs = world.network.chains.iter().map(|node| &node.spec);
    let rules = Arc::new(rules_of(DevAccount::Resolver.address(), specs, policy()));
    let forged = ChainEvent::Committed(Segment::new(vec![block]).expect("one block"));
    Indexer::new(store, rules).apply(chain, &forged, None).expect("it applies");
    assert_eq!(world.status(), Some(Status::BothLocked));
}
