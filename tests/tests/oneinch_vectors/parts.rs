//! Orders that are filled in parts, each with a secret of its own.

use crate::{
    net::{Actor, Net},
    orders::{Fill, Signed},
    play::Play,
    replay_bed::recording::{get, secret},
};
use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_chain::CallOutcome;
use bmn_contracts::{SecretTree, calldata, parts_of, required_secret, verify_secret};
use bmn_primitives::{Hashlock, Secret};
use serde_json::json;

/// Nothing recorded lies further apart, seconds.
const HOUR: u64 = 3600;

/// An order in parts, and the secrets for it.
struct Parts {
    order: Signed,
    hashes: Vec<Hashlock>,
    tree: SecretTree,
}

impl Parts {
    fn recorded(play: &Play) -> Self {
        let sample = play.sample("partial");
        let secrets = sample["secrets"].as_array().unwrap();
        let hashes = secrets.iter().map(|it| secret(&json!({ "secret": it })).hashlock());
        let this = Self::of(Signed::recorded(play.dialect, sample), hashes.collect());
        assert_eq!(u64::from(parts_of(this.order.extra.hashlock)), get::<u64>(sample, "parts"));
        this
    }

    fn of(order: Signed, hashes: Vec<Hashlock>) -> Self {
        let tree = SecretTree::new(&hashes).unwrap();
        assert_eq!(tree.hashlock_word(), order.extra.hashlock);
        Self { order, hashes, tree }
    }

    /// An order over `making` units of the token, of which each is worth two on the other chain.
    fn new(play: &Play, net: &Net, making: U256, parts: u16) -> Self {
        let secret = |index: u32| Secret::new(B256::left_padding_from(&index.to_be_bytes()).0);
        let hashes: Vec<_> = (0..=u32::from(parts)).map(|it| secret(it).hashlock()).collect();
        let word = SecretTree::new(&hashes).unwrap().hashlock_word();
        let (order, _) = net.order(play.dialect, |draft| {
            draft.in_parts(word);
            draft.deposits(0, 1);
            draft.order.making_amount = making;
            draft.order.taking_amount = making * U256::from(2);
        });
        Self::of(order, hashes)
    }

    /// A fill of `making` by Bob with the secret of this index.
    fn fill(&self, net: &Net, index: usize, making: U256, time: u64) -> Fill {
        let (proof, hashlock) = (self.tree.proof(index).unwrap(), self.hashes[index]);
        let interaction = calldata::secret_proof(net.factory, &proof, index as u64, hashlock);
        Fill { making, hashlock, interaction, ..self.order.whole(time) }
    }
}

pub(crate) fn the_recorded_parts_log_the_same_bytes(play: &mut Play) {
    let src = play.src();
    let parts = Parts::recorded(play);
    let word = parts.order.extra.hashlock;
    for case in play.cases("partialFills") {
        let label = case["label"].as_str().unwrap();
        let (index, making): (usize, U256) = (get(case, "idx"), get(case, "amount"));
        let scenario = recorded_name(play, label);
        let transfer = &play.recording.logs(scenario)[0];
        let escrow = Address::from_word(transfer.topics[2]);
        // Not every time was recorded; the address of the escrow gives it away.
        let candidates = (src.now() + 1).max(1_755_450_000)..1_755_450_000 + HOUR;
        let fill_at = |time| parts.fill(&src, index, making, time);
        let is_it = |time: &u64| {
            src.source_at(play.dialect, &parts.order.source(&fill_at(*time))) == escrow
        };
        let time = candidates.clone().find(is_it).unwrap();
        let fill = fill_at(time);
        assert_eq!(fill.hashlock.0, get::<B256>(case, "hashlock"), "{label}");
        let proof = parts.tree.proof(index).unwrap();
        assert!(verify_secret(word, index as u64, fill.hashlock, &proof), "{label}");
        if !play.has_parameters() {
            assert_eq!(fill.interaction, get::<Bytes>(case, "interaction"), "{label}");
        }
        let filled = src.filled(&parts.order, &fill);
        assert_eq!(filled.escrow, escrow);
        play.replay.logs(scenario, &filled.mined.logs);
        let fact = json!({
            "srcAmount": filled.immutables.amount.to_string(),
            "dstAmount": filled.complement.amount.to_string(),
            "hashlock": filled.immutables.hashlock.0.to_string(),
        });
        play.replay.fact(scenario.strip_prefix("I4.").unwrap(), fact);
    }
}

/// The name under which the logs of a part are recorded.
fn recorded_name(play: &Play, label: &str) -> &'static str {
    let name = |name: &&&str| name.strip_prefix("I4.") == Some(label);
    play.recording.names("logs").iter().find(name).unwrap()
}

pub(crate) fn a_part_needs_its_own_secret(play: &mut Play) {
    let src = play.src();
    let parts = Parts::recorded(play);
    let tenth = parts.order.order.making_amount / U256::from(10);
    let try_fill = |index, tenths: u64| {
        let making = tenth * U256::from(tenths);
        let fill = parts.fill(&src, index, making, src.now() + 1);
        src.fill_tx(&parts.order, &fill)
    };
    let mine = |index, tenths: u64| {
        try_fill(index, tenths).mined();
    };
    play.replay.reverts("partial 10% with idx 1 (should be 0)", &try_fill(1, 1));
    let mut forged = parts.fill(&src, 0, tenth, src.now() + 1);
    let mut proof = parts.tree.proof(0).unwrap();
    proof[0] = B256::repeat_byte(1);
    forged.interaction = calldata::secret_proof(src.factory, &proof, 0, forged.hashlock);
    play.replay.reverts("bad proof", &src.fill_tx(&parts.order, &forged));
    mine(0, 1);
    play.replay.reverts("partial 10->20% same part idx0", &try_fill(0, 1));
    mine(1, 3);
    mine(3, 5);
    play.replay.reverts("partial 90->100% idx3", &try_fill(3, 1));
    mine(4, 1);
    try_fill(4, 1).fails_with("InvalidatedOrder()");
    let (single, _) = src.order(play.dialect, |draft| {
        draft.in_parts(Hashlock(U256::from(1).wrapping_shl(240).into()));
        draft.deposits(0, 0);
    });
    let single = src.fill_tx(&single, &single.whole(src.now() + 1));
    play.replay.reverts("MULTI order with partsAmount<2", &single);
}

pub(crate) fn the_factory_asks_for_the_recorded_secrets(play: &mut Play) {
    let src = play.src();
    let cases = play.cases("partialIndex");
    assert_eq!(cases.len(), 13);
    for case in cases {
        let amount = |key| get::<U256>(case, key);
        let (order, remaining) = (amount("orderMakingAmount"), amount("remainingMakingAmount"));
        let (making, count) = (amount("makingAmount"), get::<u16>(case, "parts"));
        let required = case["requiredSecretIndex"].as_str().map(|it| it.parse::<usize>().unwrap());
        let found = required_secret(order, remaining, making, count).ok();
        assert_eq!(found, required.map(|index| index as u64), "{case}");
        let parts = Parts::new(play, &src, order, count);
        src.aside(|| {
            let before = order - remaining;
            if !before.is_zero() {
                let index = required_secret(order, order, before, count).unwrap();
                let fill = parts.fill(&src, index as usize, before, src.now() + 1);
                src.fill_tx(&parts.order, &fill).mined();
            }
            for index in 0..=usize::from(count).min(4) {
                let fill = parts.fill(&src, index, making, src.now() + 1);
                let tx = src.fill_tx(&parts.order, &fill);
                if required == Some(index) {
                    tx.passes();
                } else {
                    tx.fails_with("InvalidPartialFill()");
                }
            }
        });
    }
}

pub(crate) fn two_resolvers_fill_one_order(play: &mut Play) {
    let src = play.src();
    let parts = Parts::new(play, &src, U256::from(1000), 4);
    let half = U256::from(500);
    let first = parts.fill(&src, 1, half, src.now() + 1);
    let of_carol = |index| {
        let fill = parts.fill(&src, index, half, src.now() + 1);
        Fill { taker: Actor::Carol, ..fill }
    };
    let competing = of_carol(1);
    src.filled(&parts.order, &first);
    // Carol had prepared the same part: her secret is used up, and her fill reverts.
    let competing = src.fill_tx(&parts.order, &Fill { time: src.now() + 1, ..competing });
    competing.fails_with("InvalidPartialFill()");
    let rest = src.filled(&parts.order, &of_carol(4));
    assert_eq!(rest.immutables.taker, Actor::Carol.address().into());
    let CallOutcome::Success(left) = src
        .tx(
            Actor::Erin,
            src.lop,
            calldata::raw_remaining_invalidator(Actor::Alice.address(), parts.order.hash),
        )
        .tried()
    else {
        panic!("a question")
    };
    assert_eq!(U256::from_be_slice(&left), U256::MAX);
}
