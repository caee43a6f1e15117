//! A swap of one dialect through the real node, and what it cost whom.

use alloy::primitives::{Address, I256, U256};
use bmn_contracts::calldata;
use bmn_primitives::Dialect;
use bmn_sim::{
    Maker, Network, NetworkChain,
    accounts::DevAccount,
    ledger::{Terms, gain},
    scenario::{Behaviour, SwapSpec},
};
use bmn_store::{Reads, Store};
use bmn_swap::Status;
use bmn_tests::{World, same, swap};
use std::collections::BTreeMap;

/// Every dialect that orders are filled of.
pub(crate) const DIALECTS: [Dialect; 4] =
    [Dialect::Bmn4, Dialect::Bmn302, Dialect::OneInch1, Dialect::OneInch2];

/// Balances by (chain, token, account); zero is the native coin.
type Balances = BTreeMap<(usize, Address, Address), U256>;

/// A world with one swap, and what everybody had before it.
pub(crate) struct Bed {
    pub(crate) world: World,
    dialect: Dialect,
    before: Balances,
    /// Heads before it.
    floor: [u64; 2],
}

fn spec(dialect: Dialect, behaviour: Behaviour) -> SwapSpec {
    // Enough for the gas of calls through our contract.
    SwapSpec { dialect, margin_bps: 400, ..swap(0, behaviour) }
}

impl Bed {
    pub(crate) async fn new(dialect: Dialect, behaviour: Behaviour) -> Self {
        let world = World::new(vec![spec(dialect, behaviour)]).await;
        Self::over(dialect, world).await
    }

    pub(crate) async fn with_store(dialect: Dialect, behaviour: Behaviour, store: Store) -> Self {
        let world = World::with_store(vec![spec(dialect, behaviour)], store).await;
        Self::over(dialect, world).await
    }

    async fn over(dialect: Dialect, world: World) -> Self {
        let floor = world.network.chains.each_ref().map(|node| node.chain.head().number);
        let before = balances(&world).await;
        Self { world, dialect, before, floor }
    }

    pub(crate) async fn reach(&mut self, status: Status) {
        let reached = self.world.run_until(1_000, |world| world.status() == Some(status)).await;
        let (dialect, found) = (self.dialect, self.world.statuses());
        let said = (self.maker().complaints(), self.maker().refusals());
        assert!(reached, "{dialect}: {status} is not reached: {found:?} {said:?}");
    }

    pub(crate) fn maker(&self) -> &Maker {
        &self.world.makers[0]
    }

    /// Lets every end become final.
    pub(crate) async fn finish(&mut self) {
        for _ in 0..30 {
            self.world.mine();
            self.world.settle().await;
        }
    }

    /// It ended like this, nothing of it is left open, the index is what the chains say, and exactly what
    /// the end allows has changed hands: M11.
    pub(crate) async fn ended(&mut self, status: Status, deposit_to_maker: bool) {
        self.finish().await;
        let dialect = self.dialect;
        assert_eq!(self.world.status(), Some(status), "{dialect}");
        let complaints = self.maker().complaints();
        assert!(complaints.is_empty(), "{dialect}: {complaints:?}");
        for node in &self.world.network.chains {
            let read = self.world.resolver.store().read().expect("a snapshot");
            assert!(read.intents(node.id()).expect("intents").is_empty(), "{dialect}");
        }
        same(&self.world.rows(), &self.world.rebuilt().await, dialect.name());
        let expected = self.expected(status, deposit_to_maker);
        let after = balances(&self.world).await;
        for (holding, before) in &self.before {
            let changed = gain(after[holding]) - gain(*before);
            let expected = expected.get(holding).copied().unwrap_or_default();
            assert_eq!(changed, expected, "{dialect} {status}: {holding:?}");
        }
        contract_keeps_nothing(&self.world).await;
    }

    fn expected(
        &self,
        status: Status,
        deposit_to_maker: bool,
    ) -> BTreeMap<(usize, Address, Address), I256> {
        let Terms { source, destination, deposit, fees, .. } = self.maker().terms();
        let (us, maker) = (DevAccount::Resolver.address(), self.maker().address());
        let mut expected: BTreeMap<_, I256> = BTreeMap::new();
        let mut change = |holding, amount: I256| *expected.entry(holding).or_default() += amount;
        if status == Status::Completed {
            let out = fees.integrator_amount + fees.protocol_amount;
            let (given, paid) = (gain(source.amount), gain(destination.amount));
            change((0, source.token, maker), -given);
            change((0, source.token, us), given);
            change((1, destination.token, us), -paid);
            change((1, destination.token, maker), paid - gain(out));
            change((1, destination.token, fees.integrator), gain(fees.integrator_amount));
            change((1, destination.token, fees.protocol), gain(fees.protocol_amount));
        }
        if deposit_to_maker {
            change((1, Address::ZERO, us), -gain(deposit));
            change((1, Address::ZERO, maker), gain(deposit));
        }
        for (chain, node) in self.world.network.chains.iter().enumerate() {
            for (account, fee) in fees_since(node, self.floor[chain]) {
                change((chain, Address::ZERO, account), -gain(fee));
            }
        }
        expected
    }
}

/// Our contract holds nothing, and nobody may take anything from it.
pub(crate) async fn contract_keeps_nothing(world: &World) {
    for node in &world.network.chains {
        let contract = node.spec.resolver_contract.expect("development chains have one");
        for token in tokens(&world.network) {
            assert_eq!(node.balance_of(token, contract).await.expect("a balance"), U256::ZERO);
            if token.is_zero() {
                continue;
            }
            for factory in &node.spec.factories {
                for spender in [factory.address, factory.limit_order_protocol] {
                    let call = bmn_chain::CallRequest {
                        to: token,
                        data: calldata::allowance(contract, spender),
                        ..Default::default()
                    };
                    let answer = node.client.call(&call).await.expect("an answer");
                    let bmn_chain::CallOutcome::Success(word) = answer else {
                        panic!("{token} does not answer")
                    };
                    assert_eq!(U256::from_be_slice(&word), U256::ZERO, "{spender}: {token}");
                }
            }
        }
    }
}

/// Fees of the transactions in the blocks above `floor`, by sender.
pub(crate) fn fees_since(node: &NetworkChain, floor: u64) -> Vec<(Address, U256)> {
    let mut fees = Vec::new();
    for number in floor + 1..=node.chain.head().number {
        let block = node.chain.block(number).expect("stored").expect("canonical");
        for (tx, outcome) in block.txs().iter().zip(block.outcomes()) {
            let fee = U256::from(outcome.gas_used) * U256::from(outcome.effective_gas_price);
            fees.push((tx.sender(), fee));
        }
    }
    fees
}

fn tokens(network: &Network) -> Vec<Address> {
    let listed = network.chains[0].spec.tokens.iter().map(|token| token.address);
    listed.chain([Address::ZERO]).collect()
}

async fn balances(world: &World) -> Balances {
    use bmn_sim::accounts::{INTEGRATOR, PROTOCOL};
    let maker = world.makers[0].address();
    let mut balances = Balances::new();
    for (chain, node) in world.network.chains.iter().enumerate() {
        for account in [DevAccount::Resolver.address(), maker, INTEGRATOR, PROTOCOL] {
            for token in tokens(&world.network) {
                let balance = node.balance_of(token, account).await.expect("a balance");
                balances.insert((chain, token, account), balance);
            }
        }
    }
    balances
}
