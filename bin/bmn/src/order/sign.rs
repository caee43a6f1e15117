//! `bmn order sign`.

use super::read;
use crate::{chains::ChainArgs, failure::Failure, files, keys::KeyArgs, output::Output};
use bmn_contracts::{OrderFile, sign_order};
use bmn_primitives::AddressWord;
use clap::Args;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  bmn order sign order.json --key-file maker.key
  bmn order sign order.json --key-env MAKER_KEY -o signed.json
  bmn order sign order.json --dev-account 3      development chains only";

/// Sign an order as its maker.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SignArgs {
    /// Order file; `-` is stdin.
    file: PathBuf,

    #[command(flatten)]
    key: KeyArgs,

    /// File to write instead of changing the order file; stdout when the order comes from stdin.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    chains: ChainArgs,
}

fn signed(args: &SignArgs) -> Result<OrderFile, Failure> {
    let file = read::file(&args.file)?;
    let understood = read::understand(&file, &args.chains.load()?)?;
    let signer = args.key.signer(understood.chain.0)?;
    let address = signer.address();
    if AddressWord::from(address) != understood.order.maker {
        let maker = understood.order.maker;
        return Err(Failure::Usage(format!(
            "the key is {address}'s, the order's maker is {maker}"
        )));
    }
    let signature =
        sign_order(&signer, understood.hash).map_err(|error| Failure::Usage(error.to_string()))?;
    let order_hash = Some(understood.hash.to_string());
    Ok(OrderFile { order_hash, ..file }.signed(&signature))
}

/// Signs the order.
pub(super) fn run(args: &SignArgs, output: &Output) -> Result<(), Failure> {
    let file = signed(args)?;
    let text = read::write(&file)?;
    let written = match &args.output {
        Some(path) => {
            files::create(path, &text)?;
            path
        }
        None if args.file == Path::new("-") => return output.line(text.trim_end()),
        None => {
            files::replace(&args.file, &text)?;
            &args.file
        }
    };
    output.note(&format!("signed order written to {}", written.display()));
    output.result(&serde_json::json!({ "orderHash": file.order_hash }), || {
        let hash = file.order_hash.clone().unwrap_or_default();
        crate::output::fields(&[("order hash", hash)])
    })
}
