//! Values to store.

use crate::keys::KeyRange;
use crate::rows::Rows;
use crate::testing::CrashBackend;
use crate::{
    Entropy, EntropyUnavailable, EventRow, IntentNotes, IntentRow, MasterKey, OrderState, Row,
    SentTx, Store, StoreOptions, TxPayload, WriteTx, tables,
};
use alloy::primitives::{Address, B256, Bloom, Bytes, U256, keccak256};
use bmn_chain::Header;
use bmn_contracts::ContractEvent;
use bmn_primitives::{
    BlockRef, ChainId, Complement, Dialect, Hashlock, Immutables, OrderHash, OrderId, Secret,
    SwapId, Timelocks,
};
use bmn_swap::{
    Action, ActionKey, Decision, DestinationLeg, DestinationPlan, Evidence, Fill, Inclusion, Order,
    OrderTimes, Origin, SourceLeg, SourceTerms, Status,
};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const A: ChainId = ChainId(1);
pub(super) const B: ChainId = ChainId(2);
pub(super) const KEY: [u8; 32] = [7; 32];

/// The same "random" bytes in the same order every time.
#[derive(Default)]
pub(super) struct Counted(AtomicU64);

impl Entropy for Counted {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyUnavailable> {
        for chunk in out.chunks_mut(32) {
            let block = keccak256(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

pub(super) fn options(disk: &CrashBackend) -> StoreOptions {
    StoreOptions::backend(disk.clone(), MasterKey::new(KEY)).with_entropy(Counted::default())
}

pub(super) fn memory() -> Store {
    Store::open(options(&CrashBackend::new())).unwrap()
}

/// Writes in one committed transaction.
pub(super) fn commit<T>(store: &Store, write: impl FnOnce(&mut WriteTx) -> T) -> T {
    let mut tx = store.write().unwrap();
    let value = write(&mut tx);
    tx.commit().unwrap();
    value
}

/// Every row of every table, but the count of opens.
pub(super) fn everything(store: &Store) -> Vec<(&'static str, Row)> {
    let read = store.read().unwrap();
    let mut all = Vec::new();
    for table in tables::ALL {
        read.raw_scan(*table, &KeyRange::all(), &mut |key, value| {
            if key != b"epoch" {
                all.push((table.name, (key.to_vec(), value.to_vec())));
            }
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    }
    all
}

pub(super) fn address(n: u64) -> Address {
    Address::left_padding_from(&n.to_be_bytes())
}

pub(super) fn word(n: u64) -> B256 {
    keccak256(n.to_be_bytes())
}

pub(super) fn secret(n: u64) -> Secret {
    Secret::new(word(n ^ 0x5ec2_e700).0)
}

/// A block whose hash depends on its number and `salt`.
pub(super) fn header(parent: Option<BlockRef>, salt: u64) -> Header {
    let number = parent.map_or(100, |parent| parent.number + 1);
    Header {
        number,
        hash: word(number ^ (salt << 32)),
        parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
        timestamp: 1_000 + 12 * number + salt % 3,
        logs_bloom: Bloom::repeat_byte(salt as u8),
        receipts_root: word(salt),
        base_fee: Some(7),
    }
}

pub(super) fn inclusion(block: BlockRef, log_index: u32) -> Inclusion {
    Inclusion { block, tx_hash: word(u64::from(log_index)), log_index }
}

pub(super) fn immutables(n: u64) -> Immutables {
    Immutables {
        order_hash: OrderHash(word(n)),
        hashlock: secret(n).hashlock(),
        maker: address(n % 3).into(),
        taker: address(900).into(),
        token: address(901).into(),
        amount: U256::from(n),
        safety_deposit: U256::ZERO,
        timelocks: Timelocks::pack(1_000, [0, 60, 600, 660, 30, 90, 500]),
        parameters: Bytes::new(),
    }
}

/// Every other one is filled.
pub(super) fn source_leg(chain: ChainId, n: u64, created: Inclusion) -> SourceLeg {
    SourceLeg {
        swap: SwapId { chain, escrow: address(n) },
        factory: address(902),
        dialect: Dialect::Bmn4,
        terms: SourceTerms::Stated {
            immutables: immutables(n),
            complement: Complement {
                maker: address(n % 3).into(),
                amount: U256::from(n),
                token: address(903).into(),
                safety_deposit: U256::from(5),
                chain_id: U256::from(2),
                parameters: Bytes::new(),
            },
        },
        created,
        fill: (n % 2 == 1).then_some(Fill { contract: address(904), remaining: U256::from(n) }),
        end: None,
    }
}

pub(super) fn destination_leg(chain: ChainId, n: u64, created: Inclusion) -> DestinationLeg {
    DestinationLeg {
        chain,
        escrow: address(n),
        factory: address(902),
        dialect: Dialect::Bmn4,
        hashlock: secret(n).hashlock(),
        taker: address(900),
        created,
        end: None,
    }
}

pub(super) fn created_event(leg: &SourceLeg) -> ContractEvent {
    let SourceTerms::Stated { immutables, complement } = leg.terms.clone() else { panic!() };
    ContractEvent::SourceCreated { immutables, complement }
}

pub(super) fn immutables_of(leg: &mut SourceLeg) -> &mut Immutables {
    let SourceTerms::Stated { immutables, .. } = &mut leg.terms else { panic!() };
    immutables
}

pub(super) fn destination_event(leg: &DestinationLeg) -> ContractEvent {
    ContractEvent::DestinationCreated {
        escrow: leg.escrow,
        hashlock: leg.hashlock,
        taker: leg.taker.into(),
    }
}

pub(super) fn event(
    chain: ChainId,
    at: Inclusion,
    escrow: Option<u64>,
    event: ContractEvent,
) -> EventRow {
    let escrow = escrow.map(address);
    let by_factory = matches!(
        event,
        ContractEvent::SourceCreated { .. }
            | ContractEvent::DestinationCreated { .. }
            | ContractEvent::PostInteraction { .. }
    );
    let emitter = escrow.filter(|_| !by_factory).unwrap_or(address(902));
    EventRow { chain, at, tx_index: 0, address: emitter, escrow, event }
}

pub(super) fn order_id(n: u64) -> OrderId {
    OrderId { chain: A, contract: address(904), hash: OrderHash(word(n)), leaf: 0 }
}

pub(super) fn order(n: u64) -> Order {
    Order {
        id: order_id(n),
        origin: Origin::DirectSource,
        dialect: Dialect::Bmn4,
        factory: address(902),
        hashlock: secret(n).hashlock(),
        maker: address(n % 3),
        beneficiary: address(n % 3),
        source_token: address(901),
        source_amount: U256::from(n),
        source_deposit: U256::ZERO,
        destination_chain: B,
        destination_token: address(903),
        destination_amount: U256::from(n),
        destination_deposit: U256::from(5),
        times: OrderTimes::Absolute { src_cancellation: 1_600, dst_withdrawal: 1_030 },
        seen_at: BlockRef::default(),
        decision: Decision::Accepted,
    }
}

pub(super) fn state(status: Status) -> OrderState {
    OrderState { status, evidence: Evidence::default(), source: None, plan: None, permission: None }
}

pub(super) fn plan(n: u64) -> DestinationPlan {
    DestinationPlan {
        chain: B,
        factory: address(902),
        source: SwapId { chain: A, escrow: address(n) },
        immutables: immutables(n),
        escrow: Some(address(n + 10_000)),
    }
}

pub(super) fn action(n: u64, action: Action) -> ActionKey {
    ActionKey { order: order_id(n), action, chain: B, escrow: Address::ZERO }
}

pub(super) fn intent(key: ActionKey, nonce: u64, data: &[u8]) -> IntentRow {
    IntentRow {
        key,
        account: address(900),
        nonce,
        to: address(902),
        value: U256::from(1),
        gas_limit: 21_000,
        sent: vec![SentTx {
            hash: word(nonce),
            max_fee: 2,
            priority_fee: 1,
            at: BlockRef::default(),
        }],
        filler: false,
        payload: TxPayload { data: data.to_vec(), raw: [data, &[1]].concat() },
        notes: IntentNotes::default(),
    }
}

pub(super) fn lock(n: u64) -> Hashlock {
    secret(n).hashlock()
}
