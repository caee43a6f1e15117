//! Orders and secrets on their way in.

use crate::{Claims, RpcError, Submitted, SubmittedOrder, convert, lookup, snapshot::Snapshot};
use bmn_primitives::{Hashlock, OrderId};
use bmn_rpc_api::{FieldError, OrderFile, OrderSubmission, SwapKey};
use bmn_swap::SignedOrder;

/// An order file as the node takes it.
///
/// # Errors
/// [`RpcError::Param`] names the first field that is malformed, or the missing signature.
pub(crate) fn order(file: &OrderFile) -> Result<SubmittedOrder, RpcError> {
    let read = file.read()?;
    let missing = || FieldError::new("signature", "{r, vs}, or 0x bytes for a contract (ERC-1271)");
    Ok(SubmittedOrder {
        chain: read.chain_id,
        claims: Claims {
            order_hash: read.order_hash.map(|hash| hash.0),
            hashlock: read.hashlock.map(|hashlock| hashlock.0),
            destination_chain: read.dst_chain_id,
        },
        signed: SignedOrder {
            order: read.order,
            extension: read.extension,
            signature: read.signature.ok_or_else(missing)?,
            secret_hashes: read.secret_hashes,
        },
    })
}

/// The answer to a submission.
pub(crate) fn answer(submitted: &Submitted) -> OrderSubmission {
    let (decision, refusals) = convert::decision(&submitted.decision);
    OrderSubmission {
        order_id: submitted.order.to_string(),
        order_hash: submitted.order.hash.0,
        hashlock: submitted.hashlock.0,
        decision,
        refusals,
        profit: submitted.profit.as_ref().map(convert::profit),
    }
}

/// The orders a secret with this hashlock is for.
///
/// # Errors
/// [`RpcError::UnknownHashlock`] when there are none, or `id` is another order.
pub(crate) fn orders_of(
    snapshot: &Snapshot,
    lock: Hashlock,
    id: Option<&SwapKey>,
) -> Result<Vec<OrderId>, RpcError> {
    let mut orders = snapshot.by_hashlock(lock)?;
    if let Some(id) = id {
        let only = lookup::order(snapshot, id)?;
        if !snapshot.has_order(only)? {
            return Err(RpcError::NotFound);
        }
        orders.retain(|order| *order == only);
    }
    if orders.is_empty() { Err(RpcError::UnknownHashlock) } else { Ok(orders) }
}
