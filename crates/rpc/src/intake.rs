//! What the handlers need from the node besides the store.

use alloy::primitives::{Address, B256, U256};
use async_trait::async_trait;
use bmn_chain::{ChainError, MinedCall, RawReceipts};
use bmn_primitives::{ChainId, Dialect, ErrorClass, Hashlock, OrderId, Secret};
use bmn_swap::{Decision, FactoryTerms, Profit, Refusal, SignedOrder};
use std::time::Duration;

/// What an order file says about its own order. Whoever identifies the order must compare: a file
/// that contradicts itself was put together from two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Claims {
    /// EIP-712 digest.
    pub order_hash: Option<B256>,
    /// Hash of the secret.
    pub hashlock: Option<B256>,
    /// Destination chain id.
    pub destination_chain: Option<u64>,
}

impl Claims {
    /// Compares with the order as it was read.
    ///
    /// # Errors
    /// [`IntakeError::Claim`] names the first field that differs.
    pub fn check(
        &self,
        order: OrderId,
        hashlock: Hashlock,
        destination: ChainId,
    ) -> Result<(), IntakeError> {
        let differs = |claimed: bool, field, found: String| {
            if claimed { Err(IntakeError::Claim { field, found }) } else { Ok(()) }
        };
        let (hash, lock) = (order.hash.0, hashlock.0);
        differs(self.order_hash.is_some_and(|c| c != hash), "orderHash", hash.to_string())?;
        differs(self.hashlock.is_some_and(|c| c != lock), "hashlock", lock.to_string())?;
        let wrong_chain = self.destination_chain.is_some_and(|c| c != destination.0);
        differs(wrong_chain, "dstChainId", destination.to_string())
    }
}

/// An order as it was handed in: well formed, not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmittedOrder {
    /// Source chain.
    pub chain: ChainId,
    /// Order, extension and signature.
    pub signed: SignedOrder,
    /// What the file says about it; to be checked with [`Claims::check`].
    pub claims: Claims,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// Its identity.
    pub order: OrderId,
    /// Hash of its secret.
    pub hashlock: Hashlock,
    /// What was decided, now or when it was handed in before.
    pub decision: Decision,
    /// What it earns; none where it could not be valued.
    pub profit: Option<Profit>,
}

/// Why the node did not take something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// The order cannot be read far enough to have an identity. Nothing was stored.
    #[error("the order cannot be read")]
    Unreadable(Vec<Refusal>),
    /// The file says something else about its order than the order does.
    #[error("`{field}`: expected {found}, which is what the order itself says")]
    Claim {
        /// Field of the file.
        field: &'static str,
        /// What the order says.
        found: String,
    },
    /// The node is not acting; why, in words for everybody.
    #[error("the node is not acting: {0}")]
    NotActing(String),
    /// A chain or the store did not answer; trying again may help. The words are for the log.
    #[error("not available now: {0}")]
    Unavailable(String),
    /// The node failed. The words are for the log.
    #[error("{0}")]
    Internal(String),
}

impl IntakeError {
    /// Whether handing it in again may help.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Unreadable(_) | Self::Claim { .. } => ErrorClass::Permanent,
            Self::NotActing(_) | Self::Unavailable(_) | Self::Internal(_) => ErrorClass::Transient,
        }
    }
}

/// The chains' own bytes, for proofs.
#[async_trait]
pub trait ReceiptSource: Send + Sync {
    /// Header and receipts of a canonical block; none when it is not canonical (any more).
    ///
    /// # Errors
    /// As [`bmn_chain::ChainClient::block_receipts`]; [`ChainError::Unavailable`] for a chain that is not
    /// served.
    async fn block_receipts(
        &self,
        chain: ChainId,
        block: B256,
    ) -> Result<Option<RawReceipts>, ChainError>;

    /// What a mined transaction called; none where that cannot be said. No proof: whoever reads it checks what
    /// it gives.
    ///
    /// # Errors
    /// As [`bmn_chain::ChainClient::mined_call`].
    async fn mined_call(&self, _: ChainId, _: B256) -> Result<Option<MinedCall>, ChainError> {
        Ok(None)
    }

    /// The terms of a believed factory; none of any other.
    fn factory(&self, _: ChainId, _: Address) -> Option<FactoryTerms> {
        None
    }
}

/// Takes orders and secrets.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Judges and stores an order. The same order again answers the same.
    ///
    /// # Errors
    /// See [`IntakeError`]. A refusal is an answer, not an error.
    async fn submit_order(&self, order: SubmittedOrder) -> Result<Submitted, IntakeError>;

    /// Seals a secret that opens the hashlock of `orders` (at least one). The same secret again
    /// changes nothing. Must not log, store in the clear or repeat it.
    ///
    /// # Errors
    /// See [`IntakeError`].
    async fn submit_secret(&self, secret: Secret, orders: &[OrderId]) -> Result<(), IntakeError>;
}

/// A chain the node serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedChain {
    /// Chain id.
    pub id: ChainId,
    /// Name in its specification.
    pub name: String,
    /// Blocks on top of a block before money follows it.
    pub confirmations: u64,
    /// Our account there.
    pub account: Address,
    /// Believed factories: address, dialect, limit-order contract.
    pub factories: Vec<(Address, Dialect, Address)>,
}

/// What is traded for what, wherever it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// Source chain, token and amount in its smallest unit.
    pub source: (ChainId, Address, U256),
    /// Destination chain, token and amount in its smallest unit.
    pub destination: (ChainId, Address, U256),
    /// Safety deposit of the destination escrow, wei.
    pub deposit: U256,
}

/// Whether a node acts on its chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acting {
    /// On every one.
    Everywhere,
    /// Not on every one yet: an index does not show the newest blocks.
    Behind,
    /// On none, as it is told to.
    IndexOnly,
    /// On none, and it waits for its operator.
    Halted,
}

/// What only the running node knows about itself.
pub trait NodeView: Send + Sync {
    /// Version for people.
    fn version(&self) -> String;

    /// How long the node has been up.
    fn uptime(&self) -> Duration;

    /// Why the node is not acting, in words for everybody: they name no host. None while it is.
    fn not_acting(&self) -> Option<String>;

    /// Whether it acts; what [`not_acting`](Self::not_acting) gives reasons for.
    fn acting(&self) -> Acting {
        if self.not_acting().is_some() { Acting::Halted } else { Acting::Everywhere }
    }

    /// Every configured chain, by id.
    fn chains(&self) -> Vec<ServedChain>;

    /// How long due actions waited until their transactions were accepted, oldest first; none where that is not measured.
    fn latencies(&self) -> Vec<Duration> {
        Vec::new()
    }

    /// What a trade earns at the configured prices, with these base fees of the source and the
    /// destination chain in wei per gas; none where a chain or a token is not configured.
    fn profit(&self, trade: &Trade, base_fees: (u128, u128)) -> Option<Profit>;
}
