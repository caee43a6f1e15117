//! The text of a configuration without what must not be kept, and the way back.

use alloy::primitives::{hex, keccak256};
use std::{collections::BTreeMap, ops::Range};

/// What begins the text that stands for a hidden value.
const MARK: &str = "\"hidden:";
/// Hex digits of the digest in it.
const DIGITS: usize = 16;
/// Longest word of a comment that is kept: an address has 42 letters, a key 64 digits.
const LONGEST_WORD: usize = 42;

/// Letters from which on a word of letters and digits may be an API key.
const SHORTEST_TOKEN: usize = 20;

/// The text with a mark in place of each value at `secrets` (bytes, from [`Loaded`](crate::Loaded)), and comments
/// without URLs and long words: somebody may have kept an old key there.
pub fn without_secrets(text: &str, secrets: &[Range<usize>]) -> String {
    let mut ranges: Vec<_> = secrets.to_vec();
    ranges.sort_by_key(|range| range.start);
    let (mut kept, mut at) = (String::with_capacity(text.len()), 0);
    for range in ranges {
        let (Some(before), Some(value)) = (text.get(at..range.start), text.get(range.clone()))
        else {
            continue;
        };
        kept.push_str(before);
        kept.push_str(&mark_of(value));
        at = range.end;
    }
    kept.push_str(text.get(at..).unwrap_or_default());
    let lines: Vec<String> = kept.split('\n').map(without_words).collect();
    lines.join("\n")
}

/// The text that [`without_secrets`] was made of, with the values that `current` has at `secrets`.
///
/// # Errors
/// Lines, from 1, whose value `current` does not have any more.
pub fn restored(kept: &str, current: &str, secrets: &[Range<usize>]) -> Result<String, Vec<usize>> {
    let values = secrets.iter().filter_map(|range| current.get(range.clone()));
    let known: BTreeMap<String, &str> = values.map(|value| (mark_of(value), value)).collect();
    let (mut lost, mut text) = (Vec::new(), String::with_capacity(kept.len()));
    let mut rest = kept;
    while let Some(start) = rest.find(MARK) {
        let end = (start + MARK.len() + DIGITS + 1).min(rest.len());
        text.push_str(&rest[..start]);
        match rest.get(start..end).and_then(|mark| known.get(mark)) {
            Some(value) => text.push_str(value),
            None => lost.push(text.matches('\n').count() + 1),
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    text.push_str(rest);
    if lost.is_empty() { Ok(text) } else { Err(lost) }
}

fn mark_of(value: &str) -> String {
    let digest = hex::encode(keccak256(value));
    format!("{MARK}{}\"", &digest[..DIGITS])
}

/// A line whose comment has no word that may be a secret.
fn without_words(line: &str) -> String {
    let Some(at) = comment(line) else { return line.to_owned() };
    let (before, comment) = line.split_at(at);
    let words = comment.split(' ').map(|word| {
        let is_url = word.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '@', '?']));
        if is_url || word.len() > LONGEST_WORD || is_token(word) { "(hidden)" } else { word }
    });
    format!("{before}{}", words.collect::<Vec<_>>().join(" "))
}

/// Letters and digits mixed as in API keys, and no address.
fn is_token(word: &str) -> bool {
    let word = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let is_address = word.len() == 42 && word.starts_with("0x");
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    word.len() >= SHORTEST_TOKEN
        && !is_address
        && word.chars().all(plain)
        && word.contains(|letter: char| letter.is_ascii_digit())
}

/// Where the comment of a line begins: the first `#` outside of quotes.
fn comment(line: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, letter) in line.char_indices() {
        match (quote, letter) {
            (Some('"'), '\\') if !escaped => {
                escaped = true;
                continue;
            }
            (Some(open), close) if open == close && !escaped => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '#') => return Some(at),
            _ => {}
        }
        escaped = false;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a = \"x # y\" # was https://node/hunter2\nurl = [\"https://node/hunter2\"]\nkey = 'q'\n\
                        # 0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a see http://localhost:1\n";

    fn secrets() -> Vec<Range<usize>> {
        ["[\"https://node/hunter2\"]", "'q'"]
            .map(|value| {
                let start = TEXT.find(value).unwrap();
                start..start + value.len()
            })
            .to_vec()
    }

    #[test]
    fn what_is_hidden_comes_back_from_the_file_that_still_has_it() {
        let kept = without_secrets(TEXT, &secrets());
        assert!(
            !kept.contains("hunter2") && !kept.contains("5de4") && !kept.contains("'q'"),
            "{kept}"
        );
        assert!(kept.contains("a = \"x # y\" # was (hidden)\nurl = \"hidden:"), "{kept}");
        assert!(kept.ends_with("# (hidden) see http://localhost:1\n"), "{kept}");
        let back = restored(&kept, TEXT, &secrets()).unwrap();
        assert!(back.contains("url = [\"https://node/hunter2\"]\nkey = 'q'\n"), "{back}");
        let other = TEXT.replace("['q']", "").replace("hunter2\"]", "hunter3\"]");
        assert_eq!(restored(&kept, &other, &secrets()), Err(vec![2]));
    }
}
