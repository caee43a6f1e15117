//! The timelock compiler: every window of a swap, every safe time to send, and whether all of it fits.
//!
//! [`Timetable::compile`] is pure. It takes one immutables tuple's times (or those of an order that is not
//! filled yet), what is known of both chains' speed, and gives a table for three uses. The plan does not go by it
//! yet: [`schedule`](crate::schedule) has a compiler of its own, and a property holds the two together.
//!
//! | use | function | meant for |
//! |---|---|---|
//! | refusal | [`Timetable::refusals`], [`Timetable::verdict`] | admission, the check before funding |
//! | scheduling | [`Timetable::slot`], [`Slot::state`] | the plan (not before, not after), the executor (fees) |
//! | alarms | [`Timetable::overdue`] | the plan's alarms, the sweep |
//!
//! Its `Display` is a table for people; `docs/timelocks.md` explains it.

mod basis;
mod clock;
mod faults;
mod sends;
mod slots;
mod table;
mod timetable;

pub use basis::{Basis, DestinationTimes, Progress, Times, Timing};
pub use faults::Fault;
pub use slots::{SendState, Slot, TimedAction};
pub use timetable::{Overdue, Role, Timetable, Verdict};
