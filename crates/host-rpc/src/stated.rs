//! Limits that nodes state in the text of an error.

/// Context read before a number, characters.
const BEFORE: usize = 30;

/// The largest block range that the text says is accepted.
pub(crate) fn range(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    numbers(&text).filter(Found::is_block_limit).map(|found| found.value).min()
}

/// Blocks in the range that the text proposes for this very request: `[0x1a, 0x2b]` or
/// `range 26-43`.
pub(crate) fn proposed_span(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let (first, last) = in_brackets(&text).or_else(|| after_range(&text))?;
    last.checked_sub(first)?.checked_add(1)
}

fn in_brackets(text: &str) -> Option<(u64, u64)> {
    let (inside, _) = text.split_once('[')?.1.split_once(']')?;
    let (first, last) = inside.split_once(',')?;
    Some((number(first)?, number(last)?))
}

fn after_range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once("range ")?.1.split_once('-')?;
    let last = last.trim_start();
    let digits = last.find(|it: char| !it.is_ascii_digit()).unwrap_or(last.len());
    Some((number(first)?, number(&last[..digits])?))
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim().trim_matches('"');
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

struct Found<'a> {
    before: &'a str,
    value: u64,
    after: &'a str,
}

impl Found<'_> {
    fn is_block_limit(&self) -> bool {
        let after = self.after.trim_start_matches([' ', '-']);
        let counts_blocks = after.starts_with("block") || after.starts_with("range");
        let counts_else = ["result", "log", "byte", "mb", "kb", "ms", "sec", "event", "address"]
            .iter()
            .any(|unit| after.starts_with(unit));
        let limits = ["max", "limit", "range:", "up to", "range of"];
        let limited = limits.iter().any(|word| self.before.contains(word));
        let results = self.before.contains("result") || self.before.contains("size");
        self.value > 0 && (counts_blocks || (limited && !counts_else && !results))
    }
}

/// Decimal numbers of the text, with thousands separators and `k` or `m` resolved.
fn numbers(text: &str) -> impl Iterator<Item = Found<'_>> {
    let bytes = text.as_bytes();
    let starts = (0..bytes.len()).filter(|at| {
        let inside_word =
            *at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b',');
        bytes[*at].is_ascii_digit() && !inside_word
    });
    starts.filter_map(|start| {
        let is_part = |it: &&u8| it.is_ascii_digit() || **it == b',';
        let end = start + bytes[start..].iter().take_while(is_part).count();
        let (factor, end) = match bytes.get(end) {
            Some(b'k') => (1_000, end + 1),
            // Hexadecimal, or a number that is part of a word.
            Some(it) if it.is_ascii_alphabetic() => return None,
            _ => (1, end),
        };
        let digits: String = text[start..end].chars().filter(char::is_ascii_digit).collect();
        let value = digits.parse::<u64>().ok()?.checked_mul(factor)?;
        let mut from = start.saturating_sub(BEFORE);
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        Some(Found { before: &text[from..start], value, after: &text[end..] })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn limits_that_nodes_state_are_read() {
        let cases: &[(&str, Option<u64>)] = &[
            (
                "You can make eth_getLogs requests with up to a 2K block range and no limit on the \
                 response size, or you can request any block range with a cap of 10K logs in the \
                 response.",
                Some(2_000),
            ),
            ("Under the Free tier, requests with up to a 10 block range.", Some(10)),
            ("eth_getLogs is limited to a 10,000 range", Some(10_000)),
            ("exceed maximum block range: 50000", Some(50_000)),
            ("'fromBlock'-'toBlock' range too large. Max range: 800", Some(800)),
            ("eth_getLogs range is too large, max is 1k blocks", Some(1_000)),
            ("ranges over 10000 blocks are not supported on freetier", Some(10_000)),
            ("eth_getLogs is limited to 0 - 10000 blocks range", Some(10_000)),
            ("query exceeds max block range 100000", Some(100_000)),
            ("requested too many blocks from 5 to 9000, maximum is set to 2048", Some(2_048)),
            ("block range 5000 exceeds limit of 1000", Some(1_000)),
            ("query returned more than 10000 results", None),
            ("query exceeds max results 20000", None),
            ("Response size should not greater than 10000000 bytes", None),
            ("block range is too wide", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(range(text), *expected, "{text}");
        }
    }

    #[test]
    fn ranges_that_nodes_propose_are_read() {
        let hex = "more than 10000 results. Try with this block range [0x64, 0x6d].";
        assert_eq!(proposed_span(hex), Some(10));
        let decimal = "query exceeds max results 20000, retry with the range 100-149";
        assert_eq!(proposed_span(decimal), Some(50));
        for none in ["[0x9, 0x1]", "[", "[]", "range -", "range 5", "[0xzz, 0x1]", "range a-b"] {
            assert_eq!(proposed_span(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,80}", digits in "[0-9,kmx \\[\\]-]{0,40}") {
            for text in [format!("{text}{digits}"), format!("max {digits} block range {text}")] {
                let _ = (range(&text), proposed_span(&text));
            }
        }
    }
}
