//! The properties, and the whole exploration.

use crate::FAULTS;
use crate::model::{Check, State, Step};
use crate::setting::{PlanFn, Stand};
use bmn_primitives::Dialect;
use bmn_swap::Status;
use stateright::{Checker, HasDiscoveries, Model, Property};

pub(crate) const NO_PATH_PAYS_TWICE: &str = "no path pays twice";
pub(crate) const TAKEN_ONLY_WHEN_PAID: &str = "the source is ours only after the maker was paid";
pub(crate) const GIVEN_BACK_ONLY_UNPAID: &str =
    "the source is given back only when nobody can be paid";
pub(crate) const NEVER_VIOLATED_BY_US: &str = "nothing of ours makes it violated or lost";
pub(crate) const PROVED_CLAIM: &str = "a destination is funded only against a confirmed source";
pub(crate) const SECRET_LATE: &str = "the secret is used only when both escrows are confirmed";
pub(crate) const NEVER_FORGOTTEN: &str = "no escrow is forgotten";
pub(crate) const ALWAYS_WOKEN: &str = "nothing becomes due without a wake before it";
pub(crate) const EVERY_PATH_ENDS: &str = "every path ends";
pub(crate) const ONLY_ROWS: &str = "every change of status is a row of the table";

impl Model for Check {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        // Only where an order has absolute times may its maker create the source himself.
        let direct = self.setting.dialect.has_absolute_times().then(|| self.start(true));
        [self.start(false)].into_iter().chain(direct).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Step>) {
        self.steps(state, actions);
    }

    fn next_state(&self, last: &State, action: Step) -> Option<State> {
        Some(self.next(last, action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = always();
        all.extend(sometimes());
        all
    }
}

fn always() -> Vec<Property<Check>> {
    vec![
        Property::always(NO_PATH_PAYS_TWICE, |_, state: &State| {
            let [source, destination] = state.escrows;
            let given = source.stand == Stand::Cancelled && source.by_us;
            !(state.sins.paid_twice || given && destination.stand == Stand::Withdrawn)
        }),
        Property::always(TAKEN_ONLY_WHEN_PAID, |_, state: &State| !state.sins.took_unpaid),
        Property::always(GIVEN_BACK_ONLY_UNPAID, |_, state: &State| !state.sins.gave_early),
        Property::always(NEVER_VIOLATED_BY_US, |check: &Check, state: &State| {
            let status = check.setting.outcome(&state.seen).status;
            let by_us = state.seen.escrows[0].by_us;
            !(by_us && matches!(status, Status::Violated | Status::Lost))
        }),
        Property::always(PROVED_CLAIM, |_, state: &State| {
            let [source, destination] = state.escrows;
            let bare = destination.stand == Stand::Open && source.stand == Stand::Absent;
            !state.sins.unproved && !bare
        }),
        Property::always(SECRET_LATE, |_, state: &State| !state.sins.told_early),
        Property::always(NEVER_FORGOTTEN, is_looked_after),
        Property::always(ALWAYS_WOKEN, is_woken),
        Property::always(EVERY_PATH_ENDS, |check: &Check, state: &State| check.ends(state)),
        Property::always(ONLY_ROWS, |_, state: &State| !state.sins.off_the_table),
    ]
}

fn stands(state: &State) -> bool {
    state.seen.escrows.iter().any(|escrow| escrow.stand == Stand::Open)
}

fn is_looked_after(check: &Check, state: &State) -> bool {
    let outcome = check.setting.outcome(&state.seen);
    let live = state.intents.iter().any(|intent| *intent != crate::model::Intent::None);
    let coming = !outcome.wakes.is_empty() && !outcome.wakes_at(state.seen.heads);
    !stands(state) || live || !outcome.now.is_empty() || coming
}

// One block later with nothing in it: what is due then and was not before must have been waited for.
fn is_woken(check: &Check, state: &State) -> bool {
    let now = check.setting.outcome(&state.seen);
    (0..2).all(|chain| {
        let mut later = state.seen;
        later.heads[chain] += 1;
        later.escrows[chain].fresh_end = false;
        if chain == 1 && !check.setting.counts_from_creation() {
            later.escrows[1].made = 0;
        }
        let then = check.setting.outcome(&later);
        let new = then.now.iter().any(|act| !now.now.contains(act));
        !new || now.wakes_at(later.heads)
    })
}

/// Statuses that the check must come across, or it has checked nothing. `refused` and `refunding` need a
/// refused order; `exposed` cannot be reached while reorgs are no deeper than the confirmations.
fn sometimes() -> Vec<Property<Check>> {
    macro_rules! reached {
        ($($status:ident)*) => {
            vec![$(Property::sometimes(Status::$status.name(), |check: &Check, state: &State| {
                check.setting.outcome(&state.seen).status == Status::$status
            })),*]
        };
    }
    let mut all = reached!(
        Accepted SourceLocked BothLocked SecretKnown DestinationPaid DestinationRefunded
        DestinationStranded Completed Cancelled Void Lost Violated Owing
    );
    all.push(Property::sometimes("a missed source is rescued", |_, state: &State| {
        state.escrows[0].stand == Stand::Rescued && state.escrows[1].stand == Stand::Withdrawn
    }));
    all
}

/// The names of all properties that must always hold.
pub(crate) fn names() -> Vec<&'static str> {
    always().into_iter().map(|property| property.name).collect()
}

/// How much was explored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) states: usize,
    pub(crate) views: usize,
    pub(crate) steps: usize,
    pub(crate) depth: usize,
    pub(crate) properties: usize,
}

/// Explores everything.
pub(crate) fn explore(dialect: Dialect, planner: PlanFn) -> Size {
    let checker = Check::new(dialect, planner, FAULTS).checker().threads(1).spawn_bfs().join();
    let broken: Vec<_> =
        checker.discoveries().into_iter().filter(|(name, _)| names().contains(name)).collect();
    let told = broken.iter().map(|(name, path)| format!("not true: {name}\n{}", trace(path)));
    assert!(broken.is_empty(), "{}", told.collect::<String>());
    checker.assert_properties();
    Size {
        views: checker.model().setting.views(),
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        properties: checker.model().properties().len(),
    }
}

/// Explores until this property is broken.
pub(crate) fn breaks(dialect: Dialect, planner: PlanFn, name: &'static str) -> bool {
    let only = HasDiscoveries::AnyOf([name].into());
    let checker =
        Check::new(dialect, planner, 0).checker().threads(1).finish_when(only).spawn_bfs().join();
    checker.discovery(name).is_some()
}

fn trace(path: &stateright::Path<State, Step>) -> String {
    let stand = |state: &State| state.escrows.map(|escrow| escrow.stand);
    path.clone()
        .into_vec()
        .iter()
        .map(|(state, step)| format!("{:?} {:?} then {step:?}\n", state.heads, stand(state)))
        .collect()
}
