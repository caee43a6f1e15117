//! Runs the command, and the servers it talks to.

use alloy::primitives::B256;
use assert_cmd::Command;
use async_trait::async_trait;
use bmn_rpc_api::{
    BlockNotice, BmnApiServer, ChainHead, ChangeFilter, Cursor, DeadLetter, DeadLetterFilter,
    DeadLetterKey, DeadLetterPage, EventFilter, EventPage, Health, JobEntry, JobFilter, JobPage,
    Limit, NodeModes, NodeStatus, Notice, OperatorApiServer, OrderDecision, OrderExplanation,
    OrderFile, OrderSubmission, PerformanceMetrics, QueueAdminApiServer, QueueMetrics,
    RefusalReason, ReorgNotice, RpcErrorCode, ScheduledJob, ScheduledRun, SecretAnswer,
    SecretParam, ShadowReport, SubscribeFrom, SubscriptionFilter, SubscriptionKind, Swap,
    SwapChange, SwapFilter, SwapKey, SwapPage, SwapProof, SwapStatus, WireBlock,
    WithdrawPermission,
};
use jsonrpsee::{
    Methods, PendingSubscriptionSink, RpcModule, SubscriptionMessage,
    core::{RpcResult, SubscriptionResult},
    server::{Server, ServerHandle},
};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path};

/// What a finished command left.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// The only line of stdout, as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|_| panic!("{}{}", self.stdout, self.stderr))
    }
}

/// Runs `bmn` in a directory with something on stdin.
pub(crate) fn run_in(directory: &Path, line: &str, stdin: &str) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bmn"));
    command.current_dir(directory).env_remove("BMN_RPC").env_remove("BMN_CHAIN_RPC");
    command.env_remove("BMN_JWT_SECRET");
    command.args(line.split_whitespace()).write_stdin(stdin);
    let output = command.output().unwrap();
    Done {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs `bmn` anywhere.
pub(crate) fn run(line: &str, stdin: &str) -> Done {
    run_in(&std::env::temp_dir(), line, stdin)
}

/// Runs `bmn` while servers of this test answer it.
pub(crate) async fn run_beside(directory: &Path, line: String, stdin: &'static str) -> Done {
    let directory = directory.to_owned();
    tokio::task::spawn_blocking(move || run_in(&directory, &line, stdin)).await.unwrap()
}

pub(crate) async fn serve(methods: impl Into<Methods>) -> (ServerHandle, String) {
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let server = Server::builder().build(any).await.unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    (server.start(methods), url)
}

/// A chain whose newest block has `time`.
pub(crate) async fn chain(id: u64, time: u64) -> (ServerHandle, String) {
    let mut module = RpcModule::new((id, time));
    module
        .register_method("eth_chainId", |_, (id, _), _| Value::String(format!("{id:#x}")))
        .unwrap();
    module
        .register_method("eth_getBlockByNumber", |params, (_, time), _| {
            let (tag, full): (String, bool) = params.parse().unwrap();
            assert!(tag == "latest" && !full);
            json!({ "number": "0x1", "timestamp": format!("{time:#x}") })
        })
        .unwrap();
    serve(module).await
}

/// A node that takes everything of one order and refuses everything of others.
pub(crate) async fn node() -> (ServerHandle, String) {
    serve(ScriptedNode.into_rpc()).await
}

pub(crate) const ORDER: &str = "1337:0xdc64a140aa3e981100a9beca4e685f962f0cf6c9:0x0101010101010101010101010101010101010101010101010101010101010101:0";

/// A node that knows the parts of an order, by hashlock, and takes secrets of parts with both escrows alone.
pub(crate) async fn parts_node(parts: Vec<(String, &'static str)>) -> (ServerHandle, String) {
    let mut module = RpcModule::new(parts);
    module
        .register_method("bmn_getSwaps", |params, parts, _| {
            let filter: Value = params.sequence().next().unwrap();
            let part = |(hashlock, status): &(String, &'static str)| {
                let mut part = serde_json::to_value(swap()).unwrap();
                (part["hashlock"], part["status"]) = (json!(hashlock), json!(status));
                part
            };
            let wanted = parts.iter().filter(|(hashlock, _)| filter["hashlock"] == **hashlock);
            json!({ "items": wanted.map(part).collect::<Vec<_>>(), "next": null })
        })
        .unwrap();
    module
        .register_method("bmn_submitSecret", |params, parts, _| {
            let (secret, id): (SecretParam, Option<SwapKey>) = params.parse().unwrap();
            let hashlock = secret.0.hashlock().to_string();
            assert!(parts.contains(&(hashlock.clone(), "bothLocked")), "too early");
            assert_eq!(id, Some(SwapKey::from(ORDER)));
            json!({ "hashlock": hashlock, "orders": [ORDER] })
        })
        .unwrap();
    serve(module).await
}

struct ScriptedNode;

fn change(sequence: u64, order: &str, to: SwapStatus) -> Notice {
    let block = WireBlock { number: sequence, hash: B256::ZERO, time: 1_000 + sequence };
    Notice::Change(SwapChange {
        sequence,
        order_id: order.to_owned(),
        from: None,
        to,
        heads: vec![ChainHead { chain: 1337, block }],
    })
}

/// The admin methods: fills are wanted, all else is not.
pub(crate) async fn admin() -> (ServerHandle, String) {
    let mut module = QueueAdminApiServer::into_rpc(ScriptedAdmin).remove_context();
    module.merge(OperatorApiServer::into_rpc(ScriptedAdmin)).unwrap();
    serve(module).await
}

struct ScriptedAdmin;

fn changes(from: Option<SubscribeFrom>, order: Option<&str>) -> Vec<Notice> {
    assert_eq!(order, Some(ORDER));
    match from {
        Some(SubscribeFrom::Number(4)) => vec![
            change(5, ORDER, SwapStatus::SourceLocked),
            Notice::Lagged { resume_from: Some(SubscribeFrom::Number(6)) },
        ],
        Some(SubscribeFrom::Number(6)) => vec![change(6, ORDER, SwapStatus::Completed)],
        _ => vec![],
    }
}

fn blocks(from: Option<SubscribeFrom>) -> Vec<Notice> {
    let resume = Cursor("00112233445566778899".to_owned());
    let block = WireBlock { number: 7, hash: B256::ZERO, time: 1_007 };
    let events = 2;
    let taken = BlockNotice {
        chain: 1337,
        from: 7,
        block,
        events,
        digest: B256::ZERO,
        resume: resume.clone(),
    };
    match from {
        Some(SubscribeFrom::Number(7)) => {
            let resume_from = Some(SubscribeFrom::Positions(vec![resume]));
            vec![Notice::Block(taken), Notice::Lagged { resume_from }]
        }
        Some(SubscribeFrom::Positions(_)) => {
            vec![Notice::Reorg(ReorgNotice { chain: 1337, from_block: 7, resume })]
        }
        None | Some(SubscribeFrom::Number(_)) => vec![],
    }
}

fn letter() -> DeadLetter {
    serde_json::from_value(json!({
        "orderId": ORDER, "action": "fill", "chain": 1337, "escrow": null,
        "reason": "failed 4 times: \u{1b}[31mnobody home", "class": "host",
        "at": { "number": 7, "hash": B256::ZERO, "time": 1000 },
        "attempts": 4, "deadline": 1900, "failures": [],
    }))
    .unwrap()
}

#[async_trait]
impl QueueAdminApiServer for ScriptedAdmin {
    async fn requeue_job(&self, job: DeadLetterKey) -> RpcResult<JobEntry> {
        if job.action != "fill" {
            return Err(RpcErrorCode::NotWanted.says("the order is void"));
        }
        assert_eq!((job.order.as_str(), job.chain), (ORDER, Some(1337)));
        Ok(swap().jobs.remove(0))
    }

    async fn drop_job(&self, _job: DeadLetterKey) -> RpcResult<DeadLetter> {
        Ok(letter())
    }
}

#[async_trait]
impl OperatorApiServer for ScriptedAdmin {
    async fn follow_alerts(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        pending.reject(RpcErrorCode::Unavailable.says("no alerts here")).await;
        Ok(())
    }

    async fn queue_metrics(&self) -> RpcResult<Vec<QueueMetrics>> {
        Ok(vec![])
    }

    async fn schedules(&self) -> RpcResult<Vec<ScheduledJob>> {
        Ok(vec![])
    }

    async fn scheduled_runs(
        &self,
        _job: Option<String>,
        _limit: Option<Limit>,
    ) -> RpcResult<Vec<ScheduledRun>> {
        Ok(vec![])
    }

    async fn performance_metrics(&self) -> RpcResult<PerformanceMetrics> {
        Err(RpcErrorCode::NotSupported.says("not scripted"))
    }

    async fn explain_order(&self, _id: SwapKey) -> RpcResult<OrderExplanation> {
        Err(RpcErrorCode::NotFound.says("no such order"))
    }

    async fn get_mode(&self) -> RpcResult<NodeModes> {
        let (mode, switches) = ("full".to_owned(), vec![]);
        Ok(NodeModes { mode, switches, takes_orders: true, open_orders: 0 })
    }

    async fn shadow_report(
        &self,
        _cursor: Option<Cursor>,
        _limit: Option<Limit>,
    ) -> RpcResult<ShadowReport> {
        Ok(ShadowReport { items: vec![], next: None })
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
        filter: Option<DeadLetterFilter>,
        cursor: Option<Cursor>,
        _limit: Option<Limit>,
    ) -> RpcResult<DeadLetterPage> {
        let is_here = filter.and_then(|filter| filter.chain).is_none_or(|chain| chain == 1337);
        let next = (cursor.is_none() && is_here).then(|| Cursor("more".to_owned()));
        Ok(DeadLetterPage { items: if is_here { vec![letter()] } else { vec![] }, next })
    }
}

/// A swap that waits for its fill.
pub(crate) fn swap() -> Swap {
    serde_json::from_value(json!({
        "orderId": ORDER, "orderHash": B256::repeat_byte(1), "swapId": null,
        "hashlock": B256::repeat_byte(2), "status": "accepted", "terminal": false,
        "origin": "submitted", "dialect": "bmn4",
        "maker": "0x90f79bf6eb2c4f870365e785982e1f101e93b906",
        "beneficiary": "0x90f79bf6eb2c4f870365e785982e1f101e93b906",
        "terms": {
            "sourceChain": 1337, "sourceToken": "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512",
            "sourceAmount": "1500000000000000000", "destinationChain": 1338,
            "destinationToken": "0x9fe46736679d2d9a65f0992f2272de9f3c7fa6e0",
            "destinationAmount": "2900000", "destinationDeposit": "0",
            "srcCancellation": 3000, "dstWithdrawal": 2000,
        },
        "decision": "accepted", "refusals": [],
        "seenAt": { "number": 1, "hash": B256::ZERO, "time": 1000 },
        "source": null, "destination": null, "planned": null, "secret": "unknown",
        "permission": false,
        "jobs": [{
            "orderId": ORDER, "action": "fill", "chain": 1337, "escrow": null, "state": "waiting",
            "wakes": [{ "kind": "height", "chain": 1337, "number": 9 }], "attempts": 1,
            "lastError": "underpriced",
        }],
        "history": [{
            "sequence": 3, "orderId": ORDER, "from": null, "to": "accepted",
            "heads": [{
                "chain": 1337, "block": { "number": 7, "hash": B256::ZERO, "time": 1000 },
            }],
        }],
    }))
    .unwrap()
}

#[async_trait]
impl BmnApiServer for ScriptedNode {
    async fn status(&self) -> RpcResult<NodeStatus> {
        Ok(serde_json::from_value(json!({
            "version": "bmn/test", "uptime": 5, "acting": false, "notActingBecause": "no disk",
            "sequence": 3, "orders": { "accepted": 2 }, "jobs": { "waiting": 1 },
            "chains": [{
                "id": 1337, "name": "Chain A", "head": { "number": 7, "hash": B256::ZERO, "time": 1 },
                "finalized": null, "confirmations": 3, "nextNonce": 4, "liveTransactions": 1,
                "account": "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc", "factories": [],
            }],
        }))
        .unwrap())
    }

    async fn health(&self) -> RpcResult<Health> {
        Err(RpcErrorCode::NotSupported.says("not scripted"))
    }

    async fn submit_order(&self, order: OrderFile) -> RpcResult<OrderSubmission> {
        let refusals = match order.order.making_amount.as_str() {
            "1500000000000000000" => vec![],
            _ => vec![RefusalReason { code: "unprofitable".into(), message: "too little".into() }],
        };
        Ok(OrderSubmission {
            order_id: ORDER.to_owned(),
            order_hash: B256::repeat_byte(1),
            hashlock: B256::repeat_byte(2),
            decision: match refusals.is_empty() {
                true => OrderDecision::Accepted,
                false => OrderDecision::Refused,
            },
            refusals,
            profit: None,
        })
    }

    async fn submit_secret(
        &self,
        secret: SecretParam,
        id: Option<SwapKey>,
    ) -> RpcResult<SecretAnswer> {
        if id.is_some_and(|id| id.0 != ORDER) {
            return Err(RpcErrorCode::UnknownHashlock.says("the secret opens no known hashlock"));
        }
        let orders = vec![ORDER.to_owned()];
        Ok(SecretAnswer { hashlock: secret.0.hashlock().0, orders })
    }

    async fn get_swap(&self, id: SwapKey) -> RpcResult<Swap> {
        if id.0 == ORDER { Ok(swap()) } else { Err(RpcErrorCode::NotFound.says("no such order")) }
    }

    async fn get_swap_proof(&self, id: SwapKey) -> RpcResult<SwapProof> {
        Err(RpcErrorCode::NotFound.says(format!("no proof of {}", id.0)))
    }

    async fn get_swaps(
        &self,
        filter: Option<SwapFilter>,
        cursor: Option<Cursor>,
        _limit: Option<Limit>,
    ) -> RpcResult<SwapPage> {
        let status = filter.and_then(|filter| filter.status);
        let items = if status.is_none_or(|s| s.contains(&SwapStatus::Accepted)) {
            vec![swap()]
        } else {
            vec![]
        };
        let next = (cursor.is_none() && !items.is_empty()).then(|| Cursor("more".to_owned()));
        Ok(SwapPage { items, next })
    }

    async fn get_events(
        &self,
        _filter: Option<EventFilter>,
        _cursor: Option<Cursor>,
        _limit: Option<Limit>,
    ) -> RpcResult<EventPage> {
        Ok(EventPage { items: vec![], next: None, resume: None })
    }

    async fn get_withdraw_permission(&self, _id: SwapKey) -> RpcResult<WithdrawPermission> {
        Err(RpcErrorCode::NotYet.says("not signed yet"))
    }

    async fn get_changes(&self, _from: u64, _limit: Option<Limit>) -> RpcResult<Vec<SwapChange>> {
        Ok(vec![])
    }

    // From 4: a change of the one order that is asked for, then `lagged`. Resumed at 6: the end. Blocks: one,
    // then `lagged`; resumed there: what is void.
    async fn follow(
        &self,
        pending: PendingSubscriptionSink,
        kind: SubscriptionKind,
        from: Option<SubscribeFrom>,
        filter: Option<SubscriptionFilter>,
    ) -> SubscriptionResult {
        let notices = match kind {
            SubscriptionKind::Swaps => {
                let filter: ChangeFilter = filter.unwrap().read().unwrap();
                changes(from, filter.order.as_deref())
            }
            _ => blocks(from),
        };
        let sink = pending.accept().await?;
        for notice in notices {
            let (method, id) = (sink.method_name(), sink.subscription_id());
            sink.send(SubscriptionMessage::new(method, id, &notice)?).await?;
        }
        if kind != SubscriptionKind::Swaps {
            return Err("the node stops".into());
        }
        sink.closed().await;
        Ok(())
    }
}
