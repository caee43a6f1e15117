//! Orders, states and plans as schemas 1 and 2 had them. The layouts stay as they were, whatever becomes of
//! the types they once were.

use crate::tables::{self, Table};
use crate::{OrderState, StoreError, decode, encode};
use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::{ExtraData, LimitOrder, OrderSignature};
use bmn_primitives::{BlockRef, ChainId, Dialect, Hashlock, Immutables, OrderId, SwapId};
use bmn_swap::{
    Attempt, Decision, DestinationPlan, Evidence, Order, OrderTimes, Origin, Permission,
    SecretKnowledge, SignedOrder, Status,
};
use redb::{ReadableTable, WriteTransaction};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A row of `orders`.
#[derive(Serialize, Deserialize)]
pub(crate) struct FormerOrder {
    id: OrderId,
    origin: FormerOrigin,
    dialect: Dialect,
    factory: Address,
    hashlock: Hashlock,
    maker: Address,
    beneficiary: Address,
    source_token: Address,
    source_amount: U256,
    destination_chain: ChainId,
    destination_token: Address,
    destination_amount: U256,
    destination_deposit: U256,
    src_cancellation: u64,
    dst_withdrawal: u64,
    seen_at: BlockRef,
    decision: Decision,
}

#[derive(Serialize, Deserialize)]
enum FormerOrigin {
    Submitted(Box<FormerSigned>),
    DirectSource,
}

#[derive(Serialize, Deserialize)]
struct FormerSigned {
    order: LimitOrder,
    extension: Bytes,
    signature: OrderSignature,
}

/// A row of `order_state`.
#[derive(Serialize, Deserialize)]
pub(crate) struct FormerState {
    status: Status,
    evidence: FormerEvidence,
    source: Option<SwapId>,
    plan: Option<FormerPlan>,
    permission: Option<Permission>,
}

#[derive(Serialize, Deserialize)]
struct FormerEvidence {
    secret: SecretKnowledge,
    fill: Attempt,
    funding: Attempt,
    cancel_impossible: bool,
}

/// The second part of a row of `plans`.
#[derive(Serialize, Deserialize)]
pub(crate) struct FormerPlan {
    chain: ChainId,
    factory: Address,
    source: SwapId,
    immutables: Immutables,
    escrow: Address,
}

impl From<FormerOrder> for Order {
    fn from(former: FormerOrder) -> Self {
        let extra = former.extra_data();
        let times = match &extra {
            Some(extra) => OrderTimes::of(extra, former.dialect),
            None => OrderTimes::Absolute {
                src_cancellation: former.src_cancellation,
                dst_withdrawal: former.dst_withdrawal,
            },
        };
        let source_deposit = extra.map_or(U256::ZERO, |extra| extra.src_deposit(former.dialect));
        Self {
            id: former.id,
            origin: match former.origin {
                FormerOrigin::DirectSource => Origin::DirectSource,
                FormerOrigin::Submitted(signed) => Origin::Submitted(Box::new(SignedOrder {
                    order: signed.order,
                    extension: signed.extension,
                    signature: signed.signature,
                    secret_hashes: Vec::new(),
                })),
            },
            dialect: former.dialect,
            factory: former.factory,
            hashlock: former.hashlock,
            maker: former.maker,
            beneficiary: former.beneficiary,
            source_token: former.source_token,
            source_amount: former.source_amount,
            source_deposit,
            destination_chain: former.destination_chain,
            destination_token: former.destination_token,
            destination_amount: former.destination_amount,
            destination_deposit: former.destination_deposit,
            times,
            seen_at: former.seen_at,
            decision: former.decision,
        }
    }
}

impl FormerOrder {
    /// What the factory reads in the extension: those schemas kept neither the source's deposit nor
    /// offsets.
    fn extra_data(&self) -> Option<ExtraData> {
        let FormerOrigin::Submitted(signed) = &self.origin else { return None };
        let extension = signed.order.check_extension(&signed.extension).ok()?;
        let (_, tail) = extension.post_interaction().ok()?;
        ExtraData::decode(self.dialect, tail).ok()
    }
}

impl From<FormerPlan> for DestinationPlan {
    fn from(former: FormerPlan) -> Self {
        Self {
            chain: former.chain,
            factory: former.factory,
            source: former.source,
            immutables: former.immutables,
            escrow: Some(former.escrow),
        }
    }
}

impl From<FormerState> for OrderState {
    fn from(former: FormerState) -> Self {
        Self {
            status: former.status,
            evidence: Evidence {
                secret: former.evidence.secret,
                fill: former.evidence.fill,
                funding: former.evidence.funding,
                cancel_impossible: former.evidence.cancel_impossible,
            },
            source: former.source,
            plan: former.plan.map(DestinationPlan::from),
            permission: former.permission,
        }
    }
}

/// Writes every row of these schemas in the present form.
pub(super) fn rewrite(txn: &WriteTransaction) -> Result<(), StoreError> {
    each(txn, tables::ORDERS, Order::from as fn(FormerOrder) -> Order)?;
    each(txn, tables::ORDER_STATE, OrderState::from as fn(FormerState) -> OrderState)?;
    let plan = |(order, plan): (OrderId, FormerPlan)| (order, DestinationPlan::from(plan));
    each(txn, tables::PLANS, plan)
}

/// Rows that are held in memory at once.
const PAGE: usize = 256;

fn each<F: DeserializeOwned, T: Serialize>(
    txn: &WriteTransaction,
    table: Table,
    into: impl Fn(F) -> T,
) -> Result<(), StoreError> {
    let mut rows = txn.open_table(table.definition())?;
    let mut after: Option<Vec<u8>> = None;
    loop {
        let mut page: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let from = after.as_deref().unwrap_or_default();
        for row in rows.range(from..)?.take(PAGE + 1) {
            let (key, value) = row?;
            if after.as_deref() != Some(key.value()) {
                page.push((key.value().to_vec(), value.value().to_vec()));
            }
        }
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(last.clone());
        for (key, value) in page {
            // Whoever reads a damaged one is told; it must not keep the others from being settled.
            if let Ok(former) = decode(table.name, &key, &value) {
                rows.insert(key.as_slice(), encode(table.name, &into(former))?.as_slice())?;
            }
        }
    }
}

#[cfg(test)]
mod former {
    use super::*;

    impl From<&Order> for FormerOrder {
        fn from(order: &Order) -> Self {
            let (src_cancellation, dst_withdrawal) = order.times.absolute().unwrap_or((1, 2));
            Self {
                id: order.id,
                origin: match &order.origin {
                    Origin::Submitted(signed) => FormerOrigin::Submitted(Box::new(FormerSigned {
                        order: signed.order.clone(),
                        extension: signed.extension.clone(),
                        signature: signed.signature.clone(),
                    })),
                    _ => FormerOrigin::DirectSource,
                },
                dialect: order.dialect,
                factory: order.factory,
                hashlock: order.hashlock,
                maker: order.maker,
                beneficiary: order.beneficiary,
                source_token: order.source_token,
                source_amount: order.source_amount,
                destination_chain: order.destination_chain,
                destination_token: order.destination_token,
                destination_amount: order.destination_amount,
                destination_deposit: order.destination_deposit,
                src_cancellation,
                dst_withdrawal,
                seen_at: order.seen_at,
                decision: order.decision.clone(),
            }
        }
    }

    impl From<&DestinationPlan> for FormerPlan {
        fn from(plan: &DestinationPlan) -> Self {
            Self {
                chain: plan.chain,
                factory: plan.factory,
                source: plan.source,
                immutables: plan.immutables.clone(),
                escrow: plan.escrow.unwrap_or_default(),
            }
        }
    }

    impl From<&OrderState> for FormerState {
        fn from(state: &OrderState) -> Self {
            let Evidence { secret, fill, funding, cancel_impossible, .. } = state.evidence;
            Self {
                status: state.status,
                evidence: FormerEvidence { secret, fill, funding, cancel_impossible },
                source: state.source,
                plan: state.plan.as_ref().map(FormerPlan::from),
                permission: state.permission.clone(),
            }
        }
    }
}
