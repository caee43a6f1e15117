//! Why a command did not succeed, and its exit code.

use bmn_chain::ChainError;
use bmn_launch::LaunchError;
pub(crate) use bmn_launch::in_one_line as chain;
use bmn_rpc_api::RpcErrorCode;
use serde_json::{Value, json};
use std::{io, path::PathBuf};

/// A failed command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command did its work, and the answer is no.
    #[error("{0}")]
    No(String),
    /// Wrong arguments, or a file that says something wrong.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be used.
    #[error("{}: {}", path.display(), of_file(source))]
    File {
        /// Which one.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A node or chain does not answer.
    #[error("{url} cannot be reached: {reason}{}", .hint.map(|hint| format!("; {hint}")).unwrap_or_default())]
    Unreachable {
        /// Its URL.
        url: String,
        /// What happened.
        reason: String,
        /// What to try.
        hint: Option<&'static str>,
    },
    /// The node answered with an error.
    #[error("the node refused: {message} ({name}, code {code}){}", details(data))]
    Refused {
        /// JSON-RPC error code.
        code: i32,
        /// The code's name.
        name: &'static str,
        /// The node's words.
        message: String,
        /// Details.
        data: Value,
    },
    /// Stdin or stdout failed.
    #[error("stdin or stdout: {0}")]
    Stream(#[from] io::Error),
    /// A run failed.
    #[error("{}", chain(.0.chain()))]
    Run(#[from] eyre::Report),
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        match error {
            LaunchError::Configuration(_) => Self::Usage(error.to_string()),
            LaunchError::File { path, source } => Self::File { path, source },
            LaunchError::Unreachable { chain, reason } => {
                Self::Unreachable { url: chain, reason, hint: Some("is a node running there?") }
            }
            LaunchError::Chain { chain, source } => Self::of_chain(&chain, source),
            // A node that is catching up has no contracts yet: starting again may help.
            LaunchError::Contracts { .. }
            | LaunchError::Node(_)
            | LaunchError::Records(_)
            | LaunchError::Scheduler(_) => Self::Run(eyre::Report::new(error)),
        }
    }
}

/// The system's words about a file, with the next step where it is always the same.
fn of_file(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no such file or directory; a path is taken from the current directory"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            format!("{error}: run as the user it belongs to, or let this one use it")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("{error}: mount it writable, or name a directory on another disk")
        }
        io::ErrorKind::StorageFull => {
            format!("{error}: free some space; nothing committed is lost")
        }
        _ => error.to_string(),
    }
}

/// Why nothing answers, without the names of the layers that noticed it.
pub(crate) fn plainly(reason: String) -> String {
    let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if has(&["Connection refused"]) {
        "connection refused, nothing listens there".to_owned()
    } else if has(&["dns error", "failed to lookup address"]) {
        "there is no host of that name".to_owned()
    } else if has(&["operation timed out", "Connection timed out"]) {
        "no answer in time".to_owned()
    } else {
        reason
    }
}

fn details(data: &Value) -> String {
    match data {
        Value::Null => String::new(),
        Value::String(text) => format!(": {text}"),
        other => format!(": {other}"),
    }
}

impl Failure {
    /// A file that cannot be used.
    pub(crate) fn file(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { path: path.into(), source }
    }

    /// What a failure of a chain means for a command; `shown` names the chain.
    pub(crate) fn of_chain(shown: &str, error: ChainError) -> Self {
        match error {
            ChainError::Unavailable { reason, .. } => {
                Self::Unreachable { url: shown.to_owned(), reason, hint: None }
            }
            ChainError::WrongChain { .. } => Self::Usage(format!("{shown}: {error}")),
            other => Self::Run(eyre::Report::new(other).wrap_err(shown.to_owned())),
        }
    }

    /// Somebody stopped reading our output, as `head` does. Not a failure.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Stream(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The orders that share the id that was asked for, where the node refused because several do.
    pub(crate) fn candidates(&self) -> Vec<&str> {
        match self {
            Self::Refused { code, data: Value::Array(ids), .. }
                if RpcErrorCode::from_code(*code) == Some(RpcErrorCode::AmbiguousId) =>
            {
                ids.iter().filter_map(Value::as_str).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The exit code, as `bmn --help` lists them.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            closed if closed.is_closed_pipe() => 0,
            Self::No(_) | Self::Run(_) | Self::Stream(_) => 1,
            Self::Usage(_) | Self::File { .. } => 2,
            Self::Unreachable { .. } => 3,
            Self::Refused { .. } => 4,
        }
    }

    /// The failure for programs.
    pub(crate) fn to_json(&self) -> Value {
        let mut error = json!({ "message": self.to_string(), "exitCode": self.exit_code() });
        if let Self::Refused { code, name, data, .. } = self {
            error["code"] = json!(code);
            error["name"] = json!(name);
            error["data"] = data.clone();
        }
        json!({ "error": error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_the_exit_code_the_help_promises() {
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        for (failure, code) in [
            (Failure::Stream(pipe), 0),
            (Failure::No("refused".to_owned()), 1),
            (Failure::Run(eyre::eyre!("x")), 1),
            (Failure::Usage("bad".to_owned()), 2),
            (Failure::file("f", io::ErrorKind::NotFound.into()), 2),
            (Failure::Unreachable { url: "u".to_owned(), reason: "r".to_owned(), hint: None }, 3),
        ] {
            assert_eq!(failure.exit_code(), code, "{failure}");
        }
    }

    #[test]
    fn only_what_has_to_be_corrected_first_ends_like_wrong_arguments() {
        let (chain, reason) = ("Chain A (1337)".to_owned(), "no code".to_owned());
        let missing = Failure::from(LaunchError::Contracts { chain, reason });
        assert_eq!(missing.exit_code(), 1, "{missing}");
        assert!(missing.to_string().contains("bmn dev deploy"), "{missing}");
        let wrong = Failure::from(LaunchError::Configuration("`mode`".to_owned()));
        assert_eq!(wrong.exit_code(), 2, "{wrong}");
    }

    #[test]
    fn what_a_first_time_user_meets_is_told_in_plain_words() {
        let text = "client error (Connect): tcp connect error: Connection refused (os error 111)";
        assert_eq!(plainly(text.to_owned()), "connection refused, nothing listens there");
        assert_eq!(plainly("HTTP 500".to_owned()), "HTTP 500");
        let file = |kind: io::ErrorKind| Failure::file("bmn.toml", kind.into()).to_string();
        assert!(file(io::ErrorKind::NotFound).contains("there is no such file"));
        assert!(file(io::ErrorKind::PermissionDenied).contains("run as the user"));
        assert!(file(io::ErrorKind::ReadOnlyFilesystem).contains("another disk"));
    }

    #[test]
    fn a_cause_that_its_error_shows_is_not_told_again() {
        #[derive(Debug, thiserror::Error)]
        #[error("data: {source}")]
        struct Shows {
            source: io::Error,
        }
        let inner = Shows { source: io::Error::other("no space") };
        let report = eyre::Report::new(inner).wrap_err("cannot write");
        assert_eq!(Failure::Run(report).to_string(), "cannot write: data: no space");
    }

    #[test]
    fn a_refusal_tells_programs_its_code_and_details() {
        let refused = Failure::Refused {
            code: -32602,
            name: "invalidParams",
            message: "Invalid params".to_owned(),
            data: "`id`: expected an id".into(),
        };
        assert_eq!(refused.exit_code(), 4);
        let json = refused.to_json();
        assert_eq!(
            (&json["error"]["code"], &json["error"]["exitCode"]),
            (&json!(-32602), &json!(4))
        );
        assert!(refused.to_string().ends_with("code -32602): `id`: expected an id"), "{refused}");
    }
}
