//! The development network as a service.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use bmn_host_dev::DevChainError;
use bmn_sim::{Endpoints, ServiceOptions, SimError, serve};
use jsonrpsee::{core::client::ClientT, rpc_params};
use jsonrpsee_http_client::HttpClient;
use serde_json::Value;
use std::{future::Future, net::SocketAddr, path::Path};
use tokio::sync::oneshot;

fn options(data_dir: Option<&Path>) -> ServiceOptions {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    ServiceOptions { data_dir: data_dir.map(Path::to_owned), addresses: [any; 3] }
}

/// Serves until `check` is through with it.
async fn while_serving<T, F: Future<Output = T>>(
    options: ServiceOptions,
    check: impl FnOnce(Endpoints) -> F,
) -> Result<T, SimError> {
    let (tell, told) = oneshot::channel::<Endpoints>();
    let mut checked = None;
    let checking = async {
        if let Ok(endpoints) = told.await {
            checked = Some(check(endpoints).await);
        }
    };
    serve(options, |endpoints| tell.send(endpoints.clone()).unwrap(), checking).await?;
    Ok(checked.unwrap())
}

async fn ask(url: &str, method: &str) -> Value {
    HttpClient::builder().build(url).unwrap().request(method, rpc_params![]).await.unwrap()
}

#[tokio::test]
async fn both_chains_and_the_resolver_answer() {
    let (ids, status) = while_serving(options(None), |endpoints| async move {
        let mut ids = Vec::new();
        for chain in &endpoints.chains {
            ids.push(ask(&chain.url, "eth_chainId").await);
        }
        (ids, ask(&endpoints.resolver, "bmn_status").await)
    })
    .await
    .unwrap();
    assert_eq!(ids, ["0x539", "0x53a"]);
    assert_eq!(status["acting"], true);
}

#[tokio::test]
async fn a_data_directory_keeps_the_chains_and_takes_one_instance_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let genesis = |endpoints: Endpoints| async move {
        let client = HttpClient::builder().build(&endpoints.chains[0].url).unwrap();
        let params = rpc_params!["0x0", false];
        let block: Value = client.request("eth_getBlockByNumber", params).await.unwrap();
        block["hash"].clone()
    };
    let first = while_serving(options(Some(directory.path())), genesis).await.unwrap();
    let second = || {
        while_serving(options(Some(directory.path())), |endpoints| async {
            let rival = while_serving(options(Some(directory.path())), genesis).await;
            (genesis(endpoints).await, rival.unwrap_err().to_string())
        })
    };
    // A connection of the first instance may end a moment after it; a new process has none.
    let mut answer = second().await;
    while matches!(answer, Err(SimError::DevChain(DevChainError::InUse { .. }))) {
        tokio::task::yield_now().await;
        answer = second().await;
    }
    let (again, rival) = answer.unwrap();
    assert_eq!(first, again);
    assert!(rival.contains("in use") && rival.contains("choose another directory"), "{rival}");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for position in 0..3 {
        let mut options = options(None);
        options.addresses[position] = address;
        let error = while_serving(options, |_| async {}).await.unwrap_err().to_string();
        assert!(error.contains(&address.to_string()) && error.contains("in use"), "{error}");
    }
}
