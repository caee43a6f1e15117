#![doc = include_str!("../README.md")]

mod backfill;
mod derivation;
mod doubt;
mod error;
mod filter;
mod fold;
mod indexer;
mod rebuild;
mod retention;
mod touched;

pub use backfill::{Backfill, Pace, Share};
pub use derivation::Derivation;
pub use error::IndexError;
pub use filter::LogFilter;
pub use fold::{fold_block, fold_filtered};
pub use indexer::{Applied, Indexer};
pub use touched::Touched;
