//! `bmn secret`.

use crate::{failure::Failure, files, node::NodeArgs, output::Output};
use bmn_primitives::Secret;
use bmn_rpc_api::{BmnApiClient, SecretParam, SwapKey};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Hand in secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Hand in the secret behind a hashlock.
    Submit(SubmitArgs),
}

const EXAMPLES: &str = "\
Examples:
  bmn secret submit --secret-file secret.txt
  pass show swap | bmn secret submit --secret-file -

Whoever has the secret can take the source. Hand it in only when the destination escrow stands, is
verified and confirmed, and you hold the withdraw permission.";

/// Hand in the secret behind a hashlock.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SubmitArgs {
    /// File with the secret, 0x + 64 hex digits, mode 0600; `-` is stdin. Never an argument:
    /// arguments are seen by every process.
    #[arg(long, value_name = "FILE", default_value = "-")]
    secret_file: PathBuf,

    /// Order it is for, by any id; every order of its hashlock unless given.
    #[arg(value_name = "ID")]
    id: Option<String>,

    #[command(flatten)]
    node: NodeArgs,
}

/// Runs the command.
pub(crate) async fn run(command: SecretCommand, output: &Output) -> Result<(), Failure> {
    let SecretCommand::Submit(args) = command;
    let text = files::read_private(&args.secret_file)?;
    let secret: Secret = text
        .trim()
        .parse()
        .map_err(|error| Failure::Usage(format!("{}: {error}", args.secret_file.display())))?;
    let id = args.id.map(SwapKey);
    let answer = args.node.http()?.submit_secret(SecretParam(secret), id).await;
    let answer = answer.map_err(|error| args.node.failed(error))?;
    output.result(&answer, || {
        let mut fields = vec![("hashlock", answer.hashlock.to_string())];
        fields.extend(answer.orders.iter().map(|order| ("order", order.clone())));
        crate::output::fields(&fields)
    })
}
