use crate::json::{BMN, address, bytes, cases, get, hash, section, text};
use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use bmn_contracts::{
    OrderError, PublicAction, public_action_digest, recover_permission_signer, sign_permission,
};
use bmn_primitives::{ChainId, OrderHash};

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
