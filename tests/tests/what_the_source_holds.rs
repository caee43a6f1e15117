//! Design rule M1: an escrow may promise more than it holds. What it holds is read from the chain
//! before anything is funded.

use bmn_config::{DevContract, TokenSpec};
use bmn_contracts::ContractEvent;
use bmn_sim::scenario::{Behaviour, Kind, Trap};
use bmn_store::{Reads, testing::CrashBackend};
use bmn_swap::Status;
use bmn_tests::{World, memory_store, swap};

/// The operator listed a token that keeps a part of every transfer.
#[tokio::test]
async fn a_token_that_keeps_a_part_of_the_transfer_is_never_paid_for() {
    let mut spec = swap(0, Behaviour::Trap(Trap::DirectFeeOnTransfer));
    spec.kind = Kind::DirectEscrow;
    let store = memory_store(&CrashBackend::new());
    let mut world = World::with_network(vec![spec], store, |network| {
        for node in &mut network.chains {
            node.spec.tokens.push(TokenSpec {
                symbol: "FEE".to_owned(),
                address: DevContract::FeeOnTransferToken.address(),
                decimals: 18,
                price: 2_000_000,
                prices: None,
                flags: Vec::new(),
                max_open_value: None,
            });
        }
    })
    .await;
    let seen = |world: &World| !world.statuses().is_empty();
    assert!(world.run_until(20, seen).await, "the escrow is seen");
    let (id, _) = world.statuses()[0];
    let read = world.resolver.store().read().expect("a snapshot");
    let order = read.order(id).expect("an order").expect("it is stored");
    drop(read);
    assert!(order.is_accepted(), "the listed token is no reason: {:?}", order.refusals());

    for _ in 0..150 {
        world.mine();
        world.settle().await;
    }
    assert_eq!(world.status(), Some(Status::SourceLocked), "it was never funded");
    let read = world.resolver.store().read().expect("a snapshot");
    let chain = order.destination_chain;
    let events = read.events(chain, 0, u64::MAX, None, usize::MAX).expect("events");
    let funded = |event: &ContractEvent| matches!(event, ContractEvent::DestinationCreated { .. });
    assert!(!events.iter().any(|row| funded(&row.event)), "no destination was created");
    assert!(read.intents(chain).expect("intents").is_empty(), "and none is on its way");
}
