//! A small world for tests: funded accounts, transactions, hand-assembled contracts.
#![allow(dead_code)] // Each test binary uses its own part.

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use bmn_chain::{ChainEvent, ChainSource, KnownBlocks};
use bmn_host_dev::{DevChain, DevChainConfig};
use bmn_primitives::{BlockRef, ChainId};
use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

pub(crate) const CHAIN: u64 = 31337;
pub(crate) const GENESIS: u64 = 1_700_000_000;
pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;
pub(crate) const GWEI: u128 = 1_000_000_000;

/// Stores its first calldata word in slot 0 and logs it under topic 0x42.
pub(crate) const LOGGER: [u8; 18] = hex!("60003580600055600052604260206000a100");
/// Returns the block's timestamp and number.
pub(crate) const CLOCK: [u8; 13] = hex!("426000524360205260406000f3");
/// Reverts with the word 42.
pub(crate) const REVERTER: [u8; 10] = hex!("602a60005260206000fd");
/// Clears slot 0, which refunds gas.
pub(crate) const CLEARER: [u8; 6] = hex!("600060005500");

pub(crate) fn signer(index: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256([index])).expect("a hash is a valid key")
}

pub(crate) fn account(index: u8) -> Address {
    signer(index).address()
}

pub(crate) fn config() -> DevChainConfig {
    DevChainConfig {
        chain_id: ChainId(CHAIN),
        genesis_time: GENESIS,
        block_time: 12,
        accounts: (1..=4).map(|index| (account(index), U256::from(100 * ETHER))).collect(),
        ..DevChainConfig::default()
    }
}

pub(crate) fn chain() -> DevChain {
    DevChain::new(config())
}

/// What a test changes about a transaction.
pub(crate) fn tx(from: u8, nonce: u64, change: impl FnOnce(&mut TxEip1559)) -> Bytes {
    let mut tx = TxEip1559 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1),
        ..TxEip1559::default()
    };
    change(&mut tx);
    let signature = signer(from).sign_hash_sync(&tx.signature_hash()).expect("local key signs");
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

pub(crate) fn legacy(from: u8, nonce: u64, gas_price: u128) -> Bytes {
    let tx = TxLegacy {
        chain_id: Some(CHAIN),
        nonce,
        gas_price,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        ..TxLegacy::default()
    };
    let signature = signer(from).sign_hash_sync(&tx.signature_hash()).expect("local key signs");
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

/// Init code that returns `runtime`.
pub(crate) fn init_code(runtime: &[u8]) -> Bytes {
    let length = u8::try_from(runtime.len()).expect("short");
    let mut code = vec![0x60, length, 0x80, 0x60, 0x0b, 0x60, 0x00, 0x39, 0x60, 0x00, 0xf3];
    code.extend_from_slice(runtime);
    code.into()
}

pub(crate) fn call_logger(from: u8, nonce: u64, logger: Address, word: u64) -> Bytes {
    tx(from, nonce, |tx| {
        tx.to = TxKind::Call(logger);
        tx.value = U256::ZERO;
        tx.gas_limit = 100_000;
        tx.input = B256::from(U256::from(word)).to_vec().into();
    })
}

/// Waits for nothing: every future of the chain's seam is ready at once.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future was not ready"),
    }
}

/// An indexer's memory: applies events and insists on the rules of the seam.
#[derive(Debug, Default, Clone)]
pub(crate) struct Follower {
    pub(crate) blocks: BTreeMap<u64, BlockRef>,
    pub(crate) logs: BTreeMap<u64, usize>,
}

impl KnownBlocks for Follower {
    fn at(&self, number: u64) -> Option<BlockRef> {
        self.blocks.get(&number).copied()
    }
}

impl Follower {
    pub(crate) fn cursor(&self) -> Option<BlockRef> {
        self.blocks.last_key_value().map(|(_, block)| *block)
    }

    pub(crate) fn apply(&mut self, event: &ChainEvent) {
        for reverted in event.reverted() {
            let (_, newest) = self.blocks.pop_last().expect("only known blocks are reverted");
            assert_eq!(newest, *reverted, "newest first, from the cursor");
            self.logs.remove(&newest.number);
        }
        for block in event.committed() {
            if let Some(cursor) = self.cursor() {
                assert_eq!(block.header.parent_hash, cursor.hash);
                assert_eq!(block.header.number, cursor.number + 1);
            }
            self.blocks.insert(block.header.number, block.header.block_ref());
            self.logs.insert(block.header.number, block.logs.len());
        }
    }

    /// Follows to the tip; answers how many events it took.
    pub(crate) fn follow(&mut self, source: &mut impl ChainSource, max_blocks: usize) -> usize {
        let mut events = 0;
        loop {
            let cursor = self.cursor();
            let event = ready(source.next_event(cursor, &*self, max_blocks));
            let Some(event) = event.expect("the source answers") else { return events };
            assert!(event.committed().len() <= max_blocks);
            self.apply(&event);
            events += 1;
        }
    }

    pub(crate) fn assert_at(&self, chain: &DevChain, start: u64) {
        let head = chain.head();
        let canonical: Vec<_> = (start..=head.number)
            .map(|number| chain.block(number).expect("readable").expect("canonical").block_ref())
            .collect();
        assert_eq!(self.blocks.values().copied().collect::<Vec<_>>(), canonical);
    }
}
