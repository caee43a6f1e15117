//! The latest safe time of each action, from the timetable of its swap.

use crate::{Loaded, Rules};
use bmn_swap::{Action, ActionKey, DestinationPlan, Order, TimedAction, Timetable};

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
    latest_in(&loaded.timetable_with(plan, rules)?, &loaded.order, key.action)
}

/// The same of a timetable that is at hand.
pub(crate) fn latest_in(table: &Timetable, order: &Order, action: Action) -> Option<u64> {
    // Strangers make as many escrows in our name as they like: giving them back never goes before what is
    // ours.
    if action == Action::CancelSource && !order.is_accepted() {
        return None;
    }
    table.slot(TimedAction::of(action))?.due_by()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::dead_letters::{D, T0, accepted, rules};
    use crate::tests::fixtures::A;
    use alloy::primitives::{Address, B256, Bytes, U256};
    use bmn_primitives::{BlockRef, ChainId, Complement, Dialect, Immutables, SwapId, Timelocks};
    use bmn_swap::{
        ChainView, DestinationLeg, Evidence, Inclusion, SourceLeg, SourceTerms, SwapView, timetable,
    };

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
            created: made(T0),
            fill: None,
            end: None,
        }
    }

    fn made(time: u64) -> Inclusion {
        let block = BlockRef { number: 10, time, ..BlockRef::default() };
        Inclusion { block, tx_hash: B256::ZERO, log_index: 0 }
    }

    fn table(order: &Order, source: Option<&SourceLeg>, bound: bool) -> Timetable {
        let plan = DestinationPlan {
            chain: D,
            factory: Address::ZERO,
            source: leg().swap,
            immutables: immutables(),
            escrow: Some(Address::ZERO),
        };
        let destination = DestinationLeg {
            chain: D,
            escrow: Address::ZERO,
            factory: Address::ZERO,
            dialect: Dialect::Bmn4,
            hashlock: order.hashlock,
            taker: Address::ZERO,
            created: made(T0),
            end: None,
        };
        let chain = |_: ChainId| ChainView { head: made(T0).block, next_time: T0 + 2 };
        let view = SwapView {
            order,
            source,
            destination: bound.then_some(&destination),
            intended: Some(&plan),
            permission: None,
            evidence: Evidence::default(),
            source_chain: chain(A),
            destination_chain: Some(chain(D)),
        };
        timetable(&view, &rules().terms()).unwrap()
    }

    #[test]
    fn each_action_has_the_latest_time_that_its_window_and_its_chain_leave() {
        let order = accepted();
        let [unfilled, filled, both] = [
            table(&order, None, false),
            table(&order, Some(&leg()), false),
            table(&order, Some(&leg()), true),
        ];
        // Inclusion takes 6 s, settling 3 blocks of 2 s, the skew is 4 s, the maker has 30 s; a window's last
        // second is the one before its end.
        let expected = |action| match action {
            Action::WithdrawSource => (&both, Some(T0 + 3_000 - 1 - 6 - 6)),
            Action::WithdrawDestination => (&both, Some(T0 + 2_900 - 1 - 6)),
            Action::Permit => (&both, Some(T0 + 2_900 - 1 - 6 - 30)),
            // Two inclusions before somebody else may give it back.
            Action::CancelSource => (&both, Some(T0 + 3_600 - 12)),
            // Two inclusions before the maker could have his.
            Action::CancelDestination => (&both, Some(T0 + 3_000 - 12)),
            // Back from the source's cancellation: withdraw it, settle the payment whichever clock is ahead,
            // withdraw the destination, disclose, settle and include the destination.
            Action::FundDestination => {
                (&filled, Some(T0 + 3_000 - (6 + 6) - 4 - 6 - 1 - 6 - 30 - (6 + 6)))
            }
            Action::Fill => (&unfilled, Some(T0 + 600 - 7)),
            Action::RescueSource | Action::PublicCancelSource => (&both, None),
            Action::PublicWithdrawSource => (&both, Some(T0 + 3_000 - 1 - 6)),
            Action::PublicWithdrawDestination => (&both, Some(T0 + 2_900 - 1 - 6)),
        };
        for action in Action::ALL {
            let (table, latest) = expected(action);
            assert_eq!(latest_in(table, &order, action), latest, "{}", action.name());
        }
        assert_eq!(latest_in(&both, &order, Action::FundDestination), None, "it is there");
        let refused = Order { decision: bmn_swap::Decision::Refused(Vec::new()), ..order };
        assert_eq!(latest_in(&both, &refused, Action::CancelSource), None);
    }
}
