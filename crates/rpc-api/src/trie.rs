//! The way through a Merkle-Patricia trie along the nodes of a proof (Ethereum yellow paper, appendix D).
//!
//! The nodes are a stranger's: whatever they are made of, the answer is a value or none. Each branch and each
//! extension takes at least one digit off the key, so that no way is longer than the key, and nothing recurses.

use crate::rlp::{items, string};
use alloy::primitives::{B256, Bytes, keccak256};

/// The empty string, where a branch has no child or no value.
const EMPTY: &[u8] = &[0x80];
/// A string of 32 bytes.
const HASH: u8 = 0xa0;
/// The least first byte of a list.
const LIST: u8 = 0xc0;
/// Nodes shorter than a hash stand in their parent instead of their hash.
const HASHED_FROM: usize = 32;

/// A node, read.
#[derive(Debug)]
enum Node<'a> {
    /// The children, by the key's next digit.
    Branch(Vec<&'a [u8]>),
    Extension(Vec<u8>, &'a [u8]),
    Leaf(Vec<u8>, &'a [u8]),
}

/// What a parent says of its child.
#[derive(Debug)]
enum Child<'a> {
    Hash(B256),
    Embedded(&'a [u8]),
}

/// The value under `key` in the trie with this root, if these nodes, all of them and in this order, lead to it.
pub(crate) fn value_at<'a>(root: B256, key: &[u8], nodes: &'a [Bytes]) -> Option<&'a [u8]> {
    let key = digits(key);
    let (mut left, mut nodes) = (key.as_slice(), nodes.iter());
    let mut next = Child::Hash(root);
    loop {
        let node = match next {
            Child::Hash(hash) => nodes.next().filter(|node| keccak256(node) == hash)?,
            Child::Embedded(node) => node,
        };
        match read(node)? {
            Node::Branch(children) => {
                let (digit, rest) = left.split_first()?;
                next = child(children.get(usize::from(*digit))?)?;
                left = rest;
            }
            Node::Extension(path, below) => {
                left = left.strip_prefix(path.as_slice())?;
                next = child(below)?;
            }
            Node::Leaf(path, value) => {
                let is_all = left == path.as_slice() && nodes.next().is_none();
                return is_all.then_some(value);
            }
        }
    }
}

fn read(node: &[u8]) -> Option<Node<'_>> {
    let items = items(node)?;
    match items.as_slice() {
        [path_item, below] => {
            let (is_leaf, path) = path(string(path_item)?)?;
            match is_leaf {
                true => Some(Node::Leaf(path, string(below)?)),
                // One that takes nothing off the key could be repeated for ever.
                false if path.is_empty() => None,
                false => child(below).map(|_| Node::Extension(path, below)),
            }
        }
        // No index is the beginning of another (the RLP of a number says how long it is), so that no value
        // stands in a branch.
        [children @ .., value] if children.len() == 16 && *value == EMPTY => {
            let is_whole = children.iter().all(|item| *item == EMPTY || child(item).is_some());
            is_whole.then(|| Node::Branch(children.to_vec()))
        }
        _ => None,
    }
}

fn child(item: &[u8]) -> Option<Child<'_>> {
    match item {
        [HASH, hash @ ..] => B256::try_from(hash).ok().map(Child::Hash),
        [first, ..] if *first >= LIST && item.len() < HASHED_FROM => Some(Child::Embedded(item)),
        _ => None,
    }
}

/// Whether a node's path is a leaf's, and its digits: hex-prefix encoding, two bits before them.
fn path(encoded: &[u8]) -> Option<(bool, Vec<u8>)> {
    let (first, rest) = encoded.split_first()?;
    let (flags, digit) = (first >> 4, first & 0x0f);
    let odd = match flags {
        0 | 2 if digit == 0 => None,
        1 | 3 => Some(digit),
        _ => return None,
    };
    Some((flags >= 2, odd.into_iter().chain(digits(rest)).collect()))
}

fn digits(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[Vec<u8>]) -> Bytes {
        let payload = items.concat();
        let mut encoded = Vec::new();
        alloy::rlp::Header { list: true, payload_length: payload.len() }.encode(&mut encoded);
        [encoded, payload].concat().into()
    }

    fn text(bytes: &[u8]) -> Vec<u8> {
        alloy::rlp::encode(bytes)
    }

    fn hash(node: &[u8]) -> Vec<u8> {
        text(keccak256(node).as_slice())
    }

    /// A branch with one child, and what is beside it.
    fn branch(digit: usize, below: Vec<u8>, beside: Vec<u8>, value: Vec<u8>) -> Bytes {
        let mut items = vec![EMPTY.to_vec(); 16];
        items[(digit + 1) % 16] = beside;
        items[digit] = below;
        items.push(value);
        list(&items)
    }

    fn none() -> Vec<u8> {
        EMPTY.to_vec()
    }

    /// From the root down, for the key 0x12.
    fn walk(nodes: &[Bytes]) -> Option<&[u8]> {
        value_at(keccak256(&nodes[0]), &[0x12], nodes)
    }

    fn leaf(path: &[u8], value: &[u8]) -> Bytes {
        list(&[text(path), text(value)])
    }

    #[test]
    fn a_value_is_found_through_every_kind_of_node() {
        let value = [7; 40];
        let alone = [leaf(&[0x20, 0x12], &value)];
        assert_eq!(walk(&alone), Some(value.as_slice()));
        let below = leaf(&[0x32], &value);
        let first = branch(1, hash(&below), none(), none());
        assert_eq!(walk(&[first, below.clone()]), Some(value.as_slice()));
        let first = list(&[text(&[0x11]), hash(&below)]);
        assert_eq!(walk(&[first, below]), Some(value.as_slice()));
        let embedded = leaf(&[0x20], &[7; 3]);
        let inner = list(&[text(&[0x12]), embedded.to_vec()]);
        let first = branch(1, inner.to_vec(), none(), none());
        assert_eq!(walk(&[first]), Some([7; 3].as_slice()), "nodes in their parents");
    }

    #[test]
    fn nodes_that_are_none_are_refused_wherever_they_stand() {
        let below = leaf(&[0x32], &[7; 40]);
        let good = branch(1, hash(&below), none(), none());
        let with = |node: Bytes| walk(&[node, below.clone()]).map(<[u8]>::to_vec);
        assert_eq!(with(good.clone()), Some(vec![7; 40]));
        let mut longer = good.to_vec();
        longer.push(0);
        let nodes: [(&str, Bytes); 15] = [
            ("no list", text(&[1; 40]).into()),
            ("nothing", Bytes::new()),
            ("an empty list", list(&[])),
            ("bytes behind the list", longer.into()),
            ("a list that ends early", good.slice(..good.len() - 1)),
            ("three items", list(&[text(&[0x11]), hash(&below), none()])),
            ("sixteen items", list(&vec![none(); 16])),
            ("a path that is a list", list(&[list(&[text(&[0x11])]).to_vec(), hash(&below)])),
            ("a path without flags", list(&[none(), hash(&below)])),
            ("flags that mean nothing", list(&[text(&[0x41]), hash(&below)])),
            ("an even path with an odd digit", list(&[text(&[0x01, 0x12]), hash(&below)])),
            ("an extension of nothing", list(&[text(&[0x00]), hash(&below)])),
            ("an extension to a string", list(&[text(&[0x11]), text(&[1; 20])])),
            ("a value in a branch", branch(1, hash(&below), none(), text(&[1]))),
            ("a child that is no node", branch(1, hash(&below), text(&[1; 31]), none())),
        ];
        for (name, node) in nodes {
            assert_eq!(with(node), None, "{name}");
        }
        let embedded =
            branch(1, list(&[text(&[0x32]), list(&[]).to_vec()]).to_vec(), none(), none());
        assert_eq!(walk(&[embedded]), None, "a leaf of a list");
        let long = branch(1, leaf(&[0x32], &[7; 40]).to_vec(), none(), none());
        assert_eq!(walk(&[long]), None, "a long node in its parent");
    }

    #[test]
    fn no_way_is_longer_than_its_key() {
        // Extensions of nothing, one in another as deep as a node that is not hashed can hold them.
        let mut node = leaf(&[0x20, 0x12], &[1]);
        while node.len() < HASHED_FROM - 3 {
            node = list(&[text(&[0x00]), node.to_vec()]);
        }
        assert_eq!(walk(&[list(&[text(&[0x00]), node.to_vec()])]), None);
        let mut nodes = vec![leaf(&[0x20], &[7; 40])];
        for _ in 0..200 {
            let last = nodes.last().map(|node| hash(node)).unwrap_or_default();
            nodes.push(branch(1, last, none(), none()));
        }
        nodes.reverse();
        assert_eq!(walk(&nodes), None, "deeper than the key");
        let wide = list(&[text(&[&[0x00][..], &[0x11; 80]].concat()), hash(&nodes[1])]);
        assert_eq!(walk(&[wide]), None, "a path longer than the key");
    }

    #[test]
    fn each_node_is_needed_and_each_is_used() {
        let below = leaf(&[0x32], &[7; 40]);
        let first = branch(1, hash(&below), none(), none());
        assert!(walk(std::slice::from_ref(&first)).is_none(), "one is missing");
        assert!(walk(&[first.clone(), first.clone()]).is_none(), "another stands there");
        assert!(walk(&[first.clone(), below.clone(), below.clone()]).is_none(), "one too many");
        assert!(value_at(keccak256(&below), &[0x12], &[first, below]).is_none(), "another root");
        assert!(value_at(B256::ZERO, &[0x12], &[]).is_none());
    }
}
