//! A real `bmn dev --data-dir` that is killed without warning, again and again, while a swap is on its
//! way: what is on the disk is enough to end it, paid once.

use crate::{bmn::run_in, network::Network};
use std::path::Path;

/// The maker's account in the public mnemonic.
const MAKER: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
fn run(directory: &Path, line: &str) {
    let done = run_in(directory, line, "");
    assert_eq!(done.code, 0, "{line}: {}{}", done.stdout, done.stderr);
}

fn submit_order(network: &Network, directory: &Path) {
    let [source, _] = &network.chains;
    run(
        directory,
        &format!(
            "order new --from-chain 1337 --to-chain 1338 --sell 1000 TKA --buy 1950 USDX \
             --maker {MAKER} --chain-rpc {source} --secret-file secret -o order.json"
        ),
    );
    run(directory, "order sign order.json --dev-account 3");
    run(directory, &format!("order submit order.json --rpc {}", network.resolver));
}

#[test]
fn a_swap_survives_a_kill_in_every_phase() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut network = Network::start(Some(&data));
    network.mine();
    submit_order(&network, directory.path());
    for wanted in ["sourceLocked", "bothLocked"] {
        network.kill();
        network = Network::start(Some(&data));
        network.mine_until(&[wanted, "bothLocked"]);
    }
    for _ in 0..6 {
        network.mine();
    }
    let submit = format!("secret submit --secret-file secret --rpc {}", network.resolver);
    run(directory.path(), &submit);
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
