//! The contract call behind an action: a pure function of what is stored.

use crate::ExecutorError;
use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::{TakerTraits, calldata};
use bmn_primitives::{Immutables, Secret};
use bmn_queue::Loaded;
use bmn_swap::{Action, DestinationPlan, EscrowEnd, Origin, SourceLeg};

/// A call to send.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) to: Address,
    pub(crate) value: U256,
    pub(crate) data: Bytes,
}

/// Builds the call of `action`. `secret` is needed to withdraw the destination alone; the source is
/// only ever withdrawn with the secret that the destination's withdrawal published (M10).
pub(crate) fn call_for(
    action: Action,
    loaded: &Loaded,
    plan: Option<&DestinationPlan>,
    secret: Option<&Secret>,
) -> Result<Call, ExecutorError> {
    let missing = |missing| ExecutorError::Incomplete { action, missing };
    let source = || loaded.source.as_ref().ok_or_else(|| missing("a source escrow"));
    let plan = || plan.ok_or_else(|| missing("a destination plan"));
    let bound = |source| bound_to(source).ok_or_else(|| missing("what the source is bound to"));
    let dialect = loaded.order.dialect;
    match action {
        Action::Fill => fill(loaded),
        Action::FundDestination => Ok(fund(loaded, plan()?)),
        Action::WithdrawDestination => {
            let plan = plan()?;
            let secret = secret.ok_or_else(|| missing("the secret"))?;
            Ok(to_escrow(plan.escrow, calldata::withdraw(dialect, secret, &plan.immutables)))
        }
        Action::WithdrawSource => {
            let source = source()?;
            let secret = published(loaded).ok_or_else(|| missing("a published secret"))?;
            Ok(at_source(source, calldata::withdraw(source.dialect, &secret, bound(source)?)))
        }
        Action::CancelDestination => {
            let plan = plan()?;
            Ok(to_escrow(plan.escrow, calldata::cancel(dialect, &plan.immutables)))
        }
        Action::CancelSource => {
            let source = source()?;
            Ok(at_source(source, calldata::cancel(source.dialect, bound(source)?)))
        }
        Action::RescueSource => {
            let source = source()?;
            let imm = bound(source)?;
            let token = imm.token.masked();
            let data = calldata::rescue_funds(source.dialect, token, imm.amount, imm);
            Ok(at_source(source, data))
        }
        Action::Permit => Err(missing("a transaction: a permission is only signed")),
    }
}

const fn bound_to(source: &SourceLeg) -> Option<&Immutables> {
    source.immutables()
}

fn fill(loaded: &Loaded) -> Result<Call, ExecutorError> {
    let Origin::Submitted(signed) = &loaded.order.origin else {
        return Err(ExecutorError::Incomplete { action: Action::Fill, missing: "a signed order" });
    };
    let traits = TakerTraits::bmn_fill(signed.extension.len(), signed.order.taking_amount);
    let data = calldata::fill_order_args(
        &signed.order,
        &signed.signature,
        signed.order.making_amount,
        traits,
        signed.extension.clone(),
    );
    Ok(Call { to: loaded.order.id.contract, value: U256::ZERO, data })
}

// `createDstEscrow` takes the deposit, and a native amount, as value and checks neither
// (`protocol.md` section 9): too little locks the escrow for ever.
fn fund(loaded: &Loaded, plan: &DestinationPlan) -> Call {
    let imm = &plan.immutables;
    let native = if imm.token.is_zero() { imm.amount } else { U256::ZERO };
    Call {
        to: plan.factory,
        // A sum that does not fit is one that nobody can pay: it must not wrap to one we can.
        value: imm.safety_deposit.saturating_add(native),
        data: calldata::create_dst_escrow(loaded.order.dialect, imm, None),
    }
}

fn published(loaded: &Loaded) -> Option<Secret> {
    match loaded.destination.as_ref()?.end? {
        (EscrowEnd::Withdrawn { secret }, _) => Some(Secret::new(secret.0)),
        _ => None,
    }
}

const fn to_escrow(to: Address, data: Bytes) -> Call {
    Call { to, value: U256::ZERO, data }
}

const fn at_source(source: &SourceLeg, data: Bytes) -> Call {
    to_escrow(source.swap.escrow, data)
}
