//! The ledger of what was replayed of `bmn4`.

pub(crate) use crate::replay_bed::replay::*;

/// Recorded lists of logs that lack one event, although the recording shows that the contracts emit
/// it: `S1.fill` has the `SrcEscrowCreated` of a fill, the fact `createSrcEscrow events` has that of a
/// direct creation, `S4.aliceWithdraw`, `access.dstPublicWithdraw` and `S3.srcCancel` have the ends.
/// So it was lost in recording. Here it must be there exactly once, and the rest as recorded.
pub(crate) const DROPPED_BY_THE_RECORDER: [(&str, &str); 7] = [
    ("S1.dstWithdraw", "EscrowWithdrawal"),
    ("S2.publicWithdrawSigned", "EscrowWithdrawal"),
    ("S3.srcPublicCancelSigned", "EscrowCancelled"),
    ("access.srcPublicCancel", "EscrowCancelled"),
    ("S6.createSrcEscrow", "SrcEscrowCreated"),
    ("S10.fill(real takerAsset)", "SrcEscrowCreated"),
    ("S16.dirty", "SrcEscrowCreated"),
];
