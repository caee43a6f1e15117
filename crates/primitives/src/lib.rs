#![doc = include_str!("../README.md")]

mod block;
mod class;
mod escrow;
mod ids;
mod secret;
mod timelocks;
mod words;

pub use block::{BlockRef, ChainId};
pub use class::ErrorClass;
pub use escrow::{Complement, Dialect, Immutables, Leg, UnknownDialect};
pub use ids::{OrderHash, OrderId, ParseIdError, SwapId};
pub use secret::{Hashlock, Secret, SecretFormatError};
pub use timelocks::{Stage, Timelocks, Window};
pub use words::{AddressWord, DirtyAddress, split_halves};
