//! Orders that take several fills: one fill of ours at a time, each an order of its own, its secret
//! reserved with its row.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use alloy::{
    primitives::{Address, B256, Bloom, Bytes, LogData, U256, keccak256},
    signers::local::PrivateKeySigner,
    sol_types::{SolCall, SolEvent},
};
use async_trait::async_trait;
use bmn_chain::{
    Block, CallOutcome, CallRequest, ChainClient, ChainError, ChainEvent, ChainLog, Fees, Header,
    RawReceipts, Segment, Simulation, TxReceipt,
};
use bmn_contracts::{
    EscrowImplementations, Extension, ExtraData, LimitOrder, MakerTraits, SecretTree,
    bindings::{IErc20, ILimitOrderProtocol, IOneInchFactory1},
    order_domain, sign_order,
};
use bmn_indexer::Indexer;
use bmn_node::Intake;
use bmn_primitives::{
    AddressWord, BlockRef, ChainId, Complement, Dialect, Hashlock, Immutables, OrderId, Secret,
    Timelocks,
};
use bmn_queue::{Rules, refresh};
use bmn_store::{
    ClaimReads, DecisionReads, MasterKey, Reads, Store, StoreOptions, testing::CrashBackend,
};
use bmn_swap::{
    Attempt, FactoryTerms, Order, Pace, Policy, Price, Refusal, Route, SignedOrder, Status,
    TokenTerms,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

const CHAINS: [ChainId; 2] = [ChainId(10), ChainId(11)];
const US: Address = Address::repeat_byte(0x05);
const CONTRACT: Address = Address::repeat_byte(0xc0);
const PROTOCOL: Address = Address::repeat_byte(0xb0);
const FACTORY: Address = Address::repeat_byte(0xe0);
const TOKEN: Address = Address::repeat_byte(0x70);
const TRUE: Address = Address::repeat_byte(0x77);
const START: u64 = 1_700_000_000;
const DIALECT: Dialect = Dialect::OneInch1;
const PARTS: usize = 4;

/// What a chain answers to those who ask before they decide.
#[derive(Clone, Copy)]
struct Balances {
    ours: u64,
    remaining: Option<u64>,
    /// What the maker holds and has approved.
    makers: [u64; 2],
}

struct Client(ChainId, Arc<Mutex<Balances>>);

#[async_trait]
impl ChainClient for Client {
    fn chain_id(&self) -> ChainId {
        self.0
    }

    async fn head(&self) -> Result<BlockRef, ChainError> {
        Ok(BlockRef::default())
    }

    async fn simulate(&self, _: &CallRequest) -> Result<Simulation, ChainError> {
        Ok(Simulation { outcome: CallOutcome::Reverted(Bytes::new()), gas: 0 })
    }

    async fn call(&self, call: &CallRequest) -> Result<CallOutcome, ChainError> {
        let Balances { ours, remaining, makers } = *self.1.lock().unwrap();
        let selector: [u8; 4] = call.data[..4].try_into().unwrap();
        let word = match selector {
            IErc20::balanceOfCall::SELECTOR => {
                let asked = IErc20::balanceOfCall::abi_decode(&call.data).unwrap().account;
                U256::from(if asked == US { ours } else { makers[0] })
            }
            IErc20::allowanceCall::SELECTOR => U256::from(makers[1]),
            ILimitOrderProtocol::rawRemainingInvalidatorForOrderCall::SELECTOR => {
                remaining.map_or(U256::ZERO, |left| !U256::from(left))
            }
            _ => U256::ZERO,
        };
        Ok(CallOutcome::Success(word.to_be_bytes::<32>().into()))
    }

    async fn nonce(&self, _: Address) -> Result<u64, ChainError> {
        Ok(0)
    }

    async fn balance(&self, _: Address) -> Result<U256, ChainError> {
        Ok(U256::from(1_000_000))
    }

    async fn code(&self, _: Address) -> Result<Bytes, ChainError> {
        Ok(Bytes::new())
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        Ok(Fees { base: 0, priority: 0 })
    }

    async fn send_raw(&self, raw: &Bytes) -> Result<B256, ChainError> {
        Ok(keccak256(raw))
    }

    async fn receipt(&self, _: B256) -> Result<Option<TxReceipt>, ChainError> {
        Ok(None)
    }

    async fn mined_call(&self, _: B256) -> Result<Option<bmn_chain::MinedCall>, ChainError> {
        Ok(None)
    }

    async fn block_receipts(&self, _: B256) -> Result<Option<RawReceipts>, ChainError> {
        Ok(None)
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.nonce(account).await
    }
}

fn rules() -> Rules {
    let factory = FactoryTerms {
        address: FACTORY,
        dialect: DIALECT,
        limit_order_protocol: PROTOCOL,
        implementations: EscrowImplementations::for_factory(DIALECT, FACTORY),
        rescue_delay: 600,
        index_only: false,
    };
    let token = |address| TokenTerms { address, decimals: 0, price: Price(1_000_000) };
    let route = |chain| Route {
        chain,
        pace: Pace { block_time: 2, inclusion: 4, confirmations: 2, skew: 2 },
        tokens: vec![token(TOKEN), token(Address::ZERO)],
        true_tokens: vec![TRUE],
        factories: vec![factory],
        min_order_value: 50_000_000,
        resolver: Some(CONTRACT),
        limits: Default::default(),
    };
    let policy = Policy {
        min_profit_bps: 0,
        max_order_value: u128::MAX,
        maker_reaction: 10,
        max_window: 100_000,
        allow_direct_source: false,
        max_open_orders: 100,
        cancel_refused_gas: 1_000_000,
        limits: Default::default(),
    };
    Rules { us: US, routes: CHAINS.map(route).to_vec(), policy }
}

fn maker() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(5)).unwrap()
}

fn secret_hashes() -> Vec<Hashlock> {
    (0..=PARTS).map(|n| Secret::new([n as u8 + 1; 32]).hashlock()).collect()
}

/// 1 000 for 800, in four parts.
fn signed() -> SignedOrder {
    let secret_hashes = secret_hashes();
    let hashlock = SecretTree::new(&secret_hashes).unwrap().hashlock_word();
    signed_of(1_000, hashlock, secret_hashes)
}

/// So much for four fifths of it, at once; `secret` is no other order's.
fn undivided(making: u64, secret: u8) -> SignedOrder {
    signed_of(making, Secret::new([secret; 32]).hashlock(), vec![])
}

fn signed_of(making: u64, hashlock: Hashlock, secret_hashes: Vec<Hashlock>) -> SignedOrder {
    let extra = ExtraData {
        hashlock,
        dst_chain_id: U256::from(CHAINS[1].0),
        dst_token: TOKEN.into(),
        deposits: ExtraData::pack_deposits(DIALECT, 7, 5),
        timelocks: Timelocks::pack(0, [0, 60, 4_000, 4_060, 30, 90, 3_000]).0,
    };
    let header = [&[0; 4][..], &CONTRACT[10..], &[0, 0, 1 << 3]].concat();
    let tail = [&header[..], &extra.encode()[..]].concat();
    let extension = Extension::post_interaction_only(FACTORY, &tail);
    let order = LimitOrder {
        salt: LimitOrder::salt_for(&extension, U256::from(7) << 200),
        maker: maker().address().into(),
        receiver: AddressWord::ZERO,
        maker_asset: TOKEN.into(),
        taker_asset: TRUE.into(),
        making_amount: U256::from(making),
        taking_amount: U256::from(making * 4 / 5),
        maker_traits: if secret_hashes.is_empty() {
            MakerTraits::cross_chain()
        } else {
            MakerTraits::cross_chain().with_multiple_fills()
        },
    };
    let domain = order_domain(DIALECT, CHAINS[0], PROTOCOL);
    let signature = sign_order(&maker(), order.hash(&domain)).unwrap();
    SignedOrder { order, extension, signature, secret_hashes }
}

struct World {
    rules: Arc<Rules>,
    store: Store,
    indexer: Indexer,
    intake: Intake,
    chain: Arc<Mutex<Balances>>,
    blocks: u64,
}

impl World {
    fn new(ours: u64) -> Self {
        let options = StoreOptions::backend(CrashBackend::new(), MasterKey::new([3; 32]));
        let store = Store::open(options).unwrap();
        let rules = Arc::new(rules());
        let chain = Arc::new(Mutex::new(Balances { ours, remaining: None, makers: [1_000; 2] }));
        let client = |id| -> Arc<dyn ChainClient> { Arc::new(Client(id, Arc::clone(&chain))) };
        let clients = CHAINS.map(|id| (id, client(id)));
        let indexer = Indexer::new(store.clone(), Arc::clone(&rules));
        let intake = Intake::new(
            store.clone(),
            Arc::clone(&rules),
            BTreeMap::from(clients),
            BTreeMap::new(),
        );
        let mut world = Self { rules, store, indexer, intake, chain, blocks: 0 };
        world.mine(vec![]);
        world
    }

    /// A block on both chains, with these events on the source chain.
    fn mine(&mut self, events: Vec<(Address, LogData)>) {
        self.blocks += 1;
        let number = self.blocks;
        for (side, chain) in CHAINS.into_iter().enumerate() {
            let place = |n: u64| keccak256([n, side as u64].map(u64::to_be_bytes).concat());
            let header = Header {
                number,
                hash: place(number),
                parent_hash: if number == 1 { B256::ZERO } else { place(number - 1) },
                timestamp: START + number,
                logs_bloom: Bloom::ZERO,
                receipts_root: B256::ZERO,
                base_fee: None,
            };
            let spoken = if side == 0 { events.clone() } else { vec![] };
            let log = |(log_index, (address, data)): (u32, (Address, LogData))| {
                let (topics, data) = data.split();
                let tx_hash = B256::left_padding_from(&number.to_be_bytes());
                ChainLog { address, topics, data, tx_hash, tx_index: 0, log_index }
            };
            let logs = (0..).zip(spoken).map(log).collect();
            let event = ChainEvent::Committed(Segment::new(vec![Block { header, logs }]).unwrap());
            self.indexer.apply(chain, &event, None).unwrap();
        }
    }

    async fn submit(&self) -> Order {
        self.intake.submit_order(signed(), CHAINS[0], |_| Ok(())).await.unwrap()
    }

    async fn offer(&self, signed: SignedOrder) -> Order {
        self.intake.submit_order(signed, CHAINS[0], |_| Ok(())).await.unwrap()
    }

    /// What the maker holds and has approved from here on.
    fn makers(&self, balance: u64, allowance: u64) {
        self.chain.lock().unwrap().makers = [balance, allowance];
    }

    async fn next(&self, of: OrderId) -> Option<Order> {
        self.intake.next_part(of).await.unwrap()
    }

    fn left(&self, remaining: u64) {
        self.chain.lock().unwrap().remaining = Some(remaining);
    }

    fn status(&self, order: OrderId) -> Status {
        self.store.read().unwrap().order_state(order).unwrap().unwrap().status
    }

    /// The block in which our fill of a part is mined; `left` of the order remains.
    fn fill(&mut self, part: &Order, left: u64) {
        let time = START + self.blocks + 1;
        let immutables = Immutables {
            order_hash: part.id.hash,
            hashlock: part.hashlock,
            maker: maker().address().into(),
            taker: CONTRACT.into(),
            token: TOKEN.into(),
            amount: part.source_amount,
            safety_deposit: part.source_deposit,
            timelocks: Timelocks::pack(time as u32, [0, 60, 4_000, 4_060, 30, 90, 3_000]),
            parameters: Bytes::new(),
        };
        let complement = Complement {
            maker: maker().address().into(),
            amount: part.destination_amount,
            token: TOKEN.into(),
            safety_deposit: part.destination_deposit,
            chain_id: U256::from(CHAINS[1].0),
            parameters: Bytes::new(),
        };
        let created = IOneInchFactory1::SrcEscrowCreated {
            srcImmutables: (&immutables).into(),
            dstImmutablesComplement: (&complement).into(),
        };
        let filled = ILimitOrderProtocol::OrderFilled {
            orderHash: part.id.hash.0,
            remainingAmount: U256::from(left),
        };
        self.mine(vec![(FACTORY, created.encode_log_data()), (PROTOCOL, filled.encode_log_data())]);
        self.left(left);
    }

    /// Our fill of a part is given up.
    fn give_up(&self, part: OrderId) {
        let mut tx = self.store.write().unwrap();
        let mut state = tx.order_state(part).unwrap().unwrap();
        state.evidence.fill = Attempt::Closed;
        tx.put_order_state(part, &state).unwrap();
        refresh(&mut tx, part, &self.rules).unwrap();
        tx.commit().unwrap();
    }
}

fn amounts(part: &Order) -> (u16, u64, u64) {
    (part.id.leaf, part.source_amount.to(), part.destination_amount.to())
}

#[tokio::test]
async fn an_order_that_we_can_pay_at_once_is_filled_at_once_with_its_last_secret() {
    let world = World::new(800);
    let part = world.submit().await;
    assert_eq!(part.refusals(), []);
    assert_eq!(amounts(&part), (4, 1_000, 800));
    assert_eq!(part.hashlock, secret_hashes()[4]);
    assert_eq!(world.submit().await, part, "the same order again is what was decided");
    assert_eq!(world.next(part.id).await, None, "it is under way");
}

#[tokio::test]
async fn parts_follow_each_other_and_each_has_its_own_row_secret_and_promise() {
    // 25, 50 and 25 percent: what there is to pay them with grows.
    let mut world = World::new(200);
    let first = world.submit().await;
    assert_eq!(amounts(&first), (0, 250, 200));
    let promised = || {
        let read = world.store.read().unwrap();
        let coin = read.reserved(CHAINS[0], Address::ZERO).unwrap();
        (read.reserved(CHAINS[1], TOKEN).unwrap().to::<u64>(), coin.to::<u64>())
    };
    assert_eq!(promised(), (200, 7));
    assert_eq!(world.next(first.id).await, None, "it is under way");
    world.fill(&first, 750);
    assert_eq!(world.status(first.id), Status::SourceLocked);
    world.chain.lock().unwrap().ours = 200 + 400;
    world.mine(vec![]);
    assert_eq!(world.next(first.id).await, None, "a reorg could still put it back under way");
    world.mine(vec![]);
    let second = world.next(first.id).await.unwrap();
    assert_eq!(amounts(&second), (2, 500, 400));
    assert_eq!(second.hashlock, secret_hashes()[2]);
    assert_eq!(world.submit().await, second, "told of the part under way");
    world.fill(&second, 250);
    world.mine(vec![]);
    world.mine(vec![]);
    world.chain.lock().unwrap().ours = 200 + 400 + 200;
    let third = world.next(second.id).await.unwrap();
    assert_eq!(amounts(&third), (4, 250, 200), "the last secret ends the order");
    world.fill(&third, 0);
    world.mine(vec![]);
    world.mine(vec![]);
    assert_eq!(world.next(third.id).await, None, "nothing is left");
    for part in [first, second, third] {
        assert_eq!(world.status(part.id), Status::SourceLocked);
    }
}

#[tokio::test]
async fn a_fill_by_somebody_else_voids_ours_and_what_it_left_is_offered_again() {
    let world = World::new(800);
    let all = world.submit().await;
    assert_eq!(amounts(&all), (4, 1_000, 800));
    world.left(700);
    assert_eq!(world.next(all.id).await, None, "ours is still under way");
    world.give_up(all.id);
    assert_eq!(world.status(all.id), Status::Void);
    let rest = world.next(all.id).await.unwrap();
    assert_eq!(amounts(&rest), (4, 700, 560), "the secret was never used");
    assert_eq!(world.status(rest.id), Status::Accepted);
    let read = world.store.read().unwrap();
    assert_eq!(read.reserved(CHAINS[1], TOKEN).unwrap(), U256::from(560));
}

#[tokio::test]
async fn no_part_is_taken_that_is_smaller_than_orders_must_be_or_uses_a_used_secret() {
    let small = World::new(30);
    let refused = small.submit().await;
    assert_eq!(refused.refusals().iter().map(Refusal::code).collect::<Vec<_>>()[..1], ["noPart"]);
    assert!(!refused.is_accepted());
    small.chain.lock().unwrap().ours = 800;
    assert!(small.submit().await.is_accepted(), "the reason passed");
    // 10 % are filled by somebody else; the next 10 % would need the secret that he used.
    let used = World::new(80);
    used.left(900);
    let refused = used.submit().await;
    assert!(refused.refusals().iter().any(|reason| reason.code() == "noPart"));
}

#[tokio::test]
async fn secret_hashes_that_the_maker_did_not_sign_are_refused() {
    let world = World::new(800);
    let mut signed = signed();
    signed.secret_hashes.swap(0, 1);
    let refused = world.intake.submit_order(signed, CHAINS[0], |_| Ok(())).await.unwrap_err();
    assert!(refused.to_string().contains("Merkle root"), "{refused}");
    assert!(world.submit().await.is_accepted(), "whoever came first with bad ones spoilt nothing");
}

fn committed(what: &str, has: u64, claimed: u64, needed: u64) -> Refusal {
    let [has, claimed, needed] = [has, claimed, needed].map(U256::from);
    Refusal::MakerCommitted { what: what.to_owned(), has, claimed, needed }
}

#[tokio::test]
async fn what_an_open_order_will_take_is_not_there_for_the_makers_next_one() {
    let mut world = World::new(10_000);
    let first = world.offer(undivided(600, 21)).await;
    assert_eq!(first.refusals(), []);
    let second = world.offer(undivided(600, 22)).await;
    let reasons = [committed("balance", 1_000, 600, 600), committed("allowance", 1_000, 600, 600)];
    assert_eq!(second.refusals(), reasons);
    let told = world.store.read().unwrap().assessment(second.id).unwrap().unwrap();
    assert_eq!(told.reasons, reasons, "what explains it has the numbers, too");
    assert_eq!(
        reasons[0].to_string(),
        "maker balance 1000 is below 600 beside the 600 that his other open orders will take"
    );
    world.makers(1_200, 1_199);
    let again = world.offer(undivided(600, 22)).await;
    assert_eq!(again.refusals(), [committed("allowance", 1_199, 600, 600)], "judged again");
    world.makers(1_000, 1_000);
    let third = world.offer(undivided(400, 23)).await;
    assert_eq!(third.refusals(), [], "exactly what is left");
    assert_eq!(world.offer(undivided(600, 21)).await, first, "it does not stand in its own way");
    // The first is filled: what it claimed has left the maker.
    world.fill(&first, 0);
    world.makers(400, 400);
    world.chain.lock().unwrap().remaining = None;
    let refused = world.offer(undivided(100, 24)).await;
    assert_eq!(refused.refusals()[0], committed("balance", 400, 400, 100));
    // The third is given up: nothing is claimed any more.
    world.give_up(third.id);
    assert_eq!(world.offer(undivided(100, 24)).await.refusals(), []);
    assert_eq!(world.offer(undivided(300, 25)).await.refusals(), []);
}

#[tokio::test]
async fn of_an_order_in_parts_what_nobody_has_filled_is_claimed_until_it_is() {
    let mut world = World::new(200);
    let claimed = |world: &World| {
        world
            .store
            .read()
            .unwrap()
            .claimed(CHAINS[0], TOKEN, maker().address())
            .unwrap()
            .to::<u64>()
    };
    let first = world.submit().await;
    assert_eq!(amounts(&first), (0, 250, 200));
    assert_eq!(claimed(&world), 1_000);
    world.chain.lock().unwrap().ours = 10_000;
    let other = world.offer(undivided(100, 31)).await;
    assert_eq!(other.refusals()[0], committed("balance", 1_000, 1_000, 100));
    world.makers(1_100, 1_100);
    assert_eq!(world.offer(undivided(100, 32)).await.refusals(), []);
    world.fill(&first, 750);
    world.makers(850, 850);
    assert_eq!(claimed(&world), 750 + 100, "between two parts, too");
    world.mine(vec![]);
    world.mine(vec![]);
    world.chain.lock().unwrap().ours = 200 + 400 + 80;
    let second = world.next(first.id).await.unwrap();
    assert_eq!(amounts(&second), (2, 500, 400), "the order's own claim is not against it");
    assert_eq!(claimed(&world), 750 + 100);
    // Somebody else fills the rest, and ours is given up.
    world.give_up(second.id);
    assert_eq!(claimed(&world), 100);
}
