//! `bmn swap export`: all that is known of one swap, in one file that can be checked and signed.

use super::evidence::{self, Evidence};
use crate::{
    failure::Failure,
    files, keys,
    operator::OperatorArgs,
    output::{self, Output},
};
use alloy::primitives::Address;
use bmn_rpc_api::{BmnApiClient, DeadLetterFilter, NodeStatus, OperatorApiClient, SwapKey};
use clap::Args;
use jsonrpsee::core::ClientError;
use jsonrpsee_http_client::HttpClient;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const AFTER: &str = "\
The file has what the node says of the swap (terms, every change with the heads it was made at, steps), why it was
taken and what was given up (operator's methods, where the node serves them), the maker's permission, and what the chains show: every
event with block header, receipt and Merkle proof. No secret is in it that no chain has shown, and no key. What the node could not
give is named with the reason.

Its digest is over everything else in it; with a key it is signed (EIP-191), so that whoever knows the account sees that it was not
changed since. `bmn swap verify FILE …` checks what the chains show without believing
anybody.

Examples:
  bmn swap export 0x5FC8… --out swap.json
  bmn swap export 0x5FC8… --out swap.json --key-file resolver.key --jwt-secret bmn-data/jwt.hex --rpc URL
  bmn swap export --check swap.json --account 0x…";

/// Write everything that is known of one swap into a file, as evidence.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct ExportArgs {
    /// Order id, swap id, order hash, hashlock, or address of either escrow.
    #[arg(required_unless_present = "check")]
    id: Option<String>,

    /// Write it to this new file; without it, to stdout as JSON.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    out: Option<PathBuf>,

    /// Sign it with the private key in this file, mode 0600.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["check", "key_env"])]
    key_file: Option<PathBuf>,

    /// Sign it with the private key in this environment variable.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "check")]
    key_env: Option<String>,

    /// Instead, check the digest and signature of such a file.
    #[arg(long, value_name = "FILE", conflicts_with = "id")]
    check: Option<PathBuf>,

    /// With --check: the account that must have signed it.
    #[arg(long, value_name = "ADDRESS", requires = "check", value_parser = crate::address::parse)]
    account: Option<Address>,

    #[command(flatten)]
    node: OperatorArgs,
}

pub(super) async fn run(args: &ExportArgs, output: &Output) -> Result<(), Failure> {
    if let Some(path) = &args.check {
        return check(path, args.account, output);
    }
    let id = args.id.as_deref().unwrap_or_default();
    let evidence = Evidence::over(gather(args, id).await?);
    let source = keys::source(args.key_file.as_ref(), args.key_env.as_ref());
    let evidence = match source {
        Some(source) => evidence.signed(&keys::from(&source)?)?,
        None => evidence,
    };
    let value = evidence.to_json();
    let Some(path) = &args.out else { return output.value(&value) };
    files::create(
        path,
        &(serde_json::to_string_pretty(&value).map_err(std::io::Error::from)? + "\n"),
    )?;
    let told = json!({ "file": path, "digest": evidence.digest, "signer": evidence.signer() });
    output.result(&told, || {
        let signer = evidence.signer().map_or_else(|| "nobody".to_owned(), |it| it.to_string());
        let mut rows = vec![
            ("file", path.display().to_string()),
            ("digest", evidence.digest.to_string()),
            ("signed by", signer),
        ];
        rows.extend(evidence.missing().into_iter().map(|line| ("missing", line)));
        output::fields(&rows)
    })
}

fn check(path: &Path, account: Option<Address>, output: &Output) -> Result<(), Failure> {
    let text = super::verify::read_large(path)?;
    let named = |reason: String| Failure::No(format!("{}: {reason}", path.display()));
    let evidence = evidence::read(&text).map_err(named)?;
    if let Some(account) = account {
        match evidence.signer() {
            Some(signer) if signer == account => {}
            Some(signer) => return Err(named(format!("signed by {signer}, not by {account}"))),
            None => return Err(named(format!("nobody signed it; expected {account}"))),
        }
    }
    let told = json!({ "digest": evidence.digest, "signer": evidence.signer() });
    output.result(&told, || {
        let signer = evidence.signer().map_or_else(|| "nobody".to_owned(), |it| it.to_string());
        output::fields(&[
            ("digest", format!("{}, as it says", evidence.digest)),
            ("signed by", signer),
        ])
    })
}

/// Everything, as the node gives it now.
async fn gather(args: &ExportArgs, id: &str) -> Result<Value, Failure> {
    let client = args.node.http()?;
    let key = || SwapKey::from(id);
    let status = client.status().await.map_err(|error| args.node.failed(error))?;
    let swap = client.get_swap(key()).await;
    let proof = client.get_swap_proof(key()).await;
    // Whoever asked for an id that leads nowhere, or to several orders, is told so.
    let swap = match (swap, &proof) {
        (Err(error), Err(_)) => return Err(args.node.failed(error)),
        (Err(ClientError::Call(error)), Ok(_)) if error.code() == AMBIGUOUS => {
            return Err(args.node.failed(ClientError::Call(error)));
        }
        (swap, _) => swap,
    };
    let order = swap.as_ref().ok().map(|swap| swap.order_id.clone());
    Ok(json!({
        "format": evidence::FORMAT,
        "askedFor": id,
        "node": about(&status),
        "swap": part(swap),
        "permission": part(client.get_withdraw_permission(key()).await),
        "decision": part(client.explain_order(key()).await),
        "deadLetters": part(letters(&client, order).await),
        "proof": part(proof),
    }))
}

const AMBIGUOUS: i32 = bmn_rpc_api::RpcErrorCode::AmbiguousId.code();

async fn letters(client: &HttpClient, order: Option<String>) -> Result<Value, ClientError> {
    let Some(order) = order else { return Ok(json!([])) };
    let filter = DeadLetterFilter { order: Some(order), ..DeadLetterFilter::default() };
    let page = client.list_dead_letters(Some(filter), None, None).await?;
    Ok(json!(page.items))
}

fn about(status: &NodeStatus) -> Value {
    let chains: Vec<_> = status
        .chains
        .iter()
        .map(|chain| {
            json!({
                "id": chain.id, "name": chain.name, "head": chain.head, "finalized": chain.finalized,
                "account": chain.account,
            })
        })
        .collect();
    json!({ "version": status.version, "chains": chains })
}

/// What was answered, or why it was not.
fn part<T: Serialize>(answer: Result<T, ClientError>) -> Value {
    match answer {
        Ok(value) => json!(value),
        Err(ClientError::Call(error)) => {
            let data = error.data().and_then(|data| serde_json::from_str::<Value>(data.get()).ok());
            let words = match data {
                Some(Value::String(words)) => format!("{}: {words}", error.message()),
                _ => error.message().to_owned(),
            };
            json!({ evidence::MISSING: words })
        }
        Err(_) => json!({ evidence::MISSING: "the node did not answer" }),
    }
}
