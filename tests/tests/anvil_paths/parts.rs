//! An order in four parts, filled 25, 50 and 25 percent by what we have of its token.

use crate::{
    anvil::send,
    books::{Books, us},
    maker::{Maker, Wish},
    world::{ONE_INCH, World, say},
};
use alloy::primitives::{Address, U256};
use bmn_contracts::calldata;
use bmn_primitives::Dialect;
use bmn_rpc_api::SwapStatus;
use bmn_sim::accounts::DevAccount;

/// Quarters of the order in each fill, and the secret that the fill takes.
const FILLS: [(u64, u16); 3] = [(1, 0), (2, 2), (1, 4)];

/// 4000 dollars' worth on chain A for a little less on chain B, each dialect with tokens of its own, so
/// that what we have of one is the size of its parts alone.
fn wish(dialect: Dialect) -> Wish {
    let units =
        |amount: u64, decimals: u64| U256::from(amount) * U256::from(10).pow(U256::from(decimals));
    let (symbols, making, taking) = match dialect {
        Dialect::OneInch1 => (["TKA", "USDX"], units(2_000, 18), units(3_840, 6)),
        _ => (["USDX", "TKA"], units(4_000, 6), units(1_920, 18)),
    };
    Wish { symbols, making, taking, parts: 4, ..Wish::plain(dialect) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_in_parts_is_filled_25_50_25_each_with_its_own_secret() {
    let mut world = World::new("").await;
    let mut makers = Vec::new();
    for (index, dialect) in (0..).zip(ONE_INCH) {
        makers.push(Maker::new(&mut world, index, wish(dialect)).await);
    }
    let parties: Vec<Address> = makers.iter().map(Maker::address).collect();
    for maker in &makers {
        keep_only(&mut world, maker.tokens[1], maker.wish.taking / U256::from(4)).await;
    }
    world.start().await;
    let mut books = Books::open(&world, &parties).await;
    for maker in &makers {
        maker.submit(&world).await;
    }
    for (number, (quarters, leaf)) in FILLS.into_iter().enumerate() {
        let filled: Vec<String> = makers.iter().map(|maker| maker.id(leaf)).collect();
        world.until("the next part is chosen", async |world| knows_all(world, &filled).await).await;
        world.all_reach(&filled, SwapStatus::BothLocked).await;
        for maker in &makers {
            maker.disclose(&world, leaf).await;
        }
        world.all_reach(&filled, SwapStatus::Completed).await;
        for maker in &makers {
            let part = |whole: U256| whole * U256::from(quarters) / U256::from(4);
            let swap = world.swap(&maker.id(leaf)).await;
            let (terms, hashlock) = (swap.terms, maker.hashlock(leaf));
            assert_eq!(swap.hashlock, hashlock.0, "{}: part {leaf}", maker.dialect());
            assert_eq!(terms.source_amount.0, part(maker.wish.making), "{}", maker.dialect());
            assert_eq!(terms.destination_amount.0, part(maker.wish.taking), "{}", maker.dialect());
            books.completed(maker, part(maker.wish.making), part(maker.wish.taking), us());
            assert_eq!(world.chains[1].balance(maker.tokens[1], us()).await, U256::ZERO);
            if let Some((next, _)) = FILLS.get(number + 1) {
                let more = maker.wish.taking * U256::from(*next) / U256::from(4);
                world.mint(1, us(), &[(maker.tokens[1], more)]).await;
                books.moved((1, maker.tokens[1]), more, None, us());
            }
        }
    }
    world.finish().await;
    assert_eq!(world.swaps().await.len(), makers.len() * FILLS.len(), "no part but these");
    books.close(&world).await;
    world.stop().await;
    world.verify().await;
    let checked = "secrets 0, 2 and 4, balances exact, nothing left, database verified";
    makers.iter().for_each(|it| say(it.dialect(), "parts of 25, 50 and 25 percent", checked));
}

/// We give away what we have of a token but for so much.
async fn keep_only(world: &mut World, token: Address, amount: U256) {
    let held = world.chains[1].balance(token, us()).await;
    let mut wallet = world.chains[1].wallet(DevAccount::Resolver.signer()).await;
    let away = calldata::transfer(Address::repeat_byte(0x99), held - amount);
    let sent = send(&mut wallet, token, U256::ZERO, away).await;
    world.mined(1, &[sent], "a transfer").await;
}

async fn knows_all(world: &World, ids: &[String]) -> bool {
    for id in ids {
        if world.try_ask("bmn_getSwap", serde_json::json!([id])).await.is_err() {
            return false;
        }
    }
    true
}
