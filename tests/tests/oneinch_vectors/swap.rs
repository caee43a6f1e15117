//! The recorded swap from fill to withdrawals, byte for byte.

use crate::{
    net::{Actor, DST, Mined, Net, SRC},
    orders::{Filled, Signed},
    play::Play,
    replay_bed::{
        recording::{get, immutables, secret},
        replay::event_names,
    },
};
use alloy::primitives::{Address, Bytes, U256};
use bmn_chain::CallOutcome;
use bmn_contracts::{
    EscrowImplementations, TakerTraits,
    bindings::{IBmnFactory, ILimitOrderProtocol, IOneInchFactory1},
    calldata, order_domain,
};
use bmn_primitives::{Complement, Dialect, Immutables, Secret};
use serde_json::{Value, json};

/// The recorded swap, up to where a test needs it.
pub(crate) struct Happy {
    pub(crate) dialect: Dialect,
    pub(crate) src: Net,
    pub(crate) dst: Net,
    pub(crate) order: Signed,
    pub(crate) secret: Secret,
    pub(crate) source: Immutables,
    pub(crate) source_escrow: Address,
    pub(crate) destination: Immutables,
    pub(crate) destination_escrow: Address,
}

impl Happy {
    pub(crate) fn new(play: &Play) -> Self {
        let sample = play.sample("happy");
        Self {
            dialect: play.dialect,
            src: play.src(),
            dst: play.dst(),
            order: Signed::recorded(play.dialect, sample),
            secret: secret(sample),
            source: immutables(sample, "srcImmutables"),
            source_escrow: get(sample, "srcEscrow"),
            destination: immutables(sample, "dstImmutables"),
            destination_escrow: get(sample, "dstEscrow"),
        }
    }

    pub(crate) fn fill(&self) -> Filled {
        let fill = self.order.whole(self.source.timelocks.deployed_at());
        self.src.filled(&self.order, &fill)
    }

    /// The timelocks are handed over as the source has them: the factory writes the time into them.
    pub(crate) fn create_destination(&self) -> Mined {
        let handed = Immutables { timelocks: self.source.timelocks, ..self.destination.clone() };
        let time = self.destination.timelocks.deployed_at();
        let created = self.dst.destination(self.dialect, &handed, time);
        assert_eq!(created.immutables, self.destination);
        created.mined
    }
}

/// A complement as the recording writes it.
pub(crate) fn complement(dialect: Dialect, complement: &Complement) -> Value {
    let mut value = json!({
        "maker": complement.maker.0.to_string(),
        "amount": complement.amount.to_string(),
        "token": complement.token.0.to_string(),
        "safetyDeposit": complement.safety_deposit.to_string(),
        "chainId": complement.chain_id.to_string(),
    });
    if dialect.has_parameters() {
        value["parameters"] = json!(complement.parameters.to_string());
    }
    value
}

pub(crate) fn contracts_land_on_the_recorded_addresses(play: &mut Play) {
    for (id, side) in [(SRC, "src"), (DST, "dst")] {
        let net = Net::one_inch(play.dialect, id);
        let recorded = |contract| get::<Address>(play.of_dialect("deployments", side), contract);
        let contracts = ["weth", "token", "token6", "trueToken", "lop", "factory"];
        let found = [net.weth, net.token, net.token6, net.true_token, net.lop, net.factory];
        assert_eq!(found, contracts.map(recorded));
        assert!(found.iter().all(|contract| !net.chain.code(*contract).is_empty()));
        let source = net.view(net.factory, &IBmnFactory::ESCROW_SRC_IMPLEMENTATIONCall {});
        let destination = net.view(net.factory, &IBmnFactory::ESCROW_DST_IMPLEMENTATIONCall {});
        assert_eq!([source, destination], ["srcImpl", "dstImpl"].map(recorded));
        let derived = EscrowImplementations::for_factory(play.dialect, net.factory);
        assert_eq!(derived, EscrowImplementations { source, destination });
        if play.dialect == Dialect::OneInch1 {
            let bank = net.view(net.factory, &IOneInchFactory1::FEE_BANKCall {});
            assert_eq!(bank, net.factory.create(1));
        }
        let domain = order_domain(play.dialect, net.id, net.lop);
        let separator = net.view(net.lop, &ILimitOrderProtocol::DOMAIN_SEPARATORCall {});
        assert_eq!(separator, domain.separator());
        let described = net.view(net.lop, &ILimitOrderProtocol::eip712DomainCall {});
        assert_eq!((&*described.name, &*described.version), (domain.name, domain.version));
    }
}

pub(crate) fn escrows_are_where_the_recorded_factory_said(play: &mut Play) {
    let net = play.src();
    let cases = play.recording.at(&["immutables", play.dialect.name()]).as_array().unwrap();
    assert_eq!(cases.len(), if play.has_parameters() { 6 } else { 3 });
    for case in cases {
        let value = immutables(case, "immutables");
        for (is_source, key) in [(true, "srcEscrow"), (false, "dstEscrow")] {
            let recorded: Address = get(case, key);
            let ask = calldata::address_of_escrow(play.dialect, &value, is_source);
            let CallOutcome::Success(answer) = net.tx(Actor::Erin, net.factory, ask).tried() else {
                panic!("the factory answers")
            };
            assert_eq!(Address::from_word(answer[..].try_into().unwrap()), recorded, "{case}");
            let derived = if is_source { Net::source_at } else { Net::destination_at };
            assert_eq!(derived(&net, play.dialect, &value), recorded, "{case}");
        }
    }
}

pub(crate) fn the_recorded_fill_logs_the_same_bytes(play: &mut Play) {
    let happy = Happy::new(play);
    let sample = play.sample("happy");
    let extension = &happy.order.extension;
    let traits = TakerTraits::one_inch_fill(extension.len(), 0, happy.order.order.taking_amount);
    assert_eq!(traits.0, get::<U256>(sample, "takerTraits"));
    let arguments = calldata::fill_arguments(Some(happy.source_escrow), extension, &[]);
    assert_eq!(arguments, get::<Bytes>(sample, "args"));

    let filled = happy.fill();
    play.replay.logs("I1.fill", &filled.mined.logs);
    assert_eq!((&filled.immutables, filled.escrow), (&happy.source, happy.source_escrow));
    play.replay.fact("fillLogOrder", json!(event_names(&filled.mined.logs)));
    play.replay.fact("complement", complement(play.dialect, &filled.complement));
    let deposit = happy.src.wei(filled.escrow);
    assert_eq!(deposit, happy.source.safety_deposit);
    play.replay.fact("srcEscrow eth == srcDeposit", json!(deposit.to_string()));
    let derived = happy.order.destination(&filled.immutables, &filled.complement);
    let time = happy.destination.timelocks.deployed_at();
    let timelocks = derived.timelocks.with_deployed_at(time);
    assert_eq!(Immutables { timelocks, ..derived }, happy.destination);
}

pub(crate) fn the_recorded_destination_logs_the_same_bytes(play: &mut Play) {
    let happy = Happy::new(play);
    assert_ne!(happy.source.timelocks, happy.destination.timelocks);
    let created = happy.create_destination();
    play.replay.logs("I1.createDst", &created.logs);
    let there = !happy.dst.chain.code(happy.destination_escrow).is_empty();
    play.replay.fact("dst deployedAt overwritten with dst block.timestamp", json!(there));
    assert_eq!(happy.dst.wei(happy.destination_escrow), happy.destination.safety_deposit);
}

pub(crate) fn the_recorded_withdrawals_log_the_same_bytes(play: &mut Play) {
    let happy = Happy::new(play);
    let held = |net: &Net| [Actor::Alice, Actor::Bob].map(|actor| net.tokens(actor.address()));
    let before = [held(&happy.src), held(&happy.dst)];
    happy.fill();
    happy.create_destination();
    for (net, side, escrow, scenario) in [
        (&happy.dst, &happy.destination, happy.destination_escrow, "I1.dstWithdraw"),
        (&happy.src, &happy.source, happy.source_escrow, "I1.srcWithdraw"),
    ] {
        let withdraw = calldata::withdraw(play.dialect, &happy.secret, side);
        let coins = net.wei(Actor::Bob.address());
        let at = side.timelocks.deployed_at() + 10;
        let mined = net.tx(Actor::Bob, escrow, withdraw.clone()).at(at).mined();
        play.replay.logs(scenario, &mined.logs);
        assert_eq!(net.wei(Actor::Bob.address()) + mined.fee, coins + side.safety_deposit);
        net.tx(Actor::Bob, escrow, withdraw).fails_with("SafeTransferFailed()");
    }
    let after = [held(&happy.src), held(&happy.dst)];
    let gain = |chain: usize, actor: usize| {
        let (before, after) = (before[chain][actor], after[chain][actor]);
        if after < before { format!("-{}", before - after) } else { (after - before).to_string() }
    };
    let deltas = json!({
        "alice": { "src": gain(0, 0), "dst": gain(1, 0) },
        "bob": { "src": gain(0, 1), "dst": gain(1, 1) },
    });
    play.replay.fact("balanceDelta", deltas);
}
