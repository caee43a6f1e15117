//! What the jobs stand on.

use alloy::primitives::{Address, U256};
use bmn_chain::{CallOutcome, CallRequest, ChainClient, ChainError};
use bmn_config::{ChainSpec, Upkeep as UpkeepConfig};
use bmn_contracts::calldata;
use bmn_node::ResolverHandle;
use bmn_primitives::ChainId;
use bmn_queue::{QueueError, Rules};
use bmn_records::{Records, RecordsError};
use bmn_rpc::BmnRpc;
use bmn_scheduler::JobError;
use bmn_store::{Store, StoreError};
use parking_lot::Mutex;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// What every job is given; clones are the same.
#[derive(Clone)]
pub struct Ground {
    /// The resolver that is looked after.
    pub resolver: ResolverHandle,
    /// Its answers: health and numbers.
    pub rpc: BmnRpc,
    /// The records beside the store.
    pub records: Records,
    /// The data directory: backups go below it where the configuration names no other place.
    pub directory: PathBuf,
    /// The operator's configuration of upkeep.
    pub config: Arc<UpkeepConfig>,
    /// The newest balances that were read.
    pub balances: Balances,
}

impl std::fmt::Debug for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground").field("resolver", &self.resolver).finish_non_exhaustive()
    }
}

/// A balance of our account, as a job read it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Chain.
    pub chain: ChainId,
    /// Token; zero is the coin.
    pub token: Address,
    /// Its ticker.
    pub symbol: String,
    /// Smallest unit.
    pub amount: U256,
    /// Less is too little, smallest unit; none when it is not watched.
    pub threshold: Option<u128>,
    /// When it was read, milliseconds since 1970.
    pub at_ms: u64,
}

impl Balance {
    /// True when it is below its threshold.
    pub fn is_low(&self) -> bool {
        self.threshold.is_some_and(|least| self.amount < U256::from(least))
    }
}

/// The newest balances, by chain and token.
#[derive(Debug, Clone, Default)]
pub struct Balances(Arc<Mutex<BTreeMap<(ChainId, Address), Balance>>>);

impl Balances {
    /// All of them.
    pub fn all(&self) -> Vec<Balance> {
        self.0.lock().values().cloned().collect()
    }

    /// Notes one; the one before it.
    pub(crate) fn note(&self, balance: Balance) -> Option<Balance> {
        self.0.lock().insert((balance.chain, balance.token), balance)
    }
}

/// A balance with a threshold, whether it was read or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Chain.
    pub chain: ChainId,
    /// Token; zero is the coin.
    pub token: Address,
    /// Its ticker.
    pub symbol: String,
}

/// The coin and the listed tokens of a chain.
pub(crate) fn tokens_of(spec: &ChainSpec) -> impl Iterator<Item = (Address, String)> {
    let coin = (Address::ZERO, spec.native.symbol.clone());
    let tokens = spec.tokens.iter().filter(|token| !token.address.is_zero());
    std::iter::once(coin).chain(tokens.map(|token| (token.address, token.symbol.clone())))
}

impl Ground {
    /// What the configuration wants balances watched of; nothing where there is no account.
    pub fn expected_balances(&self) -> Vec<Expected> {
        if self.rules().us.is_zero() {
            return Vec::new();
        }
        let watched = |chain: ChainId, token: Address| {
            let named = (!token.is_zero()).then_some(token);
            self.config.balances.of(chain, named).is_some()
        };
        let of = |spec: &ChainSpec| {
            let chain = spec.chain_id;
            let tokens = tokens_of(spec).filter(|(token, _)| watched(chain, *token));
            tokens.map(|(token, symbol)| Expected { chain, token, symbol }).collect::<Vec<_>>()
        };
        self.chains().flat_map(|(spec, _)| of(spec)).collect()
    }

    pub(crate) fn store(&self) -> &Store {
        self.resolver.store()
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.resolver.rules()
    }

    pub(crate) fn chains(&self) -> impl Iterator<Item = (&ChainSpec, &Arc<dyn ChainClient>)> {
        let specs = self.resolver.specs().iter();
        specs.filter_map(|spec| Some((spec, self.resolver.client(spec.chain_id)?)))
    }
}

pub(crate) fn store(error: StoreError) -> JobError {
    JobError::of(error.class(), error)
}

pub(crate) fn queue(error: QueueError) -> JobError {
    JobError::of(error.class(), error)
}

pub(crate) fn records(error: RecordsError) -> JobError {
    JobError::of(error.class(), error)
}

/// Balance of a token, or of the coin for address zero, smallest unit. A token that does not answer like one is an
/// error: a missing value is no zero.
pub(crate) async fn balance_of(
    client: &dyn ChainClient,
    token: Address,
    account: Address,
) -> Result<U256, ChainError> {
    if token.is_zero() {
        return client.balance(account).await;
    }
    let data = calldata::balance_of(account);
    let call = CallRequest { to: token, data, ..CallRequest::default() };
    match client.call(&call).await? {
        CallOutcome::Success(word) if word.len() == 32 => Ok(U256::from_be_slice(&word)),
        _ => Err(ChainError::Unavailable {
            chain: client.chain_id(),
            reason: format!("{token} answers no balance"),
        }),
    }
}
