//! Orders and secrets from outside.

use crate::facts::{HostFacts, host_facts};
use alloy::primitives::{Address, U256};
use bmn_chain::{ChainClient, ChainError};
use bmn_primitives::{BlockRef, ChainId, ErrorClass, Hashlock, OrderId, Secret};
use bmn_queue::{QueueError, Rules, hashlock_is_taken, open_orders, refresh, reserve};
use bmn_rpc::IntakeError;
use bmn_store::{IndexReads, OrderState, Reads, Store, StoreError, WriteTx};
use bmn_swap::{
    Decision, Draft, Evidence, IntakeFacts, Order, Refusal, SignedOrder, admit_submitted,
    derive_status, read_submitted,
};
use std::{collections::BTreeMap, sync::Arc};

/// Accepted orders of one hashlock that a secret is brought to at once; there is never more than one.
const OF_ONE_HASHLOCK: usize = 16;

/// Why an order or a secret was not taken in at all. A refused order is taken in, with reasons.
#[derive(Debug, thiserror::Error)]
pub enum IntakeFailure {
    /// The order cannot be read.
    #[error("the order cannot be read: {0}")]
    Unreadable(Refusal),
    /// The order's file contradicts the order.
    #[error(transparent)]
    Claim(IntakeError),
    /// The chain is not configured.
    #[error("chain {0} is not configured")]
    UnknownChain(ChainId),
    /// The chain has not been indexed yet.
    #[error("chain {0} is not indexed yet; try again")]
    NotReady(ChainId),
    /// No order we know has this hashlock.
    #[error("no known order has hashlock {0}")]
    UnknownHashlock(Hashlock),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The job queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A host failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl IntakeFailure {
    /// Whether to try again.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unreadable(_)
            | Self::Claim(_)
            | Self::UnknownChain(_)
            | Self::UnknownHashlock(_) => ErrorClass::Permanent,
            Self::NotReady(_) => ErrorClass::Transient,
            Self::Store(error) => error.class(),
            Self::Queue(error) => error.class(),
            Self::Chain(error) => error.class(),
        }
    }
}

/// A secret that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretTaken {
    /// What it opens.
    pub hashlock: Hashlock,
    /// The orders it settles.
    pub orders: Vec<OrderId>,
}

/// Takes orders and secrets in.
#[derive(Clone)]
pub struct Intake {
    store: Store,
    rules: Arc<Rules>,
    clients: BTreeMap<ChainId, Arc<dyn ChainClient>>,
    /// Coins per chain that are never promised, wei.
    kept_back: BTreeMap<ChainId, U256>,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("us", &self.rules.us).finish_non_exhaustive()
    }
}

impl Intake {
    /// An intake over a store and the hosts' clients.
    pub const fn new(
        store: Store,
        rules: Arc<Rules>,
        clients: BTreeMap<ChainId, Arc<dyn ChainClient>>,
        kept_back: BTreeMap<ChainId, U256>,
    ) -> Self {
        Self { store, rules, clients, kept_back }
    }

    /// Judges and stores an order. The same order again answers what was decided the first time.
    /// `check` may still refuse what was read before anything is stored.
    ///
    /// # Errors
    /// [`IntakeFailure::Unreadable`] with the reason when the order has no meaning to us.
    pub async fn submit_order(
        &self,
        signed: SignedOrder,
        chain: ChainId,
        check: impl FnOnce(&Order) -> Result<(), IntakeError>,
    ) -> Result<Order, IntakeFailure> {
        let source = self.clients.get(&chain).ok_or(IntakeFailure::UnknownChain(chain))?;
        let head = self.head(chain)?;
        let draft = read_submitted(&signed, chain, head, &self.rules.terms())
            .map_err(IntakeFailure::Unreadable)?;
        check(draft.order()).map_err(IntakeFailure::Claim)?;
        if let Some(known) = self.store.read()?.order(draft.order().id)? {
            return Ok(known);
        }
        // A destination that is indexed between here and the decision releases its reservation while
        // the balance read here still holds it: the larger of both reservations counts.
        let promised = self.promised(draft.order())?;
        let destination = self.clients.get(&draft.order().destination_chain);
        let facts = host_facts(
            draft.order(),
            &signed,
            self.rules.us,
            &**source,
            destination.map(|client| &**client),
        )
        .await?;
        self.decide(&draft, &facts, promised)
    }

    fn head(&self, chain: ChainId) -> Result<BlockRef, IntakeFailure> {
        ready(&self.store.read()?, chain)
    }

    // What other orders change (reservations, hashlocks) is read inside the transaction that stores
    // this one, so that two orders never get the same balance (M7).
    fn decide(
        &self,
        draft: &Draft,
        facts: &HostFacts,
        promised: (U256, U256),
    ) -> Result<Order, IntakeFailure> {
        let mut tx = self.store.write()?;
        if let Some(known) = tx.order(draft.order().id)? {
            return Ok(known);
        }
        let facts = self.facts(&tx, draft.order(), facts, promised)?;
        let reasons = admit_submitted(draft, &facts, &self.rules.terms());
        // The order's identity does not cover the signature: kept under a bad one, an order could be
        // spoilt by whoever sees it first.
        let unsigned = |reason: &&Refusal| {
            matches!(reason, Refusal::BadSignature { .. } | Refusal::UnusableSignature(_))
        };
        if let Some(reason) = reasons.iter().find(unsigned) {
            return Err(IntakeFailure::Unreadable(reason.clone()));
        }
        let mut order = draft.order().clone();
        if reasons.is_empty() {
            reserve(&mut tx, &order)?;
        } else {
            order.decision = Decision::Refused(reasons);
        }
        let evidence = Evidence::default();
        let state = OrderState {
            status: derive_status(&order, None, None, &evidence),
            evidence,
            source: None,
            plan: None,
            permission: None,
        };
        tx.put_order(&order)?;
        tx.put_order_state(order.id, &state)?;
        refresh(&mut tx, order.id, &self.rules)?;
        tx.commit()?;
        Ok(order)
    }

    fn facts(
        &self,
        tx: &WriteTx,
        order: &Order,
        host: &HostFacts,
        promised: (U256, U256),
    ) -> Result<IntakeFacts, IntakeFailure> {
        let chain = order.destination_chain;
        let free = |held: U256, token: Address, before: U256| -> Result<U256, StoreError> {
            Ok(held.saturating_sub(tx.reserved(chain, token)?.max(before)))
        };
        let kept_back = self.kept_back.get(&chain).copied().unwrap_or_default();
        // A hashlock that another chain already shows must not look unused.
        for route in self.rules.routes.iter().filter(|route| route.chain != order.id.chain) {
            if !tx.cursor(route.chain)?.mode.is_current() {
                return Err(IntakeFailure::NotReady(route.chain));
            }
        }
        let source_head = ready(tx, order.id.chain)?;
        Ok(IntakeFacts {
            source_head,
            contract_signature: host.contract_signature,
            maker_balance: host.maker_balance,
            maker_allowance: host.maker_allowance,
            raw_remaining: host.raw_remaining,
            nonce_used: host.nonce_used,
            free_token: free(host.our_token, order.destination_token, promised.0)?,
            free_native: free(host.our_native, Address::ZERO, promised.1)?
                .saturating_sub(kept_back),
            gas_price: host.gas_price,
            open_orders: open_orders(tx)?,
            hashlock_used: self.hashlock_used(tx, order)?,
            order_known: tx
                .orders_by_hash_after(order.id.hash, None, 2)?
                .iter()
                .any(|id| *id != order.id),
        })
    }

    /// What is promised of the destination's token and coin.
    fn promised(&self, order: &Order) -> Result<(U256, U256), StoreError> {
        let read = self.store.read()?;
        let chain = order.destination_chain;
        Ok((read.reserved(chain, order.destination_token)?, read.reserved(chain, Address::ZERO)?))
    }

    fn hashlock_used(&self, tx: &WriteTx, order: &Order) -> Result<bool, QueueError> {
        if hashlock_is_taken(tx, order)? {
            return Ok(true);
        }
        for route in &self.rules.routes {
            if !tx.source_legs_by_hashlock(route.chain, order.hashlock, 1)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Checks, seals and stores a secret for whatever we settle with its hashlock.
    ///
    /// # Errors
    /// [`IntakeFailure::UnknownHashlock`] when it opens nothing we know. The secret itself is in no
    /// error.
    pub fn submit_secret(&self, secret: &Secret) -> Result<SecretTaken, IntakeFailure> {
        let hashlock = secret.hashlock();
        let mut tx = self.store.write()?;
        if tx.orders_by_hashlock_after(hashlock, None, 1)?.is_empty() {
            return Err(IntakeFailure::UnknownHashlock(hashlock));
        }
        tx.seal_secret(hashlock, secret)?;
        // A refused order needs no secret, and strangers make as many of one hashlock as they like.
        let orders = tx.accepted_by_hashlock(hashlock, OF_ONE_HASHLOCK)?;
        for order in &orders {
            refresh(&mut tx, *order, &self.rules)?;
        }
        tx.commit()?;
        Ok(SecretTaken { hashlock, orders })
    }
}

fn ready(read: &impl Reads, chain: ChainId) -> Result<BlockRef, IntakeFailure> {
    let cursor = read.cursor(chain)?;
    cursor.tip.filter(|_| cursor.mode.is_current()).ok_or(IntakeFailure::NotReady(chain))
}
