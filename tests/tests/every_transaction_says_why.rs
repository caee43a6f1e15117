//! Every transaction carries the block that justified it, and goes when that block does; what takes a
//! risk stays below the day's caps; nothing is signed while the store is locked.

use alloy::{
    consensus::{Transaction, TxEip1559},
    primitives::{Address, Signature, U256},
    signers::{Error, local::PrivateKeySigner},
};
use async_trait::async_trait;
use bmn_chain::{AccountSigner, TypedData};
use bmn_executor::{Account, DailyCaps};
use bmn_host_dev::{DevChain, Replacement};
use bmn_sim::{accounts::DevAccount, scenario::Behaviour};
use bmn_store::{IntentRow, Reads, Store};
use bmn_swap::{Action, Status};
use bmn_tests::{World, swap};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

fn us() -> Address {
    DevAccount::Resolver.address()
}

fn chain(world: &World, side: usize) -> &DevChain {
    &world.network.chains[side].chain
}

fn store(world: &World) -> Store {
    world.resolver.store().clone()
}

fn intent(world: &World, side: usize, action: Action) -> Option<IntentRow> {
    let read = store(world).read().expect("a snapshot");
    let intents = read.intents(world.network.chains[side].id()).expect("intents");
    intents.into_iter().find(|intent| intent.key.action == action)
}

async fn until_intent(world: &mut World, side: usize, action: Action) -> IntentRow {
    let found = world.run_until(200, |world| intent(world, side, action).is_some()).await;
    assert!(found, "{action:?} is sent");
    intent(world, side, action).expect("it was there")
}

#[tokio::test]
async fn a_transaction_rests_on_the_block_of_the_leg_it_answers() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let fill = until_intent(&mut world, 0, Action::Fill).await.notes.because.expect("why");
    assert_eq!(fill.chain, world.network.chains[0].id());
    let funding = until_intent(&mut world, 1, Action::FundDestination).await;
    let read = store(&world).read().expect("a snapshot");
    let source = read.order_state(funding.key.order).expect("readable").expect("known").source;
    let source = source.expect("a source escrow");
    let leg = read.source_leg(source).expect("readable").expect("a leg");
    let because = funding.notes.because.expect("why");
    assert_eq!((because.chain, because.block), (source.chain, leg.created.block));
}

#[tokio::test]
async fn a_funding_is_taken_back_in_the_pass_that_sees_its_source_reverted() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let fill = until_intent(&mut world, 0, Action::Fill).await.sent[0].hash;
    let funding = until_intent(&mut world, 1, Action::FundDestination).await;
    chain(&world, 1).pool_hold(funding.sent[0].hash, u64::MAX).expect("pooled");
    // The source comes back in another block: it counts anew, and is not confirmed yet.
    let mined = chain(&world, 0).receipt(fill).expect("readable").expect("mined").block.number;
    let depth = chain(&world, 0).head().number - mined + 1;
    let delay = BTreeSet::from([fill]);
    let replacement = Replacement { delay, ..Replacement::default() };
    chain(&world, 0).reorg(depth, &replacement).expect("reorged");
    let before = chain(&world, 1).head().number;
    while chain(&world, 1).head().number == before {
        world.mine();
        world.settle().await;
    }
    let row = intent(&world, 1, Action::FundDestination).expect("its nonce is not settled");
    assert!(row.filler, "{row:?}");
    let pooled = chain(&world, 1).pooled();
    let ours = pooled.iter().filter(|it| it.tx.sender() == us() && it.tx.nonce() == funding.nonce);
    let inputs: Vec<usize> = ours.map(|it| it.tx.envelope().input().len()).collect();
    assert_eq!(inputs, [0], "nothing but its nonce is left of it");
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed), "and it is funded again");
}

#[tokio::test]
async fn a_funding_is_taken_back_before_its_own_chain_has_another_block() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let fill = until_intent(&mut world, 0, Action::Fill).await.sent[0].hash;
    let funding = until_intent(&mut world, 1, Action::FundDestination).await;
    chain(&world, 1).pool_hold(funding.sent[0].hash, u64::MAX).expect("pooled");
    let mined = chain(&world, 0).receipt(fill).expect("readable").expect("mined").block.number;
    let depth = chain(&world, 0).head().number - mined + 1;
    let delay = BTreeSet::from([fill]);
    let before = chain(&world, 1).head();
    chain(&world, 0)
        .reorg(depth, &Replacement { delay, ..Replacement::default() })
        .expect("reorged");
    world.settle().await;
    assert_eq!(chain(&world, 1).head(), before, "nothing was mined there");
    let row = intent(&world, 1, Action::FundDestination).expect("its nonce is not settled");
    assert!(row.filler, "{row:?}");
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed), "and it is funded again");
}

#[tokio::test]
async fn a_fill_outlives_the_head_it_was_sent_on_and_rests_on_a_new_one() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    world.mine();
    world.mine();
    let fill = until_intent(&mut world, 0, Action::Fill).await;
    chain(&world, 0).pool_hold(fill.sent[0].hash, u64::MAX).expect("pooled");
    let times = bmn_host_dev::ReplacementTimes::Shift(1);
    chain(&world, 0).reorg(1, &Replacement { times, ..Replacement::default() }).expect("reorged");
    world.settle().await;
    let row = intent(&world, 0, Action::Fill).expect("still wanted");
    assert!(!row.filler);
    assert_eq!(row.sent[0], fill.sent[0], "the same bytes");
    assert_ne!(row.notes.because, fill.notes.because, "for another block");
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
}

fn capped(world: &World, caps: &[(usize, Address, u64)]) -> Account {
    let caps = caps.iter().fold(DailyCaps::none(), |caps, (side, token, most)| {
        caps.with(world.network.chains[*side].id(), *token, U256::from(*most))
    });
    Account::from(DevAccount::Resolver.signer()).with_caps(caps)
}

#[tokio::test]
async fn a_days_cap_puts_a_fill_off_with_its_reason_and_nothing_is_sent() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let account = capped(&world, &[(0, Address::ZERO, 1_000)]);
    let kept = store(&world);
    world.restart_as(kept, account);
    for _ in 0..6 {
        world.settle().await;
        world.mine();
    }
    assert_eq!(world.status(), Some(Status::Accepted));
    assert!(chain(&world, 0).pooled().is_empty() && intent(&world, 0, Action::Fill).is_none());
    let read = store(&world).read().expect("a snapshot");
    let jobs = bmn_queue::list(&read, &bmn_queue::JobFilter::default(), None, 10).expect("jobs");
    let reason = jobs.iter().find_map(|job| job.last_error().map(str::to_owned)).expect("a reason");
    assert!(reason.contains("cap of 1000 (coin)"), "{reason}");
    // Without the cap it goes on.
    let kept = store(&world);
    let account = capped(&world, &[]);
    world.restart_as(kept, account);
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
}

#[tokio::test]
async fn gas_above_the_operators_most_puts_a_fill_off() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let kept = store(&world);
    let account = Account::from(DevAccount::Resolver.signer()).with_max_fee(1);
    world.restart_as(kept, account);
    for _ in 0..4 {
        world.settle().await;
        world.mine();
    }
    assert_eq!(world.status(), Some(Status::Accepted));
    assert!(chain(&world, 0).pooled().is_empty() && intent(&world, 0, Action::Fill).is_none());
    let read = store(&world).read().expect("a snapshot");
    let jobs = bmn_queue::list(&read, &bmn_queue::JobFilter::default(), None, 10).expect("jobs");
    let reason = jobs.iter().find_map(|job| job.last_error().map(str::to_owned)).expect("a reason");
    assert!(reason.contains("the operator's most is 1"), "{reason}");
}

#[tokio::test]
async fn no_cap_stops_a_way_out() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    assert!(world.run_until(200, |world| world.status() == Some(Status::BothLocked)).await);
    // Not a wei may be spent from here on.
    let zero = [0, 1].map(|side| (side, Address::ZERO, 0));
    let account = capped(&world, &zero);
    let kept = store(&world);
    world.restart_as(kept, account);
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed), "both withdrawals went out");
}

#[tokio::test]
async fn what_a_day_spends_is_what_the_chain_took_once_everything_is_settled() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let before = [0, 1].map(|side| chain(&world, side).balance(us()));
    let start = [0, 1].map(|side| chain(&world, side).head().time);
    assert!(world.run_until(300, |world| world.status() == Some(Status::BothLocked)).await);
    let settled = |world: &World| intent(world, 1, Action::FundDestination).is_none();
    assert!(world.run_until(50, settled).await);
    let read = store(&world).read().expect("a snapshot");
    for side in [0, 1] {
        let id = world.network.chains[side].id();
        let days = start[side] / 86_400..=chain(&world, side).head().time / 86_400;
        let spent = days
            .map(|day| read.spent(id, u32::try_from(day).expect("a day"), Address::ZERO))
            .map(|sum| sum.expect("readable"))
            .fold(U256::ZERO, |sum, day| sum + day);
        let left = chain(&world, side).balance(us());
        assert_eq!(spent, before[side] - left, "chain {side}");
        assert!(spent > U256::ZERO);
    }
}

/// Signs only while the store can be written by somebody else.
struct Patient {
    key: PrivateKeySigner,
    store: Store,
    signed: AtomicUsize,
}

impl Patient {
    async fn check(&self) {
        let store = self.store.clone();
        let write = tokio::task::spawn_blocking(move || store.write().map(drop).is_ok());
        let free = tokio::time::timeout(Duration::from_secs(20), write).await;
        assert!(matches!(free, Ok(Ok(true))), "the store was locked while something was signed");
        self.signed.fetch_add(1, Ordering::Relaxed);
    }
}

struct Shared(Arc<Patient>);

#[async_trait]
impl AccountSigner for Shared {
    fn account(&self) -> Address {
        self.0.key.address()
    }

    async fn sign_tx(&self, tx: &TxEip1559) -> Result<Signature, Error> {
        self.0.check().await;
        self.0.key.sign_tx(tx).await
    }

    async fn sign_typed(&self, data: &TypedData) -> Result<Signature, Error> {
        self.0.check().await;
        self.0.key.sign_typed(data).await
    }
}

#[tokio::test]
async fn nothing_is_signed_while_the_store_is_locked() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let kept = store(&world);
    let patient = Arc::new(Patient {
        key: DevAccount::Resolver.signer(),
        store: kept.clone(),
        signed: AtomicUsize::new(0),
    });
    world.restart_as(kept, Account::new(Arc::new(Shared(Arc::clone(&patient)))));
    // One replacement, too.
    let fill = until_intent(&mut world, 0, Action::Fill).await;
    chain(&world, 0).pool_hold(fill.sent[0].hash, u64::MAX).expect("pooled");
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
    let signed = patient.signed.load(Ordering::Relaxed);
    assert!(signed >= 6, "fill, again, funding, permission, two withdrawals: {signed}");
}

/// Fails so often, then signs.
struct Away {
    key: PrivateKeySigner,
    failures: AtomicUsize,
}

#[async_trait]
impl AccountSigner for Away {
    fn account(&self) -> Address {
        self.key.address()
    }

    async fn sign_tx(&self, tx: &TxEip1559) -> Result<Signature, Error> {
        let left = |left: usize| left.checked_sub(1);
        if self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok() {
            return Err(Error::other("connection refused"));
        }
        self.key.sign_tx(tx).await
    }

    async fn sign_typed(&self, data: &TypedData) -> Result<Signature, Error> {
        self.key.sign_typed(data).await
    }
}

#[tokio::test]
async fn a_signer_that_is_away_is_waited_for() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let away = Away { key: DevAccount::Resolver.signer(), failures: AtomicUsize::new(5) };
    let kept = store(&world);
    world.restart_as(kept, Account::new(Arc::new(away)));
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
}
