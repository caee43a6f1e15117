use crate::json::{DIALECTS, bytes, cases, get, section, text};
use bmn_contracts::{Retry, Revert, error_signature};

#[test]
fn every_selector_of_the_abis_is_named() {
    let errors = cases(section("errors"));
    assert_eq!(errors.len(), 108);
    for case in errors {
        let selector: alloy::primitives::Selector = get(case, "selector");
        assert_eq!(error_signature(selector), Some(text(case, "signature")));
    }
}

#[test]
fn recorded_reverts_read_as_what_they_were() {
    for dialect in DIALECTS {
        for (scenario, case) in section("reverts")[dialect.name()].as_object().unwrap() {
            if case == "NO REVERT" {
                continue;
            }
            let revert = Revert::decode(&bytes(case, "data"));
            let name = text(case, "name");
            match &revert {
                Revert::Known(known) => {
                    assert!(name.starts_with(&format!("{}(", known.name())), "{scenario}");
                }
                Revert::Message(message) => assert_eq!(format!("Error({message:?})"), name),
                panic @ Revert::Panic(_) => assert_eq!(panic.to_string(), name, "{scenario}"),
                other => assert_eq!(other.name(), name, "{scenario}"),
            }
            // Of a 1inch resolver's turn the protocol's table says nothing.
            let unknown = matches!(revert, Revert::Empty | Revert::Panic(_))
                || name == "ResolverCanNotFillOrder()";
            assert_eq!(revert.retry() == Retry::Unknown, unknown, "{scenario}: {revert}");
        }
    }
}

fn retry_of(signature: &str) -> Retry {
    let case = cases(section("errors"))
        .iter()
        .find(|case| text(case, "signature").split('(').next() == signature.split('(').next());
    Revert::decode(&bytes(case.unwrap(), "selector")).retry()
}

fn retry_of_message(message: &str) -> Retry {
    use alloy::sol_types::SolValue;
    let data = [&[0x08, 0xc3, 0x79, 0xa0][..], &message.abi_encode()].concat();
    assert_eq!(Revert::decode(&data), Revert::Message(message.to_owned()));
    Revert::decode(&data).retry()
}

#[test]
fn retries_follow_the_protocols_table() {
    let terminal = "InvalidImmutables InvalidSecret InvalidCaller InvalidatedOrder \
        BitInvalidatedOrder BadSignature InvalidExtensionHash PrivateOrder OrderExpired";
    assert!(terminal.split_whitespace().all(|name| retry_of(name) == Retry::Terminal));
    assert_eq!(retry_of_message("Escrow already exists"), Retry::Terminal);

    assert_eq!(retry_of("InvalidTime"), Retry::Later);
    assert_eq!(retry_of_message("srcCancellation must be future"), Retry::Later);
    assert_eq!(retry_of_message("dstWithdrawal must be future"), Retry::Later);

    let fixable = "SafeTransferFromFailed TransferFromMakerToTakerFailed \
        TransferFromTakerToMakerFailed EnforcedPause";
    assert!(fixable.split_whitespace().all(|name| retry_of(name) == Retry::Fixable));
    for message in [
        "Protocol paused",
        "Not whitelisted resolver",
        "Resolver not whitelisted",
        "Maker not whitelisted",
    ] {
        assert_eq!(retry_of_message(message), Retry::Fixable);
    }

    assert_eq!(retry_of("SafeTransferFailed"), Retry::AlreadyDone);
    assert_eq!(retry_of("FailedDeployment"), Retry::AlreadyDone);
    assert_eq!(retry_of_message("something else"), Retry::Unknown);
}
