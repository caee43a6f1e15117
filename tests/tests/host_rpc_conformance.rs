//! The seam's conformance suite on the JSON-RPC host, over the development chain's own server.

mod rpc_bed;

use rpc_bed::{
    conform,
    dev::{Reach, RpcDevBed},
};

/// An Ethereum chain has no deposit transactions; anvil in its OP-stack mode runs this case.
const LEFT_OUT: [&str; 1] = ["a_deposit_transaction_passes_the_seam"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rpc_host_conforms_over_websocket_and_http() {
    assert_eq!(conform(&[], async || RpcDevBed::new(Reach::Both).await).await, LEFT_OUT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rpc_host_conforms_over_http_alone() {
    assert_eq!(conform(&[], async || RpcDevBed::new(Reach::Http).await).await, LEFT_OUT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rpc_host_conforms_where_two_hosts_must_agree() {
    assert_eq!(conform(&[], async || RpcDevBed::new(Reach::Agreed).await).await, LEFT_OUT);
}
