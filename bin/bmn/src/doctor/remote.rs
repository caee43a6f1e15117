//! A signer that is another program.

use super::finding::Finding;
use crate::{chain_rpc::Node, failure::Failure, node::shown};
use bmn_config::KeySource;
use serde_json::{Value, json};

/// Whether it answers and has the account.
pub(super) async fn check(source: &KeySource) -> Vec<Finding> {
    let KeySource::Remote { endpoint, account } = source else { return Vec::new() };
    let url = match bmn_launch::secrets::url(endpoint) {
        Ok(url) => url,
        Err(why) => {
            let what = format!("where the remote signer is, is not known: {why}");
            return vec![Finding::error("key", what).say("Correct remote in [signer].")];
        }
    };
    let name = shown(&url);
    let asked = match Node::new("remote", &url) {
        Ok(node) => node.at_once(&[("eth_accounts", json!([]))]).await,
        Err(failure) => Err(failure),
    };
    let mend = "Start the remote signer, and see that this machine may ask it.";
    vec![match asked.map(|mut answers| answers.pop()) {
        Ok(Some(Ok(Value::Array(accounts)))) => {
            let ours = account.to_string().to_lowercase();
            let is_ours = |it: &Value| it.as_str().is_some_and(|it| it.to_lowercase() == ours);
            if accounts.iter().any(is_ours) {
                Finding::ok("key", format!("the remote signer at {name} has {account}"))
            } else {
                let count = accounts.len();
                Finding::error(
                    "key",
                    format!("the remote signer at {name} has {count} accounts, not {account}"),
                )
                .say("Load the key there, or correct account in [signer].")
            }
        }
        Ok(Some(Err(refusal))) if refusal.is_unsupported() => Finding::warning(
            "key",
            format!("the remote signer at {name} answers, but does not list its accounts"),
        )
        .say("Whether it signs for the account shows with the first transaction."),
        Ok(Some(Err(refusal))) => Finding::error(
            "key",
            format!("the remote signer at {name} refuses: {}", refusal.message),
        )
        .say(mend),
        Ok(_) => {
            Finding::error("key", format!("{name} does not answer as a signer does")).say(mend)
        }
        Err(Failure::Unreachable { reason, .. }) => {
            Finding::error("key", format!("the remote signer at {name} does not answer: {reason}"))
                .say(mend)
        }
        Err(other) => Finding::error("key", other.to_string()).say(mend),
    }]
}
