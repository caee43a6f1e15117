//! A development chain with contracts on it, deployed as in a recording.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, Log, TxKind, U256, b256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolCall,
};
use bmn_chain::CallOutcome;
use bmn_contracts::{artifacts, bindings::IErc20, calldata};
use bmn_host_dev::{Call, DevChain, DevChainConfig, Overrides};
use bmn_primitives::ChainId;
use std::cell::Cell;

pub(crate) const SRC: u64 = 8453;
pub(crate) const DST: u64 = 10;
/// Time of the genesis block, unix seconds.
const GENESIS: u64 = 1_755_440_000;
/// Seconds from `deployedAt` until the taker may rescue.
pub(crate) const RESCUE_DELAY: u32 = 604_800;
/// One token of 18 decimals, or one coin in wei.
pub(crate) const ONE: u128 = 1_000_000_000_000_000_000;

/// What Alice, Bob and Carol have of either token at first.
pub(crate) const HANDED_OUT: u128 = 1_000_000 * ONE;

const GAS_LIMIT: u64 = 8_000_000;
const MAX_FEE: u128 = 10_000_000_000;

/// The accounts of the well-known test mnemonic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// Deploys, and owns the factories.
    Deployer,
    /// The maker.
    Alice,
    /// The resolver: on the whitelist, taker of most orders.
    Bob,
    /// Has tokens, but no business in the swap.
    Carol,
    /// Has nothing but coins.
    Dave,
    /// Has nothing but coins, neither whitelisted nor a holder of the access token.
    Erin,
}

impl Actor {
    pub(crate) const ALL: [Self; 6] =
        [Self::Deployer, Self::Alice, Self::Bob, Self::Carol, Self::Dave, Self::Erin];

    /// Private keys that everybody knows: what the phrase "test test … junk" derives to.
    pub(crate) fn key(self) -> PrivateKeySigner {
        const KEYS: [B256; 6] = [
            b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
            b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
            b256!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
            b256!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
            b256!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
            b256!("8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba"),
        ];
        PrivateKeySigner::from_bytes(&KEYS[self as usize]).unwrap()
    }

    pub(crate) fn address(self) -> Address {
        self.key().address()
    }
}

/// What a mined transaction did.
#[derive(Debug)]
pub(crate) struct Mined {
    pub(crate) logs: Vec<Log>,
    pub(crate) contract: Option<Address>,
    /// What the sender paid for gas, wei.
    pub(crate) fee: U256,
}

/// One chain.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) chain: DevChain,
    pub(crate) id: ChainId,
    pub(crate) weth: Address,
    pub(crate) token: Address,
    pub(crate) token6: Address,
    pub(crate) true_token: Address,
    pub(crate) lop: Address,
    pub(crate) factory: Address,
    /// Makes salts and secrets distinct, and the same in every run.
    drawn: Cell<u64>,
}

impl Net {
    /// Deploys what every recording starts with, a token of 18 and one of 6 decimals included, then
    /// `protocol` and last the factory; the code of both may depend on the addresses so far. Between
    /// them the deployer makes `skipped` other contracts. Alice, Bob and Carol get tokens.
    pub(crate) fn deployed(
        id: u64,
        protocol: impl FnOnce(&Self) -> Bytes,
        skipped: u64,
        factory: impl FnOnce(&Self) -> Bytes,
    ) -> Self {
        let coins = U256::from(10_000 * ONE);
        let chain = DevChain::new(DevChainConfig {
            chain_id: ChainId(id),
            genesis_time: GENESIS,
            gas_limit: 100_000_000,
            accounts: Actor::ALL.map(|actor| (actor.address(), coins)).to_vec(),
            ..DevChainConfig::default()
        });
        let at = |nonce| Actor::Deployer.address().create(nonce);
        let net = Self {
            chain,
            id: ChainId(id),
            weth: at(0),
            token: at(1),
            token6: at(2),
            true_token: at(3),
            lop: at(4),
            factory: at(5 + skipped),
            drawn: Cell::new(0),
        };
        let mut codes = vec![
            artifacts::weth(),
            artifacts::token(artifacts::TokenKind::Plain, "Test", "TST", 18),
            artifacts::token(artifacts::TokenKind::Plain, "Six", "SIX", 6),
            artifacts::true_token(),
            protocol(&net),
        ];
        codes.extend((0..skipped).map(|_| artifacts::true_token()));
        codes.push(factory(&net));
        for code in codes {
            net.create(Actor::Deployer, code).submit();
        }
        net.hand_out_tokens();
        net
    }

    fn hand_out_tokens(&self) {
        let amount = U256::from(HANDED_OUT);
        for actor in [Actor::Alice, Actor::Bob, Actor::Carol] {
            for token in [self.token, self.token6] {
                self.supply(actor, token, amount);
            }
        }
    }

    /// Mints to the actor, who approves both contracts that move tokens. Not mined yet.
    fn supply(&self, actor: Actor, token: Address, amount: U256) {
        self.tx(actor, token, calldata::mint(actor.address(), amount)).submit();
        for spender in [self.lop, self.factory] {
            self.tx(actor, token, calldata::approve(spender, U256::MAX)).submit();
        }
    }

    /// Mines everything pooled; all of it must succeed.
    pub(crate) fn mine_all(&self) {
        let pooled = self.chain.pooled().len();
        let head = self.chain.mine(None).unwrap();
        let block = self.chain.block(head.number).unwrap().unwrap();
        assert_eq!(block.outcomes().len(), pooled);
        assert!(block.outcomes().iter().all(|outcome| outcome.success));
    }

    /// Time of the newest block.
    pub(crate) fn now(&self) -> u64 {
        self.chain.head().time
    }

    /// A number nobody has drawn from this chain before.
    pub(crate) fn draw(&self) -> u64 {
        self.drawn.set(self.drawn.get() + 1);
        self.drawn.get()
    }

    /// A transaction or call, in the next second unless it says otherwise.
    pub(crate) fn tx(&self, from: Actor, to: Address, data: impl Into<Bytes>) -> Tx<'_> {
        let (to, data) = (Some(to), data.into());
        Tx { net: self, from, to, data, value: U256::ZERO, time: self.now() + 1 }
    }

    /// A contract creation.
    pub(crate) fn create(&self, from: Actor, code: Bytes) -> Tx<'_> {
        Tx { to: None, ..self.tx(from, Address::ZERO, code) }
    }

    /// Reads from a contract.
    pub(crate) fn view<C: SolCall>(&self, contract: Address, call: &C) -> C::Return {
        match self.tx(Actor::Erin, contract, call.abi_encode()).tried() {
            CallOutcome::Success(data) => C::abi_decode_returns(&data).unwrap(),
            CallOutcome::Reverted(data) => panic!("{} reverted: {data}", C::SIGNATURE),
        }
    }

    pub(crate) fn tokens(&self, owner: Address) -> U256 {
        self.view(self.token, &IErc20::balanceOfCall { account: owner })
    }

    pub(crate) fn wei(&self, owner: Address) -> U256 {
        self.chain.balance(owner)
    }

    /// Runs `play` and takes back what it did.
    pub(crate) fn aside<T>(&self, play: impl FnOnce() -> T) -> T {
        let before = self.chain.snapshot().unwrap();
        let result = play();
        self.chain.revert(before).unwrap();
        result
    }
}

/// A transaction to mine, or a call to try.
#[derive(Debug, Clone)]
#[must_use]
pub(crate) struct Tx<'a> {
    net: &'a Net,
    from: Actor,
    to: Option<Address>,
    data: Bytes,
    value: U256,
    time: u64,
}

impl Tx<'_> {
    /// Sets the block's time.
    pub(crate) fn at(self, time: u64) -> Self {
        Self { time, ..self }
    }

    /// Sends coins along, wei.
    pub(crate) fn paying(self, value: U256) -> Self {
        Self { value, ..self }
    }

    /// What it would do in a block of its time. Changes nothing.
    pub(crate) fn tried(&self) -> CallOutcome {
        let call = Call {
            from: self.from.address(),
            to: self.to,
            value: self.value,
            data: self.data.clone(),
            overrides: Overrides { time: Some(self.time), ..Overrides::default() },
            ..Call::default()
        };
        let result = self.net.chain.call(&call).unwrap();
        assert_eq!(result.halt, None, "it neither returned nor reverted");
        result.outcome
    }

    /// Asserts that it would not revert.
    pub(crate) fn passes(&self) {
        assert!(matches!(self.tried(), CallOutcome::Success(_)), "{:?}", self.tried());
    }

    /// Asserts that it would revert with this custom error.
    pub(crate) fn fails_with(&self, error: &str) {
        let selector = &keccak256(error)[..4];
        assert_eq!(
            self.tried(),
            CallOutcome::Reverted(Bytes::copy_from_slice(selector)),
            "{error}"
        );
    }

    /// Mines it alone in a block of its time; it must succeed.
    pub(crate) fn mined(self) -> Mined {
        let (net, time) = (self.net, self.time);
        assert!(net.chain.pooled().is_empty());
        self.submit();
        let head = net.chain.mine(Some(time)).unwrap();
        let block = net.chain.block(head.number).unwrap().unwrap();
        let [outcome] = block.outcomes() else { panic!("not mined: {:?}", net.chain.pooled()) };
        assert!(outcome.success, "reverted");
        Mined {
            logs: outcome.logs.clone(),
            contract: outcome.contract,
            fee: U256::from(u128::from(outcome.gas_used) * outcome.effective_gas_price),
        }
    }

    /// Puts it into the pool.
    pub(crate) fn submit(self) {
        let chain = &self.net.chain;
        let from = self.from.address();
        let waiting = chain.pooled().iter().filter(|pooled| pooled.tx.sender() == from).count();
        let tx = TxEip1559 {
            chain_id: self.net.id.0,
            nonce: chain.nonce(from) + u64::try_from(waiting).unwrap(),
            gas_limit: GAS_LIMIT,
            max_fee_per_gas: MAX_FEE,
            max_priority_fee_per_gas: 1,
            to: self.to.map_or(TxKind::Create, TxKind::Call),
            value: self.value,
            input: self.data,
            ..TxEip1559::default()
        };
        let signature = self.from.key().sign_hash_sync(&tx.signature_hash()).unwrap();
        let raw = TxEnvelope::from(tx.into_signed(signature)).encoded_2718();
        chain.submit_raw(&raw.into()).unwrap();
    }
}
