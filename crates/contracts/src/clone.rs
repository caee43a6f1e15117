//! Where an escrow is: immutables hash, salt, EIP-1167 clone made with CREATE2.

use crate::bindings;
use alloy::{
    primitives::{Address, B256, keccak256},
    sol_types::SolValue,
};
use bmn_primitives::{Dialect, Immutables};
use serde::{Deserialize, Serialize};

/// The two contracts that a factory clones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EscrowImplementations {
    /// `ESCROW_SRC_IMPLEMENTATION()`.
    pub source: Address,
    /// `ESCROW_DST_IMPLEMENTATION()`.
    pub destination: Address,
}

impl EscrowImplementations {
    /// What the factory's constructor creates: nonces 1 and 2, in `oneinch1` 2 and 3 behind its fee
    /// bank. A factory whose getters say otherwise was deployed with foreign implementations, whose
    /// escrows look for another factory and lock funds for ever (`protocol.md` 11.14). All of `bmn1`
    /// and `bmn11` that are known are such: their specifications state the implementations.
    pub fn for_factory(dialect: Dialect, factory: Address) -> Self {
        let first = match dialect {
            Dialect::OneInch1 => 2,
            Dialect::Bmn1
            | Dialect::Bmn11
            | Dialect::Bmn23
            | Dialect::Bmn302
            | Dialect::Bmn4
            | Dialect::OneInch2 => 1,
        };
        Self { source: factory.create(first), destination: factory.create(first + 1) }
    }
}

/// The salt of an escrow: the hash over its immutables. The same struct hashes differently in each
/// dialect, so the dialect must be the factory's.
pub fn immutables_hash(dialect: Dialect, immutables: &Immutables) -> B256 {
    match dialect {
        Dialect::Bmn4 => keccak256(bindings::Immutables::from(immutables).abi_encode()),
        Dialect::OneInch2 => keccak256(struct_words(immutables)),
        Dialect::Bmn1 | Dialect::Bmn11 | Dialect::Bmn23 | Dialect::Bmn302 | Dialect::OneInch1 => {
            keccak256(&struct_words(immutables)[..8 * 32])
        }
    }
}

/// The eight static words and the hash of `parameters`, as EIP-712 encodes a struct's members.
fn struct_words(immutables: &Immutables) -> [u8; 9 * 32] {
    let words: [B256; 9] = [
        immutables.order_hash.0,
        immutables.hashlock.0,
        immutables.maker.0.into(),
        immutables.taker.0.into(),
        immutables.token.0.into(),
        immutables.amount.into(),
        immutables.safety_deposit.into(),
        immutables.timelocks.0.into(),
        keccak256(&immutables.parameters),
    ];
    let mut bytes = [0; 9 * 32];
    for (slot, word) in bytes.chunks_exact_mut(32).zip(words) {
        slot.copy_from_slice(word.as_slice());
    }
    bytes
}

/// Creation code of the EIP-1167 proxy to `implementation`.
pub fn proxy_init_code(implementation: Address) -> [u8; 55] {
    const HEAD: [u8; 20] = [
        0x3d, 0x60, 0x2d, 0x80, 0x60, 0x0a, 0x3d, 0x39, 0x81, 0xf3, 0x36, 0x3d, 0x3d, 0x37, 0x3d,
        0x3d, 0x3d, 0x36, 0x3d, 0x73,
    ];
    const TAIL: [u8; 15] =
        [0x5a, 0xf4, 0x3d, 0x82, 0x80, 0x3e, 0x90, 0x3d, 0x91, 0x60, 0x2b, 0x57, 0xfd, 0x5b, 0xf3];
    let mut code = [0; 55];
    code[..20].copy_from_slice(&HEAD);
    code[20..40].copy_from_slice(implementation.as_slice());
    code[40..].copy_from_slice(&TAIL);
    code
}

/// `PROXY_BYTECODE_HASH` of an implementation.
pub fn proxy_bytecode_hash(implementation: Address) -> B256 {
    keccak256(proxy_init_code(implementation))
}

/// Address of the clone of `implementation` that `factory` makes with `salt`.
pub fn clone_address(factory: Address, implementation: Address, salt: B256) -> Address {
    factory.create2(salt, proxy_bytecode_hash(implementation))
}

/// Address of the source escrow with these immutables.
pub fn source_escrow(
    dialect: Dialect,
    factory: Address,
    implementations: &EscrowImplementations,
    immutables: &Immutables,
) -> Address {
    clone_address(factory, implementations.source, immutables_hash(dialect, immutables))
}

/// Address of the destination escrow with these immutables. Where orders carry offsets (1inch, `bmn1`,
/// `bmn11`) the factory writes the creation block's time into `timelocks` first: pass that time.
pub fn destination_escrow(
    dialect: Dialect,
    factory: Address,
    implementations: &EscrowImplementations,
    immutables: &Immutables,
) -> Address {
    clone_address(factory, implementations.destination, immutables_hash(dialect, immutables))
}
