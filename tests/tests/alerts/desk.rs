//! A world, what looks at it, and who is told.

use bmn_alerts::{
    BalanceFacts, Clock, Courier, Engine, FactSource, Kind, Message, Route, RouteParts, Severity,
    Thresholds, publish,
};
use bmn_node::rules_of;
use bmn_queue::Rules;
use bmn_records::Records;
use bmn_scheduler::SchedulerHandle;
use bmn_sim::accounts::DevAccount;
use bmn_tests::{World, policy};
use bmn_upkeep::{FactParts, NodeFacts};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use serde_json::Value;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};
use tokio_util::sync::CancellationToken;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};
use zeroize::Zeroizing;

/// Name of the route.
const ROUTE: &str = "webhook";

/// Milliseconds that a test sets.
#[derive(Default)]
pub(crate) struct Time(pub(crate) AtomicU64);

impl Clock for Time {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl bmn_scheduler::Clock for Time {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Looks at a world and tells a webhook.
pub(crate) struct Desk {
    pub(crate) clock: Arc<Time>,
    /// What the account has, as a test or a job read it.
    pub(crate) balances: Balances,
    /// What is watched of it and was not read yet.
    pub(crate) unread: Unread,
    source: NodeFacts,
    engine: Engine,
    records: Records,
    route: Route,
    server: MockServer,
    recorder: PrometheusRecorder,
}

/// The rules of a world, but for how many orders may be open.
fn rules(world: &World, max_open_orders: u64) -> Rules {
    let specs = world.network.chains.iter().map(|node| &node.spec);
    let policy = bmn_swap::Policy { max_open_orders, ..policy() };
    rules_of(DevAccount::Resolver.address(), specs, policy)
}

type Balances = Arc<Mutex<Vec<BalanceFacts>>>;
type Unread = Arc<Mutex<Vec<(u64, String)>>>;

/// What looks at a world.
fn facts(
    world: &World,
    rules: Arc<Rules>,
    (balances, unread): (Balances, Unread),
    jobs: Option<SchedulerHandle>,
    clock: &Arc<Time>,
) -> NodeFacts {
    NodeFacts::new(FactParts {
        store: world.resolver.store().clone(),
        rules: Box::new(move || Arc::clone(&rules)),
        rpc: world.resolver.handlers(),
        clients: world.network.chains.iter().map(|node| node.client.clone() as _).collect(),
        balances: Box::new(move || balances.lock().unwrap().clone()),
        unread: Box::new(move || unread.lock().unwrap().clone()),
        jobs,
        directory: None,
        backups: None,
        clock: Arc::clone(clock) as _,
    })
}

impl Desk {
    pub(crate) async fn over(world: &World) -> Self {
        Self::with(world, policy().max_open_orders, Arc::default(), None).await
    }

    pub(crate) async fn with(
        world: &World,
        max_open_orders: u64,
        clock: Arc<Time>,
        jobs: Option<SchedulerHandle>,
    ) -> Self {
        let (balances, unread) = (Balances::default(), Unread::default());
        let rules = Arc::new(rules(world, max_open_orders));
        let known = (Arc::clone(&balances), Arc::clone(&unread));
        let source = facts(world, rules, known, jobs, &clock);
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(204);
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let parts = RouteParts {
            name: ROUTE.to_owned(),
            url: Zeroizing::new(server.uri()),
            secret: None,
            least: Severity::Warning,
        };
        let records = Records::in_memory().unwrap();
        let engine = Engine::open(records.clone(), 0).unwrap();
        let recorder = PrometheusBuilder::new().build_recorder();
        let route = Route::new(parts).unwrap();
        Self { clock, balances, unread, source, engine, records, route, server, recorder }
    }

    /// The next process over the same records, which has read no balance yet.
    pub(crate) fn restarted(self, world: &World, at: u64, jobs: Option<SchedulerHandle>) -> Self {
        self.clock.0.store(at * 1_000, Ordering::Relaxed);
        let (balances, unread) = (Balances::default(), Unread::default());
        let rules = Arc::new(rules(world, policy().max_open_orders));
        let known = (Arc::clone(&balances), Arc::clone(&unread));
        let source = facts(world, rules, known, jobs, &self.clock);
        let engine = Engine::open(self.records.clone(), at * 1_000).unwrap();
        Self { balances, unread, source, engine, ..self }
    }

    /// Looks at a moment, unix seconds.
    pub(crate) async fn look(&mut self, at: u64) -> Vec<Message> {
        self.clock.0.store(at * 1_000, Ordering::Relaxed);
        let facts = self.source.facts().await;
        let routes = std::slice::from_ref(&self.route);
        let told = self.engine.look(&facts, &Thresholds::default(), routes);
        metrics::with_local_recorder(&self.recorder, || publish(&facts, self.engine.stands()));
        told
    }

    /// What is measured of a series.
    pub(crate) fn measured(&self, series: &str) -> f64 {
        let text = self.recorder.handle().render();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
    }

    /// What stands of a kind, as it is measured.
    pub(crate) fn active(&self, kind: Kind, severity: Severity) -> f64 {
        let (kind, severity) = (kind.name(), severity.name());
        self.measured(&format!("bmn_alert_active{{kind=\"{kind}\",severity=\"{severity}\"}}"))
    }

    /// Bodies that the webhook received of a kind, once everything that waits was brought.
    pub(crate) async fn received(&self, kind: Kind) -> Vec<Value> {
        let stop = CancellationToken::new();
        let (outbox, clock) = (self.engine.outbox(), Arc::clone(&self.clock));
        let courier = Courier::new(self.route.clone(), outbox.clone(), "n".to_owned(), clock);
        let emptied = async {
            while outbox.waiting(ROUTE, 0).unwrap() > 0 {
                tokio::task::yield_now().await;
            }
            stop.cancel();
        };
        tokio::join!(courier.run(stop.clone()), emptied);
        let requests = self.server.received_requests().await.unwrap();
        let bodies = requests.iter().map(|it| serde_json::from_slice::<Value>(&it.body).unwrap());
        bodies.filter(|body| body["kind"] == kind.name()).collect()
    }
}

/// Severities of what was told of a kind.
pub(crate) fn of(told: &[Message], kind: Kind) -> Vec<Severity> {
    told.iter().filter(|it| it.id.kind == kind).map(|it| it.alert.severity).collect()
}

/// What was told of a kind.
pub(crate) fn told(told: &[Message], kind: Kind) -> Vec<&'static str> {
    told.iter().filter(|it| it.id.kind == kind).map(|it| it.told.name()).collect()
}
