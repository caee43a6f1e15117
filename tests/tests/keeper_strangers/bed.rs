//! Two chains with one 1inch dialect on them, Alice who sells, Bob who resolves, and our node, whose
//! account holds the access token and takes no orders.

use crate::net::{Actor, DST, Net, ONE, RESCUE_DELAY, SRC};
use alloy::primitives::{Address, Bytes, U256, keccak256};
use bmn_config::{ChainSpec, FactorySpec, Minimums, NativeSpec};
use bmn_contracts::{
    ContractEvent, Emitter, EscrowImplementations, Extension, ExtraData, FeeTerms, FillFee,
    FillTerms, LimitOrder, MakerTraits, TakerTraits, WhitelistEntry, artifacts, calldata, decode,
    destination_escrow, order_domain, sign_order, source_escrow,
};
use bmn_executor::KeeperLimits;
use bmn_node::{ChainHost, Resolver, policy_of};
use bmn_primitives::{ChainId, Complement, Dialect, Immutables, OrderHash, Secret, Timelocks};
use bmn_queue::{JobFilter, list};
use bmn_sim::VirtualClock;
use bmn_store::{MasterKey, Reads, Store, StoreOptions, WriteTx, testing::CrashBackend};
use bmn_swap::{KeeperTerms, Status};
use std::sync::Arc;

/// Who our node is: a holder of the access token.
pub(crate) const KEEPER: Actor = Actor::Carol;
pub(crate) const SRC_DEPOSIT: u128 = 3 * ONE / 1000;
pub(crate) const DST_DEPOSIT: u128 = ONE / 1000;
/// Seconds from creation: source 10, 120, 300, 360; destination 10, 100, 200.
const OFFSETS: [u32; 7] = [10, 120, 300, 360, 10, 100, 200];
const BLOCK_TIME: u64 = 2;
/// The block before it sets the bed up.
const FIRST_BLOCK: u64 = 2;

/// Limits under which every deposit here pays.
pub(crate) fn limits() -> KeeperLimits {
    KeeperLimits {
        terms: KeeperTerms {
            win_bps: 8_000,
            lost_gas: 60_000,
            min_expected: 10_000,
            quiet_blocks: 5,
        },
        gas_per_day: ONE / 10,
        max_open: 2,
        max_watched: 8,
    }
}

pub(crate) struct Bed {
    pub(crate) src: Net,
    pub(crate) dst: Net,
    pub(crate) store: Store,
    dialect: Dialect,
    us: Actor,
    node: Resolver,
    clock: VirtualClock,
}

/// Alice's order after Bob filled it.
pub(crate) struct Swap {
    pub(crate) secret: Secret,
    pub(crate) source: Immutables,
    pub(crate) source_escrow: Address,
    complement: Complement,
}

fn net(dialect: Dialect, id: u64) -> Net {
    let owner = Actor::Deployer.address();
    let factory = |net: &Net| match dialect {
        Dialect::OneInch1 => {
            artifacts::oneinch1_factory(net.lop, net.token, net.token6, owner, RESCUE_DELAY)
        }
        _ => artifacts::oneinch2_factory(net.lop, net.token6, owner, RESCUE_DELAY),
    };
    let protocol = |net: &Net| artifacts::oneinch_limit_order_protocol(net.weth);
    let net = Net::deployed(id, protocol, 0, factory);
    net.mine_all();
    net
}

fn spec(net: &Net, dialect: Dialect) -> ChainSpec {
    let factory = FactorySpec {
        dialect,
        address: net.factory,
        version: None,
        limit_order_protocol: net.lop,
        rescue_delay_secs: u64::from(RESCUE_DELAY),
        access_token: Some(net.token6),
        source_implementation: None,
        destination_implementation: None,
        index_only: false,
        start_block: None,
        code_hash: None,
        max_exposure: None,
    };
    ChainSpec {
        name: format!("chain-{}", net.id),
        chain_id: net.id,
        block_time_secs: BLOCK_TIME,
        confirmations: 2,
        inclusion_blocks: 3,
        max_clock_skew_secs: 2,
        start_block: 0,
        finality_depth: 64,
        factories: vec![factory],
        tokens: Vec::new(),
        native: NativeSpec {
            symbol: "ETH".to_owned(),
            decimals: 18,
            price: 3_000_000_000,
            prices: None,
        },
        true_tokens: Vec::new(),
        resolver_contract: None,
        minimums: Minimums { order_value: 0, native_balance: 0 },
        op_stack: false,
        confirmation_steps: Vec::new(),
    }
}

fn open(
    nets: [&Net; 2],
    dialect: Dialect,
    store: &Store,
    clock: &VirtualClock,
    us: Actor,
    limits: Option<KeeperLimits>,
) -> Resolver {
    let hosts = nets.map(|net| ChainHost {
        spec: spec(net, dialect),
        source: Box::new(net.chain.source()),
        client: Arc::new(net.chain.client()),
    });
    let policy = policy_of(&bmn_config::Policy::default());
    let clock = Arc::new(clock.clone());
    let node = Resolver::open(store.clone(), hosts.into(), us.key(), policy, clock).unwrap();
    if let Some(limits) = limits {
        node.keep_within(limits);
    }
    node
}

impl Bed {
    pub(crate) async fn new(dialect: Dialect, limits: Option<KeeperLimits>) -> Self {
        Self::of(dialect, limits, KEEPER).await
    }

    pub(crate) async fn of(dialect: Dialect, limits: Option<KeeperLimits>, us: Actor) -> Self {
        let (src, dst) = (net(dialect, SRC), net(dialect, DST));
        let options = StoreOptions::backend(CrashBackend::new(), MasterKey::new([3; 32]));
        let store = Store::open(options).unwrap();
        let clock = VirtualClock::starting_at(src.now());
        let node = open([&src, &dst], dialect, &store, &clock, us, limits);
        let mut bed = Self { src, dst, store, dialect, us, node, clock };
        bed.settle().await;
        bed
    }

    /// Drops the node without a word and starts another over the same store.
    pub(crate) fn restart(&mut self, limits: Option<KeeperLimits>) {
        let nets = [&self.src, &self.dst];
        self.node = open(nets, self.dialect, &self.store, &self.clock, self.us, limits);
    }

    pub(crate) async fn settle(&mut self) {
        self.node.run_until_idle().await.unwrap();
    }

    /// A block on both chains, two seconds later, and whatever the node does then.
    pub(crate) async fn step(&mut self) {
        self.clock.advance(BLOCK_TIME);
        let time = self.src.now().max(self.dst.now()) + BLOCK_TIME;
        for net in [&self.src, &self.dst] {
            net.chain.mine(Some(time)).unwrap();
        }
        self.settle().await;
    }

    /// Steps up to a time, unix seconds.
    pub(crate) async fn until(&mut self, time: u64) {
        while self.src.now().max(self.dst.now()) + BLOCK_TIME <= time {
            self.step().await;
        }
    }

    /// Steps until a transaction of the node waits on the source chain.
    pub(crate) async fn until_pooled(&mut self, most: u64) {
        while self.src.chain.pooled().is_empty() {
            assert!(self.src.now() < most, "nothing was sent");
            self.step().await;
        }
    }

    fn implementations(&self, net: &Net) -> EscrowImplementations {
        EscrowImplementations::for_factory(self.dialect, net.factory)
    }

    fn fill_terms(&self) -> FillTerms {
        let fee = match self.dialect {
            Dialect::OneInch1 => FillFee::Credit(None),
            _ => FillFee::Destination(FeeTerms {
                integrator: Address::ZERO,
                protocol: Address::ZERO,
                integrator_fee: 0,
                integrator_share: 0,
                resolver_fee: 0,
                whitelist_discount: 0,
                post_interaction: None,
            }),
        };
        let whitelist = vec![WhitelistEntry::new(Actor::Bob.address(), 0)];
        FillTerms { allowed_time: 0, whitelist, fee }
    }

    /// Bob fills an order of Alice's in a block of its own.
    pub(crate) async fn swap(&mut self) -> Swap {
        let (net, dialect) = (&self.src, self.dialect);
        let secret = Secret::new(keccak256(net.draw().to_be_bytes()).0);
        let extra = ExtraData {
            hashlock: secret.hashlock(),
            dst_chain_id: U256::from(DST),
            dst_token: net.token.into(),
            deposits: ExtraData::pack_deposits(dialect, SRC_DEPOSIT, DST_DEPOSIT),
            timelocks: Timelocks::pack(0, OFFSETS).0,
        };
        let data = [self.fill_terms().encode().unwrap(), extra.encode()].concat();
        let extension = Extension::post_interaction_only(net.factory, &data);
        let order = LimitOrder {
            salt: LimitOrder::salt_for(&extension, U256::from(net.draw()) << 160),
            maker: Actor::Alice.address().into(),
            receiver: Actor::Alice.address().into(),
            maker_asset: net.token.into(),
            taker_asset: net.true_token.into(),
            making_amount: U256::from(ONE),
            taking_amount: U256::from(2 * ONE),
            maker_traits: MakerTraits::cross_chain().with_no_partial_fills().with_nonce(net.draw()),
        };
        let hash: OrderHash = order.hash(&order_domain(dialect, net.id, net.lop));
        let signature = sign_order(&Actor::Alice.key(), hash).unwrap();
        let time = net.now() + 2;
        let source = Immutables {
            order_hash: hash,
            hashlock: secret.hashlock(),
            maker: order.maker,
            taker: Actor::Bob.address().into(),
            token: order.maker_asset,
            amount: order.making_amount,
            safety_deposit: extra.src_deposit(dialect),
            timelocks: extra.source_timelocks(dialect, time).unwrap(),
            parameters: Bytes::new(),
        };
        let both = self.implementations(net);
        let escrow = source_escrow(dialect, net.factory, &both, &source);
        net.tx(Actor::Dave, escrow, Bytes::new()).paying(source.safety_deposit).mined();
        let traits = TakerTraits::one_inch_fill(extension.len(), 0, order.taking_amount);
        let arguments = calldata::fill_arguments(Some(escrow), &extension, &[]);
        let making = order.making_amount;
        let fill = calldata::fill_order_args(&order, &signature, making, traits, arguments);
        let mined = net.tx(Actor::Bob, net.lop, fill).at(time).mined();
        let emitter = Emitter::Factory(dialect);
        let logs = mined.logs.iter().filter(|log| log.address == net.factory);
        let mut events =
            logs.filter_map(|log| decode(emitter, log.topics(), &log.data.data).ok()?);
        let complement = events.find_map(|event| match event {
            ContractEvent::SourceCreated { immutables, complement } => {
                assert_eq!(immutables, source);
                Some(complement)
            }
            _ => None,
        });
        let complement = complement.unwrap();
        self.settle().await;
        Swap { secret, source, source_escrow: escrow, complement }
    }

    /// Bob creates the destination.
    pub(crate) async fn destination(&mut self, swap: &Swap) -> Immutables {
        let (net, complement) = (&self.dst, &swap.complement);
        let time = net.now() + 1;
        let immutables = Immutables {
            maker: complement.maker,
            token: complement.token,
            amount: complement.amount,
            safety_deposit: complement.safety_deposit,
            parameters: complement.parameters.clone(),
            timelocks: swap.source.timelocks.with_deployed_at(time),
            ..swap.source.clone()
        };
        let data = calldata::create_dst_escrow(self.dialect, &immutables, None);
        let deposit = immutables.safety_deposit;
        net.tx(Actor::Bob, net.factory, data).paying(deposit).at(time).mined();
        assert!(!net.chain.code(self.destination_escrow(&immutables)).is_empty());
        self.settle().await;
        immutables
    }

    fn destination_escrow(&self, immutables: &Immutables) -> Address {
        let both = self.implementations(&self.dst);
        destination_escrow(self.dialect, self.dst.factory, &both, immutables)
    }

    /// Bob withdraws an escrow of his.
    pub(crate) fn withdraw(
        &self,
        net: &Net,
        escrow: Address,
        secret: &Secret,
        immutables: &Immutables,
    ) {
        let data = calldata::withdraw(self.dialect, secret, immutables);
        net.tx(Actor::Bob, escrow, data).mined();
    }

    /// Bob creates the destination, pays Alice out of it, and is not heard of again.
    pub(crate) async fn resolver_pays_the_maker(&mut self, swap: &Swap) {
        let destination = self.destination(swap).await;
        let opens = destination.timelocks.at(bmn_primitives::Stage::DstWithdrawal);
        self.until(opens + BLOCK_TIME).await;
        let escrow = self.destination_escrow(&destination);
        self.withdraw(&self.dst, escrow, &swap.secret, &destination);
        self.settle().await;
    }

    /// Another holder of the access token gives the source back.
    pub(crate) fn public_cancel(&self, by: Actor, swap: &Swap) {
        let data = calldata::public_cancel(self.dialect, &swap.source);
        self.src.tx(by, swap.source_escrow, data).mined();
    }

    pub(crate) fn coins(&self, actor: Actor) -> U256 {
        self.src.wei(actor.address())
    }

    /// Gas used and gas paid by the node's transactions on a chain.
    fn spent(&self, net: &Net) -> (u64, U256) {
        let (us, mut gas, mut fees) = (self.us.address(), 0, U256::ZERO);
        for number in FIRST_BLOCK..=net.chain.head().number {
            let block = net.chain.block(number).unwrap().unwrap();
            for (tx, outcome) in block.txs().iter().zip(block.outcomes()) {
                if tx.sender() == us {
                    gas += outcome.gas_used;
                    fees += U256::from(u128::from(outcome.gas_used) * outcome.effective_gas_price);
                }
            }
        }
        (gas, fees)
    }

    /// What the node's transactions on a chain cost, wei.
    pub(crate) fn fees(&self, net: &Net) -> U256 {
        self.spent(net).1
    }

    pub(crate) fn gas_used(&self, net: &Net) -> u64 {
        self.spent(net).0
    }

    /// Transactions of the node, mined on either chain or waiting there.
    pub(crate) fn sent(&self) -> usize {
        let us = self.us.address();
        let of = |net: &Net| {
            let mined = (FIRST_BLOCK..=net.chain.head().number)
                .map(|number| net.chain.block(number).unwrap().unwrap())
                .map(|block| block.txs().iter().filter(|tx| tx.sender() == us).count());
            let waiting = net.chain.pooled().iter().filter(|it| it.tx.sender() == us).count();
            mined.sum::<usize>() + waiting
        };
        of(&self.src) + of(&self.dst)
    }

    /// Statuses of all rows.
    pub(crate) fn rows(&self) -> Vec<Status> {
        let read = self.store.read().unwrap();
        let orders = read.orders(None, usize::MAX).unwrap();
        let state = |order: bmn_swap::Order| read.order_state(order.id).unwrap().unwrap().status;
        orders.into_iter().map(state).collect()
    }

    /// What the jobs say of their last failures.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let read = self.store.read().unwrap();
        let jobs = list(&read, &JobFilter::default(), None, 99).unwrap();
        jobs.iter().filter_map(|job| job.last_error().map(str::to_owned)).collect()
    }

    pub(crate) fn write(&self, change: impl FnOnce(&mut WriteTx)) {
        let mut tx = self.store.write().unwrap();
        change(&mut tx);
        tx.commit().unwrap();
    }

    /// No job, no transaction under way.
    pub(crate) fn assert_nothing_left_to_do(&self) {
        let read = self.store.read().unwrap();
        assert!(list(&read, &JobFilter::default(), None, 9).unwrap().is_empty());
        for chain in [ChainId(SRC), ChainId(DST)] {
            assert!(read.intents(chain).unwrap().is_empty());
        }
    }
}
