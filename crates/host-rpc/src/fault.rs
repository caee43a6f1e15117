//! What went wrong with one call to one endpoint.

use crate::stated;
use bmn_primitives::ChainId;
use serde_json::Value;
use std::{fmt, time::Duration};

/// A JSON-RPC error, as the node gave it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RpcFailure {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) data: Option<Value>,
}

/// Why an endpoint gave no usable answer, by what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// No connection, or it broke.
    Unreachable(String),
    Timeout(Duration),
    /// Too many requests; the node may say when to come back.
    RateLimited(Option<Duration>),
    /// An HTTP status that is no answer.
    Http(u16),
    /// Not JSON-RPC, or not what the method returns.
    Garbled(String),
    /// The answer is larger than we read.
    Oversized(usize),
    /// The range spans too many blocks; the most the node takes, where it says so.
    TooWide {
        most: Option<u64>,
    },
    /// The range holds too much; a span that works here, where the node says so.
    TooMuch {
        works: Option<u64>,
    },
    Unsupported(&'static str),
    /// The node answers no batches.
    BatchRefused,
    /// The node no longer has what is that old.
    Pruned {
        block: Option<u64>,
        said: String,
    },
    /// The node does not have that block yet, or its chain moved while it was read.
    NotYet(String),
    /// The node's head is below our cursor, on our own chain.
    Behind,
    /// The node's chain has no block in common with what we still know.
    Beyond,
    /// The node contradicts itself.
    Inconsistent(String),
    /// Endpoints do not agree on a block.
    Disagree(String),
    WrongChain(ChainId),
    /// Left alone: its breaker is open, or it asked for a rest.
    Resting,
    /// Any other JSON-RPC error.
    Refused(RpcFailure),
}

/// EIP-1474 and JSON-RPC codes that mean the same everywhere.
const METHOD_NOT_FOUND: i64 = -32601;
const METHOD_NOT_SUPPORTED: i64 = -32004;
const LIMIT_EXCEEDED: i64 = -32005;
const RESOURCE_NOT_FOUND: i64 = -32001;
const INTERNAL: i64 = -32603;
/// A reverted call (geth).
const REVERTED: i64 = 3;
/// Providers' codes for too many requests.
const RATE_CODES: [i64; 4] = [429, -32029, -32016, -32097];
/// EIP-4444: history that was dropped by agreement.
const HISTORY_PRUNED: i64 = 4444;

const RATE: &[&str] = &[
    "rate limit",
    "ratelimit",
    "too many requests",
    "request limit",
    "requests per second",
    "request rate",
    "request count exceeded",
    "compute units",
    "throttl",
    "capacity exceeded",
    "quota",
    "out of credits",
    "slow down",
];
const UNSUPPORTED: &[&str] = &[
    "method not found",
    "method not supported",
    "unsupported method",
    "does not exist/is not available",
    "method is not available",
    "method is not supported",
    "not whitelisted",
    "unknown method",
    "method not allowed",
    "method not enabled",
];
const PRUNED: &[&str] = &[
    "pruned",
    "missing trie node",
    "historical state",
    "state is not available",
    "state not available",
    "ancient block",
    "state histories",
    "archive",
    "history is not available",
    "old data not available",
];
const NOT_YET: &[&str] = &[
    "header not found",
    "unknown block",
    "block not found",
    "beyond current head",
    "beyond head",
    "future block",
    "could not find block",
    "unfinalized data",
    "after last accepted",
];
const WIDE: &[&str] = &[
    "range too large",
    "range is too large",
    "range too wide",
    "range is too wide",
    "too many blocks",
    "block range",
    "blocks range",
    "max range",
    "range exceed",
    "exceeds the range",
    "is limited to a",
    "ranges over",
];
const MUCH: &[&str] = &[
    "more than",
    "too many results",
    "too many logs",
    "max results",
    "response size",
    "too large",
    "too big",
    "timeout",
    "timed out",
    "deadline exceeded",
    "took too long",
];

fn says(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// What a JSON-RPC error of `method` means.
pub(crate) fn classify(method: &'static str, failure: RpcFailure) -> Fault {
    let text = failure.message.to_ascii_lowercase();
    let runs_code = matches!(method, "eth_call" | "eth_estimateGas");
    if runs_code && (failure.code == REVERTED || text.contains("revert")) {
        // The words of a contract, which may say anything.
        return Fault::Refused(failure);
    }
    if RATE_CODES.contains(&failure.code) || says(&text, RATE) {
        return Fault::RateLimited(None);
    }
    if matches!(failure.code, METHOD_NOT_FOUND | METHOD_NOT_SUPPORTED) || says(&text, UNSUPPORTED) {
        return Fault::Unsupported(method);
    }
    if method == "eth_sendRawTransaction" {
        return Fault::Refused(failure);
    }
    if failure.code == HISTORY_PRUNED || says(&text, PRUNED) {
        return Fault::Pruned { block: None, said: failure.message };
    }
    if failure.code == RESOURCE_NOT_FOUND || says(&text, NOT_YET) || text.ends_with("not found") {
        return Fault::NotYet(failure.message);
    }
    if method == "eth_getLogs" {
        return of_logs(&text, failure);
    }
    if failure.code == LIMIT_EXCEEDED {
        return Fault::RateLimited(None);
    }
    Fault::Refused(failure)
}

fn of_logs(text: &str, failure: RpcFailure) -> Fault {
    let works = stated::proposed_span(text);
    if let Some(most) = stated::range(text)
        && works.is_none_or(|works| works <= most)
    {
        return Fault::TooWide { most: Some(most) };
    }
    if works.is_some() || failure.code == LIMIT_EXCEEDED {
        return Fault::TooMuch { works };
    }
    if says(text, WIDE) {
        return Fault::TooWide { most: None };
    }
    if says(text, MUCH) {
        return Fault::TooMuch { works: None };
    }
    Fault::Refused(failure)
}

impl Fault {
    /// Whether the endpoint itself is to blame, so that its breaker counts it.
    pub(crate) const fn is_failure(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::Timeout(_)
            | Self::Http(_)
            | Self::Garbled(_)
            | Self::Oversized(_)
            | Self::Inconsistent(_) => true,
            Self::Refused(failure) => failure.code == INTERNAL,
            _ => false,
        }
    }

    /// Whether nothing came back, which can be because too much was asked for.
    pub(crate) const fn is_silence(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Unreachable(_))
    }

    /// Whether the endpoint works and yet is of no use: it is put back in the order.
    pub(crate) const fn is_useless(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Disagree(_))
    }

    /// Whether asking the same endpoint again soon is pointless.
    pub(crate) const fn is_settled(&self) -> bool {
        matches!(
            self,
            Self::Pruned { .. }
                | Self::Unsupported(_)
                | Self::WrongChain(_)
                | Self::Behind
                | Self::Beyond
                | Self::Disagree(_)
        )
    }

    /// For a block that the node must have by now: not having it means having dropped it.
    pub(crate) fn of_final_block(self, number: u64) -> Self {
        match self {
            Self::NotYet(said) | Self::Pruned { said, block: None } => {
                Self::Pruned { block: Some(number), said }
            }
            other => other,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(reason) => write!(f, "unreachable ({reason})"),
            Self::Timeout(after) => write!(f, "no answer within {} s", after.as_secs_f32()),
            Self::RateLimited(_) => f.write_str("rate limit reached"),
            Self::Http(status) => write!(f, "HTTP status {status}"),
            Self::Garbled(reason) => write!(f, "not a JSON-RPC answer ({reason})"),
            Self::Oversized(most) => write!(f, "the answer is larger than {most} bytes"),
            Self::TooWide { .. } => f.write_str("refuses logs even of a single block"),
            Self::TooMuch { .. } => f.write_str("cannot answer for the logs of a single block"),
            Self::Unsupported(method) => write!(f, "{method} is not supported"),
            Self::BatchRefused => f.write_str("batches are not supported"),
            Self::Pruned { said, .. } => write!(f, "no longer has it ({said})"),
            Self::NotYet(what) => write!(f, "does not have it yet ({what})"),
            Self::Behind => f.write_str("its head is below our cursor"),
            Self::Beyond => f.write_str("its chain has no block in common with ours"),
            Self::Inconsistent(what) => write!(f, "contradicts itself ({what})"),
            Self::Disagree(who) => f.write_str(who),
            Self::WrongChain(found) => write!(f, "follows chain {found}"),
            Self::Resting => f.write_str("left alone after failures or at its own request"),
            Self::Refused(failure) => write!(f, "error {} ({})", failure.code, failure.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &'static str, code: i64, message: &str) -> Fault {
        classify(method, RpcFailure { code, message: message.to_owned(), data: None })
    }

    #[test]
    fn words_of_nodes_about_logs() {
        let logs = |code, message| of("eth_getLogs", code, message);
        let wide = |most| Fault::TooWide { most };
        let much = |works| Fault::TooMuch { works };
        assert_eq!(logs(-32614, "eth_getLogs is limited to a 10,000 range"), wide(Some(10_000)));
        assert_eq!(logs(-32701, "exceed maximum block range: 50000"), wide(Some(50_000)));
        assert_eq!(logs(-32600, "block range is too wide"), wide(None));
        assert_eq!(logs(-32062, "Block range is too large"), wide(None));
        let proposal =
            "query returned more than 10000 results. Try with this block range [0x1, 0x2].";
        assert_eq!(logs(-32005, proposal), much(Some(2)));
        let proposal = "query exceeds max results 20000, retry with the range 100-149";
        assert_eq!(logs(-32602, proposal), much(Some(50)));
        assert_eq!(logs(-32005, "limit exceeded"), much(None));
        assert_eq!(logs(-32000, "query timeout exceeded"), much(None));
        assert_eq!(logs(-32020, "backend response too large"), much(None));
        let both = "requests with up to a 10 block range. Based on your parameters, this block range \
             should work: [0x0, 0x9]";
        assert_eq!(logs(-32600, both), wide(Some(10)));
        let ahead = logs(-32000, "block range extends beyond current head block");
        assert!(matches!(ahead, Fault::NotYet(_)));
        assert!(matches!(logs(4444, "pruned history unavailable"), Fault::Pruned { .. }));
        assert!(matches!(logs(-32602, "invalid topic"), Fault::Refused(_)));
    }

    #[test]
    fn words_of_nodes_about_everything_else() {
        let call = |code, message| of("eth_call", code, message);
        for (code, words) in [
            (-32005, "daily request count exceeded, request rate limited"),
            (429, "Your app has exceeded its compute units per second capacity"),
            (-32029, "nope"),
            (-32007, "15/second request limit reached"),
            (-32005, "limit exceeded"),
        ] {
            assert_eq!(call(code, words), Fault::RateLimited(None), "{words}");
        }
        assert_eq!(call(-32601, "x"), Fault::Unsupported("eth_call"));
        let absent = "the method eth_call does not exist/is not available";
        assert_eq!(call(-32000, absent), Fault::Unsupported("eth_call"));
        for words in ["missing trie node 0xab (path )", "history has been pruned for this block"] {
            assert!(matches!(call(-32000, words), Fault::Pruned { .. }), "{words}");
        }
        for words in ["header not found", "unknown block", "Resource not found"] {
            assert!(matches!(call(-32000, words), Fault::NotYet(_)), "{words}");
        }
        let contract = "execution reverted: rate limit, history has been pruned, method not found";
        assert!(matches!(call(3, contract), Fault::Refused(_)), "a contract may say anything");
        let send = of("eth_sendRawTransaction", -32000, "transaction not found or pruned");
        assert!(matches!(send, Fault::Refused(_)));
    }
}
