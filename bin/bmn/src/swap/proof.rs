//! `bmn swap proof`.

use crate::{
    failure::Failure,
    files,
    node::NodeArgs,
    output::{self, Output},
};
use bmn_rpc_api::{BmnApiClient, EscrowProof, SwapKey, SwapProof};
use clap::Args;
use std::path::PathBuf;

/// Get the proof of a swap.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bmn swap proof 0x5FC8… --out proof.json        order hash, hashlock, order id, swap id or escrow
  bmn swap proof 0x5FC8… --json | bmn swap verify - --chain-rpc URL --chain-rpc URL")]
pub(crate) struct ProofArgs {
    /// Order id, swap id, order hash, hashlock, or address of either escrow.
    id: String,

    /// Write it to this new file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    node: NodeArgs,
}

/// Gets the proof.
pub(super) async fn run(args: &ProofArgs, output: &Output) -> Result<(), Failure> {
    let proof = args.node.http()?.get_swap_proof(SwapKey::from(args.id.as_str())).await;
    let proof = proof.map_err(|error| args.node.failed(error))?;
    if let Some(path) = &args.out {
        let text = serde_json::to_string_pretty(&proof).map_err(std::io::Error::from)?;
        files::create(path, &text)?;
    }
    output.result(&proof, || text(&proof))?;
    if args.out.is_none() && !output.is_json() {
        output.note("--out FILE or --json gives the proof itself, for `bmn swap verify`");
    }
    Ok(())
}

fn text(proof: &SwapProof) -> String {
    let headings = ["SIDE", "CHAIN", "BLOCK", "EVENT", "FINAL", "BYTES"];
    let rows: Vec<_> = proof.escrows.iter().flat_map(rows).collect();
    output::table(headings, &rows)
}

fn rows(escrow: &EscrowProof) -> impl Iterator<Item = [String; 6]> {
    escrow.events.iter().map(|event| {
        let nodes = event.proof.nodes.iter().map(|node| node.len()).sum::<usize>();
        let bytes = event.proof.header.len() + event.proof.receipt.len() + nodes;
        [
            format!("{:?}", escrow.side).to_lowercase(),
            escrow.chain.to_string(),
            event.event.block.number.to_string(),
            event.event.event.clone(),
            if event.is_final { "yes" } else { "no" }.to_owned(),
            bytes.to_string(),
        ]
    })
}
