use crate::json::{BMN, address, bytes, cases, get, hash, section, text};
use alloy::{
    primitives::{Address, B256, U256, keccak256},
    signers::local::PrivateKeySigner,
};
use bmn_contracts::{
    OrderError, PublicAction, permission_digest, public_action_digest, public_action_document,
    recover_permission_signer, sign_permission,
};
use bmn_primitives::{ChainId, OrderHash};
use serde_json::Value;

const ACTIONS: [PublicAction; 4] = [
    PublicAction::SrcPublicWithdraw,
    PublicAction::SrcPublicCancel,
    PublicAction::DstPublicWithdraw,
    PublicAction::DstPublicCancel,
];

/// The resolver of the vectors: the third account of the public test mnemonic.
fn resolver() -> PrivateKeySigner {
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a".parse().unwrap()
}

#[test]
fn digests_signatures_and_refusals_of_every_public_action() {
    let samples = BMN.map(|dialect| &section("samples")[dialect.name()]["publicAction"]);
    let mut signed = 0;
    for case in cases(section("publicActions")).iter().chain(samples) {
        let (chain, clone): (u64, Address) = match case.get("domain") {
            Some(domain) => (get(domain, "chainId"), address(domain, "verifyingContract")),
            None => (get(case, "chainId"), address(case, "escrow")),
        };
        let order_hash = OrderHash(hash(case, "orderHash"));
        let (caller, action) = (address(case, "caller"), text(case, "action"));
        let digest = public_action_digest(ChainId(chain), clone, order_hash, caller, action);
        assert_eq!(digest, hash(case, "digest"), "{action}");
        let signature = bytes(case, "signature");
        let signer = recover_permission_signer(digest, &signature);
        assert_eq!(signer, Ok(address(case, "signer")));

        let Some(known) = ACTIONS.into_iter().find(|known| known.as_str() == action) else {
            continue;
        };
        let ours = sign_permission(&resolver(), ChainId(chain), clone, order_hash, caller, known);
        match known {
            PublicAction::SrcPublicWithdraw | PublicAction::DstPublicWithdraw => {
                assert_eq!(ours, Ok(signature));
                signed += 1;
            }
            PublicAction::SrcPublicCancel | PublicAction::DstPublicCancel => {
                assert_eq!(ours, Err(OrderError::PublicCancelRefused(known.as_str())));
            }
        }
    }
    assert!(signed >= 2, "{signed}");
}

#[test]
fn permissions_of_another_length_or_parity_are_refused() {
    let case = &section("publicActions")[0];
    let (digest, signature) = (hash(case, "digest"), bytes(case, "signature"));
    let mut parity = signature.to_vec();
    parity[64] = 0;
    for bad in [&[][..], &signature[..64], &parity] {
        let refused = Err(OrderError::SignatureFormat);
        assert_eq!(recover_permission_signer(digest, bad), refused);
    }
}

/// EIP-712 by its definition, for the types that occur here.
fn hash_struct(types: &Value, name: &str, value: &Value) -> B256 {
    let fields = types[name].as_array().unwrap();
    let member = |field: &Value| format!("{} {}", text(field, "type"), text(field, "name"));
    let encoded_type =
        format!("{name}({})", fields.iter().map(member).collect::<Vec<_>>().join(","));
    let mut encoded = keccak256(encoded_type).to_vec();
    for field in fields {
        let word = &value[text(field, "name")];
        let said = word.as_str().unwrap();
        let word = match text(field, "type") {
            "string" => keccak256(said),
            "uint256" => B256::from(said.parse::<U256>().unwrap()),
            "address" => said.parse::<Address>().unwrap().into_word(),
            "bytes32" => said.parse().unwrap(),
            other => panic!("{other}"),
        };
        encoded.extend_from_slice(word.as_slice());
    }
    keccak256(encoded)
}

#[test]
fn the_document_of_a_permission_hashes_to_its_digest() {
    for (chain, known) in [1, 8453, u64::MAX].into_iter().zip(ACTIONS) {
        let (clone, caller) = (Address::repeat_byte(0xab), Address::repeat_byte(0xcd));
        let order = OrderHash(B256::repeat_byte(0xef));
        let document = public_action_document(ChainId(chain), clone, order, caller, known);
        let document: Value = serde_json::from_str(&document).unwrap();
        let types = &document["types"];
        let domain = hash_struct(types, "EIP712Domain", &document["domain"]);
        let message = hash_struct(types, text(&document, "primaryType"), &document["message"]);
        let digest = keccak256([&[0x19, 0x01], &domain[..], &message[..]].concat());
        let expected = public_action_digest(ChainId(chain), clone, order, caller, known);
        assert_eq!(digest, expected, "{known}");
    }
}

#[test]
fn no_digest_of_a_public_cancel_is_given_out_to_be_signed() {
    for known in ACTIONS {
        let (chain, at) = (ChainId(1), Address::repeat_byte(1));
        let order = OrderHash(B256::ZERO);
        let digest = permission_digest(chain, at, order, at, known);
        let cancels = known.as_str().contains("CANCEL");
        assert_eq!(digest.is_err(), cancels, "{known}");
    }
}
