//! The recorded swap from fill to withdrawals, byte for byte.

use super::{
    escrows::create_destination,
    orders::{Filled, Signed},
};
use crate::{
    net::{Actor, DIALECT, DST, Mined, Net, SRC},
    own::{assert_claims, create_source},
    replay::{Replay, event_name},
    vectors,
};
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_contracts::{
    EscrowImplementations, TakerTraits,
    bindings::{IBmnFactory, ILimitOrderProtocol},
    calldata, immutables_hash, order_domain,
};
use bmn_primitives::{Complement, Immutables, Secret, Stage};
use serde_json::{Value, json};

/// The recorded swap, up to where a test needs it.
pub(crate) struct Happy {
    pub(crate) src: Net,
    pub(crate) dst: Net,
    pub(crate) order: Signed,
    pub(crate) source: Immutables,
    pub(crate) source_escrow: Address,
    pub(crate) destination: Immutables,
    pub(crate) destination_escrow: Address,
}

impl Happy {
    pub(crate) fn new() -> Self {
        let sample = vectors::sample("happy");
        Self {
            src: Net::new(SRC),
            dst: Net::new(DST),
            order: Signed::recorded(sample),
            source: vectors::immutables(sample, "srcImmutables"),
            source_escrow: vectors::get(sample, "srcEscrow"),
            destination: vectors::immutables(sample, "dstImmutables"),
            destination_escrow: vectors::get(sample, "dstEscrow"),
        }
    }

    pub(crate) fn fill_data(&self) -> Bytes {
        let traits: U256 = vectors::get(vectors::sample("happy"), "takerTraits");
        self.order.fill_with(|fill| fill.traits = TakerTraits(traits))
    }

    /// Time of the fill.
    pub(crate) fn start(&self) -> u64 {
        self.source.timelocks.deployed_at()
    }

    pub(crate) fn fill(&self) -> Filled {
        self.src.filled_by(Actor::Bob, self.start(), self.order.clone(), self.fill_data())
    }

    pub(crate) fn create_destination(&self) -> Mined {
        let data = create_destination(&self.destination);
        let time = self.destination.timelocks.deployed_at();
        let deposit = self.destination.safety_deposit;
        self.dst.tx(Actor::Bob, self.dst.factory, data).paying(deposit).at(time).mined()
    }

    /// Unix seconds.
    pub(crate) fn dst_withdrawal(&self) -> u64 {
        self.destination.timelocks.at(Stage::DstWithdrawal)
    }
}

/// The stages by their names in the recording.
pub(crate) fn stages(immutables: &Immutables) -> Value {
    let names = [
        "srcWithdrawal",
        "srcPublicWithdrawal",
        "srcCancellation",
        "srcPublicCancellation",
        "dstWithdrawal",
        "dstPublicWithdrawal",
        "dstCancellation",
    ];
    let offsets = names.into_iter().zip(immutables.timelocks.offsets());
    let mut stages: Value =
        offsets.map(|(name, offset)| (name.to_owned(), json!(offset))).collect();
    stages["deployedAt"] = json!(immutables.timelocks.deployed_at());
    stages
}

fn escrow_at(net: &Net, key: B256) -> Value {
    json!(net.view(net.factory, &IBmnFactory::escrowsCall { key }).to_string())
}

fn salt(immutables: &Immutables) -> B256 {
    immutables_hash(DIALECT, immutables)
}

/// Everything that the recording deployed is where the recording had it.
pub(crate) fn assert_addresses(net: &Net, recorded: impl Fn(&str) -> Address) {
    let contracts = ["weth", "token", "token6", "trueToken", "lop", "factory"];
    let found = [net.weth, net.token, net.token6, net.true_token, net.lop, net.factory];
    assert_eq!(found, contracts.map(&recorded));
    assert!(found.iter().all(|contract| !net.chain.code(*contract).is_empty()));
    let source = net.view(net.factory, &IBmnFactory::ESCROW_SRC_IMPLEMENTATIONCall {});
    let destination = net.view(net.factory, &IBmnFactory::ESCROW_DST_IMPLEMENTATIONCall {});
    assert_eq!([source, destination], ["srcImpl", "dstImpl"].map(recorded));
    let derived = EscrowImplementations::for_factory(DIALECT, net.factory);
    assert_eq!(derived, EscrowImplementations { source, destination });
}

pub(crate) fn contracts_land_on_the_recorded_addresses(replay: &mut Replay) {
    for (id, side) in [(SRC, "src"), (DST, "dst")] {
        assert_addresses(&Net::new(id), |contract| vectors::deployed(side, contract));
    }
    let net = Net::new(SRC);
    let separator = net.view(net.lop, &ILimitOrderProtocol::DOMAIN_SEPARATORCall {});
    assert_eq!(separator, order_domain(DIALECT, net.id, net.lop).separator());
    replay.fact("DOMAIN_SEPARATOR src", json!(separator.to_string()));
}

pub(crate) fn the_recorded_fill_logs_the_same_bytes(replay: &mut Replay) {
    let happy = Happy::new();
    assert_eq!(happy.order.hash, happy.source.order_hash);
    let filled = happy.fill();
    replay.logs("S1.fill", &filled.mined.logs);
    assert_eq!((&filled.immutables, filled.escrow), (&happy.source, happy.source_escrow));
    let emitter = |address: Address| match address {
        it if it == happy.src.token => "token",
        it if it == happy.src.factory => "factory",
        it if it == happy.src.lop => "lop",
        other => panic!("no log was expected from {other}"),
    };
    let order = filled.mined.logs.iter();
    let order = order.map(|log| format!("{}@{}", event_name(log), emitter(log.address)));
    replay.fact("fillLogOrder", json!(order.collect::<Vec<_>>()));
    let mut stages = stages(&filled.immutables);
    stages["word"] = json!(B256::from(filled.immutables.timelocks.0).to_string());
    replay.fact("srcImm.timelocks", stages);
    let complement = filled.complement.as_ref();
    let recorded = complement.map_or_else(|| json!("not emitted"), complement_of);
    replay.fact("complement", recorded);
    let src = &happy.src;
    replay.fact("escrows[hashlock] on src", escrow_at(src, happy.source.hashlock.0));
    replay.fact("escrows[salt] on src", escrow_at(src, salt(&happy.source)));
    replay.fact("srcEscrow eth balance", json!(src.wei(filled.escrow).to_string()));
}

/// As the recording writes it.
fn complement_of(complement: &Complement) -> Value {
    json!({
        "maker": complement.maker.0.to_string(),
        "amount": complement.amount.to_string(),
        "token": complement.token.0.to_string(),
        "safetyDeposit": complement.safety_deposit.to_string(),
        "chainId": complement.chain_id.to_string(),
        "parameters": complement.parameters.to_string(),
    })
}

pub(crate) fn the_recorded_destination_logs_the_same_bytes(replay: &mut Replay) {
    let happy = Happy::new();
    let created = happy.create_destination();
    replay.logs("S1.createDst", &created.logs);
    let (dst, key) = (&happy.dst, salt(&happy.destination));
    replay.fact("escrows[salt] on dst", escrow_at(dst, key));
    replay.fact("escrows[hashlock] on dst", escrow_at(dst, happy.destination.hashlock.0));
}

pub(crate) fn the_destination_refuses_what_it_refused(replay: &mut Replay) {
    let happy = Happy::new();
    happy.create_destination();
    let at = happy.dst_withdrawal();
    let (secret, good) = (&happy.order.secret, &happy.destination);
    let tx = |from, data| happy.dst.tx(from, happy.destination_escrow, data).at(at);
    let withdraw = calldata::withdraw(DIALECT, secret, good);
    tx(Actor::Bob, withdraw.clone()).passes();
    let early = tx(Actor::Bob, withdraw.clone()).at(at - 1);
    replay.reverts("dst.withdraw 1s before dstWithdrawal", &early);
    let wrong = calldata::withdraw(DIALECT, &Secret::new([0; 32]), good);
    replay.reverts("dst.withdraw wrong secret", &tx(Actor::Bob, wrong));
    replay.reverts("dst.withdraw by non-taker (alice)", &tx(Actor::Alice, withdraw.clone()));
    let amount = Immutables { amount: U256::from(1), ..good.clone() };
    let amount = calldata::withdraw(DIALECT, secret, &amount);
    replay.reverts("dst.withdraw tampered amount", &tx(Actor::Bob, amount));
    let earlier = good.timelocks.with_deployed_at(good.timelocks.deployed_at() - 1);
    let earlier = Immutables { timelocks: earlier, ..good.clone() };
    let earlier = calldata::withdraw(DIALECT, secret, &earlier);
    replay.reverts("dst.withdraw tampered deployedAt", &tx(Actor::Bob, earlier));
    let cancel = tx(Actor::Bob, calldata::cancel(DIALECT, good));
    replay.reverts("dst.cancel before dstCancellation", &cancel);
    let public = tx(Actor::Bob, calldata::public_withdraw(DIALECT, secret, good)).at(at + 100);
    replay.reverts("dst.publicWithdraw accessToken=0x0", &public);
    let implementation = vectors::deployed("dst", "dstImpl");
    let direct = happy.dst.tx(Actor::Bob, implementation, withdraw).at(at);
    replay.reverts("dst impl.withdraw directly", &direct);
}

pub(crate) fn the_recorded_withdrawals_log_the_same_bytes(replay: &mut Replay) {
    let happy = Happy::new();
    let held = |net: &Net| [Actor::Alice, Actor::Bob].map(|actor| net.tokens(actor.address()));
    let before = [held(&happy.src), held(&happy.dst)];
    happy.fill();
    happy.create_destination();
    let at = happy.dst_withdrawal();
    let withdraw = calldata::withdraw(DIALECT, &happy.order.secret, &happy.destination);
    let withdraw = happy.dst.tx(Actor::Bob, happy.destination_escrow, withdraw);
    replay.logs("S1.dstWithdraw", &withdraw.clone().at(at).mined().logs);
    replay.fact("dst.withdraw allowed exactly at dstWithdrawal", json!(happy.dst.now() == at));
    replay.reverts("dst.withdraw again", &withdraw.at(at + 1));

    refusals_of_the_source(&happy, replay);
    let at = happy.start() + 40;
    let withdraw = calldata::withdraw(DIALECT, &happy.order.secret, &happy.source);
    let withdraw = happy.src.tx(Actor::Bob, happy.source_escrow, withdraw);
    replay.logs("S1.srcWithdraw", &withdraw.clone().at(at).mined().logs);
    replay.reverts("src.withdraw again", &withdraw.at(at + 1));
    let again = happy.src.lop_tx(Actor::Bob, happy.fill_data());
    replay.reverts("fill again (fully filled, MULTI)", &again);
    let after = [held(&happy.src), held(&happy.dst)];
    replay.fact("balanceDelta(TRUE takerAsset)", deltas(before, after));
    let invalidator = ILimitOrderProtocol::rawRemainingInvalidatorForOrderCall {
        maker: Actor::Alice.address(),
        orderHash: happy.order.hash.0,
    };
    assert_eq!(happy.src.view(happy.src.lop, &invalidator), U256::MAX);
}

fn refusals_of_the_source(happy: &Happy, replay: &mut Replay) {
    let at = happy.start() + 40;
    let good = &happy.source;
    let tx = |from, data| happy.src.tx(from, happy.source_escrow, data).at(at);
    let withdraw = calldata::withdraw(DIALECT, &happy.order.secret, good);
    replay.reverts("src.withdraw by non-taker", &tx(Actor::Alice, withdraw));
    let wrong = calldata::withdraw(DIALECT, &Secret::new([0; 32]), good);
    replay.reverts("src.withdraw wrong secret", &tx(Actor::Bob, wrong));
    let cancel = tx(Actor::Bob, calldata::cancel(DIALECT, good));
    replay.reverts("src.cancel before srcCancellation", &cancel);
    let public = tx(Actor::Bob, calldata::public_cancel(DIALECT, good)).at(happy.start() + 700);
    replay.reverts("src.publicCancel accessToken=0x0", &public);
}

/// Gains of Alice and Bob on both chains, as the recording writes them.
pub(crate) fn deltas(before: [[U256; 2]; 2], after: [[U256; 2]; 2]) -> Value {
    let gain = |chain: usize, actor: usize| {
        let (before, after) = (before[chain][actor], after[chain][actor]);
        if after < before { format!("-{}", before - after) } else { (after - before).to_string() }
    };
    json!({
        "alice": { "src": gain(0, 0), "dst": gain(1, 0) },
        "bob": { "src": gain(0, 1), "dst": gain(1, 1) },
    })
}

pub(crate) fn the_source_opens_at_once_to_whoever_knows_the_secret(replay: &mut Replay) {
    let src = Net::new(SRC);
    let filled = src.filled(|_| ());
    src.tx(Actor::Bob, filled.escrow, filled.withdraw()).mined();
    assert_eq!(src.tokens(filled.escrow), U256::ZERO);
    replay.shown("src.withdraw possible before dst withdraw and without Alice acting");
}

pub(crate) fn the_recorded_direct_source_escrow_logs_the_same_bytes(replay: &mut Replay) {
    let src = Net::new(SRC);
    let sample = vectors::sample("directSrc");
    let immutables = vectors::immutables(sample, "immutables");
    let create = src.tx(Actor::Carol, src.factory, create_source(&immutables));
    let created = create.clone().at(immutables.timelocks.deployed_at() + 50).mined();
    replay.logs("S6.createSrcEscrow", &created.logs);
    let names: Vec<_> = created.logs.iter().map(event_name).collect();
    replay.fact("createSrcEscrow events", json!(names));
    let by_hashlock = escrow_at(&src, immutables.hashlock.0);
    replay.fact("createSrcEscrow: escrows[hashlock]", by_hashlock);
    replay.fact("createSrcEscrow: escrows[salt]", escrow_at(&src, salt(&immutables)));
    replay.reverts("createSrcEscrow same immutables twice", &create.at(src.now() + 1));

    // Carol names Bob as the taker and a moment of her choosing: the cancellation is open already.
    assert_eq!(immutables.taker, Actor::Bob.address().into());
    assert!(immutables.timelocks.src_cancel().contains(src.now()));
    assert_claims(&created.logs[1], &immutables);
    replay.shown(
        "createSrcEscrow accepts arbitrary/back-dated deployedAt; taker=bob was never asked",
    );
}
