#![doc = include_str!("../README.md")]

pub mod access;
mod alerts;
mod checks;
mod error;
pub mod files;
mod history;
pub mod hosts;
pub mod keys;
mod open;
mod reload;
pub mod secrets;
mod tree;
mod upkeep;
mod watch_file;

pub use alerts::{NodeAlerts, WEBHOOK, alert_settings};
pub use checks::check_contracts;
pub use error::{LaunchError, in_one_line};
pub use history::{HISTORY_DIRECTORY, History, MOST_KEPT, Outcome, Version, replace};
pub use open::{ConfigSource, LoadedFile, PRICES_EVERY, mode_of, open, price_book, read_config};
pub use reload::{Live, LivePart, Reloaded};
pub use tree::{STOPS_WITHIN, Tree};
pub use upkeep::{live_schedules, records, upkeep};
pub use watch_file::ConfigWatch;
