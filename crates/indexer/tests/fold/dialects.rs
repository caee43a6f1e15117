use crate::world::{
    CHAIN, Folded, all_logs, block, factory, next_tx, parse, recorded_factory, recorded_protocol,
    route, sample, scenario,
};
use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolValue,
};
use bmn_chain::ChainLog;
use bmn_contracts::{ContractEvent, Emitter, immutables_hash, topics};
use bmn_primitives::Dialect::{self, Bmn1, Bmn4, Bmn11, Bmn23, Bmn302, OneInch1, OneInch2};
use bmn_primitives::{Hashlock, Secret, SwapId};
use bmn_store::Reads;
use bmn_swap::{EscrowEnd, Fill};

fn fold(dialect: Dialect, logs: Vec<ChainLog>) -> Folded {
    let route = route(vec![factory(recorded_factory(dialect), dialect)]);
    Folded::new(&route, &[block(1, logs)])
}

fn fill_of(dialect: Dialect) -> &'static str {
    if matches!(dialect, OneInch1 | OneInch2) { "I1.fill" } else { "S1.fill" }
}

#[test]
fn fills_of_dialects_that_state_immutables_have_all_terms() {
    for dialect in [Bmn4, OneInch1, OneInch2] {
        let folded = fold(dialect, scenario(dialect, fill_of(dialect)));
        let (leg, happy) = (folded.only_source(), &sample(dialect)["happy"]);
        assert_eq!(leg.swap.escrow, parse::<Address>(&happy["srcEscrow"]), "{dialect}");
        let (immutables, complement) = leg.stated().unwrap();
        let hashlock: B256 = parse(&happy["srcImmutables"]["hashlock"]);
        assert_eq!(immutables.hashlock, Hashlock(hashlock));
        assert_eq!(complement.chain_id, U256::from(10));
        let contract = recorded_protocol();
        assert_eq!(leg.fill, Some(Fill { contract, remaining: U256::ZERO }), "{dialect}");
        assert!(folded.touched.direct.is_empty());
    }
}

#[test]
fn fills_of_dialects_that_only_name_the_escrow_have_what_is_named() {
    for dialect in [Bmn23, Bmn302] {
        let folded = fold(dialect, scenario(dialect, "S1.fill"));
        let (leg, happy) = (folded.only_source(), &sample(dialect)["happy"]);
        assert_eq!(leg.swap.escrow, parse::<Address>(&happy["srcEscrow"]), "{dialect}");
        let bound = &happy["srcImmutables"];
        assert_eq!(leg.order_hash().unwrap().0, parse::<B256>(&bound["orderHash"]));
        assert_eq!(leg.hashlock().unwrap().0, parse::<B256>(&bound["hashlock"]));
        assert_eq!(leg.taker().unwrap().0, parse::<U256>(&bound["taker"]));
        assert_eq!(leg.amount().unwrap(), parse::<U256>(&bound["amount"]));
        assert_eq!((leg.maker(), leg.token(), leg.stated()), (None, None, None));
        let contract = recorded_protocol();
        assert_eq!(leg.fill, Some(Fill { contract, remaining: U256::ZERO }));
        let read = folded.store.read().unwrap();
        let found = read.source_legs_by_hashlock(CHAIN, leg.hashlock().unwrap(), 9).unwrap();
        assert_eq!(found, std::slice::from_ref(&leg));
        let found = read.source_legs_by_order_hash(CHAIN, leg.order_hash().unwrap(), 9).unwrap();
        assert_eq!(found, [leg]);
    }
}

#[test]
fn a_post_interaction_that_a_stranger_called_proves_no_fill() {
    for dialect in [Bmn23, Bmn302] {
        let spoofed = scenario(dialect, "S15.directPostInteraction");
        let leg = fold(dialect, spoofed.clone()).only_source();
        assert_eq!((leg.fill, leg.order_hash()), (None, None), "{dialect}");
        // Not even when a true fill follows in the same transaction.
        let both = [spoofed, scenario(dialect, "S1.fill")].concat();
        let folded = fold(dialect, next_tx(both, 0, 0));
        let legs = folded.sources();
        assert_eq!(legs.len(), 2);
        let filled: Vec<_> = legs.iter().filter(|leg| leg.fill.is_some()).collect();
        let [true_one] = filled.as_slice() else { panic!("{legs:?}") };
        let expected: Address = parse(&sample(dialect)["happy"]["srcEscrow"]);
        assert_eq!(true_one.swap.escrow, expected);
    }
}

#[test]
fn an_escrow_that_is_only_named_ends_and_its_secret_becomes_public() {
    for dialect in [Bmn23, Bmn302] {
        let route = route(vec![factory(recorded_factory(dialect), dialect)]);
        let created = block(1, scenario(dialect, "S1.fill"));
        // The same block, and the next one.
        let mut withdrawal = scenario(dialect, "S1.srcWithdraw");
        withdrawal.retain(|log| topics(Emitter::Escrow(dialect)).contains(&log.topics[0]));
        let secret = Secret::new(parse::<B256>(&sample(dialect)["happy"]["secret"]).0);
        let ended = block(2, withdrawal.clone());
        let same = [created.logs.clone(), next_tx(withdrawal, 1, 10)].concat();
        for blocks in [vec![created, ended], vec![block(1, same)]] {
            let folded = Folded::new(&route, &blocks);
            let end = folded.only_source().end.map(|(end, _)| end);
            let public = B256::from(*secret.expose());
            assert_eq!(end, Some(EscrowEnd::Withdrawn { secret: public }), "{dialect}");
            let read = folded.store.read().unwrap();
            assert_eq!(read.public_secret(secret.hashlock()).unwrap(), Some(public));
        }
    }
}

#[test]
fn direct_sources_that_are_only_named_are_indexed_and_not_taken() {
    for dialect in [Bmn23, Bmn302] {
        let folded = fold(dialect, scenario(dialect, "S6.createSrcEscrow"));
        let (leg, direct) = (folded.only_source(), &sample(dialect)["directSrc"]);
        assert_eq!(leg.swap.escrow, parse::<Address>(&direct["escrow"]));
        assert_eq!(leg.order_hash().unwrap().0, parse::<B256>(&direct["immutables"]["orderHash"]));
        assert_eq!((leg.hashlock(), leg.stated(), leg.fill), (None, None, None));
        assert!(folded.touched.direct.is_empty());
    }
}

#[test]
fn one_topic_is_decoded_by_the_factory_that_logged_it() {
    let (bmn, oneinch) = (Address::repeat_byte(0xb4), Address::repeat_byte(0x12));
    let log = scenario(Bmn4, "S1.fill")
        .into_iter()
        .find(|log| log.topics[0] == topics(Emitter::Factory(Bmn4))[0])
        .unwrap();
    let by = |address| vec![ChainLog { address, ..log.clone() }];
    let route = route(vec![factory(bmn, Bmn4), factory(oneinch, OneInch2)]);
    let logs = [next_tx(by(bmn), 0, 0), next_tx(by(oneinch), 1, 1)].concat();
    let folded = Folded::new(&route, &[block(1, logs)]);
    let legs = folded.sources();
    assert_eq!(legs.len(), 2);
    for (address, dialect) in [(bmn, Bmn4), (oneinch, OneInch2)] {
        let leg = legs.iter().find(|leg| leg.factory == address).unwrap();
        let terms = factory(address, dialect);
        let salt = immutables_hash(dialect, leg.immutables().unwrap());
        let escrow = bmn_contracts::clone_address(address, terms.implementations.source, salt);
        assert_eq!((leg.dialect, leg.swap.escrow), (dialect, escrow));
    }
    let hashes = [Bmn4, OneInch2].map(|d| immutables_hash(d, legs[0].immutables().unwrap()));
    assert_ne!(hashes[0], hashes[1]);
}

#[test]
fn factories_that_name_the_escrow_in_their_events_are_believed() {
    let (address, escrow) = (Address::repeat_byte(0x11), Address::repeat_byte(0xe5));
    let mut logs = scenario(OneInch1, "I1.fill");
    for log in &mut logs {
        if log.topics[0] == topics(Emitter::Factory(OneInch1))[0] {
            log.topics = vec![topics(Emitter::Factory(Bmn11))[0], escrow.into_word()];
            log.address = address;
        }
    }
    let route = route(vec![factory(address, Bmn11)]);
    let leg = Folded::new(&route, &[block(1, logs)]).only_source();
    assert_eq!(leg.swap, SwapId { chain: CHAIN, escrow });
    assert!(leg.stated().is_some() && leg.fill.is_some());
}

#[test]
fn every_recorded_event_of_every_dialect_leaves_a_row() {
    // Ends are kept of escrows whose creation is among the recorded logs.
    for (logs_of, dialect, rows, sources, destinations) in [
        (Bmn4, Bmn4, 11, 1, 2),
        (Bmn302, Bmn302, 10, 5, 1),
        (Bmn23, Bmn23, 10, 5, 1),
        (OneInch1, OneInch1, 12, 5, 1),
        (OneInch1, Bmn1, 12, 5, 1),
        (OneInch2, OneInch2, 10, 2, 1),
    ] {
        let folded = fold(dialect, all_logs(logs_of));
        let events = folded.events();
        let created = events
            .iter()
            .filter(|row| matches!(row.event, ContractEvent::DestinationCreated { .. }));
        let found = created
            .filter(|row| {
                let read = folded.store.read().unwrap();
                read.destination_leg(CHAIN, row.escrow.unwrap()).unwrap().is_some()
            })
            .count();
        assert_eq!(
            (events.len(), folded.sources().len(), found),
            (rows, sources, destinations),
            "{dialect}"
        );
    }
}

#[test]
fn a_damaged_log_of_a_factory_is_passed_over_and_the_rest_is_indexed() {
    let mut logs = scenario(Bmn302, "S1.fill");
    let intact = fold(Bmn302, logs.clone()).events().len();
    let mut damaged = logs[0].clone();
    damaged.address = recorded_factory(Bmn302);
    damaged.topics = vec![topics(Emitter::Factory(Bmn302))[0]; 4];
    damaged.data = vec![0xff; 64].into();
    logs.push(damaged.clone());
    damaged.topics.truncate(2);
    logs.push(damaged);
    let folded = fold(Bmn302, next_tx(logs, 0, 0));
    assert_eq!(folded.events().len(), intact);
    assert_eq!(folded.sources().len(), 1);
}

#[test]
fn an_escrow_that_ended_may_log_again_in_a_later_block() {
    let route = route(vec![factory(recorded_factory(Bmn4), Bmn4)]);
    let created = block(1, scenario(Bmn4, "S1.fill"));
    let mut withdrawal = scenario(Bmn4, "S1.srcWithdraw");
    withdrawal.retain(|log| topics(Emitter::Escrow(Bmn4)).contains(&log.topics[0]));
    // Somebody sent it another token after all, and the taker rescues it.
    let mut rescue = withdrawal.clone();
    rescue.truncate(1);
    rescue[0].topics = vec![keccak256("FundsRescued(address,uint256)")];
    rescue[0].data = (Address::repeat_byte(0x77), U256::from(5)).abi_encode().into();
    let folded = Folded::new(&route, &[created, block(2, withdrawal), block(3, rescue)]);
    let (end, at) = folded.only_source().end.unwrap();
    assert!(matches!(end, EscrowEnd::Withdrawn { .. }), "{end:?}");
    assert_eq!(at.block.number, 2);
    let last = folded.events().pop().unwrap();
    assert!(matches!(last.event, ContractEvent::Rescued { .. }) && last.at.block.number == 3);
}
