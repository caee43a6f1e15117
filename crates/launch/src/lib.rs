#![doc = include_str!("../README.md")]

pub mod access;
mod checks;
mod error;
pub mod files;
pub mod hosts;
pub mod keys;
mod open;

pub use checks::check_contracts;
pub use error::{LaunchError, in_one_line};
pub use open::{PRICES_EVERY, mode_of, open, price_book, read_config};
