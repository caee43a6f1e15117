//! Planners that are wrong on purpose, each in one way: what the check is worth.

use crate::properties::{self, breaks};
use alloy::primitives::Address;
use bmn_primitives::{ChainId, Dialect};
use bmn_swap::{
    Action, ActionKey, Attempt, Due, Plan, SecretKnowledge, Status, SwapView, Terms, Wake, When,
    plan,
};

fn now(view: &SwapView<'_>, action: Action, chain: ChainId, escrow: Address) -> Due {
    Due { key: ActionKey { order: view.order.id, action, chain, escrow }, when: When::Now }
}

fn source(view: &SwapView<'_>, action: Action) -> Option<Due> {
    let swap = view.source?.swap;
    Some(now(view, action, swap.chain, swap.escrow))
}

fn hurry(plan: &mut Plan, action: Action) {
    for due in plan.due.iter_mut().filter(|due| due.key.action == action) {
        due.when = When::Now;
    }
}

fn drop(plan: &mut Plan, action: Action) {
    plan.due.retain(|due| due.key.action != action);
}

fn funds_under_another_key(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    let mut plan = plan(view, terms);
    if plan.status == Status::SourceLocked && view.evidence.funding == Attempt::Live {
        let key = Address::repeat_byte(1);
        plan.due.push(now(view, Action::FundDestination, view.order.destination_chain, key));
    }
    plan
}

fn takes_with_the_secret_alone(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    let mut plan = plan(view, terms);
    if view.evidence.secret != SecretKnowledge::Unknown && plan.status == Status::SecretKnown {
        plan.due.extend(source(view, Action::WithdrawSource));
    }
    plan
}

fn gives_back_while_the_maker_can_be_paid(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    let mut plan = plan(view, terms);
    if matches!(plan.status, Status::DestinationPaid | Status::BothLocked) {
        plan.due.extend(source(view, Action::CancelSource));
    }
    plan
}

fn takes_after_the_refund(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    let mut plan = plan(view, terms);
    if plan.status == Status::DestinationRefunded {
        plan.due = source(view, Action::WithdrawSource).into_iter().collect();
    }
    plan
}

fn takes_for_an_unconfirmed_payment(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    let mut plan = plan(view, terms);
    hurry(&mut plan, Action::WithdrawSource);
    plan
}

fn funds_an_unconfirmed_source(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    let mut plan = plan(view, terms);
    hurry(&mut plan, Action::FundDestination);
    plan
}

fn tells_the_secret_at_once(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    let mut plan = plan(view, terms);
    hurry(&mut plan, Action::WithdrawDestination);
    plan
}

fn forgets_a_missed_source(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    let mut plan = plan(view, terms);
    drop(&mut plan, Action::RescueSource);
    plan
}

fn sleeps_too_long(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    let mut plan = plan(view, terms);
    for due in &mut plan.due {
        if let When::Wake(wakes) = &mut due.when {
            let chain = due.key.chain;
            *wakes = vec![Wake::Height { chain, number: u64::MAX }];
        }
    }
    plan
}

fn always_says_later(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    let mut plan = plan(view, terms);
    for due in plan.due.iter_mut().filter(|due| due.key.action == Action::CancelSource) {
        let time = view.source_chain.next_time + 1;
        due.when = When::Wake(vec![Wake::Time { chain: due.key.chain, time }]);
    }
    plan
}

fn never_gives_a_fill_up(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    Plan { give_up_fill: false, ..plan(view, terms) }
}

fn calls_it_completed_too_early(view: &SwapView<'_>, terms: &Terms<'_>) -> Plan {
    let mut plan = plan(view, terms);
    if plan.status == Status::DestinationPaid {
        plan.status = Status::Completed;
    }
    plan
}

macro_rules! caught {
    ($($test:ident: $mutant:ident breaks $property:ident;)*) => {
        $(#[test]
        fn $test() {
            assert!(breaks(Dialect::Bmn4, $mutant, properties::$property), "the check does not bite");
        })*
    };
}

caught! {
    a_second_funding_under_another_key_is_caught:
        funds_under_another_key breaks NO_PATH_PAYS_TWICE;
    giving_a_paid_source_back_is_caught:
        gives_back_while_the_maker_can_be_paid breaks NO_PATH_PAYS_TWICE;
    taking_the_source_with_the_secret_alone_is_caught:
        takes_with_the_secret_alone breaks TAKEN_ONLY_WHEN_PAID;
    taking_the_source_for_an_unconfirmed_payment_is_caught:
        takes_for_an_unconfirmed_payment breaks TAKEN_ONLY_WHEN_PAID;
    giving_the_source_back_while_the_maker_can_be_paid_is_caught:
        gives_back_while_the_maker_can_be_paid breaks GIVEN_BACK_ONLY_UNPAID;
    taking_the_source_after_the_refund_is_caught:
        takes_after_the_refund breaks NEVER_VIOLATED_BY_US;
    funding_against_an_unconfirmed_source_is_caught:
        funds_an_unconfirmed_source breaks PROVED_CLAIM;
    telling_the_secret_before_both_are_confirmed_is_caught:
        tells_the_secret_at_once breaks SECRET_LATE;
    forgetting_a_missed_source_is_caught:
        forgets_a_missed_source breaks NEVER_FORGOTTEN;
    a_wake_that_never_comes_is_caught:
        sleeps_too_long breaks ALWAYS_WOKEN;
    putting_the_cancel_off_for_ever_is_caught:
        always_says_later breaks EVERY_PATH_ENDS;
    a_fill_that_is_never_given_up_is_caught:
        never_gives_a_fill_up breaks EVERY_PATH_ENDS;
    a_status_that_runs_ahead_is_caught:
        calls_it_completed_too_early breaks ONLY_ROWS;
}
