//! Causes in swaps, chains, queue and balances.

use crate::desk::{Desk, of};
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, U256},
    signers::SignerSync,
};
use bmn_alerts::{
    BalanceFacts, Kind,
    Severity::{Critical, Warning},
};
use bmn_contracts::calldata;
use bmn_primitives::{OrderHash, OrderId};
use bmn_sim::{NetworkChain, accounts::DevAccount, scenario::Behaviour};
use bmn_store::{Mode, RebuildReason};
use bmn_swap::{Action, ActionKey, Due, Status, When};
use bmn_tests::{World, swap};

fn head(world: &World, chain: usize) -> u64 {
    world.network.chains[chain].chain.head().time
}

#[tokio::test]
async fn a_maker_who_does_not_disclose_brings_the_stages_near() {
    let mut world = World::new(vec![swap(0, Behaviour::Silent)]).await;
    let mut desk = Desk::over(&world).await;
    assert!(world.run_until(300, |world| world.status() == Some(Status::BothLocked)).await);
    let series = format!("bmn_next_deadline_seconds{{chain=\"{}\"}}", world.network.chains[1].id());
    let mut near_since = None;
    let told = loop {
        let now = head(&world, 1);
        let told = desk.look(now).await;
        if desk.measured(&series) < 300.0 {
            near_since = near_since.or(Some(now));
        }
        let told: Vec<_> =
            told.into_iter().filter(|it| it.id.subject.ends_with("/dstCancellation")).collect();
        if !told.is_empty() {
            break told;
        }
        assert_eq!(world.status(), Some(Status::BothLocked), "nobody was told in time");
        world.mine();
        world.settle().await;
    };
    assert_eq!(of(&told, Kind::TimelockApproaching), [Critical]);
    let held = told[0].at_ms / 1_000 - near_since.unwrap();
    assert!((60..75).contains(&held), "told after {held} s");
    assert!(desk.active(Kind::TimelockApproaching, Critical) >= 1.0);
    let bodies = desk.received(Kind::TimelockApproaching).await;
    assert!(bodies.iter().any(|it| it["subject"] == told[0].id.subject.as_str()), "{bodies:?}");
    let again = desk.look(head(&world, 1) + 1).await;
    assert!(again.iter().all(|it| it.id != told[0].id), "told twice");
}

#[tokio::test]
async fn a_withdrawal_that_is_not_sent_is_told_before_its_last_moment() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let mut desk = Desk::over(&world).await;
    assert!(world.run_until(300, |world| world.status() == Some(Status::BothLocked)).await);
    let series =
        format!("bmn_withdrawal_seconds_left{{chain=\"{}\"}}", world.network.chains[1].id());
    for _ in 0..1_000 {
        world.mine();
        // From the secret on the resolver sees everything and sends nothing.
        if world.status() == Some(Status::SecretKnown) {
            for chain in world.resolver.chains() {
                while world.resolver.follow(chain).await.unwrap() {}
            }
        } else {
            world.resolver.run_until_idle().await.unwrap();
            for maker in &mut world.makers {
                maker.act(&mut world.strangers, &world.rpc).await.unwrap();
            }
        }
        let told = desk.look(head(&world, 1)).await;
        let window: Vec<_> = told.iter().filter(|it| it.id.kind == Kind::CancelWindow).collect();
        if let [message, ..] = &window[..] {
            assert!(message.id.subject.ends_with("/dstCancellation"), "{message:?}");
            assert_eq!(world.status(), Some(Status::SecretKnown));
            let left = desk.measured(&series);
            assert!(left > 0.0 && left < 30.0, "{left}");
            assert!(desk.active(Kind::CancelWindow, Critical) >= 1.0);
            assert_eq!(desk.received(Kind::CancelWindow).await.len(), window.len());
            return;
        }
    }
    panic!("nobody was told");
}

/// Makes so many ready jobs of orders on the first chain.
fn pile_up(world: &World, many: u8, deadline: Option<u64>) {
    let chain = world.network.chains[0].id();
    let mut tx = world.resolver.store().write().unwrap();
    for n in 0..many {
        let hash = OrderHash(B256::repeat_byte(n));
        let order = OrderId { chain, contract: Address::repeat_byte(9), hash, leaf: 0 };
        let escrow = Address::repeat_byte(n);
        let key = ActionKey { order, action: Action::WithdrawSource, chain, escrow };
        let due = [Due { key, when: When::Now }];
        bmn_queue::reconcile(&mut tx, order, &due, |_| deadline).unwrap();
    }
    tx.commit().unwrap();
}

#[tokio::test]
async fn more_than_a_hundred_ready_jobs_are_told_after_five_minutes() {
    let mut world = World::new(vec![]).await;
    world.settle().await;
    let (mut desk, now) = (Desk::over(&world).await, head(&world, 0));
    pile_up(&world, 100, None);
    desk.look(now).await;
    let told = desk.look(now + 300).await;
    assert_eq!(of(&told, Kind::HighQueueDepth), [], "a hundred are not more than a hundred");
    pile_up(&world, 101, None);
    desk.look(now + 301).await;
    assert_eq!(of(&desk.look(now + 600).await, Kind::HighQueueDepth), []);
    assert_eq!(of(&desk.look(now + 601).await, Kind::HighQueueDepth), [Warning]);
    let chain = world.network.chains[0].id();
    assert_eq!(
        desk.measured(&format!("bmn_queue_depth{{chain=\"{chain}\",lane=\"wayOut\"}}")),
        101.0
    );
    assert_eq!(desk.received(Kind::HighQueueDepth).await.len(), 1);
    // F-10: with deadlines among them it is critical.
    pile_up(&world, 1, Some(now + 900));
    assert_eq!(of(&desk.look(now + 602).await, Kind::HighQueueDepth), [Critical]);
    assert_eq!(desk.measured(&format!("bmn_queue_deadline_jobs{{chain=\"{chain}\"}}")), 1.0);
    assert_eq!(desk.active(Kind::HighQueueDepth, Critical), 1.0);
}

#[tokio::test]
async fn a_host_that_is_eleven_blocks_ahead_is_told_after_five_minutes() {
    let mut world = World::new(vec![]).await;
    world.settle().await;
    let (mut desk, now) = (Desk::over(&world).await, head(&world, 0));
    let chain = world.network.chains[0].id();
    desk.look(now).await;
    for _ in 0..11 {
        world.jump(0, 2);
    }
    // The host is asked every 30 s.
    assert_eq!(of(&desk.look(now + 30).await, Kind::IndexerLag), []);
    assert_eq!(desk.measured(&format!("bmn_chain_lag_blocks{{chain=\"{chain}\"}}")), 11.0);
    assert_eq!(of(&desk.look(now + 329).await, Kind::IndexerLag), []);
    let told = desk.look(now + 330).await;
    assert_eq!(of(&told, Kind::IndexerLag), [Critical]);
    assert_eq!(desk.active(Kind::IndexerLag, Critical), 1.0);
    assert_eq!(desk.received(Kind::IndexerLag).await[0]["subject"], chain.to_string());
    world.settle().await;
    let over = desk.look(now + 331).await;
    assert!(over.iter().any(|it| it.id.kind == Kind::IndexerLag && it.told.name() == "over"));
}

#[tokio::test]
async fn a_host_without_a_new_block_for_two_minutes_is_told() {
    let mut world = World::new(vec![]).await;
    world.settle().await;
    let (mut desk, now) = (Desk::over(&world).await, head(&world, 0));
    desk.look(now).await;
    assert_eq!(of(&desk.look(now + 119).await, Kind::RemoteLag), []);
    assert_eq!(
        of(&desk.look(now + 120).await, Kind::RemoteLag),
        [Critical, Critical],
        "both stand still"
    );
    let chain = world.network.chains[0].id();
    assert_eq!(desk.measured(&format!("bmn_chain_head_age_seconds{{chain=\"{chain}\"}}")), 120.0);
    world.jump(0, 2);
    let told = desk.look(now + 150).await;
    assert!(told.iter().any(|it| it.id.subject == chain.to_string() && it.told.name() == "over"));
}

/// What the account has on both chains, and the thresholds of section (b): 0.1 of the coin, 1000 of a token.
async fn read_balances(world: &World, desk: &Desk) {
    let us = DevAccount::Resolver.address();
    let mut all = Vec::new();
    for node in &world.network.chains {
        let chain = node.id().0;
        let threshold = U256::from(100_000_000_000_000_000_u64);
        let balance = node.client.balance(us).await.unwrap();
        all.push(BalanceFacts { chain, token: "ETH".to_owned(), balance, threshold });
        for token in &node.spec.tokens {
            let balance = node.balance_of(token.address, us).await.unwrap();
            let (token, threshold) = (token.symbol.clone(), whole(1_000, token.decimals));
            all.push(BalanceFacts { chain, token, balance, threshold });
        }
    }
    *desk.balances.lock().unwrap() = all;
}

fn whole(tokens: u64, decimals: u8) -> U256 {
    U256::from(tokens) * U256::from(10).pow(U256::from(decimals))
}

/// Gives all but so many smallest units of a token away.
async fn leave(node: &NetworkChain, token: Address, units: U256) {
    let signer = DevAccount::Resolver.signer();
    let us = signer.address();
    let held = node.balance_of(token, us).await.unwrap();
    let data = calldata::transfer(Address::repeat_byte(0x99), held - units);
    let transaction = TxEip1559 {
        chain_id: node.id().0,
        nonce: node.chain.nonce(us),
        gas_limit: 100_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1,
        to: token.into(),
        input: data,
        ..TxEip1559::default()
    };
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    let raw = TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into();
    node.chain.submit_raw(&raw).unwrap();
    node.chain.mine(None).unwrap();
    assert_eq!(node.balance_of(token, us).await.unwrap(), units);
}

#[tokio::test]
async fn a_token_that_runs_out_is_told_on_each_chain() {
    let mut world = World::new(vec![]).await;
    world.settle().await;
    let (mut desk, now) = (Desk::over(&world).await, head(&world, 0));
    let low = |told: &[bmn_alerts::Message], subject: &str| {
        let of_it =
            told.iter().filter(|it| it.id.kind == Kind::LowBalance && it.id.subject == subject);
        of_it.map(|it| (it.told.name(), it.alert.severity)).collect::<Vec<_>>()
    };
    for (step, (chain, symbol)) in (0..).zip([(0, "TKA"), (1, "TKA"), (0, "USDX"), (1, "USDX")]) {
        let node = &world.network.chains[chain];
        let token = node.spec.token_named(symbol).unwrap();
        let enough = whole(1_000, token.decimals);
        let (subject, at) = (format!("{}/{symbol}", node.id()), now + 10 * step);
        leave(node, token.address, enough).await;
        read_balances(&world, &desk).await;
        assert_eq!(low(&desk.look(at).await, &subject), [], "{subject}: a thousand are enough");
        leave(node, token.address, enough - U256::ONE).await;
        read_balances(&world, &desk).await;
        assert_eq!(low(&desk.look(at + 1).await, &subject), [("began", Warning)], "{subject}");
        assert_eq!(low(&desk.look(at + 2).await, &subject), [], "{subject}: told twice");
        let series = format!("{{chain=\"{}\",token=\"{symbol}\"}}", node.id());
        let [balance, least] = ["bmn_balance", "bmn_balance_threshold"]
            .map(|it| desk.measured(&format!("{it}{series}")));
        assert!(balance <= least, "{balance} of {least}");
    }
    let received = desk.received(Kind::LowBalance).await;
    let told: Vec<_> = received.iter().map(|it| it["subject"].as_str().unwrap()).collect();
    for subject in ["1337/TKA", "1338/TKA", "1337/USDX", "1338/USDX"] {
        assert!(told.contains(&subject), "{subject} in {told:?}");
    }
}

#[tokio::test]
async fn a_drained_account_is_told_once_an_hour() {
    let mut world = World::new(vec![]).await;
    world.settle().await;
    let (mut desk, now) = (Desk::over(&world).await, head(&world, 0));
    let us = DevAccount::Resolver.address();
    let drain = |wei: u64| {
        world.network.chains[0].chain.set_balance(us, U256::from(wei)).unwrap();
    };
    let low = |told: &[bmn_alerts::Message]| {
        told.iter()
            .filter(|it| it.id.kind == Kind::LowBalance && it.id.subject.ends_with("/ETH"))
            .count()
    };
    drain(100_000_000_000_000_000);
    read_balances(&world, &desk).await;
    assert_eq!(low(&desk.look(now).await), 0, "0.1 is enough");
    drain(99_999_999_999_999_999);
    read_balances(&world, &desk).await;
    let told = desk.look(now + 1).await;
    assert_eq!(low(&told), 1);
    assert!(of(&told, Kind::LowBalance).iter().all(|it| *it == Warning));
    drain(5);
    read_balances(&world, &desk).await;
    assert_eq!(low(&desk.look(now + 2).await), 0, "another value is no other alert");
    assert_eq!(low(&desk.look(now + 3_600).await), 0);
    assert_eq!(low(&desk.look(now + 3_601).await), 1);
    let series = format!("{{chain=\"{}\",token=\"ETH\"}}", world.network.chains[0].id());
    let [balance, least] =
        ["bmn_balance", "bmn_balance_threshold"].map(|it| desk.measured(&format!("{it}{series}")));
    assert!(balance < least && balance == 5.0);
    assert!(desk.active(Kind::LowBalance, Warning) >= 1.0);
    assert!(
        desk.received(Kind::LowBalance)
            .await
            .iter()
            .filter(|it| it["subject"].as_str().unwrap().ends_with("/ETH"))
            .count()
            == 2
    );
}

#[tokio::test]
async fn nine_open_orders_of_ten_are_told() {
    let makers = (0..9).map(|index| swap(index, Behaviour::Silent)).collect();
    let mut world = World::new(makers).await;
    let mut desk = Desk::with(&world, 10, Default::default(), None).await;
    let mut opened = 0;
    for _ in 0..50 {
        let told = desk.look(head(&world, 0)).await;
        opened = bmn_queue::open_orders(&world.resolver.store().read().unwrap()).unwrap();
        assert_eq!(of(&told, Kind::Capacity).len(), usize::from(opened == 9), "{opened} are open");
        if opened == 9 {
            break;
        }
        world.settle().await;
        world.mine();
    }
    assert_eq!(opened, 9);
    assert_eq!(desk.measured("bmn_open_orders_limit"), 10.0);
    assert_eq!(desk.active(Kind::Capacity, Warning), 1.0);
    assert!(desk.received(Kind::Capacity).await[0]["text"].as_str().unwrap().contains("9 of 10"));
}

#[tokio::test]
async fn the_whole_is_told_when_it_changes_and_not_between() {
    let mut world = World::new(vec![]).await;
    let mut desk = Desk::over(&world).await;
    let now = head(&world, 0);
    assert_eq!(of(&desk.look(now).await, Kind::OverallHealth), [Critical], "no index is begun");
    assert_eq!(desk.measured("bmn_health_level"), 2.0);
    assert_eq!(of(&desk.look(now + 1).await, Kind::OverallHealth), []);
    world.settle().await;
    let over = desk.look(now + 2).await;
    assert!(over.iter().any(|it| it.id.kind == Kind::OverallHealth && it.told.name() == "over"));
    assert_eq!(desk.measured("bmn_health_level"), 0.0);
    let mut tx = world.resolver.store().write().unwrap();
    tx.set_mode(world.network.chains[0].id(), Mode::Clearing(RebuildReason::Damaged)).unwrap();
    tx.commit().unwrap();
    let told = desk.look(now + 120).await;
    assert_eq!(of(&told, Kind::OverallHealth), [Warning], "one part is degraded");
    assert_eq!(
        (desk.measured("bmn_health_level"), desk.active(Kind::OverallHealth, Warning)),
        (1.0, 1.0)
    );
    let states: Vec<_> = desk
        .received(Kind::OverallHealth)
        .await
        .iter()
        .map(|it| it["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["began", "over", "began"]);
}
