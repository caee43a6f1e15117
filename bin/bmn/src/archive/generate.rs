//! `bmn archive generate`.

use super::{WRITER, failed, progress_bar, written, written_text};
use crate::{
    chains::{ChainArgs, Chains},
    failure::Failure,
    output::Output,
};
use bmn_archive::{
    Record, Trailer, Writer, WriterOptions,
    generate::{DIALECTS, Factory, Generator, Options, Shape},
};
use bmn_config::ChainSpec;
use bmn_primitives::Dialect;
use clap::{Args, ValueEnum};
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

const EXAMPLES: &str = "\
The same arguments give the same history on every machine.

Examples:
  bmn archive generate --shape dense --seed 1 -o dense.bmna
  bmn archive generate --shape mainnet --seed 1 --blocks 100000 -o mainnet.bmna
  bmn archive generate --shape mainnet --seed 1 --chain 1338 --other-chain 1337 --mirror -o b.bmna";

/// Make a mainnet-like history from a seed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GenerateArgs {
    /// Sizes and mix.
    #[arg(long, value_enum)]
    shape: ShapeName,

    /// Everything random comes from this.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// Blocks; the shape's own number when not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    blocks: Option<u64>,

    /// The chain, by name or id: its factories and tokens are in the file.
    #[arg(long, value_name = "CHAIN", default_value = "1337")]
    chain: String,

    /// The chain of the other legs.
    #[arg(long, value_name = "CHAIN", default_value = "1338")]
    other_chain: String,

    /// Take the other side of every swap: the file of the other chain.
    #[arg(long)]
    mirror: bool,

    /// File to write; it must not exist.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    chains: ChainArgs,
}

/// A kind of history.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShapeName {
    /// 600 blocks of 5 transactions with 6 source and 4 destination escrows each.
    Dense,
    /// 5 000 blocks of 1 transaction with 2 source and 2 destination escrows.
    Sparse,
    /// 300 to 500 logs a block, one in a hundred ours; reorgs.
    Mainnet,
    /// Over a million events of ours; reorgs.
    Large,
}

impl From<ShapeName> for Shape {
    fn from(name: ShapeName) -> Self {
        match name {
            ShapeName::Dense => Self::Dense,
            ShapeName::Sparse => Self::Sparse,
            ShapeName::Mainnet => Self::Mainnet,
            ShapeName::Large => Self::Large,
        }
    }
}

/// Generates and reports.
pub(super) fn run(args: &GenerateArgs, output: Output) -> Result<(), Failure> {
    let options = options(args, &args.chains.load()?)?;
    let path = &args.output;
    let file = File::create_new(path).map_err(|source| Failure::file(path, source))?;
    let made = write(path, file, &options);
    if made.is_err() {
        // Made from nothing in a moment: a part of it is of no use to anybody.
        let _ = std::fs::remove_file(path);
    }
    let (trailer, bytes) = made?;
    output.result(&written(path, &trailer, bytes), || written_text(path, &trailer, bytes))
}

fn options(args: &GenerateArgs, chains: &Chains) -> Result<Options, Failure> {
    let (spec, other) = (chains.named(&args.chain)?, chains.named(&args.other_chain)?);
    if spec.chain_id == other.chain_id {
        return Err(Failure::Usage("--other-chain is the chain itself".to_owned()));
    }
    Ok(Options {
        shape: args.shape.into(),
        seed: args.seed,
        blocks: args.blocks,
        chain: spec.chain_id,
        counterpart: other.chain_id,
        mirrored: args.mirror,
        factories: factories(spec)?,
        tokens: spec.tokens.iter().map(|token| token.address).collect(),
    })
}

fn factories(spec: &ChainSpec) -> Result<Vec<Factory>, Failure> {
    let known = spec.factories.iter().filter(|factory| DIALECTS.contains(&factory.dialect));
    let factories: Vec<_> = known
        .map(|factory| Factory {
            address: factory.address,
            dialect: factory.dialect,
            limit_order_protocol: factory.limit_order_protocol,
        })
        .collect();
    if factories.is_empty() || spec.tokens.is_empty() {
        let dialects = DIALECTS.map(Dialect::name).join(", ");
        return Err(Failure::Usage(format!(
            "{} has no token, or no factory of the dialects that are generated ({dialects})",
            spec.name
        )));
    }
    Ok(factories)
}

fn write(path: &Path, file: File, options: &Options) -> Result<(Trailer, u64), Failure> {
    let wrong = |error| failed(path, error);
    let into = BufWriter::new(file);
    let mut writer =
        Writer::create(into, &options.preamble(WRITER), WriterOptions::default()).map_err(wrong)?;
    let bar = progress_bar(options.block_count(), "blocks")?;
    for record in Generator::new(options.clone()).map_err(wrong)? {
        writer.push(&record).map_err(wrong)?;
        match record {
            Record::Block(_) => bar.inc(1),
            Record::Rollback(rollback) => bar.dec(rollback.reverted.len() as u64),
        }
    }
    bar.finish_and_clear();
    let (into, trailer) = writer.finish().map_err(wrong)?;
    let io = |source| Failure::file(path, source);
    let mut file = into.into_inner().map_err(|error| io(error.into_error()))?;
    file.flush().and_then(|()| file.sync_all()).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    Ok((trailer, bytes))
}
