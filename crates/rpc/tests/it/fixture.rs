//! A store with a few orders in known states, and the module over it.

use alloy::primitives::{Address, B256, Bloom, Bytes, U256};
use async_trait::async_trait;
use bmn_chain::{ChainError, Header, RawReceipts};
use bmn_contracts::{ContractEvent, LimitOrder, MakerTraits, OrderSignature};
use bmn_primitives::{
    BlockRef, ChainId, Complement, Dialect, Hashlock, Immutables, OrderHash, OrderId, Secret,
    SwapId, Timelocks,
};
use bmn_rpc::{
    BmnRpc, Intake, IntakeError, NodeView, ReceiptSource, RpcLimits, ServedChain, Submitted,
    SubmittedOrder, Trade,
};
use bmn_store::{EventRow, OrderState, Store, StoreOptions};
use bmn_swap::{
    Action, ActionKey, Decision, DestinationLeg, DestinationPlan, Due, EscrowEnd, Evidence,
    Inclusion, Order, OrderTimes, Origin, Permission, Profit, Refusal, SecretKnowledge,
    SignedOrder, SourceLeg, SourceTerms, Status, Wake, When,
};
use jsonrpsee::RpcModule;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::{Notify, watch};

pub(crate) const A: ChainId = ChainId(1337);
pub(crate) const B: ChainId = ChainId(1338);
pub(crate) const SECRET: [u8; 32] = [0x5e; 32];
pub(crate) const PUBLIC: [u8; 32] = [0x77; 32];
const T0: u64 = 1_000_000;

pub(crate) fn lock(secret: [u8; 32]) -> Hashlock {
    Secret::new(secret).hashlock()
}

pub(crate) fn order_id(chain: ChainId, n: u8) -> OrderId {
    OrderId {
        chain,
        contract: Address::repeat_byte(0xc0),
        hash: OrderHash(B256::repeat_byte(n)),
        leaf: 0,
    }
}

pub(crate) fn block(number: u64) -> BlockRef {
    BlockRef { number, hash: B256::with_last_byte(number as u8), time: T0 + number }
}

pub(crate) fn header(number: u64) -> Header {
    Header {
        number,
        hash: block(number).hash,
        parent_hash: block(number - 1).hash,
        timestamp: block(number).time,
        logs_bloom: Bloom::ZERO,
        receipts_root: B256::ZERO,
        base_fee: Some(7),
    }
}

pub(crate) fn inclusion(number: u64, log_index: u32) -> Inclusion {
    Inclusion { block: block(number), tx_hash: B256::repeat_byte(0xee), log_index }
}

pub(crate) fn order(id: OrderId, hashlock: Hashlock, decision: Decision) -> Order {
    let signed = SignedOrder {
        order: LimitOrder {
            salt: U256::ZERO,
            maker: Address::repeat_byte(0x11).into(),
            receiver: Address::ZERO.into(),
            maker_asset: Address::repeat_byte(0xa1).into(),
            taker_asset: Address::repeat_byte(0xa2).into(),
            making_amount: U256::from(100),
            taking_amount: U256::from(99),
            maker_traits: MakerTraits::default(),
        },
        extension: Bytes::new(),
        signature: OrderSignature::Contract(Bytes::new()),
        secret_hashes: Vec::new(),
    };
    Order {
        id,
        origin: Origin::Submitted(Box::new(signed)),
        dialect: Dialect::Bmn4,
        factory: Address::repeat_byte(0xfa),
        hashlock,
        maker: Address::repeat_byte(0x11),
        beneficiary: Address::repeat_byte(0x12),
        source_token: Address::repeat_byte(0xa1),
        source_amount: U256::MAX,
        destination_chain: if id.chain == A { B } else { A },
        destination_token: Address::ZERO,
        destination_amount: U256::from(99),
        destination_deposit: U256::from(7),
        source_deposit: U256::ZERO,
        times: OrderTimes::Absolute { src_cancellation: T0 + 600, dst_withdrawal: T0 + 60 },
        seen_at: block(1),
        decision,
    }
}

pub(crate) fn state(status: Status, secret: SecretKnowledge) -> OrderState {
    OrderState {
        status,
        evidence: Evidence { secret, ..Evidence::default() },
        source: None,
        plan: None,
        permission: None,
    }
}

pub(crate) const SOURCE: Address = Address::repeat_byte(0x51);
pub(crate) const DESTINATION: Address = Address::repeat_byte(0xd1);

pub(crate) fn immutables(id: OrderId, hashlock: Hashlock) -> Immutables {
    Immutables {
        order_hash: id.hash,
        hashlock,
        maker: Address::repeat_byte(0x12).into(),
        taker: Address::repeat_byte(0x99).into(),
        token: Address::ZERO.into(),
        amount: U256::from(99),
        safety_deposit: U256::from(7),
        timelocks: Timelocks::pack(T0 as u32, [0, 60, 600, 660, 60, 120, 500]),
        parameters: Bytes::new(),
    }
}

pub(crate) fn source_leg(id: OrderId, hashlock: Hashlock) -> SourceLeg {
    SourceLeg {
        swap: SwapId { chain: A, escrow: SOURCE },
        factory: Address::repeat_byte(0xfa),
        dialect: Dialect::Bmn4,
        terms: SourceTerms::Stated {
            immutables: immutables(id, hashlock),
            complement: Complement {
                maker: Address::repeat_byte(0x12).into(),
                amount: U256::from(99),
                token: Address::ZERO.into(),
                safety_deposit: U256::from(7),
                chain_id: U256::from(B.0),
                parameters: Bytes::new(),
            },
        },
        created: inclusion(1, 0),
        fill: None,
        end: None,
    }
}

pub(crate) fn destination_leg(hashlock: Hashlock) -> DestinationLeg {
    DestinationLeg {
        chain: B,
        escrow: DESTINATION,
        factory: Address::repeat_byte(0xfb),
        dialect: Dialect::Bmn4,
        hashlock,
        taker: Address::repeat_byte(0x99),
        created: inclusion(1, 0),
        end: None,
    }
}

pub(crate) fn event(
    chain: ChainId,
    at: Inclusion,
    escrow: Address,
    event: ContractEvent,
) -> EventRow {
    let address = match event {
        ContractEvent::SourceCreated { .. } => Address::repeat_byte(0xfa),
        ContractEvent::DestinationCreated { .. } => Address::repeat_byte(0xfb),
        _ => escrow,
    };
    EventRow { chain, at, tx_index: 0, address, escrow: Some(escrow), event }
}

/// 1 on A: paid, with both legs, permission and job; its secret is public. 2 on A: refused. 3 on A:
/// accepted, its secret sealed. 3 on B: accepted, with the order hash of the one on A.
fn fill(store: &Store) {
    let mut tx = store.write().unwrap();
    let id = order_id(A, 1);
    tx.begin_block(A, &header(1)).unwrap();
    let leg = source_leg(id, lock(PUBLIC));
    tx.put_source_leg(&leg).unwrap();
    let (bound, complement) = leg.stated().unwrap();
    let created =
        ContractEvent::SourceCreated { immutables: bound.clone(), complement: complement.clone() };
    tx.put_event(&event(A, inclusion(1, 0), SOURCE, created)).unwrap();
    tx.end_block().unwrap();
    tx.begin_block(B, &header(1)).unwrap();
    let taker = Address::repeat_byte(0x99).into();
    let mut destination = destination_leg(lock(PUBLIC));
    tx.put_destination_leg(&destination).unwrap();
    let created =
        ContractEvent::DestinationCreated { escrow: DESTINATION, hashlock: lock(PUBLIC), taker };
    tx.put_event(&event(B, inclusion(1, 0), DESTINATION, created)).unwrap();
    tx.end_block().unwrap();
    tx.begin_block(B, &header(2)).unwrap();
    let end = EscrowEnd::Withdrawn { secret: PUBLIC.into() };
    destination.end = Some((end, inclusion(2, 1)));
    tx.put_destination_leg(&destination).unwrap();
    let withdrawn = ContractEvent::Withdrawn { secret: PUBLIC.into() };
    tx.put_event(&event(B, inclusion(2, 1), DESTINATION, withdrawn)).unwrap();
    tx.end_block().unwrap();
    tx.set_finalized(B, block(1)).unwrap();
    tx.put_public_secret(lock(PUBLIC), PUBLIC.into()).unwrap();
    tx.put_order(&order(id, lock(PUBLIC), Decision::Accepted)).unwrap();
    let mut paid = state(Status::DestinationPaid, SecretKnowledge::Public);
    paid.source = Some(leg.swap);
    paid.plan = Some(DestinationPlan {
        chain: B,
        factory: Address::repeat_byte(0xfb),
        source: leg.swap,
        immutables: immutables(id, lock(PUBLIC)),
        escrow: Some(DESTINATION),
    });
    paid.permission = Some(Permission {
        escrow: DESTINATION,
        caller: Address::repeat_byte(0x12),
        signature: vec![0x1b; 65].into(),
    });
    tx.put_order_state(id, &paid).unwrap();
    let key = ActionKey { order: id, action: Action::WithdrawSource, chain: A, escrow: SOURCE };
    let when = When::Wake(vec![Wake::Height { chain: B, number: 5 }]);
    bmn_queue::reconcile(&mut tx, id, &[Due { key, when }], |_| None).unwrap();

    let refused = order_id(A, 2);
    let reasons = vec![Refusal::Invalidated, Refusal::ZeroAmount("takingAmount".to_owned())];
    tx.put_order(&order(refused, Hashlock(B256::repeat_byte(2)), Decision::Refused(reasons)))
        .unwrap();
    tx.put_order_state(refused, &state(Status::Refused, SecretKnowledge::Unknown)).unwrap();

    for (chain, hashlock) in [(A, lock(SECRET)), (B, Hashlock(B256::repeat_byte(4)))] {
        let id = order_id(chain, 3);
        tx.put_order(&order(id, hashlock, Decision::Accepted)).unwrap();
        tx.put_order_state(id, &state(Status::Accepted, SecretKnowledge::Unknown)).unwrap();
    }
    tx.seal_secret(lock(SECRET), &Secret::new(SECRET)).unwrap();
    tx.commit().unwrap();
}

/// An intake that answers what it is told and remembers what it was given.
#[derive(Default)]
pub(crate) struct ScriptedIntake {
    pub(crate) orders: Mutex<Vec<SubmittedOrder>>,
    pub(crate) secrets: Mutex<Vec<(Hashlock, Vec<OrderId>)>>,
    pub(crate) answer: Mutex<Option<Result<Submitted, IntakeError>>>,
    pub(crate) gate: Option<Arc<Notify>>,
}

#[async_trait]
impl Intake for ScriptedIntake {
    async fn submit_order(&self, order: SubmittedOrder) -> Result<Submitted, IntakeError> {
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        self.orders.lock().unwrap().push(order);
        let answer = self.answer.lock().unwrap().clone();
        answer.unwrap_or_else(|| Err(IntakeError::Unavailable("no script".to_owned())))
    }

    async fn submit_secret(&self, secret: Secret, orders: &[OrderId]) -> Result<(), IntakeError> {
        self.secrets.lock().unwrap().push((secret.hashlock(), orders.to_vec()));
        match &*self.answer.lock().unwrap() {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

pub(crate) struct View(pub(crate) Option<String>);

impl NodeView for View {
    fn version(&self) -> String {
        "bmn/test".to_owned()
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(61_500)
    }

    fn not_acting(&self) -> Option<String> {
        self.0.clone()
    }

    fn chains(&self) -> Vec<ServedChain> {
        [(A, "Chain A"), (B, "Chain B")]
            .map(|(id, name)| ServedChain {
                id,
                name: name.to_owned(),
                confirmations: 3,
                account: Address::repeat_byte(0x99),
                factories: vec![(
                    Address::repeat_byte(0xfa),
                    Dialect::Bmn4,
                    Address::repeat_byte(0xc0),
                )],
            })
            .to_vec()
    }

    // Worth one basis point for each wei of the deposit; tokens of 0xbb are not known.
    fn profit(&self, trade: &Trade, base_fees: (u128, u128)) -> Option<Profit> {
        assert_eq!(base_fees, (7, 7));
        let known = trade.source.1 != Address::repeat_byte(0xbb);
        known.then(|| Profit {
            source_value: 1,
            destination_value: 1,
            gas: 0,
            deposit: 0,
            net: 0,
            bps: trade.deposit.to(),
        })
    }
}

/// A host that shows nothing.
pub(crate) struct Withholds;

#[async_trait]
impl ReceiptSource for Withholds {
    async fn block_receipts(
        &self,
        chain: ChainId,
        _: B256,
    ) -> Result<Option<RawReceipts>, ChainError> {
        let reason = "https://node.example/KEY does not answer".to_owned();
        Err(ChainError::Unavailable { chain, reason })
    }
}

pub(crate) struct Fixture {
    pub(crate) store: Store,
    /// The methods for everybody.
    pub(crate) module: RpcModule<()>,
    /// Those, and the operator's reads.
    pub(crate) operated: RpcModule<()>,
    pub(crate) intake: Arc<ScriptedIntake>,
    pub(crate) committed: watch::Sender<u64>,
    _directory: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(ScriptedIntake::default(), RpcLimits::default(), View(None))
    }

    pub(crate) fn with(intake: ScriptedIntake, limits: RpcLimits, view: View) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions::directory(directory.path())).unwrap();
        fill(&store);
        Self::over(directory, store, Arc::new(intake), limits, view)
    }

    fn over(
        directory: TempDir,
        store: Store,
        intake: Arc<ScriptedIntake>,
        limits: RpcLimits,
        view: View,
    ) -> Self {
        let (committed, receiver) = watch::channel(0);
        let (taken, view) = (Arc::clone(&intake) as Arc<dyn Intake>, Arc::new(view));
        let rpc =
            BmnRpc::with_limits(store.clone(), taken, view, Arc::new(Withholds), receiver, limits);
        let mut operated = rpc.clone().operator_module();
        let module = rpc.into_module();
        operated.merge(module.clone()).unwrap();
        Self { store, module, operated, intake, committed, _directory: directory }
    }

    /// Another process over the same file. What was subscribed ends.
    pub(crate) async fn restarted(self) -> Self {
        let Self { store, module, operated, intake, committed, _directory: directory } = self;
        drop((store, module, operated, committed));
        let store = loop {
            // The last subscription has to see that its node is gone.
            match Store::open(StoreOptions::directory(directory.path())) {
                Ok(store) => break store,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        Self::over(directory, store, intake, RpcLimits::default(), View(None))
    }

    /// Says that something is durable, as the node does after a commit.
    pub(crate) fn announce(&self) {
        self.committed.send_modify(|commits| *commits += 1);
    }

    /// The whole answer to a call.
    pub(crate) async fn raw(&self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (answer, _) = self.operated.raw_json_request(&request.to_string(), 1).await.unwrap();
        serde_json::from_str(answer.get()).unwrap()
    }

    pub(crate) async fn ok(&self, method: &str, params: Value) -> Value {
        let mut answer = self.raw(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The error's code, and its message and data as one text.
    pub(crate) async fn error(&self, method: &str, params: Value) -> (i64, String) {
        let answer = self.raw(method, params).await;
        let error = &answer["error"];
        let code = error["code"].as_i64().unwrap_or_else(|| panic!("{method}: {answer}"));
        (code, format!("{} {}", error["message"], error["data"]))
    }
}
