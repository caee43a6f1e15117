//! Amounts as people write them.

use alloy::primitives::U256;

/// Reads `1.5` with 18 decimals as 1500000000000000000. No sign, no exponent, no grouping.
///
/// # Errors
/// What is wrong and what is accepted.
pub(crate) fn parse(text: &str, decimals: u8) -> Result<U256, String> {
    let wrong = || format!("`{text}` is not an amount: expected a decimal number such as 1.5");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
        return Err(wrong());
    }
    let missing = usize::from(decimals)
        .checked_sub(fraction.len())
        .ok_or_else(|| format!("`{text}` has more than the token's {decimals} decimals"))?;
    let number = format!("{whole}{fraction}{}", "0".repeat(missing));
    U256::from_str_radix(&number, 10).map_err(|_| format!("`{text}` does not fit 256 bits"))
}

/// The other way round, without trailing zeros.
pub(crate) fn format(amount: U256, decimals: u8) -> String {
    let digits = format!("{amount:0>width$}", width = usize::from(decimals) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(decimals));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// The same with at most four digits after the point, cut and never rounded up: a person compares, he does not add up.
pub(crate) fn cut(amount: U256, decimals: u8) -> String {
    let text = format(amount, decimals);
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.len() > 4 => {
            let fraction = fraction.get(..4).unwrap_or(fraction).trim_end_matches('0');
            match (fraction.is_empty(), whole) {
                // Not nothing, and far from anything.
                (true, "0") => "0.0…".to_owned(),
                (true, whole) => whole.to_owned(),
                (false, whole) => format!("{whole}.{fraction}"),
            }
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_and_write_exactly() {
        for (text, decimals, units) in [
            ("1.5", 18, "1500000000000000000"),
            ("0.000001", 6, "1"),
            ("7", 0, "7"),
            ("0", 18, "0"),
            ("123456789.123456", 6, "123456789123456"),
        ] {
            let amount = parse(text, decimals).unwrap();
            assert_eq!(amount.to_string(), units);
            assert_eq!(format(amount, decimals), text);
        }
        assert_eq!(format(parse("1.50", 6).unwrap(), 6), "1.5");
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", ".5", "5.", "-1", "1e3", "1,5", "0x1", "1.2.3", " 1", "1.5 "] {
            assert!(parse(bad, 18).is_err(), "{bad}");
        }
        assert!(parse("0.0000001", 6).unwrap_err().contains("6 decimals"));
        assert!(parse(&"9".repeat(80), 0).unwrap_err().contains("256 bits"));
    }

    #[test]
    fn an_amount_to_look_at_is_cut_and_never_rounded_up() {
        let coin = |units: u128| cut(U256::from(units), 18);
        assert_eq!(coin(1_500_000_000_000_000_000), "1.5");
        assert_eq!(coin(1_999_999_999_999_999_999), "1.9999");
        assert_eq!(coin(2_000_000_000_000_000_001), "2");
        assert_eq!((coin(1), coin(0)), ("0.0…".to_owned(), "0".to_owned()));
    }
}
