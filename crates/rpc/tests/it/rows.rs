//! More rows for the fixture's store, and what changes them.

use crate::fixture::{
    A, B, Fixture, SECRET, ScriptedIntake, View, Withholds, block, lock, order, order_id, state,
};
use alloy::primitives::{Address, B256, U256};
use async_trait::async_trait;
use bmn_contracts::EscrowImplementations;
use bmn_primitives::{ChainId, Dialect, Hashlock};
use bmn_queue::{FailureClass, Rules};
use bmn_records::Records;
use bmn_rpc::{
    AdminRpc, BmnRpc, IntakeError, ModeChange, Operations, QueueAdmin, ScheduledJobs, Submitted,
};
use bmn_scheduler::{
    Clock, Job, JobContext, JobError, JobSpec, Limits, Outcome, Overrides, Priority, ProcessMemory,
    Schedule, Scheduler, SchedulerParts,
};
use bmn_store::{DecisionReads, Mode, Store};
use bmn_swap::{
    Action, ActionKey, Assessment, Circumstances, Decision, Due, FactoryTerms, Market, ModeReason,
    Modes, Order, Pace, Policy, Price, Profit, Refusal, Route, SecretKnowledge, Status, Terms,
    TokenTerms, When, assess, worth,
};
use jsonrpsee::RpcModule;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

const TOKEN: Address = Address::repeat_byte(0xa1);

fn route(chain: ChainId) -> Route {
    let token = |address| TokenTerms { address, decimals: 18, price: Price(1_000_000) };
    Route {
        chain,
        pace: Pace { block_time: 2, inclusion: 6, confirmations: 3, skew: 2 },
        tokens: vec![token(TOKEN), token(Address::ZERO)],
        true_tokens: vec![],
        resolver: None,
        factories: vec![FactoryTerms {
            address: Address::repeat_byte(0xfa),
            dialect: Dialect::Bmn4,
            limit_order_protocol: Address::repeat_byte(0xc0),
            implementations: EscrowImplementations::for_factory(Dialect::Bmn4, TOKEN),
            rescue_delay: 604_800,
            index_only: false,
        }],
        min_order_value: 0,
        limits: Default::default(),
    }
}

fn policy() -> Policy {
    Policy {
        min_profit_bps: 10,
        max_order_value: u128::MAX,
        maker_reaction: 1,
        max_window: 86_400,
        allow_direct_source: false,
        max_open_orders: 10,
        cancel_refused_gas: 0,
        limits: Default::default(),
    }
}

/// An order of ten tokens for nine, stored with the numbers of its decision.
pub(crate) fn decided(
    store: &Store,
    n: u8,
    change: impl FnOnce(&mut [Route; 2], &mut Policy, &mut Market),
) {
    let mut taken = sold(n);
    let (mut routes, mut policy, mut market) = ([route(A), route(B)], policy(), Market::default());
    change(&mut routes, &mut policy, &mut market);
    let terms = Terms { us: Address::repeat_byte(0x99), routes: &routes, policy: &policy };
    let gas_price = (1_000_000_000, 2_000_000_000);
    let reasons = worth(&taken, &market, gas_price, 4, block(1).time, &terms);
    let seen =
        Circumstances { at: block(1), gas_price, open_orders: 4, market: &market, source: None };
    let told = assess(&taken, &reasons, &seen, &terms);
    let mut status = Status::Accepted;
    if !reasons.is_empty() {
        taken.decision = Decision::Refused(reasons);
        status = Status::Refused;
    }
    put(store, &taken, status, &told);
}

fn sold(n: u8) -> Order {
    let whole = U256::from(10).pow(U256::from(18));
    let mut sold = order(order_id(A, n), Hashlock(B256::repeat_byte(n)), Decision::Accepted);
    sold.source_amount = U256::from(10) * whole;
    sold.destination_amount = U256::from(9) * whole;
    sold
}

fn put(store: &Store, order: &Order, status: Status, told: &Assessment) {
    let mut tx = store.write().unwrap();
    tx.put_order(order).unwrap();
    tx.put_order_state(order.id, &state(status, SecretKnowledge::Unknown)).unwrap();
    tx.put_assessment(order.id, told).unwrap();
    tx.commit().unwrap();
}

/// An order that shadow mode would have taken.
pub(crate) fn shadowed(store: &Store, n: u8) -> Order {
    decided(store, n, |_, _, _| {});
    let id = order_id(A, n);
    let told = store.read().unwrap().assessment(id).unwrap().unwrap();
    let reasons = vec![Refusal::Mode(ModeReason::Shadow)];
    let order = Order { decision: Decision::Refused(reasons), ..sold(n) };
    put(store, &order, Status::Refused, &told);
    order
}

fn rules() -> Rules {
    let route = |chain| Route {
        chain,
        pace: Pace { block_time: 2, inclusion: 6, confirmations: 3, skew: 4 },
        tokens: Vec::new(),
        true_tokens: Vec::new(),
        factories: Vec::new(),
        min_order_value: 0,
        limits: Default::default(),
        resolver: None,
    };
    let policy = Policy {
        min_profit_bps: 0,
        max_order_value: u128::MAX,
        maker_reaction: 30,
        max_window: 10_000,
        allow_direct_source: false,
        max_open_orders: 10,
        cancel_refused_gas: 0,
        limits: Default::default(),
    };
    Rules { us: Address::repeat_byte(0xee), routes: vec![route(A), route(B)], policy }
}

/// Steps of an order that were given up.
pub(crate) fn bury(store: &Store, n: u8, actions: &[(Action, ChainId, Address)]) {
    let mut tx = store.write().unwrap();
    for chain in [A, B] {
        tx.set_mode(chain, Mode::Live).unwrap();
    }
    let order = order_id(A, n);
    let key = |(action, chain, escrow)| ActionKey { order, action, chain, escrow };
    let due: Vec<_> = actions.iter().map(|it| Due { key: key(*it), when: When::Now }).collect();
    bmn_queue::reconcile(&mut tx, order, &due, |_| Some(1_000_053)).unwrap();
    for (_, chain, _) in actions {
        let claim = bmn_queue::lease(&mut tx, *chain, 1, 0).unwrap().unwrap().claim();
        bmn_queue::bury(&mut tx, &claim, FailureClass::Final, "the token does not move").unwrap();
    }
    tx.commit().unwrap();
}

/// A fill that was given up; the order's id.
pub(crate) fn bury_fill(n: u8, store: &Store) -> String {
    bury(store, n, &[(Action::Fill, A, Address::ZERO)]);
    order_id(A, n).to_string()
}

struct Modifies(Store);

impl Operations for Modifies {
    fn change_modes(&self, change: ModeChange) -> Result<Modes, IntakeError> {
        let mut tx = self.0.write().unwrap();
        let modes = change.apply(tx.modes().unwrap());
        tx.set_modes(&modes).unwrap();
        tx.commit().unwrap();
        Ok(modes)
    }
}

/// What changes the mode and the switches.
pub(crate) fn modes(store: &Store) -> RpcModule<()> {
    let intake = Arc::new(ScriptedIntake::default());
    let rpc = BmnRpc::new(
        store.clone(),
        intake,
        Arc::new(View(None)),
        Arc::new(Withholds),
        watch::channel(0).1,
    );
    AdminRpc::new(rpc.with_jobs(scheduled()), Arc::new(Modifies(store.clone()))).into_module()
}

/// A moment that stays: 2026-03-01.
struct Stopped;

impl Clock for Stopped {
    fn now_ms(&self) -> u64 {
        1_772_323_200_000
    }
}

/// A job that does nothing.
struct Nothing;

#[async_trait]
impl Job for Nothing {
    fn spec(&self) -> JobSpec {
        JobSpec {
            name: "dailyReport",
            about: "a test",
            schedule: Schedule::Off,
            priority: Priority::Low,
            retries: Vec::new(),
            timeout: Duration::from_secs(1),
            exclusive: false,
        }
    }

    async fn run(&self, _: &JobContext) -> Result<Outcome, JobError> {
        Ok(Outcome::default())
    }
}

/// A scheduler with that job, which runs as long as the test does.
fn scheduled() -> ScheduledJobs {
    let scheduler = Scheduler::open(SchedulerParts {
        jobs: vec![Arc::new(Nothing)],
        records: Records::in_memory().unwrap(),
        clock: Arc::new(Stopped),
        memory: Arc::new(ProcessMemory),
        limits: Limits::default(),
        overrides: watch::channel(Overrides::new()).1,
    })
    .unwrap();
    let jobs = ScheduledJobs::default();
    jobs.set(scheduler.handle());
    // A test that only looks at the names has no runtime.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(scheduler.run(Default::default()));
    }
    jobs
}

/// What changes the dead letters.
pub(crate) fn queue(store: &Store) -> RpcModule<()> {
    QueueAdmin::new(store.clone(), Arc::new(rules())).into_module()
}

/// How an order that is taken is answered.
pub(crate) fn accepted() -> Submitted {
    Submitted {
        order: order_id(A, 8),
        hashlock: lock(SECRET),
        decision: Decision::Accepted,
        profit: Some(Profit {
            source_value: 100,
            destination_value: 90,
            gas: 1,
            deposit: 0,
            net: 9,
            bps: 900,
        }),
    }
}

/// A fixture whose intake always answers so.
pub(crate) fn answering(answer: Result<Submitted, IntakeError>) -> Fixture {
    let fixture = Fixture::new();
    *fixture.intake.answer.lock().unwrap() = Some(answer);
    fixture
}
