//! Design rules M7 and M9: no balance is promised twice, and no account signs twice.

use alloy::primitives::U256;
use bmn_contracts::calldata;
use bmn_sim::{Maker, Payload, Wallet, accounts::DevAccount, scenario::Behaviour};
use bmn_store::Reads;
use bmn_swap::Status;
use bmn_tests::{World, swap};

#[tokio::test]
async fn two_orders_are_never_promised_the_same_balance() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest), swap(1, Behaviour::Honest)]).await;
    let terms: Vec<_> = world.makers.iter().map(Maker::terms).collect();
    let wanted = terms[0].destination;
    assert_eq!(wanted.token, terms[1].destination.token);
    let node = world.network.chains[1].clone();
    let us = DevAccount::Resolver.address();
    let held = node.balance_of(wanted.token, us).await.expect("a balance");
    // One and a half times what one order needs stays.
    let keep = wanted.amount * U256::from(3) / U256::from(2);
    let data = calldata::transfer(DevAccount::Griefer.address(), held - keep);
    let mut wallet =
        Wallet::open(DevAccount::Resolver.signer(), node.client.clone()).await.expect("a wallet");
    wallet.send(Payload::call(wanted.token, data, 100_000)).await.expect("sent");
    world.mine();
    world.mine();

    assert!(world.run_to_end().await);
    let mut ends: Vec<_> = world.statuses().into_iter().map(|(_, status)| status).collect();
    ends.sort();
    assert_eq!(ends, [Status::Refused, Status::Completed]);
    let refused: Vec<_> = world.makers.iter().flat_map(Maker::refusals).collect();
    assert_eq!(refused, ["inventory"]);
}

#[tokio::test]
async fn a_signer_whose_lease_was_taken_over_signs_nothing_more() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let store = world.resolver.store().clone();
    let mut tx = store.write().expect("the writer");
    for node in &world.network.chains {
        let account = DevAccount::Resolver.address();
        tx.take_lease(node.id(), account, store.epoch() + 1).expect("a newer instance");
    }
    tx.commit().expect("committed");

    world.resolver.run_until_idle().await.expect("reading goes on");
    let rpc = world.rpc().clone();
    for maker in &mut world.makers {
        maker.act(&mut world.strangers, &rpc).await.expect("the order is handed in");
        maker.act(&mut world.strangers, &rpc).await.expect("the order is handed in");
    }
    let error = world.resolver.run_until_idle().await.expect_err("it must not sign");
    assert!(error.to_string().contains("another instance"), "{error}");
    let read = store.read().expect("a snapshot");
    for node in &world.network.chains {
        assert!(read.intents(node.id()).expect("intents").is_empty());
        assert!(node.chain.pooled().is_empty());
    }
}
