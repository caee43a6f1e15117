//! Every path of a swap, in every dialect that has it, between two real anvils, through the `bmn node`
//! process in full mode. Needs both programs: see `etc/e2e/checks/paths`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

mod anvil;
mod books;
mod keeper;
mod maker;
mod missed;
mod parts;
mod world;

use alloy::primitives::{Address, U256};
use bmn_primitives::Dialect;
use bmn_rpc_api::{EndKind, SwapStatus};
use books::{Books, us};
use maker::{DEPOSIT, Maker, Wish};
use world::{DIALECTS, World, say};

/// Makers with one order each of these dialects, which the node has taken.
async fn makers(world: &mut World, dialects: &[Dialect], first: u32) -> Vec<Maker> {
    let mut makers = Vec::new();
    for (index, dialect) in (first..).zip(dialects) {
        makers.push(Maker::new(world, index, Wish::plain(*dialect)).await);
    }
    makers
}

async fn submit(world: &World, makers: &[Maker]) {
    for maker in makers {
        maker.submit(world).await;
    }
}

fn ids(makers: &[Maker]) -> Vec<String> {
    makers.iter().map(|maker| maker.id(0)).collect()
}

fn addresses(makers: &[Maker]) -> Vec<Address> {
    makers.iter().map(Maker::address).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_legs_are_withdrawn_by_the_resolver_or_by_the_maker_with_its_permission() {
    let mut world = World::new("").await;
    let honest = makers(&mut world, &DIALECTS, 0).await;
    let alone = makers(&mut world, &[Dialect::Bmn4, Dialect::Bmn302], 4).await;
    world.start().await;
    let all = [ids(&honest), ids(&alone)].concat();
    let mut books = Books::open(&world, &[addresses(&honest), addresses(&alone)].concat()).await;
    submit(&world, &honest).await;
    submit(&world, &alone).await;
    world.all_reach(&all, SwapStatus::BothLocked).await;
    for maker in &honest {
        maker.disclose(&world, 0).await;
    }
    for maker in &alone {
        maker.withdraw_alone(&mut world).await;
    }
    world.all_reach(&all, SwapStatus::Completed).await;
    world.finish().await;
    for maker in honest.iter().chain(&alone) {
        books.completed(maker, maker.wish.making, maker.wish.taking, us());
    }
    for maker in &alone {
        books.deposit(1, U256::from(DEPOSIT), us(), maker.address());
    }
    books.close(&world).await;
    world.stop().await;
    world.verify().await;
    let checked = "balances exact, nothing left in the contract, database verified";
    honest.iter().for_each(|it| say(it.dialect(), "the resolver withdraws both legs", checked));
    let path = "the maker withdraws alone by permission";
    let checked = "he wins the deposit, balances exact, nothing left, database verified";
    alone.iter().for_each(|it| say(it.dialect(), path, checked));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_legs_of_a_silent_maker_are_cancelled() {
    let mut world = World::new("").await;
    let silent = makers(&mut world, &DIALECTS, 0).await;
    world.start().await;
    let books = Books::open(&world, &addresses(&silent)).await;
    submit(&world, &silent).await;
    world.all_reach(&ids(&silent), SwapStatus::BothLocked).await;
    world.all_reach(&ids(&silent), SwapStatus::Cancelled).await;
    world.finish().await;
    for maker in &silent {
        let swap = world.swap(&maker.id(0)).await;
        for (chain, end) in [
            (0, swap.source.expect("a source").end),
            (1, swap.destination.expect("a destination").end),
        ] {
            let end = end.expect("an end");
            assert_eq!(end.kind, EndKind::Cancelled, "{}", maker.dialect());
            assert_eq!(world.chains[chain].sender(end.at.tx_hash).await, us());
        }
    }
    books.close(&world).await;
    world.stop().await;
    world.verify().await;
    let checked = "by us, everybody has what he had less his gas, nothing left, database verified";
    silent.iter().for_each(|it| say(it.dialect(), "both legs cancelled", checked));
}
