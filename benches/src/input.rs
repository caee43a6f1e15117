//! Inputs: deterministic, shaped like what a chain holds.

use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol_types::SolEvent,
};
use bmn_chain::{Block, ChainEvent, ChainLog, Header, Segment};
use bmn_config::{ChainSpec, dev_chains};
use bmn_contracts::{
    EscrowImplementations, bindings::IBmnFactory, bindings::IEscrow, bmn_factory_timelocks,
    source_escrow,
};
use bmn_primitives::{
    AddressWord, BlockRef, Complement, Dialect, Immutables, OrderHash, Secret, SwapId,
};

/// First block's timestamp, unix seconds.
const START: u64 = 1_760_000_000;

/// Seconds between blocks.
const BLOCK_TIME: u64 = 12;

/// Blocks between the creation of an escrow and its withdrawal.
const STANDS: u64 = 20;

/// Events of one transaction.
const PER_TRANSACTION: u32 = 10;

/// The development chain the events are on.
pub fn spec() -> ChainSpec {
    let [a, _] = dev_chains().expect("the built-in specifications are tested");
    a
}

/// The other development chain.
pub fn spec_b() -> ChainSpec {
    let [_, b] = dev_chains().expect("the built-in specifications are tested");
    b
}

fn unique(tag: u8, n: u64) -> B256 {
    // Spread over the key space, as hashes are.
    let mut bytes = [tag; 32];
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[12..20].copy_from_slice(&n.wrapping_mul(0xd1b5_4a32_d192_ed03).to_be_bytes());
    bytes[24..].copy_from_slice(&n.to_be_bytes());
    B256::from(bytes)
}

/// The secret of swap `n`.
fn secret(n: u64) -> B256 {
    unique(9, n)
}

/// A source escrow's creation as the factory logs it; `n` makes it unique.
pub fn source_created(n: u64, time: u64) -> (Immutables, Complement) {
    let timelocks = bmn_factory_timelocks(time, time + 600, time + 60)
        .expect("both times are after the block's");
    let token = |of: u64| AddressWord::from(Address::repeat_byte(0x50 + (of % 8) as u8));
    let immutables = Immutables {
        order_hash: OrderHash(keccak256(unique(1, n))),
        hashlock: Secret::new(secret(n).0).hashlock(),
        maker: AddressWord::from(Address::from_word(unique(3, n / 4))),
        taker: AddressWord::from(Address::repeat_byte(0x40 + (n % 16) as u8)),
        token: token(n),
        amount: U256::from(1_000_000_000_000_u64 + n),
        safety_deposit: U256::ZERO,
        timelocks,
        parameters: Bytes::new(),
    };
    let complement = Complement {
        maker: immutables.maker,
        amount: U256::from(2_000_000_000_000_u64 + n),
        token: token(n + 3),
        safety_deposit: U256::from(1_000_000_000_000_000_u64),
        chain_id: U256::from(1338),
        parameters: Bytes::new(),
    };
    (immutables, complement)
}

/// The log of [`source_created`], emitted by a factory.
pub fn log(n: u64, index: u32, time: u64, factory: Address) -> ChainLog {
    let (immutables, complement) = source_created(n, time);
    let event = IBmnFactory::SrcEscrowCreated {
        srcImmutables: (&immutables).into(),
        dstImmutablesComplement: (&complement).into(),
    };
    let topics = vec![IBmnFactory::SrcEscrowCreated::SIGNATURE_HASH];
    placed(factory, topics, event.encode_data().into(), (START, index), 0)
}

fn placed(
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    (block, index): (u64, u32),
    chain: u64,
) -> ChainLog {
    let tx_index = index / PER_TRANSACTION;
    let tx_hash =
        keccak256([unique(8, block).0, unique(7, u64::from(tx_index) ^ chain).0].concat());
    ChainLog { address, topics, data, tx_hash, tx_index, log_index: index }
}

/// The hash of block `number`.
pub fn hash_of(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

/// What every block of a history holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// Source escrows created.
    pub sources: u32,
    /// Destination escrows created.
    pub destinations: u32,
    /// Source escrows withdrawn from, of those created some blocks before.
    pub withdrawals: u32,
}

impl Mix {
    /// Six source and four destination escrows in ten events, as in the shape DENSE.
    pub const fn created(events: u32) -> Self {
        let destinations = events * 2 / 5;
        Self { sources: events - destinations, destinations, withdrawals: 0 }
    }
}

/// A chain of blocks with the same mix.
#[derive(Debug, Clone)]
pub struct History {
    spec: ChainSpec,
    factory: Address,
    implementations: EscrowImplementations,
    mix: Mix,
}

impl History {
    /// A history of the chain's first factory.
    pub fn new(spec: ChainSpec, mix: Mix) -> Self {
        let factory = spec.factories[0].address;
        let implementations = EscrowImplementations::for_factory(Dialect::Bmn4, factory);
        Self { spec, factory, implementations, mix }
    }

    /// The time of a block.
    fn time(number: u64) -> u64 {
        START + number * BLOCK_TIME
    }

    /// The reference of a block.
    pub fn at(&self, number: u64) -> BlockRef {
        BlockRef { number, hash: hash_of(number), time: Self::time(number) }
    }

    /// The source escrow that is number `n` of the history.
    pub fn swap(&self, n: u64) -> SwapId {
        let number = n / u64::from(self.mix.sources);
        let (immutables, _) = source_created(n, Self::time(number));
        let escrow = source_escrow(Dialect::Bmn4, self.factory, &self.implementations, &immutables);
        SwapId { chain: self.spec.chain_id, escrow }
    }

    /// What the source escrow is bound to.
    pub fn immutables(&self, n: u64) -> Immutables {
        source_created(n, Self::time(n / u64::from(self.mix.sources))).0
    }

    /// The place of its creation: block and log.
    pub fn place(&self, n: u64) -> (u64, u32) {
        let sources = u64::from(self.mix.sources);
        (n / sources, (n % sources) as u32)
    }

    fn logs(&self, number: u64) -> Vec<ChainLog> {
        let Mix { sources, destinations, withdrawals } = self.mix;
        let (time, chain) = (Self::time(number), self.spec.chain_id.0);
        let mut logs = Vec::with_capacity((sources + destinations + withdrawals) as usize);
        let first = number * u64::from(sources);
        for n in 0..u64::from(sources) {
            let index = logs.len() as u32;
            let created = log(first + n, index, time, self.factory);
            logs.push(placed(
                created.address,
                created.topics,
                created.data,
                (number, index),
                chain,
            ));
        }
        for n in 0..u64::from(destinations) {
            let of = number * u64::from(destinations) + n;
            let topics = vec![
                IBmnFactory::DstEscrowCreated::SIGNATURE_HASH,
                Address::from_word(keccak256(unique(6, of))).into_word(),
                keccak256(unique(5, of)),
                Address::repeat_byte(0x40 + (of % 16) as u8).into_word(),
            ];
            let index = logs.len() as u32;
            logs.push(placed(self.factory, topics, Bytes::new(), (number, index), chain));
        }
        let ended = number.checked_sub(STANDS).map(|before| before * u64::from(sources));
        for n in (0..u64::from(withdrawals)).filter_map(|n| Some(ended? + n)) {
            let topics = vec![IEscrow::EscrowWithdrawal::SIGNATURE_HASH];
            let (index, escrow) = (logs.len() as u32, self.swap(n).escrow);
            logs.push(placed(escrow, topics, secret(n).0.into(), (number, index), chain));
        }
        logs
    }

    /// A block.
    pub fn block(&self, number: u64) -> Block {
        let header = Header {
            number,
            hash: hash_of(number),
            parent_hash: number.checked_sub(1).map_or(B256::ZERO, hash_of),
            timestamp: Self::time(number),
            logs_bloom: Default::default(),
            receipts_root: B256::ZERO,
            base_fee: Some(1_000_000_000),
        };
        Block { header, logs: self.logs(number) }
    }

    /// Blocks as one event.
    pub fn committed(&self, numbers: std::ops::Range<u64>) -> ChainEvent {
        let blocks = numbers.map(|number| self.block(number)).collect();
        ChainEvent::Committed(Segment::new(blocks).expect("each is the child of the one before"))
    }
}

/// Block `number` of the development chain with `events` events.
pub fn block(number: u64, events: u32) -> ChainEvent {
    History::new(spec(), Mix::created(events)).committed(number..number + 1)
}
