//! reth with the Bridge-Me-Not resolver inside, as an execution extension. `docs/reth.md` explains the
//! adapter, its fault table and what it costs.
//!
//! Everything that decides is in `bmn-embed`, which knows nothing of reth. What is here translates:
//! [`notify`] reads notifications, [`provider`] storage, [`client`] acts, [`rejection`] names refusals,
//! [`exex`] is the extension's future, [`chain`] and [`node`] bring them together, [`cli`] has the flags, [`dev`] the network of a development node.

pub mod chain;
pub mod cli;
pub mod client;
pub mod dev;
pub mod exex;
pub mod node;
pub mod notify;
pub mod provider;
pub mod rejection;
