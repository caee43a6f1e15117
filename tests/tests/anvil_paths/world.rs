//! Two anvils and the real `bmn node` beside them. Time is the chains', and it moves when the test says so.

use crate::anvil::{Anvil, BLOCK_TIME, LOOK_AGAIN, PATIENCE, line_of, read, request, send};
use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::calldata;
use bmn_primitives::Dialect;
use bmn_rpc_api::{JobState, NodeStatus, Swap, SwapStatus};
use bmn_sim::{Sent, accounts::DevAccount};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Stdio, time::Duration};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{interval, timeout},
};

pub(crate) const DIALECTS: [Dialect; 4] =
    [Dialect::Bmn4, Dialect::Bmn302, Dialect::OneInch1, Dialect::OneInch2];
pub(crate) const ONE_INCH: [Dialect; 2] = [Dialect::OneInch1, Dialect::OneInch2];

/// Most blocks that anything takes without a jump of time.
const MOST_STEPS: u32 = 600;
/// How long the node's ready jobs are waited for before the next block comes anyway.
const BUSY: Duration = Duration::from_secs(2);

/// The node's, without its chains.
const CONFIG: &str = r#"
data_dir = "data"
rpc = "127.0.0.1:0"
mode = "full"
[signer]
key_env = "BMN_TEST_KEY"
"#;

struct Node {
    child: Child,
    http: HttpClient,
}

/// The network.
pub(crate) struct World {
    directory: TempDir,
    bmn: PathBuf,
    pub(crate) chains: [Anvil; 2],
    node: Option<Node>,
    /// Timestamp of the newest block of both.
    pub(crate) now: u64,
}

fn program() -> PathBuf {
    let path = std::env::var_os("BMN_BIN").expect("BMN_BIN names the program `bmn`");
    PathBuf::from(path)
}

impl World {
    /// Two chains with contracts, and the node's configuration; the node itself is not started.
    pub(crate) async fn new(more: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let bmn = program();
        let (a, b) = tokio::join!(
            Anvil::new(&bmn, directory.path(), 1337),
            Anvil::new(&bmn, directory.path(), 1338)
        );
        let mut config = format!("{CONFIG}{more}");
        for chain in [&a, &b] {
            config += &format!(
                "[[chains]]\nspec = \"specs/chain-{}.toml\"\nendpoints = {:?}\npoll_ms = 20\n",
                chain.id(),
                chain.endpoints()
            );
        }
        fs::write(directory.path().join("bmn.toml"), config).expect("written");
        let now = a.head().await.1.max(b.head().await.1);
        let mut world = Self { directory, bmn, chains: [a, b], node: None, now };
        world.step().await;
        world
    }

    /// Starts the node over whatever is on its disk.
    pub(crate) async fn start(&mut self) {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.directory.path().join("node.log"))
            .expect("a log");
        let key = DevAccount::Resolver.key().to_string();
        let mut child = Command::new(&self.bmn)
            .args(["node", "--json", "--verbose", "--config"])
            .arg(self.directory.path().join("bmn.toml"))
            .env("BMN_TEST_KEY", key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.bmn.display()));
        let url = line_of(&mut child, |line| {
            let value: Value = serde_json::from_str(line).ok()?;
            Some(value["rpc"].as_str()?.to_owned())
        });
        let url = url.await.unwrap_or_else(|| panic!("bmn node did not start: {}", self.log()));
        let http = HttpClientBuilder::default().build(&url).expect("a client");
        self.node = Some(Node { child, http });
        self.settle().await;
    }

    /// The last lines that the node wrote.
    fn log(&self) -> String {
        let text = fs::read_to_string(self.directory.path().join("node.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Stops it as an operator does.
    pub(crate) async fn stop(&mut self) {
        let mut node = self.node.take().expect("it runs");
        let id = node.child.id().expect("running").to_string();
        let kill = Command::new("kill").args(["-TERM", &id]).status().await.expect("kill runs");
        assert!(kill.success(), "the node was there to be stopped");
        let ended = timeout(PATIENCE, node.child.wait()).await.expect("it ends in time");
        assert!(ended.expect("its exit status").success(), "{}", self.log());
    }

    /// The database follows from its events, on both chains.
    pub(crate) async fn verify(&self) {
        for chain in &self.chains {
            let ran = Command::new(&self.bmn)
                .args(["verify", "--json", "--chain", &chain.id().to_string(), "--data-dir"])
                .arg(self.directory.path().join("data"))
                .output()
                .await
                .expect("bmn verify runs");
            let said = String::from_utf8_lossy(&ran.stderr);
            assert!(ran.status.success(), "bmn verify: {said}");
            let found: Value = serde_json::from_slice(&ran.stdout).expect("JSON on stdout");
            let head = chain.head().await.0;
            assert_eq!(found[0]["to"], head, "verified up to the head: {found}");
        }
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let node = self.node.as_ref().expect("the node runs");
        let answer = request(&node.http, method, params).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}\n{}", self.log()))
    }

    pub(crate) async fn try_ask(&self, method: &str, params: Value) -> Result<Value, String> {
        request(&self.node.as_ref().expect("the node runs").http, method, params).await
    }

    pub(crate) async fn swap(&self, id: &str) -> Swap {
        read(self.ask("bmn_getSwap", json!([id])).await)
    }

    /// Every swap that the node knows.
    pub(crate) async fn swaps(&self) -> Vec<Swap> {
        read(self.ask("bmn_getSwaps", json!([{}, null, 200])).await["items"].take())
    }

    /// A block on both chains, and whatever the node does then.
    pub(crate) async fn step(&mut self) {
        self.jump(BLOCK_TIME).await;
    }

    /// The next block of both chains comes so many seconds later.
    pub(crate) async fn jump(&mut self, seconds: u64) {
        self.now += seconds;
        tokio::join!(self.chains[0].mine(self.now), self.chains[1].mine(self.now));
        if self.node.is_some() {
            self.settle().await;
        }
    }

    /// Waits until the node has seen both heads and nothing that it could do now waits.
    async fn settle(&self) {
        let heads = [self.chains[0].head().await.0, self.chains[1].head().await.0];
        let mut look = interval(LOOK_AGAIN);
        let seen = async {
            loop {
                look.tick().await;
                let status: NodeStatus = read(self.ask("bmn_status", json!([])).await);
                let at = |number: usize| status.chains[number].head.map(|head| head.number);
                if [at(0), at(1)] == heads.map(Some) {
                    return;
                }
            }
        };
        if timeout(PATIENCE, seen).await.is_err() {
            panic!("the node does not see the blocks {heads:?}: {}", self.log());
        }
        let idle = async {
            loop {
                let status: NodeStatus = read(self.ask("bmn_status", json!([])).await);
                let jobs = |state| status.jobs.get(&state).copied().unwrap_or_default();
                if jobs(JobState::Ready) + jobs(JobState::Leased) == 0 {
                    return;
                }
                look.tick().await;
            }
        };
        // What stays ready is asked again at a later block.
        let _ = timeout(BUSY, idle).await;
    }

    /// Steps until `done`.
    pub(crate) async fn until(&mut self, what: &str, done: impl AsyncFn(&Self) -> bool) {
        for _ in 0..MOST_STEPS {
            if done(self).await {
                return;
            }
            self.step().await;
        }
        let swaps: Vec<_> = self
            .swaps()
            .await
            .into_iter()
            .map(|swap| (swap.dialect, swap.status, swap.jobs))
            .collect();
        panic!("{what}: not reached; {swaps:?}\n{}", self.log());
    }

    /// Steps up to a time, unix seconds.
    pub(crate) async fn until_time(&mut self, time: u64) {
        while self.now < time {
            self.step().await;
        }
    }

    /// Steps until each of the swaps has the status; another end is a failure.
    pub(crate) async fn all_reach(&mut self, ids: &[String], status: SwapStatus) {
        let what = format!("{status} of {ids:?}");
        self.until(&what, async |world| {
            for id in ids {
                let swap = world.swap(id).await;
                assert!(
                    swap.status == status || !swap.terminal,
                    "{}: {} instead of {status}: {:?}",
                    swap.dialect,
                    swap.status,
                    swap.refusals
                );
                if swap.status != status {
                    return false;
                }
            }
            true
        })
        .await;
    }

    /// Lets every end become confirmed.
    pub(crate) async fn finish(&mut self) {
        for _ in 0..8 {
            self.step().await;
        }
    }

    /// Mines what was sent, and each must have succeeded.
    pub(crate) async fn mined(&mut self, chain: usize, sent: &[Sent], what: &str) -> Vec<Value> {
        self.step().await;
        let mut receipts = Vec::new();
        for sent in sent {
            receipts.push(self.chains[chain].succeeded(sent, what).await);
        }
        receipts
    }

    /// A coin, and tokens out of nothing.
    pub(crate) async fn endow(
        &mut self,
        chain: usize,
        account: Address,
        tokens: &[(Address, U256)],
    ) {
        let mut faucet = self.chains[chain].wallet(DevAccount::Faucet.signer()).await;
        let coin = U256::from(10).pow(U256::from(18));
        let sent = send(&mut faucet, account, coin, Bytes::new()).await;
        self.mined(chain, &[sent], "a coin").await;
        self.mint(chain, account, tokens).await;
    }

    /// Tokens out of nothing.
    pub(crate) async fn mint(
        &mut self,
        chain: usize,
        account: Address,
        tokens: &[(Address, U256)],
    ) {
        let mut faucet = self.chains[chain].wallet(DevAccount::Faucet.signer()).await;
        let mut sent = Vec::new();
        for (token, amount) in tokens {
            let mint = calldata::mint(account, *amount);
            sent.push(send(&mut faucet, *token, U256::ZERO, mint).await);
        }
        self.mined(chain, &sent, "new tokens").await;
    }
}

/// One line for whoever runs the check.
#[allow(clippy::disallowed_macros, reason = "the check says what it has checked")]
pub(crate) fn say(dialect: Dialect, path: &str, checked: &str) {
    println!("  ok  {dialect}: {path}: {checked}");
}
