//! What can be wrong with a file of the older resolver.

use bmn_primitives::ErrorClass;

/// Why a file is not taken. The offending text is in no error: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LegacyError {
    /// It is no JSON, or cut short.
    #[error("{file}: not whole JSON (line {line}, column {column})")]
    Json {
        /// The file.
        file: String,
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// A field is missing, or is not what it should be.
    #[error("{file}: `{field}`: expected {expected}")]
    Field {
        /// The file.
        file: String,
        /// Path of the field.
        field: String,
        /// The accepted form.
        expected: String,
    },
    /// None of the known formats.
    #[error(
        "{file}: no file of the older resolver: expected an order, fill, escrow, secret, status or state file"
    )]
    Unknown {
        /// The file.
        file: String,
    },
    /// The database of the KV variant.
    #[error(
        "{file}: a Deno KV database cannot be read here; with the older resolver's tools write each value of \
         [\"swaps\"] and [\"secrets\"] into a JSON file of its own and import the directory"
    )]
    DenoKv {
        /// The file.
        file: String,
    },
    /// Larger than any file of the older resolver.
    #[error("{file}: {bytes} bytes, at most {most} are read")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        bytes: usize,
        /// What is read.
        most: usize,
    },
    /// More swaps than are gathered.
    #[error("{file}: more than {most} swaps; import fewer files at a time")]
    TooMany {
        /// The file that holds the first one too many.
        file: String,
        /// How many are gathered.
        most: usize,
    },
}

impl LegacyError {
    /// The same file fails again.
    pub const fn class(&self) -> ErrorClass {
        ErrorClass::Permanent
    }
}
