//! `bmn archive record`.

use super::{
    WRITER,
    convert::{RecordedHeader, archived, gives_root, read_header, read_receipts},
    failed, progress_bar, written, written_text,
};
use crate::{
    chain_rpc::{Call, Node, Refusal},
    failure::Failure,
    output::Output,
    signals,
};
use alloy::primitives::{Bytes, U64};
use bmn_archive::{
    ArchivedBlock, ArchivedReceipt, Flags, Preamble, Record, Trailer, Writer, WriterOptions,
    check_block, resume_point,
};
use bmn_primitives::ChainId;
use clap::Args;
use serde_json::{Value, json};
use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Seek, SeekFrom},
    path::{Path, PathBuf},
    pin::pin,
};

const EXAMPLES: &str = "\
Every block is checked while it is recorded: header against its hash, receipts against their root, each
block against its parent. Where a chain hashes fields that its node does not tell, what there is is
stored and marked as not verifiable.

A recording that was stopped goes on with --resume; a finished one grows with a higher --to.

Example:
  bmn archive record --rpc http://127.0.0.1:8545 --from 0 --to 1000 -o dev.bmna";

/// Record headers, receipts and logs of a chain over JSON-RPC.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RecordArgs {
    /// The chain's node, http:// or https://. Keys in it are never shown.
    #[arg(long, value_name = "URL", env = "BMN_CHAIN_RPC", hide_env_values = true)]
    rpc: String,

    /// First block.
    #[arg(long, value_name = "NUMBER")]
    from: u64,

    /// Last block: a number, `finalized` or `latest`.
    #[arg(long, value_name = "BLOCK", default_value = "finalized")]
    to: String,

    /// File to write.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// Go on with a file that was begun earlier; a damaged or unfinished end of it is dropped.
    #[arg(long)]
    resume: bool,

    /// Blocks asked for at once.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    batch: u64,
}

/// How receipts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receipts {
    /// `eth_getBlockReceipts`.
    ByBlock,
    /// `eth_getTransactionReceipt`, where the node has nothing better.
    ByTransaction,
}

/// A recording that goes on.
struct Recorder {
    node: Node,
    receipts: Receipts,
}

type FileWriter = Writer<BufWriter<File>>;

/// Records and reports.
pub(super) async fn run(args: &RecordArgs, output: Output) -> Result<(), Failure> {
    let node = Node::new("--rpc", &args.rpc)?;
    let chain = node.call("eth_chainId", json!([])).await?;
    let chain = quantity(&chain).ok_or_else(|| strange(&node, "eth_chainId"))?;
    let to = last_block(&node, &args.to).await?;
    if to < args.from {
        let from = args.from;
        return Err(Failure::Usage(format!("--to is block {to}, before --from {from}")));
    }
    let path = &args.output;
    let mut writer = open(args, ChainId(chain), output)?;
    let next = writer.tip().map_or(args.from, |tip| tip.number + 1);
    let mut recorder = Recorder { node, receipts: Receipts::ByBlock };
    let bar = progress_bar((to + 1).saturating_sub(args.from), "blocks")?;
    bar.set_position(next - args.from);
    let mut stop = pin!(signals::stop());
    let mut first = next;
    let mut stopped = false;
    while first <= to && !stopped {
        let last = to.min(first + args.batch - 1);
        let fetched = tokio::select! {
            fetched = recorder.blocks(first, last) => fetched,
            () = &mut stop => { stopped = true; continue }
        };
        let blocks = match fetched {
            Ok(blocks) => blocks,
            // What is there stays: another run goes on from it.
            Err(failure) => {
                writer.flush_frame().map_err(|error| failed(path, error))?;
                return Err(failure);
            }
        };
        for block in blocks {
            writer.push(&Record::Block(block)).map_err(|error| failed(path, error))?;
            bar.inc(1);
        }
        bar.set_message(format!("{} logs", writer.totals().logs));
        first = last + 1;
    }
    bar.finish_and_clear();
    if stopped {
        writer.flush_frame().map_err(|error| failed(path, error))?;
        return Err(Failure::No(format!(
            "stopped before block {first}; the same command with --resume goes on"
        )));
    }
    finish(path, writer, output)
}

fn finish(path: &Path, writer: FileWriter, output: Output) -> Result<(), Failure> {
    let (into, trailer) = writer.finish().map_err(|error| failed(path, error))?;
    let io = |source| Failure::file(path, source);
    let file = into.into_inner().map_err(|error| io(error.into_error()))?;
    file.sync_all().map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    warn(&trailer, output);
    output.result(&written(path, &trailer, bytes), || written_text(path, &trailer, bytes))
}

fn warn(trailer: &Trailer, output: Output) {
    let totals = &trailer.totals;
    if totals.unverified_headers > 0 {
        output.note(&format!(
            "the headers of {} blocks are not verifiable: this chain hashes fields that its node \
             does not tell",
            totals.unverified_headers
        ));
    }
    if totals.unverified_receipts > 0 {
        output.note(&format!(
            "the receipts of {} blocks are not verifiable: they do not give the header's root",
            totals.unverified_receipts
        ));
    }
}

fn open(args: &RecordArgs, chain: ChainId, output: Output) -> Result<FileWriter, Failure> {
    let path = &args.output;
    let io = |source| Failure::file(path, source);
    let wrong = |error| failed(path, error);
    let options = WriterOptions::default();
    if !(args.resume && path.try_exists().map_err(io)?) {
        let file = File::create_new(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::Usage(format!(
                "{} exists: --resume goes on with it, or choose another name",
                path.display()
            )),
            _ => io(error),
        })?;
        let preamble = Preamble {
            chain,
            first_block: args.from,
            flags: Flags::default(),
            writer: WRITER.to_owned(),
        };
        return Writer::create(BufWriter::new(file), &preamble, options).map_err(wrong);
    }
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
    let point = resume_point(&file).map_err(wrong)?;
    let preamble = point.preamble();
    if (preamble.chain, preamble.first_block) != (chain, args.from) || preamble.flags.generated {
        return Err(Failure::Usage(format!(
            "{} holds chain {} from block {}; --rpc is chain {chain} and --from is {}",
            path.display(),
            preamble.chain,
            preamble.first_block,
            args.from
        )));
    }
    if let Some(place) = point.damage() {
        output.note(&format!("{}: dropped what is damaged, from {place}", path.display()));
    }
    file.set_len(point.offset()).map_err(io)?;
    file.seek(SeekFrom::End(0)).map_err(io)?;
    Writer::resume(BufWriter::new(file), point, options).map_err(wrong)
}

fn quantity(value: &Value) -> Option<u64> {
    serde_json::from_value::<U64>(value.clone()).ok().map(|number| number.to())
}

fn strange(node: &Node, method: &str) -> Failure {
    node.unreachable(format!("{method} was not answered as an Ethereum node does"))
}

async fn last_block(node: &Node, to: &str) -> Result<u64, Failure> {
    if let Ok(number) = to.parse() {
        return Ok(number);
    }
    if !matches!(to, "finalized" | "latest") {
        return Err(Failure::Usage(format!(
            "--to `{to}`: expected a block number, finalized or latest"
        )));
    }
    let block = node.call("eth_getBlockByNumber", json!([to, false])).await?;
    quantity(&block["number"]).ok_or_else(|| strange(node, "eth_getBlockByNumber"))
}

impl Recorder {
    async fn blocks(&mut self, first: u64, last: u64) -> Result<Vec<ArchivedBlock>, Failure> {
        let numbers: Vec<_> = (first..=last).map(U64::from).collect();
        let calls: Vec<Call> =
            numbers.iter().map(|number| ("eth_getBlockByNumber", json!([number, false]))).collect();
        let mut headers = Vec::with_capacity(numbers.len());
        for (number, answer) in (first..).zip(self.node.batch(&calls).await?) {
            headers.push(self.header(number, answer)?);
        }
        let receipts = self.receipts(&headers).await?;
        let mut blocks = Vec::with_capacity(headers.len());
        for (header, receipts) in headers.iter().zip(receipts) {
            let read = read_receipts(header, receipts)
                .map_err(|reason| self.wrong(header.number, &reason))?;
            let receipts = self.hashed(header, read).await?;
            let block = archived(header, receipts);
            check_block(&block)
                .map_err(|problem| self.wrong(header.number, &problem.to_string()))?;
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn header(
        &self,
        number: u64,
        answer: Result<Value, Refusal>,
    ) -> Result<RecordedHeader, Failure> {
        let block =
            answer.map_err(|refusal| self.node.refused("eth_getBlockByNumber", &refusal))?;
        if block.is_null() {
            return Err(self.wrong(number, "the node does not have it"));
        }
        let header = read_header(block).map_err(|reason| self.wrong(number, &reason))?;
        if header.number != number {
            return Err(self.wrong(number, &format!("the node answered with {}", header.number)));
        }
        Ok(header)
    }

    fn wrong(&self, number: u64, reason: &str) -> Failure {
        Failure::No(format!("{}: block {number}: {reason}", self.node.shown()))
    }

    async fn receipts(&mut self, headers: &[RecordedHeader]) -> Result<Vec<Vec<Value>>, Failure> {
        if self.receipts == Receipts::ByBlock {
            let method = "eth_getBlockReceipts";
            let calls: Vec<Call> =
                headers.iter().map(|header| (method, json!([U64::from(header.number)]))).collect();
            let answers: Result<Vec<Value>, Refusal> =
                self.node.batch(&calls).await?.into_iter().collect();
            match answers {
                Ok(answers) => {
                    let lists = headers.iter().zip(answers).map(|(header, answer)| match answer {
                        Value::Array(receipts) => Ok(receipts),
                        _ => Err(self.wrong(header.number, "the node does not have its receipts")),
                    });
                    return lists.collect();
                }
                Err(refusal) if refusal.is_unsupported() => {
                    self.receipts = Receipts::ByTransaction;
                }
                Err(refusal) => return Err(self.node.refused(method, &refusal)),
            }
        }
        let mut lists = Vec::with_capacity(headers.len());
        for header in headers {
            lists.push(self.receipts_by_transaction(header).await?);
        }
        Ok(lists)
    }

    async fn receipts_by_transaction(
        &self,
        header: &RecordedHeader,
    ) -> Result<Vec<Value>, Failure> {
        /// Receipts asked for at once.
        const AT_ONCE: usize = 100;
        let method = "eth_getTransactionReceipt";
        let mut receipts = Vec::with_capacity(header.transactions.len());
        for hashes in header.transactions.chunks(AT_ONCE) {
            let calls: Vec<Call> = hashes.iter().map(|hash| (method, json!([hash]))).collect();
            for answer in self.node.batch(&calls).await? {
                receipts.push(answer.map_err(|refusal| self.node.refused(method, &refusal))?);
            }
        }
        Ok(receipts)
    }

    // Receipts with fields that JSON does not tell: some nodes hand out the bytes themselves.
    async fn hashed(
        &self,
        header: &RecordedHeader,
        receipts: Vec<ArchivedReceipt>,
    ) -> Result<Vec<ArchivedReceipt>, Failure> {
        if gives_root(header, &receipts) {
            return Ok(receipts);
        }
        let call: Call = ("debug_getRawReceipts", json!([U64::from(header.number)]));
        let mut answers = self.node.batch(&[call]).await?;
        let raw = match answers.pop() {
            Some(Ok(raw)) => serde_json::from_value::<Vec<Bytes>>(raw).unwrap_or_default(),
            _ => Vec::new(),
        };
        if raw.len() != receipts.len() {
            return Ok(receipts);
        }
        let hashes = header.transactions.iter();
        let raw: Vec<_> = hashes
            .zip(raw)
            .map(|(tx_hash, receipt)| ArchivedReceipt { tx_hash: *tx_hash, receipt })
            .collect();
        Ok(if gives_root(header, &raw) { raw } else { receipts })
    }
}
