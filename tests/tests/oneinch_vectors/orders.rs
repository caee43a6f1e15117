//! Signed orders, their fills and destinations.

use crate::{
    net::{Actor, DST, Mined, Net, ONE, Tx},
    play::fund,
    replay_bed::recording,
};
use alloy::primitives::{Address, Bytes, Log, U256, keccak256};
use bmn_contracts::{
    ContractEvent, Emitter, EscrowImplementations, Extension, ExtraData, FeeTerms, FillFee,
    FillTerms, LimitOrder, MakerTraits, OrderSignature, TakerTraits, WhitelistEntry, calldata,
    decode, destination_escrow, order_domain, sign_order, source_escrow,
};
use bmn_primitives::{Complement, Dialect, Hashlock, Immutables, OrderHash, Secret, Timelocks};
use serde_json::Value;

/// Stage offsets of the recorded orders, seconds: source 10, 120, 300, 360; destination 10, 100, 200.
pub(crate) const OFFSETS: [u32; 7] = [10, 120, 300, 360, 10, 100, 200];

pub(crate) const SRC_DEPOSIT: u128 = 3 * ONE / 1000;
pub(crate) const DST_DEPOSIT: u128 = ONE / 1000;

/// An order before it is signed.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The salt is set when it is signed.
    pub(crate) order: LimitOrder,
    pub(crate) terms: FillTerms,
    pub(crate) extra: ExtraData,
}

impl Draft {
    pub(crate) fn deposits(&mut self, source: u128, destination: u128) {
        self.extra.deposits = ExtraData::pack_deposits(Dialect::OneInch1, source, destination);
    }

    /// May be filled in parts, by anyone.
    pub(crate) fn in_parts(&mut self, hashlock_word: Hashlock) {
        self.extra.hashlock = hashlock_word;
        self.order.maker_traits = MakerTraits::cross_chain().with_multiple_fills();
    }

    pub(crate) fn fees(&mut self) -> &mut FeeTerms {
        match &mut self.terms.fee {
            FillFee::Destination(terms) => terms,
            FillFee::Credit(_) => panic!("fees of oneinch1 are not in the destination"),
        }
    }
}

/// An order that can be filled.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) dialect: Dialect,
    pub(crate) order: LimitOrder,
    pub(crate) extension: Bytes,
    pub(crate) hash: OrderHash,
    pub(crate) signature: OrderSignature,
    pub(crate) terms: FillTerms,
    pub(crate) extra: ExtraData,
}

/// What a filler chooses.
#[derive(Debug, Clone)]
pub(crate) struct Fill {
    pub(crate) taker: Actor,
    /// Unix seconds of the block.
    pub(crate) time: u64,
    pub(crate) making: U256,
    pub(crate) hashlock: Hashlock,
    pub(crate) interaction: Bytes,
}

/// No fee, no waiting, Bob alone on the whitelist.
pub(crate) fn standard_terms(dialect: Dialect) -> FillTerms {
    let fee = match dialect {
        Dialect::OneInch1 => FillFee::Credit(None),
        _ => FillFee::Destination(FeeTerms {
            integrator: Address::ZERO,
            protocol: Address::ZERO,
            integrator_fee: 0,
            integrator_share: 0,
            resolver_fee: 0,
            whitelist_discount: 0,
            post_interaction: None,
        }),
    };
    let whitelist = vec![WhitelistEntry::new(Actor::Bob.address(), 0)];
    FillTerms { allowed_time: 0, whitelist, fee }
}

impl Signed {
    /// An order of the recording, with the recorded signature.
    pub(crate) fn recorded(dialect: Dialect, sample: &Value) -> Self {
        let extension: Bytes = recording::get(sample, "extension");
        let order = recording::order(sample);
        let (_, extra) = order.check_extension(&extension).unwrap().post_interaction().unwrap();
        let (terms, extra) = FillTerms::from_extra_data(dialect, extra).unwrap();
        Self {
            dialect,
            order,
            hash: OrderHash(recording::get(sample, "orderHash")),
            signature: recording::signature(sample),
            terms,
            extra,
            extension,
        }
    }

    /// A fill of all of it by Bob.
    pub(crate) fn whole(&self, time: u64) -> Fill {
        let (making, hashlock) = (self.order.making_amount, self.extra.hashlock);
        Fill { taker: Actor::Bob, time, making, hashlock, interaction: Bytes::new() }
    }

    /// What the source of a fill is bound to, known before it is mined.
    pub(crate) fn source(&self, fill: &Fill) -> Immutables {
        Immutables {
            order_hash: self.hash,
            hashlock: fill.hashlock,
            maker: self.order.maker,
            taker: fill.taker.address().into(),
            token: self.order.maker_asset,
            amount: fill.making,
            safety_deposit: self.extra.src_deposit(self.dialect),
            timelocks: self.extra.source_timelocks(self.dialect, fill.time).unwrap(),
            parameters: Bytes::new(),
        }
    }

    /// Calldata of a fill that sends the tokens to `target`.
    pub(crate) fn fill_to(&self, target: Address, fill: &Fill) -> Bytes {
        let (extension, interaction) = (&self.extension, &fill.interaction);
        let most = self.order.taking_amount;
        let traits = TakerTraits::one_inch_fill(extension.len(), interaction.len(), most);
        let arguments = calldata::fill_arguments(Some(target), extension, interaction);
        calldata::fill_order_args(&self.order, &self.signature, fill.making, traits, arguments)
    }

    /// What the destination of a source is bound to, before its creation time is written into it.
    pub(crate) fn destination(&self, source: &Immutables, complement: &Complement) -> Immutables {
        Immutables {
            maker: complement.maker,
            token: complement.token,
            amount: complement.amount,
            safety_deposit: complement.safety_deposit,
            parameters: complement.parameters.clone(),
            ..source.clone()
        }
    }
}

impl Net {
    pub(crate) fn secret(&self) -> Secret {
        Secret::new(keccak256(self.draw().to_be_bytes()).0)
    }

    /// Alice's order of one token for two on the other chain, as the recorded ones.
    pub(crate) fn draft(&self, dialect: Dialect, hashlock: Hashlock) -> Draft {
        let traits = MakerTraits::cross_chain().with_no_partial_fills().with_nonce(self.draw());
        Draft {
            order: LimitOrder {
                salt: U256::ZERO,
                maker: Actor::Alice.address().into(),
                receiver: Actor::Alice.address().into(),
                maker_asset: self.token.into(),
                taker_asset: self.true_token.into(),
                making_amount: U256::from(ONE),
                taking_amount: U256::from(2 * ONE),
                maker_traits: traits,
            },
            terms: standard_terms(dialect),
            extra: ExtraData {
                hashlock,
                dst_chain_id: U256::from(DST),
                dst_token: self.token.into(),
                deposits: ExtraData::pack_deposits(dialect, SRC_DEPOSIT, DST_DEPOSIT),
                timelocks: Timelocks::pack(0, OFFSETS).0,
            },
        }
    }

    /// Alice's signature over it.
    pub(crate) fn sign(&self, dialect: Dialect, draft: Draft) -> Signed {
        let Draft { order, terms, extra } = draft;
        let data = [terms.encode().unwrap(), extra.encode()].concat();
        let extension = Extension::post_interaction_only(self.factory, &data);
        let entropy = U256::from(self.draw()) << 160;
        let order = LimitOrder { salt: LimitOrder::salt_for(&extension, entropy), ..order };
        let hash = order.hash(&order_domain(dialect, self.id, self.lop));
        let signature = sign_order(&Actor::Alice.key(), hash).unwrap();
        Signed { dialect, order, extension, hash, signature, terms, extra }
    }

    /// A new order, and its secret.
    pub(crate) fn order(
        &self,
        dialect: Dialect,
        change: impl FnOnce(&mut Draft),
    ) -> (Signed, Secret) {
        let secret = self.secret();
        let mut draft = self.draft(dialect, secret.hashlock());
        change(&mut draft);
        (self.sign(dialect, draft), secret)
    }

    fn implementations(&self, dialect: Dialect) -> EscrowImplementations {
        EscrowImplementations::for_factory(dialect, self.factory)
    }

    pub(crate) fn source_at(&self, dialect: Dialect, immutables: &Immutables) -> Address {
        source_escrow(dialect, self.factory, &self.implementations(dialect), immutables)
    }

    pub(crate) fn destination_at(&self, dialect: Dialect, immutables: &Immutables) -> Address {
        destination_escrow(dialect, self.factory, &self.implementations(dialect), immutables)
    }

    /// A fill whose tokens go to the escrow that it makes; the deposit is not paid here.
    pub(crate) fn fill_tx(&self, signed: &Signed, fill: &Fill) -> Tx<'_> {
        let target = self.source_at(signed.dialect, &signed.source(fill));
        self.tx(fill.taker, self.lop, signed.fill_to(target, fill)).at(fill.time)
    }

    /// Pays the safety deposit, then mines the fill.
    pub(crate) fn filled(&self, signed: &Signed, fill: &Fill) -> Filled {
        let expected = signed.source(fill);
        let escrow = self.source_at(signed.dialect, &expected);
        if !expected.safety_deposit.is_zero() {
            fund(self, escrow, expected.safety_deposit);
        }
        let mined = self.fill_tx(signed, fill).mined();
        let (immutables, complement) = source_created(self, signed.dialect, &mined.logs);
        assert_eq!(immutables, expected);
        assert!(!self.chain.code(escrow).is_empty());
        Filled { immutables, complement, escrow, mined }
    }

    /// Bob creates a destination escrow at `time`, with its deposit, for a source that nobody
    /// cancels. Its immutables are answered as the factory completes them.
    pub(crate) fn destination(
        &self,
        dialect: Dialect,
        immutables: &Immutables,
        time: u64,
    ) -> Destination {
        let mined = self.create_destination(dialect, immutables, time, None).mined();
        let timelocks = immutables.timelocks.with_deployed_at(time);
        let immutables = Immutables { timelocks, ..immutables.clone() };
        let escrow = self.destination_at(dialect, &immutables);
        assert!(!self.chain.code(escrow).is_empty());
        Destination { immutables, escrow, mined }
    }

    pub(crate) fn create_destination(
        &self,
        dialect: Dialect,
        immutables: &Immutables,
        time: u64,
        src_cancellation: Option<u64>,
    ) -> Tx<'_> {
        let data = calldata::create_dst_escrow(dialect, immutables, src_cancellation);
        let native = if immutables.token.is_zero() { immutables.amount } else { U256::ZERO };
        let value = immutables.safety_deposit + native;
        self.tx(Actor::Bob, self.factory, data).paying(value).at(time)
    }
}

/// What the factory logged about the source escrow of a fill.
pub(crate) fn source_created(
    net: &Net,
    dialect: Dialect,
    logs: &[Log],
) -> (Immutables, Complement) {
    let ours = logs.iter().filter(|log| log.address == net.factory);
    let emitter = Emitter::Factory(dialect);
    let mut events = ours.filter_map(|log| decode(emitter, log.topics(), &log.data.data).unwrap());
    let found = events.find_map(|event| match event {
        ContractEvent::SourceCreated { immutables, complement } => Some((immutables, complement)),
        _ => None,
    });
    found.expect("the fill created a source escrow")
}

/// A source escrow that came out of a fill.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) immutables: Immutables,
    pub(crate) complement: Complement,
    pub(crate) escrow: Address,
    pub(crate) mined: Mined,
}

/// A destination escrow that was created in a transaction.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) immutables: Immutables,
    pub(crate) escrow: Address,
    pub(crate) mined: Mined,
}
