//! What is left to do when nobody looked for too long.

use crate::{
    addresses,
    anvil::send,
    books::{Books, us},
    ids,
    maker::{DEPOSIT, Maker, immutables},
    makers, submit,
    world::{DIALECTS, ONE_INCH, World, say},
};
use alloy::primitives::{Address, Bytes, U256};
use bmn_config::DevContract;
use bmn_contracts::calldata;
use bmn_rpc_api::{EndKind, SwapStatus};
use bmn_sim::accounts::DevAccount;

/// Blocks for which the node is watched while it may do nothing.
const LONG: u32 = 20;

/// The node is down from the payment of four destinations until all windows of their sources are over; a
/// stranger gives back the sources of two others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missed_sources_are_rescued_and_a_strangers_public_cancel_costs_a_deposit_alone() {
    let mut world = World::new("").await;
    let stranger = DevAccount::Griefer.address();
    let access = (DevContract::AccessToken.address(), U256::ONE);
    world.endow(0, stranger, &[access]).await;
    let honest = makers(&mut world, &DIALECTS, 0).await;
    let silent = makers(&mut world, &ONE_INCH, 4).await;
    world.start().await;
    let parties = [addresses(&honest), addresses(&silent), vec![stranger]].concat();
    let mut books = Books::open(&world, &parties).await;
    submit(&world, &honest).await;
    submit(&world, &silent).await;
    pay_destinations(&mut world, &honest, &silent).await;
    let calls = public_cancels(&world, &silent).await;
    world.stop().await;
    // Behind the last window of every source.
    world.jump(600).await;
    let mut wallet = world.chains[0].wallet(DevAccount::Griefer.signer()).await;
    let mut sent = Vec::new();
    for (escrow, data) in calls {
        sent.push(send(&mut wallet, escrow, U256::ZERO, data).await);
    }
    world.mined(0, &sent, "a public cancel").await;
    world.start().await;
    world.all_reach(&ids(&silent), SwapStatus::Cancelled).await;
    for maker in &silent {
        given_back(&world, maker, stranger).await;
    }
    for _ in 0..LONG {
        world.step().await;
    }
    for maker in &honest {
        let held = world.swap(&maker.id(0)).await;
        assert_eq!(
            held.status,
            SwapStatus::DestinationPaid,
            "never cancelled: {}",
            maker.dialect()
        );
        assert!(held.source.expect("a source").end.is_none());
    }

    let delay = world.chains[0].spec.factories[0].rescue_delay_secs;
    world.jump(delay).await;
    world.all_reach(&ids(&honest), SwapStatus::Completed).await;
    world.finish().await;
    for maker in &honest {
        let end = world.swap(&maker.id(0)).await.source.and_then(|it| it.end).expect("an end");
        assert_eq!(end.kind, EndKind::Rescued, "{}", maker.dialect());
        books.completed(maker, maker.wish.making, maker.wish.taking, us());
    }
    for _ in &silent {
        books.deposit(0, U256::from(DEPOSIT), us(), stranger);
    }
    books.close(&world).await;
    world.stop().await;
    world.verify().await;
    let checked =
        "held through every window, rescued after the delay, balances exact, database verified";
    honest.iter().for_each(|it| say(it.dialect(), "rescue of a missed source", checked));
    let checked = "the destination is taken back, the loss is the source's deposit and gas";
    silent
        .iter()
        .for_each(|it| say(it.dialect(), "a stranger's public cancel of our source", checked));
}

/// The secrets of `honest` go out when every destination can be withdrawn, so that all are paid at once,
/// and no source has been taken yet.
async fn pay_destinations(world: &mut World, honest: &[Maker], silent: &[Maker]) {
    let all = [ids(honest), ids(silent)].concat();
    world.all_reach(&all, SwapStatus::BothLocked).await;
    let mut opens = 0;
    for maker in honest {
        let planned = world.swap(&maker.id(0)).await.planned.expect("a plan");
        opens = opens.max(planned.windows.withdraw.start);
    }
    world.until_time(opens).await;
    for maker in honest {
        maker.disclose(world, 0).await;
    }
    world.all_reach(&ids(honest), SwapStatus::DestinationPaid).await;
}

/// What gives the sources of `silent` back, by anybody with the access token.
async fn public_cancels(world: &World, silent: &[Maker]) -> Vec<(Address, Bytes)> {
    let mut calls = Vec::new();
    for maker in silent {
        let leg = world.swap(&maker.id(0)).await.source.expect("a source");
        let bound = immutables(leg.immutables.as_ref().expect("1inch factories tell them"));
        calls.push((leg.escrow, calldata::public_cancel(maker.dialect(), &bound)));
    }
    calls
}

/// The stranger ended the source, and we the destination.
async fn given_back(world: &World, maker: &Maker, stranger: Address) {
    let swap = world.swap(&maker.id(0)).await;
    let source = swap.source.and_then(|it| it.end).expect("an end");
    let destination = swap.destination.and_then(|it| it.end).expect("an end");
    for (chain, end, by) in [(0, source, stranger), (1, destination, us())] {
        assert_eq!(end.kind, EndKind::Cancelled, "{}", maker.dialect());
        assert_eq!(world.chains[chain].sender(end.at.tx_hash).await, by, "{}", maker.dialect());
    }
}
