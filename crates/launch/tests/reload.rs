//! A configuration file that is changed while somebody watches it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use bmn_config::NodeConfig;
use bmn_launch::{ConfigSource, ConfigWatch, History, Live, LivePart, Outcome, Reloaded, replace};
use bmn_node::SystemClock;
use parking_lot::Mutex;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

const FILE: &str = "data_dir = \"data\"\nindex_only = true\nrpc = \"127.0.0.1:1\"\n[policy]\nmin_profit_bps = 10\n\
                    [alerts]\nwebhook = \"https://hooks.example/hunter2\"\n\
                    [[chains]]\nspec = \"dev-a\"\nendpoints = [\"http://a/hunter2\"]\n";

struct Node {
    _directory: tempfile::TempDir,
    path: PathBuf,
    live: Live,
    /// The profit that each configuration which the first part took asks for.
    taken: Arc<Mutex<Vec<i64>>>,
}

fn live_of(path: &Path) -> Live {
    let source = ConfigSource::new(path, false);
    let file = source.read().unwrap();
    Live::start(source, file, Arc::new(SystemClock::new())).unwrap()
}

fn node() -> Node {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bmn.toml");
    fs::write(&path, FILE).unwrap();
    let mut live = live_of(&path);
    let taken = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&taken);
    live.part(LivePart::new("first", move |config| {
        seen.lock().push(config.policy.min_profit_bps);
        Ok(())
    }));
    Node { _directory: directory, path, live, taken }
}

impl Node {
    fn write(&self, from: &str, to: &str) {
        assert!(FILE.contains(from), "{from}");
        fs::write(&self.path, FILE.replace(from, to)).unwrap();
    }

    fn holds(&self) -> Arc<NodeConfig> {
        Arc::clone(&self.live.subscribe().borrow())
    }

    fn history(&self) -> History {
        History::of(&self.path.with_file_name("data"))
    }
}

#[test]
fn a_changed_limit_holds_at_once_and_what_cannot_change_is_named() {
    let node = node();
    assert_eq!(node.live.reload("signal").unwrap(), Reloaded::Unchanged);
    node.write("min_profit_bps = 10", "min_profit_bps = 25");
    let applied = node.live.reload("file").unwrap();
    assert_eq!(applied, Reloaded::Applied { version: 2, needs_restart: Vec::new() });
    assert_eq!(node.holds().policy.min_profit_bps, 25);
    let changed = FILE.replace("127.0.0.1:1\"", "127.0.0.1:2\"").replace("= 10", "= 30");
    fs::write(&node.path, changed).unwrap();
    let Reloaded::Applied { needs_restart, .. } = node.live.reload("file").unwrap() else {
        panic!("it is applied");
    };
    assert_eq!(needs_restart, ["rpc"]);
    let holds = node.holds();
    assert_eq!((holds.policy.min_profit_bps, holds.rpc.port()), (30, 1));
    assert_eq!(*node.taken.lock(), [25, 30]);
    assert_eq!(node.live.reload("file").unwrap(), Reloaded::Unchanged);
}

#[test]
fn what_is_wrong_is_refused_as_a_whole_and_told_once() {
    let node = node();
    let profit = "min_profit_bps = 10";
    for (from, to, told) in [
        ("[policy]", "[policy", "not TOML"),
        (profit, "min_profit_bps = 25\nmax_open_order = 3", "did you mean `max_open_orders`?"),
        (profit, "min_profit_bps = 25\nslippage_bps = 10_001", "more than 10000 basis points"),
        ("spec = \"dev-a\"", "spec = \"nowhere.toml\"", "nowhere.toml"),
    ] {
        node.write(from, to);
        let Reloaded::Refused { reason, .. } = node.live.reload("file").unwrap() else {
            panic!("{to} was not refused");
        };
        assert!(reason.contains(told), "{to}: {reason}");
        assert_eq!(node.live.reload("file").unwrap(), Reloaded::Unchanged, "told once");
    }
    fs::remove_file(&node.path).unwrap();
    assert!(matches!(node.live.reload("file").unwrap(), Reloaded::Refused { .. }));
    assert_eq!(node.live.reload("file").unwrap(), Reloaded::Unchanged, "told once");
    assert_eq!(node.holds().policy.min_profit_bps, 10);
    assert!(node.taken.lock().is_empty());
    node.write(profit, "min_profit_bps = 11");
    assert!(matches!(node.live.reload("file").unwrap(), Reloaded::Applied { .. }));
}

#[test]
fn a_change_that_fails_half_way_goes_back_everywhere() {
    let mut node = node();
    let second = LivePart::new("second", |config| match config.policy.min_profit_bps {
        25 => Err("no room".to_owned()),
        _ => Ok(()),
    });
    node.live.part(second.checked(|config| match config.policy.min_profit_bps {
        26 => Err("not a number of mine".to_owned()),
        _ => Ok(()),
    }));
    node.write("= 10", "= 25");
    let expected = Reloaded::RolledBack { version: 2, reason: "second: no room".to_owned() };
    assert_eq!(node.live.reload("file").unwrap(), expected);
    assert_eq!(*node.taken.lock(), [25, 10], "the first part has the old one again");
    assert_eq!(node.holds().policy.min_profit_bps, 10);
    node.write("= 10", "= 26");
    let Reloaded::Refused { reason, .. } = node.live.reload("file").unwrap() else {
        panic!("it is refused");
    };
    assert_eq!(reason, "second: not a number of mine");
    assert_eq!(node.taken.lock().len(), 2, "a check comes before any change");
    node.write("= 10", "= 27");
    node.live.reload("file").unwrap();
    let outcomes: Vec<Outcome> =
        node.history().versions().unwrap().iter().map(|version| version.outcome).collect();
    let expected = [Outcome::Applied, Outcome::RolledBack, Outcome::Refused, Outcome::Applied];
    assert_eq!(outcomes, expected);
}

#[test]
fn the_history_has_no_secret_and_goes_on_after_a_restart() {
    let node = node();
    node.write("[policy]", "rpc_key = \"hunter2\"\n[policy]");
    assert!(matches!(node.live.reload("file").unwrap(), Reloaded::Refused { .. }));
    node.write("http://a/hunter2", "http://a/hunter2b");
    let hidden = node.live.reload("file").unwrap();
    let needs_restart = vec!["chains[0].endpoints".to_owned()];
    assert_eq!(hidden, Reloaded::Applied { version: 3, needs_restart });
    for entry in fs::read_dir(node.path.with_file_name("data").join("config-history")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
    }
    // Started again with the same file: it is the newest version already.
    let live = live_of(&node.path);
    assert_eq!(node.history().versions().unwrap().len(), 3);
    node.write("= 10", "= 12");
    assert!(matches!(live.reload("file").unwrap(), Reloaded::Applied { version: 4, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_or_replaced_is_looked_at_without_being_asked_for() {
    let Node { _directory, path, .. } = node();
    let live = Arc::new(live_of(&path));
    let (mut outcomes, mut holds) = (live.outcomes(), live.subscribe());
    let stop = CancellationToken::new();
    let watching = ConfigWatch::new(Arc::clone(&live)).run(stop.clone());
    let driven = async {
        // What is written before the watch has begun is not heard: written until it is.
        let mut bps = 25;
        while tokio::time::timeout(Duration::from_secs(1), outcomes.changed()).await.is_err() {
            bps += 1;
            fs::write(&path, FILE.replace("= 10", &format!("= {bps}"))).unwrap();
        }
        replace(&path, FILE.replace("= 10", "= 99").as_bytes()).unwrap();
        holds.wait_for(|config| config.policy.min_profit_bps == 99).await.unwrap();
        fs::write(&path, "broken").unwrap();
        outcomes.wait_for(|told| matches!(told, Reloaded::Refused { .. })).await.unwrap();
        assert_eq!(holds.borrow().policy.min_profit_bps, 99);
        stop.cancel();
    };
    let (watched, ()) = tokio::join!(watching, driven);
    watched.unwrap();
}
