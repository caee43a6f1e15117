//! Subscriptions to what chains show: orders, secrets, blocks.

use crate::{
    chain::{Does, fork, next, resume, summary, word, words},
    fixture::{A, B, DESTINATION, Fixture, SOURCE, block, header, order_id},
};
use bmn_rpc_api::Notice;
use bmn_store::{Mode, RebuildReason};
use serde_json::json;

#[tokio::test]
async fn orders_are_escrows_of_everybody_as_they_are_created_and_end() {
    let fixture = Fixture::new();
    let mut orders = fixture.subscribe(json!(["orders", 0, { "chain": A.0 }]), 8).await;
    let Some(Notice::Order(ours)) = next(&mut orders).await else { panic!() };
    assert_eq!((ours.escrow, ours.at.block.number), (SOURCE, 1));
    assert_eq!(ours.order_id.as_deref(), Some(order_id(A, 1).to_string().as_str()));
    assert_eq!(ours.wanted.unwrap().chain_id.to_string(), B.0.to_string());

    fixture.extend(&header(2), &[Does::Creates(7), Does::Creates(8)]);
    fixture.extend(&header(3), &[Does::Withdraws(7), Does::Cancels(8)]);
    let told = words(&mut orders, 4).await;
    assert_eq!(told, ["open 7 in 2", "open 8 in 2", "withdrawn 7 in 3", "cancelled 8 in 3"]);
    // Who reads it later is told the same, not what became of it since.
    let mut later = fixture.subscribe(json!(["orders", 2, { "chain": A.0 }]), 8).await;
    let Some(Notice::Order(stranger)) = next(&mut later).await else { panic!() };
    assert_eq!(summary(&Notice::Order(stranger.clone())), "open 7 in 2");
    assert_eq!((stranger.order_id, stranger.chain), (None, A.0));
    assert_eq!(words(&mut later, 3).await, told[1..]);
}

#[tokio::test]
async fn secrets_are_told_where_a_chain_shows_them() {
    let fixture = Fixture::new();
    let mut secrets = fixture.subscribe(json!(["secrets", 0, { "chain": B.0 }]), 8).await;
    let Some(Notice::Secret(shown)) = next(&mut secrets).await else { panic!() };
    assert_eq!((shown.escrow, shown.at.log_index), (DESTINATION, 1));
    assert_eq!(shown.order_id.as_deref(), Some(order_id(A, 1).to_string().as_str()));

    let mut new = fixture.subscribe(json!(["secrets"]), 8).await;
    fixture.extend(&header(2), &[Does::Creates(7), Does::Creates(8)]);
    fixture.extend(&header(3), &[Does::Cancels(8), Does::Withdraws(7)]);
    assert_eq!(word(&mut new).await, "secret of 7 in 3");
}

#[tokio::test]
async fn blocks_come_without_a_gap_and_with_their_digest() {
    let fixture = Fixture::new();
    let mut blocks = fixture.subscribe(json!(["blocks", 0, { "chain": A.0 }]), 8).await;
    assert_eq!(word(&mut blocks).await, "block 0..1 with 1");
    fixture.extend(&header(2), &[]);
    fixture.extend(&header(3), &[Does::Creates(7), Does::Creates(8)]);
    let two = next(&mut blocks).await.unwrap();
    assert_eq!(summary(&two), "block 2..2 with 0");
    let Some(Notice::Block(three)) = next(&mut blocks).await else { panic!() };
    assert_eq!((three.from, three.events, three.block.hash), (3, 2, block(3).hash));
    let digest = fixture.ok("bmn_getDigest", json!([A.0, 3])).await;
    assert_eq!(digest["digest"], json!(three.digest));
    // Final blocks without events are forgotten: they come as a run.
    fixture.extend(&header(4), &[]);
    fixture.finalize(block(3), true);
    let mut again = fixture.subscribe(json!(["blocks", 0, { "chain": A.0 }]), 8).await;
    let told = words(&mut again, 3).await;
    assert_eq!(told, ["block 0..1 with 1", "block 2..3 with 2", "block 4..4 with 0"]);
}

#[tokio::test]
async fn without_a_beginning_only_what_is_new_is_told_of_every_chain() {
    let fixture = Fixture::new();
    let mut blocks = fixture.subscribe(json!(["blocks"]), 8).await;
    let mut orders = fixture.subscribe(json!(["orders", null, {}]), 8).await;
    fixture.extend(&header(2), &[Does::Creates(7)]);
    assert_eq!(word(&mut blocks).await, "block 2..2 with 1");
    assert_eq!(word(&mut orders).await, "open 7 in 2");
    let mut tx = fixture.store.write().unwrap();
    tx.begin_block(B, &header(3)).unwrap();
    tx.end_block().unwrap();
    tx.commit().unwrap();
    fixture.announce();
    let Some(Notice::Block(of_b)) = next(&mut blocks).await else { panic!() };
    assert_eq!((of_b.chain, of_b.from, of_b.events), (B.0, 3, 0));
}

#[tokio::test]
async fn a_subscriber_goes_on_after_a_restart_where_it_stopped() {
    let fixture = Fixture::new();
    let mut orders = fixture.subscribe(json!(["orders", 0, { "chain": A.0 }]), 8).await;
    fixture.extend(&header(2), &[Does::Creates(7), Does::Creates(8)]);
    next(&mut orders).await.unwrap();
    let heard = next(&mut orders).await.unwrap();
    assert_eq!(summary(&heard), "open 7 in 2");
    drop(orders);
    let fixture = fixture.restarted().await;
    fixture.extend(&header(3), &[Does::Withdraws(7)]);
    let mut orders = fixture.subscribe(json!(["orders", resume(&heard)]), 8).await;
    assert_eq!(words(&mut orders, 2).await, ["open 8 in 2", "withdrawn 7 in 3"]);
    fixture.extend(&header(4), &[Does::Creates(9)]);
    assert_eq!(word(&mut orders).await, "open 9 in 4");
}

#[tokio::test]
async fn whoever_is_there_is_told_exactly_which_blocks_a_reorg_replaced() {
    let fixture = Fixture::new();
    let mut blocks = fixture.subscribe(json!(["blocks"]), 16).await;
    let mut orders = fixture.subscribe(json!(["orders"]), 16).await;
    fixture.extend(&header(2), &[Does::Creates(7)]);
    let three = fixture.extend(&header(3), &[Does::Creates(8)]);
    let four = fixture.extend(&header(4), &[]);
    assert_eq!(words(&mut blocks, 3).await.len(), 3);
    assert_eq!(words(&mut orders, 2).await, ["open 7 in 2", "open 8 in 3"]);

    let new = vec![(fork(3, 3), vec![]), (fork(4, 3), vec![Does::Creates(8)])];
    let new = fixture.reorg(&[four, three], &new);
    let told = words(&mut blocks, 3).await;
    assert_eq!(told, ["void from 3", "block 3..3 with 0", "block 4..4 with 1"]);
    assert_eq!(words(&mut orders, 2).await, ["void from 3", "open 8 in 4"]);

    // And back: the first branch again, and a block gone without another in its place.
    let old = vec![(header(3), vec![Does::Creates(8)]), (header(4), vec![])];
    let old = fixture.reorg(&[new[1], new[0]], &old);
    let told = words(&mut blocks, 3).await;
    assert_eq!(told, ["void from 3", "block 3..3 with 1", "block 4..4 with 0"]);
    assert_eq!(words(&mut orders, 2).await, ["void from 3", "open 8 in 3"]);
    fixture.reorg(&[old[1]], &[]);
    assert_eq!(word(&mut blocks).await, "void from 4");
    fixture.extend(&fork(4, 4), &[Does::Creates(9)]);
    assert_eq!(word(&mut blocks).await, "block 4..4 with 1");
    // That block 4 was another, and empty, is nothing to whoever follows orders.
    assert_eq!(word(&mut orders).await, "open 9 in 4");
}

#[tokio::test]
async fn whoever_was_away_during_a_reorg_is_told_what_is_void_before_anything_new() {
    let fixture = Fixture::new();
    fixture.finalize(block(1), false);
    let mut orders = fixture.subscribe(json!(["orders"]), 8).await;
    let mut blocks = fixture.subscribe(json!(["blocks"]), 8).await;
    let two = fixture.extend(&header(2), &[Does::Creates(7)]);
    let three = fixture.extend(&header(3), &[]);
    let order = next(&mut orders).await.unwrap();
    words(&mut blocks, 1).await;
    let of_three = next(&mut blocks).await.unwrap();
    let fixture = {
        drop((orders, blocks));
        fixture.restarted().await
    };
    // Nothing that was told of orders is touched.
    let other_three = fixture.reorg(&[three], &[(fork(3, 3), vec![])])[0];
    let mut orders = fixture.subscribe(json!(["orders", resume(&order)]), 8).await;
    let mut blocks = fixture.subscribe(json!(["blocks", resume(&of_three)]), 8).await;
    let told = words(&mut blocks, 3).await;
    assert_eq!(told, ["void from 2", "block 2..2 with 1", "block 3..3 with 0"]);
    // Now it is.
    fixture.reorg(&[other_three, two], &[(fork(2, 2), vec![Does::Creates(9)])]);
    assert_eq!(words(&mut orders, 2).await, ["void from 2", "open 9 in 2"]);
    let mut late = fixture.subscribe(json!(["orders", resume(&order)]), 8).await;
    assert_eq!(words(&mut late, 2).await, ["void from 2", "open 9 in 2"]);
}

#[tokio::test]
async fn a_position_above_what_is_indexed_and_a_chain_that_is_made_again_are_waited_for() {
    let fixture = Fixture::new();
    let mut orders = fixture.subscribe(json!(["orders"]), 8).await;
    let two = fixture.extend(&header(2), &[Does::Creates(7)]);
    let told = next(&mut orders).await.unwrap();
    fixture.reorg(&[two], &[]);
    assert_eq!(word(&mut orders).await, "void from 2", "whoever is there knows it is gone");
    let params = json!(["orders", resume(&told)]);
    let (code, text) = fixture.error("bmn_subscribe", params.clone()).await;
    assert_eq!(code, -32002, "{text}");
    fixture.extend(&header(2), &[Does::Creates(7)]);
    assert_eq!(word(&mut orders).await, "open 7 in 2");
    let mut resumed = fixture.subscribe(params.clone(), 8).await;

    let mode = |mode| {
        let mut tx = fixture.store.write().unwrap();
        tx.set_mode(A, mode).unwrap();
        tx.commit().unwrap();
        fixture.announce();
    };
    mode(Mode::Rebuilding(RebuildReason::Asked));
    let (code, text) = fixture.error("bmn_subscribe", json!(["orders"])).await;
    assert_eq!((code, text.contains("indexed again")), (-32002, true), "{text}");
    // What is there in the meantime is not told before all of it is there.
    fixture.extend(&header(3), &[Does::Creates(8)]);
    let mut of_b = fixture.subscribe(json!(["blocks", null, { "chain": B.0 }]), 8).await;
    for number in 3..6 {
        let mut tx = fixture.store.write().unwrap();
        tx.begin_block(B, &header(number)).unwrap();
        tx.end_block().unwrap();
        tx.commit().unwrap();
        fixture.announce();
        // Each announcement wakes everybody: who is told of the other chain had his turn like these.
        assert_eq!(word(&mut of_b).await, format!("block {number}..{number} with 0"));
        for waits in [&mut resumed, &mut orders] {
            let told = tokio::time::timeout(std::time::Duration::ZERO, next(waits)).await;
            assert!(told.is_err(), "{told:?}");
        }
    }
    mode(Mode::Live);
    assert_eq!(word(&mut resumed).await, "open 8 in 3");
    assert_eq!(word(&mut orders).await, "open 8 in 3");
}

#[tokio::test]
async fn filters_narrow_what_is_told() {
    let fixture = Fixture::new();
    let maker = |n: u8| json!(format!("0x{}", hex(n, 20)));
    let lock = crate::fixture::lock(crate::chain::secret(8)).0;
    let narrow = async |kind: &str, mut filter: serde_json::Value| {
        filter["chain"] = json!(A.0);
        fixture.subscribe(json!([kind, 2, filter]), 8).await
    };
    let mut by_maker = narrow("orders", json!({ "maker": maker(8) })).await;
    let mut by_state = narrow("orders", json!({ "state": ["withdrawn", "cancelled"] })).await;
    let mut by_block = narrow("orders", json!({ "fromBlock": 3, "escrow": maker(8) })).await;
    let mut by_lock = narrow("secrets", json!({ "hashlock": [lock] })).await;
    let mut nobody = narrow("orders", json!({ "taker": maker(1) })).await;
    fixture.extend(&header(2), &[Does::Creates(7), Does::Creates(8)]);
    fixture.extend(&header(3), &[Does::Withdraws(7), Does::Withdraws(8)]);
    assert_eq!(words(&mut by_maker, 2).await, ["open 8 in 2", "withdrawn 8 in 3"]);
    assert_eq!(words(&mut by_state, 2).await, ["withdrawn 7 in 3", "withdrawn 8 in 3"]);
    assert_eq!(word(&mut by_block).await, "withdrawn 8 in 3");
    assert_eq!(word(&mut by_lock).await, "secret of 8 in 3");
    let gone = [block(3), block(2)];
    fixture.reorg(&gone, &[]);
    assert_eq!(word(&mut nobody).await, "void from 2", "the first it is told");
}

fn hex(byte: u8, times: usize) -> String {
    format!("{byte:02x}").repeat(times)
}

#[tokio::test]
async fn what_cannot_be_subscribed_to_is_refused_with_the_accepted_form() {
    let fixture = Fixture::new();
    fixture.extend(&header(2), &[Does::Creates(7)]);
    let filter = json!({ "chain": A.0 });
    let mut orders = fixture.subscribe(json!(["orders", 2, filter]), 8).await;
    let order = resume(&next(&mut orders).await.unwrap());
    let mut of_b = fixture.subscribe(json!(["blocks", 2, { "chain": B.0 }]), 8).await;
    let of_b = resume(&next(&mut of_b).await.unwrap());
    for (params, code, says) in [
        (json!(["block"]), -32602, "`kind`: expected"),
        (json!(["alerts"]), -32602, "`kind`: expected"),
        (json!([7]), -32602, "`kind`: expected"),
        (json!(["orders", -1]), -32602, "`from`: expected"),
        (json!(["orders", 3.5]), -32602, "`from`: expected"),
        (json!(["orders", 2]), -32602, "`from`: expected the `resume` of a notice"),
        (json!(["orders", 4, filter]), -32602, "`from`: expected a block number up to 3"),
        (json!(["swaps", order]), -32602, "`from`: expected a sequence number up to 5"),
        (json!(["swaps", 6]), -32602, "`from`: expected a sequence number up to 5"),
        (json!(["blocks", order]), -32021, "cursor"),
        (json!(["orders", "00"]), -32021, "cursor"),
        (json!(["blocks", of_b, filter]), -32602, "`from`: expected positions of the chains"),
        (json!(["orders", [order, order]]), -32602, "`from`: expected positions of the chains"),
        (json!(["orders", null, { "chain": 5 }]), -32602, "`chain`: expected a chain served here"),
        (json!(["orders", null, { "chain": "1" }]), -32602, "`chain`: expected a chain id"),
        (json!(["blocks", null, { "maker": "0x" }]), -32602, "unknown field `maker`"),
        (json!(["swaps", null, { "order": "x" }]), -32602, "`order`: expected an order id"),
        (json!(["swaps", null, []]), -32602, "`filter`: expected an object"),
        (json!(["orders", null, { "fromBlock": 2, "toBlock": 1 }]), -32602, "`toBlock`"),
    ] {
        let (found, text) = fixture.error("bmn_subscribe", params.clone()).await;
        assert_eq!(found, code, "{params}: {text}");
        assert!(text.contains(says), "{params}: {text}");
    }
}
