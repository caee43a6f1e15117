//! A real `bmn dev --data-dir` that is killed without warning, again and again, while a swap is on its
//! way: what is on the disk is enough to end it, paid once.

use crate::network::{Network, must};

#[test]
fn a_swap_survives_a_kill_in_every_phase() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut network = Network::start(Some(&data));
    network.mine();
    network.submit_order(directory.path());
    for wanted in ["sourceLocked", "bothLocked"] {
        network.kill();
        network = Network::start(Some(&data));
        network.mine_until(&[wanted, "bothLocked"]);
    }
    for _ in 0..6 {
        network.mine();
    }
    let submit = format!("secret submit --secret-file secret --rpc {}", network.resolver);
    must(directory.path(), &submit);
    for wanted in ["destinationPaid", "completed"] {
        network.kill();
        network = Network::start(Some(&data));
        network.mine_until(&[wanted, "completed"]);
    }
    network.kill();
    let network = Network::start(Some(&data));
    network.mine();
    assert_eq!(network.status(), "completed");
    assert_eq!(network.destinations(), 1, "the destination was funded once");
    network.kill();
}
