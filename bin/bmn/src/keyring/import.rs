//! `bmn keys import`.

use super::{keystore, new, password::PasswordArgs};
use crate::{failure::Failure, keys, output::Output};
use clap::Args;
use std::path::PathBuf;

/// Put a key that there is into an encrypted keystore.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bmn keys import --key-file old.key --out resolver.json --password-file resolver.password
  pass show resolver | bmn keys import --key-file - --out resolver.json --password-env PASSWORD

The key's file stays as it is: delete it once the keystore has been copied and works.")]
pub(crate) struct ImportArgs {
    /// File with the private key, 0x + 64 hex digits, mode 0600; `-` is stdin.
    #[arg(long, value_name = "FILE", required_unless_present = "key_env")]
    key_file: Option<PathBuf>,

    /// Environment variable with the private key.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "key_file")]
    key_env: Option<String>,

    /// Write the keystore to this new file (mode 0600).
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    #[command(flatten)]
    password: PasswordArgs,
}

pub(super) fn run(args: &ImportArgs, output: &Output) -> Result<(), Failure> {
    let source = keys::source(args.key_file.as_ref(), args.key_env.as_ref());
    let source = source.ok_or_else(|| Failure::Usage("a key is needed".to_owned()))?;
    let signer = keys::from(&source)?;
    let password = args.password.choose()?;
    keystore::write(&signer, &password, &args.out)?;
    new::told(&signer, &args.out, output)
}
