//! The keeper over two development chains with the contracts of 1inch: it finishes strangers' swaps for
//! their safety deposits, when that pays and when nothing of our own waits.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bed;
#[allow(dead_code, reason = "others need more of it")]
#[path = "../replay_bed/net.rs"]
mod net;

use alloy::primitives::{Address, U256};
use bed::{Bed, DST_DEPOSIT, KEEPER, SRC_DEPOSIT, limits};
use bmn_executor::KeeperLimits;
use bmn_host_dev::Replacement;
use bmn_primitives::{ChainId, Dialect, OrderHash, OrderId, Stage};
use bmn_queue::{JobFilter, list, reconcile};
use bmn_store::{KeepingReads, Reads};
use bmn_swap::{Action, ActionKey, Due, KeeperTerms, Status, Wake, When};
use net::{Actor, DST, SRC};

const DIALECTS: [Dialect; 2] = [Dialect::OneInch1, Dialect::OneInch2];

#[tokio::test]
async fn the_source_of_a_resolver_that_disappeared_after_paying_goes_to_him_and_its_deposit_to_us()
{
    for dialect in DIALECTS {
        let mut bed = Bed::new(dialect, Some(limits())).await;
        let swap = bed.swap().await;
        bed.resolver_pays_the_maker(&swap).await;
        let opens = swap.source.timelocks.at(Stage::SrcPublicWithdrawal);
        bed.until(opens - 3).await;
        assert_eq!(bed.sent(), 0, "not before its window");
        let (bob, us) = (bed.src.tokens(Actor::Bob.address()), bed.coins(KEEPER));
        bed.until(opens + 20).await;
        assert_eq!(bed.src.tokens(Actor::Bob.address()), bob + swap.source.amount);
        assert_eq!(bed.coins(KEEPER), us + U256::from(SRC_DEPOSIT) - bed.fees(&bed.src));
        assert_eq!(bed.rows(), [Status::Kept]);
        assert_eq!(bed.sent(), 1);
        bed.assert_nothing_left_to_do();
    }
}

#[tokio::test]
async fn a_source_that_both_abandoned_goes_back_to_its_maker_after_the_public_cancellation() {
    for dialect in DIALECTS {
        let mut bed = Bed::new(dialect, Some(limits())).await;
        let swap = bed.swap().await;
        let (alice, us) = (bed.src.tokens(Actor::Alice.address()), bed.coins(KEEPER));
        let opens = swap.source.timelocks.at(Stage::SrcPublicCancellation);
        bed.until(opens - 3).await;
        assert_eq!(bed.sent(), 0);
        bed.until(opens + 20).await;
        assert_eq!(bed.src.tokens(Actor::Alice.address()), alice + swap.source.amount);
        assert_eq!(bed.coins(KEEPER), us + U256::from(SRC_DEPOSIT) - bed.fees(&bed.src));
        assert_eq!(bed.rows(), [Status::Kept]);
        bed.assert_nothing_left_to_do();
    }
}

#[tokio::test]
async fn a_source_is_not_given_back_while_its_maker_may_still_be_paid() {
    let mut bed = Bed::new(Dialect::OneInch1, Some(limits())).await;
    let swap = bed.swap().await;
    // A destination that is made late stands long after the source's public cancellation.
    let cancels = swap.source.timelocks.at(Stage::SrcPublicCancellation);
    bed.until(cancels - 10).await;
    let late = bed.destination(&swap).await;
    bed.until(cancels + 60).await;
    assert_eq!((bed.sent(), bed.rows().len()), (0, 0));
    bed.until(late.timelocks.at(Stage::DstCancellation) + 60).await;
    assert_eq!(bed.sent(), 1, "the maker has his tokens back");
    assert_eq!(bed.rows(), [Status::Kept], "the destination is its own resolver's to take back");
}

#[tokio::test]
async fn a_destination_with_a_public_secret_is_paid_to_its_maker_for_the_deposit() {
    for dialect in DIALECTS {
        let mut bed = Bed::new(dialect, Some(limits())).await;
        let swap = bed.swap().await;
        let destination = bed.destination(&swap).await;
        bed.until(swap.source.timelocks.at(Stage::SrcWithdrawal) + 1).await;
        bed.withdraw(&bed.src, swap.source_escrow, &swap.secret, &swap.source);
        let (alice, us) = (bed.dst.tokens(Actor::Alice.address()), bed.dst.wei(KEEPER.address()));
        let opens = destination.timelocks.at(Stage::DstPublicWithdrawal);
        bed.until(opens - 3).await;
        assert_eq!(bed.sent(), 0);
        bed.until(opens + 20).await;
        assert_eq!(bed.dst.tokens(Actor::Alice.address()), alice + destination.amount);
        let won = us + U256::from(DST_DEPOSIT) - bed.fees(&bed.dst);
        assert_eq!(bed.dst.wei(KEEPER.address()), won);
        assert_eq!(bed.rows(), [Status::Kept]);
        bed.assert_nothing_left_to_do();
    }
}

async fn abandoned_under(limits: Option<KeeperLimits>) -> Bed {
    let mut bed = Bed::new(Dialect::OneInch1, limits).await;
    let swap = bed.swap().await;
    bed.until(swap.source.timelocks.at(Stage::SrcPublicCancellation) + 40).await;
    bed
}

#[tokio::test]
async fn nothing_is_sent_and_no_row_is_made_while_the_keeper_is_off() {
    let bed = abandoned_under(None).await;
    assert_eq!((bed.sent(), bed.rows().len()), (0, 0));
}

#[tokio::test]
async fn what_is_not_worth_its_gas_is_left_alone() {
    let terms = KeeperTerms { min_expected: 1_000_000_000, ..limits().terms };
    let bed = abandoned_under(Some(KeeperLimits { terms, ..limits() })).await;
    assert_eq!((bed.sent(), bed.rows().len()), (0, 0), "it would bring less than was asked");
    // A race that is nearly always lost costs more than the deposit brings.
    let terms = KeeperTerms { win_bps: 1, lost_gas: 1_000_000, ..limits().terms };
    let bed = abandoned_under(Some(KeeperLimits { terms, ..limits() })).await;
    assert_eq!((bed.sent(), bed.rows().len()), (0, 0));
}

#[tokio::test]
async fn an_account_without_the_access_token_sends_nothing() {
    let mut bed = Bed::of(Dialect::OneInch1, Some(limits()), Actor::Erin).await;
    let swap = bed.swap().await;
    bed.until(swap.source.timelocks.at(Stage::SrcPublicCancellation) + 40).await;
    assert_eq!((bed.src.chain.nonce(Actor::Erin.address()), bed.rows().len()), (0, 0));
}

#[tokio::test]
async fn the_gas_of_a_day_is_not_passed() {
    let bed = abandoned_under(Some(KeeperLimits { gas_per_day: 1_000, ..limits() })).await;
    assert_eq!((bed.sent(), bed.rows()), (0, vec![Status::Watched]));
    let why = bed.reasons();
    assert!(why.iter().any(|why| why.contains("1000 wei are left of the day's gas")), "{why:?}");
}

#[tokio::test]
async fn our_own_work_goes_first() {
    let mut bed = Bed::new(Dialect::OneInch1, Some(limits())).await;
    let swap = bed.swap().await;
    bed.until(swap.source.timelocks.at(Stage::SrcPublicCancellation) - 20).await;
    let chain = ChainId(SRC);
    let order =
        OrderId { chain, contract: Address::repeat_byte(9), hash: OrderHash::default(), leaf: 0 };
    let key = ActionKey { order, action: Action::WithdrawSource, chain, escrow: Address::ZERO };
    // A job of ours that is always due in four blocks.
    for _ in 0..40 {
        let number = bed.src.chain.head().number + 4;
        let when = When::Wake(vec![Wake::Height { chain, number }]);
        bed.write(|tx| reconcile(tx, order, &[Due { key, when }], |_| None).map(|_| ()).unwrap());
        bed.step().await;
    }
    assert_eq!((bed.sent(), bed.rows()), (0, vec![Status::Watched]));
    let why = bed.reasons();
    assert!(why.iter().any(|why| why.contains("a job of our own is due")), "{why:?}");
    bed.write(|tx| reconcile(tx, order, &[], |_| None).map(|_| ()).unwrap());
    for _ in 0..10 {
        bed.step().await;
    }
    assert_eq!((bed.sent(), bed.rows()), (1, vec![Status::Kept]));
}

#[tokio::test]
async fn a_lost_race_costs_no_more_than_was_reckoned_with_and_is_run_once() {
    let mut bed = Bed::new(Dialect::OneInch1, Some(limits())).await;
    let swap = bed.swap().await;
    bed.until_pooled(swap.source.timelocks.at(Stage::SrcPublicCancellation) + 40).await;
    let ours = bed.src.chain.pooled()[0].tx.clone();
    bed.src.chain.pool_drop(ours.hash()).unwrap();
    let before = bed.coins(KEEPER);
    // Alice holds the token, too, and is the first; ours is mined behind hers.
    bed.public_cancel(Actor::Alice, &swap);
    bed.src.chain.submit_raw(&ours.raw().clone()).unwrap();
    for _ in 0..12 {
        bed.step().await;
    }
    assert_eq!(bed.rows(), [Status::Released], "somebody else won");
    let lost = before - bed.coins(KEEPER);
    assert!(!lost.is_zero(), "it reverted on the chain");
    assert_eq!(lost, bed.fees(&bed.src));
    assert!(bed.gas_used(&bed.src) <= limits().terms.lost_gas);
    assert_eq!(bed.sent(), 1, "not tried again");
    let day = u32::try_from(bed.src.now() / 86_400).unwrap();
    let read = bed.store.read().unwrap();
    assert_eq!(read.spent(ChainId(SRC), day, Address::ZERO).unwrap(), lost);
    drop(read);
    bed.assert_nothing_left_to_do();
}

#[tokio::test]
async fn a_reorg_that_takes_our_transaction_back_has_it_mined_again() {
    let mut bed = Bed::new(Dialect::OneInch1, Some(limits())).await;
    let swap = bed.swap().await;
    let us = bed.coins(KEEPER);
    bed.until_pooled(swap.source.timelocks.at(Stage::SrcPublicCancellation) + 40).await;
    let ours = bed.src.chain.pooled()[0].tx.hash();
    bed.step().await;
    assert_eq!(bed.rows(), [Status::Kept]);
    let drop = [ours].into();
    bed.src.chain.reorg(1, &Replacement { drop, ..Replacement::default() }).unwrap();
    bed.settle().await;
    assert_eq!(bed.rows(), [Status::Watched], "its end is gone");
    for _ in 0..10 {
        bed.step().await;
    }
    assert_eq!(bed.rows(), [Status::Kept]);
    assert_eq!(bed.coins(KEEPER), us + U256::from(SRC_DEPOSIT) - bed.fees(&bed.src));
    bed.assert_nothing_left_to_do();
}

#[tokio::test]
async fn what_we_did_is_remembered_over_a_restart() {
    let mut bed = Bed::new(Dialect::OneInch2, Some(limits())).await;
    let swap = bed.swap().await;
    bed.until_pooled(swap.source.timelocks.at(Stage::SrcPublicCancellation) + 40).await;
    bed.restart(Some(limits()));
    for _ in 0..10 {
        bed.step().await;
    }
    assert_eq!((bed.sent(), bed.rows()), (1, vec![Status::Kept]));
    let read = bed.store.read().unwrap();
    let order = read.orders_by_status(Status::Kept, None, 1).unwrap()[0];
    assert_eq!(read.keeping(order).unwrap().ours.len(), 1);
    assert!(list(&read, &JobFilter::default(), None, 9).unwrap().is_empty());
    assert_eq!(read.intents(ChainId(DST)).unwrap().len(), 0);
}
