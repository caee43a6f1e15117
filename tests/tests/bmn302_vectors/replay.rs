//! The ledger of what was replayed of `bmn302`.

pub(crate) use crate::replay_bed::replay::*;

/// Recorded lists of logs that lack one event, although the recording shows that the contracts emit
/// it: `S11.createDst(native)` has the creation of a destination, `S1.srcWithdraw` and
/// `S3.srcPublicCancelSigned` have the ends. The rescue's is in the recording of `bmn4`. So it was lost
/// in recording. Here it must be there exactly once, and the rest as recorded.
pub(crate) const DROPPED_BY_THE_RECORDER: [(&str, &str); 4] = [
    ("S1.createDst", "DstEscrowCreated"),
    ("S2.withdrawTo", "EscrowWithdrawal"),
    ("S3.srcCancel", "EscrowCancelled"),
    ("S5.rescue", "FundsRescued"),
];
