//! Addresses as people type them.

use alloy::primitives::Address;

/// Reads an address for clap. One of mixed case must have the right EIP-55 case: a mistyped digit is
/// refused instead of paid.
pub(crate) fn parse(text: &str) -> Result<Address, String> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40);
    let address: Option<Address> = digits.and_then(|_| text.parse().ok());
    let (Some(digits), Some(address)) = (digits, address) else {
        return Err("expected an address: 0x and 40 hex digits".to_owned());
    };
    let one_case = !digits.bytes().any(|byte| byte.is_ascii_lowercase())
        || !digits.bytes().any(|byte| byte.is_ascii_uppercase());
    if one_case || Address::parse_checksummed(text, None).is_ok() {
        return Ok(address);
    }
    Err("the upper and lower case of its letters is not its EIP-55 checksum, so a digit may be \
         mistyped; an address all in lower case is taken as it is"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_case_must_be_the_checksum_and_one_case_is_taken() {
        let good = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        let upper = format!("0x{}", good[2..].to_uppercase());
        for text in [good, &good.to_lowercase(), &upper] {
            assert!(parse(text).is_ok(), "{text}");
        }
        let error = parse(&good.replace("F6F4", "F6f4")).unwrap_err();
        assert!(error.contains("EIP-55"), "{error}");
        for text in ["", "0x12", &good[2..], &format!("{good}00")] {
            assert!(parse(text).unwrap_err().contains("40 hex digits"), "{text}");
        }
    }
}
