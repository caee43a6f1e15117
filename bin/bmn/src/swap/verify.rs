//! `bmn swap verify`.

use super::{
    sides::{self, Delays, Judgement, state},
    witness::{Holdings, Witness},
};
use crate::{
    chains::{ChainArgs, Chains},
    failure::Failure,
    output::{self, Output},
};
use alloy::primitives::{Address, B256, U256};
use bmn_contracts::ContractEvent;
use bmn_node::{believed_factories, route_of};
use bmn_primitives::{AddressWord, BlockRef, Complement, Immutables, Window};
use bmn_rpc_api::{Amount, EscrowSide, ProvenEscrow, SwapProof};
use bmn_swap::{FactoryTerms, Route};
use clap::Args;
use serde::Serialize;
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Largest proof that is read, bytes. One holds the receipts of whole transactions, and may be that of a full block.
const MOST: u64 = 64 << 20;

const AFTER: &str = "\
What is believed: the factories of the chain specifications here but those that are only indexed, and the nodes
of --chain-rpc. Not believed: the node that made the proof. Shown is that each event is in a block of its chain,
that a factory created the escrows, and what they are bound to (their addresses are computed from it). Decided is
that it is the swap of --hashlock; that there is one source which came out of an order, and one destination that
pays what the source asks for: maker, token, amount, deposit, fees, chain, order hash and hashlock, windows in
order and before the taker may empty it, clocks that are those of their blocks; that the destination was not
given back; and that an open one holds what it is bound to, and can still be withdrawn.

That nothing else happened is not shown: an escrow is open as far as the proof says. Whether maker, taker, order
hash, tokens and amounts are those you agreed on, the blocks deep enough, and the time that is left enough for
you, is yours to compare: they are in the answer; the fees of a 1inch order are in the order alone. Whether the node's head is new is not looked at. A BMN
destination is withdrawn by its taker alone unless you have his permission (bmn_getWithdrawPermission): get that
before you disclose the secret.

A proof that lacks a side, or what a side is bound to or asks for, is refused, and so is one without --hashlock.
With --partial the answer says what was not shown, and what is shown has to be true nevertheless.

Exit code 0: everything is true. 1: something is not, or is not shown; the message says what.

Examples:
  bmn swap verify proof.json --hashlock HASH --chain-rpc http://127.0.0.1:8545 --chain-rpc http://127.0.0.1:8546
  bmn swap proof 0x5FC8… --json | bmn swap verify - --hashlock 0x5FC8… --chain-rpc URL --chain-rpc URL";

/// Check the proof of a swap.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct VerifyArgs {
    /// The proof, as `bmn swap proof`, `bmn swap export` or bmn_getSwapProof gave it; - is stdin.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// JSON-RPC of a node of yours, one for each chain of the swap; several of one chain must agree.
    #[arg(long = "chain-rpc", value_name = "URL", required = true, num_args = 1)]
    chain_rpc: Vec<String>,

    /// Hashlock of the swap that is meant; a true proof of another swap is refused.
    #[arg(long, value_name = "HASH")]
    hashlock: Option<B256>,

    /// Accept a proof that leaves something out, and say what.
    #[arg(long)]
    partial: bool,

    #[command(flatten)]
    chains: ChainArgs,
}

/// What was found to be true.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    hashlock: Option<B256>,
    /// What was not shown; nothing but with `--partial`.
    not_shown: Vec<String>,
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
    /// It is one of the two that answer each other; others only have the same hashlock.
    answers: bool,
    /// Who owns the source's tokens; who is paid by the destination.
    maker: Option<Address>,
    /// Whose the source becomes; who paid the destination.
    taker: Option<Address>,
    terms: Option<Terms>,
    asks: Option<Asks>,
    events: Vec<VerifiedEvent>,
}

/// What an escrow is bound to. Amounts in the smallest unit, times in unix seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Terms {
    order_hash: B256,
    token: Address,
    amount: Amount,
    safety_deposit: Amount,
    withdraw_from: u64,
    withdraw_until: u64,
    cancel_from: u64,
}

/// What a source asks the destination for. Amounts in the smallest unit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Asks {
    chain: u64,
    maker: Address,
    token: Address,
    amount: Amount,
    safety_deposit: Amount,
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
    let proof: SwapProof = proof_in(&read_large(&args.file)?)
        .map_err(|error| Failure::Usage(format!("{name}: not the proof of a swap: {error}")))?;
    let chains = args.chains.load()?;
    let routes: Vec<_> = chains.all().map(route_of).collect();
    is_small(&proof)?;
    are_for_money(&proof, &routes)?;
    let believed: Vec<_> = chains.all().flat_map(believed_factories).collect();
    let proven = proof.verify(&believed).map_err(|error| Failure::No(error.to_string()))?;
    if proven.is_empty() {
        return Err(Failure::No("escrows: there are none, nothing is shown".to_owned()));
    }
    let Decided { pair, not_shown } = decide(&proof, &proven, &routes, args)?;
    let mut witnesses = Vec::with_capacity(args.chain_rpc.len());
    for url in &args.chain_rpc {
        witnesses.push(Witness::open(url).await?);
    }
    let mut escrows = Vec::with_capacity(proven.len());
    for (index, escrow) in proven.iter().enumerate() {
        let answers = pair.is_some_and(|(one, other)| index == one || index == other);
        let seen = Seen { escrow, answers, matters: answers || pair.is_none() };
        let route = route(&routes, escrow.factory.chain);
        let delays = delays(&routes, escrow);
        escrows.push(seen.witnessed(&witnesses, &chains, (route, delays)).await?);
    }
    let verified = Verified { hashlock: proof.hashlock, not_shown, escrows };
    output.result(&verified, || text(&verified, &chains))
}

/// The text of a proof; `-` is stdin.
/// The proof, or that in a file of `bmn swap export`.
fn proof_in(text: &str) -> serde_json::Result<SwapProof> {
    let mut value: serde_json::Value = serde_json::from_str(text)?;
    if value["format"] == super::evidence::FORMAT {
        return serde_json::from_value(value["proof"].take());
    }
    serde_json::from_str(text)
}

/// The text of a file with proofs; `-` is stdin.
pub(super) fn read_large(path: &Path) -> Result<String, Failure> {
    let text = match path == Path::new("-") {
        true => read_up_to(io::stdin().lock(), MOST),
        false => fs::File::open(path).and_then(|file| read_up_to(file, MOST)),
    };
    text.map_err(|source| Failure::File { path: path.to_owned(), source })
}

fn read_up_to(reader: impl Read, most: u64) -> io::Result<String> {
    let mut text = String::new();
    reader.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::other(format!(
            "larger than {most} bytes, which no proof of a swap is"
        )));
    }
    Ok(text)
}

/// It has no more than a node puts into a proof: what is judged grows with the square of it.
fn is_small(proof: &SwapProof) -> Result<(), Failure> {
    let (escrows, events) = (SwapProof::MAX_ESCROWS, SwapProof::MAX_EVENTS);
    if proof.escrows.len() > escrows {
        return Err(Failure::No(format!("escrows: expected at most {escrows}")));
    }
    match proof.escrows.iter().position(|escrow| escrow.events.len() > events) {
        None => Ok(()),
        Some(index) => {
            Err(Failure::No(format!("escrows[{index}].events: expected at most {events}")))
        }
    }
}

/// No factory of it is one that is only read: money is relied on here.
fn are_for_money(proof: &SwapProof, routes: &[Route]) -> Result<(), Failure> {
    for (index, escrow) in proof.escrows.iter().enumerate() {
        let factory = route(routes, escrow.chain).and_then(|it| it.factory(escrow.factory));
        if let Some(reason) = factory.and_then(FactoryTerms::index_only_reason) {
            let (chain, factory) = (escrow.chain, escrow.factory);
            return Err(Failure::No(format!(
                "escrows[{index}].factory: {factory:#x} on chain {chain} is only indexed and not relied on: {reason}"
            )));
        }
    }
    Ok(())
}

fn route(routes: &[Route], chain: u64) -> Option<&Route> {
    routes.iter().find(|route| route.chain.0 == chain)
}

/// Those of an escrow's chain and factory. Of one that is not known nothing is waited for.
fn delays(routes: &[Route], escrow: &ProvenEscrow) -> Delays {
    let route = route(routes, escrow.factory.chain);
    let factory = route.and_then(|it| it.factory(escrow.factory.address));
    Delays {
        inclusion: route.map_or(0, |route| route.pace.inclusion),
        rescue: factory.map_or(0, |factory| factory.rescue_delay),
    }
}

/// A fill came through the limit-order contract of its factory. Old factories say so of any caller.
fn is_fill(escrow: &ProvenEscrow, route: Option<&Route>) -> Result<(), Failure> {
    let Some(factory) = route.and_then(|it| it.factory(escrow.factory.address)) else {
        return Ok(());
    };
    let expected = factory.limit_order_protocol;
    let through = |event: &ContractEvent| match event {
        ContractEvent::PostInteraction { protocol, .. } => Some(*protocol),
        _ => None,
    };
    let mut protocols = escrow.events.iter().filter_map(|(_, event)| through(event));
    match protocols.find(|protocol| *protocol != expected) {
        None => Ok(()),
        Some(other) => Err(Failure::No(format!(
            "source {:#x}: found a fill through {other:#x}, expected {expected:#x}",
            escrow.escrow
        ))),
    }
}

/// What a proof is good for.
struct Decided {
    /// The two escrows that answer each other, by their index.
    pair: Option<(usize, usize)>,
    not_shown: Vec<String>,
}

fn decide(
    proof: &SwapProof,
    proven: &[ProvenEscrow],
    routes: &[Route],
    args: &VerifyArgs,
) -> Result<Decided, Failure> {
    is_meant(proof, args.hashlock)?;
    let (pair, mut not_shown) = match sides::judge(proven, |escrow| delays(routes, escrow)) {
        Judgement::Answered { source, destination } => (Some((source, destination)), vec![]),
        Judgement::Unshown(what) => (None, what),
        Judgement::Wrong(reason) => return Err(Failure::No(reason)),
    };
    if proof.more {
        not_shown.push("escrows or events that the node left out (`more`)".to_owned());
    }
    if args.hashlock.is_none() {
        not_shown.push("which swap is meant (--hashlock)".to_owned());
    }
    if not_shown.is_empty() || args.partial {
        return Ok(Decided { pair, not_shown });
    }
    let what = not_shown.join("; ");
    Err(Failure::No(format!("not shown: {what}. --partial accepts what is shown alone")))
}

fn is_meant(proof: &SwapProof, meant: Option<B256>) -> Result<(), Failure> {
    let Some(meant) = meant.filter(|meant| proof.hashlock != Some(*meant)) else { return Ok(()) };
    let found = proof.hashlock.map_or_else(|| "none".to_owned(), |lock| lock.to_string());
    Err(Failure::No(format!(
        "hashlock: found {found}, expected {meant}: it is another swap's proof"
    )))
}

/// An escrow that was proven.
struct Seen<'a> {
    escrow: &'a ProvenEscrow,
    /// It is one of the two that answer each other.
    answers: bool,
    /// What it holds is relied on. A stranger's with the same hashlock may hold what it likes.
    matters: bool,
}

impl Seen<'_> {
    /// What the verifier's own nodes say of it.
    async fn witnessed(
        &self,
        witnesses: &[Witness],
        chains: &Chains,
        (route, delays): (Option<&Route>, Delays),
    ) -> Result<VerifiedEscrow, Failure> {
        let escrow = self.escrow;
        let chain = escrow.factory.chain;
        let own = own_of(chain, witnesses, chains)?;
        let mut events = Vec::with_capacity(escrow.events.len());
        for (block, event) in &escrow.events {
            events.push(canonical(chain, *block, event, &own).await?);
        }
        if self.matters {
            is_fill(escrow, route)?;
        }
        let terms = escrow.immutables.as_ref().map(|bound| terms(escrow.side, bound));
        let state = state(escrow);
        if let (Some(terms), "open", true) = (&terms, state, self.matters) {
            for witness in &own {
                in_time(escrow, terms, witness.head_time, delays)?;
                let holdings = witness.holdings(escrow.escrow, terms.token).await?;
                holds(terms, &holdings, escrow)?;
            }
        }
        let (maker, taker) = parties(escrow);
        Ok(VerifiedEscrow {
            side: escrow.side,
            chain,
            escrow: escrow.escrow,
            factory: escrow.factory.address,
            dialect: escrow.factory.dialect.name().to_owned(),
            state,
            answers: self.answers,
            maker,
            taker,
            terms,
            asks: escrow.complement.as_ref().map(asks),
            events,
        })
    }
}

/// The witnesses of a chain.
fn own_of<'a>(
    chain: u64,
    witnesses: &'a [Witness],
    chains: &Chains,
) -> Result<Vec<&'a Witness>, Failure> {
    let own: Vec<_> = witnesses.iter().filter(|witness| witness.chain == chain).collect();
    if !own.is_empty() {
        return Ok(own);
    }
    let (name, seen) = (chains.name(chain), witnesses.iter().map(|it| it.chain.to_string()));
    let seen = seen.collect::<Vec<_>>().join(", ");
    Err(Failure::Usage(format!(
        "--chain-rpc is needed for chain {chain} ({name}): those given are of {seen}"
    )))
}

/// Maker and taker, of what the escrow is bound to or else as its events name them.
fn parties(escrow: &ProvenEscrow) -> (Option<Address>, Option<Address>) {
    if let Some(bound) = &escrow.immutables {
        return (Some(bound.maker.masked()), Some(bound.taker.masked()));
    }
    let named = |event: &ContractEvent| match event {
        ContractEvent::SourceNamed { maker, taker, .. } => Some((Some(*maker), Some(*taker))),
        ContractEvent::PostInteraction { taker, .. } => Some((None, Some(*taker))),
        ContractEvent::DestinationCreated { taker, .. } => Some((None, Some(taker.masked()))),
        _ => None,
    };
    escrow.events.iter().find_map(|(_, event)| named(event)).unwrap_or_default()
}

fn asks(complement: &Complement) -> Asks {
    let address = |word: AddressWord| word.masked();
    Asks {
        // What answers it is on a chain with an id of that size.
        chain: u64::try_from(complement.chain_id).unwrap_or(u64::MAX),
        maker: address(complement.maker),
        token: address(complement.token),
        amount: complement.amount.into(),
        safety_deposit: complement.safety_deposit.into(),
    }
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

fn terms(side: EscrowSide, bound: &Immutables) -> Terms {
    let locks = bound.timelocks;
    let (withdraw, cancel): (Window, Window) = match side {
        EscrowSide::Source => (locks.src_withdraw(), locks.src_cancel()),
        EscrowSide::Destination => (locks.dst_withdraw(), locks.dst_cancel()),
    };
    Terms {
        order_hash: bound.order_hash.0,
        // Of those that are relied on it is an address and nothing else.
        token: bound.token.masked(),
        amount: bound.amount.into(),
        safety_deposit: bound.safety_deposit.into(),
        withdraw_from: withdraw.start,
        withdraw_until: withdraw.end,
        cancel_from: cancel.start,
    }
}

/// An open destination can still be withdrawn: whoever discloses now is paid.
fn in_time(escrow: &ProvenEscrow, terms: &Terms, now: u64, delays: Delays) -> Result<(), Failure> {
    let deployed_at = escrow.immutables.as_ref().map_or(0, |bound| bound.timelocks.deployed_at());
    let until = terms.withdraw_until.min(deployed_at.saturating_add(delays.rescue));
    if escrow.side == EscrowSide::Source || now.saturating_add(delays.inclusion) < until {
        return Ok(());
    }
    Err(Failure::No(format!(
        "destination {:#x} can be withdrawn before {until}, its chain is at {now} (unix seconds): it is too late",
        escrow.escrow
    )))
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
    fields.extend(verified.not_shown.iter().map(|what| ("not shown", what.clone())));
    let whole = verified.escrows.iter().any(|escrow| escrow.answers);
    for escrow in &verified.escrows {
        let side = match (escrow.side, escrow.answers || !whole) {
            (EscrowSide::Source, true) => "source",
            (EscrowSide::Destination, true) => "destination",
            (EscrowSide::Source, false) => "other source",
            (EscrowSide::Destination, false) => "other destination",
        };
        let chain = chains.name(escrow.chain);
        fields.push((side, format!("{:#x} on {chain}, {}", escrow.escrow, escrow.state)));
        fields.push(("  factory", format!("{} {:#x}", escrow.dialect, escrow.factory)));
        let who = |who: Option<Address>| {
            who.map_or_else(|| "not shown".to_owned(), |who| format!("{who:#x}"))
        };
        fields.push(("  maker", who(escrow.maker)));
        fields.push(("  taker", who(escrow.taker)));
        fields.extend(told_terms(escrow, chains));
        fields.extend(escrow.events.iter().map(|event| ("  event", told(event))));
    }
    let heading = match verified.not_shown.is_empty() {
        true => "everything is true",
        false => "what is shown is true, and not all is shown",
    };
    format!("{heading}\n{}", output::fields(&fields))
}

fn told_terms(escrow: &VerifiedEscrow, chains: &Chains) -> Vec<(&'static str, String)> {
    let Some(terms) = &escrow.terms else {
        return vec![("  bound to", "not shown".to_owned())];
    };
    let held = chains.describe(escrow.chain, terms.token, terms.amount.0);
    let (from, until) = (terms.withdraw_from, terms.withdraw_until);
    let mut fields = vec![("  order hash", terms.order_hash.to_string()), ("  bound to", held)];
    if let Some(Asks { chain, maker, token, amount, .. }) = &escrow.asks {
        let (what, on) = (chains.describe(*chain, *token, amount.0), chains.name(*chain));
        fields.push(("  asks for", format!("{what} on {on} for {maker:#x}")));
    }
    fields.push(("  withdraw", format!("from {from} until {until} (unix seconds)")));
    fields.push(("  cancel", format!("from {} (unix seconds)", terms.cancel_from)));
    fields
}

fn told(event: &VerifiedEvent) -> String {
    let depth = match event.is_final {
        Some(true) => "final".to_owned(),
        _ => format!("{} blocks on top", event.confirmations),
    };
    format!("{} in block {}, {depth}", event.event, event.block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_read_up_to_its_limit() {
        assert_eq!(read_up_to(&b"proof"[..], 5).unwrap(), "proof");
        let error = read_up_to(&b"proof"[..], 4).unwrap_err().to_string();
        assert!(error.contains("larger than 4 bytes"), "{error}");
    }
}
