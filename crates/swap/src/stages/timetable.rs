//! From a [`Basis`] to a [`Timetable`].

use super::{
    Basis, Fault, Slot, TimedAction,
    clock::{Clock, cut},
    faults::name,
};
use crate::Refusal;
use bmn_primitives::{Dialect, Leg, Stage, Window};
use serde::{Deserialize, Serialize};

/// Who would call a stage's function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// The escrow's taker: we, or our contract.
    Taker,
    /// A holder of the access token. Some factories have none; the timetable does not know.
    TokenHolder,
    /// Whoever a whitelisted resolver's signature names (BMN since v2.2). Permissions to cancel a
    /// destination are not among the windows: forged immutables open them at any time (`protocol.md` 11.3).
    PermitHolder,
}

/// Whether everything fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Verdict {
    /// Every step has time to spare, `slack` seconds at the tightest one. None when no step is left.
    Fits {
        /// The first of the tightest steps, and its slack in seconds.
        tightest: Option<(TimedAction, u64)>,
    },
    /// A step comes too late when everything before it is slow.
    Short {
        /// The first such step in the order of time.
        step: TimedAction,
        /// Seconds missing.
        seconds: u64,
    },
    /// The times themselves are wrong.
    Malformed {
        /// The first thing wrong with them.
        fault: Fault,
    },
}

/// A missing action that a person has to know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{action} is missing, {}", left(*.seconds_left))]
#[serde(rename_all = "camelCase")]
pub struct Overdue {
    /// What was not mined.
    pub action: TimedAction,
    /// Seconds until the contract refuses it; none when it never does.
    pub seconds_left: Option<u64>,
}

fn left(seconds: Option<u64>) -> String {
    match seconds {
        None => "and stays possible".to_owned(),
        Some(0) => "and its window is over".to_owned(),
        Some(seconds) => format!("{seconds} s before its window ends"),
    }
}

/// Every window and every safe time of a swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timetable {
    /// Dialect of the escrows.
    pub dialect: Dialect,
    /// Windows of the seven stages, in [`Stage::ALL`] order. Those of a destination that does not exist are
    /// the ones that we would choose or, in dialects that count from its creation, the latest ones.
    pub windows: [Window; 7],
    /// When each action that is still ahead can be sent, in the order of time.
    pub slots: Vec<Slot>,
    /// Latest end of the destination's withdrawal, unix seconds, that leaves the source its time: a payment
    /// in the last second before it is settled while the source can still be withdrawn.
    pub dst_cancellation_by: u64,
    /// Everything wrong with the times themselves.
    pub faults: Vec<Fault>,
    /// Whether everything fits.
    pub verdict: Verdict,
}

impl Timetable {
    /// Compiles the timetable. Any input gives one; times beyond 64 bits are cut to the largest.
    pub fn compile(basis: &Basis) -> Self {
        let clock = Clock::new(basis);
        let slots = clock.slots();
        let faults = clock.faults.clone();
        let verdict =
            faults.first().map_or_else(|| verdict(&slots), |&fault| Verdict::Malformed { fault });
        Self {
            dialect: basis.dialect,
            windows: clock.windows(),
            slots,
            dst_cancellation_by: cut(clock.dst_cancellation_by),
            faults,
            verdict,
        }
    }

    /// The window in which `role` can call the stage's function; none where the dialect has no such call
    /// for it.
    pub fn window(&self, stage: Stage, role: Role) -> Option<Window> {
        use Stage::{
            DstCancellation, DstPublicWithdrawal, DstWithdrawal, SrcCancellation,
            SrcPublicCancellation, SrcPublicWithdrawal, SrcWithdrawal,
        };
        let callable = match (stage, role) {
            (SrcWithdrawal | SrcCancellation | DstWithdrawal | DstCancellation, Role::Taker)
            | (
                SrcPublicWithdrawal | SrcPublicCancellation | DstPublicWithdrawal,
                Role::TokenHolder,
            ) => true,
            (
                SrcPublicWithdrawal | SrcPublicCancellation | DstPublicWithdrawal,
                Role::PermitHolder,
            ) => self.dialect.has_absolute_times(),
            _ => false,
        };
        callable.then(|| self.stage(stage))
    }

    /// The window of a stage, whoever calls.
    pub const fn stage(&self, stage: Stage) -> Window {
        self.windows[stage as usize]
    }

    /// The slot of an action; none when it is done, or the dialect has no such call.
    pub fn slot(&self, action: TimedAction) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.action == action)
    }

    /// True when every step has its time.
    pub const fn fits(&self) -> bool {
        matches!(self.verdict, Verdict::Fits { .. })
    }

    /// Every reason in these times against settling the order.
    pub fn refusals(&self) -> Vec<Refusal> {
        let late = shortfall(&self.slots).and_then(|(action, seconds)| {
            Some(Refusal::DoesNotFit { step: action.step()?, seconds })
        });
        self.faults.iter().map(Fault::refusal).chain(late).collect()
    }

    /// Those of the `missing` actions, wanted and not mined, of which a person has to be told. Each is
    /// measured in the time of its own chain.
    pub fn overdue(
        &self,
        source_now: u64,
        destination_now: u64,
        missing: &[TimedAction],
    ) -> Vec<Overdue> {
        let slots = missing.iter().filter_map(|action| self.slot(*action));
        slots
            .filter_map(|slot| {
                let now = match slot.action.leg() {
                    Leg::Source => source_now,
                    Leg::Destination => destination_now,
                };
                let end = slot.window.map_or(u64::MAX, |window| window.end);
                let seconds_left = (end < u64::MAX).then(|| end.saturating_sub(now));
                let told = slot.alarm_at.is_some_and(|at| now >= at);
                told.then_some(Overdue { action: slot.action, seconds_left })
            })
            .collect()
    }
}

/// The first step without time, else the tightest one.
fn verdict(slots: &[Slot]) -> Verdict {
    if let Some((step, seconds)) = shortfall(slots) {
        return Verdict::Short { step, seconds };
    }
    let steps = slots.iter().filter_map(|slot| Some((slot.action, slot.slack?.unsigned_abs())));
    Verdict::Fits { tightest: steps.min_by_key(|(_, slack)| *slack) }
}

/// The first step without time, and the seconds that it lacks.
fn shortfall(slots: &[Slot]) -> Option<(TimedAction, u64)> {
    let steps = slots.iter().filter_map(|slot| Some((slot.action, slot.slack?)));
    let mut late = steps.filter(|(_, slack)| *slack < 0);
    late.next().map(|(step, slack)| (step, slack.unsigned_abs()))
}

impl Timetable {
    /// Names and windows of the seven stages, for tables.
    pub(super) fn named_windows(&self) -> impl Iterator<Item = (&'static str, Window)> {
        Stage::ALL.into_iter().map(|stage| (name(stage), self.stage(stage)))
    }
}
