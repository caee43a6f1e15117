//! A development chain with one dialect's contracts on it.

use crate::dialects::{Contracts, Site};
use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use bmn_chain::CallOutcome;
use bmn_contracts::{EscrowImplementations, artifacts, calldata};
use bmn_host_dev::{Call, DevChain, DevChainConfig, Overrides};
use bmn_primitives::ChainId;

pub(crate) const SRC: ChainId = ChainId(8453);
pub(crate) const DST: ChainId = ChainId(10);
const GENESIS: u64 = 1_755_440_000;
pub(crate) const RESCUE_DELAY: u32 = 604_800;
/// One token of 18 decimals, or one coin in wei.
pub(crate) const ONE: u128 = 1_000_000_000_000_000_000;

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// Owns the factory, and is on its whitelist.
    Owner = 1,
    /// The maker.
    Alice = 2,
    /// The resolver.
    Bob = 3,
    /// Holds the access token.
    Carol = 4,
}

impl Actor {
    const ALL: [Self; 4] = [Self::Owner, Self::Alice, Self::Bob, Self::Carol];

    pub(crate) fn key(self) -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::with_last_byte(self as u8)).unwrap()
    }

    pub(crate) fn address(self) -> Address {
        self.key().address()
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// It reverted for the time alone.
    OutOfTime,
    Reverted(Bytes),
}

/// One chain.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) contracts: Contracts,
    pub(crate) chain: DevChain,
    pub(crate) id: ChainId,
    pub(crate) token: Address,
    pub(crate) true_token: Address,
    pub(crate) lop: Address,
    pub(crate) factory: Address,
    pub(crate) implementations: EscrowImplementations,
}

impl Net {
    pub(crate) fn new(id: ChainId, contracts: &Contracts) -> Self {
        let coins = U256::from(10_000 * ONE);
        let chain = DevChain::new(DevChainConfig {
            chain_id: id,
            genesis_time: GENESIS,
            gas_limit: 100_000_000,
            accounts: Actor::ALL.map(|actor| (actor.address(), coins)).to_vec(),
            ..DevChainConfig::default()
        });
        let owner = Actor::Owner.address();
        let [weth, token, true_token, access_token, lop, factory] =
            [0, 1, 2, 3, 4, 5].map(|nonce| owner.create(nonce));
        let implementations = EscrowImplementations::for_factory(contracts.dialect, factory);
        let contracts = *contracts;
        let net = Self { contracts, chain, id, token, true_token, lop, factory, implementations };
        let site = Site { lop, owner, access_token, weth, rescue_delay: RESCUE_DELAY };
        let plain = |name| artifacts::token(artifacts::TokenKind::Plain, name, name, 18);
        for code in [
            artifacts::weth(),
            plain("TST"),
            artifacts::true_token(),
            plain("ACC"),
            (contracts.limit_order_protocol)(weth),
            (contracts.factory)(&site),
        ] {
            net.submit(Actor::Owner, None, code, U256::ZERO);
        }
        let to = |token| Some(token);
        let amount = U256::from(1_000 * ONE);
        for actor in [Actor::Alice, Actor::Bob] {
            let mint = calldata::mint(actor.address(), amount);
            net.submit(actor, to(token), mint, U256::ZERO);
            for spender in [lop, factory] {
                net.submit(actor, to(token), calldata::approve(spender, U256::MAX), U256::ZERO);
            }
        }
        let mint = calldata::mint(Actor::Carol.address(), amount);
        net.submit(Actor::Carol, to(access_token), mint, U256::ZERO);
        net.mine(net.now() + 1);
        net
    }

    /// Time of the newest block.
    pub(crate) fn now(&self) -> u64 {
        self.chain.head().time
    }

    pub(crate) fn has_code(&self, address: Address) -> bool {
        !self.chain.code(address).is_empty()
    }

    /// What a call would do in a block of this time. It runs on the newest state.
    pub(crate) fn tried(&self, call: &Sent, time: u64) -> Outcome {
        let call = Call {
            from: call.from.address(),
            to: Some(call.to),
            value: call.value,
            data: call.data.clone(),
            overrides: Overrides { time: Some(time), ..Overrides::default() },
            ..Call::default()
        };
        let result = self.chain.call(&call).unwrap();
        assert_eq!(result.halt, None, "it neither returned nor reverted");
        match result.outcome {
            CallOutcome::Success(_) => Outcome::Passed,
            CallOutcome::Reverted(data) if data[..] == keccak256("InvalidTime()")[..4] => {
                Outcome::OutOfTime
            }
            CallOutcome::Reverted(data) => Outcome::Reverted(data),
        }
    }

    /// Mines it in a block of this time; it must succeed.
    pub(crate) fn mined(&self, call: &Sent, time: u64) {
        self.submit(call.from, Some(call.to), call.data.clone(), call.value);
        self.mine(time);
    }

    /// The same, and takes it back.
    pub(crate) fn mined_aside(&self, call: &Sent, time: u64) {
        let before = self.chain.snapshot().unwrap();
        self.mined(call, time);
        self.chain.revert(before).unwrap();
    }

    fn mine(&self, time: u64) {
        let pooled = self.chain.pooled().len();
        let head = self.chain.mine(Some(time)).unwrap();
        assert_eq!(head.time, time);
        let block = self.chain.block(head.number).unwrap().unwrap();
        assert_eq!(block.outcomes().len(), pooled);
        assert!(block.outcomes().iter().all(|outcome| outcome.success), "it reverted at {time}");
    }

    fn submit(&self, from: Actor, to: Option<Address>, data: Bytes, value: U256) {
        let sender = from.address();
        let pooled = self.chain.pooled();
        let waiting = pooled.iter().filter(|pooled| pooled.tx.sender() == sender).count();
        let tx = TxEip1559 {
            chain_id: self.id.0,
            nonce: self.chain.nonce(sender) + u64::try_from(waiting).unwrap(),
            gas_limit: 8_000_000,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1,
            to: to.map_or(TxKind::Create, TxKind::Call),
            value,
            input: data,
            ..TxEip1559::default()
        };
        let signature = from.key().sign_hash_sync(&tx.signature_hash()).unwrap();
        let raw = TxEnvelope::from(tx.into_signed(signature)).encoded_2718();
        self.chain.submit_raw(&raw.into()).unwrap();
    }
}

/// A call that somebody makes.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) from: Actor,
    pub(crate) to: Address,
    pub(crate) data: Bytes,
    pub(crate) value: U256,
}

impl Sent {
    pub(crate) fn new(from: Actor, to: Address, data: Bytes) -> Self {
        Self { from, to, data, value: U256::ZERO }
    }
}
