use crate::json::{cases, get, hash, section, text, uint};
use alloy::primitives::{B256, U256};
use bmn_contracts::{
    MerkleError, SecretTree, merkle_leaf, parts_of, required_secret, verify_secret,
};
use bmn_primitives::{Hashlock, Secret};
use serde_json::Value;

fn words(list: &Value) -> Vec<B256> {
    cases(list).iter().map(|word| word.as_str().unwrap().parse().unwrap()).collect()
}

fn hashes(list: &Value) -> Vec<Hashlock> {
    words(list).into_iter().map(|secret| Secret::new(secret.0).hashlock()).collect()
}

#[test]
fn trees_roots_and_proofs_are_those_of_the_contracts_library() {
    let (mut trees, mut proofs) = (0, 0);
    for case in cases(section("merkle")) {
        let secret_hashes = hashes(&case["secrets"]);
        assert_eq!(
            secret_hashes.iter().map(|hash| hash.0).collect::<Vec<_>>(),
            words(&case["secretHashes"])
        );
        let leaves: Vec<_> =
            (0..).zip(&secret_hashes).map(|(index, hash)| merkle_leaf(index, *hash)).collect();
        assert_eq!(leaves, words(&case["leaves"]));
        let tree = SecretTree::new(&secret_hashes).unwrap();
        let info = tree.hashlock_word();
        assert_eq!(info.0, hash(case, "hashlockInfo"));
        assert_eq!(parts_of(info), get::<u16>(case, "parts"));
        for ((index, secret_hash), expected) in
            secret_hashes.iter().enumerate().zip(cases(&case["proofs"]))
        {
            let proof = tree.proof(index).unwrap();
            assert_eq!(proof, words(expected), "leaf {index} of {}", secret_hashes.len());
            let index = index as u64;
            assert!(verify_secret(info, index, *secret_hash, &proof));
            assert!(!verify_secret(info, index + 1, *secret_hash, &proof));
            assert!(!verify_secret(info, index, *secret_hash, &proof[1..]));
            proofs += 1;
        }
        let leaves = secret_hashes.len();
        assert_eq!(tree.proof(leaves), Err(MerkleError::Leaf { index: leaves, leaves }));
        trees += 1;
    }
    assert_eq!((trees, proofs), (6, 38));
}

#[test]
fn the_trees_of_recorded_orders_have_their_hashlock_words() {
    for dialect in ["oneinch1", "oneinch2"] {
        let sample = &section("samples")[dialect]["partial"];
        let tree = SecretTree::new(&hashes(&sample["secrets"])).unwrap();
        assert_eq!(tree.hashlock_word().0, hash(sample, "hashlockInfo"), "{dialect}");
        assert_eq!(u64::from(parts_of(tree.hashlock_word())), get::<u64>(sample, "N"));
    }
}

#[test]
fn a_fill_needs_the_secret_that_the_factory_asks_for() {
    assert_eq!(cases(section("partialIndex")).len(), 13);
    for case in cases(section("partialIndex")) {
        let (order, remaining) =
            (uint(case, "orderMakingAmount"), uint(case, "remainingMakingAmount"));
        let (making, parts) = (uint(case, "makingAmount"), get(case, "parts"));
        let found = required_secret(order, remaining, making, parts);
        let refused = MerkleError::PartialFill { order, remaining, making, parts };
        match &case["requiredSecretIndex"] {
            Value::Null => assert_eq!(found, Err(refused), "{case}"),
            _ => assert_eq!(found, Ok(get(case, "requiredSecretIndex")), "{case}"),
        }
    }
}

#[test]
fn recorded_partial_fills_used_the_secret_their_share_asks_for() {
    let sample = &section("samples")["oneinch1"]["partial"];
    let tree = SecretTree::new(&hashes(&sample["secrets"])).unwrap();
    let parts = parts_of(tree.hashlock_word());
    let mut remaining = uint(&section("partialFill1inch")[0], "orderMakingAmount");
    let mut checked = 0;
    for case in cases(section("partialFill1inch")) {
        let (order, making) = (uint(case, "orderMakingAmount"), uint(case, "amount"));
        let index: u64 = get(case, "idx");
        let label = text(case, "label");
        assert_eq!(required_secret(order, remaining, making, parts), Ok(index), "{label}");
        let secret_hash = Hashlock(hash(case, "hashlock"));
        let proof = words(&case["proof"]);
        assert_eq!(tree.proof(index as usize), Ok(proof.clone()), "{label}");
        assert!(verify_secret(tree.hashlock_word(), index, secret_hash, &proof), "{label}");
        remaining -= making;
        checked += 1;
    }
    assert_eq!((checked, remaining), (4, U256::ZERO));
}

#[test]
fn impossible_fills_and_trees_are_errors() {
    let max = U256::MAX;
    let amounts = [U256::ZERO, U256::ONE, U256::from(2), max - U256::ONE, max];
    for order in amounts {
        for remaining in amounts {
            for making in amounts {
                for parts in [0, 1, 2, u16::MAX] {
                    let found = required_secret(order, remaining, making, parts);
                    let possible = parts >= 2
                        && !making.is_zero()
                        && making <= remaining
                        && remaining <= order;
                    assert!(possible || found.is_err(), "{order} {remaining} {making} {parts}");
                    assert!(found.is_ok_and(|index| index <= u64::from(parts)) || found.is_err());
                }
            }
        }
    }
    for count in [0, 1, 2, 65_537] {
        let none = SecretTree::new(&vec![Hashlock::default(); count]);
        assert_eq!(none, Err(MerkleError::Secrets(count)));
    }
}
