//! The ledger of a run without an end: sums instead of entries, and only what is final is entered.

use crate::{
    Maker, Network, NetworkChain, SimError,
    accounts::DevAccount,
    driver::watched_tokens,
    ledger::{EndedBy, Entry, Holding, Ledger, Party, Reason, Terms, gain, settlement},
};
use alloy::primitives::{Address, I256, U256};
use bmn_contracts::{ContractEvent, Emitter, decode};
use bmn_host_dev::MinedBlock;
use bmn_primitives::{ChainId, Dialect};
use std::collections::{BTreeMap, HashMap};

/// What every balance should have changed by, from final blocks and from the ends of swaps.
pub(super) struct Books {
    opened: BTreeMap<Holding, U256>,
    expected: BTreeMap<Holding, I256>,
    parties: HashMap<Address, Party>,
    /// Who sent the transaction that ended an escrow of a swap that is not closed yet.
    ended_by: HashMap<(ChainId, Address), Address>,
    /// The next block to read, by chain in the order of the network.
    next: [u64; 2],
}

impl Books {
    /// Opens the books with every balance as it is: the resolver's, its contract's and the makers'.
    pub(super) async fn open(network: &Network, makers: &[Address]) -> Result<Self, SimError> {
        let contract = bmn_config::DevContract::ResolverContract.address();
        let mut parties: HashMap<Address, Party> =
            (0u32..).zip(makers).map(|(account, at)| (*at, Party::Maker(account))).collect();
        parties.insert(DevAccount::Resolver.address(), Party::Resolver);
        parties.insert(contract, Party::ResolverContract);
        let mut opened = BTreeMap::new();
        for node in &network.chains {
            for (address, party) in &parties {
                for token in watched_tokens() {
                    let holding = Holding { party: *party, chain: node.id(), token };
                    opened.insert(holding, node.balance_of(token, *address).await?);
                }
            }
        }
        let next = [0, 1].map(|chain| network.chains[chain].chain.head().number + 1);
        Ok(Self { opened, expected: BTreeMap::new(), parties, ended_by: HashMap::new(), next })
    }

    /// Reads the blocks that have become final; up to the heads when the chains stand still.
    pub(super) fn read(&mut self, network: &Network, is_over: bool) -> Result<(), SimError> {
        for (index, node) in network.chains.iter().enumerate() {
            let last = match is_over {
                true => node.chain.head().number,
                false => node.chain.finalized()?.map_or(0, |block| block.number),
            };
            while self.next[index] <= last {
                if let Some(block) = node.chain.block(self.next[index])? {
                    self.block(node, &block);
                }
                self.next[index] += 1;
            }
        }
        Ok(())
    }

    /// Whether a block of each chain was read.
    pub(super) fn have_read(&self, heights: [u64; 2]) -> bool {
        self.next.iter().zip(heights).all(|(next, height)| *next > height)
    }

    fn block(&mut self, node: &NetworkChain, block: &MinedBlock) {
        for (tx, outcome) in block.txs().iter().zip(block.outcomes()) {
            if let Some(party) = self.parties.get(&tx.sender()).copied() {
                let fee = U256::from(outcome.gas_used) * U256::from(outcome.effective_gas_price);
                self.expect(Entry {
                    holding: Holding { party, chain: node.id(), token: Address::ZERO },
                    swap: None,
                    reason: Reason::Gas,
                    amount: -gain(fee),
                });
            }
            for log in &outcome.logs {
                let event = decode(Emitter::Escrow(Dialect::Bmn4), log.topics(), &log.data.data);
                if let Ok(Some(
                    ContractEvent::Withdrawn { .. }
                    | ContractEvent::Cancelled
                    | ContractEvent::Rescued { .. },
                )) = event
                {
                    self.ended_by.insert((node.id(), log.address), tx.sender());
                }
            }
        }
    }

    fn expect(&mut self, entry: Entry) {
        *self.expected.entry(entry.holding).or_default() += entry.amount;
    }

    /// Enters the end of a swap of the maker with this account, which is final. Answers what is left in its
    /// escrows, which must be nothing.
    pub(super) async fn close_swap(
        &mut self,
        network: &Network,
        maker: &Maker,
        account: u32,
    ) -> Result<Vec<String>, SimError> {
        let terms = Terms { swap: account, ..maker.terms() };
        let mut left = Vec::new();
        let mut who = [None, None];
        let view = maker.view();
        let source = view.and_then(|view| view.source.as_ref());
        let destination = view.and_then(|view| view.destination.as_ref());
        let legs = [
            source.map(|leg| (leg.chain, leg.escrow)),
            destination.map(|leg| (leg.chain, leg.escrow)),
        ];
        for (who, leg) in who.iter_mut().zip(legs) {
            let Some((chain, escrow)) = leg else { continue };
            let chain = ChainId(chain);
            let sender = self.ended_by.remove(&(chain, escrow));
            *who = sender.and_then(|sender| self.parties.get(&sender).copied());
            if let Some(node) = network.chain(chain) {
                left.extend(left_in(node, escrow, &terms).await?);
            }
        }
        let by = EndedBy { source: who[0], destination: who[1] };
        for entry in settlement(&terms, maker.end(), by) {
            self.expect(entry);
        }
        Ok(left)
    }

    /// Compares every balance with what it should be. For chains that stand still and were read to the end.
    pub(super) async fn discrepancies(&self, network: &Network) -> Result<Vec<String>, SimError> {
        let mut ledger = Ledger::default();
        for (holding, before) in &self.opened {
            ledger.opens_with(*holding, *before);
        }
        for node in &network.chains {
            for (address, party) in &self.parties {
                for token in watched_tokens() {
                    let holding = Holding { party: *party, chain: node.id(), token };
                    ledger.closes_with(holding, node.balance_of(token, *address).await?);
                }
            }
        }
        for (holding, amount) in &self.expected {
            let (swap, reason) = (None, Reason::Principal);
            ledger.expect(Entry { holding: *holding, swap, reason, amount: *amount });
        }
        Ok(ledger.discrepancies().iter().map(ToString::to_string).collect())
    }
}

async fn left_in(
    node: &NetworkChain,
    escrow: Address,
    terms: &Terms,
) -> Result<Vec<String>, SimError> {
    let mut left = Vec::new();
    for token in [Address::ZERO, terms.source.token, terms.destination.token] {
        let held = node.balance_of(token, escrow).await?;
        if !held.is_zero() {
            left.push(format!(
                "escrow {escrow} on chain {} still holds {held} of {token}",
                node.id()
            ));
        }
    }
    Ok(left)
}
