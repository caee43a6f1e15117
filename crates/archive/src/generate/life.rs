//! Swaps: their escrows come into being and end.

use super::{
    Factory, Options,
    block::{Made, log},
};
use alloy::{
    primitives::{Address, B256, Bytes, Log, U256, keccak256},
    sol_types::SolEvent,
};
use bmn_contracts::{
    bindings::{IBmnFactory, IErc20, IEscrow, ILimitOrderProtocol, IOneInchFactory},
    bmn_factory_timelocks, destination_escrow, source_escrow,
};
use bmn_primitives::{
    AddressWord, Complement, Dialect, Hashlock, Immutables, Leg, OrderHash, Secret, Timelocks,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Blocks that an escrow stands at least and at most.
const STANDS: std::ops::RangeInclusive<u64> = 2..=40;

/// Offsets of a `oneinch2` order's timelocks, seconds.
const ONEINCH_OFFSETS: [u32; 7] = [12, 300, 900, 1_200, 12, 240, 800];

/// Escrows that stand, by the block they end in.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    swaps: u64,
    standing: BTreeMap<u64, Vec<Standing>>,
    /// Hundredths of logs of ours that are due.
    due: i64,
}

#[derive(Debug, Clone)]
struct Standing {
    escrow: Address,
    secret: B256,
    token: Address,
    amount: U256,
}

/// A swap. Everything in it comes from the seed and its number, so that the files of both chains
/// agree on it.
struct Swap<'a> {
    factory: &'a Factory,
    immutables: Immutables,
    complement: Complement,
    secret: B256,
}

impl Life {
    /// A transaction that creates escrows and nothing else, of the first factory.
    pub(super) fn created(
        &mut self,
        options: &Options,
        time: u64,
        sources: u32,
        destinations: u32,
        made: &mut Made,
    ) {
        let mut logs = Vec::new();
        for _ in 0..sources {
            let swap = self.next(options, &options.factories[..1], time);
            logs.push(swap.source_created());
        }
        for _ in 0..destinations {
            let swap = self.next(options, &options.factories[..1], time);
            logs.push(swap.destination_created(swap.escrow(Leg::Destination)));
        }
        made.add(logs);
    }

    /// Ends what is due in this block, then lets swaps begin until `due` hundredths of logs are used
    /// up.
    pub(super) fn grow(
        &mut self,
        due: i64,
        options: &Options,
        number: u64,
        time: u64,
        rng: &mut ChaCha8Rng,
        made: &mut Made,
    ) {
        self.due += due;
        for standing in self.standing.remove(&number).unwrap_or_default() {
            self.due -= 100;
            made.add(standing.end(rng));
        }
        while self.due > 0 {
            let swap = self.next(options, &options.factories, time);
            // The first legs of even swaps are on the first chain, those of odd ones on the other.
            let is_source = self.swaps % 2 == u64::from(options.mirrored);
            let leg = if is_source { Leg::Source } else { Leg::Destination };
            let logs = swap.begin(leg);
            self.due -= 100 * (logs.len() as i64 - 1);
            made.add(logs);
            let end = number + rng.random_range(STANDS);
            self.standing.entry(end).or_default().push(swap.standing(leg));
        }
    }

    fn next<'a>(&mut self, options: &Options, factories: &'a [Factory], time: u64) -> Swap<'a> {
        self.swaps += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&options.seed.to_be_bytes());
        seed[8..16].copy_from_slice(&self.swaps.to_be_bytes());
        let mut rng = ChaCha8Rng::from_seed(keccak256(seed).0);
        let factory = &factories[rng.random_range(0..factories.len())];
        let secret = B256::from(rng.random::<[u8; 32]>());
        let mut account = || AddressWord::from(Address::from(rng.random::<[u8; 20]>()));
        let (maker, taker) = (account(), account());
        let mut token = || options.tokens[rng.random_range(0..options.tokens.len())].into();
        let (given, wanted) = (token(), token());
        let mut amount = || U256::from(rng.random_range(1_000_000..u64::MAX));
        let (amount_given, amount_wanted) = (amount(), amount());
        let immutables = Immutables {
            order_hash: OrderHash(B256::from(rng.random::<[u8; 32]>())),
            hashlock: Secret::new(secret.0).hashlock(),
            maker,
            taker,
            token: given,
            amount: amount_given,
            safety_deposit: U256::ZERO,
            timelocks: timelocks(factory.dialect, time, &mut rng),
            parameters: Bytes::new(),
        };
        let complement = Complement {
            maker,
            amount: amount_wanted,
            token: wanted,
            safety_deposit: U256::from(1_000_000_000_000_000_u64),
            chain_id: U256::from(options.counterpart.0),
            parameters: Bytes::new(),
        };
        Swap { factory, immutables, complement, secret }
    }
}

fn timelocks(dialect: Dialect, time: u64, rng: &mut ChaCha8Rng) -> Timelocks {
    let bmn = |cancel: u64, withdraw: u64| {
        bmn_factory_timelocks(time, time + cancel, time + withdraw).unwrap_or_default()
    };
    if dialect == Dialect::Bmn4 {
        bmn(rng.random_range(1_200..7_200), rng.random_range(60..600))
    } else {
        Timelocks::pack(0, ONEINCH_OFFSETS).with_deployed_at(time)
    }
}

impl Swap<'_> {
    fn escrow(&self, leg: Leg) -> Address {
        let Factory { dialect, address, .. } = *self.factory;
        let clones = self.factory.implementations();
        match leg {
            Leg::Source => source_escrow(dialect, address, &clones, &self.immutables),
            Leg::Destination => destination_escrow(dialect, address, &clones, &self.immutables),
        }
    }

    fn hashlock(&self) -> Hashlock {
        self.immutables.hashlock
    }

    fn source_created(&self) -> Log {
        let event = IBmnFactory::SrcEscrowCreated {
            srcImmutables: (&self.immutables).into(),
            dstImmutablesComplement: (&self.complement).into(),
        };
        log(self.factory.address, event.encode_log_data())
    }

    fn destination_created(&self, escrow: Address) -> Log {
        let (hashlock, taker) = (self.hashlock().0, self.immutables.taker);
        let data = if self.factory.dialect == Dialect::Bmn4 {
            IBmnFactory::DstEscrowCreated { escrow, hashlock, taker: taker.masked() }
                .encode_log_data()
        } else {
            IOneInchFactory::DstEscrowCreated { escrow, hashlock, taker: taker.0 }.encode_log_data()
        };
        log(self.factory.address, data)
    }

    /// The transaction that creates the escrow: the token moves, then what our contracts log.
    fn begin(&self, leg: Leg) -> Vec<Log> {
        let Immutables { maker, taker, token, amount, .. } = &self.immutables;
        let escrow = self.escrow(leg);
        match leg {
            Leg::Source => {
                let mut logs = vec![transfer(token.masked(), maker.masked(), escrow, *amount)];
                logs.push(self.source_created());
                logs.extend(self.filled(escrow));
                logs
            }
            Leg::Destination => vec![
                transfer(token.masked(), taker.masked(), escrow, *amount),
                self.destination_created(escrow),
            ],
        }
    }

    /// What a fill logs after the source escrow is there.
    fn filled(&self, escrow: Address) -> Vec<Log> {
        let Immutables { maker, taker, amount, order_hash, .. } = &self.immutables;
        let (factory, protocol) = (self.factory.address, self.factory.limit_order_protocol);
        let mut logs = Vec::new();
        if self.factory.dialect == Dialect::Bmn4 {
            let event = IBmnFactory::PostInteractionEscrowCreated {
                escrow,
                hashlock: self.hashlock().0,
                protocol,
                taker: taker.masked(),
                amount: *amount,
            };
            logs.push(log(factory, event.encode_log_data()));
        }
        let nonce = U256::from_be_bytes(order_hash.0.0);
        let used = ILimitOrderProtocol::BitInvalidatorUpdated {
            maker: maker.masked(),
            slotIndex: nonce >> 224,
            slotValue: U256::ONE << (nonce.byte(0) as usize),
        };
        logs.push(log(protocol, used.encode_log_data()));
        let filled = ILimitOrderProtocol::OrderFilled {
            orderHash: order_hash.0,
            remainingAmount: U256::ZERO,
        };
        logs.push(log(protocol, filled.encode_log_data()));
        logs
    }

    fn standing(&self, leg: Leg) -> Standing {
        let Immutables { token, amount, .. } = &self.immutables;
        let (token, amount) = (token.masked(), *amount);
        Standing { escrow: self.escrow(leg), secret: self.secret, token, amount }
    }
}

impl Standing {
    /// Nine in ten are withdrawn, the rest cancelled, some of them rescued.
    fn end(self, rng: &mut ChaCha8Rng) -> Vec<Log> {
        let Self { escrow, secret, token, amount } = self;
        let to = Address::from(rng.random::<[u8; 20]>());
        let ended = match rng.random_range(0..100) {
            0..=89 => IEscrow::EscrowWithdrawal { secret }.encode_log_data(),
            90..=98 => IEscrow::EscrowCancelled {}.encode_log_data(),
            _ => IEscrow::FundsRescued { token, amount }.encode_log_data(),
        };
        vec![transfer(token, escrow, to, amount), log(escrow, ended)]
    }
}

fn transfer(token: Address, from: Address, to: Address, value: U256) -> Log {
    log(token, IErc20::Transfer { from, to, value }.encode_log_data())
}
