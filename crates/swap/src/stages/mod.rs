//! The timelock compiler: every window of a swap, every safe time to send, and whether all of it fits.
//!
//! [`Timetable::compile`] is pure. It takes one immutables tuple's times (or those of an order that is not
//! filled yet), what is known of both chains' speed, and gives a table for three uses.
//! [`timetable`](crate::timetable) makes it of a swap as it stands.
//!
//! | use | function | asked by |
//! |---|---|---|
//! | refusal | [`Timetable::refusals`], [`Timetable::verdict`] | admission, the check before funding |
//! | scheduling | [`Timetable::slot`], [`Timetable::stage`] | the plan (not before, not after), the deadlines of jobs |
//! | alarms | [`Timetable::overdue`] | the plan's alarms |
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
