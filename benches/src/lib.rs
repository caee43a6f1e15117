//! Inputs for the benchmarks: deterministic, shaped like what a chain holds.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::SolEvent,
};
use bmn_chain::{Block, ChainEvent, ChainLog, Header, Segment};
use bmn_config::{ChainSpec, dev_chains};
use bmn_contracts::{bindings::IBmnFactory, bmn_factory_timelocks};
use bmn_primitives::{AddressWord, Complement, Hashlock, Immutables, OrderHash};

/// First block's timestamp, unix seconds.
const START: u64 = 1_760_000_000;

/// The development chain the events are on.
pub fn spec() -> ChainSpec {
    let [a, _] = dev_chains().expect("the built-in specifications are tested");
    a
}

/// A source escrow's creation as the factory logs it; `n` makes it unique.
pub fn source_created(n: u64, time: u64) -> (Immutables, Complement) {
    let unique = |tag: u8| {
        let mut bytes = [tag; 32];
        bytes[24..].copy_from_slice(&n.to_be_bytes());
        B256::from(bytes)
    };
    let timelocks = bmn_factory_timelocks(time, time + 600, time + 60)
        .expect("both times are after the block's");
    let immutables = Immutables {
        order_hash: OrderHash(unique(1)),
        hashlock: Hashlock(unique(2)),
        maker: AddressWord::from(Address::from_word(unique(3))),
        taker: AddressWord::from(Address::repeat_byte(4)),
        token: AddressWord::from(Address::repeat_byte(5)),
        amount: U256::from(n + 1),
        safety_deposit: U256::ZERO,
        timelocks,
        parameters: Bytes::new(),
    };
    let complement = Complement {
        maker: immutables.maker,
        amount: U256::from(n + 1),
        token: immutables.token,
        safety_deposit: U256::from(1_000),
        chain_id: U256::from(1338),
        parameters: vec![0u8; 128].into(),
    };
    (immutables, complement)
}

/// The log of [`source_created`], emitted by the development chain's factory.
pub fn log(n: u64, index: u32, time: u64, factory: Address) -> ChainLog {
    let (immutables, complement) = source_created(n, time);
    let event = IBmnFactory::SrcEscrowCreated {
        srcImmutables: (&immutables).into(),
        dstImmutablesComplement: (&complement).into(),
    };
    ChainLog {
        address: factory,
        topics: vec![IBmnFactory::SrcEscrowCreated::SIGNATURE_HASH],
        data: event.encode_data().into(),
        tx_hash: B256::from(U256::from(n + 1)),
        tx_index: index,
        log_index: index,
    }
}

/// Block `number` with `events` events; hash and parent follow from the number.
pub fn block(number: u64, events: u32) -> ChainEvent {
    let factory = spec().factories[0].address;
    let time = START + number * 4;
    let logs = (0..events)
        .map(|index| log(number * 1_000 + u64::from(index), index, time, factory))
        .collect();
    let hash = |number: u64| B256::from(U256::from(number + 1));
    let header = Header {
        number,
        hash: hash(number),
        parent_hash: number.checked_sub(1).map_or(B256::ZERO, hash),
        timestamp: time,
        logs_bloom: Default::default(),
        receipts_root: B256::ZERO,
        base_fee: Some(1_000_000_000),
    };
    let segment = Segment::new(vec![Block { header, logs }]).expect("one block is contiguous");
    ChainEvent::Committed(segment)
}
