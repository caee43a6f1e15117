//! `bmn top`: a node, its swaps and chains, looked at again and again.

mod alerts;
mod chains;
mod feed;
mod lines;
mod live;
mod model;
mod render;

use crate::{chains::ChainArgs, failure::Failure, operator::OperatorArgs, output::Output};
use chains::Wallets;
use clap::Args;
use feed::Feed;
use model::{Model, Screen};
use std::{io::IsTerminal, path::PathBuf, time::Duration};

const EXAMPLES: &str = "\
Examples:
  bmn top                                              the node of `bmn dev`
  bmn top --chain-rpc http://127.0.0.1:8545 --chain-rpc http://127.0.0.1:8546
  bmn top --rpc http://127.0.0.1:8548 --jwt-secret bmn-data/jwt.hex --config bmn.toml
  bmn top --once --size 80x24                          one picture as text, for a log
  bmn top --json | jq .states

Keys: q quits; Tab and 1 to 5 choose a view (overview, swaps, chains, queue, alerts); arrows scroll; p holds
the picture; ? explains them. NO_COLOR turns colours off. Windows are counted down by the time of their own
chain, not by this machine's: of the destination (DST) and the source escrow (SRC), OPEN is when the secret
opens it for its taker, PUBL for others, CANC when it can be given back.

Queue lanes, failed steps and the mode are the operator's: --rpc names the node's admin_rpc for them, with
--jwt-secret. Balances and endpoints are asked of the chains: --config or --chain-rpc names them. What is not
known is shown as such. Where stdout is no terminal one picture is written, as with --once.";

/// Watch a node: swaps by state with their windows, queue, chains, balances, errors.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    operator: OperatorArgs,

    /// Configuration of the node: its endpoints are asked for heads and balances.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// A chain's node to ask for its head and the account's balances; may be repeated.
    #[arg(long, value_name = "URL")]
    chain_rpc: Vec<String>,

    /// Write one picture as text and stop.
    #[arg(long)]
    once: bool,

    /// Size of that picture instead of the terminal's.
    #[arg(long, value_name = "COLUMNSxROWS", value_parser = size, requires = "once")]
    size: Option<(u16, u16)>,

    /// Seconds between two looks.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,

    #[command(flatten)]
    chains: ChainArgs,
}

/// A picture that is not told its size has this one.
const USUAL: (u16, u16) = (80, 24);

fn size(text: &str) -> Result<(u16, u16), String> {
    let read = |(columns, rows): (&str, &str)| Some((columns.parse().ok()?, rows.parse().ok()?));
    let is_sane =
        |size: &(u16, u16)| (1..=1_000).contains(&size.0) && (1..=1_000).contains(&size.1);
    text.split_once('x')
        .and_then(read)
        .filter(is_sane)
        .ok_or_else(|| "expected columns, x and rows, each from 1 to 1000, as in 80x24".to_owned())
}

/// Shows the node until a key ends it, or once.
pub(crate) async fn run(args: &TopArgs, output: &Output) -> Result<(), Failure> {
    // Nothing is signed here: no key is asked for.
    let config = args.config.as_deref().map(|path| bmn_launch::read_config(path, true));
    let config = config.transpose()?;
    let specs =
        config.iter().flat_map(|config| config.chains.iter().map(|chain| chain.spec.clone()));
    let known = args.chains.load()?.with(specs);
    let wallets = Wallets::new(config.as_ref(), &args.chain_rpc)?;
    let mut feed = Feed::new(args.operator.clone(), known, wallets);
    let mut model = Model::default();
    // Who asks a node that is not there wants to be told so, and not to look at an empty picture.
    feed.look(&mut model).await?;
    if args.once || output.is_json() || !std::io::stdout().is_terminal() {
        let size = args.size.or_else(from_environment).unwrap_or(USUAL);
        return output.result(&model, || render::as_text(&model, &Screen::default(), size));
    }
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    live::run(feed, model, Screen { colour, ..Screen::default() }, Duration::from_secs(args.every))
        .await
}

fn from_environment() -> Option<(u16, u16)> {
    let read = |name: &str| std::env::var(name).ok()?.parse().ok();
    let columns: u16 = read("COLUMNS")?;
    Some((columns, read("LINES").unwrap_or(USUAL.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_columns_and_rows() {
        assert_eq!((size("80x24"), size("200x50")), (Ok((80, 24)), Ok((200, 50))));
        for wrong in ["", "80", "80x", "x24", "0x24", "80x1001", "80,24"] {
            assert!(size(wrong).unwrap_err().contains("as in 80x24"), "{wrong}");
        }
    }
}
