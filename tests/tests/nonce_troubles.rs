//! Design rules M3 and M6: whatever befalls a nonce, the swap goes on and nobody is asked.
//! A stuck, a dropped and a foreign transaction stand in `nonces_stay_dense.rs`, too.

use alloy::{
    consensus::Transaction,
    primitives::{Address, B256, Bytes, U256, keccak256},
};
use async_trait::async_trait;
use bmn_chain::{
    CallOutcome, CallRequest, ChainClient, ChainError, Fees, RawReceipts, SendRejection,
    Simulation, TxReceipt,
};
use bmn_host_dev::{DevChain, Replacement};
use bmn_node::ChainHost;
use bmn_primitives::{BlockRef, ChainId};
use bmn_sim::{Payload, Sent, Wallet, accounts::DevAccount, scenario::Behaviour};
use bmn_store::{IntentRow, Reads};
use bmn_swap::{Action, Status};
use bmn_tests::{World, swap};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

/// What a host does beside what its chain would do.
#[derive(Clone, Default)]
struct Quirks(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    /// Sends that are acknowledged and forgotten.
    forgets: usize,
    /// Answers to sends that do not reach the chain.
    refuses: VecDeque<SendRejection>,
    /// Says that it knows what it just took.
    knows: bool,
    /// Gas estimates: percent of the right ones, or a number.
    gas: VecDeque<Gas>,
    /// Hashes that were handed to it, in order.
    handed: Vec<B256>,
}

enum Gas {
    Percent(u64),
    Exactly(u64),
}

impl Quirks {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().expect("not poisoned")
    }
}

struct Quirky {
    inner: Arc<dyn ChainClient>,
    quirks: Quirks,
}

#[async_trait]
impl ChainClient for Quirky {
    fn chain_id(&self) -> ChainId {
        self.inner.chain_id()
    }

    async fn head(&self) -> Result<BlockRef, ChainError> {
        self.inner.head().await
    }

    async fn simulate(&self, call: &CallRequest) -> Result<Simulation, ChainError> {
        let mut simulation = self.inner.simulate(call).await?;
        if let CallOutcome::Success(_) = simulation.outcome {
            match self.quirks.lines().gas.pop_front() {
                Some(Gas::Percent(percent)) => simulation.gas = simulation.gas * percent / 100,
                Some(Gas::Exactly(gas)) => simulation.gas = gas,
                None => {}
            }
        }
        Ok(simulation)
    }

    async fn call(&self, call: &CallRequest) -> Result<CallOutcome, ChainError> {
        self.inner.call(call).await
    }

    async fn nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.inner.nonce(account).await
    }

    async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        self.inner.balance(account).await
    }

    async fn code(&self, account: Address) -> Result<Bytes, ChainError> {
        self.inner.code(account).await
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        self.inner.fees().await
    }

    async fn send_raw(&self, raw: &Bytes) -> Result<B256, ChainError> {
        let hash = keccak256(raw);
        {
            let mut lines = self.quirks.lines();
            lines.handed.push(hash);
            if let Some(rejection) = lines.refuses.pop_front() {
                return Err(ChainError::Rejected { chain: self.chain_id(), rejection });
            }
            if lines.forgets > 0 {
                lines.forgets -= 1;
                return Ok(hash);
            }
        }
        let sent = self.inner.send_raw(raw).await?;
        if self.quirks.lines().knows {
            let rejection = SendRejection::AlreadyKnown;
            return Err(ChainError::Rejected { chain: self.chain_id(), rejection });
        }
        Ok(sent)
    }

    async fn receipt(&self, tx_hash: B256) -> Result<Option<TxReceipt>, ChainError> {
        self.inner.receipt(tx_hash).await
    }

    async fn mined_call(&self, tx_hash: B256) -> Result<Option<bmn_chain::MinedCall>, ChainError> {
        self.inner.mined_call(tx_hash).await
    }

    async fn block_receipts(&self, block: B256) -> Result<Option<RawReceipts>, ChainError> {
        self.inner.block_receipts(block).await
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.inner.pending_nonce(account).await
    }
}

fn us() -> Address {
    DevAccount::Resolver.address()
}

/// A world whose source chain answers with quirks. Nothing is sent yet.
async fn quirky(change: impl FnOnce(&mut Lines)) -> (World, Quirks) {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let quirks = Quirks::default();
    change(&mut quirks.lines());
    let first = world.network.chains[0].id();
    let store = world.resolver.store().clone();
    world.restart_over(store, |host| {
        if host.spec.chain_id != first {
            return host;
        }
        let client = Arc::new(Quirky { inner: host.client.clone(), quirks: quirks.clone() });
        ChainHost { client, ..host }
    });
    (world, quirks)
}

fn chain(world: &World, side: usize) -> &DevChain {
    &world.network.chains[side].chain
}

fn intents(world: &World, side: usize) -> Vec<IntentRow> {
    let read = world.resolver.store().read().expect("a snapshot");
    read.intents(world.network.chains[side].id()).expect("intents")
}

fn intent(world: &World, side: usize, action: Action) -> Option<IntentRow> {
    intents(world, side).into_iter().find(|intent| intent.key.action == action)
}

/// Our mined transactions of a chain: nonce, whether it had an effect.
fn mined(world: &World, side: usize) -> Vec<(u64, bool)> {
    let chain = chain(world, side);
    let blocks = (0..=chain.head().number).filter_map(|at| chain.block(at).expect("stored"));
    let ours = blocks.flat_map(|block| block.txs().to_vec()).filter(|tx| tx.sender() == us());
    ours.map(|tx| {
        let receipt = chain.receipt(tx.hash()).expect("stored").expect("mined");
        (tx.nonce(), receipt.success)
    })
    .collect()
}

/// Our transactions in the pool that call something.
fn calls(world: &World, side: usize) -> Vec<(B256, u64, u128)> {
    let pooled = chain(world, side).pooled().into_iter();
    pooled
        .filter(|it| it.tx.sender() == us() && !it.tx.envelope().input().is_empty())
        .map(|it| (it.tx.hash(), it.tx.nonce(), it.tx.envelope().max_fee_per_gas()))
        .collect()
}

/// Blocks of the source chain; the other one mines at its own pace.
async fn blocks(world: &mut World, count: u64) {
    let until = chain(world, 0).head().number + count;
    while chain(world, 0).head().number < until {
        world.mine();
        world.settle().await;
    }
}

/// The swap is completed, every nonce is used once and nothing is left to look after.
async fn completes(mut world: World) {
    assert!(world.run_to_end().await);
    assert_eq!(world.status(), Some(Status::Completed));
    blocks(&mut world, 20).await;
    for side in [0, 1] {
        let nonces: Vec<u64> = mined(&world, side).iter().map(|(nonce, _)| *nonce).collect();
        assert!(nonces.iter().copied().eq(0..nonces.len() as u64), "{nonces:?}");
        assert!(intents(&world, side).is_empty(), "everything is settled");
    }
}

/// Sends a transfer of nothing with our key behind our back.
async fn foreign(world: &World, side: usize) -> Sent {
    let client = world.network.chains[side].client.clone();
    let mut other = Wallet::open(DevAccount::Resolver.signer(), client).await.expect("a wallet");
    other.send(Payload::pay(us(), U256::ZERO)).await.expect("sent behind our back")
}

async fn until_intent(world: &mut World, side: usize, action: Action) -> IntentRow {
    let found = world.run_until(200, |world| intent(world, side, action).is_some()).await;
    assert!(found, "{action:?} is sent");
    intent(world, side, action).expect("it was there")
}

#[tokio::test]
async fn a_host_that_accepts_and_forgets_is_handed_the_same_bytes_until_they_are_mined() {
    let (mut world, quirks) = quirky(|lines| lines.forgets = 3).await;
    world.settle().await;
    let sent = until_intent(&mut world, 0, Action::Fill).await.sent;
    blocks(&mut world, 2).await;
    let handed = quirks.lines().handed.clone();
    assert!(handed.len() >= 3 && handed.iter().all(|hash| *hash == sent[0].hash), "{handed:?}");
    completes(world).await;
}

#[tokio::test]
async fn already_known_is_as_good_as_accepted() {
    let (mut world, _) = quirky(|lines| lines.knows = true).await;
    let fill = until_intent(&mut world, 0, Action::Fill).await;
    assert_eq!(calls(&world, 0)[0].0, fill.sent[0].hash);
    completes(world).await;
}

#[tokio::test]
async fn what_the_pool_calls_underpriced_is_raised_with_the_next_block_and_once_a_block() {
    for refusal in [SendRejection::ReplacementUnderpriced, SendRejection::Underpriced] {
        let (mut world, _) = quirky(|lines| lines.refuses = vec![refusal.clone(); 4].into()).await;
        let first = until_intent(&mut world, 0, Action::Fill).await;
        assert_eq!(first.sent.len(), 1, "refused at once, raised with the next block");
        blocks(&mut world, 1).await;
        let versions = intent(&world, 0, Action::Fill).map_or(0, |fill| fill.sent.len());
        assert_eq!(versions, 2, "{refusal:?}: one version for one block");
        completes(world).await;
    }
}

#[tokio::test]
async fn no_nonce_is_bid_for_twice_in_one_block() {
    let (mut world, quirks) = quirky(|_| {}).await;
    let fill = until_intent(&mut world, 0, Action::Fill).await;
    for _ in 0..12 {
        for (hash, ..) in calls(&world, 0) {
            chain(&world, 0).pool_hold(hash, u64::MAX).expect("pooled");
        }
        quirks.lines().refuses = vec![SendRejection::Underpriced; 9].into();
        blocks(&mut world, 1).await;
    }
    quirks.lines().refuses.clear();
    let sent = intent(&world, 0, Action::Fill).expect("still wanted").sent;
    assert!(sent.len() > 3, "it is raised");
    assert_eq!(sent[0], fill.sent[0]);
    let at: Vec<u64> = sent.iter().map(|version| version.at.number).collect();
    assert!(at.windows(2).all(|pair| pair[0] < pair[1]), "{at:?}");
    let raised = |pair: &[bmn_store::SentTx]| {
        pair[1].max_fee * 10 >= pair[0].max_fee * 11
            && pair[1].priority_fee * 10 >= pair[0].priority_fee * 11
    };
    assert!(sent.windows(2).all(raised), "a tenth on both fields: {sent:?}");
}

#[tokio::test]
async fn a_fee_below_the_base_fee_is_raised_until_it_is_mined() {
    let (mut world, _) = quirky(|_| {}).await;
    let fill = until_intent(&mut world, 0, Action::Fill).await;
    let base = u64::try_from(fill.sent[0].max_fee * 3).expect("a fee");
    for _ in 0..4 {
        chain(&world, 0).set_next_base_fee(base).expect("set");
        blocks(&mut world, 1).await;
    }
    let versions = intent(&world, 0, Action::Fill).map(|fill| fill.sent);
    let raised = versions.and_then(|sent| sent.last().copied());
    assert!(raised.is_none_or(|version| version.max_fee >= u128::from(base)), "{raised:?}");
    completes(world).await;
}

#[tokio::test]
async fn an_account_without_coin_waits_and_goes_on_when_it_has_some() {
    let (mut world, _) = quirky(|_| {}).await;
    let held = chain(&world, 0).balance(us());
    let fill = until_intent(&mut world, 0, Action::Fill).await;
    let hash = fill.sent[0].hash;
    chain(&world, 0).pool_drop(hash).expect("pooled");
    chain(&world, 0).set_balance(us(), U256::from(1)).expect("set");
    blocks(&mut world, 4).await;
    assert!(calls(&world, 0).is_empty(), "the pool refuses what cannot be paid");
    let sent = intent(&world, 0, Action::Fill).expect("it waits").sent;
    assert_eq!(sent.len(), 1, "what cannot be paid is not raised");
    chain(&world, 0).set_balance(us(), held).expect("set");
    completes(world).await;
}

#[tokio::test]
async fn what_runs_out_of_gas_on_chain_is_made_again_with_more() {
    let short = |lines: &mut Lines| lines.gas.extend((0..3).map(|_| Gas::Percent(60)));
    let (mut world, _) = quirky(short).await;
    assert!(world.run_until(200, |world| mined(world, 0).iter().any(|(_, effect)| !effect)).await);
    completes(world).await;
}

#[tokio::test]
async fn a_gas_limit_that_no_block_takes_is_taken_back_and_the_action_made_anew() {
    for gas in [1_000, 4_000_000_000] {
        let (world, quirks) = quirky(|lines| lines.gas.push_back(Gas::Exactly(gas))).await;
        completes(world).await;
        assert!(quirks.lines().gas.is_empty(), "the wrong limit was used");
    }
}

#[tokio::test]
async fn a_nonce_that_somebody_else_used_is_given_up_only_when_that_is_confirmed() {
    let (mut world, quirks) = quirky(|_| {}).await;
    let fill = until_intent(&mut world, 0, Action::Fill).await;
    chain(&world, 0).pool_drop(fill.sent[0].hash).expect("pooled");
    let theirs = foreign(&world, 0).await;
    assert_eq!(theirs.nonce, fill.nonce);
    let confirmations = world.network.chains[0].spec.confirmations;
    assert!(confirmations > 0, "there is something to wait for");
    let mined_in = |world: &World| chain(world, 0).receipt(theirs.hash).expect("readable");
    for _ in 0..50 {
        blocks(&mut world, 1).await;
        let Some(receipt) = mined_in(&world) else { continue };
        let above = chain(&world, 0).head().number - receipt.block.number;
        let again = quirks.lines().handed.iter().any(|hash| *hash != fill.sent[0].hash);
        if above < confirmations {
            assert!(!again, "the fill is not signed anew after {above} blocks");
            let row = intent(&world, 0, Action::Fill).expect("kept");
            assert!(row.notes.foreign.is_some(), "and the reason is written down");
        } else if again {
            break;
        }
    }
    completes(world).await;
}

#[tokio::test]
async fn a_foreign_transaction_that_a_reorg_takes_back_leaves_ours_as_it_was() {
    let (mut world, _) = quirky(|_| {}).await;
    let fill = until_intent(&mut world, 0, Action::Fill).await;
    chain(&world, 0).pool_drop(fill.sent[0].hash).expect("pooled");
    let theirs = foreign(&world, 0).await;
    while chain(&world, 0).receipt(theirs.hash).expect("readable").is_none() {
        blocks(&mut world, 1).await;
    }
    assert!(intent(&world, 0, Action::Fill).expect("kept").notes.foreign.is_some());
    let drop = BTreeSet::from([theirs.hash]);
    chain(&world, 0).reorg(1, &Replacement { drop, ..Replacement::default() }).expect("reorged");
    world.settle().await;
    assert_eq!(calls(&world, 0)[0].0, fill.sent[0].hash, "the same bytes are sent again");
    assert_eq!(intent(&world, 0, Action::Fill).expect("kept").notes.foreign, None);
    completes(world).await;
}

#[tokio::test]
async fn a_gap_below_our_nonce_is_closed_by_a_transfer_of_nothing() {
    let mut world = World::new(vec![swap(0, Behaviour::Honest)]).await;
    let theirs = foreign(&world, 0).await;
    chain(&world, 0).mine(None).expect("mined");
    let fill = until_intent(&mut world, 0, Action::Fill).await;
    assert_eq!(theirs.nonce + 1, fill.nonce);
    // A deep reorg takes the stranger's transaction away for ever: nobody holds its nonce now.
    let depth = chain(&world, 0).head().number
        - chain(&world, 0).receipt(theirs.hash).expect("readable").expect("mined").block.number
        + 1;
    let drop = BTreeSet::from([theirs.hash]);
    let replacement = Replacement { drop, ..Replacement::default() };
    chain(&world, 0).reorg(depth, &replacement).expect("reorged");
    assert_eq!(chain(&world, 0).nonce(us()), theirs.nonce);
    completes(world).await;
}

#[tokio::test]
async fn what_a_reorg_took_out_is_mined_again_with_its_nonce() {
    let (mut world, _) = quirky(|_| {}).await;
    let fill = until_intent(&mut world, 0, Action::Fill).await;
    let hash = fill.sent[0].hash;
    while chain(&world, 0).receipt(hash).expect("readable").is_none() {
        blocks(&mut world, 1).await;
    }
    let drop = BTreeSet::from([hash]);
    chain(&world, 0).reorg(1, &Replacement { drop, ..Replacement::default() }).expect("reorged");
    assert!(chain(&world, 0).receipt(hash).expect("readable").is_none());
    completes(world).await;
}
