//! `bmn keys`: encrypted keys of accounts.

mod import;
mod keystore;
mod list;
mod new;
mod password;
mod rotate;

use crate::{failure::Failure, output::Output};
use clap::Subcommand;

const AFTER: &str = "\
A keystore is a file with one private key, encrypted with a password (Web3 Secret Storage, version 3). The
configuration names it: [signer] keystore = \"key.json\", password_file = \"key.password\". Neither keys nor
passwords are ever arguments, and none is ever shown.

Examples:
  bmn keys new --out resolver.json --password-file resolver.password
  bmn keys import --key-file old.key --out resolver.json        asks for a password
  bmn keys list keys/
  bmn keys rotate --keystore next.json --password-file next.password --rpc URL --jwt-secret FILE";

/// Make, import and list keys, and change the account of a node.
#[derive(Debug, Subcommand)]
#[command(after_help = AFTER)]
pub(crate) enum KeysCommand {
    /// Make a new key in an encrypted keystore.
    New(new::NewArgs),
    /// Put a key that there is into an encrypted keystore.
    Import(import::ImportArgs),
    /// List the keystores of directories or files, by account.
    List(list::ListArgs),
    /// Bring every swap of a node's account to its end, so that another key can take its place.
    Rotate(rotate::RotateArgs),
}

/// Runs the command.
pub(crate) async fn run(command: KeysCommand, output: &Output) -> Result<(), Failure> {
    match command {
        KeysCommand::New(args) => new::run(&args, output),
        KeysCommand::Import(args) => import::run(&args, output),
        KeysCommand::List(args) => list::run(&args, output),
        KeysCommand::Rotate(args) => rotate::run(&args, output).await,
    }
}
