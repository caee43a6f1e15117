//! Open orders' escrows against the chains (S3-05, S3-25 to S3-29).
//!
//! The index is the only data of the resolver, so the question is whether it says what the chain says. A difference is told
//! only when it is still there at a block that the index has reached: what is merely newer is none.

use crate::{
    Ground,
    ground::{balance_of, queue, store},
};
use alloy::primitives::{Address, U256};
use async_trait::async_trait;
use bmn_chain::{ChainClient, ChainError};
use bmn_primitives::{ChainId, OrderId};
use bmn_queue::Loaded;
use bmn_scheduler::{Job, JobContext, JobError, JobSpec, Outcome};
use bmn_store::Reads;
use bmn_swap::Status;
use parking_lot::Mutex;
use std::{collections::BTreeMap, time::Duration};
use tokio_util::sync::CancellationToken;

/// Orders of one run; the next goes on behind them.
const MOST_ORDERS: usize = 256;

/// How often a difference is looked at before it is told.
const LOOKS: usize = 4;

/// Differences that are told of by name.
const MOST_TOLD: usize = 8;

pub(super) struct StateSync {
    ground: Ground,
    /// The last order that was looked at.
    after: Mutex<Option<OrderId>>,
}

/// An escrow as the index has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Escrow {
    order: OrderId,
    chain: ChainId,
    address: Address,
    token: Address,
    amount: U256,
    has_ended: bool,
}

/// What is wrong with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    NoCode,
    Emptied { held: U256 },
    StillHolds,
}

impl Difference {
    /// What index and chain say of an escrow, compared. Anybody can send more to it, so more is no difference.
    fn of(escrow: &Escrow, has_code: bool, held: U256) -> Option<Self> {
        match (escrow.has_ended, has_code) {
            (_, false) => Some(Self::NoCode),
            (false, true) => (held < escrow.amount).then_some(Self::Emptied { held }),
            // What was withdrawn is gone; dust that somebody sends is less than the escrow's amount.
            (true, true) => {
                (!escrow.amount.is_zero() && held >= escrow.amount).then_some(Self::StillHolds)
            }
        }
    }

    fn words(self, escrow: &Escrow) -> String {
        let what = match self {
            Self::NoCode => "there is no contract".to_owned(),
            Self::Emptied { held } => {
                format!("it holds {held} of {}, and the index knows of no end", escrow.amount)
            }
            Self::StillHolds => format!("the index has its end, and it holds {}", escrow.amount),
        };
        format!(
            "escrow {} on chain {} of order {}: {what}",
            escrow.address, escrow.chain, escrow.order
        )
    }
}

#[derive(Debug, Default)]
struct Tally {
    escrows: u64,
    behind: u64,
    errors: u64,
    last_error: Option<String>,
    found: Vec<String>,
}

impl StateSync {
    pub(super) fn new(ground: Ground) -> Self {
        Self { ground, after: Mutex::default() }
    }
}

#[async_trait]
impl Job for StateSync {
    fn spec(&self) -> JobSpec {
        crate::schedules::spec("stateSync", self.ground.config.profile)
    }

    async fn run(&self, ctx: &JobContext) -> Result<Outcome, JobError> {
        let after = *self.after.lock();
        let (orders, escrows) = self.open_escrows(ctx, after).await?;
        let mut tally = Tally { escrows: escrows.len() as u64, ..Tally::default() };
        for (chain, escrows) in &escrows_by_chain(&escrows) {
            if ctx.stop.is_cancelled() {
                break;
            }
            let Some(client) = self.ground.resolver.client(*chain) else { continue };
            self.compare(&**client, escrows, &ctx.stop, &mut tally).await?;
        }
        *self.after.lock() = orders.last().copied().filter(|_| orders.len() == MOST_ORDERS);
        for found in tally.found.iter().take(MOST_TOLD) {
            tracing::error!(target: "bmn::upkeep", found, alarm = true, "the index contradicts the chain");
        }
        if tally.escrows > 0 && tally.errors >= tally.escrows {
            let why = tally.last_error.unwrap_or_default();
            return Err(JobError::Transient(format!("no escrow could be read: {why}")));
        }
        let outcome = Outcome::counted([
            ("ordersChecked", orders.len() as u64),
            ("escrowsChecked", tally.escrows),
            ("escrowsBehind", tally.behind),
            ("discrepanciesFound", tally.found.len() as u64),
            ("syncErrors", tally.errors),
        ]);
        Ok(match tally.found.into_iter().next() {
            Some(first) => outcome.noted(format!("{first}; bmn verify --rebuild")),
            None => outcome,
        })
    }
}

fn escrows_by_chain(escrows: &[Escrow]) -> BTreeMap<ChainId, Vec<Escrow>> {
    let mut by_chain = BTreeMap::<ChainId, Vec<Escrow>>::new();
    for escrow in escrows {
        by_chain.entry(escrow.chain).or_default().push(*escrow);
    }
    by_chain
}

impl StateSync {
    /// The next open orders, and their escrows.
    async fn open_escrows(
        &self,
        ctx: &JobContext,
        after: Option<OrderId>,
    ) -> Result<(Vec<OrderId>, Vec<Escrow>), JobError> {
        let (of, rules) = (self.ground.store().clone(), self.ground.rules());
        ctx.blocking(move || {
            let read = of.read().map_err(store)?;
            let mut orders = Vec::new();
            for status in Status::ALL.into_iter().filter(|it| !it.is_terminal() && !it.is_keeper())
            {
                orders.extend(read.orders_by_status(status, after, MOST_ORDERS).map_err(store)?);
            }
            orders.sort_unstable();
            orders.truncate(MOST_ORDERS);
            let mut escrows = Vec::new();
            for id in &orders {
                if let Some(loaded) = Loaded::read(&read, *id, &rules).map_err(queue)? {
                    escrows.extend(escrows_of(&loaded));
                }
            }
            Ok((orders, escrows))
        })
        .await
    }

    async fn compare(
        &self,
        client: &dyn ChainClient,
        escrows: &[Escrow],
        stop: &CancellationToken,
        tally: &mut Tally,
    ) -> Result<(), JobError> {
        for escrow in escrows {
            if stop.is_cancelled() {
                return Ok(());
            }
            match self.confirmed(client, escrow).await? {
                Ok(Seen::Same) => {}
                Ok(Seen::Behind) => tally.behind += 1,
                Ok(Seen::Differs(difference)) => tally.found.push(difference.words(escrow)),
                Err(error) => {
                    tally.errors += 1;
                    tally.last_error = Some(error.to_string());
                }
            }
        }
        Ok(())
    }

    /// What is wrong with an escrow, when the index that has reached the chain's head says the same as before.
    async fn confirmed(
        &self,
        client: &dyn ChainClient,
        escrow: &Escrow,
    ) -> Result<Result<Seen, ChainError>, JobError> {
        let (code, held) = match read(client, escrow).await {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        let Some(difference) = Difference::of(escrow, code, held) else {
            return Ok(Ok(Seen::Same));
        };
        for _ in 0..LOOKS {
            let head = match client.head().await {
                Ok(head) => head,
                Err(error) => return Ok(Err(error)),
            };
            let snapshot = self.ground.store().read().map_err(store)?;
            let rules = self.ground.rules();
            let tip = snapshot.cursor(escrow.chain).map_err(store)?.tip;
            let loaded = Loaded::read(&snapshot, escrow.order, &rules).map_err(queue)?;
            drop(snapshot);
            let same = loaded.is_some_and(|loaded| escrows_of(&loaded).contains(escrow));
            if !same {
                return Ok(Ok(Seen::Same));
            }
            if tip.is_some_and(|tip| tip.number >= head.number) {
                return Ok(Ok(Seen::Differs(difference)));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(Ok(Seen::Behind))
    }
}

enum Seen {
    Same,
    Behind,
    Differs(Difference),
}

async fn read(client: &dyn ChainClient, escrow: &Escrow) -> Result<(bool, U256), ChainError> {
    let code = client.code(escrow.address).await?;
    let held = balance_of(client, escrow.token, escrow.address).await?;
    Ok((!code.is_empty(), held))
}

fn escrows_of(loaded: &Loaded) -> Vec<Escrow> {
    let order = loaded.order.id;
    let source = loaded.source.as_ref().and_then(|leg| {
        let stated = leg.immutables()?;
        Some(Escrow {
            order,
            chain: leg.swap.chain,
            address: leg.swap.escrow,
            token: stated.token.clean().ok()?,
            amount: stated.amount,
            has_ended: leg.end.is_some(),
        })
    });
    let destination = loaded.destination.as_ref().and_then(|leg| {
        let stated = &loaded.state.plan.as_ref()?.immutables;
        Some(Escrow {
            order,
            chain: leg.chain,
            address: leg.escrow,
            token: stated.token.clean().ok()?,
            amount: stated.amount,
            has_ended: leg.end.is_some(),
        })
    });
    source.into_iter().chain(destination).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmn_primitives::OrderHash;

    #[test]
    fn an_escrow_that_stands_holds_its_amount_and_one_that_ended_does_not() {
        let hash = OrderHash(alloy::primitives::B256::ZERO);
        let order = OrderId { chain: ChainId(1), contract: Address::ZERO, hash, leaf: 0 };
        let escrow = |has_ended| Escrow {
            order,
            chain: ChainId(1),
            address: Address::ZERO,
            token: Address::ZERO,
            amount: U256::from(10),
            has_ended,
        };
        let of =
            |has_ended, code, held: u64| Difference::of(&escrow(has_ended), code, U256::from(held));
        assert_eq!(of(false, true, 10), None);
        assert_eq!(of(false, true, 11), None, "anybody can send more");
        assert_eq!(of(false, true, 9), Some(Difference::Emptied { held: U256::from(9) }));
        assert_eq!(of(true, true, 0), None);
        assert_eq!(of(true, true, 9), None, "dust");
        assert_eq!(of(true, true, 10), Some(Difference::StillHolds));
        assert_eq!(of(false, false, 10), Some(Difference::NoCode));
    }
}
