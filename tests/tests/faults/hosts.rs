//! Hosts, a disk and a signer that fail when they are told to.

use alloy::{
    consensus::TxEip1559,
    primitives::{Address, B256, Bytes, Signature, U256, keccak256},
    signers::Error as SignerError,
};
use async_trait::async_trait;
use bmn_chain::{
    AccountSigner, CallOutcome, CallRequest, ChainClient, ChainError, ChainEvent, ChainSource,
    Fees, KnownBlocks, MinedCall, RawReceipts, SendRejection, Simulation, TxReceipt, TypedData,
};
use bmn_host_dev::{DevChain, DevSource};
use bmn_node::ResolverHandle;
use bmn_primitives::{BlockRef, ChainId};
use bmn_sim::accounts::DevAccount;
use bmn_store::{Mode, Reads, Store, testing::CrashBackend};
use redb::StorageBackend;
use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU8, Ordering},
    },
};

/// What a source answers instead of its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Source {
    #[default]
    Truth,
    /// Nothing, and the client does not either.
    Silent,
    /// It follows another chain.
    WrongChain,
    /// It knows of no new block.
    Lags,
    /// Blocks that contradict each other.
    Garbage,
    /// Its newest block, whatever lies between.
    SkipsBlocks,
    /// The newest block that we have, again.
    RepeatsBlocks,
    /// It was set back and has none of our blocks.
    SetBack,
    /// A mistake of ours while we follow.
    Panics,
}

/// What a host does beside what its chain would do.
#[derive(Default)]
pub(crate) struct Lines {
    pub(crate) source: Source,
    /// A mistake of ours while we act.
    pub(crate) client_panics: bool,
    /// The same while we look at a call in which this address stands.
    pub(crate) panics_on: Option<Address>,
    /// The same while we ask for our nonce; what the node said of itself at each of them.
    pub(crate) nonce_panics: Option<(ResolverHandle, Vec<Option<String>>)>,
    /// The mode that the chain's index is in at each send.
    pub(crate) sent_in: Option<(Store, Vec<Mode>)>,
    /// Sends that are acknowledged and forgotten.
    pub(crate) forgets: usize,
    /// Sends that are refused as too cheap.
    pub(crate) refuses: usize,
    /// The process dies once the next transaction is out.
    pub(crate) dies_after_send: Option<CrashBackend>,
}

#[derive(Clone, Default)]
pub(crate) struct Switch(Arc<Mutex<Lines>>);

impl Switch {
    pub(crate) fn lines(&self) -> MutexGuard<'_, Lines> {
        // A panic that was asked for is no reason to stop.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn answers(&self, chain: ChainId) -> Result<(), ChainError> {
        match self.lines().source {
            Source::Silent => {
                Err(ChainError::Unavailable { chain, reason: "connection refused".to_owned() })
            }
            _ => Ok(()),
        }
    }
}

pub(crate) struct FaultySource {
    pub(crate) inner: DevSource,
    pub(crate) chain: DevChain,
    pub(crate) switch: Switch,
}

impl FaultySource {
    fn block(&self, number: u64) -> Option<BlockRef> {
        Some(self.chain.block(number).expect("readable")?.block_ref())
    }
}

#[async_trait]
impl ChainSource for FaultySource {
    fn chain_id(&self) -> ChainId {
        self.inner.chain_id()
    }

    async fn next_event(
        &mut self,
        cursor: Option<BlockRef>,
        known: &dyn KnownBlocks,
        max_blocks: usize,
    ) -> Result<Option<ChainEvent>, ChainError> {
        let chain = self.chain_id();
        self.switch.answers(chain)?;
        let (source, head) = (self.switch.lines().source, self.chain.head().number);
        let at = cursor.map_or(0, |cursor| cursor.number);
        let cursor = match source {
            Source::Panics => panic!("a mistake of ours while following"),
            Source::Lags => return Ok(None),
            Source::WrongChain => {
                return Err(ChainError::WrongChain { expected: chain, found: ChainId(1) });
            }
            Source::Garbage => {
                let reason = "its block 7 has another parent than its block 6".to_owned();
                return Err(ChainError::Inconsistent { chain, reason });
            }
            Source::SetBack => {
                let genesis = BlockRef { number: 0, hash: B256::ZERO, time: 0 };
                return Err(ChainError::BeyondHistory { chain, cursor: genesis });
            }
            Source::SkipsBlocks if head > at + 1 => self.block(head - 1),
            Source::RepeatsBlocks if at > 1 => self.block(at - 1),
            _ => cursor,
        };
        let most = if source == Source::RepeatsBlocks { 1 } else { max_blocks };
        self.inner.next_event(cursor, known, most).await
    }

    async fn changed(&mut self) -> Result<(), ChainError> {
        self.inner.changed().await
    }

    async fn head(&self) -> Result<Option<BlockRef>, ChainError> {
        self.switch.answers(self.chain_id())?;
        match self.switch.lines().source {
            Source::SetBack => Ok(Some(BlockRef { number: 0, hash: B256::ZERO, time: 0 })),
            _ => Ok(Some(self.chain.head())),
        }
    }

    async fn finalized(&self) -> Result<Option<BlockRef>, ChainError> {
        self.switch.answers(self.chain_id())?;
        self.inner.finalized().await
    }

    fn acknowledge(&mut self, block: BlockRef) {
        self.inner.acknowledge(block);
    }
}

pub(crate) struct FaultyClient {
    pub(crate) inner: Arc<dyn ChainClient>,
    pub(crate) switch: Switch,
}

impl FaultyClient {
    fn asked(&self) -> Result<&dyn ChainClient, ChainError> {
        self.switch.answers(self.inner.chain_id())?;
        let panics = self.switch.lines().client_panics;
        assert!(!panics, "a mistake of ours while acting");
        Ok(&*self.inner)
    }
}

#[async_trait]
impl ChainClient for FaultyClient {
    fn chain_id(&self) -> ChainId {
        self.inner.chain_id()
    }

    async fn head(&self) -> Result<BlockRef, ChainError> {
        self.asked()?.head().await
    }

    async fn simulate(&self, call: &CallRequest) -> Result<Simulation, ChainError> {
        let on = self.switch.lines().panics_on;
        let holds = |it: Address| call.data.windows(20).any(|part| part == it.as_slice());
        assert!(!on.is_some_and(holds), "a mistake of ours: {}", crate::panics::WORDS);
        self.asked()?.simulate(call).await
    }

    async fn call(&self, call: &CallRequest) -> Result<CallOutcome, ChainError> {
        self.asked()?.call(call).await
    }

    async fn nonce(&self, account: Address) -> Result<u64, ChainError> {
        let panics = self.switch.lines().nonce_panics.as_mut().map(|(node, said)| {
            said.push(node.not_acting());
        });
        assert!(panics.is_none(), "a mistake of ours while acting");
        self.asked()?.nonce(account).await
    }

    async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        self.asked()?.balance(account).await
    }

    async fn code(&self, account: Address) -> Result<Bytes, ChainError> {
        self.asked()?.code(account).await
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        self.asked()?.fees().await
    }

    async fn send_raw(&self, raw: &Bytes) -> Result<B256, ChainError> {
        let dies = {
            let mut lines = self.switch.lines();
            if let Some((store, modes)) = &mut lines.sent_in {
                let read = store.read().expect("a snapshot");
                modes.push(read.cursor(self.inner.chain_id()).expect("a cursor").mode);
            }
            if lines.refuses > 0 {
                lines.refuses -= 1;
                let rejection = SendRejection::Underpriced;
                return Err(ChainError::Rejected { chain: self.chain_id(), rejection });
            }
            if lines.forgets > 0 {
                lines.forgets -= 1;
                return Ok(keccak256(raw));
            }
            lines.dies_after_send.take()
        };
        let sent = self.asked()?.send_raw(raw).await;
        if let Some(disk) = dies {
            disk.crash_now();
        }
        sent
    }

    async fn receipt(&self, tx_hash: B256) -> Result<Option<TxReceipt>, ChainError> {
        self.asked()?.receipt(tx_hash).await
    }

    async fn mined_call(&self, tx_hash: B256) -> Result<Option<MinedCall>, ChainError> {
        self.asked()?.mined_call(tx_hash).await
    }

    async fn block_receipts(&self, block: B256) -> Result<Option<RawReceipts>, ChainError> {
        self.asked()?.block_receipts(block).await
    }

    async fn pending_nonce(&self, account: Address) -> Result<u64, ChainError> {
        self.asked()?.pending_nonce(account).await
    }
}

/// How a disk refuses to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Refuses {
    Nothing,
    Full,
    ReadOnly,
    Everything,
}

/// A disk that can be full, read-only or broken. What was synced before stays.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    pub(crate) inner: CrashBackend,
    refuses: Arc<AtomicU8>,
}

impl Disk {
    pub(crate) fn over(inner: CrashBackend, refuses: Refuses) -> Self {
        Self { inner, refuses: Arc::new(AtomicU8::new(refuses as u8)) }
    }

    pub(crate) fn refuse(&self, what: Refuses) {
        self.refuses.store(what as u8, Ordering::Relaxed);
    }

    pub(crate) fn refuses(&self) -> Refuses {
        let all = [Refuses::Nothing, Refuses::Full, Refuses::ReadOnly, Refuses::Everything];
        all[usize::from(self.refuses.load(Ordering::Relaxed))]
    }

    fn may_write(&self) -> io::Result<()> {
        match self.refuses() {
            Refuses::Nothing => Ok(()),
            Refuses::Full => Err(io::ErrorKind::StorageFull.into()),
            Refuses::ReadOnly => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            Refuses::Everything => Err(io::Error::other("input/output error")),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.may_write()?;
        self.inner.set_len(len)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.may_write()?;
        self.inner.write(offset, data)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.may_write()?;
        self.inner.sync_data()
    }
}

/// What a signer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Signs {
    #[default]
    Well,
    /// It is away.
    Nothing,
    /// With a key of its own.
    AsAStranger,
}

/// A remote signer, as its client sees it.
#[derive(Clone, Default)]
pub(crate) struct RemoteSigner(pub(crate) Arc<Mutex<Signs>>);

impl RemoteSigner {
    fn key(&self) -> Result<DevAccount, SignerError> {
        match *self.0.lock().expect("nobody panics here") {
            Signs::Well => Ok(DevAccount::Resolver),
            Signs::AsAStranger => Ok(DevAccount::Griefer),
            Signs::Nothing => Err(SignerError::other("the signer does not answer")),
        }
    }
}

#[async_trait]
impl AccountSigner for RemoteSigner {
    fn account(&self) -> Address {
        DevAccount::Resolver.address()
    }

    async fn sign_tx(&self, tx: &TxEip1559) -> Result<Signature, SignerError> {
        AccountSigner::sign_tx(&self.key()?.signer(), tx).await
    }

    async fn sign_typed(&self, data: &TypedData) -> Result<Signature, SignerError> {
        AccountSigner::sign_typed(&self.key()?.signer(), data).await
    }
}
