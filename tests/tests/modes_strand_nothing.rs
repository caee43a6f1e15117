//! A mode or switch stops new orders only: what was taken is brought to its end, whatever is set when,
//! and across a restart. What is not taken costs nothing.

use bmn_node::Resolver;
use bmn_rpc::{Claims, Intake, ModeChange, Operations, SubmittedOrder};
use bmn_sim::{accounts::DevAccount, rpc::ResolverRpc, scenario::Behaviour};
use bmn_store::{DecisionReads, Reads, testing::CrashBackend};
use bmn_swap::{Decision, Mode, ModeReason, Order, Origin, Refusal, Status, Switch};
use bmn_tests::{World, memory_store, swap};
use serde_json::{Value, json};

fn nonces(world: &World) -> Vec<u64> {
    let us = DevAccount::Resolver.address();
    world.network.chains.iter().map(|node| node.chain.nonce(us)).collect()
}

fn change(resolver: &Resolver, change: ModeChange) {
    resolver.handle().change_modes(change).expect("the store takes it");
}

/// Everything that stops new orders, at once.
fn stop_all(world: &World) {
    let [a, b] = world.network.chains.each_ref().map(bmn_sim::NetworkChain::id);
    let tokens = world.network.chains[0].spec.tokens.iter().map(|token| token.address);
    let switches =
        [Switch::Pause, Switch::Drain, Switch::Maintenance, Switch::Chain(a), Switch::Chain(b)];
    for switch in switches.into_iter().chain(tokens.map(|token| Switch::Token(a, token))) {
        change(&world.resolver, ModeChange::On(switch));
    }
    change(&world.resolver, ModeChange::Mode(Mode::Shadow));
}

fn only_order(world: &World) -> Order {
    let read = world.resolver.store().read().expect("a snapshot");
    let mut orders = read.orders(None, 2).expect("orders");
    assert_eq!(orders.len(), 1);
    orders.remove(0)
}

async fn hand_in(world: &World, order: &Order) -> Decision {
    let Origin::Submitted(signed) = &order.origin else { panic!("{order:?}") };
    let order = SubmittedOrder {
        chain: order.id.chain,
        signed: (**signed).clone(),
        claims: Claims::default(),
    };
    world.resolver.handle().submit_order(order).await.expect("it is judged").decision
}

#[tokio::test]
async fn a_swap_is_completed_whatever_is_switched_off_at_whichever_of_its_states() {
    let mut met = Vec::new();
    for at in [Status::Accepted, Status::SourceLocked, Status::BothLocked, Status::SecretKnown] {
        let store = memory_store(&CrashBackend::new());
        let mut world = World::with_store(vec![swap(0, Behaviour::Honest)], store).await;
        let reached = world.run_until(200, |world| world.status() == Some(at)).await;
        // States that last no block are passed through within one step.
        if !reached {
            assert_eq!(world.status(), Some(Status::Completed), "{at:?}");
            continue;
        }
        met.push(at);
        stop_all(&world);
        let store = world.resolver.store().clone();
        world.restart(store);
        assert!(world.run_to_end().await, "{at:?}");
        assert_eq!(world.status(), Some(Status::Completed), "{at:?}");
        let modes = world.resolver.store().read().unwrap().modes().unwrap();
        assert_eq!(modes.mode, Mode::Shadow, "the restart kept what was set");
        assert!(modes.switches.contains(&Switch::Drain));
    }
    assert!(met.len() >= 3, "only {met:?} could be caught between two blocks");
}

#[tokio::test]
async fn a_swap_whose_maker_vanished_is_taken_back_while_everything_is_switched_off() {
    let store = memory_store(&CrashBackend::new());
    let mut world = World::with_store(vec![swap(0, Behaviour::Silent)], store).await;
    assert!(world.run_until(200, |world| world.status() == Some(Status::BothLocked)).await);
    stop_all(&world);
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Cancelled));
}

#[tokio::test]
async fn shadow_mode_decides_records_and_sends_nothing() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    change(&world.resolver, ModeChange::Mode(Mode::Shadow));
    let before = nonces(&world);
    world.settle().await;
    for _ in 0..400 {
        world.mine();
        world.settle().await;
    }
    let order = only_order(&world);
    assert_eq!(order.refusals(), [Refusal::Mode(ModeReason::Shadow)]);
    assert_eq!(nonces(&world), before);
    let told =
        world.rpc().request("bmn_explainOrder", json!([order.id.to_string()])).await.unwrap();
    assert_eq!(told["refusals"][0]["code"], "shadow");
    let earned = told["valuation"]["outcomes"]["expected"].clone();
    assert!(!earned.as_str().unwrap().starts_with('-'), "{told}");
    let report = world.rpc().request("bmn_shadowReport", json!([])).await.unwrap();
    let [item] = report["items"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((&item["outcome"], &item["expected"]), (&json!("expired"), &earned));
    assert_eq!(item["filledBy"], Value::Null);
}

#[tokio::test]
async fn an_order_that_a_switch_kept_out_is_taken_when_it_is_handed_in_again() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    change(&world.resolver, ModeChange::On(Switch::Pause));
    world.resolver.run_until_idle().await.unwrap();
    world.settle().await;
    let order = only_order(&world);
    let paused = Refusal::Mode(ModeReason::Off(Switch::Pause));
    assert_eq!(order.refusals(), std::slice::from_ref(&paused));
    assert_eq!(hand_in(&world, &order).await, Decision::Refused(vec![paused]));

    change(&world.resolver, ModeChange::Off(Switch::Pause));
    assert_eq!(hand_in(&world, &order).await, Decision::Accepted);
    assert_eq!(hand_in(&world, &order).await, Decision::Accepted);
    assert_eq!(world.status(), Some(Status::Accepted));
}

#[tokio::test]
async fn an_order_counts_against_the_caps_until_it_is_at_an_end() {
    let store = memory_store(&CrashBackend::new());
    let mut world = World::with_store(vec![swap(0, Behaviour::Honest)], store).await;
    assert!(world.run_until(200, |world| world.status() == Some(Status::BothLocked)).await);
    let order = only_order(&world);
    let read = world.resolver.store().read().unwrap();
    let told = read.assessment(order.id).unwrap().expect("its numbers are kept");
    assert_eq!(read.exposures().unwrap(), [told.exposure.expect("it was valued")]);
    assert!(told.reasons.is_empty() && told.exposure.unwrap().value > 0);
    drop(read);
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
    let read = world.resolver.store().read().unwrap();
    assert_eq!(read.exposures().unwrap(), []);
    assert!(read.assessment(order.id).unwrap().is_some(), "the explanation stays");
}
