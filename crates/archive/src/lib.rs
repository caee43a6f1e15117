#![doc = include_str!("../README.md")]

mod canon;
mod check;
mod error;
mod events;
mod format;
pub mod generate;
mod progress;
mod reader;
mod receipt;
mod record;
mod resume;
mod rlp;
mod trailer;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub use check::{BlockProblem, check_block, receipts_root};
pub use error::{ArchiveError, Misfit, Place};
pub use events::Events;
pub use format::{FORMAT_VERSION, Flags, MAX_FRAME_BYTES, MAX_ROLLBACK, Preamble};
pub use progress::Totals;
pub use reader::{Ending, Reader};
pub use receipt::ReceiptView;
pub use record::{ArchivedBlock, ArchivedReceipt, Record, Rollback, Trust};
pub use resume::{ResumePoint, resume_point};
pub use trailer::{FrameEntry, Trailer};
pub use verify::{Report, verify};
pub use writer::{Writer, WriterOptions};
