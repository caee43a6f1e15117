//! `bmn keys new`.

use super::{keystore, password::PasswordArgs};
use crate::{
    failure::Failure,
    output::{self, Output},
};
use alloy::signers::local::PrivateKeySigner;
use clap::Args;
use rand_08::rngs::OsRng;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Make a new key in an encrypted keystore.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bmn keys new --out resolver.json                                     asks for a password twice
  bmn keys new --out resolver.json --password-file resolver.password

There is no copy of the key anywhere else: keep the file and its password, apart from each other. Whoever has both
has the money of the account.")]
pub(crate) struct NewArgs {
    /// Write the keystore to this new file (mode 0600).
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    #[command(flatten)]
    password: PasswordArgs,
}

pub(super) fn run(args: &NewArgs, output: &Output) -> Result<(), Failure> {
    let password = args.password.choose()?;
    let signer = PrivateKeySigner::random_with(&mut OsRng);
    keystore::write(&signer, &password, &args.out)?;
    told(&signer, &args.out, output)
}

/// Tells what was written.
pub(super) fn told(signer: &PrivateKeySigner, path: &Path, output: &Output) -> Result<(), Failure> {
    let account = signer.address().to_string();
    output.result(&json!({ "account": account, "keystore": path }), || {
        output::fields(&[
            ("account", account.clone()),
            ("keystore", format!("{} (mode 0600, opened again to be sure)", path.display())),
        ])
    })?;
    output.note(&format!(
        "In the configuration: [signer] keystore = \"{}\" and password_file or password_env. Keep a copy of the file.",
        path.display()
    ));
    Ok(())
}
