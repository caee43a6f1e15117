//! `bmn secret`.

use crate::{
    failure::Failure,
    files,
    node::NodeArgs,
    output::{self, Output},
};
use alloy::primitives::hex;
use bmn_primitives::Secret;
use bmn_rpc_api::{
    BmnApiClient, OrderFile, SecretAnswer, SecretParam, SecretState, Swap, SwapFilter, SwapKey,
    SwapStatus,
};
use clap::{Args, Subcommand};
use jsonrpsee_http_client::HttpClient;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Hand in secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Hand in the secret behind a hashlock, or those of the parts that are due.
    Submit(SubmitArgs),
}

const EXAMPLES: &str = "\
Examples:
  bmn secret submit --secret-file secret.txt
  bmn secret submit --secret-file secrets.txt             every secret that is due
  bmn secret submit --secret-file secrets.txt --index 3   the fourth one
  pass show swap | bmn secret submit --secret-file -

Whoever has the secret can take the source. Hand it in only when the destination escrow stands, is
verified and confirmed, and you hold the withdraw permission where the dialect has one. Of a file with
several secrets, one a line, those are due whose part has both escrows by the word of the node: verify
them first (`bmn swap list`, `bmn swap show`), or give the secrets one by one with --index.";

/// Hand in the secret behind a hashlock.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SubmitArgs {
    /// File with the secret, 0x + 64 hex digits, mode 0600, or with the secrets of an order in parts, one a
    /// line; `-` is stdin. Never an argument: arguments are seen by every process.
    #[arg(long, value_name = "FILE", default_value = "-")]
    secret_file: PathBuf,

    /// The secret to hand in of a file with several, counted from 0.
    #[arg(long, value_name = "NUMBER")]
    index: Option<usize>,

    /// Order it is for, by any id; of several secrets, by order hash or order id. Every order of its
    /// hashlock unless given.
    #[arg(value_name = "ID")]
    id: Option<String>,

    #[command(flatten)]
    node: NodeArgs,
}

/// Runs the command.
pub(crate) async fn run(command: SecretCommand, output: &Output) -> Result<(), Failure> {
    let SecretCommand::Submit(args) = command;
    let secrets = read(&args.secret_file)?;
    let count = secrets.len();
    let chosen = match args.index {
        None if count > 1 => return submit_due(&args, secrets, output).await,
        index => secrets.into_iter().nth(index.unwrap_or(0)),
    };
    let secret = chosen.ok_or_else(|| {
        let path = args.secret_file.display();
        Failure::Usage(format!("--index: {path} has {count} secrets: expected 0 to {}", count - 1))
    })?;
    let answer = submit(&args.node, &args.node.http()?, secret, args.id.clone()).await?;
    output.result(&answer, || {
        let mut fields = vec![("hashlock", answer.hashlock.to_string())];
        fields.extend(answer.orders.iter().map(|order| ("order", order.clone())));
        output::fields(&fields)
    })
}

async fn submit(
    node: &NodeArgs,
    client: &HttpClient,
    secret: Secret,
    id: Option<String>,
) -> Result<SecretAnswer, Failure> {
    let answer = client.submit_secret(SecretParam(secret), id.map(SwapKey)).await;
    answer.map_err(|error| node.failed(error))
}

/// What became of one secret of several.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Handled {
    index: usize,
    hashlock: String,
    /// Where its part stands; none while the node has chosen no such part.
    status: Option<SwapStatus>,
    order: Option<String>,
    handed_in: bool,
}

/// A part whose both escrows stand, and whose secret the node does not have.
fn is_due(swap: &Swap) -> bool {
    swap.status == SwapStatus::BothLocked && swap.secret == SecretState::Unknown
}

/// All parts of an order have its hash.
fn is_named(swap: &Swap, id: &str) -> bool {
    swap.order_hash.to_string().eq_ignore_ascii_case(id) || swap.order_id.eq_ignore_ascii_case(id)
}

async fn submit_due(
    args: &SubmitArgs,
    secrets: Vec<Secret>,
    output: &Output,
) -> Result<(), Failure> {
    let client = args.node.http()?;
    let mut all = Vec::new();
    for (index, secret) in secrets.into_iter().enumerate() {
        let hashlock = secret.hashlock();
        let filter = SwapFilter { hashlock: Some(hashlock.0), ..SwapFilter::default() };
        let page = client.get_swaps(Some(filter), None, None).await;
        let mut found = page.map_err(|error| args.node.failed(error))?.items;
        found.retain(|swap| args.id.as_deref().is_none_or(|id| is_named(swap, id)));
        let due = found.iter().find(|swap| is_due(swap));
        let shown = due.or(found.first());
        let (status, order) =
            (shown.map(|swap| swap.status), shown.map(|swap| swap.order_id.clone()));
        if due.is_some() {
            submit(&args.node, &client, secret, order.clone()).await?;
        }
        let hashlock = hashlock.to_string();
        all.push(Handled { index, hashlock, status, order, handed_in: due.is_some() });
    }
    output.result(&all, || text(&all))?;
    if all.iter().any(|secret| secret.handed_in) {
        return Ok(());
    }
    Err(Failure::No("no secret is due: no part has both escrows and lacks its secret".to_owned()))
}

fn text(all: &[Handled]) -> String {
    let rows: Vec<_> = all
        .iter()
        .map(|secret| {
            let status = secret.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
            let done = if secret.handed_in { "handed in" } else { "kept" };
            let order = secret.order.clone().unwrap_or_else(|| "-".to_owned());
            [secret.index.to_string(), done.to_owned(), status, order]
        })
        .collect();
    output::table(["SECRET", "", "PART", "ORDER"], &rows)
}

/// The text of a file with secrets.
pub(crate) fn write(secrets: &[Secret]) -> String {
    secrets.iter().map(|secret| hex::encode_prefixed(secret.expose()) + "\n").collect()
}

/// The secrets in a file, one a line; `-` is stdin. What is wrong is told by line, never repeated.
pub(crate) fn read(path: &Path) -> Result<Vec<Secret>, Failure> {
    let text = files::read_private(path)?;
    let wrong = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
    let lines = text.lines().map(str::trim).zip(1..).filter(|(line, _)| !line.is_empty());
    let secrets = lines.map(|(line, number)| {
        line.parse().map_err(|error| wrong(format!("line {number}: {error}")))
    });
    let secrets = secrets.collect::<Result<Vec<Secret>, _>>()?;
    if secrets.is_empty() || secrets.len() > OrderFile::MOST_SECRETS {
        let (count, most) = (secrets.len(), OrderFile::MOST_SECRETS);
        return Err(wrong(format!("{count} secrets: expected 1 to {most}, one a line")));
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_written_and_read_one_a_line_and_a_wrong_line_is_numbered() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secrets");
        let text = write(&[Secret::new([1; 32]), Secret::new([2; 32])]);
        files::create_private(&path, &format!("{text}\n")).unwrap();
        let hashlocks: Vec<_> = read(&path).unwrap().iter().map(Secret::hashlock).collect();
        assert_eq!(hashlocks, [1, 2].map(|byte| Secret::new([byte; 32]).hashlock()));
        for (text, says) in [
            (format!("{text}0x5e5e"), "line 3: "),
            (String::new(), "0 secrets: expected 1 to 257"),
            (text.repeat(129), "258 secrets"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("5e5e"), "{error}");
        }
    }
}
