//! What swaps leave behind in the state of the development chains, taken out once nobody can ask for it.
//!
//! An escrow stays an account for ever, and the factory remembers its immutables for ever: twenty slots a
//! swap, which a real chain keeps on its disks and these chains keep in the memory that a run watches.

use crate::{Maker, Network, NetworkChain, SimError, maker::Made};
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol_types::SolValue,
};
use bmn_contracts::immutables_hash;
use bmn_host_dev::Cheat;
use bmn_primitives::{ChainId, Dialect};
use std::{collections::VecDeque, time::Duration};

/// Where `BmnFactory` has its mapping of escrows.
const ESCROWS: U256 = U256::from_limbs([4, 0, 0, 0]);
/// Where it has its mapping of immutables.
const IMMUTABLES: U256 = U256::from_limbs([5, 0, 0, 0]);
/// Slots of the immutables: eight words, and the length of parameters that are empty.
const IMMUTABLES_SLOTS: u64 = 9;
/// Where `LimitOrderProtocol` has the bits of used nonces.
const BITS: U256 = U256::ZERO;
/// Where it has what remains of orders.
const REMAINING: U256 = U256::from_limbs([1, 0, 0, 0]);

/// An escrow, and the keys under which contracts remember it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Trace {
    chain: ChainId,
    escrow: Address,
    salt: B256,
    hashlock: B256,
    maker: Address,
    order: B256,
    /// Which 256 nonces share the word that the order's is in; a maker's nonce is the number of his swap.
    group: u32,
}

impl Trace {
    fn of(made: &Made, swap: u32) -> Self {
        let Made { chain, escrow, immutables } = made;
        Self {
            chain: *chain,
            escrow: *escrow,
            salt: immutables_hash(Dialect::Bmn4, immutables),
            hashlock: immutables.hashlock.0,
            maker: Address::from_word(B256::from(immutables.maker.0)),
            order: immutables.order_hash.0,
            group: swap >> 8,
        }
    }

    /// The account and every slot of its own, as if it had never been.
    fn undone(&self, node: &NetworkChain) -> Vec<Cheat> {
        let factory = node.factory(Dialect::Bmn4);
        let immutables = entry(self.salt, IMMUTABLES);
        let of_maker = entry(self.maker.into_word(), REMAINING);
        let mut cheats = vec![
            Cheat::Nonce(self.escrow, 0),
            Cheat::Code(self.escrow, Bytes::new()),
            // A fill's escrow is found by its hashlock, one made on demand by its salt.
            zero(factory.address, entry(self.hashlock, ESCROWS)),
            zero(factory.address, entry(self.salt, ESCROWS)),
            zero(factory.limit_order_protocol, entry(self.order, of_maker)),
        ];
        cheats.extend(
            (0..IMMUTABLES_SLOTS)
                .map(|word| zero(factory.address, immutables.wrapping_add(U256::from(word)))),
        );
        cheats
    }

    /// The word with the bit of the order's nonce.
    fn nonces(&self, node: &NetworkChain) -> Cheat {
        let of_maker = entry(self.maker.into_word(), BITS);
        let group = U256::from_limbs([self.group.into(), 0, 0, 0]).into();
        zero(node.factory(Dialect::Bmn4).limit_order_protocol, entry(group, of_maker))
    }
}

const fn zero(account: Address, slot: U256) -> Cheat {
    Cheat::Storage(account, slot, U256::ZERO)
}

/// The slot of a mapping's entry.
fn entry(key: B256, mapping: U256) -> U256 {
    keccak256((key, mapping).abi_encode()).into()
}

/// Swaps that are settled, until every window of theirs is over.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    /// By the moment they are due, nearly in order: swaps end at different ages.
    settled: VecDeque<(Duration, Trace)>,
    /// Taken out but for the word of nonces, which orders of the same group may still need.
    grouped: Vec<Trace>,
    /// The newest group of which a swap was taken out.
    group: u32,
}

impl Expiry {
    /// Takes note of a swap that is settled, with nothing left in its escrows.
    pub(super) fn add(&mut self, maker: &Maker, due: Duration) {
        if maker.spec().dialect == Dialect::Bmn4 {
            let swap = maker.spec().index;
            self.settled.extend(maker.made().iter().map(|made| (due, Trace::of(made, swap))));
        }
    }

    /// Takes out of both chains what is due.
    pub(super) fn look(&mut self, network: &Network, now: Duration) -> Result<(), SimError> {
        let mut due = Vec::new();
        while let Some((_, trace)) = self.settled.pop_front_if(|(due, _)| *due <= now) {
            due.push(trace);
        }
        let Some(newest) = due.iter().map(|trace| trace.group).max() else { return Ok(()) };
        self.grouped.extend(&due);
        self.group = self.group.max(newest);
        // Whoever began before a swap whose windows are over has his behind him as well.
        let over: Vec<_> = self.grouped.extract_if(.., |trace| trace.group < self.group).collect();
        for node in &network.chains {
            let is_here = |trace: &&Trace| trace.chain == node.id();
            let mut cheats: Vec<_> =
                due.iter().filter(is_here).flat_map(|trace| trace.undone(node)).collect();
            cheats.extend(over.iter().filter(is_here).map(|trace| trace.nonces(node)));
            // What is zero anyway need not be in a block.
            cheats.retain(|cheat| match cheat {
                Cheat::Storage(account, slot, _) => !node.chain.storage(*account, *slot).is_zero(),
                _ => true,
            });
            if !cheats.is_empty() {
                node.chain.change(cheats)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunOptions, SIMULATION_GENESIS, Simulation, scenario::Scenario};
    use bmn_host_dev::AccountState;
    use std::collections::BTreeMap;

    fn accounts(network: &Network) -> [BTreeMap<Address, AccountState>; 2] {
        [0, 1].map(|chain| network.chains[chain].chain.accounts().unwrap())
    }

    #[tokio::test]
    async fn a_settled_swap_leaves_nothing_in_factory_protocol_or_escrow() {
        let options = RunOptions { scenario: Scenario::Happy, swaps: 12, seed: 7, skew: 0 };
        let (network, makers) = Simulation::aftermath(options).await.unwrap();
        let fresh = Network::in_memory(SIMULATION_GENESIS).unwrap();
        fresh.set_up().await.unwrap();
        let [before, empty] = [accounts(&network), accounts(&fresh)];
        let mut expiry = Expiry::default();
        for maker in &makers {
            expiry.add(maker, Duration::from_secs(60));
        }
        let traces: Vec<_> = expiry.settled.iter().map(|(_, trace)| *trace).collect();
        assert!(traces.len() > 4, "{} escrows", traces.len());
        expiry.look(&network, Duration::from_secs(59)).unwrap();
        assert_eq!(accounts(&network), before);
        expiry.look(&network, Duration::from_secs(60)).unwrap();
        let after = accounts(&network);
        for (index, node) in network.chains.iter().enumerate() {
            let factory = node.factory(Dialect::Bmn4);
            let [held, fresh, left] =
                [&before, &empty, &after].map(|state| state[index][&factory.address].storage.len());
            assert!(held > fresh && left == fresh, "{held}, {fresh}, {left} slots");
        }
        for trace in &traces {
            let index = usize::from(trace.chain == network.chains[1].id());
            assert!(before[index].contains_key(&trace.escrow));
            assert!(!after[index].contains_key(&trace.escrow));
        }
        // A swap of the next group is over: nobody needs the nonces of this one.
        expiry.settled.push_back((Duration::ZERO, Trace { group: 1, ..traces[0] }));
        expiry.look(&network, Duration::from_secs(61)).unwrap();
        let (after, protocol) = (accounts(&network), network.chains[0].factory(Dialect::Bmn4));
        for (before, after) in before.iter().zip(&after) {
            assert!(!before[&protocol.limit_order_protocol].storage.is_empty());
            assert!(after[&protocol.limit_order_protocol].storage.is_empty());
        }
        assert!(expiry.settled.is_empty() && expiry.grouped.len() == 1);
    }
}
