//! Reads the canonical chains once and closes the ledger.

use crate::{
    Maker, Network, NetworkChain, SimError,
    driver::{parties, watched_tokens},
    ledger::{EndedBy, Entry, Holding, Ledger, Party, Reason, gain, loss, settlement},
};
use alloy::{
    consensus::Transaction,
    primitives::{Address, B256, U256},
};
use bmn_contracts::{
    ContractEvent, Emitter, EscrowImplementations, calldata, decode, source_escrow,
};
use bmn_host_dev::MinedBlock;
use bmn_primitives::{ChainId, Dialect, Hashlock};
use std::collections::{BTreeMap, BTreeSet};

/// What the chains say about the run.
pub(super) struct Audit {
    pub(super) ledger: Ledger,
    notes: BTreeMap<u32, Vec<String>>,
    /// What is wrong and belongs to no swap.
    strays: Vec<String>,
}

/// An escrow on the canonical chain.
struct Escrow {
    chain: ChainId,
    address: Address,
    dialect: Dialect,
    hashlock: Hashlock,
    created_by: B256,
}

/// What is collected on the way through the blocks.
struct Collector<'a> {
    parties: BTreeMap<Address, Party>,
    swaps: BTreeMap<B256, u32>,
    ledger: &'a mut Ledger,
    escrows: Vec<Escrow>,
    /// Who sent the transaction that ended an escrow.
    ended_by: BTreeMap<(ChainId, Address), Address>,
}

impl Audit {
    pub(super) async fn of(
        network: &Network,
        makers: &[Maker],
        mut ledger: Ledger,
        floor: [u64; 2],
    ) -> Result<Self, SimError> {
        let mut collector = Collector::new(makers, &mut ledger);
        for (node, floor) in network.chains.iter().zip(floor) {
            for number in floor + 1..=node.chain.head().number {
                if let Some(block) = node.chain.block(number)? {
                    collector.block(node, &block);
                }
            }
        }
        let Collector { escrows, ended_by, parties: known, .. } = collector;
        for holding in ledger.holdings() {
            if let (Some(node), Some(address)) =
                (network.chain(holding.chain), address_of(&known, holding.party))
            {
                let balance = node.balance_of(holding.token, address).await?;
                ledger.closes_with(holding, balance);
            }
        }
        let mut notes: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        let mut lost = BTreeSet::new();
        for maker in makers {
            settle(maker, &ended_by, &known, &mut ledger);
            lost.extend(own_losses(network, maker, &mut ledger)?);
        }
        let mut strays = leftovers(network, makers, &escrows, &lost, &mut notes).await?;
        strays.extend(contract_leftovers(network).await?);
        for found in ledger.discrepancies() {
            if let Party::Maker(swap) = found.holding.party {
                notes.entry(swap).or_default().push(found.to_string());
            }
        }
        Ok(Self { ledger, notes, strays })
    }

    /// Balances that are not what they should be.
    pub(super) fn discrepancies(&self) -> Vec<String> {
        let wrong = self.ledger.discrepancies();
        wrong.iter().map(ToString::to_string).chain(self.strays.iter().cloned()).collect()
    }

    /// What is wrong with a swap as far as value goes.
    pub(super) fn notes_of(&self, swap: u32) -> Vec<String> {
        self.notes.get(&swap).cloned().unwrap_or_default()
    }
}

fn address_of(known: &BTreeMap<Address, Party>, party: Party) -> Option<Address> {
    known.iter().find(|(_, known)| **known == party).map(|(address, _)| *address)
}

/// What the end of a swap allows.
fn settle(
    maker: &Maker,
    ended_by: &BTreeMap<(ChainId, Address), Address>,
    known: &BTreeMap<Address, Party>,
    ledger: &mut Ledger,
) {
    let terms = maker.terms();
    let who =
        |chain: u64, escrow: Address| known.get(ended_by.get(&(ChainId(chain), escrow))?).copied();
    let view = maker.view();
    let source = view.and_then(|view| view.source.as_ref());
    let destination = view.and_then(|view| view.destination.as_ref());
    let by = EndedBy {
        source: source.and_then(|leg| who(leg.chain, leg.escrow)),
        destination: destination.and_then(|leg| who(leg.chain, leg.escrow)),
    };
    for entry in settlement(&terms, maker.end(), by) {
        ledger.expect(entry);
    }
}

/// What parties locked by their own traps, where the trap sprang. Answers the transactions.
fn own_losses(
    network: &Network,
    maker: &Maker,
    ledger: &mut Ledger,
) -> Result<Vec<B256>, SimError> {
    let mut sprung = Vec::new();
    for stake in maker.stakes() {
        let Some(node) = network.chain(stake.side.chain) else { continue };
        let receipt = node.chain.receipt(stake.sent.hash)?;
        if receipt.is_some_and(|receipt| receipt.success) {
            let (chain, token) = (stake.side.chain, stake.side.token);
            ledger.expect(Entry {
                holding: Holding { party: stake.party, chain, token },
                swap: Some(maker.spec().index),
                reason: Reason::OwnLoss,
                amount: loss(stake.side.amount),
            });
            sprung.push(stake.sent.hash);
        }
    }
    Ok(sprung)
}

/// Nothing may be left in any escrow that is over, traps that sprang on their makers apart. Answers
/// what is left in escrows of nobody.
async fn leftovers(
    network: &Network,
    makers: &[Maker],
    escrows: &[Escrow],
    lost: &BTreeSet<B256>,
    notes: &mut BTreeMap<u32, Vec<String>>,
) -> Result<Vec<String>, SimError> {
    let mut strays = Vec::new();
    for escrow in escrows.iter().filter(|escrow| !lost.contains(&escrow.created_by)) {
        let Some(node) = network.chain(escrow.chain) else { continue };
        for token in watched_tokens() {
            let left = node.balance_of(token, escrow.address).await?;
            if left.is_zero() {
                continue;
            }
            let owner = makers.iter().find(|maker| maker.hashlock() == escrow.hashlock);
            let Escrow { chain, address, .. } = escrow;
            let note = format!("escrow {address} on chain {chain} still holds {left} of {token}");
            match owner {
                Some(maker) => notes.entry(maker.spec().index).or_default().push(note),
                None => strays.push(note),
            }
        }
    }
    Ok(strays)
}

/// Our contract holds nothing at the end, and nobody may take anything from it.
async fn contract_leftovers(network: &Network) -> Result<Vec<String>, SimError> {
    let mut strays = Vec::new();
    for node in &network.chains {
        let Some(contract) = node.spec.resolver_contract else { continue };
        let factories = &node.spec.factories;
        let spenders: BTreeSet<Address> =
            factories.iter().flat_map(|it| [it.address, it.limit_order_protocol]).collect();
        for token in watched_tokens() {
            let held = node.balance_of(token, contract).await?;
            if !held.is_zero() {
                strays.push(format!("our contract on chain {} holds {held} of {token}", node.id()));
            }
            for spender in spenders.iter().filter(|_| !token.is_zero()) {
                let allowed = calldata::allowance(contract, *spender);
                if !node.read_word(token, allowed).await?.is_zero() {
                    let chain = node.id();
                    strays.push(format!(
                        "{spender} may take {token} of our contract on chain {chain}"
                    ));
                }
            }
        }
    }
    Ok(strays)
}

impl<'a> Collector<'a> {
    fn new(makers: &[Maker], ledger: &'a mut Ledger) -> Self {
        // A copied hashlock belongs to the swap it was copied from: the one with the lower number
        // of a pair may be either, so the copies are left out.
        let own = makers.iter().filter(|maker| maker.spec().partner.is_none());
        Self {
            parties: parties(makers).into_iter().map(|(party, at)| (at, party)).collect(),
            swaps: own.map(|maker| (maker.hashlock().0, maker.spec().index)).collect(),
            ledger,
            escrows: Vec::new(),
            ended_by: BTreeMap::new(),
        }
    }

    fn block(&mut self, node: &NetworkChain, block: &MinedBlock) {
        for (tx, outcome) in block.txs().iter().zip(block.outcomes()) {
            let sender = tx.sender();
            if let Some(party) = self.parties.get(&sender).copied() {
                let fee = U256::from(outcome.gas_used) * U256::from(outcome.effective_gas_price);
                self.ledger.expect(Entry {
                    holding: Holding { party, chain: node.id(), token: Address::ZERO },
                    swap: self.swap_of(party, tx.envelope().input()),
                    reason: Reason::Gas,
                    amount: -gain(fee),
                });
            }
            for log in &outcome.logs {
                self.log(node, log.address, log.topics(), &log.data.data, (sender, tx.hash()));
            }
        }
    }

    /// Calldata of every step of a swap carries its hashlock, at any byte.
    fn swap_of(&self, party: Party, input: &[u8]) -> Option<u32> {
        if let Party::Maker(index) = party {
            return Some(index);
        }
        let words = input.windows(32).map(B256::from_slice);
        words.filter_map(|word| self.swaps.get(&word)).next().copied()
    }

    fn log(
        &mut self,
        node: &NetworkChain,
        emitter: Address,
        topics: &[B256],
        data: &[u8],
        (sender, tx): (Address, B256),
    ) {
        let chain = node.id();
        let factory = node.spec.factories.iter().find(|factory| factory.address == emitter);
        let believed = match factory {
            Some(factory) => Emitter::Factory(factory.dialect),
            None => {
                let known = self.escrows.iter().rev().find(|it| it.address == emitter);
                Emitter::Escrow(known.map_or(Dialect::Bmn4, |escrow| escrow.dialect))
            }
        };
        let Ok(Some(event)) = decode(believed, topics, data) else { return };
        let dialect = factory.map_or(Dialect::Bmn4, |factory| factory.dialect);
        let created =
            |address, hashlock| Escrow { chain, address, dialect, hashlock, created_by: tx };
        match event {
            ContractEvent::SourceCreated { immutables, .. } => {
                let implementations = EscrowImplementations::for_factory(dialect, emitter);
                let address = source_escrow(dialect, emitter, &implementations, &immutables);
                self.escrows.push(created(address, immutables.hashlock));
            }
            ContractEvent::PostInteraction { escrow, hashlock, .. }
                if !dialect.states_immutables() =>
            {
                self.escrows.push(created(escrow, hashlock));
            }
            ContractEvent::DestinationCreated { escrow, hashlock, .. } => {
                self.escrows.push(created(escrow, hashlock));
            }
            ContractEvent::Withdrawn { .. }
            | ContractEvent::Cancelled
            | ContractEvent::Rescued { .. } => {
                self.ended_by.insert((chain, emitter), sender);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SIMULATION_GENESIS,
        accounts::DevAccount,
        driver::open_ledger,
        wallet::{Payload, Wallet},
    };

    #[tokio::test]
    async fn fees_are_predicted_to_the_wei_and_a_coin_that_went_astray_is_found() {
        let network = Network::in_memory(SIMULATION_GENESIS).unwrap();
        let node = &network.chains[0];
        let ledger = open_ledger(&network, &[]).await.unwrap();
        let mut wallet =
            Wallet::open(DevAccount::Griefer.signer(), node.client.clone()).await.unwrap();
        wallet.send(Payload::pay(wallet.address(), U256::from(5))).await.unwrap();
        node.chain.mine(None).unwrap();
        let honest = Audit::of(&network, &[], ledger.clone(), [0, 0]).await.unwrap();
        assert_eq!(honest.discrepancies(), [""; 0]);

        wallet.send(Payload::pay(Address::repeat_byte(9), U256::from(5))).await.unwrap();
        node.chain.mine(None).unwrap();
        let astray = Audit::of(&network, &[], ledger, [0, 0]).await.unwrap().discrepancies();
        assert_eq!(astray.len(), 1);
        assert!(astray[0].starts_with("the griefer on chain 1337, native coin"), "{astray:?}");
    }
}
