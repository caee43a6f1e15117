//! Commands for whoever runs the node.

use crate::bmn::{Done, ORDER, run_beside, serve};
use async_trait::async_trait;
use bmn_rpc::{Entrance, JwtKey, Monotonic, ServeLimits, serve_behind};
use bmn_rpc_api::{
    AdminApiServer, Cursor, DeadLetterFilter, DeadLetterPage, JobFilter, JobPage, JobPriority,
    Limit, NodeModes, OperatorApiServer, OrderExplanation, PerformanceMetrics, QueueMetrics,
    RpcErrorCode, RunResult, ScheduledJob, ScheduledRun, ShadowReport, StartedRun, SwapKey,
    WireSwitch,
};
use jsonrpsee::{
    Extensions, PendingSubscriptionSink, RpcModule,
    core::{RpcResult, SubscriptionResult},
    server::ServerHandle,
    types::Params,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A node that explains one order and remembers its modes.
#[derive(Clone)]
struct Operated(Arc<Mutex<NodeModes>>);

fn operated() -> Operated {
    Operated(Arc::new(Mutex::new(NodeModes {
        mode: "full".to_owned(),
        switches: vec![],
        takes_orders: true,
        open_orders: 3,
    })))
}

impl Operated {
    fn read_only(&self) -> RpcModule<()> {
        OperatorApiServer::into_rpc(self.clone()).remove_context()
    }

    fn whole(&self) -> RpcModule<()> {
        let mut module = self.read_only();
        module.merge(AdminApiServer::into_rpc(self.clone()).remove_context()).unwrap();
        module
    }
}

/// A node with so many open orders, no transaction in flight, and every method of its operator.
pub(crate) async fn operated_at(open_orders: u64) -> (ServerHandle, String) {
    let node = operated();
    node.0.lock().unwrap().open_orders = open_orders;
    let mut module = node.whole();
    let status = |_: Params<'_>, _: &(), _: &Extensions| {
        json!({
            "version": "bmn/test", "uptime": 5, "acting": true, "notActingBecause": null, "sequence": 0,
            "orders": {}, "jobs": {},
            "chains": [{
                "id": 1337, "name": "Chain A", "head": null, "finalized": null, "confirmations": 3, "nextNonce": 4,
                "liveTransactions": 0, "account": "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc", "factories": [],
            }],
        })
    };
    module.register_method("bmn_status", status).unwrap();
    serve(module).await
}

fn explanation(accepted: bool) -> OrderExplanation {
    let valued = |chain: u64, amount: &str, value: &str, quotes: Value| {
        json!({
            "chainId": chain, "token": "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512", "amount": amount,
            "decimals": 18, "price": "2000000", "quotes": quotes, "value": value,
        })
    };
    let quote = json!([{ "source": "feed", "price": "2000000", "at": 990, "age": 10 }]);
    let refusals = match accepted {
        true => json!([]),
        false => json!([{ "code": "stalePrice", "message": "the price is 99 s old" }]),
    };
    let valuation = json!({
        "source": valued(1337, "1500000000000000000", "3000000", quote),
        "destination": valued(1338, "1400000000000000000", "2800000", json!([])),
        "sourceDeposit": valued(1337, "0", "0", json!([])),
        "destinationDeposit": valued(1338, "7", "0", json!([])),
        "steps": [{
            "step": "fill", "chainId": 1337, "gas": 357_000, "gasPrice": "1500000000",
            "bytes": 1500, "dataFee": "12", "cost": "1071",
        }],
        "outcomes": {
            "best": "199000", "expected": "198000", "worst": "150000", "failed": "-2000",
            "rescued": "-3000", "worstBps": 500, "worstInSource": "75000000000000000",
        },
    });
    serde_json::from_value(json!({
        "orderId": ORDER, "decision": if accepted { "accepted" } else { "refused" },
        "refusals": refusals, "decidedAt": { "number": 7, "hash": format!("0x{}", "00".repeat(32)), "time": 1000 },
        "valuation": if accepted { valuation } else { Value::Null }, "minProfitBps": 10,
        "caps": [
            { "cap": "maker", "used": "1000000", "adding": "3000000", "limit": "5000000" },
            { "cap": "route", "used": "0", "adding": "3000000", "limit": null },
        ],
        "openOrders": 3, "maxOpenOrders": 10,
        "time": match accepted {
            true => json!({ "steps": [{ "step": "fundDestination", "latest": 1300, "seconds": 300 }], "shortStep": null, "shortSeconds": null }),
            false => json!({ "steps": [], "shortStep": "makerWithdraw", "shortSeconds": 12 }),
        },
        "confirmations": { "source": 12, "destination": 3 },
        "tokenFlags": [{ "chainId": 1337, "token": "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512", "flag": "blocklist" }],
    }))
    .unwrap()
}

#[async_trait]
impl OperatorApiServer for Operated {
    async fn follow_alerts(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        pending.reject(RpcErrorCode::Unavailable.says("no alerts here")).await;
        Ok(())
    }

    async fn queue_metrics(&self) -> RpcResult<Vec<QueueMetrics>> {
        Ok(vec![])
    }

    async fn schedules(&self) -> RpcResult<Vec<ScheduledJob>> {
        Ok(vec![scheduled_job()])
    }

    async fn scheduled_runs(
        &self,
        job: Option<String>,
        _limit: Option<Limit>,
    ) -> RpcResult<Vec<ScheduledRun>> {
        let name = job.unwrap_or_else(|| "stateSync".to_owned());
        Ok(vec![scheduled_run(&name, 7), scheduled_run(&name, 5)])
    }

    async fn performance_metrics(&self) -> RpcResult<PerformanceMetrics> {
        Err(RpcErrorCode::NotSupported.says("not scripted"))
    }

    async fn explain_order(&self, id: SwapKey) -> RpcResult<OrderExplanation> {
        match id.0.as_str() {
            ORDER => Ok(explanation(true)),
            "0x02" => Ok(explanation(false)),
            _ => Err(RpcErrorCode::NotFound.says("no such order")),
        }
    }

    async fn get_mode(&self) -> RpcResult<NodeModes> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn shadow_report(
        &self,
        cursor: Option<Cursor>,
        _limit: Option<Limit>,
    ) -> RpcResult<ShadowReport> {
        let entry = |outcome: &str, expected: &str, by: Option<String>| {
            json!({
                "orderId": ORDER, "decidedAt": { "number": 7, "hash": format!("0x{}", "00".repeat(32)), "time": 1 },
                "outcome": outcome, "filledBy": by, "escrow": null, "expected": expected, "worst": "0",
            })
        };
        let taker = format!("0x{}{}", "00".repeat(12), "99".repeat(20));
        let (items, next) = match cursor {
            None => (json!([entry("completed", "1500000", Some(taker))]), json!("more")),
            Some(_) => {
                (json!([entry("expired", "-20", None), entry("expired", "40", None)]), Value::Null)
            }
        };
        Ok(serde_json::from_value(json!({ "items": items, "next": next })).unwrap())
    }

    async fn get_jobs(
        &self,
        _filter: Option<JobFilter>,
        _cursor: Option<Cursor>,
        _limit: Option<Limit>,
    ) -> RpcResult<JobPage> {
        Ok(JobPage { items: vec![], next: None })
    }

    async fn list_dead_letters(
        &self,
        _filter: Option<DeadLetterFilter>,
        _cursor: Option<Cursor>,
        _limit: Option<Limit>,
    ) -> RpcResult<DeadLetterPage> {
        Ok(DeadLetterPage { items: vec![], next: None })
    }
}

#[async_trait]
impl AdminApiServer for Operated {
    async fn set_mode(&self, mode: String) -> RpcResult<NodeModes> {
        if mode == "mad" {
            return Err(RpcErrorCode::InvalidParams.with_data("`mode`: expected \"full\""));
        }
        let mut modes = self.0.lock().unwrap();
        modes.mode = mode;
        Ok(modes.clone())
    }

    async fn pause(&self, switch: WireSwitch) -> RpcResult<NodeModes> {
        let mut modes = self.0.lock().unwrap();
        modes.switches.push(switch);
        modes.takes_orders = false;
        Ok(modes.clone())
    }

    async fn resume(&self, switch: Option<WireSwitch>) -> RpcResult<NodeModes> {
        let mut modes = self.0.lock().unwrap();
        modes.switches.retain(|on| switch.is_some_and(|off| off != *on));
        Ok(modes.clone())
    }

    async fn run_job(&self, job: String) -> RpcResult<StartedRun> {
        if job == "none" {
            return Err(RpcErrorCode::NotFound.says("no such scheduled job; there are stateSync"));
        }
        Ok(StartedRun { job, started_ms: 5 })
    }
}

fn scheduled_job() -> ScheduledJob {
    ScheduledJob {
        name: "stateSync".to_owned(),
        about: "compares".to_owned(),
        schedule: "*/30 * * * * *".to_owned(),
        priority: JobPriority::High,
        running: false,
        next_ms: Some(u64::MAX),
        waits: None,
        runs: 12,
        succeeded: 9,
        failed: 3,
        consecutive_failures: 3,
        last_start_ms: None,
        last_end_ms: None,
        last_success_ms: None,
        last_error: Some("no answer".to_owned()),
        healthy: false,
        missed: false,
    }
}

fn scheduled_run(job: &str, started_ms: u64) -> ScheduledRun {
    let failed = job == "dailyBackup";
    ScheduledRun {
        job: job.to_owned(),
        slot_ms: None,
        started_ms,
        ended_ms: Some(started_ms + 1_500),
        result: if failed { RunResult::Failed } else { RunResult::Succeeded },
        attempts: 1,
        counters: [("ordersChecked".to_owned(), started_ms)].into(),
        note: None,
        error: failed.then(|| "no space left".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduled_jobs_are_listed_run_and_looked_back_at() {
    let list = ask(operated().read_only(), "jobs list").await;
    assert!(list.stdout.contains("stateSync  */30 * * * * *"), "{}", list.stdout);
    assert!(list.stdout.contains("unhealthy\nstateSync: no answer"), "{}", list.stdout);
    let json = ask(operated().read_only(), "jobs list --json").await.json();
    assert_eq!(json, json!([scheduled_job()]));
    let history = ask(operated().read_only(), "jobs history").await.stdout;
    assert!(
        history.contains("01-01 00:00:00  stateSync  succeeded  1 s   ordersChecked 7"),
        "{history}"
    );
    // The key of the configuration is a name, too.
    let run = ask(operated().whole(), "jobs run daily_report").await;
    assert_eq!(
        (run.code, run.stdout.trim_end()),
        (0, "dailyReport succeeded after 1 s: ordersChecked 5")
    );
    let run = ask(operated().whole(), "jobs run dailyReport --no-wait --json").await.json();
    assert_eq!(run, json!({ "job": "dailyReport", "startedMs": 5 }));
    let failed = ask(operated().whole(), "jobs run dailyBackup").await;
    assert!(
        failed.code == 1 && failed.stdout.contains("failed after 1 s: no space left"),
        "{}",
        failed.stderr
    );
    let unknown = ask(operated().whole(), "jobs run none").await;
    assert!(
        unknown.code == 4 && unknown.stderr.contains("there are stateSync"),
        "{}",
        unknown.stderr
    );
}

async fn ask(module: RpcModule<()>, line: &str) -> Done {
    let (_node, url) = serve(module).await;
    run_beside(&std::env::temp_dir(), format!("{line} --rpc {url}"), "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_order_is_explained_in_tables() {
    let done = ask(operated().read_only(), &format!("order explain {ORDER}")).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    for says in [
        "decision       taken",
        "2 by feed, 10 s old",
        "12 wei for 1500 bytes",
        "0.15, 500 bps of the value (10 bps asked for)",
        "if it is rescued  -0.003",
        "maker  1     3      5",
        "route  0     3      none",
        "fundDestination  1300    300 s",
        "12 on the source, 3 on the destination",
        "blocklist",
    ] {
        assert!(done.stdout.contains(says), "{says} is not in\n{}", done.stdout);
    }
    let json = ask(operated().read_only(), &format!("order explain {ORDER} --json")).await.json();
    assert_eq!(json, serde_json::to_value(explanation(true)).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_order_is_explained_by_its_reasons() {
    let done = ask(operated().read_only(), "order explain 0x02").await;
    for says in [
        "refused",
        "stalePrice   the price is 99 s old",
        "could not be valued",
        "short by 12 s at step makerWithdraw",
    ] {
        assert!(done.stdout.contains(says), "{says} is not in\n{}", done.stdout);
    }
    assert_eq!(ask(operated().read_only(), "order explain 0x03").await.code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mode_is_shown_set_and_stopped() {
    let node = operated();
    let shown = ask(node.whole(), "mode show").await;
    assert!(shown.stdout.contains("full") && shown.stdout.contains("takes new orders  yes"));
    assert_eq!(ask(node.whole(), "mode set percent=5 --json").await.json()["mode"], "percent=5");
    let token = "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512";
    for line in ["pause", "pause --chain 1338", "drain", "maintenance"] {
        assert_eq!(ask(node.whole(), &format!("mode {line}")).await.code, 0, "{line}");
    }
    let paused = format!("mode pause --chain 1337 --token {token}");
    let text = ask(node.whole(), &paused).await.stdout;
    let expected = format!(
        "everything (pause), chain 1338, everything (drain), everything (maintenance), token {token} on \
         chain 1337"
    );
    assert!(text.contains(&expected) && text.contains("takes new orders  no"), "{text}");
    let left = ask(node.whole(), "mode resume --drain --json").await.json();
    assert_eq!(left["switches"].as_array().unwrap().len(), 4);
    let left = ask(node.whole(), "mode resume --chain 1338 --json").await.json();
    assert_eq!(left["switches"].as_array().unwrap().len(), 3);
    assert_eq!(ask(node.whole(), "mode resume --all --json").await.json()["switches"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_serves_no_admin_methods_says_how_it_would() {
    let refused = ask(operated().read_only(), "mode set shadow").await;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--admin-rpc-addr"), "{}", refused.stderr);
    assert_eq!(ask(operated().whole(), "mode set mad").await.code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shadow_report_lists_every_page_and_adds_up() {
    let text = ask(operated().read_only(), "mode report").await.stdout;
    assert!(text.contains(&format!("completed by 0x{}, would have earned 1.5", "99".repeat(20))));
    assert!(text.contains("expired    2       0.00002"), "{text}");
    let done = ask(operated().read_only(), "mode report --json").await;
    let last: Value = serde_json::from_str(done.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["totals"][0], json!({ "outcome": "expired", "orders": 2, "expected": "20" }));
    assert_eq!(done.stdout.lines().count(), 4);
}

#[cfg(unix)]
fn write_key(path: &std::path::Path, key: JwtKey, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, key.to_hex().as_bytes()).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_key_the_file_with_it_is_needed() {
    let (key, directory) = (JwtKey::random(), tempfile::tempdir().unwrap());
    let at = directory.path();
    write_key(&at.join("key"), key, 0o600);
    write_key(&at.join("other"), JwtKey::random(), 0o600);
    write_key(&at.join("open"), key, 0o644);
    std::fs::write(at.join("short"), "0x12").unwrap();
    std::fs::set_permissions(
        at.join("short"),
        std::fs::metadata(at.join("key")).unwrap().permissions(),
    )
    .unwrap();
    let entrance = Entrance { key: Some(key), ..Entrance::default() };
    let (limits, clock) = (ServeLimits::default(), Monotonic::default());
    let any = ([127, 0, 0, 1], 0).into();
    let served = serve_behind(operated().whole(), any, &limits, entrance, clock).await.unwrap();
    let ask = |more: &str| run_beside(at, format!("mode show --rpc http://{}{more}", served.1), "");
    let done = ask(" --jwt-secret key").await;
    assert!(done.code == 0 && done.stdout.contains("full"), "{}", done.stderr);
    for (more, says) in [
        ("", "wants a token: --jwt-secret (or BMN_JWT_SECRET)"),
        (" --jwt-secret other", "takes no token made with the key in other"),
        (" --jwt-secret open", "chmod 600"),
        (" --jwt-secret short", "expected 64 hex digits"),
        (" --jwt-secret gone", "gone"),
    ] {
        let done = ask(more).await;
        assert_eq!(done.code, 2, "{more}: {}", done.stderr);
        assert!(done.stderr.contains(says), "{more}: {}", done.stderr);
        assert!(!done.stderr.contains(key.to_hex().as_str()), "{}", done.stderr);
    }
}
