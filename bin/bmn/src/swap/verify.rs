//! `bmn swap verify`.

use super::witness::{Holdings, Witness};
use crate::{
    chains::{ChainArgs, Chains},
    failure::Failure,
    files,
    output::{self, Output},
};
use alloy::primitives::{Address, B256, U256};
use bmn_contracts::ContractEvent;
use bmn_node::believed_factories;
use bmn_primitives::{BlockRef, Immutables, Window};
use bmn_rpc_api::{Amount, EscrowSide, ProvenEscrow, SwapProof};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

const AFTER: &str = "\
What is believed: the factories of the chain specifications here, and the nodes of --chain-rpc. Not
believed: the node that made the proof. Shown is that each event is in a block of its chain, that a
factory created the escrows, what they are bound to (their addresses are computed from it), and that an
open one holds it. That nothing else happened is not shown: an escrow is open as far as the proof says.

Exit code 0: everything is true. 1: something is not; the message says what.

Examples:
  bmn swap verify proof.json --chain-rpc http://127.0.0.1:8545 --chain-rpc http://127.0.0.1:8546
  bmn swap proof 0x5FC8… --json | bmn swap verify - --chain-rpc URL --chain-rpc URL";

/// Check the proof of a swap.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct VerifyArgs {
    /// The proof, as `bmn swap proof` or bmn_getSwapProof gave it; - is stdin.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// JSON-RPC of a node of yours, one for each chain of the swap; several of one chain must agree.
    #[arg(long = "chain-rpc", value_name = "URL", required = true, num_args = 1)]
    chain_rpc: Vec<String>,

    #[command(flatten)]
    chains: ChainArgs,
}

/// What was found to be true.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    hashlock: Option<B256>,
    escrows: Vec<VerifiedEscrow>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifiedEscrow {
    side: EscrowSide,
    chain: u64,
    escrow: Address,
    factory: Address,
    dialect: String,
    state: &'static str,
    terms: Option<Terms>,
    events: Vec<VerifiedEvent>,
}

/// What an escrow is bound to. Amounts in the smallest unit, times in unix seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Terms {
    token: Address,
    amount: Amount,
    safety_deposit: Amount,
    withdraw_from: u64,
    withdraw_until: u64,
    cancel_from: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifiedEvent {
    event: &'static str,
    block: u64,
    hash: B256,
    confirmations: u64,
    is_final: Option<bool>,
}

/// Checks a proof.
pub(super) async fn run(args: &VerifyArgs, output: &Output) -> Result<(), Failure> {
    let name = args.file.display();
    let proof: SwapProof = serde_json::from_str(&files::read_small(&args.file)?)
        .map_err(|error| Failure::Usage(format!("{name}: not the proof of a swap: {error}")))?;
    let chains = args.chains.load()?;
    let believed: Vec<_> = chains.all().flat_map(believed_factories).collect();
    let proven = proof.verify(&believed).map_err(|error| Failure::No(error.to_string()))?;
    if proven.is_empty() {
        return Err(Failure::No("escrows: there are none, nothing is shown".to_owned()));
    }
    check_sides(&proven)?;
    let mut witnesses = Vec::with_capacity(args.chain_rpc.len());
    for url in &args.chain_rpc {
        witnesses.push(Witness::open(url).await?);
    }
    let mut escrows = Vec::with_capacity(proven.len());
    for escrow in &proven {
        escrows.push(witnessed(escrow, &witnesses, &chains).await?);
    }
    let verified = Verified { hashlock: proof.hashlock, escrows };
    output.result(&verified, || text(&verified, &chains))?;
    if proof.more {
        output.note("note: the swap has more escrows or events than the proof holds");
    }
    Ok(())
}

/// The destination pays what the source asks for, of a swap with one of each.
fn check_sides(proven: &[ProvenEscrow]) -> Result<(), Failure> {
    let [source, destination] = proven else { return Ok(()) };
    let (Some(asked), Some(paid)) = (&source.complement, &destination.immutables) else {
        return Ok(());
    };
    let wrong = [
        ("chain", asked.chain_id != U256::from(destination.factory.chain)),
        ("token", asked.token != paid.token),
        ("amount", asked.amount > paid.amount),
        ("maker", asked.maker != paid.maker),
    ];
    match wrong.iter().find(|(_, wrong)| *wrong) {
        None => Ok(()),
        Some((field, _)) => Err(Failure::No(format!(
            "the {field} of the destination is not what the source asks for: {} is not paid",
            asked.amount
        ))),
    }
}

/// What the verifier's own nodes say of an escrow.
async fn witnessed(
    escrow: &ProvenEscrow,
    witnesses: &[Witness],
    chains: &Chains,
) -> Result<VerifiedEscrow, Failure> {
    let chain = escrow.factory.chain;
    let own: Vec<_> = witnesses.iter().filter(|witness| witness.chain == chain).collect();
    if own.is_empty() {
        let (name, seen) = (chains.name(chain), witnesses.iter().map(|it| it.chain.to_string()));
        let seen = seen.collect::<Vec<_>>().join(", ");
        return Err(Failure::Usage(format!(
            "--chain-rpc is needed for chain {chain} ({name}): those given are of {seen}"
        )));
    }
    let mut events = Vec::with_capacity(escrow.events.len());
    for (block, event) in &escrow.events {
        events.push(canonical(chain, *block, event, &own).await?);
    }
    let terms = escrow.immutables.as_ref().map(|bound| terms(escrow.side, bound)).transpose()?;
    let state = state(escrow);
    if let (Some(terms), "open") = (&terms, state) {
        for witness in &own {
            let holdings = witness.holdings(escrow.escrow, terms.token).await?;
            holds(terms, &holdings, escrow)?;
        }
    }
    Ok(VerifiedEscrow {
        side: escrow.side,
        chain,
        escrow: escrow.escrow,
        factory: escrow.factory.address,
        dialect: escrow.factory.dialect.name().to_owned(),
        state,
        terms,
        events,
    })
}

/// The block of an event is that of every node asked.
async fn canonical(
    chain: u64,
    block: BlockRef,
    event: &ContractEvent,
    witnesses: &[&Witness],
) -> Result<VerifiedEvent, Failure> {
    let (mut head, mut finalized) = (u64::MAX, Some(u64::MAX));
    for witness in witnesses {
        let found = witness.hash_at(block.number).await?;
        if found != Some(block.hash) {
            let (number, shown) = (block.number, witness.shown());
            let found = found.map_or_else(|| "no such block".to_owned(), |hash| hash.to_string());
            return Err(Failure::No(format!(
                "block {number} of chain {chain} is {} in the proof; {shown} has {found}",
                block.hash
            )));
        }
        head = head.min(witness.head);
        finalized = finalized.zip(witness.finalized).map(|(one, two)| one.min(two));
    }
    Ok(VerifiedEvent {
        event: event.name(),
        block: block.number,
        hash: block.hash,
        confirmations: head.saturating_sub(block.number),
        is_final: finalized.map(|finalized| block.number <= finalized),
    })
}

fn state(escrow: &ProvenEscrow) -> &'static str {
    let rescued = |event: &ContractEvent| matches!(event, ContractEvent::Rescued { .. });
    match escrow.end() {
        Some((_, ContractEvent::Withdrawn { .. })) => "withdrawn",
        Some(_) => "cancelled",
        None if escrow.events.iter().any(|(_, event)| rescued(event)) => "rescued",
        None => "open",
    }
}

fn terms(side: EscrowSide, bound: &Immutables) -> Result<Terms, Failure> {
    let locks = bound.timelocks;
    let (withdraw, cancel): (Window, Window) = match side {
        EscrowSide::Source => (locks.src_withdraw(), locks.src_cancel()),
        EscrowSide::Destination => (locks.dst_withdraw(), locks.dst_cancel()),
    };
    let token = bound.token.clean().map_err(|error| Failure::No(format!("token: {error}")))?;
    Ok(Terms {
        token,
        amount: bound.amount.into(),
        safety_deposit: bound.safety_deposit.into(),
        withdraw_from: withdraw.start,
        withdraw_until: withdraw.end,
        cancel_from: cancel.start,
    })
}

/// An open escrow has what it is bound to.
fn holds(terms: &Terms, holdings: &Holdings, escrow: &ProvenEscrow) -> Result<(), Failure> {
    let native = if terms.token.is_zero() { terms.amount.0 } else { U256::ZERO };
    let coins = terms.safety_deposit.0.saturating_add(native);
    let short = |what: &str, has: U256, needs: U256| {
        let (address, chain) = (escrow.escrow, escrow.factory.chain);
        Failure::No(format!(
            "escrow {address:#x} on chain {chain} has {has} {what}, bound are {needs}: it was not \
             funded, or has ended since"
        ))
    };
    if !terms.token.is_zero() && holdings.token < terms.amount.0 {
        return Err(short("units of its token", holdings.token, terms.amount.0));
    }
    if holdings.coins < coins {
        return Err(short("wei", holdings.coins, coins));
    }
    Ok(())
}

fn text(verified: &Verified, chains: &Chains) -> String {
    let lock = verified.hashlock.map_or_else(|| "not named".to_owned(), |lock| lock.to_string());
    let mut fields = vec![("hashlock", lock)];
    for escrow in &verified.escrows {
        let side = match escrow.side {
            EscrowSide::Source => "source",
            EscrowSide::Destination => "destination",
        };
        let chain = chains.name(escrow.chain);
        fields.push((side, format!("{:#x} on {chain}, {}", escrow.escrow, escrow.state)));
        fields.push(("  factory", format!("{} {:#x}", escrow.dialect, escrow.factory)));
        match &escrow.terms {
            None => fields.push(("  bound to", "not shown".to_owned())),
            Some(terms) => {
                let held = chains.describe(escrow.chain, terms.token, terms.amount.0);
                fields.push(("  bound to", held));
                let (from, until) = (terms.withdraw_from, terms.withdraw_until);
                fields.push(("  withdraw", format!("from {from} until {until} (unix seconds)")));
                fields.push(("  cancel", format!("from {} (unix seconds)", terms.cancel_from)));
            }
        }
        fields.extend(escrow.events.iter().map(|event| ("  event", told(event))));
    }
    format!("everything is true\n{}", output::fields(&fields))
}

fn told(event: &VerifiedEvent) -> String {
    let depth = match event.is_final {
        Some(true) => "final".to_owned(),
        _ => format!("{} blocks on top", event.confirmations),
    };
    format!("{} in block {}, {depth}", event.event, event.block)
}
