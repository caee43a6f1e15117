//! How nodes say that they do not take a transaction.

use bmn_chain::SendRejection;

/// Words of geth, reth, erigon, Nethermind, Besu and anvil, the more special ones first.
const WORDS: &[(&str, SendRejection)] = &[
    ("already known", SendRejection::AlreadyKnown),
    ("alreadyknown", SendRejection::AlreadyKnown),
    ("already imported", SendRejection::AlreadyKnown),
    ("known transaction", SendRejection::AlreadyKnown),
    ("already in mempool", SendRejection::AlreadyKnown),
    ("already in the mempool", SendRejection::AlreadyKnown),
    ("already in pool", SendRejection::AlreadyKnown),
    ("already exists", SendRejection::AlreadyKnown),
    ("nonce too low", SendRejection::NonceTooLow),
    ("nonce is too low", SendRejection::NonceTooLow),
    ("oldnonce", SendRejection::NonceTooLow),
    ("nonce_too_low", SendRejection::NonceTooLow),
    ("nonce too high", SendRejection::NonceTooHigh),
    ("nonce is too high", SendRejection::NonceTooHigh),
    ("noncegap", SendRejection::NonceTooHigh),
    ("nonce gap", SendRejection::NonceTooHigh),
    ("nonce_too_high", SendRejection::NonceTooHigh),
    ("nonce too distant", SendRejection::NonceTooHigh),
    ("intrinsic gas", SendRejection::GasLimit(String::new())),
    ("floor data gas", SendRejection::GasLimit(String::new())),
    ("exceeds block gas limit", SendRejection::GasLimit(String::new())),
    ("exceeds the block gas limit", SendRejection::GasLimit(String::new())),
    ("gas limit too high", SendRejection::GasLimit(String::new())),
    ("gaslimitexceeded", SendRejection::GasLimit(String::new())),
    ("gas limit is too high", SendRejection::GasLimit(String::new())),
    ("could not replace existing tx", SendRejection::ReplacementUnderpriced),
    ("replacement transaction underpriced", SendRejection::ReplacementUnderpriced),
    ("replacementnotallowed", SendRejection::ReplacementUnderpriced),
    ("not enough to replace", SendRejection::ReplacementUnderpriced),
    ("underpriced", SendRejection::Underpriced),
    ("fee too low", SendRejection::Underpriced),
    ("feetoolow", SendRejection::Underpriced),
    ("gas price too low", SendRejection::Underpriced),
    ("gas price below", SendRejection::Underpriced),
    ("max fee per gas less than block base fee", SendRejection::Underpriced),
    ("less than block base fee", SendRejection::Underpriced),
    ("below the minimum", SendRejection::Underpriced),
    ("insufficient funds", SendRejection::InsufficientFunds),
    ("insufficientfunds", SendRejection::InsufficientFunds),
    ("upfront cost exceeds", SendRejection::InsufficientFunds),
    ("not enough funds", SendRejection::InsufficientFunds),
    ("insufficient balance", SendRejection::InsufficientFunds),
];

/// The rejection that a node's words stand for.
pub(crate) fn rejection(message: &str) -> SendRejection {
    let text = message.to_ascii_lowercase();
    // Not the "known transaction" of "unknown transaction type".
    let text = text.replace("unknown", "");
    let found = WORDS.iter().find(|(words, _)| text.contains(words));
    match found {
        None => SendRejection::Other(message.to_owned()),
        Some((_, SendRejection::GasLimit(_))) => SendRejection::GasLimit(message.to_owned()),
        Some((_, known)) => known.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_nodes_are_understood() {
        use SendRejection::*;
        for (words, expected) in [
            ("nonce too low: next nonce 5, tx nonce 4", NonceTooLow),
            ("OldNonce, Current nonce: 5, nonce of rejected tx: 4", NonceTooLow),
            ("already known", AlreadyKnown),
            ("AlreadyKnown", AlreadyKnown),
            ("transaction already imported", AlreadyKnown),
            ("replacement transaction underpriced: new tx gas fee cap 1", ReplacementUnderpriced),
            ("ReplacementNotAllowed", ReplacementUnderpriced),
            ("INTERNAL_ERROR: could not replace existing tx", ReplacementUnderpriced),
            ("transaction underpriced: tip needed 1, tip permitted 0", Underpriced),
            ("FeeTooLow, MaxFeePerGas too low.", Underpriced),
            ("max fee per gas less than block base fee: address 0x0", Underpriced),
            ("insufficient funds for gas * price + value: have 1 want 2", InsufficientFunds),
            ("InsufficientFunds, Account balance: 0", InsufficientFunds),
            ("Upfront cost exceeds account balance", InsufficientFunds),
            ("nonce too high", NonceTooHigh),
            ("NonceGap, Future nonce. Expected nonce: 5", NonceTooHigh),
        ] {
            assert_eq!(rejection(words), expected, "{words}");
        }
        for gas in [
            "intrinsic gas too low: gas 20000, minimum needed 21000",
            "Intrinsic gas exceeds gas limit",
            "exceeds block gas limit",
            "GasLimitExceeded, Gas limit: 30000000",
        ] {
            assert_eq!(rejection(gas), GasLimit(gas.to_owned()));
        }
        for other in ["unknown transaction type", "Unknown transaction"] {
            assert_eq!(rejection(other), Other(other.to_owned()));
        }
    }
}
