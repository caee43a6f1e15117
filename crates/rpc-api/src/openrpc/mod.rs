//! The OpenRPC document of the namespace.
//!
//! Everything in it is taken from where it cannot be wrong: methods, parameters and texts from the source of the
//! traits, forms from the schemas of the wire types, codes from their table.

mod build;
mod codes;
mod document;
mod examples;
mod reference;
mod schemas;
mod source;
mod text;

pub use codes::ErrorEntry;
pub use document::{
    Access, Components, Content, Document, Example, ExampleValue, Info, License, Method,
    Notification,
};

/// The document cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A source file is not Rust that the generator understands.
    #[error("{file}: {source}")]
    Source {
        /// The file.
        file: &'static str,
        /// What the parser says.
        source: syn::Error,
    },
    /// A trait of the namespace without a level of access.
    #[error("the trait {0} has no level of access; name it in openrpc/source.rs")]
    UnknownTrait(String),
    /// A parameter or a result has a type without a schema.
    #[error("{method}: the type {name} has no schema; name it in openrpc/schemas.rs")]
    UnknownType {
        /// The method.
        method: String,
        /// The type.
        name: String,
    },
    /// A type is written in another form than it is read.
    #[error("the schema {0} is not the same for parameters and results")]
    TwoForms(String),
    /// A method without a text.
    #[error("{0} says nothing about itself")]
    Silent(String),
    /// An `Errors:` paragraph without a code of the table.
    #[error("{0} has a paragraph on errors that names no code")]
    NoCode(String),
    /// A method without an example, or an example without a method.
    #[error("{0}: one example for each method, in openrpc/examples.json")]
    Example(String),
    /// The examples, or the document itself, as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// The document.
///
/// # Errors
/// [`DocumentError`]: something in the sources of this crate is not described.
pub fn document() -> Result<Document, DocumentError> {
    build::document()
}

/// The document as `docs/openrpc.json` has it.
///
/// # Errors
/// None but those of the serializer.
pub fn json(document: &Document) -> Result<String, DocumentError> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(text)
}

/// The reference that people read, as `docs/rpc.md` has it.
pub fn reference(document: &Document) -> String {
    reference::render(document)
}
