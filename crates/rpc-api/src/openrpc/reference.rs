//! The document as people read it.

use super::{Access, Content, Document, Method, schemas::sorted};
use serde_json::{Value, json};
use std::fmt::Write as _;

const LEVELS: [(Access, &str, &str); 3] = [
    (
        Access::Public,
        "Public",
        "Served to everybody whom the server lets in. They tell nothing private.",
    ),
    (
        Access::Operator,
        "Operator",
        "Reads for whoever runs the node. They name prices, limits and what stands against them.",
    ),
    (
        Access::Admin,
        "Admin",
        "They change what the node does, and are served to its operator alone.",
    ),
];

pub(super) fn render(document: &Document) -> String {
    let mut out = format!(
        "<!-- Made of crates/rpc-api by its test `openrpc`: edit the doc comments there. -->\n\
         # {} JSON-RPC {}\n\n{}\n\n\
         The same as an OpenRPC document: [openrpc.json](openrpc.json), or the answer to `rpc.discover`. It has the\n\
         schemas that the tables name.\n",
        document.info.title, document.info.version, document.info.description
    );
    for (level, title, about) in LEVELS {
        let methods = document.methods.iter().filter(|method| method.access == level);
        line(&mut out, &format!("\n## {title}\n\n{about}"));
        methods.for_each(|method| section(&mut out, document, method));
    }
    errors(&mut out, document);
    out
}

fn section(out: &mut String, document: &Document, method: &Method) {
    line(out, &format!("\n### {}\n\n{}", method.name, method.description));
    if method.params.is_empty() {
        line(out, "\nNo parameters.");
    } else {
        line(out, "\n| parameter | form | |\n|---|---|---|");
        for param in &method.params {
            let need = if param.required { "required" } else { "may be left out" };
            line(out, &format!("| `{}` | {} | {need} |", param.name, form(param)));
        }
    }
    if method.param_structure == "by-position" {
        line(out, "\nBy position only.");
    }
    line(out, &format!("\nResult: {}.", form(&method.result)));
    if let Some(told) = &method.notification {
        let (name, result) = (&told.name, form(&told.result));
        let text = format!("\nNotifications: `{name}`, each with {result} as its `result`.");
        line(out, &text);
    }
    let names = method.errors.iter().filter_map(|error| error["$ref"].as_str()?.rsplit('/').next());
    let known = |name: &str| Some((name.to_owned(), document.components.errors.get(name)?.code));
    let errors = names.filter_map(known).map(|(name, code)| format!("`{name}` {code}"));
    line(out, &format!("\nMay answer: {}.", errors.collect::<Vec<_>>().join(", ")));
    method.examples.iter().for_each(|example| {
        let params: Vec<&Value> = example.params.iter().map(|param| &param.value).collect();
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method.name, "params": params });
        let call = sorted(call);
        let answer = format!("{:#}", example.result.value);
        line(out, &format!("\n```json\n{call}\n```\n\n```json\n{answer}\n```"));
    });
}

/// The form in words, with a bar that does not end a cell. What may be left out may be `null`, which goes without
/// saying.
fn form(content: &Content) -> String {
    let form = if content.required { None } else { content.form.strip_suffix(" or null") };
    form.unwrap_or(&content.form).replace('|', "\\|")
}

fn errors(out: &mut String, document: &Document) {
    line(out, "\n## Errors\n\n| code | name | message | when |\n|---|---|---|---|");
    let mut entries: Vec<_> = document.components.errors.iter().collect();
    entries.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.code));
    for (name, entry) in entries {
        let row =
            format!("| {} | `{name}` | {} | {} |", entry.code, entry.message, entry.description);
        line(out, &row);
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{text}");
}
