//! Strangers' swaps among the orders: what is due for them, and what our own work leaves room for.

use crate::{
    Lane, Loaded, QueueError, Rules, get,
    job::{read_wake, wake_prefix},
    ready_keys,
    refresh::view,
};
use alloy::primitives::Address;
use bmn_primitives::ChainId;
use bmn_store::{AnyLeg, KeepingRow, LegIndex, OrderState, QueueTable, Reads, WriteTx};
use bmn_swap::{
    Access, ActionKey, DestinationLeg, DestinationPlan, Due, Evidence, KeeperChain, KeeperPlan,
    KeeperTerms, KeeperView, Origin, Plan, Price, SourceLeg, Status, find_destination, keep, watch,
};

/// Escrows with one hashlock that are looked through for the other leg of a stranger's swap.
const LEG_PAGE: usize = 64;

/// Ready jobs and wakes that are looked through for one of our own.
const JOB_PAGE: usize = 256;

/// What the worth of a public action depends on, of the chain it happens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeeperFacts {
    /// Wei per gas; none when nobody says so.
    pub gas_price: Option<u128>,
    /// What rollups take for one such transaction's data, wei.
    pub data_fee: u128,
    /// Whether we hold the access token there.
    pub access: Access,
    /// Blocks until a job of our own is due there ([`own_due_in`]).
    pub own_due_in: Option<u64>,
    /// Price of the native coin.
    pub coin: Price,
}

impl KeeperFacts {
    /// Gas is free and everything is let through: what is left is what the two escrows allow.
    const FREE: Self = Self {
        gas_price: Some(0),
        data_fee: 0,
        access: Access::Held,
        own_due_in: None,
        coin: Price(10_000_000_000_000_000_000),
    };
}

/// The terms that go with [`KeeperFacts::FREE`].
const FREE_TERMS: KeeperTerms =
    KeeperTerms { win_bps: 10_000, lost_gas: 0, min_expected: 0, quiet_blocks: 0 };

impl Loaded {
    /// A stranger's swap as it would be loaded if it were watched; none where its terms are not stated,
    /// it is ours, or an index does not show its chain as it is.
    ///
    /// # Errors
    /// [`QueueError::Store`].
    pub fn watched(
        read: &impl Reads,
        source: SourceLeg,
        rules: &Rules,
    ) -> Result<Option<Self>, QueueError> {
        let Some(order) = watch(&source) else { return Ok(None) };
        let ours = our_addresses(rules);
        if source.taker().is_none_or(|taker| ours.contains(&taker.masked())) {
            return Ok(None);
        }
        for chain in [order.id.chain, order.destination_chain] {
            if !read.cursor(chain)?.mode.is_current() {
                return Ok(None);
            }
        }
        let Some(source_chain) = view(read, order.id.chain, rules)? else { return Ok(None) };
        let evidence =
            Evidence { secret: read.secret_knowledge(order.hashlock)?, ..Evidence::default() };
        let state = OrderState {
            status: Status::Watched,
            evidence,
            source: Some(source.swap),
            plan: None,
            permission: None,
        };
        let destination_chain = view(read, order.destination_chain, rules)?;
        let mut loaded = Self {
            order,
            state,
            source: Some(source),
            destination: None,
            source_chain,
            destination_chain,
            keeping: KeepingRow::default(),
        };
        loaded.bind_stranger(read, rules)?;
        Ok(Some(loaded))
    }

    /// Judges a stranger's swap by what its actions cost and bring. `facts` are those of both chains:
    /// only the answer about `acting` is meant.
    pub fn keep(
        &self,
        rules: &Rules,
        facts: &KeeperFacts,
        terms: &KeeperTerms,
    ) -> Option<KeeperPlan> {
        let source = self.source.as_ref()?;
        let all = rules.terms();
        let chain = |id: ChainId, view| {
            let route = all.route(id)?;
            Some(KeeperChain {
                view,
                pace: route.pace,
                access: facts.access,
                gas_price: facts.gas_price,
                data_fee: facts.data_fee,
                coin: facts.coin,
                own_due_in: facts.own_due_in,
            })
        };
        let there = self.order.destination_chain;
        let ours = our_addresses(rules);
        let view = KeeperView {
            source,
            destination: self.destination.as_ref(),
            bound: self.state.plan.as_ref().map(|plan| &plan.immutables),
            secret: self.state.evidence.secret,
            ours: &ours,
            keeping: self.keeping.keeping(),
            source_chain: chain(self.order.id.chain, self.source_chain)?,
            destination_chain: self.destination_chain.and_then(|view| chain(there, view)),
        };
        Some(keep(&view, terms))
    }

    /// What the escrows of a stranger's swap allow, whatever it costs: that is asked when it is sent.
    pub(crate) fn kept(&self, rules: &Rules) -> (Plan, bool) {
        // A reorg took the source away: nothing is due, and nothing is over.
        let Some(plan) = self.keep(rules, &KeeperFacts::FREE, &FREE_TERMS) else {
            let status = Status::Released;
            return (Plan { status, due: vec![], give_up_fill: false, alarms: vec![] }, false);
        };
        let due = plan.due.into_iter().map(|due| Due {
            key: ActionKey {
                order: self.order.id,
                action: due.action.action(),
                chain: due.chain,
                escrow: due.escrow,
            },
            when: due.when,
        });
        let due = due.collect();
        let found = Plan { status: plan.status, due, give_up_fill: false, alarms: Vec::new() };
        (found, plan.over)
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.order.origin == Origin::Watched
    }

    /// Looks for the stranger's destination, where none is known.
    pub(crate) fn bind_stranger(
        &mut self,
        read: &impl Reads,
        rules: &Rules,
    ) -> Result<(), QueueError> {
        let Some(source) = &self.source else { return Ok(()) };
        if self.destination.is_some() {
            return Ok(());
        }
        if let Some((leg, plan)) = stranger_destination(read, source, rules)? {
            self.state.plan = Some(plan);
            self.destination = Some(leg);
        }
        Ok(())
    }
}

fn our_addresses(rules: &Rules) -> Vec<Address> {
    rules.routes.iter().filter_map(|route| route.resolver).chain([rules.us]).collect()
}

// Its own taker's first: whoever else pays the maker does so for a reason that is not ours to know.
fn stranger_destination(
    read: &impl Reads,
    source: &SourceLeg,
    rules: &Rules,
) -> Result<Option<(DestinationLeg, DestinationPlan)>, QueueError> {
    let Some((bound, complement)) = source.stated() else { return Ok(None) };
    let chain = ChainId(u64::try_from(complement.chain_id).unwrap_or(u64::MAX));
    let terms = rules.terms();
    let Some(route) = terms.route(chain) else { return Ok(None) };
    let ours = our_addresses(rules);
    let by = LegIndex::DestinationHashlock(bound.hashlock);
    let mut found = None;
    for leg in read.legs_by(chain, by, None, LEG_PAGE)? {
        let AnyLeg::Destination(leg) = leg else { continue };
        let Some(factory) = route.factory(leg.factory) else { continue };
        if leg.dialect != source.dialect || ours.contains(&leg.taker) {
            continue;
        }
        let Some(immutables) = find_destination(source, &leg, factory, None) else { continue };
        let plan = DestinationPlan {
            chain,
            factory: leg.factory,
            source: source.swap,
            immutables,
            escrow: Some(leg.escrow),
        };
        let is_his = leg.taker == bound.taker.masked();
        if is_his || found.is_none() {
            found = Some((leg, plan));
        }
        if is_his {
            break;
        }
    }
    Ok(found)
}

/// The stranger's source behind an escrow: itself, or the one that a destination answers.
///
/// # Errors
/// [`QueueError::Store`].
pub fn stranger_sources(
    read: &impl Reads,
    leg: AnyLeg,
    rules: &Rules,
) -> Result<Vec<SourceLeg>, QueueError> {
    let destination = match leg {
        AnyLeg::Source(source) => return Ok(vec![source]),
        AnyLeg::Destination(destination) => destination,
    };
    let mut sources = Vec::new();
    let by = LegIndex::SourceHashlock(destination.hashlock);
    for route in rules.routes.iter().filter(|route| route.chain != destination.chain) {
        for leg in read.legs_by(route.chain, by, None, LEG_PAGE)? {
            if let AnyLeg::Source(source) = leg {
                sources.push(source);
            }
        }
    }
    Ok(sources)
}

/// Takes a stranger's swap among the orders; false when it is there already.
///
/// # Errors
/// [`QueueError::Store`].
pub fn watch_swap(tx: &mut WriteTx, loaded: &Loaded, rules: &Rules) -> Result<bool, QueueError> {
    let id = loaded.order.id;
    if tx.order(id)?.is_some() {
        return Ok(false);
    }
    tx.put_order(&loaded.order)?;
    tx.put_order_state(id, &loaded.state)?;
    crate::refresh(tx, id, rules)?;
    Ok(true)
}

/// Blocks of `chain` until the nearest job of our own is due there, if that is within `blocks`: 0 when one
/// is due now. Jobs of strangers' swaps do not count.
///
/// # Errors
/// [`QueueError::Store`], [`QueueError::Damaged`].
pub fn own_due_in(
    read: &impl Reads,
    chain: ChainId,
    blocks: u64,
    rules: &Rules,
) -> Result<Option<u64>, QueueError> {
    let is_own = |key: &ActionKey| -> Result<bool, QueueError> {
        if key.chain != chain || key.action.is_keeper() {
            return Ok(false);
        }
        Ok(get(read, key)?.is_none_or(|job| job.lane() != Lane::Keeper))
    };
    // They are sorted by urgency, so one of our own is among the first.
    if let Some(key) = ready_keys(read, chain, 1)?.first()
        && is_own(key)?
    {
        return Ok(Some(0));
    }
    let terms = rules.terms();
    let Some(pace) = terms.route(chain).map(|route| route.pace) else { return Ok(None) };
    let horizon = blocks.saturating_mul(pace.block_time.max(1));
    let mut nearest: Option<u64> = None;
    for route in &rules.routes {
        let Some(at) = view(read, route.chain, rules)? else { continue };
        let block_time = route.pace.block_time.max(1);
        let reached = [
            (false, at.head.number, block_time, horizon.div_ceil(block_time)),
            (true, at.next_time, 1, horizon),
        ];
        for (is_time, now, seconds_each, most) in reached {
            let prefix = wake_prefix(route.chain, is_time);
            let end = now.saturating_add(most);
            let below = [&prefix[..], &end.to_be_bytes(), &[u8::MAX; ActionKey::LEN + 1]].concat();
            let rows = read.queue_scan(QueueTable::Wakes, &prefix, Some(&below), JOB_PAGE)?;
            // So many wait that one of them is taken to be ours.
            if rows.len() == JOB_PAGE {
                return Ok(Some(0));
            }
            for (row, _) in &rows {
                let (value, key) = read_wake(row)?;
                if is_own(&key)? {
                    let seconds = value.saturating_sub(now).saturating_mul(seconds_each);
                    let away = seconds / pace.block_time.max(1);
                    nearest = Some(nearest.map_or(away, |nearest| nearest.min(away)));
                }
            }
        }
    }
    Ok(nearest)
}
