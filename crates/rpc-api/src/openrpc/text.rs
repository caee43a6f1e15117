//! Doc comments as plain text.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The doc comment of an item: paragraphs, with an empty line between them.
pub(super) fn docs(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    plain(&lines.join("\n"))
}

fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    match &pair.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if pair.path.is_ident("doc") => {
            Some(text.value().trim().to_owned())
        }
        _ => None,
    }
}

/// Each paragraph on one line, and links to items without their targets.
pub(super) fn plain(text: &str) -> String {
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|paragraph| !paragraph.is_empty())
        .collect();
    unlinked(&paragraphs.join("\n\n"))
}

/// ``[`X`](path)`` and ``[`X`]`` become `` `X` ``.
fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        out.push_str(before);
        let Some((name, after)) = link.split_once("`]") else {
            out.push_str("[`");
            rest = link;
            continue;
        };
        out.push_str(&format!("`{name}`"));
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    out + rest
}

/// The first sentence.
pub(super) fn summary(text: &str) -> &str {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    paragraph[..end].trim_end_matches('.')
}

/// The names between backticks.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// `from_sequence` as clients write it: `fromSequence`.
pub(super) fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lose_their_targets_and_lines_their_breaks() {
        let text = "One [`Notice`](crate::Notice)\neach, of\n\n[`Day`] or [this].";
        assert_eq!(plain(text), "One `Notice` each, of\n\n`Day` or [this].");
        assert_eq!(plain("an open [`link"), "an open [`link");
    }

    #[test]
    fn a_summary_is_one_sentence() {
        assert_eq!(summary("Takes it. Gives it.\n\nErrors: none."), "Takes it");
        assert_eq!(summary("Takes v1.2 of it.\n\nMore."), "Takes v1.2 of it");
    }

    #[test]
    fn parameters_are_written_in_camel_case() {
        assert_eq!((camel("from_sequence"), camel("id")), ("fromSequence".into(), "id".into()));
        assert_eq!(names("`a` and `b`, c").collect::<Vec<_>>(), ["a", "b"]);
    }
}
