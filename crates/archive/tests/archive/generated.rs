//! Generated histories: the same from one seed, of the promised sizes, coherent.

use crate::files::{file, options};
use alloy::primitives::{Address, B256};
use bmn_archive::{
    Record, WriterOptions, check_block,
    generate::{Generator, Options, Shape},
};
use bmn_chain::ChainLog;
use bmn_contracts::{ContractEvent, Emitter, EscrowImplementations, decode, source_escrow};
use bmn_primitives::{ChainId, Secret};
use std::collections::{BTreeMap, BTreeSet};

fn blocks(options: &Options) -> impl Iterator<Item = bmn_archive::ArchivedBlock> {
    Generator::new(options.clone()).unwrap().filter_map(|record| match record {
        Record::Block(block) => Some(block),
        Record::Rollback(_) => None,
    })
}

/// What the contracts of these options logged, escrows included once they are known.
fn ours(options: &Options, logs: &[ChainLog], escrows: &BTreeSet<Address>) -> Vec<ContractEvent> {
    let emitter = |address: Address| {
        let factory = options.factories.iter().find(|factory| factory.address == address);
        let protocol = || options.factories.iter().any(|f| f.limit_order_protocol == address);
        factory
            .map(|factory| Emitter::Factory(factory.dialect))
            .or_else(|| protocol().then_some(Emitter::LimitOrderProtocol))
            .or_else(|| {
                escrows.contains(&address).then_some(Emitter::Escrow(options.factories[0].dialect))
            })
    };
    let decoded = logs.iter().filter_map(|log| {
        let event = decode(emitter(log.address)?, &log.topics, &log.data).unwrap();
        Some(event.unwrap_or_else(|| panic!("not an event of ours: {log:?}")))
    });
    decoded.collect()
}

#[test]
fn dense_and_sparse_have_exactly_the_measured_shapes() {
    for (shape, blocks_expected, transactions, sources, destinations) in
        [(Shape::Dense, 600, 5, 6, 4), (Shape::Sparse, 5_000, 1, 2, 2)]
    {
        let whole = Options { blocks: None, ..options(shape, 1) };
        assert_eq!(whole.block_count(), blocks_expected);
        let few = options(shape, 3);
        let none = BTreeSet::new();
        let mut seen = 0;
        for block in blocks(&few) {
            check_block(&block).unwrap();
            assert_eq!(block.receipts.len(), transactions);
            let logs = block.logs().unwrap();
            for logs in logs.chunk_by(|a, b| a.tx_hash == b.tx_hash) {
                let events = ours(&few, logs, &none);
                let created =
                    |event: &&ContractEvent| matches!(event, ContractEvent::SourceCreated { .. });
                assert_eq!(events.iter().filter(created).count(), sources);
                assert_eq!(events.len(), sources + destinations);
            }
            seen += 1;
        }
        assert_eq!(seen, 3);
    }
}

#[test]
fn one_seed_gives_one_file_and_another_seed_another() {
    let options = options(Shape::Mainnet, 20);
    let (first, trailer) = file(&options, WriterOptions::default());
    let (second, _) = file(&options, WriterOptions::default());
    assert!(first == second);
    let other = Options { seed: 8, ..options };
    assert_ne!(file(&other, WriterOptions::default()).1.history_digest, trailer.history_digest);
}

// Files that others made years ago from a seed must be made again from it: a change of these
// digests is a change of the generator, and belongs into the changelog.
#[test]
fn the_generator_makes_what_it_always_made() {
    let digest = |shape, blocks| {
        file(&options(shape, blocks), WriterOptions::default()).1.history_digest.to_string()
    };
    assert_eq!([digest(Shape::Dense, 5), digest(Shape::Mainnet, 12)], PINNED);
}

const PINNED: [&str; 2] = [
    "0x159b6005f11e886bdcdd4334dd7aa5c1083c9095b2fa47aed9f56248a4992d98",
    "0xa34ecfb9dcc09eed95737dbce2a83747f345dc02eaaaf65bb68981bd45a1b061",
];

#[test]
fn one_log_in_a_hundred_is_ours_and_every_end_has_a_beginning() {
    let options = options(Shape::Mainnet, 150);
    let mut escrows = BTreeSet::new();
    let mut hashlocks = BTreeMap::new();
    let (mut all, mut own, mut withdrawn, mut cancelled) = (0, 0, 0, 0);
    for block in blocks(&options) {
        let logs = block.logs().unwrap();
        assert!((300..=520).contains(&logs.len()), "{} logs", logs.len());
        all += logs.len();
        for log in &logs {
            for event in ours(&options, std::slice::from_ref(log), &escrows) {
                own += 1;
                match event {
                    ContractEvent::SourceCreated { immutables, .. } => {
                        let factory =
                            options.factories.iter().find(|f| f.address == log.address).unwrap();
                        let clones =
                            EscrowImplementations::for_factory(factory.dialect, factory.address);
                        let escrow =
                            source_escrow(factory.dialect, factory.address, &clones, &immutables);
                        escrows.insert(escrow);
                        hashlocks.insert(escrow, immutables.hashlock);
                    }
                    ContractEvent::DestinationCreated { escrow, hashlock, .. } => {
                        escrows.insert(escrow);
                        hashlocks.insert(escrow, hashlock);
                    }
                    ContractEvent::Withdrawn { secret } => {
                        assert_eq!(Secret::new(secret.0).hashlock(), hashlocks[&log.address]);
                        withdrawn += 1;
                    }
                    ContractEvent::Cancelled => cancelled += 1,
                    _ => {}
                }
            }
        }
    }
    let share = own as f64 / all as f64;
    assert!((0.009..0.012).contains(&share), "{own} of {all}");
    assert!(withdrawn > 100 && cancelled > 0, "{withdrawn} withdrawn, {cancelled} cancelled");
}

#[test]
fn the_file_of_the_other_chain_has_the_other_leg_of_every_swap() {
    let one = options(Shape::Mainnet, 60);
    let (chain, counterpart) = (ChainId(1338), ChainId(1337));
    let other = Options { chain, counterpart, mirrored: true, ..one.clone() };
    let legs = |options: &Options| {
        let (mut sources, mut destinations): (BTreeSet<B256>, BTreeSet<B256>) = Default::default();
        for block in blocks(options) {
            for event in ours(options, &block.logs().unwrap(), &BTreeSet::new()) {
                match event {
                    ContractEvent::SourceCreated { immutables, .. } => {
                        sources.insert(immutables.hashlock.0);
                    }
                    ContractEvent::DestinationCreated { hashlock, .. } => {
                        destinations.insert(hashlock.0);
                    }
                    _ => {}
                }
            }
        }
        (sources, destinations)
    };
    let ((sources, destinations), (their_sources, their_destinations)) = (legs(&one), legs(&other));
    assert!(sources.len() > 10 && sources.is_disjoint(&destinations));
    // One chain may have come further than the other.
    let common = sources.intersection(&their_destinations).count();
    assert!(common * 10 >= sources.len().min(their_destinations.len()) * 9);
    let common = destinations.intersection(&their_sources).count();
    assert!(common * 10 >= destinations.len().min(their_sources.len()) * 9);
}

#[test]
fn options_that_give_nothing_are_refused() {
    for wrong in [
        Options { factories: vec![], ..options(Shape::Dense, 1) },
        Options { tokens: vec![], ..options(Shape::Dense, 1) },
        options(Shape::Dense, 0),
    ] {
        assert!(Generator::new(wrong).is_err());
    }
}
