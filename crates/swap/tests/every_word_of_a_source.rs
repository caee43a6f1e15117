//! Design rule M1, word by word: what a source escrow is bound to must be what the order says, and each
//! difference is named alone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod offers;

use alloy::primitives::{Address, B256, Bytes, U256};
use bmn_primitives::{AddressWord, Dialect, Hashlock, OrderHash, Stage, Timelocks};
use bmn_swap::{
    NamedTerms, OrderTimes, Refusal, SourceTerms, check_holdings, check_source, read_direct,
};
use common::{A, B, FILLED, World, at, com, imm, whole};
use offers::{CONTRACTS, OFFSETS, offer};

type Change = fn(&mut World);

fn after(mut world: World, change: Change) -> Vec<Refusal> {
    change(&mut world);
    check_source(&world.order, world.source.as_ref().unwrap(), &world.terms())
}

fn mismatch(field: &str) -> Vec<Refusal> {
    vec![Refusal::Mismatch { field: field.to_owned() }]
}

fn source(world: &mut World) -> &mut bmn_swap::SourceLeg {
    world.source.as_mut().unwrap()
}

/// The word with a bit set above the address.
fn dirty(word: AddressWord) -> AddressWord {
    AddressWord(word.0 | (U256::ONE << 200))
}

/// New offsets, in the order as in the escrow.
fn set_offsets(world: &mut World, change: impl FnOnce(&mut [u32; 7])) {
    let mut offsets = imm(source(world)).timelocks.offsets();
    change(&mut offsets);
    imm(source(world)).timelocks = Timelocks::pack(FILLED as u32, offsets);
    world.order.times = OrderTimes::Offsets(Timelocks::pack(0, offsets));
}

#[test]
fn every_word_that_differs_from_the_order_is_named_alone() {
    let cases: [(&str, Change); 14] = [
        ("chain", |w| {
            source(w).swap.chain = B;
            imm(source(w)).taker = CONTRACTS[1].into();
        }),
        ("factory", |w| source(w).factory = Address::repeat_byte(9)),
        ("factory", |w| {
            source(w).dialect = Dialect::OneInch2;
            com(source(w)).parameters = vec![0; 128].into();
        }),
        ("orderHash", |w| imm(source(w)).order_hash = OrderHash(B256::repeat_byte(9))),
        ("hashlock", |w| imm(source(w)).hashlock = Hashlock(B256::repeat_byte(9))),
        ("maker", |w| imm(source(w)).maker = Address::repeat_byte(9).into()),
        ("token", |w| imm(source(w)).token = Address::repeat_byte(9).into()),
        ("amount", |w| imm(source(w)).amount += U256::ONE),
        ("complement.maker", |w| com(source(w)).maker = Address::repeat_byte(9).into()),
        ("complement.token", |w| com(source(w)).token = Address::repeat_byte(9).into()),
        ("complement.amount", |w| com(source(w)).amount -= U256::ONE),
        ("complement.safetyDeposit", |w| com(source(w)).safety_deposit += U256::ONE),
        ("complement.chainId", |w| com(source(w)).chain_id = U256::from(A.0)),
        ("safetyDeposit", |w| imm(source(w)).safety_deposit -= U256::ONE),
    ];
    let sound = || offer(Dialect::OneInch1).locked();
    assert_eq!(after(sound(), |_| {}), []);
    for (field, change) in cases {
        assert_eq!(after(sound(), change), mismatch(field));
    }
}

#[test]
fn every_time_that_differs_from_the_order_is_named() {
    let offsets = || offer(Dialect::OneInch2).locked();
    assert_eq!(after(offsets(), |_| {}), []);
    for stage in 0..OFFSETS.len() {
        let mut world = offsets();
        let mut changed = OFFSETS;
        changed[stage] += 1;
        imm(source(&mut world)).timelocks = Timelocks::pack(FILLED as u32, changed);
        assert_eq!(after(world, |_| {}), mismatch("timelocks"), "stage {stage}");
    }
    // Whatever the order itself says, the destination must not outlive the source.
    let outlives = |by: u32| {
        let mut world = offsets();
        set_offsets(&mut world, |o| o[6] = o[2] + by);
        after(world, |_| {})
    };
    assert_eq!(outlives(0), []);
    assert_eq!(outlives(1), mismatch("dstCancellation"));
    let absolute = World::locked;
    assert_eq!(after(absolute(), |_| {}), []);
    let moved = |stage: Stage| {
        let mut world = absolute();
        let locks = imm(source(&mut world)).timelocks;
        let mut offsets = locks.offsets();
        offsets[stage as usize] -= 1;
        imm(source(&mut world)).timelocks = Timelocks::pack(FILLED as u32, offsets);
        after(world, |_| {})
    };
    assert_eq!(moved(Stage::SrcCancellation), mismatch("srcCancellation"));
    assert_eq!(moved(Stage::DstWithdrawal), mismatch("dstWithdrawal"));
}

#[test]
fn every_dirty_address_is_named_alone() {
    let cases: [(&str, Change); 4] = [
        ("maker", |w| imm(source(w)).maker = dirty(imm(source(w)).maker)),
        ("token", |w| imm(source(w)).token = dirty(imm(source(w)).token)),
        ("complement.maker", |w| com(source(w)).maker = dirty(com(source(w)).maker)),
        ("complement.token", |w| com(source(w)).token = dirty(com(source(w)).token)),
    ];
    for (name, change) in cases {
        let reasons = after(World::locked(), change);
        let [Refusal::DirtyAddress { field, word }] = &reasons[..] else { panic!("{reasons:?}") };
        assert!(field == name && word.is_dirty(), "{name}: {field} {word}");
    }
}

#[test]
fn a_source_or_a_destination_of_nothing_is_refused() {
    let zero = |name: &str| vec![Refusal::ZeroAmount(name.to_owned())];
    let nothing_locked = after(World::locked(), |w| {
        w.order.source_amount = U256::ZERO;
        imm(source(w)).amount = U256::ZERO;
    });
    assert_eq!(nothing_locked, zero("amount"));
    let nothing_paid = after(World::locked(), |w| {
        w.order.destination_amount = U256::ZERO;
        com(source(w)).amount = U256::ZERO;
    });
    assert_eq!(nothing_paid, zero("complement.amount"));
}

#[test]
fn a_fill_states_its_block_s_time_and_a_direct_source_none_older_than_five_minutes() {
    let mined_at = |mut world: World, time: u64| {
        source(&mut world).created = at(10, time);
        after(world, |_| {}).iter().map(Refusal::code).collect::<Vec<_>>()
    };
    for wrong in [FILLED - 1, FILLED + 1, FILLED + 300] {
        assert_eq!(mined_at(offer(Dialect::OneInch1).locked(), wrong), ["backdated"]);
    }
    assert_eq!(mined_at(offer(Dialect::OneInch1).locked(), FILLED), [""; 0]);
    for good in [FILLED, FILLED + 1, FILLED + 300] {
        assert_eq!(mined_at(World::locked(), good), [""; 0]);
    }
    for wrong in [FILLED - 1, FILLED + 301] {
        assert_eq!(mined_at(World::locked(), wrong), ["backdated"]);
    }
}

#[test]
fn no_stage_begins_later_than_an_hour_after_the_longest_window() {
    for stage in Stage::ALL {
        let named = |late: u32| {
            let mut world = offer(Dialect::OneInch1).locked();
            set_offsets(&mut world, |o| o[stage as usize] = late);
            after(world, |_| {}).into_iter().find_map(|reason| match reason {
                Refusal::BadWindow { field, value, .. } if field == format!("{stage:?}") => {
                    Some(value)
                }
                _ => None,
            })
        };
        let latest = 86_400 + 3_600;
        assert_eq!(named(latest), None, "{stage:?}");
        assert_eq!(named(latest + 1), Some(FILLED + u64::from(latest) + 1));
    }
}

#[test]
fn windows_that_end_before_they_begin_are_named() {
    for (name, early, late) in [
        ("srcWithdrawal", Stage::SrcWithdrawal, Stage::SrcCancellation),
        ("srcPublicCancellation", Stage::SrcCancellation, Stage::SrcPublicCancellation),
        ("dstPublicWithdrawal", Stage::DstWithdrawal, Stage::DstPublicWithdrawal),
    ] {
        let named = |by: u32| {
            let mut world = offer(Dialect::OneInch1).locked();
            // 700 is after every early stage of the pairs and before nothing that is looked at.
            set_offsets(&mut world, |o| {
                (o[early as usize], o[late as usize]) = (700 + by, 700);
                o[Stage::SrcPublicCancellation as usize] =
                    o[Stage::SrcPublicCancellation as usize].max(700);
            });
            let reasons = after(world, |_| {}).into_iter();
            let field = |reason| match reason {
                Refusal::BadWindow { field, .. } => Some(field),
                _ => None,
            };
            reasons.filter_map(field).collect::<Vec<_>>()
        };
        assert_eq!(named(0), [""; 0], "{name}");
        assert_eq!(named(1), [name]);
    }
}

#[test]
fn each_fee_needs_a_clean_recipient_and_both_together_no_more_than_the_amount() {
    let word = |n: U256| n.to_be_bytes::<32>();
    let fees = |words: [U256; 4]| {
        let mut world = offer(Dialect::OneInch2).locked();
        com(source(&mut world)).parameters = words.map(word).concat().into();
        let reasons = after(world, |_| {});
        reasons.first().map(ToString::to_string)
    };
    let (zero, one, all) = (U256::ZERO, U256::ONE, whole(990));
    let unclean = U256::ONE << 160;
    for good in [
        [zero; 4],
        [zero, zero, unclean, unclean],
        [all, zero, one, zero],
        [zero, all, zero, one],
        [all - one, one, one, one],
    ] {
        assert_eq!(fees(good), None, "{good:?}");
    }
    for (bad, why) in [
        ([one, zero, zero, one], "no recipient"),
        ([zero, one, one, zero], "no recipient"),
        ([one, zero, unclean | one, one], "no recipient"),
        ([zero, one, one, unclean | one], "no recipient"),
        ([all, one, one, one], "more than the amount"),
        ([U256::MAX, one, one, one], "more than the amount"),
    ] {
        let told = fees(bad).unwrap();
        assert!(told.contains(why), "{bad:?}: {told}");
    }
    let mut short = offer(Dialect::OneInch2).locked();
    com(source(&mut short)).parameters = Bytes::from(vec![0; 127]);
    let told = after(short, |_| {})[0].to_string();
    assert!(told.contains("shorter than four words"), "{told}");
}

#[test]
fn a_source_deposit_locks_the_escrows_that_have_no_use_for_one() {
    let locked = after(World::locked(), |w| {
        w.order.source_deposit = U256::ONE;
        imm(source(w)).safety_deposit = U256::ONE;
    });
    assert_eq!(locked, [Refusal::SourceDeposit(U256::ONE)]);
}

#[test]
fn what_is_missing_from_an_escrow_is_told_by_name() {
    let mut world = offer(Dialect::OneInch1).locked();
    let bound = imm(source(&mut world)).clone();
    let (amount, deposit) = (bound.amount, bound.safety_deposit);
    assert_eq!(check_holdings(&bound, amount, deposit), Ok(()));
    assert_eq!(check_holdings(&bound, U256::MAX, U256::MAX), Ok(()));
    let told = check_holdings(&bound, amount - U256::ONE, deposit).unwrap_err();
    assert!(told.contains(&format!("promises {amount}")), "{told}");
    let told = check_holdings(&bound, amount, deposit - U256::ONE).unwrap_err();
    assert!(told.contains(&format!("safety deposit is {deposit}")), "{told}");
}

#[test]
fn what_a_chain_says_of_a_source_is_read_and_what_it_does_not_say_is_not_guessed() {
    let mut world = offer(Dialect::OneInch1).locked();
    let bound = imm(source(&mut world)).clone();
    let mut leg = world.source.unwrap();
    assert_eq!(leg.immutables(), Some(&bound));
    assert_eq!((leg.order_hash(), leg.hashlock()), (Some(bound.order_hash), Some(bound.hashlock)));
    assert_eq!((leg.maker(), leg.taker()), (Some(bound.maker), Some(bound.taker)));
    assert_eq!((leg.token(), leg.amount()), (Some(bound.token), Some(bound.amount)));
    let named = NamedTerms {
        order_hash: Some(bound.order_hash),
        hashlock: Some(bound.hashlock),
        maker: Some(bound.maker),
        taker: Some(bound.taker),
        amount: Some(bound.amount),
    };
    leg.terms = SourceTerms::Named(named);
    assert_eq!((leg.order_hash(), leg.hashlock()), (named.order_hash, named.hashlock));
    assert_eq!((leg.maker(), leg.taker(), leg.amount()), (named.maker, named.taker, named.amount));
    assert_eq!((leg.immutables(), leg.stated(), leg.token()), (None, None, None));
    leg.terms = SourceTerms::Named(NamedTerms::default());
    assert_eq!((leg.order_hash(), leg.hashlock(), leg.amount()), (None, None, None));
    assert_eq!((leg.maker(), leg.taker()), (None, None));
    // What could not be read is an order all the same, refused with its reason and taken by nobody.
    let order = read_direct(&leg);
    assert_eq!(order.refusals(), [Refusal::ImmutablesUnknown(leg.swap.escrow)]);
    assert_eq!(offer(Dialect::OneInch1).order().refusals(), []);
}
