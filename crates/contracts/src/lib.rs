#![doc = include_str!("../README.md")]

mod abi;
pub mod artifacts;
pub mod bindings;
mod call;
pub mod calldata;
mod clone;
mod deployments;
mod error;
mod events;
mod extension;
mod extra_data;
mod fees;
mod fill_terms;
mod layouts;
mod merkle;
mod order;
mod order_draft;
mod order_file;
mod permission;
mod resolver;
mod revert;
mod topics;
mod traits;

pub use call::{Call, decode_calldata};
pub use clone::{
    EscrowImplementations, clone_address, destination_escrow, immutables_hash, proxy_bytecode_hash,
    proxy_init_code, source_escrow,
};
pub use deployments::{KNOWN_FACTORIES, KnownFactory, known_factory};
pub use error::{DecodeError, OrderError};
pub use events::{ContractEvent, Emitter, decode};
pub use extension::{Extension, ExtensionField};
pub use extra_data::{ExtraData, bmn_factory_timelocks, bmn23_factory_timelocks};
pub use fees::{DestinationFees, FeeTerms, Payout};
pub use fill_terms::{Admission, FillFee, FillRefusal, FillTerms, Openings, WhitelistEntry};
pub use merkle::{MerkleError, SecretTree, merkle_leaf, parts_of, required_secret, verify_secret};
pub use order::{LimitOrder, OrderDomain, OrderSignature, order_domain, recover_maker, sign_order};
pub use order_draft::OrderDraft;
pub use order_file::{FieldError, OrderFile, OrderFileError, OrderWords, ReadOrder, WireSignature};
pub use permission::{
    PublicAction, permission_digest, public_action_digest, public_action_document,
    recover_permission_signer, sign_permission,
};
pub use resolver::{InnerCall, MAX_INNER_CALLS, ResolverFill};
pub use revert::{KnownRevert, Retry, Revert, error_signature};
pub use topics::{EmitterKind, Identified, identify, topics};
pub use traits::{MakerTraits, TakerTraits};
