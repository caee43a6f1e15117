//! The latest safe time of each action, from what the order and its escrows say.

use crate::{Loaded, Rules};
use bmn_primitives::{ChainId, Stage, Timelocks};
use bmn_swap::{
    Action, ActionKey, DestinationPlan, Moment, Order, OrderTimes, Origin, Pace, SourceLeg,
    schedule,
};

/// Until when `key` is safe to be sent, unix seconds; none when nothing is lost by waiting, or when
/// what says it is not there.
pub fn deadline_of(loaded: &Loaded, rules: &Rules, key: &ActionKey) -> Option<u64> {
    latest_send(loaded, loaded.state.plan.as_ref(), rules, key)
}

/// The same with a destination plan that is not stored yet.
pub fn latest_send(
    loaded: &Loaded,
    plan: Option<&DestinationPlan>,
    rules: &Rules,
    key: &ActionKey,
) -> Option<u64> {
    latest_safe(&loaded.order, loaded.source.as_ref(), plan, rules, key)
}

fn latest_safe(
    order: &Order,
    source: Option<&SourceLeg>,
    plan: Option<&DestinationPlan>,
    rules: &Rules,
    key: &ActionKey,
) -> Option<u64> {
    let terms = rules.terms();
    let value = terms.reference_value(order);
    let pace = |chain: ChainId| terms.route(chain).map(|route| route.pace_for(value));
    let acting = pace(key.chain)?;
    let source_locks = || Some(source?.immutables()?.timelocks);
    // The windows of a destination that is not bound yet count from a block that is not mined.
    let destination = || Some(plan.filter(|plan| plan.escrow.is_some())?.immutables.timelocks);
    let margin = acting.inclusion.saturating_add(acting.settle()).saturating_add(acting.skew);
    match key.action {
        Action::WithdrawSource => Some(source_locks()?.src_withdraw().end.saturating_sub(margin)),
        Action::WithdrawDestination => {
            Some(destination()?.dst_withdraw().end.saturating_sub(acting.inclusion))
        }
        Action::Permit => Some(destination()?.at(Stage::DstPublicWithdrawal)),
        // Strangers make as many escrows in our name as they like: giving them back never goes before
        // what is ours.
        Action::CancelSource if !order.is_accepted() => None,
        Action::CancelSource => Some(public_cancel(source_locks()?, acting)),
        // The source cannot be given back before our own cancel has settled.
        Action::CancelDestination => {
            let by = public_cancel(source_locks()?, pace(order.id.chain)?);
            Some(by.saturating_sub(acting.settle().saturating_add(acting.inclusion)))
        }
        Action::FundDestination => {
            let filled = Moment::Filled(source?.created.block.time);
            Some(schedule(order, filled, &terms)?.ok()?.fund_by)
        }
        Action::Fill => fill_by(order, rules),
        Action::PublicWithdrawDestination => {
            Some(destination()?.at(Stage::DstCancellation).saturating_sub(acting.inclusion))
        }
        Action::PublicWithdrawSource => {
            Some(source_locks()?.at(Stage::SrcCancellation).saturating_sub(acting.inclusion))
        }
        Action::RescueSource | Action::PublicCancelSource => None,
    }
}

// From the public cancellation on, others may win the source's safety deposit.
fn public_cancel(locks: Timelocks, pace: Pace) -> u64 {
    locks.at(Stage::SrcPublicCancellation).saturating_sub(pace.inclusion)
}

// Offsets leave the same time whenever the order is filled: it ends by its expiration alone.
fn fill_by(order: &Order, rules: &Rules) -> Option<u64> {
    match (&order.times, &order.origin) {
        // At time 0 nothing is late: whether it still fits is the plan's to say.
        (OrderTimes::Absolute { .. }, _) => {
            Some(schedule(order, Moment::Unfilled(0), &rules.terms())?.ok()?.fill_by)
        }
        (OrderTimes::Offsets(_), Origin::Submitted(signed)) => {
            Some(signed.order.maker_traits.expiration()).filter(|expiration| *expiration != 0)
        }
        (OrderTimes::Offsets(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::dead_letters::{D, T0, accepted, rules};
    use crate::tests::fixtures::{A, key};
    use alloy::primitives::{Address, B256, Bytes, U256};
    use bmn_primitives::{BlockRef, Complement, Dialect, Immutables, SwapId};
    use bmn_swap::{Inclusion, SourceTerms};

    fn immutables() -> Immutables {
        Immutables {
            order_hash: accepted().id.hash,
            hashlock: accepted().hashlock,
            maker: Address::repeat_byte(1).into(),
            taker: Address::repeat_byte(2).into(),
            token: Address::ZERO.into(),
            amount: U256::from(1),
            safety_deposit: U256::ZERO,
            timelocks: Timelocks::pack(T0 as u32, [10, 20, 3_000, 3_600, 30, 40, 2_900]),
            parameters: Bytes::new(),
        }
    }

    fn leg() -> SourceLeg {
        let complement = Complement {
            maker: Address::repeat_byte(1).into(),
            amount: U256::from(1),
            token: Address::ZERO.into(),
            safety_deposit: U256::ZERO,
            chain_id: U256::from(D.0),
            parameters: Bytes::new(),
        };
        SourceLeg {
            swap: SwapId { chain: A, escrow: Address::repeat_byte(3) },
            factory: Address::repeat_byte(4),
            dialect: Dialect::Bmn4,
            terms: SourceTerms::Stated { immutables: immutables(), complement },
            created: Inclusion { block: BlockRef::default(), tx_hash: B256::ZERO, log_index: 0 },
            fill: None,
            end: None,
        }
    }

    #[test]
    fn each_action_has_the_latest_time_that_its_window_and_its_chain_leave() {
        let plan = DestinationPlan {
            chain: D,
            factory: Address::ZERO,
            source: leg().swap,
            immutables: immutables(),
            escrow: Some(Address::ZERO),
        };
        // Inclusion takes 6 s, settling 3 blocks of 2 s, the skew is 4 s.
        let expected = |action| match action {
            Action::WithdrawSource => (A, Some(T0 + 3_000 - 6 - 6 - 4)),
            Action::WithdrawDestination => (D, Some(T0 + 2_900 - 6)),
            Action::Permit => (D, Some(T0 + 40)),
            Action::CancelSource => (A, Some(T0 + 3_600 - 6)),
            Action::CancelDestination => (D, Some(T0 + 3_600 - 6 - 6 - 6)),
            // Back from the source's cancellation: withdraw it, withdraw the destination, disclose,
            // settle and include the destination.
            Action::FundDestination => (D, Some(T0 + 3_600 - (6 + 6 + 4) - 6 - 6 - 30 - (6 + 6))),
            Action::Fill => (A, Some(T0 + 600 - 7)),
            Action::RescueSource | Action::PublicCancelSource => (A, None),
            Action::PublicWithdrawSource => (A, Some(T0 + 3_000 - 6)),
            Action::PublicWithdrawDestination => (D, Some(T0 + 2_900 - 6)),
        };
        for action in Action::ALL {
            let (chain, latest) = expected(action);
            let key = key(1, action, chain);
            let found = latest_safe(&accepted(), Some(&leg()), Some(&plan), &rules(), &key);
            assert_eq!(found, latest, "{}", action.name());
        }
        let withdraw = key(1, Action::WithdrawSource, A);
        assert_eq!(latest_safe(&accepted(), None, None, &rules(), &withdraw), None);
    }
}
