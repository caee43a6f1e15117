use crate::world::{
    Folded, all_logs, block, factory, next_tx, recorded_factory, recorded_protocol, route,
};
use alloy::primitives::{Address, B256, Bloom, Bytes};
use bmn_chain::ChainLog;
use bmn_contracts::{Emitter, topics};
use bmn_indexer::LogFilter;
use bmn_primitives::Dialect;
use proptest::{collection::vec, prelude::*, sample::select};

fn filter_of(dialect: Dialect) -> LogFilter {
    LogFilter::new(&route(vec![factory(recorded_factory(dialect), dialect)]))
}

/// A log that may look like one of ours in any part.
fn log() -> impl Strategy<Value = ChainLog> {
    let ours = vec![
        recorded_factory(Dialect::Bmn4),
        recorded_factory(Dialect::OneInch2),
        recorded_protocol(),
    ];
    let address = prop_oneof![
        any::<[u8; 20]>().prop_map(Address::from),
        select(ours.clone()),
        // One bit away from ours: what a bit set alone cannot tell apart.
        (select(ours), 0..20_usize, 0..8_u8).prop_map(|(mut address, byte, bit)| {
            address.0[byte] ^= 1 << bit;
            address
        }),
    ];
    let known: Vec<B256> = Dialect::ALL
        .into_iter()
        .flat_map(|dialect| [Emitter::Factory(dialect), Emitter::Escrow(dialect)])
        .chain([Emitter::LimitOrderProtocol])
        .flat_map(topics)
        .copied()
        .collect();
    let topic = prop_oneof![any::<[u8; 32]>().prop_map(B256::from), select(known)];
    (address, vec(topic, 0..5)).prop_map(|(address, topics)| ChainLog {
        address,
        topics,
        data: Bytes::new(),
        tx_hash: B256::ZERO,
        tx_index: 0,
        log_index: 0,
    })
}

fn bloom_of(log: &ChainLog) -> Bloom {
    let mut bloom = Bloom::ZERO;
    bloom.accrue_raw_log(log.address, &log.topics);
    bloom
}

proptest! {
    /// Wanted is exactly: of a registered contract, or with a first topic that escrows log. And a bloom
    /// that holds a wanted log passes.
    #[test]
    fn nothing_that_the_fold_looks_at_is_ever_dropped(log in log()) {
        for dialect in Dialect::ALL {
            let filter = filter_of(dialect);
            let registered = [recorded_factory(dialect), recorded_protocol()].contains(&log.address);
            let ends = topics(Emitter::Escrow(dialect));
            let escrow = log.topics.first().is_some_and(|topic| ends.contains(topic));
            prop_assert_eq!(filter.wants(&log), registered || escrow);
            prop_assert!(!filter.wants(&log) || filter.may_hold(&bloom_of(&log)));
            prop_assert!(filter.may_hold(&Bloom::from([0xff; 256])));
            prop_assert!(!filter.may_hold(&Bloom::ZERO));
        }
    }

    /// The rows of a block are those of its wanted logs: what a host leaves out changes nothing.
    #[test]
    fn a_host_that_asks_for_the_wanted_logs_alone_gives_the_same_index(
        foreign in vec(log(), 0..40),
        dialect in select(vec![
            Dialect::Bmn4, Dialect::Bmn302, Dialect::Bmn23, Dialect::OneInch1, Dialect::OneInch2,
        ]),
    ) {
        let route = route(vec![factory(recorded_factory(dialect), dialect)]);
        let filter = LogFilter::new(&route);
        let recorded = all_logs(dialect);
        let first = u32::try_from(recorded.len()).unwrap();
        let all = [recorded, next_tx(foreign, 1, first)].concat();
        let asked: Vec<_> = all
            .iter()
            .filter(|log| {
                filter.addresses().contains(&log.address)
                    || log.topics.first().is_some_and(|t| filter.topics_anywhere().contains(t))
            })
            .cloned()
            .collect();
        let whole = Folded::new(&route, &[block(1, all)]);
        let part = Folded::new(&route, &[block(1, asked)]);
        prop_assert_eq!(whole.sources(), part.sources());
        prop_assert_eq!(whole.events(), part.events());
        prop_assert_eq!(whole.touched, part.touched);
    }
}

#[test]
fn an_unknown_limit_order_protocol_is_no_address_to_ask_for() {
    let mut terms = factory(recorded_factory(Dialect::Bmn1), Dialect::Bmn1);
    terms.limit_order_protocol = Address::ZERO;
    let filter = LogFilter::new(&route(vec![terms]));
    assert_eq!(filter.addresses(), [recorded_factory(Dialect::Bmn1)]);
    assert_eq!(filter.topics_anywhere().len(), 3);
}
