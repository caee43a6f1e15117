//! Exact balances per party, token and chain (design rule M11).

use crate::{maker::Maker, world::World};
use alloy::primitives::{Address, I256, U256};
use bmn_contracts::calldata;
use bmn_sim::{
    accounts::{DevAccount, INTEGRATOR, PROTOCOL},
    ledger::gain,
};
use std::collections::{BTreeMap, BTreeSet};

/// Chain, token (zero is the native coin), account.
type Holding = (usize, Address, Address);

/// What everybody had, and how it may change.
pub(crate) struct Books {
    floor: [u64; 2],
    before: BTreeMap<Holding, U256>,
    expected: BTreeMap<Holding, I256>,
}

pub(crate) fn us() -> Address {
    DevAccount::Resolver.address()
}

impl Books {
    /// Opens them for the resolver, its contract, who is paid fees, and these.
    pub(crate) async fn open(world: &World, others: &[Address]) -> Self {
        let accounts = [us(), INTEGRATOR, PROTOCOL].into_iter().chain(others.iter().copied());
        let accounts: BTreeSet<Address> = accounts.collect();
        let mut before = BTreeMap::new();
        for (chain, node) in world.chains.iter().enumerate() {
            let contract = node.spec.resolver_contract.expect("deployed");
            for account in accounts.iter().chain([&contract]) {
                for token in tokens(world) {
                    let held = node.balance(token, *account).await;
                    before.insert((chain, token, *account), held);
                }
            }
        }
        let floor = [world.chains[0].head().await.0, world.chains[1].head().await.0];
        Self { floor, before, expected: BTreeMap::new() }
    }

    /// `from` has given so much to `to`; nobody stands for a token that is minted.
    pub(crate) fn moved(
        &mut self,
        (chain, token): (usize, Address),
        amount: U256,
        from: Option<Address>,
        to: Address,
    ) {
        if let Some(from) = from {
            *self.expected.entry((chain, token, from)).or_default() -= gain(amount);
        }
        *self.expected.entry((chain, token, to)).or_default() += gain(amount);
    }

    /// Both sides of a fill, fees apart, have changed hands with `resolver`.
    pub(crate) fn completed(&mut self, maker: &Maker, given: U256, paid: U256, resolver: Address) {
        let fees = maker.fees(paid);
        self.moved((0, maker.tokens[0]), given, Some(maker.address()), resolver);
        let rest = paid - fees.integrator_amount - fees.protocol_amount;
        for (to, amount) in [
            (maker.address(), rest),
            (INTEGRATOR, fees.integrator_amount),
            (PROTOCOL, fees.protocol_amount),
        ] {
            self.moved((1, maker.tokens[1]), amount, Some(resolver), to);
        }
    }

    /// A safety deposit went to somebody else than who paid it.
    pub(crate) fn deposit(&mut self, chain: usize, amount: U256, from: Address, to: Address) {
        self.moved((chain, Address::ZERO), amount, Some(from), to);
    }

    /// Every balance is what it must be, to the last wei of gas, and the contract keeps nothing.
    pub(crate) async fn close(mut self, world: &World) {
        for (chain, node) in world.chains.iter().enumerate() {
            for (sender, fee) in node.fees_since(self.floor[chain]).await {
                *self.expected.entry((chain, Address::ZERO, sender)).or_default() -= gain(fee);
            }
        }
        for (holding, before) in &self.before {
            let (chain, token, account) = *holding;
            let now = world.chains[chain].balance(token, account).await;
            let expected = self.expected.get(holding).copied().unwrap_or_default();
            assert_eq!(gain(now) - gain(*before), expected, "{holding:?}");
        }
        contract_keeps_nothing(world).await;
    }
}

fn tokens(world: &World) -> Vec<Address> {
    let listed = world.chains[0].spec.tokens.iter().map(|token| token.address);
    listed.chain([Address::ZERO]).collect()
}

async fn contract_keeps_nothing(world: &World) {
    for node in &world.chains {
        let contract = node.spec.resolver_contract.expect("deployed");
        for token in tokens(world) {
            assert_eq!(node.balance(token, contract).await, U256::ZERO, "{token}");
            if token.is_zero() {
                continue;
            }
            for factory in &node.spec.factories {
                for spender in [factory.address, factory.limit_order_protocol] {
                    let allowed = node.word(token, calldata::allowance(contract, spender)).await;
                    assert_eq!(allowed, U256::ZERO, "{token} for {spender}");
                }
            }
        }
    }
}
