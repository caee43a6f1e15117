//! Design rules M3 and M6: one transaction a nonce, whatever the pool does to it.

use alloy::{
    consensus::Transaction,
    primitives::{Address, B256, U256},
};
use bmn_sim::{Payload, Wallet, accounts::DevAccount, scenario::Behaviour};
use bmn_store::Reads;
use bmn_swap::Status;
use bmn_tests::{World, swap};

fn us() -> Address {
    DevAccount::Resolver.address()
}

/// Our transactions in the pool of the source chain: hash, nonce, fee.
fn pooled(world: &World) -> Vec<(B256, u64, u128)> {
    let chain = &world.network.chains[0].chain;
    let ours = chain.pooled().into_iter().filter(|pooled| pooled.tx.sender() == us());
    ours.map(|p| (p.tx.hash(), p.tx.nonce(), p.tx.envelope().max_fee_per_gas())).collect()
}

/// Our nonces on the canonical source chain, in order.
fn mined(world: &World) -> Vec<u64> {
    let chain = &world.network.chains[0].chain;
    (0..=chain.head().number)
        .filter_map(|number| chain.block(number).expect("stored"))
        .flat_map(|block| block.txs().to_vec())
        .filter(|tx| tx.sender() == us())
        .map(|tx| tx.nonce())
        .collect()
}

/// A world in which the fill has just been sent.
async fn filling() -> (World, B256, u64, u128) {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let sent = |world: &World| !pooled(world).is_empty();
    assert!(world.run_until(5, sent).await, "the fill is sent");
    let (hash, nonce, fee) = pooled(&world)[0];
    (world, hash, nonce, fee)
}

async fn completes(mut world: World) {
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
    for _ in 0..20 {
        world.mine();
        world.settle().await;
    }
    let nonces = mined(&world);
    assert!(nonces.iter().zip(0..).all(|(nonce, expected)| *nonce == expected), "{nonces:?}");
    let read = world.resolver.store().read().expect("a snapshot");
    let chain = world.network.chains[0].id();
    assert!(read.intents(chain).expect("intents").is_empty(), "everything is settled");
}

#[tokio::test]
async fn a_stuck_transaction_is_replaced_with_a_higher_fee_and_the_same_nonce() {
    let (mut world, hash, nonce, fee) = filling().await;
    world.network.chains[0].chain.pool_hold(hash, u64::MAX).expect("it is pooled");
    let replaced = |world: &World| pooled(world).first().is_some_and(|(found, ..)| *found != hash);
    assert!(world.run_until(20, replaced).await, "it is replaced");
    let (_, same_nonce, higher) = pooled(&world)[0];
    assert_eq!(same_nonce, nonce);
    assert!(higher * 10 >= fee * 11, "{higher} replaces {fee}");
    completes(world).await;
}

#[tokio::test]
async fn a_dropped_transaction_is_sent_again_as_it_was() {
    let (mut world, hash, ..) = filling().await;
    world.network.chains[0].chain.pool_drop(hash).expect("it is pooled");
    assert!(pooled(&world).is_empty());
    let back = |world: &World| {
        let chain = &world.network.chains[0].chain;
        chain.transaction(hash).expect("stored").is_some()
    };
    assert!(world.run_until(5, back).await, "the same bytes are mined");
    completes(world).await;
}

#[tokio::test]
async fn a_nonce_that_somebody_else_used_is_noticed_and_the_action_done_with_another() {
    let (world, hash, nonce, _) = filling().await;
    world.network.chains[0].chain.pool_drop(hash).expect("it is pooled");
    let client = world.network.chains[0].client.clone();
    let mut other = Wallet::open(DevAccount::Resolver.signer(), client).await.expect("a wallet");
    assert_eq!(other.next_nonce(), nonce);
    other.send(Payload::pay(us(), U256::ZERO)).await.expect("sent behind our back");
    completes(world).await;
}

#[tokio::test]
async fn a_fill_that_cannot_be_mined_in_time_gives_its_nonce_back() {
    let (mut world, hash, nonce, _) = filling().await;
    let mut held = hash;
    for _ in 0..400 {
        if world.status() == Some(Status::Void) && pooled(&world).is_empty() {
            break;
        }
        // Whatever carries the call is held; a transaction that carries none may pass.
        let chain = &world.network.chains[0].chain;
        if let Some(found) = chain.pooled().iter().find(|p| !p.tx.envelope().input().is_empty()) {
            held = found.tx.hash();
            chain.pool_hold(held, u64::MAX).expect("it is pooled");
        }
        world.mine();
        world.settle().await;
    }
    assert_eq!(world.status(), Some(Status::Void), "held {held}");
    for _ in 0..20 {
        world.mine();
        world.settle().await;
    }
    assert!(mined(&world).contains(&nonce), "the nonce is used up by a transfer of nothing");
    let read = world.resolver.store().read().expect("a snapshot");
    assert!(read.intents(world.network.chains[0].id()).expect("intents").is_empty());
}
