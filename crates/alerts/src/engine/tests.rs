use super::*;
use crate::{
    AlertLoop, BalanceFacts, ChainFacts, Clock, FactSource, Heartbeat, Kind, RouteParts,
    SIGNATURE_HEADER, Settings, Severity, Told, signature, silent_because,
};
use alloy::primitives::U256;
use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};
use zeroize::Zeroizing;

/// A world of which a test says what is so.
#[derive(Default)]
struct Scripted(Mutex<Facts>);

#[async_trait]
impl FactSource for Scripted {
    async fn facts(&self) -> Facts {
        self.0.lock().clone()
    }
}

impl Clock for Scripted {
    fn now_ms(&self) -> u64 {
        self.0.lock().at_ms
    }
}

fn low(at_ms: u64) -> Facts {
    let balance = BalanceFacts {
        chain: 1,
        token: "TKA".to_owned(),
        balance: U256::from(9),
        threshold: U256::from(1_000),
    };
    Facts { at_ms, balances: vec![balance], ..working() }
}

fn working() -> Facts {
    let chain = ChainFacts {
        chain: 1,
        indexed: Some(7),
        head: Some(7),
        head_age: 1,
        answers: true,
        moved: true,
    };
    Facts { chains: vec![chain], ..Facts::default() }
}

fn parts(url: String, least: Severity) -> RouteParts {
    RouteParts {
        name: "phone".to_owned(),
        url: Zeroizing::new(url),
        secret: Some(Zeroizing::new(b"shared".to_vec())),
        least,
    }
}

struct Running {
    world: Arc<Scripted>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), AlertError>>,
}

#[allow(clippy::disallowed_methods, reason = "each test stops and awaits it")]
fn run(records: &Records, settings: Settings, facts: Facts) -> Running {
    let world = Arc::new(Scripted(Mutex::new(facts)));
    let settings = watch::channel(Arc::new(settings)).1;
    let (source, clock) = (Arc::clone(&world), Arc::clone(&world));
    let alerts = AlertLoop::new(source, records.clone(), settings, clock).unwrap();
    let stop = CancellationToken::new();
    Running { world, running: tokio::spawn(alerts.run(stop.clone())), stop }
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

/// Requests of the server once there are so many; the time of the test does not pass meanwhile.
async fn received(server: &MockServer, many: usize) -> Vec<wiremock::Request> {
    loop {
        let requests = server.received_requests().await.unwrap();
        if requests.len() >= many {
            return requests;
        }
        tokio::task::yield_now().await;
    }
}

fn read(request: &wiremock::Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn a_webhook_is_told_what_began_and_what_is_over_and_knows_that_it_is_we() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let records = Records::in_memory().unwrap();
    let route = Route::new(parts(format!("{}/hook/KEY", server.uri()), Severity::Warning)).unwrap();
    let settings =
        Settings { node: "resolver-1".to_owned(), routes: vec![route], ..Settings::default() };
    let running = run(&records, settings, low(1_700_000_000_000));
    let began = received(&server, 1).await.remove(0);
    let body = read(&began);
    assert_eq!(
        (body["kind"].as_str(), body["state"].as_str()),
        (Some("lowBalance"), Some("began"))
    );
    assert_eq!(
        (body["subject"].as_str(), body["node"].as_str()),
        (Some("1/TKA"), Some("resolver-1"))
    );
    assert_eq!((body["severity"].as_str(), body["version"].as_u64()), (Some("warning"), Some(1)));
    assert_eq!(body["runbook"], "docs/runbooks/lowBalance.md");
    let header = began.headers.get(SIGNATURE_HEADER).unwrap().to_str().unwrap();
    assert_eq!(header, signature(b"shared", 1_700_000_000_000, &began.body));
    assert_ne!(header, signature(b"other", 1_700_000_000_000, &began.body));
    *running.world.0.lock() = Facts { at_ms: 1_700_000_001_000, ..working() };
    let over = read(&received(&server, 2).await[1]);
    assert_eq!((over["kind"].as_str(), over["state"].as_str()), (Some("lowBalance"), Some("over")));
    running.stop().await;
}

#[tokio::test]
async fn a_route_hears_only_what_is_severe_enough() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let records = Records::in_memory().unwrap();
    let route = Route::new(parts(server.uri(), Severity::Critical)).unwrap();
    let settings = Settings { routes: vec![route], ..Settings::default() };
    let facts = Facts { halted: Some("no disk".to_owned()), ..low(1) };
    let running = run(&records, settings, facts);
    assert_eq!(read(&received(&server, 1).await[0])["kind"], "halted");
    running.stop().await;
    assert_eq!(
        server.received_requests().await.unwrap().len(),
        1,
        "a warning is none of its business"
    );
    let mut engine = Engine::open(records, 2).unwrap();
    assert_eq!(engine.stands().len(), 2, "both stand");
    assert!(
        engine.look(&low(3), &Thresholds::default(), &[]).iter().any(|it| it.told == Told::Over)
    );
}

#[tokio::test]
async fn what_did_not_arrive_is_brought_by_the_next_process() {
    let records = Records::in_memory().unwrap();
    let route = Route::new(parts("http://127.0.0.1:9/".to_owned(), Severity::Warning)).unwrap();
    let mut engine = Engine::open(records.clone(), 1).unwrap();
    let told = engine.look(&low(1), &Thresholds::default(), &[route]);
    assert_eq!((told.len(), engine.outbox().waiting("phone", 1).unwrap()), (1, 1));
    drop(engine);
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let route = Route::new(parts(server.uri(), Severity::Warning)).unwrap();
    let settings = Settings { routes: vec![route], ..Settings::default() };
    let running = run(&records, settings, low(2));
    let requests = received(&server, 2).await;
    assert_eq!(read(&requests[0]), read(&requests[1]), "it is tried again");
    running.stop().await;
    let outbox = Outbox::new(records);
    assert_eq!(outbox.waiting("phone", 3).unwrap(), 0, "told once, and taken away");
}

#[tokio::test]
async fn messages_that_wait_are_bounded_and_the_newest_stay() {
    let records = Records::in_memory().unwrap();
    let message = |at_ms| Message { at_ms, ..Message::test(at_ms) };
    let tx = records.write().unwrap();
    let many = (0..MOST as u64 + 5).map(message).collect();
    Outbox::add(&tx, [("phone".to_owned(), many)], 1).unwrap();
    tx.commit().unwrap();
    let outbox = Outbox::new(records);
    assert_eq!(outbox.waiting("phone", 1).unwrap(), MOST);
    assert_eq!(outbox.first("phone", 1).unwrap().unwrap().1.at_ms, 5);
    assert_eq!(outbox.waiting("pho", 1).unwrap(), 0, "a route is not another one's beginning");
}

const MOST: usize = crate::MOST_WAITING;

#[tokio::test]
async fn the_dead_man_signal_is_heard_only_while_the_node_works() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let url = Zeroizing::new(format!("{}/ping/KEY", server.uri()));
    let heartbeat = Arc::new(Heartbeat::new(&url, Duration::from_secs(60)).unwrap());
    assert!(!format!("{heartbeat:?}").contains("KEY"));
    let (pulse, heard) = watch::channel(crate::Pulse::of(&working(), &Thresholds::default()));
    let stop = CancellationToken::new();
    let calls = async {
        received(&server, 1).await;
        stop.cancel();
    };
    tokio::join!(Arc::clone(&heartbeat).run(heard.clone(), stop.clone()), calls);
    for bad in [
        Facts { halted: Some("no disk".to_owned()), ..working() },
        Facts { records_failed: Some("no disk".to_owned()), ..working() },
        Facts { overall: Overall::Unhealthy, ..working() },
        Facts::default(),
        Facts { chains: vec![ChainFacts { head_age: 120, ..working().chains[0] }], ..working() },
        Facts { chains: vec![ChainFacts { head: Some(99), ..working().chains[0] }], ..working() },
        Facts { chains: vec![ChainFacts { indexed: None, ..working().chains[0] }], ..working() },
    ] {
        assert!(silent_because(&bad, &Thresholds::default()).is_some(), "{bad:?}");
        pulse.send_replace(crate::Pulse::of(&bad, &Thresholds::default()));
        let stop = CancellationToken::new();
        let beats = Arc::clone(&heartbeat).run(heard.clone(), stop.clone());
        let patience = tokio::time::timeout(Duration::from_millis(20), beats).await;
        assert!(patience.is_err());
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pulse_that_nobody_renews_is_no_sign_of_life() {
    let pulse = crate::Pulse::of(&working(), &Thresholds::default());
    let every = Duration::from_secs(60);
    assert_eq!(pulse.why_silent(every), None);
    tokio::time::advance(every * 2).await;
    assert_eq!(pulse.why_silent(every), None);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(pulse.why_silent(every).is_some());
}

#[test]
fn the_state_before_a_change_is_kept() {
    let records = Records::in_memory().unwrap();
    let mut engine = Engine::open(records.clone(), 0).unwrap();
    let mut look = |overall, at_ms| {
        engine.look(&Facts { overall, at_ms, ..working() }, &Thresholds::default(), &[])
    };
    look(Overall::Healthy, 1);
    look(Overall::Healthy, 60_001);
    let told = look(Overall::Unhealthy, 120_001);
    assert_eq!(
        (told[0].id.kind, told[0].alert.severity),
        (Kind::OverallHealth, Severity::Critical)
    );
    let rows = HealthRow::read(&records, 120_002).unwrap();
    let [latest, previous] = rows.map(|row| row.map(|row| (row.status, row.at_ms)));
    assert_eq!((latest, previous), (Some((2, 120_001)), Some((0, 60_001))));
}
