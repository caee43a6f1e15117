//! The seam's conformance suite on the JSON-RPC host, over a real anvil. Needs the program: see
//! `etc/e2e/checks/conformance`, which installs it.

mod rpc_bed;

use bmn_chain::conformance::Ability;
use rpc_bed::{
    anvil::{AnvilBed, Network},
    conform,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rpc_host_conforms_over_anvil() {
    let left_out = conform(&[], async || AnvilBed::new(Network::Ethereum).await).await;
    assert_eq!(left_out, ["a_deposit_transaction_passes_the_seam"], "not an OP-stack chain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rpc_host_conforms_over_anvil_as_an_op_stack_chain() {
    let abilities = [Ability::Deposits];
    let left_out = conform(&abilities, async || AnvilBed::new(Network::Optimism).await).await;
    assert_eq!(left_out, [""; 0], "every case runs");
}
