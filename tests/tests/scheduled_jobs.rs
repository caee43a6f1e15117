//! The scheduled jobs over a resolver at work.

use alloy::primitives::{Address, B256, Bytes, U256};
use async_trait::async_trait;
use bmn_chain::{
    CallOutcome, CallRequest, ChainClient, ChainError, Fees, MinedCall, RawReceipts, Simulation,
    TxReceipt,
};
use bmn_config::{Backup, Retention, Upkeep as Config};
use bmn_node::{ChainHost, ResolverHandle};
use bmn_primitives::{BlockRef, ChainId, ErrorClass, OrderId};
use bmn_queue::{JobFilter, list, reconcile};
use bmn_records::{Reads as _, Records, Table};
use bmn_scheduler::{
    Clock, JobContext, JobError, Limits, Outcome, ProcessMemory, RunResult, SchedulerError,
};
use bmn_sim::{rpc::ResolverRpc, scenario::Behaviour};
use bmn_store::{Reads, backup, testing::CrashBackend, testing::damage_leg};
use bmn_swap::Status;
use bmn_tests::{World, memory_store, swap};
use bmn_upkeep::{Ground, JOBS, Machine, Upkeep, jobs, latest_health, report_of, windows_since};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio_util::sync::CancellationToken;

/// 2026-03-01 12:00 UTC, by the wall.
const NOW: u64 = 1_772_366_400_000;
const DAY: u64 = 86_400_000;

fn ground(world: &World, config: Config) -> Ground {
    Ground {
        resolver: world.resolver.handle(),
        rpc: world.resolver.handlers(),
        records: Records::in_memory().expect("records"),
        directory: std::env::temp_dir(),
        config: Arc::new(config),
        balances: Default::default(),
    }
}

async fn run_at(ground: &Ground, name: &str, now_ms: u64) -> Result<Outcome, JobError> {
    let all = jobs(ground);
    let job = all.iter().find(|job| job.spec().name == name).expect("there is such a job");
    job.run(&JobContext::alone(now_ms, CancellationToken::new())).await
}

async fn counted(ground: &Ground, name: &str) -> impl Fn(&str) -> u64 + use<> {
    let outcome = run_at(ground, name, NOW).await.expect("it runs");
    move |counter| outcome.counters.get(counter).copied().unwrap_or_else(|| panic!("{counter}"))
}

async fn locked() -> World {
    let mut world = World::new(vec![swap(0, Behaviour::Silent)]).await;
    let both = |world: &World| world.status() == Some(Status::BothLocked);
    assert!(world.run_until(60, both).await, "{:?}", world.status());
    world
}

fn jobs_of(resolver: &ResolverHandle, order: OrderId) -> usize {
    let filter = JobFilter { order: Some(order), ..JobFilter::default() };
    list(&resolver.store().read().expect("a snapshot"), &filter, None, 99).expect("jobs").len()
}

#[tokio::test]
async fn what_no_block_made_of_a_plan_the_sweep_makes_of_it() {
    let world = locked().await;
    let ground = ground(&world, Config::default());
    let seen = counted(&ground, "timelockMonitor").await;
    assert_eq!((seen("ordersChecked"), seen("ordersRefreshed"), seen("ordersUnjudged")), (1, 0, 0));

    // Its jobs are lost.
    let (order, _) = world.statuses()[0];
    let before = jobs_of(&ground.resolver, order);
    assert!(before > 0);
    let mut tx = ground.resolver.store().write().expect("the writer");
    reconcile(&mut tx, order, &[], |_| None).expect("reconciled");
    tx.commit().expect("committed");
    // What is sent stays until its nonce is settled.
    assert!(jobs_of(&ground.resolver, order) < before);
    let seen = counted(&ground, "timelockMonitor").await;
    assert_eq!(seen("ordersRefreshed"), 1);
    assert_eq!(jobs_of(&ground.resolver, order), before);
    assert_eq!(counted(&ground, "timelockMonitor").await("ordersRefreshed"), 0);

    // Its status is another than its plan says.
    let mut tx = ground.resolver.store().write().expect("the writer");
    let mut state = tx.order_state(order).expect("read").expect("it is there");
    state.status = Status::SourceLocked;
    tx.put_order_state(order, &state).expect("written");
    tx.commit().expect("committed");
    assert_eq!(counted(&ground, "timelockMonitor").await("ordersRefreshed"), 1);
    assert_eq!(world.status(), Some(Status::BothLocked));
}

#[tokio::test]
async fn a_cancellation_that_nothing_was_made_of_gets_its_step_and_is_sent() {
    let mut world = locked().await;
    let ground = ground(&world, Config::default());
    let (order, _) = world.statuses()[0];
    let mut tx = ground.resolver.store().write().expect("the writer");
    reconcile(&mut tx, order, &[], |_| None).expect("reconciled");
    tx.commit().expect("committed");
    let seen = counted(&ground, "cancellationCheck").await;
    assert!(seen("cancellationsDue") > 0);
    assert_eq!((seen("cancellationsMissing"), seen("cancellationsGivenUp")), (1, 0));
    assert_eq!(counted(&ground, "cancellationCheck").await("cancellationsMissing"), 0);
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Cancelled));
    assert_eq!(counted(&ground, "cancellationCheck").await("ordersChecked"), 0);
}

#[tokio::test]
async fn steps_near_their_latest_safe_time_are_counted() {
    let mut world = locked().await;
    let config = Config::default();
    let near = config.alerts.timelock_secs;
    let ground = ground(&world, config);
    let closing = |world: &World| {
        let read = world.resolver.store().read().expect("a snapshot");
        let jobs = list(&read, &JobFilter::default(), None, 99).expect("jobs");
        let is_near = |job: &bmn_queue::JobRow| {
            let tip = read.cursor(job.key.chain).expect("a cursor").tip.expect("a tip");
            job.deadline.is_some_and(|at| at > tip.time && at - tip.time < near)
        };
        jobs.iter().filter(|job| is_near(job)).count() as u64
    };
    assert!(world.run_until(500, |world| closing(world) > 0).await, "a window comes near");
    assert_eq!(counted(&ground, "timelockMonitor").await("stepsClosing"), closing(&world));
}

/// A chain whose escrows hold nothing, once somebody says so.
struct Emptied(Arc<dyn ChainClient>, Arc<AtomicBool>);

#[async_trait]
impl ChainClient for Emptied {
    fn chain_id(&self) -> ChainId {
        self.0.chain_id()
    }

    async fn head(&self) -> Result<BlockRef, ChainError> {
        self.0.head().await
    }

    async fn simulate(&self, call: &CallRequest) -> Result<Simulation, ChainError> {
        self.0.simulate(call).await
    }

    async fn call(&self, call: &CallRequest) -> Result<CallOutcome, ChainError> {
        if self.1.load(Ordering::SeqCst) {
            return Ok(CallOutcome::Success(Bytes::from(vec![0; 32])));
        }
        self.0.call(call).await
    }

    async fn nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.0.nonce(account).await
    }

    async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        self.0.balance(account).await
    }

    async fn code(&self, account: Address) -> Result<Bytes, ChainError> {
        self.0.code(account).await
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        self.0.fees().await
    }

    async fn send_raw(&self, raw: &Bytes) -> Result<B256, ChainError> {
        self.0.send_raw(raw).await
    }

    async fn receipt(&self, tx: B256) -> Result<Option<TxReceipt>, ChainError> {
        self.0.receipt(tx).await
    }

    async fn mined_call(&self, tx: B256) -> Result<Option<MinedCall>, ChainError> {
        self.0.mined_call(tx).await
    }

    async fn block_receipts(&self, block: B256) -> Result<Option<RawReceipts>, ChainError> {
        self.0.block_receipts(block).await
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.0.pending_nonce(account).await
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_that_the_chain_contradicts_is_told_and_one_that_is_behind_is_not() {
    let (disk, lies) = (CrashBackend::new(), Arc::new(AtomicBool::new(false)));
    let mut world = World::with_store(vec![swap(0, Behaviour::Silent)], memory_store(&disk)).await;
    let store = world.resolver.store().clone();
    let over = Arc::clone(&lies);
    world.restart_over(store, move |host| ChainHost {
        client: Arc::new(Emptied(host.client, Arc::clone(&over))),
        ..host
    });
    let both = |world: &World| world.status() == Some(Status::BothLocked);
    assert!(world.run_until(60, both).await);
    let ground = ground(&world, Config::default());
    let seen = counted(&ground, "stateSync").await;
    assert_eq!((seen("ordersChecked"), seen("escrowsChecked")), (1, 2));
    assert_eq!((seen("discrepanciesFound"), seen("syncErrors")), (0, 0));

    lies.store(true, Ordering::SeqCst);
    let outcome = run_at(&ground, "stateSync", NOW).await.expect("it runs");
    assert_eq!(outcome.counters["discrepanciesFound"], 2);
    let note = outcome.note.expect("a note");
    assert!(note.contains("it holds 0 of") && note.contains("bmn verify"), "{note}");

    // Blocks that the index has not seen may explain it.
    world.mine();
    let seen = counted(&ground, "stateSync").await;
    assert!(seen("discrepanciesFound") < 2 && seen("escrowsBehind") > 0);
    lies.store(false, Ordering::SeqCst);
    assert!(world.run_to_end().await);
    assert_eq!(counted(&ground, "stateSync").await("ordersChecked"), 0);
}

#[tokio::test]
async fn balances_are_read_kept_and_compared() {
    let world = World::new(Vec::new()).await;
    let mut config = Config::default();
    config.balances.coin = u128::MAX;
    let ground = ground(&world, config);
    let outcome = run_at(&ground, "balanceMonitor", NOW).await.expect("it runs");
    let all = ground.balances.all();
    assert_eq!(outcome.counters["balancesRead"], all.len() as u64);
    assert_eq!((outcome.counters["balancesLow"], outcome.counters["readsFailed"]), (2, 0));
    let us = ground.resolver.rules().us;
    for balance in &all {
        let node = world.network.chain(balance.chain).expect("a chain");
        let held = node.balance_of(balance.token, us).await.expect("a balance");
        assert_eq!(balance.amount, held, "{}", balance.symbol);
        assert_eq!(balance.is_low(), balance.token.is_zero());
    }
    let snapshots: Table<[u8; 32]> = Table::new("balance_snapshots");
    let kept = |now| {
        let read = ground.records.read().expect("records");
        read.list(&snapshots, b"", false, 99, now).expect("rows").len()
    };
    assert_eq!((kept(NOW), kept(NOW + 7 * DAY)), (all.len(), 0));
}

#[tokio::test]
async fn the_index_is_verified_slice_by_slice_and_damage_is_told() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    assert!(world.run_to_end().await);
    let ground = ground(&world, Config::default());
    let seen = counted(&ground, "statePersistence").await;
    assert_eq!(seen("chainsVerified"), 2);
    assert!(seen("eventsVerified") >= 4);
    let chain = world.network.chains[0].id();
    let read = ground.resolver.store().read().expect("a snapshot");
    let (order, _) = world.statuses()[0];
    let source = read.order_state(order).expect("read").expect("a state").source.expect("bound");
    drop(read);
    damage_leg(ground.resolver.store(), chain, source.escrow).expect("damaged");
    let error = run_at(&ground, "statePersistence", NOW).await.expect_err("it is found");
    assert_eq!(error.class(), ErrorClass::Corrupt, "{error}");
    assert!(error.to_string().contains("bmn verify --rebuild"), "{error}");
}

#[tokio::test]
async fn windows_count_each_order_once_and_reports_are_their_sums() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest), swap(1, Behaviour::Silent)]).await;
    let ground = ground(&world, Config::default());
    run_at(&ground, "metricsAggregator", NOW).await.expect("it runs");
    assert!(world.run_to_end().await);
    let window = run_at(&ground, "metricsAggregator", NOW + 300_000).await.expect("it runs");
    let expected = [("created", 2), ("completed", 1), ("cancelled", 1), ("failed", 0)];
    for (name, count) in expected {
        assert_eq!(window.counters[name], count, "{name}");
    }
    assert_eq!(window.counters["windowSeconds"], 300);
    let next = run_at(&ground, "metricsAggregator", NOW + 600_000).await.expect("it runs");
    assert_eq!((next.counters["created"], next.counters["completed"]), (0, 0));

    let windows = windows_since(&ground.records, NOW, NOW + 600_000).expect("windows");
    assert_eq!(windows.len(), 2, "the first began when it was made");
    assert!(windows[0].sums.average_seconds().is_some_and(|seconds| seconds > 0));
    assert_eq!(windows[0].sums.volumes.len(), 1);
    let report = run_at(&ground, "dailyReport", NOW + 700_000).await.expect("it runs");
    let note = report.note.expect("a note");
    assert!(note.starts_with("2026-03-01: 2 taken, 1 completed ("), "{note}");
    let kept = |now| report_of(&ground.records, NOW / DAY, now).expect("records");
    assert_eq!(kept(NOW + 700_000).expect("kept").windows, 3);
    assert!(kept(NOW + 91 * DAY).is_none());
}

#[tokio::test]
async fn health_is_kept_with_the_one_before() {
    let mut world = World::new(Vec::new()).await;
    let ground = ground(&world, Config::default());
    let first = run_at(&ground, "healthCheck", NOW).await.expect("it runs");
    world.settle().await;
    run_at(&ground, "healthCheck", NOW + 1).await.expect("it runs");
    let [latest, previous] = latest_health(&ground.records).expect("records");
    let (latest, previous) = (latest.expect("one"), previous.expect("one"));
    assert_eq!((latest.at_ms, previous.at_ms), (NOW + 1, NOW));
    assert_ne!(previous.status, "healthy", "{first:?}");
    assert_eq!((latest.status.as_str(), latest.parts.len()), ("healthy", 0), "{latest:?}");
}

#[tokio::test]
async fn a_backup_is_taken_and_the_oldest_go_and_ended_orders_stay_unless_told() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    assert!(world.run_to_end().await);
    let place = tempfile::tempdir().expect("a directory");
    let backup = Backup { directory: Some(place.path().join("b")), keep: 2 };
    let ground = ground(&world, Config { backup, ..Config::default() });
    for n in 0..3 {
        run_at(&ground, "dailyBackup", NOW + n).await.expect("it runs");
    }
    let kept = backup::backups(&place.path().join("b")).expect("listed");
    assert_eq!(kept.len(), 2);
    let report = backup::check(&kept[1], &mut |_, _| {}).expect("it is whole");
    assert!(report.rows() > 0);

    let cleaned = run_at(&ground, "orderCleanup", NOW).await.expect("it runs");
    assert!(cleaned.note.expect("a note").contains("everything is kept"));
    let retention = Retention { orders_days: 1, index_days: 1 };
    let directory = place.path().to_owned();
    let config = Arc::new(Config { retention, ..Config::default() });
    let ground = Ground { config, directory, ..ground };
    assert_eq!(counted(&ground, "orderCleanup").await("ordersRemoved"), 0, "it is too young");
    assert_eq!(world.status(), Some(Status::Completed));
    // Two days of the chains later, and final.
    world.sleep(2 * DAY / 1_000);
    assert!(world.run_until(200, |_| false).await || world.status().is_some());
    let cleaned = counted(&ground, "orderCleanup").await;
    assert_eq!((cleaned("ordersArchived"), cleaned("ordersRemoved")), (1, 1));
    assert_eq!(cleaned("escrowsPruned"), 2, "the source and the destination");
    assert_eq!(world.status(), None);
}

#[derive(Debug)]
struct Wall;

impl Clock for Wall {
    fn now_ms(&self) -> u64 {
        NOW
    }
}

#[tokio::test]
async fn a_node_tells_of_its_jobs_and_runs_them_when_asked() {
    let mut world = World::new(Vec::new()).await;
    world.settle().await;
    let asked = world.rpc.request("bmn_schedules", json!([])).await.expect("an answer");
    assert_eq!(asked, json!([]), "nothing is scheduled yet");
    let ground = ground(&world, Config::default());
    let machine = Machine {
        clock: Arc::new(Wall),
        memory: Arc::new(ProcessMemory),
        limits: Limits::default(),
    };
    let upkeep = Upkeep::new(&ground, machine).expect("jobs");
    let (stop, handle) = (CancellationToken::new(), upkeep.handle());
    #[expect(clippy::disallowed_methods, reason = "the test is the supervisor")]
    let running = tokio::spawn(upkeep.run(stop.clone()));
    let asked = world.rpc.request("bmn_schedules", json!([])).await.expect("an answer");
    let names: Vec<_> = asked.as_array().expect("a list").iter().map(|job| &job["name"]).collect();
    assert_eq!(names, JOBS.map(|job| job.name));
    assert_eq!(asked[0]["schedule"], "*/10 * * * * *");

    let begun = world.rpc.request("bmn_runJob", json!(["timelockMonitor"])).await;
    assert_eq!(begun.expect("it begins")["startedMs"], NOW);
    let run = loop {
        let run = handle.runs(Some("timelockMonitor"), 1).expect("records").remove(0);
        if run.result != RunResult::Running {
            break run;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((run.result, run.slot_ms), (RunResult::Succeeded, None));
    let told = world.rpc.request("bmn_scheduledRuns", json!(["timelockMonitor", 5])).await;
    let told = told.expect("an answer");
    assert_eq!(
        (&told[0]["result"], &told[0]["counters"]["ordersChecked"]),
        (&json!("succeeded"), &json!(0))
    );
    assert!(world.rpc.request("bmn_runJob", json!(["nothing"])).await.is_err());
    stop.cancel();
    running.await.expect("no panic").expect("no error");
    assert!(matches!(handle.run_now("timelockMonitor").await, Err(SchedulerError::Stopped)));
}
