//! Just enough of Rust's lexical rules to tell code from strings and comments, and test code from the
//! rest.

use std::ops::Range;

/// A Rust file and its code: the same text with strings, character literals and comments blanked, so
/// that offsets agree.
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    pub(crate) code: String,
    /// Items under `#[cfg(test)]`, in order.
    tests: Vec<Range<usize>>,
}

/// A function with a body.
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// Line of `fn`, from 1.
    pub(crate) line: usize,
    /// Lines from `fn` to the closing brace.
    pub(crate) lines: usize,
    pub(crate) in_tests: bool,
}

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let code = blank(text);
        let tests = test_items(&code);
        Self { text, code, tests }
    }

    /// Lines without those of inline test modules.
    pub(crate) fn net_lines(&self) -> usize {
        let in_tests: usize =
            self.tests.iter().map(|range| self.text[range.clone()].lines().count()).sum();
        self.text.lines().count() - in_tests
    }

    /// Where `needle` starts in the code, outside tests.
    pub(crate) fn find(&self, needle: &str) -> Vec<usize> {
        let all = self.code.match_indices(needle).map(|(at, _)| at);
        all.filter(|at| !self.is_test(*at)).collect()
    }

    /// Line of an offset, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        1 + self.text[..at].matches('\n').count()
    }

    pub(crate) fn functions(&self) -> Vec<Function<'_>> {
        let starts = self.code.match_indices("fn ").map(|(at, _)| at);
        starts
            .filter(|at| starts_word(&self.code, *at))
            .filter_map(|at| self.function(at))
            .collect()
    }

    fn function(&self, at: usize) -> Option<Function<'_>> {
        let rest = self.code[at + 3..].trim_start();
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        let end = item_end(&self.code, at);
        let body = self.code[..end].ends_with('}');
        (body && !name.is_empty()).then(|| Function {
            name,
            line: self.line(at),
            lines: self.text[at..end].lines().count(),
            in_tests: self.is_test(at),
        })
    }

    fn is_test(&self, at: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&at))
    }
}

/// True when no word reaches into `at` from the left.
pub(crate) fn starts_word(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The end of the item that begins at `start`: behind its `;`, or behind its first block.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0usize;
    for (offset, byte) in code.as_bytes()[start..].iter().enumerate() {
        let end = start + offset + 1;
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return end;
                }
            }
            b';' if depth == 0 => return end,
            _ => {}
        }
    }
    code.len()
}

/// Items under an attribute `#[cfg(…)]` that asks for `test`.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    for (start, _) in code.match_indices("#[cfg(") {
        if items.last().is_some_and(|item| item.contains(&start)) {
            continue;
        }
        let Some(close) = code[start..].find(']') else { continue };
        let condition = &code[start + "#[cfg(".len()..start + close];
        let words = condition.split(|c: char| !c.is_alphanumeric() && c != '_');
        if words.clone().any(|word| word == "test") && !condition.contains("not(") {
            let mut item = start + close + 1;
            while code[item..].trim_start().starts_with("#[") {
                item += code[item..].find(']').map_or(1, |end| end + 1);
            }
            items.push(start..item_end(code, item));
        }
    }
    items
}

/// The text with everything that is not code replaced by spaces, byte for byte; line breaks stay.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = skip(bytes, at);
        if end == at {
            code.push(bytes[at]);
            at += 1;
        } else {
            code.extend(bytes[at..end].iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// The end of the comment or literal that starts at `at`, or `at` when code does.
fn skip(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let after_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => at + position(rest, b"\n").unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + block_comment(rest),
        [b'"', ..] => at + string(rest),
        [b'r', b'"' | b'#', ..] if !after_word => at + raw_string(rest),
        [b'b', b'r', ..] if !after_word => {
            let length = raw_string(&rest[1..]);
            if length == 0 { at } else { at + 1 + length }
        }
        [b'\'', ..] => at + character(rest),
        _ => at,
    }
}

fn position(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

fn block_comment(bytes: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Length of the raw string at the start, 0 when it is a raw identifier or a word.
fn raw_string(bytes: &[u8]) -> usize {
    let hashes = bytes[1..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let open = 2 + hashes;
    let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    position(&bytes[open..], &close).map_or(bytes.len(), |end| open + end + close.len())
}

/// Length of the character literal at the start, 0 when it is a lifetime.
fn character(bytes: &[u8]) -> usize {
    if bytes.get(1) == Some(&b'\\') {
        return position(&bytes[3..], b"'").map_or(0, |end| 3 + end + 1);
    }
    // A character has at most four bytes; a lifetime is a word without a closing quote behind it.
    let rest = bytes.get(1..).unwrap_or_default();
    match position(&rest[..rest.len().min(5)], b"'") {
        Some(1) => 3,
        Some(end) if end > 1 && !rest[0].is_ascii() => end + 2,
        _ => 0,
    }
}

#[test]
fn strings_comments_and_characters_are_not_code() {
    let text =
        "a(\"x\\\"(\", 'b', '\\'', '{', 'ü', r#\"(\"#, br\"}\"); // (\n/* { /* } */ */ fn<'a>";
    let code = Source::new(text).code;
    assert_eq!(code.len(), text.len());
    let words: Vec<_> = code.split_whitespace().collect();
    assert_eq!(words, ["a(", ",", ",", ",", ",", ",", ",", ");", "fn<'a>"]);
}

#[test]
fn test_modules_do_not_count() {
    let text =
        "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n";
    let source = Source::new(text);
    assert_eq!(source.net_lines(), 2);
    let named: Vec<_> =
        source.functions().iter().map(|f| (f.name.to_owned(), f.in_tests)).collect();
    let expected = [("a", false), ("b", true), ("c", false)];
    assert_eq!(named, expected.map(|(name, tests)| (name.to_owned(), tests)));
}

#[test]
fn code_that_only_excludes_tests_counts() {
    assert_eq!(Source::new("#[cfg(not(test))]\nfn a() {}\n").net_lines(), 2);
}

#[test]
fn a_function_is_as_long_as_its_signature_and_body() {
    let text =
        "trait T { fn none(&self) -> [u8; 2]; }\nfn two(\n  x: [u8; 3],\n) -> u8 {\n  0\n}\n";
    let source = Source::new(text);
    let lengths: Vec<_> = source.functions().iter().map(|f| (f.line, f.lines)).collect();
    assert_eq!(lengths, [(2, 5)]);
}
