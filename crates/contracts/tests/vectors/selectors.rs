use crate::json::{DIALECTS, cases, hash, section, text};
use alloy::primitives::{Selector, keccak256};
use alloy::sol_types::SolInterface;
use bmn_contracts::bindings::{
    IBmnFactory::IBmnFactoryCalls, IBmnFactory23::IBmnFactory23Calls, IEscrow::IEscrowCalls,
    ILimitOrderProtocol::ILimitOrderProtocolCalls, IOneInchFactory::IOneInchFactoryCalls,
    IOneInchFactory1::IOneInchFactory1Calls, IPlainEscrow::IPlainEscrowCalls,
};

#[test]
fn the_bindings_have_every_function_of_the_abis() {
    for dialect in DIALECTS {
        for (contract, functions) in section("selectors")[dialect.name()].as_object().unwrap() {
            for (signature, selector) in functions.as_object().unwrap() {
                let selector: Selector = selector.as_str().unwrap().parse().unwrap();
                assert_eq!(selector[..], keccak256(signature)[..4], "{signature}");
                let bound = match contract.as_str() {
                    "factory" => {
                        IBmnFactoryCalls::valid_selector(selector.0)
                            || IBmnFactory23Calls::valid_selector(selector.0)
                            || IOneInchFactoryCalls::valid_selector(selector.0)
                            || IOneInchFactory1Calls::valid_selector(selector.0)
                    }
                    "lop" => ILimitOrderProtocolCalls::valid_selector(selector.0),
                    _ => {
                        IEscrowCalls::valid_selector(selector.0)
                            || IPlainEscrowCalls::valid_selector(selector.0)
                    }
                };
                assert!(bound, "{dialect} {contract} {signature}");
            }
        }
    }
}

#[test]
fn event_topics_are_hashes_of_their_signatures() {
    for dialect in DIALECTS {
        for events in section("events")[dialect.name()].as_object().unwrap().values() {
            for event in cases(events) {
                assert_eq!(keccak256(text(event, "signature")), hash(event, "topic0"));
            }
        }
    }
}
