//! The error codes, from their table and its own texts.

use super::{DocumentError, text};
use crate::RpcErrorCode;
use serde::Serialize;
use std::collections::BTreeMap;
use syn::Item;

/// An error that a method may answer with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorEntry {
    /// Number on the wire.
    pub code: i32,
    /// Text where the handler has nothing more exact to say.
    pub message: String,
    /// When it is answered.
    #[serde(rename = "x-description")]
    pub description: String,
}

/// Every code by name.
pub(super) fn all() -> Result<BTreeMap<String, ErrorEntry>, DocumentError> {
    let file = "error.rs";
    let parsed = syn::parse_file(include_str!("../error.rs"));
    let parsed = parsed.map_err(|source| DocumentError::Source { file, source })?;
    let variants = parsed.items.iter().find_map(|item| match item {
        Item::Enum(item) if item.ident == "RpcErrorCode" => Some(&item.variants),
        _ => None,
    });
    let docs: BTreeMap<String, String> = variants
        .into_iter()
        .flatten()
        .map(|variant| (lower(&variant.ident.to_string()), text::docs(&variant.attrs)))
        .collect();
    RpcErrorCode::ALL
        .into_iter()
        .map(|code| {
            let name = code.name().to_owned();
            let silent = || DocumentError::Silent(name.clone());
            let description = docs.get(&name).cloned().ok_or_else(silent)?;
            let entry =
                ErrorEntry { code: code.code(), message: code.message().to_owned(), description };
            Ok((name, entry))
        })
        .collect()
}

fn lower(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_ascii_lowercase(), letters.as_str())
    })
}

/// What any method may be answered with: by its parameters, by a fault of the node, while the full node has no
/// resolver running, and when one client asks too much.
const ALWAYS: [RpcErrorCode; 4] = [
    RpcErrorCode::InvalidParams,
    RpcErrorCode::Internal,
    RpcErrorCode::Unavailable,
    RpcErrorCode::LimitExceeded,
];

/// The codes that a text names in its paragraph on errors, in the order of the table, and those that every method
/// may answer with.
pub(super) fn named(method: &str, docs: &str) -> Result<Vec<&'static str>, DocumentError> {
    let paragraph = docs.split("\n\n").find(|paragraph| paragraph.starts_with("Errors:"));
    let named: Vec<&str> = paragraph.into_iter().flat_map(text::names).collect();
    let codes = RpcErrorCode::ALL.map(RpcErrorCode::name);
    let own: Vec<_> = codes.into_iter().filter(|name| named.contains(name)).collect();
    if paragraph.is_some() && own.is_empty() {
        return Err(DocumentError::NoCode(method.to_owned()));
    }
    let always = ALWAYS.map(RpcErrorCode::name);
    Ok(codes.into_iter().filter(|name| own.contains(name) || always.contains(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_paragraph_and_those_of_every_method() {
        let docs = "Reads `notFound`.\n\nErrors: `badCursor` when `filter` differs; `notYet`.";
        let found = named("m", docs).unwrap();
        let always = ["invalidParams", "internal", "unavailable", "limitExceeded"];
        assert_eq!(found, [&always[..], &["badCursor", "notYet"]].concat());
        assert_eq!(named("m", "Reads.").unwrap(), always);
        assert!(matches!(named("m", "x\n\nErrors: `badCurser`."), Err(DocumentError::NoCode(_))));
    }

    #[test]
    fn every_code_has_its_own_text() {
        let all = all().unwrap();
        assert_eq!(all.len(), RpcErrorCode::ALL.len());
        assert!(all["reorged"].description.starts_with("A reorg replaced"));
    }
}
