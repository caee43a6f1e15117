//! A persistent Merkle Patricia trie over hashed keys.
//!
//! Nodes are shared between versions and remember their own hash, so keeping one version a block
//! costs what the block changed, and so does its root.

use alloy::primitives::{B256, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles, TrieMask,
    nodes::{BranchNodeRef, ExtensionNodeRef, LeafNodeRef, RlpNode},
};
use std::sync::{Arc, OnceLock};

/// What a leaf holds.
pub(crate) trait TrieValue: Clone {
    /// RLP of the value, as it goes into the leaf.
    fn rlp(&self) -> Vec<u8>;
}

/// A map from 32-byte hashed keys to values with a Merkle root. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Trie<V>(Option<Arc<Node<V>>>);

#[derive(Debug)]
struct Node<V> {
    kind: Kind<V>,
    /// RLP of the node itself when shorter than a hash, else its hash; filled when first asked.
    reference: OnceLock<RlpNode>,
}

#[derive(Debug, Clone)]
enum Kind<V> {
    Leaf {
        path: Nibbles,
        value: V,
    },
    Extension {
        path: Nibbles,
        child: Arc<Node<V>>,
    },
    /// Keys have one length, so a branch holds no value; it always has two children or more.
    Branch {
        children: Children<V>,
    },
}

type Children<V> = Box<[Option<Arc<Node<V>>>; 16]>;

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V: TrieValue> Trie<V> {
    pub(crate) fn get(&self, key: &B256) -> Option<&V> {
        let path = Nibbles::unpack(key);
        let mut node = self.0.as_ref()?;
        let mut at = 0;
        loop {
            match &node.kind {
                Kind::Leaf { path: rest, value } => {
                    return (path.slice(at..) == *rest).then_some(value);
                }
                Kind::Extension { path: shared, child } => {
                    if !path.slice(at..).starts_with(shared) {
                        return None;
                    }
                    at += shared.len();
                    node = child;
                }
                Kind::Branch { children } => {
                    node = children[usize::from(path.get(at)?)].as_ref()?;
                    at += 1;
                }
            }
        }
    }

    pub(crate) fn insert(&mut self, key: &B256, value: V) {
        let path = Nibbles::unpack(key);
        self.0 = Some(match &self.0 {
            None => leaf(path, value),
            Some(root) => insert(root, path, value),
        });
    }

    pub(crate) fn remove(&mut self, key: &B256) {
        if let Some(root) = &self.0
            && let Some(rest) = remove(root, Nibbles::unpack(key))
        {
            self.0 = rest;
        }
    }

    pub(crate) fn root(&self) -> B256 {
        let Some(root) = &self.0 else { return EMPTY_ROOT_HASH };
        let reference = root.reference();
        // The root is always hashed, even where a child of its size would be embedded.
        reference.as_hash().unwrap_or_else(|| keccak256(reference.as_slice()))
    }

    /// Every entry, ordered by hashed key.
    pub(crate) fn entries(&self) -> Vec<(B256, &V)> {
        let mut entries = Vec::new();
        if let Some(root) = &self.0 {
            collect(root, Nibbles::default(), &mut entries);
        }
        entries
    }
}

fn collect<'a, V>(node: &'a Node<V>, prefix: Nibbles, entries: &mut Vec<(B256, &'a V)>) {
    match &node.kind {
        Kind::Leaf { path, value } => {
            entries.push((B256::from_slice(&prefix.join(path).pack()), value));
        }
        Kind::Extension { path, child } => collect(child, prefix.join(path), entries),
        Kind::Branch { children } => {
            for (nibble, child) in (0u8..).zip(children.iter()) {
                if let Some(child) = child {
                    let mut prefix = prefix;
                    prefix.push(nibble);
                    collect(child, prefix, entries);
                }
            }
        }
    }
}

impl<V: TrieValue> Node<V> {
    fn reference(&self) -> &RlpNode {
        self.reference.get_or_init(|| {
            let mut rlp = Vec::new();
            match &self.kind {
                Kind::Leaf { path, value } => LeafNodeRef::new(path, &value.rlp()).rlp(&mut rlp),
                Kind::Extension { path, child } => {
                    ExtensionNodeRef::new(path, child.reference()).rlp(&mut rlp)
                }
                Kind::Branch { children } => {
                    let mut mask = TrieMask::default();
                    let mut stack = Vec::new();
                    for (nibble, child) in (0u8..).zip(children.iter()) {
                        if let Some(child) = child {
                            mask.set_bit(nibble);
                            stack.push(child.reference().clone());
                        }
                    }
                    BranchNodeRef::new(&stack, mask).rlp(&mut rlp)
                }
            }
        })
    }
}

fn node<V>(kind: Kind<V>) -> Arc<Node<V>> {
    Arc::new(Node { kind, reference: OnceLock::new() })
}

fn leaf<V>(path: Nibbles, value: V) -> Arc<Node<V>> {
    node(Kind::Leaf { path, value })
}

/// `child` below `path`, without an extension for an empty path.
fn extend<V>(path: Nibbles, child: Arc<Node<V>>) -> Arc<Node<V>> {
    if path.is_empty() { child } else { node(Kind::Extension { path, child }) }
}

/// A branch of two nodes whose paths part after `shared` nibbles.
fn fork<V>(
    shared: Nibbles,
    (left, left_node): (u8, Arc<Node<V>>),
    (right, right_node): (u8, Arc<Node<V>>),
) -> Arc<Node<V>> {
    let mut children: Children<V> = Box::default();
    children[usize::from(left)] = Some(left_node);
    children[usize::from(right)] = Some(right_node);
    extend(shared, node(Kind::Branch { children }))
}

fn insert<V: TrieValue>(at: &Arc<Node<V>>, path: Nibbles, value: V) -> Arc<Node<V>> {
    match &at.kind {
        Kind::Leaf { path: old, .. } if *old == path => leaf(path, value),
        Kind::Leaf { path: old, value: old_value } => {
            let shared = path.common_prefix_length(old);
            fork(
                path.slice(..shared),
                (old.get_unchecked(shared), leaf(old.slice(shared + 1..), old_value.clone())),
                (path.get_unchecked(shared), leaf(path.slice(shared + 1..), value)),
            )
        }
        Kind::Extension { path: old, child } => {
            let shared = path.common_prefix_length(old);
            if shared == old.len() {
                return extend(*old, insert(child, path.slice(shared..), value));
            }
            fork(
                path.slice(..shared),
                (old.get_unchecked(shared), extend(old.slice(shared + 1..), child.clone())),
                (path.get_unchecked(shared), leaf(path.slice(shared + 1..), value)),
            )
        }
        Kind::Branch { children } => {
            let index = usize::from(path.get_unchecked(0));
            let rest = path.slice(1..);
            let mut children = children.clone();
            children[index] = Some(match &children[index] {
                None => leaf(rest, value),
                Some(child) => insert(child, rest, value),
            });
            node(Kind::Branch { children })
        }
    }
}

/// `None` when the key is not there, else what is left of the node.
fn remove<V: TrieValue>(at: &Arc<Node<V>>, path: Nibbles) -> Option<Option<Arc<Node<V>>>> {
    match &at.kind {
        Kind::Leaf { path: old, .. } => (*old == path).then_some(None),
        Kind::Extension { path: old, child } => {
            if !path.starts_with(old) {
                return None;
            }
            let rest = remove(child, path.slice(old.len()..))?;
            Some(rest.map(|child| prepend(*old, &child)))
        }
        Kind::Branch { children } => {
            let index = usize::from(path.get(0)?);
            let rest = remove(children[index].as_ref()?, path.slice(1..))?;
            let mut children = children.clone();
            children[index] = rest;
            Some(shrink(children))
        }
    }
}

/// A branch with one child left is no branch any more.
fn shrink<V: Clone>(children: Children<V>) -> Option<Arc<Node<V>>> {
    let mut left = (0u8..).zip(children.iter()).filter_map(|(i, c)| c.as_ref().map(|c| (i, c)));
    match (left.next(), left.next()) {
        (None, _) => None,
        (Some((nibble, child)), None) => {
            let mut path = Nibbles::default();
            path.push(nibble);
            Some(prepend(path, child))
        }
        _ => Some(node(Kind::Branch { children })),
    }
}

fn prepend<V: Clone>(path: Nibbles, child: &Arc<Node<V>>) -> Arc<Node<V>> {
    match &child.kind {
        Kind::Leaf { path: rest, value } => leaf(path.join(rest), value.clone()),
        Kind::Extension { path: rest, child } => extend(path.join(rest), child.clone()),
        Kind::Branch { .. } => extend(path, child.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::U256;
    use alloy_trie::root::storage_root;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_root_is_that_of_the_map_after_any_changes(
            steps in prop::collection::vec((0u8..40, 0u64..3), 0..120)
        ) {
            let mut trie = Trie::default();
            let mut map = BTreeMap::new();
            let mut versions = Vec::new();
            for (key, value) in steps {
                // Keys that share long prefixes make extensions.
                let mut hashed = [0x11u8; 32];
                hashed[usize::from(key % 8) * 4] = key;
                let hashed = B256::from(hashed);
                if value == 0 {
                    trie.remove(&hashed);
                    map.remove(&hashed);
                } else {
                    trie.insert(&hashed, U256::from(value));
                    map.insert(hashed, U256::from(value));
                }
                versions.push((trie.clone(), map.clone()));
            }
            for (trie, map) in versions {
                let root = storage_root(map.iter().map(|(k, v)| (*k, *v)));
                prop_assert_eq!(trie.root(), root);
                let entries: BTreeMap<_, _> =
                    trie.entries().into_iter().map(|(k, v)| (k, *v)).collect();
                prop_assert_eq!(&entries, &map);
                for (key, value) in &map {
                    prop_assert_eq!(trie.get(key), Some(value));
                }
            }
        }
    }
}
