//! Two development chains with contracts and funded accounts.

mod contracts;
mod funding;
mod genesis;
mod service;

pub use contracts::{DevOwners, dev_contract_code, dev_contract_name};
pub use funding::MakerFunds;
pub(crate) use funding::{fund_griefer, whole};
pub use genesis::dev_genesis;
pub use service::{Beside, ChainEndpoint, Endpoints, ServiceOptions, serve, serve_beside};

use crate::{SimError, accounts::DevAccount};
use alloy::primitives::{Address, U256};
use bmn_chain::{CallOutcome, CallRequest, ChainClient};
use bmn_config::{ChainSpec, dev_chains};
use bmn_contracts::calldata;
use bmn_host_dev::{DevChain, DevChainConfig};
use bmn_primitives::{ChainId, Dialect};
use std::{path::Path, sync::Arc};

/// Genesis balance of every well-known account, wei.
const GENESIS_BALANCE: u128 = 10_000_000_000_000_000_000_000;
/// Timestamp of both genesis blocks in simulations, unix seconds.
pub const SIMULATION_GENESIS: u64 = 1_760_000_000;

/// One chain of the network.
#[derive(Clone)]
pub struct NetworkChain {
    /// Its specification.
    pub spec: ChainSpec,
    /// The chain.
    pub chain: DevChain,
    /// Acts on it.
    pub client: Arc<dyn ChainClient>,
}

/// The development network.
#[derive(Clone)]
pub struct Network {
    /// Chain A and Chain B.
    pub chains: [NetworkChain; 2],
}

impl Network {
    /// Two fresh chains in memory.
    pub fn in_memory(genesis_time: u64) -> Result<Self, SimError> {
        Self::with(|spec| Ok(DevChain::new(chain_config(spec, genesis_time))))
    }

    /// Two fresh chains in memory that remember their newest blocks only.
    pub(crate) fn in_memory_keeping(
        genesis_time: u64,
        blocks: u64,
        states: u64,
    ) -> Result<Self, SimError> {
        let config = |spec: &ChainSpec| DevChainConfig {
            keep_blocks: Some(blocks),
            history: states,
            ..chain_config(spec, genesis_time)
        };
        Self::with(|spec| Ok(DevChain::new(config(spec))))
    }

    /// The chains in `directory`, created where there are none.
    pub fn open(directory: &Path, genesis_time: u64) -> Result<Self, SimError> {
        Self::with(|spec| {
            let path = directory.join(format!("chain-{}", spec.chain_id));
            let io = |source| SimError::Io { path: path.clone(), source };
            std::fs::create_dir_all(&path).map_err(io)?;
            Ok(DevChain::open(&path, chain_config(spec, genesis_time))?)
        })
    }

    fn with(
        mut make: impl FnMut(&ChainSpec) -> Result<DevChain, SimError>,
    ) -> Result<Self, SimError> {
        let [a, b] = dev_chains()?;
        let mut node = |spec: ChainSpec| -> Result<NetworkChain, SimError> {
            let chain = make(&spec)?;
            let client = Arc::new(chain.client());
            Ok(NetworkChain { spec, chain, client })
        };
        Ok(Self { chains: [node(a)?, node(b)?] })
    }

    /// Makes both specifications plan with clocks that differ by at least so many seconds.
    pub fn allow_skew(&mut self, seconds: u64) {
        for node in &mut self.chains {
            node.spec.max_clock_skew_secs = node.spec.max_clock_skew_secs.max(seconds);
        }
    }

    /// The chain with an id.
    pub fn chain(&self, id: ChainId) -> Option<&NetworkChain> {
        self.chains.iter().find(|chain| chain.spec.chain_id == id)
    }

    /// Deploys what is missing, whitelists and funds the resolver. Harmless when done before.
    pub async fn set_up(&self) -> Result<(), SimError> {
        for chain in &self.chains {
            contracts::deploy(chain).await?;
            funding::fund_resolver(chain).await?;
        }
        Ok(())
    }

    /// Gives the account that people try things out with its tokens and allowances. Harmless when done before.
    pub async fn fund_visitors(&self) -> Result<(), SimError> {
        for chain in &self.chains {
            funding::fund_visitor(chain).await?;
        }
        Ok(())
    }

    /// Gives each maker what he needs on both chains.
    pub async fn fund_makers(&self, makers: &[MakerFunds]) -> Result<(), SimError> {
        for chain in &self.chains {
            funding::fund_makers(chain, makers).await?;
        }
        Ok(())
    }

    /// Mines until every block so far is confirmed and both chains show one time. Answers it.
    pub fn settle(&self) -> Result<u64, SimError> {
        for node in &self.chains {
            for _ in 0..=node.spec.confirmations {
                node.chain.mine(None)?;
            }
        }
        let time = self.chains.iter().map(|node| node.chain.pending_time()).max();
        let time = time.unwrap_or_default();
        for node in &self.chains {
            node.chain.mine(Some(time))?;
        }
        Ok(time)
    }
}

impl NetworkChain {
    /// Chain id.
    pub const fn id(&self) -> ChainId {
        self.spec.chain_id
    }

    /// The factory whose escrows the swaps of a dialect use; the first one where it has none.
    pub fn factory(&self, dialect: Dialect) -> &bmn_config::FactorySpec {
        let found = self.spec.factories.iter().find(|factory| factory.dialect == dialect);
        found.unwrap_or(&self.spec.factories[0])
    }

    /// Balance of a token, or of the native coin for address zero, smallest unit.
    pub async fn balance_of(&self, token: Address, account: Address) -> Result<U256, SimError> {
        if token.is_zero() {
            return Ok(self.client.balance(account).await?);
        }
        self.read_word(token, calldata::balance_of(account)).await
    }

    /// Result of a view call that answers one word; zero when it reverts.
    pub async fn read_word(
        &self,
        to: Address,
        data: alloy::primitives::Bytes,
    ) -> Result<U256, SimError> {
        let call = CallRequest { to, data, ..CallRequest::default() };
        Ok(match self.client.call(&call).await? {
            CallOutcome::Success(word) if word.len() == 32 => U256::from_be_slice(&word),
            _ => U256::ZERO,
        })
    }

    /// Mines until nothing that can run waits in the pool.
    pub(crate) fn mine_pool(&self) -> Result<(), SimError> {
        while self.chain.pooled().iter().any(|pooled| pooled.executable) {
            self.chain.mine(None)?;
        }
        Ok(())
    }
}

fn chain_config(spec: &ChainSpec, genesis_time: u64) -> DevChainConfig {
    let account = |account: DevAccount| (account.address(), U256::from(GENESIS_BALANCE));
    DevChainConfig {
        chain_id: spec.chain_id,
        genesis_time,
        block_time: spec.block_time_secs,
        accounts: DevAccount::ALL.map(account).to_vec(),
        finality_depth: spec.finality_depth,
        ..DevChainConfig::default()
    }
}
