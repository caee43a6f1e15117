//! An order in four parts, which we fill as far as our limits allow, secret by secret.

use crate::bed::{contract_keeps_nothing, fees_since};
use alloy::{
    primitives::{Address, B256, Bytes, I256, U256},
    signers::local::PrivateKeySigner,
};
use bmn_contracts::{
    Extension, ExtraData, FillFee, FillTerms, LimitOrder, MakerTraits, OrderSignature,
    ResolverFill, SecretTree, TakerTraits, WhitelistEntry, artifacts, calldata, order_domain,
    required_secret, sign_order,
};
use bmn_primitives::{
    AddressWord, ChainId, Dialect, Hashlock, Immutables, OrderId, Secret, Timelocks,
};
use bmn_rpc_api::{OrderFile, OrderWords, WireSignature};
use bmn_sim::{
    MakerFunds, Payload, Wallet,
    accounts::{DevAccount, INTEGRATOR, PROTOCOL, maker_signer},
    ledger::gain,
    rpc::ResolverRpc,
};
use bmn_store::{Reads, testing::CrashBackend};
use bmn_swap::Status;
use bmn_tests::{SEED, World, memory_store, same};
use serde_json::json;
use std::collections::BTreeMap;

/// More than one order may be worth: 25 000 of the reference currency.
const MAKING: u64 = 12_500;
const TAKING: u64 = 24_000;
const PARTS: u8 = 4;

/// A maker with an order in parts.
pub(crate) struct Divided {
    pub(crate) world: World,
    signer: PrivateKeySigner,
    file: OrderFile,
    making: U256,
    tokens: [Address; 2],
    floor: [u64; 2],
    before: Vec<U256>,
    /// Another resolver's contract, which may fill as well.
    rival: Address,
    order: LimitOrder,
}

fn secret(index: u16) -> Secret {
    Secret::new([u8::try_from(index).expect("few") + 1; 32])
}

fn secret_hashes() -> Vec<Hashlock> {
    (0..=u16::from(PARTS)).map(|index| secret(index).hashlock()).collect()
}

impl Divided {
    pub(crate) async fn new(dialect: Dialect, disk: &CrashBackend) -> Self {
        let world = World::with_store(vec![], memory_store(disk)).await;
        let signer = maker_signer(SEED, 77);
        let rival = found_a_rival(&world).await;
        let [a, b] = &world.network.chains;
        let sold = a.spec.token_named("TKA").expect("listed").address;
        let bought = b.spec.token_named("USDX").expect("listed").address;
        let making = U256::from(MAKING) * U256::from(10).pow(U256::from(18));
        let funds = MakerFunds {
            signer: signer.clone(),
            chain: a.id(),
            token: sold,
            amount: making,
            spenders: vec![a.factory(dialect).limit_order_protocol],
        };
        world.network.fund_makers(&[funds]).await.expect("funds");
        let taking = U256::from(TAKING) * U256::from(1_000_000);
        let tokens = [sold, bought];
        let (order, file) = file(&world, dialect, &signer, tokens, [making, taking], rival);
        let mut divided = Self {
            file,
            order,
            rival,
            floor: world.network.chains.each_ref().map(|node| node.chain.head().number),
            world,
            signer,
            making,
            tokens,
            before: Vec::new(),
        };
        divided.before = divided.balances().await;
        divided
    }

    fn accounts(&self) -> [Address; 4] {
        [DevAccount::Resolver.address(), self.signer.address(), INTEGRATOR, PROTOCOL]
    }

    /// Of each account: sold, bought, and the coin of either chain.
    async fn balances(&self) -> Vec<U256> {
        let mut found = Vec::new();
        for account in self.accounts() {
            for (node, token) in self.world.network.chains.iter().zip(self.tokens) {
                for token in [token, Address::ZERO] {
                    found.push(node.balance_of(token, account).await.expect("a balance"));
                }
            }
        }
        found
    }

    pub(crate) async fn submit(&mut self) {
        self.world.settle().await;
        let answer = self.world.rpc.request("bmn_submitOrder", json!([self.file])).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer["decision"], "accepted", "{answer}");
    }

    pub(crate) fn fills(&self) -> BTreeMap<OrderId, Status> {
        self.world.statuses().into_iter().collect()
    }

    /// Gives away the secret of every part of which both legs stand.
    pub(crate) async fn disclose(&self) {
        for (id, _) in self.fills().into_iter().filter(|(_, it)| *it == Status::BothLocked) {
            let text = B256::from(*secret(id.leaf).expose()).to_string();
            let answer = self.world.rpc.request("bmn_submitSecret", json!([text, id.to_string()]));
            answer.await.expect("the secret of a part");
        }
    }

    /// Until our first fill is there, which is not confirmed yet.
    pub(crate) async fn first_part_is_mined(&mut self) {
        for _ in 0..400 {
            if self.fills().values().any(|status| *status == Status::SourceLocked) {
                break;
            }
            self.world.mine();
            self.world.settle().await;
        }
        assert_eq!(self.fills().len(), 1, "the second is not chosen yet");
    }

    /// Goes on until so much of the order is filled and every part is at an end.
    pub(crate) async fn run(&mut self, filled: U256) {
        for _ in 0..400 {
            self.world.settle().await;
            self.disclose().await;
            self.world.mine();
            let fills = self.fills();
            if !fills.is_empty()
                && fills.values().all(|status| *status == Status::Completed)
                && self.filled() == filled
            {
                break;
            }
        }
        for _ in 0..30 {
            self.world.mine();
            self.world.settle().await;
        }
    }

    fn filled(&self) -> U256 {
        let read = self.world.resolver.store().read().expect("a snapshot");
        let orders = read.orders(None, usize::MAX).expect("orders");
        orders.iter().map(|order| order.source_amount).sum()
    }

    /// All of it was filled by us, and exactly that has changed hands.
    pub(crate) async fn is_settled(&self, dialect: Dialect) {
        let fills = self.fills();
        assert!(fills.values().all(|status| *status == Status::Completed), "{dialect}: {fills:?}");
        let leaves: Vec<u16> = fills.keys().map(|id| id.leaf).collect();
        assert_eq!(leaves, [1, 3, 4], "{dialect}");
        let read = self.world.resolver.store().read().expect("a snapshot");
        let (mut given, mut paid, mut fees) = (U256::ZERO, U256::ZERO, [U256::ZERO; 2]);
        for id in fills.keys() {
            let order = read.order(*id).expect("a row").expect("an order");
            let plan =
                read.order_state(*id).expect("a row").expect("a state").plan.expect("a plan");
            let payout = bmn_contracts::Payout::of(dialect, &plan.immutables).expect("fees");
            given += order.source_amount;
            paid += order.destination_amount;
            fees[0] += payout.fees.integrator_amount;
            fees[1] += payout.fees.protocol_amount;
        }
        assert_eq!(given, self.making);
        assert_eq!(fees[0].is_zero(), dialect == Dialect::OneInch1);
        let gas = |chain: usize| -> I256 {
            let node = &self.world.network.chains[chain];
            let ours = fees_since(node, self.floor[chain]);
            ours.iter().map(|(_, fee)| gain(*fee)).sum()
        };
        let (given, paid) = (gain(given), gain(paid));
        let none = I256::ZERO;
        let rest = paid - gain(fees[0]) - gain(fees[1]);
        let expected = [
            [given, -gas(0), -paid, -gas(1)],
            [-given, none, rest, none],
            [none, none, gain(fees[0]), none],
            [none, none, gain(fees[1]), none],
        ];
        let changed = self.balances().await;
        let changed: Vec<I256> =
            changed.iter().zip(&self.before).map(|(now, then)| gain(*now) - gain(*then)).collect();
        assert_eq!(changed, expected.concat(), "{dialect}");
        contract_keeps_nothing(&self.world).await;
        same(&self.world.rows(), &self.world.rebuilt().await, dialect.name());
    }
}

fn file(
    world: &World,
    dialect: Dialect,
    signer: &PrivateKeySigner,
    [sold, bought]: [Address; 2],
    [making, taking]: [U256; 2],
    rival: Address,
) -> (LimitOrder, OrderFile) {
    let [a, b] = &world.network.chains;
    let hashes = secret_hashes();
    let deposit = 1_000_000_000_000_000;
    let extra = ExtraData {
        hashlock: SecretTree::new(&hashes).expect("a tree").hashlock_word(),
        dst_chain_id: U256::from(b.id().0),
        dst_token: bought.into(),
        deposits: ExtraData::pack_deposits(dialect, deposit, deposit),
        timelocks: Timelocks::pack(0, [0, 60, 480, 540, 20, 40, 240]).0,
    };
    let fee = match dialect {
        Dialect::OneInch1 => FillFee::Credit(None),
        _ => FillFee::Destination(bmn_contracts::FeeTerms {
            integrator: INTEGRATOR,
            protocol: PROTOCOL,
            integrator_fee: 100,
            integrator_share: 50,
            resolver_fee: 100,
            whitelist_discount: 50,
            post_interaction: None,
        }),
    };
    let us = a.spec.resolver_contract.expect("development chains have one");
    let whitelist = vec![WhitelistEntry::new(us, 0), WhitelistEntry::new(rival, 0)];
    let header = FillTerms { allowed_time: 0, whitelist, fee }.encode().expect("a header");
    let factory = a.factory(dialect);
    let data = [header, extra.encode()].concat();
    let extension = Extension::post_interaction_only(factory.address, &data);
    let order = LimitOrder {
        salt: LimitOrder::salt_for(&extension, U256::from(7) << 200),
        maker: signer.address().into(),
        receiver: AddressWord::ZERO,
        maker_asset: sold.into(),
        taker_asset: a.spec.true_tokens[0].into(),
        making_amount: making,
        taking_amount: taking,
        maker_traits: MakerTraits::cross_chain().with_multiple_fills(),
    };
    let chain: ChainId = a.id();
    let hash = order.hash(&order_domain(dialect, chain, factory.limit_order_protocol));
    let OrderSignature::Compact { r, vs } = sign_order(signer, hash).expect("a signature") else {
        panic!("a key signs compactly")
    };
    let file = OrderFile {
        version: OrderFile::VERSION,
        chain_id: chain.0,
        order: OrderWords::write(&order.words()),
        signature: Some(WireSignature::Compact { r: r.to_string(), vs: vs.to_string() }),
        extension_data: extension.to_string(),
        order_hash: None,
        hashlock: None,
        src_chain_id: None,
        dst_chain_id: None,
        created_at: None,
        secret_hashes: hashes.iter().map(ToString::to_string).collect(),
    };
    (order, file)
}

async fn found_a_rival(world: &World) -> Address {
    let node = &world.network.chains[0];
    let griefer = DevAccount::Griefer;
    let mut wallet = Wallet::open(griefer.signer(), node.client.clone()).await.expect("a wallet");
    let rival = griefer.address().create(wallet.next_nonce());
    let data = artifacts::resolver(griefer.address());
    let creation = Payload { to: None, value: U256::ZERO, data, gas: 5_000_000 };
    wallet.send(creation).await.expect("a contract");
    node.chain.mine(None).expect("time rises");
    rival
}

impl Divided {
    /// The other resolver fills a fifth of the order at once.
    pub(crate) async fn rival_fills_a_fifth(&mut self, dialect: Dialect, filled: U256) {
        let making = self.making / U256::from(5);
        let node = &self.world.network.chains[0];
        let factory = node.factory(dialect);
        let (order, remaining) = (&self.order, self.making - filled);
        let index =
            required_secret(self.making, remaining, making, PARTS.into()).expect("a secret");
        let hashes = secret_hashes();
        let leaf = usize::try_from(index).expect("few");
        let proof = SecretTree::new(&hashes).and_then(|tree| tree.proof(leaf)).expect("a proof");
        let interaction = calldata::secret_proof(factory.address, &proof, index, hashes[leaf]);
        let extension: Bytes = self.file.extension_data.parse().expect("hexadecimal");
        let (_, tail) = order
            .check_extension(&extension)
            .and_then(|parsed| parsed.post_interaction().map(|(at, data)| (at, data.to_vec())))
            .expect("an extension");
        let extra = ExtraData::decode(dialect, &tail).expect("extra data");
        let hash = order.hash(&order_domain(dialect, node.id(), factory.limit_order_protocol));
        let deposit = extra.src_deposit(dialect);
        let taking = order.taking_amount / U256::from(5) + U256::ONE;
        let fill = ResolverFill {
            immutables: Immutables {
                order_hash: hash,
                hashlock: hashes[leaf],
                maker: order.maker,
                taker: self.rival.into(),
                token: order.maker_asset,
                amount: making,
                safety_deposit: deposit,
                timelocks: Timelocks(extra.timelocks),
                parameters: Bytes::new(),
            },
            factory: factory.address,
            limit_order_protocol: factory.limit_order_protocol,
            order: order.clone(),
            signature: sign_order(&self.signer, hash).expect("a signature"),
            amount: making,
            taker_traits: TakerTraits::one_inch_fill(extension.len(), interaction.len(), taking),
            args: [&extension[..], &interaction[..]].concat().into(),
        };
        let signer = DevAccount::Griefer.signer();
        let mut wallet = Wallet::open(signer, node.client.clone()).await.expect("a wallet");
        let data = calldata::resolver_fill(dialect, &fill);
        let call = Payload { to: Some(self.rival), value: deposit, data, gas: 1_500_000 };
        let sent = wallet.send(call).await.expect("a fill");
        self.world.mine();
        while node_receipt(&self.world, sent.hash).is_none() {
            self.world.mine();
        }
        assert_eq!(node_receipt(&self.world, sent.hash), Some(true), "{dialect}: the rival fills");
    }

    /// Of our fills: leaf, and fifths of the order.
    pub(crate) fn shares(&self) -> Vec<(u16, U256)> {
        let read = self.world.resolver.store().read().expect("a snapshot");
        let orders = read.orders(None, usize::MAX).expect("orders");
        let fifth = self.making / U256::from(5);
        orders.iter().map(|order| (order.id.leaf, order.source_amount / fifth)).collect()
    }

    pub(crate) fn fifths(&self, count: u64) -> U256 {
        self.making / U256::from(5) * U256::from(count)
    }
}

fn node_receipt(world: &World, hash: B256) -> Option<bool> {
    let receipt = world.network.chains[0].chain.receipt(hash).expect("stored");
    receipt.map(|receipt| receipt.success)
}
