#![doc = include_str!("../README.md")]

mod error;
mod filter;
mod fold;
mod indexer;
mod touched;

pub use error::IndexError;
pub use filter::LogFilter;
pub use fold::{fold_block, fold_filtered};
pub use indexer::{Applied, Indexer};
pub use touched::Touched;
