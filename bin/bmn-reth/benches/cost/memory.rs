//! Memory at rest of the built program, with the resolver inside and without; and the chain on the other side.

use crate::{import::signer, process};
use bmn_host_dev::DevServer;
use bmn_node::{Clock, SystemClock};
use bmn_sim::Network;
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// Chain B on a port of this machine, in the process that does not measure.
pub(crate) struct OtherChain {
    pub(crate) url: String,
    _server: DevServer,
    _network: Network,
}

impl OtherChain {
    pub(crate) async fn start() -> Self {
        let network = Network::in_memory(SystemClock::new().unix_seconds() - 3_600).unwrap();
        network.set_up().await.unwrap();
        let server =
            network.chains[1].serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        Self { url: server.url(), _server: server, _network: network }
    }
}

/// How long a node runs before it is looked at: blocks are made, caches filled.
const AT_REST_AFTER: Duration = Duration::from_secs(60);
const ROUNDS: usize = 3;

fn start(directory: &Path, with: bool, chain_b: &str) -> Child {
    let genesis = concat!(env!("CARGO_MANIFEST_DIR"), "/../../chainspecs/dev-a.genesis.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bmn-reth"));
    command
        .args(["node", "--dev", "--chain", genesis, "--dev.block-time", "1s", "--datadir"])
        .arg(directory.join("reth"))
        .args([
            "--port",
            "0",
            "--disable-discovery",
            "--ipcdisable",
            "--authrpc.port",
            "0",
            "--http.port",
            "0",
        ])
        .args(["--log.file.max-files", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if with {
        let config = directory.join("bmn.toml");
        let chain = |spec: &str, url: &str| {
            format!("[[chains]]\nspec = \"{spec}\"\nendpoints = [\"{url}\"]\n")
        };
        let chains = chain("dev-a", "http://127.0.0.1:1") + &chain("dev-b", chain_b);
        let text = format!("data_dir = \"data\"\n{}{chains}", signer(directory));
        fs::write(&config, text).unwrap();
        command.arg("--bmn.config").arg(config);
    }
    command.spawn().unwrap()
}

/// Turn by turn.
pub(crate) fn compare(chain_b: &str) {
    let mut sums = [0.0; 2];
    for _ in 0..ROUNDS {
        for (with, sum) in [false, true].into_iter().zip(&mut sums) {
            let directory = tempfile::tempdir().unwrap();
            let mut node = start(directory.path(), with, chain_b);
            thread::sleep(AT_REST_AFTER);
            assert_eq!(node.try_wait().unwrap(), None, "the node runs");
            let data = directory.path().join("data").exists();
            assert_eq!(data, with, "the resolver's database");
            *sum += process::resident(node.id()) / ROUNDS as f64;
            node.kill().unwrap();
            node.wait().unwrap();
        }
    }
    let [plain, with] = sums;
    println!(
        "memory after {} s of blocks every second, mean of {ROUNDS}: plain reth {plain:.0} MiB, with the resolver \
         {with:.0} MiB: {:.0} MiB more",
        AT_REST_AFTER.as_secs(),
        with - plain
    );
}
