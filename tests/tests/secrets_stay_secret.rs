//! Design rule M5: a secret that no chain has shown is in no log, span, error, answer, database file or
//! backup; not when it is given to us, not when it is wrong, not while its transaction waits.

use alloy::primitives::{B256, hex};
use bmn_primitives::Secret;
use bmn_sim::{
    accounts::{DevAccount, secret_bytes},
    rpc::ResolverRpc,
    scenario::Behaviour,
};
use bmn_store::{Store, StoreOptions, backup};
use bmn_swap::Status;
use bmn_telemetry::{Format, Traces, log as log_to};
use bmn_tests::{SEED, World, swap};
use serde_json::{Value, json};
use std::{
    io::Write,
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::{runtime::Handle, task::spawn_blocking};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

/// Collects everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The forms in which bytes could show up.
struct Needle(Vec<Vec<u8>>);

impl Needle {
    fn new(bytes: [u8; 32]) -> Self {
        let text = hex::encode(bytes);
        let decimal = alloy::primitives::U256::from_be_bytes(bytes).to_string();
        let list = format!("{bytes:?}");
        let list = list.trim_matches(['[', ']']).to_owned();
        let upper = text.to_uppercase();
        let texts = [text, upper, decimal, list].map(String::into_bytes);
        Self(std::iter::once(bytes.to_vec()).chain(texts).collect())
    }

    fn is_in(&self, hay: &[u8]) -> bool {
        self.0.iter().any(|form| hay.windows(form.len()).any(|window| window == form))
    }
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            (path.display().to_string(), std::fs::read(&path).expect("a file"))
        })
        .collect()
}

async fn answers(world: &World) -> String {
    let mut all = String::new();
    let (id, _) = world.statuses()[0];
    let calls: [(&'static str, Value); 8] = [
        ("bmn_status", json!([])),
        ("bmn_getSwap", json!([id.to_string()])),
        ("bmn_getSwaps", json!([{}])),
        ("bmn_getJobs", json!([{}])),
        ("bmn_getChanges", json!([1])),
        ("bmn_getEvents", json!([{ "chain": 1337 }])),
        ("bmn_getEvents", json!([{ "chain": 1338 }])),
        ("bmn_getWithdrawPermission", json!([id.to_string()])),
    ];
    for (method, params) in calls {
        let answer = world.rpc().request(method, params).await;
        let text = format!("{answer:?}");
        assert!(answer.is_ok() || method == "bmn_getWithdrawPermission", "{method}: {text}");
        all.push_str(&text);
    }
    all
}

async fn errors(world: &World, secret: [u8; 32]) -> String {
    let mut all = String::new();
    let text = hex::encode(secret);
    let bad = [
        format!("0x{text}00"),
        text.clone(),
        format!("0x{}", &text[..63]),
        format!("0x{text}").replace('a', "g"),
        format!("\u{1f5dd}{text}"),
    ];
    for wrong in bad {
        let answer = world.rpc().request("bmn_submitSecret", json!([wrong])).await;
        all.push_str(&format!("{answer:?}"));
    }
    for misplaced in [json!([[text.clone()]]), json!({ "secret": text }), json!([{ "x": text }])] {
        all.push_str(&format!("{:?}", world.rpc().request("bmn_submitSecret", misplaced).await));
    }
    let id = format!("0x{text}");
    all.push_str(&format!(
        "{:?}",
        world.rpc().request("bmn_submitSecret", json!([id, "1:2"])).await
    ));
    all
}

#[tokio::test]
async fn nowhere_in_the_clear_until_a_chain_shows_it() {
    let log = Log::default();
    let writer = log.clone();
    let collector = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&collector).await;
    let traces = Traces::to(&collector.uri(), Handle::current()).expect("a collector");
    let (subscriber, _) =
        log_to("trace", Format::Text, move || writer.clone(), Some(&traces)).expect("a filter");
    let _guard = tracing::subscriber::set_default(subscriber);

    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(StoreOptions::directory(directory.path())).expect("a new store");
    let mut world = World::with_store(vec![swap(0, Behaviour::Silent)], store).await;
    let both = |world: &World| world.status() == Some(Status::BothLocked);
    assert!(world.run_until(300, both).await);
    for _ in 0..60 {
        world.mine();
        world.settle().await;
    }

    let bytes = secret_bytes(SEED, 0);
    let needle = Needle::new(bytes);
    let key = Needle::new(DevAccount::Resolver.signer().to_bytes().0);
    let mut said = errors(&world, bytes).await;
    let text = B256::from(bytes).to_string();
    let taken = world.rpc().request("bmn_submitSecret", json!([text])).await;
    said.push_str(&format!("{:?}", taken.expect("it opens the hashlock")));
    said.push_str(&answers(&world).await);

    // The withdrawal is signed and sent, but no block has it yet.
    world.settle().await;
    assert_eq!(world.status(), Some(Status::SecretKnown));
    let pooled = world.network.chains[1].chain.pooled();
    assert!(!pooled.is_empty(), "the withdrawal waits in the pool");
    said.push_str(&answers(&world).await);
    said.push_str(&format!("{:?} {:?}", world.resolver, Secret::new(bytes)));

    // Compressed bytes could hide it: what is restored from them is searched too.
    let elsewhere = tempfile::tempdir().expect("a directory");
    let (taken, restored) = (directory.path().join("backup"), elsewhere.path().join("data"));
    backup::take(world.resolver.store(), None, 0, &taken, &mut |_, _| {}).expect("a backup");
    backup::restore(&taken, &restored, None, &mut |_, _, _| Ok(()), &mut || Ok(()), &mut |_, _| {})
        .expect("restored");
    let logged = log.0.lock().expect("not poisoned").clone();
    assert!(logged.len() > 1_000, "something was logged");
    spawn_blocking(move || traces.stop()).await.expect("spans are sent");
    let spans = collector.received_requests().await.expect("they are kept");
    let spans: Vec<u8> = spans.into_iter().flat_map(|request| request.body).collect();
    let told = b"withdrawDestination";
    assert!(spans.windows(told.len()).any(|it| it == told), "the withdrawal has a span");
    for (what, hay) in files(directory.path())
        .into_iter()
        .chain(files(&restored))
        .chain([("log".to_owned(), logged), ("spans".to_owned(), spans)])
        .chain([("answers".to_owned(), said.into_bytes())])
    {
        assert!(!needle.is_in(&hay), "the secret is in {what}");
        assert!(!key.is_in(&hay), "the signing key is in {what}");
    }

    // Once a chain has shown it, it is no secret: the same search finds it.
    world.mine();
    world.settle().await;
    world.mine();
    world.settle().await;
    assert_eq!(world.status(), Some(Status::DestinationPaid));
    let answer = format!("{:?}", world.rpc().request("bmn_getSwaps", json!([{}])).await);
    let shown = needle.is_in(answers(&world).await.as_bytes()) || needle.is_in(answer.as_bytes());
    assert!(shown, "the search can find a secret");
}
