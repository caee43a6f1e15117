//! Stored sums are what a scan of their rows finds, whatever was written, dropped or lost in a crash.

use super::fixtures::*;
use crate::testing::{CrashBackend, Side, rows_read};
use crate::{
    ClaimReads, DecisionReads, MakerClaim, ReadTx, Reads, Reservation, Store, StoreError, WriteTx,
};
use alloy::primitives::{Address, U256};
use bmn_swap::{Exposure, Status, Usage};
use proptest::prelude::*;

/// Orders, tokens and makers that the changes are about: few, so that they meet.
const ORDERS: u64 = 5;
const TOKENS: u64 = 3;

/// A change of something that is summed.
#[derive(Debug, Clone)]
enum Change {
    Status(u64, usize),
    Reserve(u64, u64, U256),
    Release(u64),
    ReleaseOnSource(u64),
    Open(u64, Exposure),
    Close(u64),
    Claim(u64, Option<MakerClaim>),
}

fn apply(tx: &mut WriteTx, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Status(n, status) => {
            tx.put_order_state(order_id(*n), &state(Status::ALL[*status])).map(drop)
        }
        Change::Reserve(n, token, amount) => {
            let chain = if token % 2 == 0 { A } else { B };
            let (order, token, amount) = (order_id(*n), address(*token), *amount);
            tx.reserve(&Reservation { order, chain, token, amount })
        }
        Change::Release(n) => tx.release(order_id(*n)),
        Change::ReleaseOnSource(n) => tx.release_on(order_id(*n), A),
        Change::Open(n, exposure) => tx.set_exposure(order_id(*n), Some(exposure)),
        Change::Close(n) => tx.set_exposure(order_id(*n), None),
        Change::Claim(n, claim) => tx.set_claim(order_id(*n), claim.as_ref()),
    }
}

fn exposures() -> impl Strategy<Value = Exposure> {
    let value = prop_oneof![0..9u128, Just(u128::MAX)];
    (value, 0..TOKENS, 0..TOKENS, 0..2u64, any::<bool>()).prop_map(
        |(value, token, sold, of, on)| {
            let (chain, other) = if on { (A, B) } else { (B, A) };
            Exposure {
                value,
                token: (chain, address(token)),
                // The same token on both sides counts once.
                source_token: (if of == 0 { chain } else { other }, address(sold)),
                maker: address(of),
                route: (other, chain),
                factory: (chain, address(of + 7)),
            }
        },
    )
}

fn amounts() -> impl Strategy<Value = U256> {
    prop_oneof![(0..9u64).prop_map(U256::from), Just(U256::MAX)]
}

fn claims() -> impl Strategy<Value = Option<MakerClaim>> {
    let claim = (0..2u64, 0..TOKENS, amounts()).prop_map(|(maker, token, amount)| MakerClaim {
        maker: address(maker),
        token: address(token),
        amount,
    });
    prop::option::of(claim)
}

fn changes() -> impl Strategy<Value = Change> {
    let order = || 0..ORDERS;
    prop_oneof![
        (order(), 0..Status::ALL.len()).prop_map(|(n, status)| Change::Status(n, status)),
        (order(), claims()).prop_map(|(n, claim)| Change::Claim(n, claim)),
        (order(), 0..TOKENS, amounts())
            .prop_map(|(n, token, amount)| Change::Reserve(n, token, amount)),
        order().prop_map(Change::Release),
        order().prop_map(Change::ReleaseOnSource),
        (order(), exposures()).prop_map(|(n, exposure)| Change::Open(n, exposure)),
        order().prop_map(Change::Close),
    ]
}

fn assert_summed(read: &ReadTx, at: &str) {
    for status in Status::ALL {
        let scanned = read.orders_by_status(status, None, usize::MAX).unwrap().len() as u64;
        assert_eq!(read.orders_in(status).unwrap(), scanned, "{at}: {status:?}");
    }
    for chain in [A, B] {
        for token in (0..TOKENS).map(address).chain([Address::ZERO, address(903)]) {
            let of = |n| read.reservations(order_id(n)).unwrap().into_iter();
            let promised = (0..ORDERS)
                .flat_map(of)
                .filter(|it| (it.chain, it.token) == (chain, token))
                .fold(U256::ZERO, |sum, it| sum.saturating_add(it.amount));
            assert_eq!(read.reserved(chain, token).unwrap(), promised, "{at}: {chain} {token}");
        }
    }
    assert_claims_summed(read, at);
    let open = read.exposures().unwrap();
    for adding in &open {
        let counted = Usage::against(adding, open.iter().copied());
        assert_eq!(read.usage(adding).unwrap(), counted, "{at}: against {adding:?}");
    }
}

fn assert_claims_summed(read: &ReadTx, at: &str) {
    let claims: Vec<_> = (0..ORDERS)
        .filter_map(|n| Some((order_id(n), read.claim(order_id(n)).unwrap()?)))
        .collect();
    for (token, maker) in (0..TOKENS).flat_map(|token| [(token, 0), (token, 1)]) {
        let (token, maker) = (address(token), address(maker));
        let of = |contract: Option<Address>| {
            let counted = claims.iter().filter(|(order, claim)| {
                (claim.token, claim.maker) == (token, maker)
                    && contract.is_none_or(|contract| contract == order.contract)
            });
            counted.fold(U256::ZERO, |sum, (_, claim)| sum.saturating_add(claim.amount))
        };
        let chain = order_id(0).chain;
        assert_eq!(read.claimed(chain, token, maker).unwrap(), of(None), "{at}: {token} {maker}");
        for contract in [order_id(0).contract, address(904)] {
            let through = read.claimed_through(chain, contract, token, maker).unwrap();
            assert_eq!(through, of(Some(contract)), "{at}: {token} {maker} through {contract}");
        }
    }
}

/// Writes each group in a transaction of its own until one fails.
fn run(disk: &CrashBackend, groups: &[Vec<Change>], mut committed: impl FnMut(&Store)) {
    let Ok(store) = Store::open(options(disk)) else { return };
    for group in groups {
        let attempt = || {
            let mut tx = store.write()?;
            group.iter().try_for_each(|change| apply(&mut tx, change))?;
            tx.commit()
        };
        if attempt().is_err() {
            return;
        }
        committed(&store);
    }
}

fn groups() -> impl Strategy<Value = Vec<Vec<Change>>> {
    prop::collection::vec(prop::collection::vec(changes(), 1..8), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn sums_are_what_a_scan_finds_after_every_transaction(groups in groups()) {
        run(&CrashBackend::new(), &groups, |store| {
            // What is dropped changes nothing.
            let mut dropped = store.write().unwrap();
            for change in groups.iter().flatten() {
                apply(&mut dropped, change).unwrap();
            }
            drop(dropped);
            assert_summed(&store.read().unwrap(), "committed");
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn sums_are_what_a_scan_finds_after_a_crash_at_any_operation(groups in groups()) {
        for side in [Side::Before, Side::After] {
            for operation in 1.. {
                let disk = CrashBackend::new();
                disk.crash_at(operation, side);
                run(&disk, &groups, |_| {});
                if !disk.has_crashed() {
                    break;
                }
                for image in [disk.synced_image(), disk.torn_image(operation)] {
                    let store = Store::open(options(&CrashBackend::from_image(image))).unwrap();
                    assert_summed(&store.read().unwrap(), &format!("{side:?} {operation}"));
                }
            }
        }
    }
}

#[test]
fn what_is_asked_for_an_order_reads_as_many_rows_whatever_is_open() {
    let exposure = Exposure {
        value: 1,
        token: (B, address(1)),
        source_token: (A, address(2)),
        maker: address(3),
        route: (A, B),
        factory: (B, address(4)),
    };
    let asked = |open: u64| {
        let store = memory();
        commit(&store, |tx| {
            for n in 0..open {
                tx.put_order_state(order_id(n), &state(Status::BothLocked)).unwrap();
                let (chain, token, amount) = (B, address(1), U256::ONE);
                tx.reserve(&Reservation { order: order_id(n), chain, token, amount }).unwrap();
                tx.set_exposure(order_id(n), Some(&exposure)).unwrap();
            }
        });
        let read = store.read().unwrap();
        let before = rows_read();
        assert_eq!(read.orders_in(Status::BothLocked).unwrap(), open);
        assert_eq!(read.reserved(B, address(1)).unwrap(), U256::from(open));
        assert_eq!(read.usage(&exposure).unwrap().maker, u128::from(open));
        rows_read() - before
    };
    assert_eq!(asked(1), asked(500));
}

/// For a file whose sums were made from its rows.
pub(super) fn assert_counted(store: &Store) {
    assert_summed(&store.read().unwrap(), "counted");
}
