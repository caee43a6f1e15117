//! Jobs that come due together are run together: as many durable commits as for one, and what befalls one
//! of them is no matter of the others (design rules M3, M6, M9).

use alloy::{
    consensus::TxEip1559,
    primitives::Signature,
    signers::{Error, local::PrivateKeySigner},
};
use async_trait::async_trait;
use bmn_chain::{AccountSigner, TypedData};
use bmn_executor::Account;
use bmn_primitives::ChainId;
use bmn_queue::{JobFilter, JobRow, StateKind, lease, list, park};
use bmn_sim::{accounts::DevAccount, scenario::Behaviour};
use bmn_store::{IntentRow, Reads, Store, testing::CrashBackend};
use bmn_swap::{Status, When};
use bmn_tests::{World, memory_store, swap};
use std::sync::{Arc, Mutex};

fn source(world: &World) -> ChainId {
    world.network.chains[0].id()
}

fn intents(world: &World) -> Vec<IntentRow> {
    let read = world.resolver.store().read().expect("a snapshot");
    read.intents(source(world)).expect("intents")
}

fn jobs(store: &Store, chain: ChainId, state: StateKind) -> Vec<JobRow> {
    let filter = JobFilter { chain: Some(chain), state: Some(state), order: None };
    list(&store.read().expect("a snapshot"), &filter, None, 100).expect("jobs")
}

/// A world in which so many fills are due and none was looked at.
async fn due(swaps: u32, disk: &CrashBackend, account: Option<Account>) -> World {
    let specs = (0..swaps).map(|index| swap(index, Behaviour::Honest)).collect();
    let store = memory_store(disk);
    let mut world = World::with_store(specs, store.clone()).await;
    if let Some(account) = account {
        world.restart_as(store, account);
    }
    world.resolver.run_until_idle().await.expect("it catches up");
    let World { makers, strangers, rpc, .. } = &mut world;
    for maker in makers {
        for _ in 0..4 {
            maker.act(strangers, &*rpc).await.expect("the order is handed in");
        }
    }
    let ready = jobs(world.resolver.store(), source(&world), StateKind::Ready);
    assert_eq!(ready.len(), swaps as usize);
    world
}

async fn acts(world: &mut World) {
    let chain = source(world);
    assert!(world.resolver.act(chain).await.expect("it acts"));
}

/// The nonces of what was sent, counted from the one that the chain waits for.
fn nonces(world: &World) -> Vec<u64> {
    let chain = &world.network.chains[0].chain;
    let consumed = chain.nonce(DevAccount::Resolver.address());
    intents(world).iter().map(|intent| intent.nonce - consumed).collect()
}

async fn completes(mut world: World) {
    assert!(world.run_to_end().await);
    for (order, status) in world.statuses() {
        assert_eq!(status, Status::Completed, "{order}");
    }
}

#[tokio::test]
async fn eight_jobs_due_at_once_cost_as_many_durable_commits_as_one() {
    let mut costs = Vec::new();
    for swaps in [1, 8] {
        let disk = CrashBackend::new();
        let mut world = due(swaps, &disk, None).await;
        let before = disk.operations();
        acts(&mut world).await;
        costs.push(disk.syncs_after(before).len());
        let expected: Vec<u64> = (0..u64::from(swaps)).collect();
        assert_eq!(nonces(&world), expected, "each has its intent");
        assert_eq!(world.network.chains[0].chain.pooled().len(), swaps as usize, "and is sent");
        completes(world).await;
    }
    assert_eq!(costs[0], costs[1], "{costs:?}");
    assert!(costs[0] <= 2, "one transaction, {} syncs", costs[0]);
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let mut world = due(13, &CrashBackend::new(), None).await;
    acts(&mut world).await;
    assert_eq!(intents(&world).len(), bmn_queue::MAX_LEASES);
    acts(&mut world).await;
    assert_eq!(intents(&world).len(), 13);
    completes(world).await;
}

/// Is told how many transactions were signed before.
type Trouble = Box<dyn FnMut(u64) -> Result<(), Error> + Send>;

/// Has its trouble before it signs.
struct Troubled {
    key: PrivateKeySigner,
    trouble: Mutex<(u64, Trouble)>,
}

#[async_trait]
impl AccountSigner for Troubled {
    fn account(&self) -> alloy::primitives::Address {
        self.key.address()
    }

    async fn sign_tx(&self, tx: &TxEip1559) -> Result<Signature, Error> {
        {
            let (asked, trouble) = &mut *self.trouble.lock().expect("not poisoned");
            *asked += 1;
            trouble(*asked - 1)?;
        }
        self.key.sign_tx(tx).await
    }

    async fn sign_typed(&self, data: &TypedData) -> Result<Signature, Error> {
        self.key.sign_typed(data).await
    }
}

fn troubled(trouble: impl FnMut(u64) -> Result<(), Error> + Send + 'static) -> Account {
    let trouble: Mutex<(u64, Trouble)> = Mutex::new((0, Box::new(trouble)));
    Account::new(Arc::new(Troubled { key: DevAccount::Resolver.signer(), trouble }))
}

#[tokio::test]
async fn a_signature_that_fails_stops_no_other_job_and_leaves_no_gap() {
    let away = || Err(Error::other("connection refused"));
    let account = troubled(move |asked| if asked == 2 { away() } else { Ok(()) });
    let mut world = due(5, &CrashBackend::new(), Some(account)).await;
    acts(&mut world).await;
    assert_eq!(nonces(&world), [0, 1, 2, 3]);
    let chain = source(&world);
    let waiting = jobs(world.resolver.store(), chain, StateKind::Waiting);
    let failed: Vec<_> = waiting.iter().filter_map(JobRow::last_error).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("signer failed"), "{failed:?}");
    completes(world).await;
}

#[tokio::test]
async fn a_lease_that_somebody_overtook_drops_its_own_job_alone() {
    let disk = CrashBackend::new();
    let place: Arc<Mutex<Option<(Store, ChainId)>>> = Arc::default();
    let taken: Arc<Mutex<Option<JobRow>>> = Arc::default();
    let (seen, kept) = (Arc::clone(&place), Arc::clone(&taken));
    let account = troubled(move |asked| {
        let place = seen.lock().expect("not poisoned");
        let (Some((store, chain)), 1) = (&*place, asked) else { return Ok(()) };
        // Another worker takes up one of the jobs that are being signed.
        let held = jobs(store, *chain, StateKind::Leased).remove(1);
        let mut tx = store.write().expect("the writer");
        park(&mut tx, &held.claim(), &When::Now).expect("handed back");
        let again = lease(&mut tx, *chain, store.epoch(), 0).expect("leased").expect("ready");
        assert_eq!(again.key, held.key);
        tx.commit().expect("committed");
        *kept.lock().expect("not poisoned") = Some(again);
        Ok(())
    });
    let mut world = due(5, &disk, Some(account)).await;
    *place.lock().expect("not poisoned") = Some((world.resolver.store().clone(), source(&world)));
    acts(&mut world).await;
    let taken = taken.lock().expect("not poisoned").take().expect("it was overtaken");
    assert_eq!(nonces(&world), [0, 1, 2, 3], "the others went out, without a gap");
    assert!(intents(&world).iter().all(|intent| intent.key != taken.key));
    let still = jobs(world.resolver.store(), source(&world), StateKind::Leased);
    assert_eq!(still, std::slice::from_ref(&taken), "and what overtook it holds its lease");

    let mut tx = world.resolver.store().write().expect("the writer");
    park(&mut tx, &taken.claim(), &When::Now).expect("handed back");
    tx.commit().expect("committed");
    completes(world).await;
}
