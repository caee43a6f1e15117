//! The swap that a development node settles to show that it works.

use bmn_rpc_api::SwapStatus;
use bmn_sim::{Demo, DemoStep};
use bmn_tests::World;

#[tokio::test]
async fn a_demo_settles_in_both_directions_and_tells_how_far_it_is() {
    let mut world = World::new(vec![]).await;
    world.network.fund_visitors().await.unwrap();
    for (round, (from, to)) in [(1, (0, 1)), (2, (1, 0))] {
        world.settle().await;
        let [source, destination] = [from, to].map(|chain| world.network.chains[chain].clone());
        let now = source.chain.head().time;
        let demo = Demo::new(&source.spec, &destination.spec, now, [round; 32]);
        let mut demo = demo.unwrap();
        let mut told = Vec::new();
        for _ in 0..200 {
            let rpc = world.rpc.clone();
            while let Some(step) = demo.step(&rpc).await.unwrap() {
                told.push(step);
            }
            if demo.status() == Some(SwapStatus::Completed) {
                break;
            }
            world.mine();
            world.settle().await;
        }
        assert!(matches!(told.first(), Some(DemoStep::Accepted { .. })), "{told:?}");
        assert_eq!(told.last(), Some(&DemoStep::Status(SwapStatus::Completed)), "{told:?}");
        let disclosed = told.iter().position(|step| *step == DemoStep::Disclosed);
        assert!(disclosed.is_some_and(|at| at > 1), "{told:?}");
    }
}
