//! Orders and secrets from outside.

use crate::{
    facts::{HostFacts, host_facts},
    parts::{Divided, is_known_elsewhere, known, make_room},
};
use alloy::primitives::{Address, U256};
use bmn_chain::{ChainClient, ChainError};
use bmn_primitives::{BlockRef, ChainId, ErrorClass, Hashlock, OrderId, Secret};
use bmn_queue::{
    LiveRules, QueueError, claim_order, claims_beside, hashlock_is_taken, keep_decision,
    market_for, open_orders, refresh, reserve,
};
use bmn_rpc::IntakeError;
use bmn_store::{DecisionReads, IndexReads, OrderState, Reads, Store, StoreError, WriteTx};
use bmn_swap::{
    Circumstances, Decision, Draft, Evidence, IntakeFacts, MakerClaims, Order, Refusal,
    SignedOrder, admit_submitted, assess, check_signature, choose_part, derive_status,
    read_submitted, remaining,
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
    pub(crate) store: Store,
    pub(crate) rules: LiveRules,
    clients: BTreeMap<ChainId, Arc<dyn ChainClient>>,
    /// Coins per chain that are never promised, wei.
    kept_back: BTreeMap<ChainId, U256>,
    /// Orders whose next part may be ours.
    pub(crate) divided: Divided,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("us", &self.rules.us).finish_non_exhaustive()
    }
}

impl Intake {
    /// An intake over a store and the hosts' clients.
    pub fn new(
        store: Store,
        rules: impl Into<LiveRules>,
        clients: BTreeMap<ChainId, Arc<dyn ChainClient>>,
        kept_back: BTreeMap<ChainId, U256>,
    ) -> Self {
        Self { store, rules: rules.into(), clients, kept_back, divided: Divided::default() }
    }

    /// Who acts on a chain; none when it is not served.
    pub(crate) fn client(&self, chain: ChainId) -> Option<&Arc<dyn ChainClient>> {
        self.clients.get(&chain)
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
        let head = self.head(chain)?;
        let draft = read_submitted(&signed, chain, head, &self.rules.terms())
            .map_err(IntakeFailure::Unreadable)?;
        check(draft.order()).map_err(IntakeFailure::Claim)?;
        if let Some(known) = known(&self.store.read()?, &draft)? {
            return Ok(known);
        }
        // Before anything is asked of a host: strangers hand in what they like.
        if let Some(reason) = check_signature(&draft) {
            return Err(IntakeFailure::Unreadable(reason));
        }
        let seen = self.look_up(&draft, &signed).await?;
        self.decide(draft, &seen)
    }

    /// What the hosts say of a draft.
    pub(crate) async fn look_up(
        &self,
        draft: &Draft,
        signed: &SignedOrder,
    ) -> Result<Seen, IntakeFailure> {
        let chain = draft.order().id.chain;
        let source = self.clients.get(&chain).ok_or(IntakeFailure::UnknownChain(chain))?;
        // A destination that is indexed between here and the decision releases its reservation while
        // the balance read here still holds it: the larger of both reservations counts.
        let promised = self.promised(draft.order())?;
        // Likewise a fill that is indexed in between.
        let claims = claims_beside(&self.store.read()?, draft.order())?;
        let destination = self.clients.get(&draft.order().destination_chain);
        let host = host_facts(
            draft.order(),
            signed,
            self.rules.us,
            &**source,
            destination.map(|client| &**client),
        )
        .await?;
        Ok(Seen { host, promised, claims })
    }

    pub(crate) fn head(&self, chain: ChainId) -> Result<BlockRef, IntakeFailure> {
        ready(&self.store.read()?, chain)
    }

    // What other orders change (reservations, hashlocks) is read inside the transaction that stores
    // this one, so that two orders never get the same balance (M7).
    fn decide(&self, draft: Draft, seen: &Seen) -> Result<Order, IntakeFailure> {
        let mut tx = self.store.write()?;
        if let Some(known) = known(&tx, &draft)? {
            return Ok(known);
        }
        let order = self.judge(&mut tx, draft, seen)?;
        tx.commit()?;
        Ok(order)
    }

    /// Judges a draft and stores what came of it. An order that takes several fills becomes the one of
    /// them that is ours next.
    pub(crate) fn judge(
        &self,
        tx: &mut WriteTx,
        draft: Draft,
        seen: &Seen,
    ) -> Result<Order, IntakeFailure> {
        let terms = self.rules.terms();
        let mut facts = self.facts(tx, draft.order(), seen)?;
        let (draft, unfit) = choose_part(draft, &facts, &terms);
        let draft = &draft;
        // The part has a hashlock and a value of its own.
        if facts.hashlock_used || !draft.signed().secret_hashes.is_empty() {
            facts = self.facts(tx, draft.order(), seen)?;
        }
        let mut reasons = admit_submitted(draft, &facts, &terms);
        if let Some(reason) = unfit {
            reasons.retain(|reason| !matches!(reason, Refusal::NoPart { .. }));
            reasons.push(reason);
        }
        // Asked last: a shadowed order is one that would have been taken.
        if reasons.is_empty() {
            reasons.extend(tx.modes()?.against(draft.order()).map(Refusal::Mode));
        }
        let circumstances = Circumstances {
            at: facts.source_head,
            gas_price: facts.gas_price,
            open_orders: facts.open_orders,
            market: &facts.market,
            source: None,
        };
        let assessment = assess(draft.order(), &reasons, &circumstances, &terms);
        // The order's identity covers neither the signature nor the hashes of its secrets: kept under bad
        // ones, an order could be spoilt by whoever sees it first.
        let unsigned = |reason: &&Refusal| {
            matches!(
                reason,
                Refusal::BadSignature { .. }
                    | Refusal::UnusableSignature(_)
                    | Refusal::BadSecretHashes(_)
            )
        };
        if let Some(reason) = reasons.iter().find(unsigned) {
            return Err(IntakeFailure::Unreadable(reason.clone()));
        }
        let mut order = draft.order().clone();
        if reasons.is_empty() {
            make_room(tx, order.id, &self.rules)?;
            reserve(tx, &order)?;
            claim_order(tx, &order, remaining(draft, &facts))?;
            self.divided.note(&order);
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
        keep_decision(tx, &order, &assessment)?;
        tx.put_order_state(order.id, &state)?;
        refresh(tx, order.id, &self.rules)?;
        Ok(order)
    }

    fn facts(
        &self,
        tx: &WriteTx,
        order: &Order,
        Seen { host, promised, claims }: &Seen,
    ) -> Result<IntakeFacts, IntakeFailure> {
        let (source, chain) = (order.id.chain, order.destination_chain);
        let free = |chain, held: U256, token: Address, before: U256| -> Result<U256, StoreError> {
            Ok(held.saturating_sub(tx.reserved(chain, token)?.max(before)))
        };
        let free_coin = |chain, held: U256, before: U256| -> Result<U256, StoreError> {
            let kept_back = self.kept_back.get(&chain).copied().unwrap_or_default();
            Ok(free(chain, held, Address::ZERO, before)?.saturating_sub(kept_back))
        };
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
            maker_claims: claims_beside(tx, order)?.max(*claims),
            raw_remaining: host.raw_remaining,
            nonce_used: host.nonce_used,
            free_token: free(chain, host.our_token, order.destination_token, promised.token)?,
            free_native: free_coin(chain, host.our_native, promised.coin)?,
            free_source_native: free_coin(source, host.our_source_native, promised.source_coin)?,
            gas_price: host.gas_price,
            open_orders: open_orders(tx)?,
            hashlock_used: self.hashlock_used(tx, order)?,
            order_known: is_known_elsewhere(tx, order)?,
            market: market_for(tx, order, &self.rules)?,
        })
    }

    fn promised(&self, order: &Order) -> Result<Promised, StoreError> {
        let read = self.store.read()?;
        let chain = order.destination_chain;
        Ok(Promised {
            token: read.reserved(chain, order.destination_token)?,
            coin: read.reserved(chain, Address::ZERO)?,
            source_coin: read.reserved(order.id.chain, Address::ZERO)?,
        })
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

/// What the hosts said of a draft, and what was promised of the balances when they did.
#[derive(Debug)]
pub(crate) struct Seen {
    host: HostFacts,
    promised: Promised,
    claims: MakerClaims,
}

/// Smallest units promised to orders.
#[derive(Debug)]
struct Promised {
    token: U256,
    coin: U256,
    source_coin: U256,
}

/// A decision is taken once and kept, but for reasons that pass: prices, caps, the mode.
pub(crate) fn may_be_judged_again(known: &Order) -> bool {
    !known.is_accepted() && known.refusals().iter().all(Refusal::is_passing)
}

fn ready(read: &impl Reads, chain: ChainId) -> Result<BlockRef, IntakeFailure> {
    let cursor = read.cursor(chain)?;
    cursor.tip.filter(|_| cursor.mode.is_current()).ok_or(IntakeFailure::NotReady(chain))
}
