//! A persistent Merkle Patricia trie over hashed keys.
//!
//! Nodes are shared between versions, so keeping one version a block costs what the block changed, and so
//! does its root. Every account that ever was stays in memory: nodes are as small as their kind allows.

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
#[derive(Debug)]
pub(crate) struct Trie<V>(Option<Node<V>>);

/// A shared node. The kinds lie apart, or the many leaves and the few extensions would decide each other's size.
#[derive(Debug)]
enum Node<V> {
    Leaf(Arc<Leaf<V>>),
    Inner(Arc<Inner<V>>),
}

/// Does not remember its hash: one block of Keccak finds it again, and most of a trie is leaves.
#[derive(Debug)]
struct Leaf<V> {
    path: Nibbles,
    value: V,
}

#[derive(Debug)]
struct Inner<V> {
    kind: Kind<V>,
    /// RLP of the node itself when shorter than a hash, else its hash; filled when first asked.
    reference: OnceLock<RlpNode>,
}

#[derive(Debug)]
enum Kind<V> {
    Extension(Box<(Nibbles, Node<V>)>),
    Branch(Branch<V>),
}

/// Keys have one length, so a branch holds no value; it always has two children or more.
#[derive(Debug, Clone)]
struct Branch<V> {
    /// The nibbles that have a child.
    mask: TrieMask,
    /// The children there are, by nibble.
    children: Box<[Node<V>]>,
}

impl<V> Clone for Trie<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V> Clone for Node<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Leaf(leaf) => Self::Leaf(leaf.clone()),
            Self::Inner(inner) => Self::Inner(inner.clone()),
        }
    }
}

impl<V: Clone> Trie<V> {
    pub(crate) fn get(&self, key: &B256) -> Option<&V> {
        let path = Nibbles::unpack(key);
        let mut node = self.0.as_ref()?;
        let mut at = 0;
        loop {
            let kind = match node {
                Node::Leaf(leaf) => {
                    return (path.slice(at..) == leaf.path).then_some(&leaf.value);
                }
                Node::Inner(inner) => &inner.kind,
            };
            match kind {
                Kind::Extension(extension) => {
                    let (shared, child) = &**extension;
                    if !path.slice(at..).starts_with(shared) {
                        return None;
                    }
                    at += shared.len();
                    node = child;
                }
                Kind::Branch(branch) => {
                    node = branch.child(path.get(at)?)?;
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

    /// Every entry, ordered by hashed key.
    pub(crate) fn entries(&self) -> Vec<(B256, &V)> {
        let mut entries = Vec::new();
        if let Some(root) = &self.0 {
            collect(root, Nibbles::default(), &mut entries);
        }
        entries
    }
}

impl<V: TrieValue> Trie<V> {
    pub(crate) fn root(&self) -> B256 {
        let Some(root) = &self.0 else { return EMPTY_ROOT_HASH };
        let reference = root.reference();
        // The root is always hashed, even where a child of its size would be embedded.
        reference.as_hash().unwrap_or_else(|| keccak256(reference.as_slice()))
    }
}

fn collect<'a, V>(node: &'a Node<V>, prefix: Nibbles, entries: &mut Vec<(B256, &'a V)>) {
    let kind = match node {
        Node::Leaf(leaf) => {
            entries.push((B256::from_slice(&prefix.join(&leaf.path).pack()), &leaf.value));
            return;
        }
        Node::Inner(inner) => &inner.kind,
    };
    match kind {
        Kind::Extension(extension) => collect(&extension.1, prefix.join(&extension.0), entries),
        Kind::Branch(branch) => {
            for (nibble, child) in branch.iter() {
                let mut prefix = prefix;
                prefix.push(nibble);
                collect(child, prefix, entries);
            }
        }
    }
}

impl<V: TrieValue> Node<V> {
    fn reference(&self) -> RlpNode {
        match self {
            Self::Leaf(leaf) => {
                LeafNodeRef::new(&leaf.path, &leaf.value.rlp()).rlp(&mut Vec::new())
            }
            Self::Inner(inner) => inner.reference.get_or_init(|| inner.kind.reference()).clone(),
        }
    }
}

impl<V: TrieValue> Kind<V> {
    fn reference(&self) -> RlpNode {
        let mut rlp = Vec::new();
        match self {
            Self::Extension(extension) => {
                ExtensionNodeRef::new(&extension.0, &extension.1.reference()).rlp(&mut rlp)
            }
            Self::Branch(Branch { mask, children }) => {
                let stack: Vec<_> = children.iter().map(Node::reference).collect();
                BranchNodeRef::new(&stack, *mask).rlp(&mut rlp)
            }
        }
    }
}

impl<V> Branch<V> {
    /// Where the child of a nibble is among the children, or would be.
    fn place(&self, nibble: u8) -> usize {
        let lower = (1u16 << nibble) - 1;
        (self.mask.get() & lower).count_ones() as usize
    }

    fn child(&self, nibble: u8) -> Option<&Node<V>> {
        self.mask.is_bit_set(nibble).then(|| &self.children[self.place(nibble)])
    }

    fn iter(&self) -> impl Iterator<Item = (u8, &Node<V>)> {
        (0u8..16).filter(|nibble| self.mask.is_bit_set(*nibble)).zip(&self.children)
    }

    /// The branch with another child for a nibble, or with none.
    fn with(&self, nibble: u8, child: Option<Node<V>>) -> Self {
        let (before, after) = self.children.split_at(self.place(nibble));
        let after = &after[usize::from(self.mask.is_bit_set(nibble))..];
        let mut mask = self.mask;
        match child {
            Some(_) => mask.set_bit(nibble),
            None => mask.unset_bit(nibble),
        }
        let children = before.iter().cloned().chain(child).chain(after.iter().cloned());
        // The count is known, so that nothing is allocated beyond it.
        let mut exact = Vec::with_capacity(usize::from(mask.count_bits()));
        exact.extend(children);
        Self { mask, children: exact.into_boxed_slice() }
    }
}

fn leaf<V>(path: Nibbles, value: V) -> Node<V> {
    Node::Leaf(Arc::new(Leaf { path, value }))
}

fn inner<V>(kind: Kind<V>) -> Node<V> {
    Node::Inner(Arc::new(Inner { kind, reference: OnceLock::new() }))
}

/// `child` below `path`, without an extension for an empty path.
fn extend<V>(path: Nibbles, child: Node<V>) -> Node<V> {
    if path.is_empty() { child } else { inner(Kind::Extension(Box::new((path, child)))) }
}

/// A branch of two nodes whose paths part after `shared` nibbles.
fn fork<V>(shared: Nibbles, left: (u8, Node<V>), right: (u8, Node<V>)) -> Node<V> {
    let none = Branch { mask: TrieMask::default(), children: Box::default() };
    let branch = none.with(left.0, Some(left.1)).with(right.0, Some(right.1));
    extend(shared, inner(Kind::Branch(branch)))
}

fn insert<V: Clone>(at: &Node<V>, path: Nibbles, value: V) -> Node<V> {
    let kind = match at {
        Node::Leaf(old) if old.path == path => return leaf(path, value),
        Node::Leaf(old) => {
            let shared = path.common_prefix_length(&old.path);
            let rest = leaf(old.path.slice(shared + 1..), old.value.clone());
            return fork(
                path.slice(..shared),
                (old.path.get_unchecked(shared), rest),
                (path.get_unchecked(shared), leaf(path.slice(shared + 1..), value)),
            );
        }
        Node::Inner(inner) => &inner.kind,
    };
    match kind {
        Kind::Extension(extension) => {
            let (old, child) = &**extension;
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
        Kind::Branch(branch) => {
            let nibble = path.get_unchecked(0);
            let rest = path.slice(1..);
            let child = match branch.child(nibble) {
                None => leaf(rest, value),
                Some(child) => insert(child, rest, value),
            };
            inner(Kind::Branch(branch.with(nibble, Some(child))))
        }
    }
}

/// `None` when the key is not there, else what is left of the node.
fn remove<V: Clone>(at: &Node<V>, path: Nibbles) -> Option<Option<Node<V>>> {
    let kind = match at {
        Node::Leaf(old) => return (old.path == path).then_some(None),
        Node::Inner(inner) => &inner.kind,
    };
    match kind {
        Kind::Extension(extension) => {
            let (old, child) = &**extension;
            if !path.starts_with(old) {
                return None;
            }
            let rest = remove(child, path.slice(old.len()..))?;
            Some(rest.map(|child| prepend(*old, &child)))
        }
        Kind::Branch(branch) => {
            let nibble = path.get(0)?;
            let rest = remove(branch.child(nibble)?, path.slice(1..))?;
            Some(shrink(branch.with(nibble, rest)))
        }
    }
}

/// A branch with one child left is no branch any more.
fn shrink<V: Clone>(branch: Branch<V>) -> Option<Node<V>> {
    let mut left = branch.iter();
    match (left.next(), left.next()) {
        (None, _) => None,
        (Some((nibble, child)), None) => {
            let mut path = Nibbles::default();
            path.push(nibble);
            Some(prepend(path, child))
        }
        _ => {
            drop(left);
            Some(inner(Kind::Branch(branch)))
        }
    }
}

fn prepend<V: Clone>(path: Nibbles, child: &Node<V>) -> Node<V> {
    let kind = match child {
        Node::Leaf(old) => return leaf(path.join(&old.path), old.value.clone()),
        Node::Inner(inner) => &inner.kind,
    };
    match kind {
        Kind::Extension(extension) => extend(path.join(&extension.0), extension.1.clone()),
        Kind::Branch(_) => extend(path, child.clone()),
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

    /// Bytes of the nodes below, without what the allocator adds.
    fn bytes<V>(node: &Node<V>) -> usize {
        // Two counters of `Arc`.
        let shared = 2 * size_of::<usize>();
        let kind = match node {
            Node::Leaf(_) => return shared + size_of::<Leaf<V>>(),
            Node::Inner(inner) => &inner.kind,
        };
        let below = match kind {
            Kind::Extension(extension) => size_of_val(&**extension) + bytes(&extension.1),
            Kind::Branch(branch) => {
                size_of_val(&*branch.children) + branch.children.iter().map(bytes).sum::<usize>()
            }
        };
        shared + size_of::<Inner<V>>() + below
    }

    #[test]
    fn an_entry_costs_little_more_than_its_path_and_value() {
        let mut trie = Trie::default();
        let entries = 10_000;
        for number in 0..entries {
            trie.insert(&keccak256(B256::from(U256::from(number))), U256::from(number));
        }
        let each = bytes(trie.0.as_ref().unwrap()) / entries;
        assert!(each < 160, "{each} bytes");
    }
}
