#![doc = include_str!("../README.md")]

mod error;
mod fold;
mod indexer;
mod touched;

pub use error::IndexError;
pub use fold::fold_block;
pub use indexer::{Applied, Indexer};
pub use touched::Touched;
