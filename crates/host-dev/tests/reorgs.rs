//! Reorgs, reverts and snapshots.

mod common;

use alloy::{
    consensus::Transaction,
    primitives::{Address, B256, Bytes, U256},
};
use bmn_host_dev::{DevChain, DevChainConfig, DevChainError, Replacement, ReplacementTimes};
use common::*;
use proptest::prelude::*;

/// Five blocks; in each, accounts 1 and 2 send one transaction.
fn busy_chain() -> (DevChain, Vec<[B256; 2]>) {
    let chain = chain();
    let mut sent = vec![];
    for nonce in 0..5 {
        let pair = [1, 2].map(|from| chain.submit_raw(&tx(from, nonce, |_| ())).expect("accepted"));
        sent.push(pair);
        chain.mine(None).expect("mines");
    }
    (chain, sent)
}

fn hashes(chain: &DevChain) -> Vec<B256> {
    (0..=chain.head().number)
        .map(|number| chain.block(number).expect("readable").expect("there").hash())
        .collect()
}

#[test]
fn by_default_the_same_transactions_get_new_blocks() {
    for depth in 1..=5 {
        let (chain, sent) = busy_chain();
        let before = hashes(&chain);
        let state = chain.balance(account(1));
        let reorg = chain.reorg(depth, &Replacement::default()).expect("within reach");
        let after = hashes(&chain);
        let ancestor = 5 - depth as usize;
        assert_eq!(before[..=ancestor], after[..=ancestor]);
        for number in ancestor + 1..=5 {
            assert_ne!(before[number], after[number], "block {number}");
        }
        assert_eq!(reorg.reverted.len() as u64, depth);
        assert_eq!(reorg.reverted[0].hash, before[5]);
        assert_eq!(reorg.committed.last(), Some(&chain.head()));
        assert!(reorg.returned.is_empty());
        assert_eq!(chain.balance(account(1)), state);
        for (number, pair) in (1..).zip(sent) {
            for hash in pair {
                let receipt = chain.receipt(hash).expect("readable").expect("mined again");
                assert_eq!(receipt.block.number, number);
                assert_eq!(receipt.block.hash, after[number as usize]);
            }
        }
        assert!(chain.block_by_hash(before[5]).expect("readable").is_none());
    }
}

#[test]
fn a_dropped_transaction_strands_its_senders_later_ones() {
    let (chain, sent) = busy_chain();
    let drop = [sent[2][0]].into();
    let reorg =
        chain.reorg(4, &Replacement { drop, ..Replacement::default() }).expect("within reach");
    assert_eq!(reorg.returned, [sent[3][0], sent[4][0]]);
    assert_eq!((chain.nonce(account(1)), chain.nonce(account(2))), (2, 5));
    chain.mine(None).expect("mines");
    assert_eq!(chain.nonce(account(1)), 2, "nonce 2 is gone");
    chain.submit_raw(&tx(1, 2, |tx| tx.value = U256::from(9))).expect("a new one takes its place");
    chain.mine(None).expect("mines");
    assert_eq!(chain.nonce(account(1)), 5);
    assert!(chain.receipt(sent[2][0]).expect("readable").is_none());
}

#[test]
fn a_delayed_transaction_comes_with_the_next_block() {
    let (chain, sent) = busy_chain();
    let delay = [sent[4][1]].into();
    let reorg =
        chain.reorg(2, &Replacement { delay, ..Replacement::default() }).expect("within reach");
    assert_eq!(reorg.returned, [sent[4][1]]);
    assert!(chain.receipt(sent[4][1]).expect("readable").is_none());
    let head = chain.mine(None).expect("mines");
    assert_eq!(chain.receipt(sent[4][1]).expect("readable").expect("mined").block, head);
}

#[test]
fn a_shuffle_keeps_each_senders_order() {
    let orders: std::collections::BTreeSet<Vec<B256>> = (0..8)
        .map(|seed| {
            let (chain, sent) = busy_chain();
            let replacement = Replacement { reorder: Some(seed), ..Replacement::default() };
            let reorg = chain.reorg(5, &replacement).expect("within reach");
            assert!(reorg.returned.is_empty());
            let blocks = (1..=5).map(|n| chain.block(n).expect("readable").expect("there"));
            let order: Vec<_> = blocks
                .flat_map(|b| b.txs().iter().map(|tx| tx.hash()).collect::<Vec<_>>())
                .collect();
            for sender in [0, 1] {
                let mine: Vec<_> = sent.iter().map(|pair| pair[sender]).collect();
                let played: Vec<_> =
                    order.iter().copied().filter(|hash| mine.contains(hash)).collect();
                assert_eq!(mine, played);
            }
            order
        })
        .collect();
    assert!(orders.len() > 4, "seeds differ: {}", orders.len());
}

#[test]
fn an_extra_transaction_can_take_an_old_ones_nonce() {
    let (chain, sent) = busy_chain();
    let rival = tx(1, 3, |tx| tx.value = U256::from(77));
    let replacement = Replacement { extra: vec![rival], ..Replacement::default() };
    chain.reorg(2, &replacement).expect("within reach");
    assert!(chain.receipt(sent[3][0]).expect("readable").is_none());
    assert_eq!(chain.nonce(account(1)), 5);
    assert!(chain.pooled().is_empty(), "its nonce is used");
    let bad = Replacement { extra: vec![Bytes::from_static(&[1])], ..Replacement::default() };
    let empty = Replacement { length: Some(0), ..replacement.clone() };
    let endless = Replacement { length: Some(2000), ..Replacement::default() };
    for invalid in [bad, empty, endless] {
        let error = chain.reorg(1, &invalid).expect_err("refused");
        assert!(matches!(error, DevChainError::InvalidReplacement { .. }), "{error}");
    }
}

#[test]
fn replacements_may_be_shorter_or_longer() {
    let (chain, sent) = busy_chain();
    let shorter = Replacement { length: Some(1), ..Replacement::default() };
    let reorg = chain.reorg(3, &shorter).expect("within reach");
    assert_eq!(chain.head().number, 3);
    assert_eq!(reorg.returned, [sent[3], sent[4]].concat());
    let longer = Replacement { length: Some(4), ..Replacement::default() };
    chain.reorg(1, &longer).expect("within reach");
    assert_eq!(chain.head().number, 6);
    assert_eq!(chain.nonce(account(1)), 3, "the pool is left for the next block");
    chain.mine(None).expect("mines");
    assert_eq!(chain.nonce(account(1)), 5);
}

#[test]
fn replacement_times_are_kept_shifted_or_given() {
    let times = |chain: &DevChain| -> Vec<u64> {
        let from = chain.head().number - 1;
        (from..=from + 1)
            .map(|n| chain.block(n).expect("readable").expect("there").header().timestamp - GENESIS)
            .collect()
    };
    let reorg = |times| {
        let (chain, _) = busy_chain();
        let replacement = Replacement { times, ..Replacement::default() };
        chain.reorg(2, &replacement).map(|_| chain)
    };
    assert_eq!(times(&reorg(ReplacementTimes::Keep).expect("fits")), [48, 60]);
    assert_eq!(times(&reorg(ReplacementTimes::Shift(5)).expect("fits")), [53, 65]);
    assert_eq!(times(&reorg(ReplacementTimes::Shift(-20)).expect("fits")), [37, 40]);
    let exact = ReplacementTimes::Exact(vec![GENESIS + 40, GENESIS + 41]);
    assert_eq!(times(&reorg(exact).expect("fits")), [40, 41]);
    for bad in [vec![GENESIS + 40], vec![GENESIS + 36, GENESIS + 41], vec![GENESIS + 50; 2]] {
        assert!(reorg(ReplacementTimes::Exact(bad)).is_err());
    }
}

#[test]
fn reorgs_stop_at_finality_and_history() {
    let chain = DevChain::new(DevChainConfig { finality_depth: 3, ..config() });
    for _ in 0..10 {
        chain.mine(None).expect("mines");
    }
    let before = hashes(&chain);
    for depth in [0, 4] {
        let error = chain.reorg(depth, &Replacement::default()).expect_err("too deep");
        assert!(matches!(error, DevChainError::TooDeep { available: 3, head: 10, .. }), "{error}");
    }
    assert_eq!(hashes(&chain), before);
    chain.revert_blocks(3).expect("within reach");
    assert_eq!(chain.finalized().expect("readable").expect("there").number, 7);
    assert!(chain.revert_blocks(1).is_err(), "finality never goes back");

    let chain = DevChain::new(DevChainConfig { history: 4, finality_depth: 100, ..config() });
    for _ in 0..10 {
        chain.mine(None).expect("mines");
    }
    assert!(chain.reorg(4, &Replacement::default()).is_ok());
    assert!(chain.reorg(7, &Replacement::default()).is_err());
}

#[test]
fn reverted_blocks_give_their_transactions_and_cheats_back() {
    let (chain, sent) = busy_chain();
    let gift = Address::repeat_byte(0x99);
    chain.set_balance(gift, U256::from(3)).expect("kept");
    chain.mine(None).expect("mines");
    let reorg = chain.revert_blocks(2).expect("within reach");
    assert_eq!(reorg.returned, sent[4]);
    assert_eq!((chain.head().number, chain.nonce(account(1))), (4, 4));
    assert_eq!(chain.balance(gift), U256::from(3));
    let head = chain.mine(None).expect("mines");
    assert_eq!(chain.receipt(sent[4][0]).expect("readable").expect("mined").block, head);
    assert_eq!(chain.balance(gift), U256::from(3));
}

#[test]
fn a_snapshot_brings_everything_back() {
    let (chain, _) = busy_chain();
    let waiting = chain.submit_raw(&tx(3, 4, |_| ())).expect("accepted");
    chain.set_next_timestamp(GENESIS + 5000).expect("later");
    let before = (hashes(&chain), chain.pending_time(), chain.balance(account(1)));
    let snapshot = chain.snapshot().expect("taken");
    chain.reorg(3, &Replacement::default()).expect("within reach");
    chain.pool_drop(waiting).expect("pooled");
    chain.submit_raw(&tx(1, 5, |_| ())).expect("accepted");
    let mined = chain.mine(None).expect("mines");
    let later = chain.snapshot().expect("taken");
    chain.revert(snapshot).expect("known");
    assert_eq!((hashes(&chain), chain.pending_time(), chain.balance(account(1))), before);
    assert_eq!(chain.pooled()[0].tx.hash(), waiting);
    assert_eq!(chain.pooled().len(), 1);
    for gone in [snapshot, later] {
        let error = chain.revert(gone).expect_err("used up");
        assert!(matches!(error, DevChainError::UnknownSnapshot(id) if id == gone));
    }
    let again = chain.mine(Some(mined.time)).expect("mines");
    assert_ne!(again.hash, mined.hash, "a block of another fork has another hash");
}

#[derive(Debug, Clone)]
enum Step {
    Send(u8),
    Mine(u64),
    Reorg { depth: u64, length: u64, seed: Option<u64>, pick: usize, shift: i64 },
    Revert(u64),
    Snapshot,
    Restore,
    Follow(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1u8..=3).prop_map(Step::Send),
        4 => (1u64..30).prop_map(Step::Mine),
        2 => (1u64..6, 0u64..7, any::<Option<u64>>(), 0usize..8, -20i64..40).prop_map(
            |(depth, length, seed, pick, shift)| Step::Reorg { depth, length, seed, pick, shift }
        ),
        1 => (1u64..4).prop_map(Step::Revert),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Restore),
        3 => (1usize..4).prop_map(Step::Follow),
    ];
    prop::collection::vec(step, 1..60)
}

fn take_step(chain: &DevChain, step: &Step, logger: Address, snapshots: &mut Vec<u64>) {
    match step {
        Step::Send(from) => {
            let from = *from;
            let pooled = chain.pooled();
            let mine = pooled.iter().filter(|p| p.executable && p.tx.sender() == account(from));
            let nonce = chain.nonce(account(from)) + mine.count() as u64;
            chain.submit_raw(&call_logger(from, nonce, logger, nonce)).expect("accepted");
        }
        Step::Mine(after) => {
            chain.mine(Some(chain.head().time + after)).expect("mines");
        }
        Step::Reorg { depth, length, seed, pick, shift } => {
            let txs: Vec<B256> = (0..=chain.head().number)
                .rev()
                .take(*depth as usize)
                .flat_map(|n| {
                    let block = chain.block(n).expect("readable").expect("there");
                    block.txs().iter().map(|tx| tx.hash()).collect::<Vec<_>>()
                })
                .collect();
            let replacement = Replacement {
                length: Some(*length),
                times: ReplacementTimes::Shift(*shift),
                reorder: *seed,
                drop: txs.get(*pick).copied().into_iter().collect(),
                delay: txs.get(*pick + 1).copied().into_iter().collect(),
                extra: vec![],
            };
            match chain.reorg(*depth, &replacement) {
                Ok(_) => assert!(*depth <= 8),
                Err(error) => assert!(matches!(error, DevChainError::TooDeep { .. }), "{error}"),
            }
        }
        Step::Revert(depth) => drop(chain.revert_blocks(*depth)),
        Step::Snapshot => snapshots.push(chain.snapshot().expect("taken")),
        Step::Restore => {
            if let Some(id) = snapshots.pop() {
                chain.revert(id).expect("known");
            }
        }
        Step::Follow(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_follower_and_a_restart_always_agree_with_the_chain(steps in steps()) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = DevChainConfig { finality_depth: 200, history: 8, ..config() };
        let stored = DevChain::open(directory.path(), config.clone()).expect("opens");
        let memory = DevChain::new(config.clone());
        let logger = Address::repeat_byte(0x10);
        let mut follower = Follower::default();
        let mut source = stored.source();
        let mut ids = (vec![], vec![]);
        for chain in [&stored, &memory] {
            chain.set_code(logger, Bytes::from_static(&LOGGER)).expect("valid code");
        }
        for step in &steps {
            take_step(&stored, step, logger, &mut ids.0);
            take_step(&memory, step, logger, &mut ids.1);
            if let Step::Follow(max) = step {
                follower.follow(&mut source, *max);
                follower.assert_at(&stored, 0);
            }
        }
        follower.follow(&mut source, 3);
        follower.assert_at(&stored, 0);
        prop_assert_eq!(hashes(&stored), hashes(&memory));
        let pool = |chain: &DevChain| {
            chain.pooled().into_iter().map(|p| (p.tx.sender(), p.tx.envelope().nonce(), p.tx.hash()))
                .collect::<Vec<_>>()
        };
        let before = (hashes(&stored), pool(&stored), stored.pending_time());
        drop((source, stored));
        let reopened = DevChain::open(directory.path(), config).expect("opens again");
        prop_assert_eq!((hashes(&reopened), pool(&reopened), reopened.pending_time()), before);
        let next = memory.mine(None).expect("mines");
        prop_assert_eq!(reopened.mine(None).expect("mines"), next);
    }
}
