//! What must not cost money: a host that fails after an intent is durable, a reorg between two depths, a
//! nonce that keeps a way out waiting, rows that make no call, a gas price that nothing at stake pays for.

use alloy::{
    consensus::Transaction,
    primitives::{Address, B256, Bytes, U256},
};
use async_trait::async_trait;
use bmn_chain::{
    CallOutcome, CallRequest, ChainClient, ChainError, Fees, MinedCall, RawReceipts, Simulation,
    TxReceipt,
};
use bmn_config::ConfirmationStep;
use bmn_executor::Account;
use bmn_host_dev::{DevChain, Replacement};
use bmn_node::ChainHost;
use bmn_primitives::{BlockRef, ChainId, OrderId};
use bmn_queue::{JobFilter, JobRow, StateKind, claim_of, list, park};
use bmn_sim::{
    accounts::DevAccount,
    scenario::{Behaviour, SwapSpec},
};
use bmn_store::{IntentRow, Reads, Store, testing::CrashBackend};
use bmn_swap::{Action, SecretKnowledge, Status, When};
use bmn_tests::{World, memory_store, swap};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

/// What a host does beside what its chain would do.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    /// Answers to sends, which reach the chain all the same.
    mislead: VecDeque<ChainError>,
    /// Base fee that it tells.
    base: Option<u128>,
    /// Every simulation succeeds, with this gas.
    simulates: Option<u64>,
}

impl Script {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().expect("not poisoned")
    }
}

struct Scripted {
    inner: Arc<dyn ChainClient>,
    script: Script,
}

#[async_trait]
impl ChainClient for Scripted {
    fn chain_id(&self) -> ChainId {
        self.inner.chain_id()
    }

    async fn head(&self) -> Result<BlockRef, ChainError> {
        self.inner.head().await
    }

    async fn simulate(&self, call: &CallRequest) -> Result<Simulation, ChainError> {
        let simulates = self.script.lines().simulates;
        let mut simulation = self.inner.simulate(call).await?;
        if let Some(gas) = simulates {
            simulation.outcome = CallOutcome::Success(Bytes::new());
            simulation.gas = gas;
        }
        Ok(simulation)
    }

    async fn call(&self, call: &CallRequest) -> Result<CallOutcome, ChainError> {
        self.inner.call(call).await
    }

    async fn nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.inner.nonce(account).await
    }

    async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        self.inner.balance(account).await
    }

    async fn code(&self, account: Address) -> Result<Bytes, ChainError> {
        self.inner.code(account).await
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        let fees = self.inner.fees().await?;
        let base = self.script.lines().base.unwrap_or(fees.base);
        Ok(Fees { base, ..fees })
    }

    async fn send_raw(&self, raw: &Bytes) -> Result<B256, ChainError> {
        let sent = self.inner.send_raw(raw).await?;
        match self.script.lines().mislead.pop_front() {
            Some(error) => Err(error),
            None => Ok(sent),
        }
    }

    async fn receipt(&self, tx_hash: B256) -> Result<Option<TxReceipt>, ChainError> {
        self.inner.receipt(tx_hash).await
    }

    async fn mined_call(&self, tx_hash: B256) -> Result<Option<MinedCall>, ChainError> {
        self.inner.mined_call(tx_hash).await
    }

    async fn block_receipts(&self, block: B256) -> Result<Option<RawReceipts>, ChainError> {
        self.inner.block_receipts(block).await
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.inner.pending_nonce(account).await
    }
}

fn us() -> Address {
    DevAccount::Resolver.address()
}

fn store(world: &World) -> Store {
    world.resolver.store().clone()
}

fn chain(world: &World, side: usize) -> &DevChain {
    &world.network.chains[side].chain
}

/// A world whose chain on `side` answers by the script.
async fn scripted(specs: Vec<SwapSpec>, side: usize) -> (World, Script) {
    let mut world = World::new(specs).await;
    let script = Script::default();
    let id = world.network.chains[side].id();
    let kept = store(&world);
    world.restart_over(kept, |host| {
        if host.spec.chain_id != id {
            return host;
        }
        let client = Arc::new(Scripted { inner: host.client.clone(), script: script.clone() });
        ChainHost { client, ..host }
    });
    (world, script)
}

fn intent(world: &World, side: usize, action: Action) -> Option<IntentRow> {
    let read = store(world).read().expect("a snapshot");
    let intents = read.intents(world.network.chains[side].id()).expect("intents");
    intents.into_iter().find(|intent| intent.key.action == action)
}

async fn until_intent(world: &mut World, side: usize, action: Action) -> IntentRow {
    let found = world.run_until(200, |world| intent(world, side, action).is_some()).await;
    assert!(found, "{action:?} is sent");
    intent(world, side, action).expect("it was there")
}

async fn blocks(world: &mut World, side: usize, count: u64) {
    let until = chain(world, side).head().number + count;
    while chain(world, side).head().number < until {
        world.mine();
        world.settle().await;
    }
}

fn job(world: &World, order: OrderId, action: Action) -> Option<JobRow> {
    let filter = JobFilter { order: Some(order), ..JobFilter::default() };
    let read = store(world).read().expect("a snapshot");
    let jobs = list(&read, &filter, None, 20).expect("jobs");
    jobs.into_iter().find(|job| job.key.action == action)
}

async fn completes(mut world: World) {
    assert!(world.run_to_end().await);
    assert_eq!(world.resolver.handle().not_acting(), None);
    assert!(world.statuses().iter().all(|(_, status)| *status == Status::Completed));
    let settled = |world: &World| {
        let read = store(world).read().expect("a snapshot");
        let left = |chain: ChainId| read.intents(chain).expect("intents").len();
        world.network.chains.iter().map(|node| left(node.id())).sum::<usize>() == 0
    };
    assert!(world.run_until(60, settled).await, "every nonce is settled");
}

#[tokio::test]
async fn a_host_that_contradicts_itself_about_what_it_took_stops_no_swap() {
    for side in [0, 1] {
        let (mut world, script) = scripted(vec![swap(0, Behaviour::Honest)], side).await;
        let chain = world.network.chains[side].id();
        let reason = || "a transaction that is not the one it was given".to_owned();
        let misled = (0..40).map(|_| ChainError::Inconsistent { chain, reason: reason() });
        script.lines().mislead.extend(misled);
        let action = if side == 0 { Action::Fill } else { Action::FundDestination };
        let sent = until_intent(&mut world, side, action).await;
        let held = job(&world, sent.key.order, action).expect("its job").state.kind();
        assert_eq!(held, StateKind::Sent, "it belongs to its transaction");
        assert!(world.run_to_end().await);
        assert!(script.lines().mislead.len() < 39, "it was misled more than once");
        completes(world).await;
    }
}

#[tokio::test]
async fn a_job_that_an_older_process_took_from_its_transaction_is_given_back_to_it() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let fill = until_intent(&mut world, 0, Action::Fill).await;
    let kept = store(&world);
    let mut tx = kept.write().expect("the writer");
    let claim = claim_of(&tx, &fill.key).expect("held");
    tx.remove_intent(&fill.key).expect("staged");
    let far = bmn_swap::Wake::Height { chain: fill.key.chain, number: u64::MAX };
    park(&mut tx, &claim, &When::Wake(vec![far])).expect("staged");
    tx.put_intent(&fill).expect("staged");
    tx.commit().expect("committed");
    world.restart(kept);
    blocks(&mut world, 0, 1).await;
    let held = job(&world, fill.key.order, Action::Fill).map(|job| job.state.kind());
    assert_eq!(held, Some(StateKind::Sent));
    completes(world).await;
}

#[tokio::test]
async fn a_fill_is_not_made_anew_before_it_has_the_confirmations_that_its_value_asks_for() {
    let mut world = World::with_network(
        vec![swap(0, Behaviour::Honest)],
        memory_store(&CrashBackend::new()),
        |network| {
            let step = ConfirmationStep { from_value: 1, confirmations: 8 };
            network.chains[0].spec.confirmation_steps = vec![step];
        },
    )
    .await;
    let fill = until_intent(&mut world, 0, Action::Fill).await;
    let hash = fill.sent[0].hash;
    while chain(&world, 0).receipt(hash).expect("readable").is_none() {
        blocks(&mut world, 0, 1).await;
    }
    // Beyond the chain's own depth, below the one of the order.
    let base = world.network.chains[0].spec.confirmations;
    blocks(&mut world, 0, base + 2).await;
    let row = intent(&world, 0, Action::Fill).expect("its nonce is still looked after");
    assert_eq!(row.sent, fill.sent);
    let drop = BTreeSet::from([hash]);
    let replacement = Replacement { drop, ..Replacement::default() };
    chain(&world, 0).reorg(base + 3, &replacement).expect("reorged");
    assert!(chain(&world, 0).receipt(hash).expect("readable").is_none());
    world.settle().await;
    let pooled = chain(&world, 0).pooled().into_iter().filter(|it| it.tx.sender() == us());
    let nonces: Vec<u64> = pooled.map(|it| it.tx.nonce()).collect();
    assert_eq!(nonces, [fill.nonce], "it is sent again with its nonce, and with no other");
    let row = intent(&world, 0, Action::Fill).expect("kept");
    assert_eq!((row.sent[0], row.nonce, row.filler), (fill.sent[0], fill.nonce, false));
    completes(world).await;
}

/// Two swaps of which the second one's fill is at the head of the lane when the first one's source is due.
async fn two() -> (World, OrderId) {
    let second = SwapSpec { start: 12, ..swap(1, Behaviour::Honest) };
    let mut world = World::new(vec![swap(0, Behaviour::Honest), second]).await;
    let first = until_intent(&mut world, 0, Action::Fill).await;
    (world, first.key.order)
}

fn status(world: &World, order: OrderId) -> Option<Status> {
    world.statuses().into_iter().find(|(id, _)| *id == order).map(|(_, status)| status)
}

/// Our fills of other orders than `order` that are pooled.
fn other_fills(world: &World, order: OrderId) -> Vec<(B256, u64)> {
    let read = store(world).read().expect("a snapshot");
    let intents = read.intents(world.network.chains[0].id()).expect("intents");
    let fills = intents
        .into_iter()
        .filter(|row| row.key.action == Action::Fill && row.key.order != order && !row.filler);
    let hashes: BTreeSet<B256> =
        fills.flat_map(|row| row.sent.into_iter().map(|sent| sent.hash)).collect();
    let pooled = chain(world, 0).pooled().into_iter();
    pooled
        .filter(|it| it.tx.sender() == us() && hashes.contains(&it.tx.hash()))
        .map(|it| (it.tx.hash(), it.tx.nonce()))
        .collect()
}

#[tokio::test]
async fn a_fill_that_cannot_be_raised_gives_its_nonce_to_the_way_out_behind_it() {
    let (mut world, first) = two().await;
    // From here on nothing is raised.
    let most = intent(&world, 0, Action::Fill).expect("sent").sent[0].max_fee;
    let kept = store(&world);
    world.restart_as(
        kept,
        Account::from(DevAccount::Resolver.signer()).with_max_fee(most * 11 / 10),
    );
    let mut held = None;
    for _ in 0..200 {
        for (hash, nonce) in other_fills(&world, first) {
            chain(&world, 0).pool_hold(hash, u64::MAX).expect("pooled");
            held.get_or_insert(nonce);
        }
        if status(&world, first) == Some(Status::Completed) {
            break;
        }
        world.mine();
        world.settle().await;
    }
    let held = held.expect("the other swap's fill was at the head");
    assert_eq!(
        status(&world, first),
        Some(Status::Completed),
        "it did not wait for the other's fill"
    );
    let head = chain(&world, 0).head().number;
    let mined = (0..=head).filter_map(|at| chain(&world, 0).block(at).expect("stored"));
    let at = mined.flat_map(|block| block.txs().to_vec());
    let mut at = at.filter(|tx| tx.sender() == us() && tx.nonce() == held);
    let used = at.next().expect("the nonce is used");
    assert!(used.envelope().input().is_empty(), "by nothing");
}

#[tokio::test]
async fn a_fill_that_cannot_be_paid_any_more_gives_its_nonce_to_the_way_out_behind_it() {
    let (mut world, first) = two().await;
    let mut dropped = None;
    for _ in 0..200 {
        // Enough for a withdrawal and for a transfer of nothing, too little for a fill.
        if let Some((hash, nonce)) = other_fills(&world, first).pop().filter(|_| dropped.is_none())
        {
            let read = store(&world).read().expect("a snapshot");
            let intents = read.intents(world.network.chains[0].id()).expect("intents");
            let row = intents.into_iter().find(|row| row.nonce == nonce).expect("an intent");
            let cost = U256::from(row.gas_limit) * U256::from(row.sent[0].max_fee);
            chain(&world, 0).pool_drop(hash).expect("pooled");
            chain(&world, 0).set_balance(us(), cost - U256::from(1)).expect("set");
            dropped = Some(nonce);
        }
        if status(&world, first) == Some(Status::Completed) {
            break;
        }
        world.mine();
        world.settle().await;
    }
    assert!(dropped.is_some(), "the other swap's fill was at the head");
    assert_eq!(
        status(&world, first),
        Some(Status::Completed),
        "it did not wait for the other's fill"
    );
}

#[tokio::test]
async fn a_fill_that_the_account_cannot_pay_is_put_off_before_it_takes_a_nonce() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let held = chain(&world, 0).balance(us());
    chain(&world, 0).set_balance(us(), U256::from(1_000_000)).expect("set");
    assert!(world.run_until(20, |world| world.status() == Some(Status::Accepted)).await);
    blocks(&mut world, 0, 3).await;
    assert!(intent(&world, 0, Action::Fill).is_none());
    let order = world.statuses()[0].0;
    let waiting = job(&world, order, Action::Fill).expect("it waits");
    let reason = waiting.last_error().expect("a reason");
    assert!(reason.contains("the account holds 1000000"), "{reason}");
    chain(&world, 0).set_balance(us(), held).expect("set");
    completes(world).await;
}

#[tokio::test]
async fn a_host_that_names_any_price_for_gas_is_not_paid_more_than_is_at_stake() {
    let (mut world, script) = scripted(vec![swap(0, Behaviour::Honest)], 1).await;
    let funded = world.run_until(200, |world| world.status() == Some(Status::SourceLocked)).await;
    assert!(funded);
    // A coin for a unit of gas: five dollars are to be earned.
    script.lines().base = Some(1_000_000_000_000_000_000);
    blocks(&mut world, 1, 8).await;
    assert!(intent(&world, 1, Action::FundDestination).is_none());
    let order = world.statuses()[0].0;
    let waiting = job(&world, order, Action::FundDestination).expect("it waits");
    let reason = waiting.last_error().expect("a reason");
    assert!(reason.contains("what is at stake pays for"), "{reason}");
    script.lines().base = None;
    completes(world).await;
}

#[tokio::test]
async fn an_order_whose_rows_make_no_call_waits_with_its_reason_and_stops_nobody() {
    let specs = vec![swap(0, Behaviour::Silent), swap(1, Behaviour::Honest)];
    let mut world = World::new(specs).await;
    let silent = world.run_until(200, |world| {
        world.statuses().iter().filter(|(_, status)| *status == Status::Completed).count() == 1
    });
    assert!(silent.await);
    let order = world.statuses().into_iter().find(|(_, status)| *status != Status::Completed);
    let (order, status) = order.expect("the silent one");
    assert_eq!(status, Status::BothLocked);
    // Its secret is known and not there.
    let kept = store(&world);
    let mut tx = kept.write().expect("the writer");
    let mut state = tx.order_state(order).expect("readable").expect("known");
    state.evidence.secret = SecretKnowledge::Sealed;
    tx.put_order_state(order, &state).expect("staged");
    tx.commit().expect("committed");
    let reason = |world: &World| {
        let job = job(world, order, Action::WithdrawDestination)?;
        Some((job.last_error()?.to_owned(), job.failures.len()))
    };
    assert!(world.run_until(40, |world| reason(world).is_some()).await);
    blocks(&mut world, 1, 4).await;
    let (why, times) = reason(&world).expect("it waits");
    assert!(why.contains("needs the secret"), "{why}");
    assert_eq!(times, 1, "told once");
    assert_eq!(world.resolver.handle().not_acting(), None);
}

#[tokio::test]
async fn a_way_out_that_the_gate_refuses_is_tried_for_as_long_as_it_is_due() {
    let (mut world, script) = scripted(vec![swap(0, Behaviour::Silent)], 1).await;
    assert!(world.run_until(200, |world| world.status() == Some(Status::BothLocked)).await);
    let order = world.statuses()[0].0;
    let taken_by = |world: &World, taker: Address| {
        let mut tx = store(world).write().expect("the writer");
        let mut state = tx.order_state(order).expect("readable").expect("known");
        let plan = state.plan.as_mut().expect("a plan");
        plan.immutables.taker = taker.into();
        tx.put_order_state(order, &state).expect("staged");
        tx.commit().expect("committed");
    };
    // A row that names another taker, and a host that says such a call succeeds.
    script.lines().simulates = Some(60_000);
    taken_by(&world, Address::repeat_byte(0x77));
    let failed = |world: &World| {
        job(world, order, Action::CancelDestination).map_or(0, |job| job.failures.len())
    };
    assert!(world.run_until(600, |world| failed(world) > 2).await, "again and again");
    let job = job(&world, order, Action::CancelDestination).expect("kept");
    assert_ne!(job.state.kind(), StateKind::Dead);
    assert!(job.last_error().is_some_and(|why| why.starts_with("not signed: ")), "{job:?}");
    assert!(intent(&world, 1, Action::CancelDestination).is_none(), "and never signed");
    script.lines().simulates = None;
    taken_by(&world, us());
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Cancelled), "and it ends as soon as its row is right");
}
