//! Orders that are filled in parts (1inch): one secret a part, in a Merkle tree.
//!
//! N parts have N + 1 secrets. The order's hashlock word holds N and 240 bits of the root; each fill
//! proves the secret hash that its share of the order asks for (`protocol.md` section 13).

use alloy::primitives::{B256, U256, U512, keccak256};
use bmn_primitives::Hashlock;

/// What the order asks for instead of this fill or proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MerkleError {
    /// A tree needs at least three leaves: an order with parts has at least two.
    #[error("{0} secrets: an order in parts has at least 3 and at most 65536")]
    Secrets(usize),
    /// There is no such leaf.
    #[error("leaf {index}: the tree has {leaves}")]
    Leaf {
        /// Asked for.
        index: usize,
        /// Leaves in the tree.
        leaves: usize,
    },
    /// The fill does not reach the next part (`InvalidPartialFill`), or its amounts are impossible.
    #[error("making {making} with {remaining} of {order} left reaches no new one of {parts} parts")]
    PartialFill {
        /// Making amount of the whole order.
        order: U256,
        /// What is left before the fill.
        remaining: U256,
        /// Making amount of the fill.
        making: U256,
        /// Parts.
        parts: u16,
    },
}

impl MerkleError {
    /// The order and the fill are what they are.
    pub const fn class(&self) -> bmn_primitives::ErrorClass {
        bmn_primitives::ErrorClass::Permanent
    }
}

/// The leaf of a secret: `keccak256(abi.encodePacked(uint64 index, bytes32 secretHash))`.
pub fn merkle_leaf(index: u64, secret_hash: Hashlock) -> B256 {
    keccak256([&index.to_be_bytes()[..], secret_hash.0.as_slice()].concat())
}

fn parent(left: B256, right: B256) -> B256 {
    let (low, high) = if left <= right { (left, right) } else { (right, left) };
    keccak256([low.0, high.0].concat())
}

/// The tree over an order's secret hashes, as OpenZeppelin's `SimpleMerkleTree` builds it: leaves
/// sorted, pairs sorted before they are hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretTree {
    /// The root first, the sorted leaves last and backwards; children of `i` at `2i + 1`, `2i + 2`.
    nodes: Vec<B256>,
    /// Place of each secret's leaf in `nodes`.
    places: Vec<usize>,
}

impl SecretTree {
    /// Builds the tree. `secret_hashes` are in the order of their parts.
    ///
    /// # Errors
    /// [`MerkleError::Secrets`] for fewer than three or more than 65 536.
    pub fn new(secret_hashes: &[Hashlock]) -> Result<Self, MerkleError> {
        let count = secret_hashes.len();
        if !(3..=usize::from(u16::MAX) + 1).contains(&count) {
            return Err(MerkleError::Secrets(count));
        }
        let mut leaves: Vec<(B256, usize)> = (0_u64..)
            .zip(secret_hashes)
            .map(|(index, hash)| merkle_leaf(index, *hash))
            .zip(0..)
            .collect();
        leaves.sort_unstable();
        let mut nodes = vec![B256::ZERO; 2 * count - 1];
        let mut places = vec![0; count];
        for (sorted, (leaf, index)) in leaves.into_iter().enumerate() {
            let place = nodes.len() - 1 - sorted;
            nodes[place] = leaf;
            places[index] = place;
        }
        for place in (0..count - 1).rev() {
            nodes[place] = parent(nodes[2 * place + 1], nodes[2 * place + 2]);
        }
        Ok(Self { nodes, places })
    }

    /// The root.
    pub fn root(&self) -> B256 {
        self.nodes[0]
    }

    /// The order's hashlock word: the number of parts above 240 bits of the root.
    pub fn hashlock_word(&self) -> Hashlock {
        let parts = U256::from(self.places.len() - 1) << 240;
        Hashlock(B256::from(parts | root_bits(self.root())))
    }

    /// The proof of a secret's leaf, from its sibling upwards.
    ///
    /// # Errors
    /// [`MerkleError::Leaf`] when there is no such secret.
    pub fn proof(&self, index: usize) -> Result<Vec<B256>, MerkleError> {
        let leaves = self.places.len();
        let mut place = *self.places.get(index).ok_or(MerkleError::Leaf { index, leaves })?;
        let mut proof = Vec::new();
        while place > 0 {
            let sibling = if place % 2 == 0 { place - 1 } else { place + 1 };
            proof.push(self.nodes[sibling]);
            place = (place - 1) / 2;
        }
        Ok(proof)
    }
}

fn root_bits(root: B256) -> U256 {
    U256::from_be_bytes(root.0) & (U256::MAX >> 16)
}

/// The number of parts in an order's hashlock word.
pub fn parts_of(hashlock_word: Hashlock) -> u16 {
    u16::from_be_bytes([hashlock_word.0[0], hashlock_word.0[1]])
}

/// Whether `proof` leads from the secret hash of `index` to the root in the order's hashlock word, as
/// the factory checks it.
pub fn verify_secret(
    hashlock_word: Hashlock,
    index: u64,
    secret_hash: Hashlock,
    proof: &[B256],
) -> bool {
    let root = proof.iter().fold(merkle_leaf(index, secret_hash), |node, next| parent(node, *next));
    root_bits(root) == root_bits(hashlock_word.0)
}

/// The index of the secret that a fill must use: by the share of the order that is filled after it.
///
/// # Errors
/// [`MerkleError::PartialFill`] when the fill stays within a part whose secret an earlier fill used, or
/// when the amounts cannot be those of a fill.
pub fn required_secret(
    order: U256,
    remaining: U256,
    making: U256,
    parts: u16,
) -> Result<u64, MerkleError> {
    let refused = MerkleError::PartialFill { order, remaining, making, parts };
    let filled = order.checked_sub(remaining).ok_or(refused)?;
    if making.is_zero() || making > remaining || parts < 2 {
        return Err(refused);
    }
    // (filled - 1) * parts / order, in 512 bits: no amount may wrap.
    let part = |filled: U256| {
        let scaled = U512::from(filled - U256::ONE) * U512::from(parts);
        (scaled / U512::from(order)).saturating_to::<u64>()
    };
    let reached = part(filled + making);
    if making == remaining {
        return Ok(reached + 1);
    }
    if !filled.is_zero() && part(filled) == reached {
        return Err(refused);
    }
    Ok(reached)
}
