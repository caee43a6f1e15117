//! What the recordings of the BMN factories have in common, played on the contracts of the test that
//! includes this: its `net` deploys them, its `own` knows where the dialects differ.

pub(crate) mod administration;
pub(crate) mod deposits;
pub(crate) mod endings;
pub(crate) mod escrows;
pub(crate) mod fills;
pub(crate) mod happy;
pub(crate) mod orders;
pub(crate) mod quirks;
