//! Signed orders and their fills.

use crate::{
    net::{Actor, DIALECT, DST, Mined, Net, ONE, Tx},
    own, vectors,
};
use alloy::primitives::{Address, Bytes, Log, U256, keccak256};
use bmn_contracts::{
    ContractEvent, Emitter, Extension, ExtraData, LimitOrder, MakerTraits, OrderSignature,
    TakerTraits, calldata, decode, order_domain, sign_order,
};
use bmn_primitives::{Complement, Hashlock, Immutables, OrderHash, Secret};
use serde_json::Value;

/// An order before it is signed.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The salt is set when it is signed.
    pub(crate) order: LimitOrder,
    pub(crate) signer: Actor,
    pub(crate) extra: ExtraData,
    /// In place of the five words.
    pub(crate) raw_extra: Option<Bytes>,
    /// Behind the five words.
    pub(crate) trailing: Bytes,
}

impl Draft {
    pub(crate) fn deposits(&mut self, source: u128, destination: u128) {
        self.extra.deposits = ExtraData::pack_deposits(DIALECT, source, destination);
    }

    /// Unix seconds.
    pub(crate) fn times(&mut self, src_cancellation: u64, dst_withdrawal: u64) {
        self.extra.timelocks = ExtraData::pack_bmn_times(src_cancellation, dst_withdrawal);
    }
}

/// An order that can be filled.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) order: LimitOrder,
    pub(crate) extension: Bytes,
    pub(crate) hash: OrderHash,
    pub(crate) signature: OrderSignature,
    pub(crate) secret: Secret,
}

/// What a filler chooses.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) making: U256,
    pub(crate) traits: TakerTraits,
    pub(crate) arguments: Bytes,
}

impl Signed {
    /// An order of the recording, with the recorded signature.
    pub(crate) fn recorded(sample: &Value) -> Self {
        Self {
            order: vectors::order(sample),
            extension: vectors::get(sample, "extension"),
            hash: OrderHash(vectors::get(sample, "orderHash")),
            signature: vectors::signature(sample),
            secret: vectors::secret(sample),
        }
    }

    /// Calldata that fills the whole order.
    pub(crate) fn fill(&self) -> Bytes {
        self.fill_with(|_| ())
    }

    pub(crate) fn fill_with(&self, change: impl FnOnce(&mut Fill)) -> Bytes {
        let mut fill = Fill {
            making: self.order.making_amount,
            traits: TakerTraits::bmn_fill(self.extension.len(), self.order.taking_amount),
            arguments: self.extension.clone(),
        };
        change(&mut fill);
        let Fill { making, traits, arguments } = fill;
        calldata::fill_order_args(&self.order, &self.signature, making, traits, arguments)
    }
}

/// Multiple fills by Bob alone, post-interaction, extension: what the recorded orders have.
pub(crate) fn standard_traits() -> MakerTraits {
    public_traits().with_allowed_sender(Actor::Bob.address())
}

/// The same for any filler.
pub(crate) fn public_traits() -> MakerTraits {
    MakerTraits::cross_chain().with_multiple_fills()
}

/// Filled at most once, in whole, by Bob.
pub(crate) fn single_fill_traits() -> MakerTraits {
    MakerTraits::cross_chain().with_no_partial_fills().with_allowed_sender(Actor::Bob.address())
}

impl Net {
    /// Alice's order of one token for two on the other chain, to be filled at `time` (unix seconds):
    /// the destination opens after 30 s, the source can be cancelled after 600 s.
    pub(crate) fn order(&self, time: u64, change: impl FnOnce(&mut Draft)) -> Signed {
        let secret = self.secret();
        let mut draft = Draft {
            order: LimitOrder {
                salt: U256::ZERO,
                maker: Actor::Alice.address().into(),
                receiver: Actor::Alice.address().into(),
                maker_asset: self.token.into(),
                taker_asset: self.true_token.into(),
                making_amount: U256::from(ONE),
                taking_amount: U256::from(2 * ONE),
                maker_traits: standard_traits(),
            },
            signer: Actor::Alice,
            extra: ExtraData {
                hashlock: secret.hashlock(),
                dst_chain_id: U256::from(DST),
                dst_token: self.token.into(),
                deposits: ExtraData::pack_deposits(DIALECT, 0, ONE / 1000),
                timelocks: ExtraData::pack_bmn_times(time + 600, time + 30),
            },
            raw_extra: None,
            trailing: Bytes::new(),
        };
        change(&mut draft);
        let extra = draft.raw_extra.unwrap_or_else(|| draft.extra.encode());
        let extra = [extra, draft.trailing].concat();
        let extension = Extension::post_interaction_only(self.factory, &extra);
        let entropy = U256::from(self.draw()) << 160;
        let order = LimitOrder { salt: LimitOrder::salt_for(&extension, entropy), ..draft.order };
        let hash = order.hash(&order_domain(DIALECT, self.id, self.lop));
        let signature = sign_order(&draft.signer.key(), hash).unwrap();
        Signed { order, extension, hash, signature, secret }
    }

    /// A new secret.
    pub(crate) fn secret(&self) -> Secret {
        Secret::new(keccak256(self.draw().to_be_bytes()).0)
    }

    /// A call to the limit-order protocol.
    pub(crate) fn lop_tx(&self, from: Actor, data: Bytes) -> Tx<'_> {
        self.tx(from, self.lop, data)
    }

    /// A new order, filled by Bob in the next second.
    pub(crate) fn filled(&self, change: impl FnOnce(&mut Draft)) -> Filled {
        let time = self.now() + 1;
        let signed = self.order(time, change);
        let data = signed.fill();
        self.filled_by(Actor::Bob, time, signed, data)
    }

    /// Mines a fill of the order at `time`, unix seconds.
    pub(crate) fn filled_by(&self, taker: Actor, time: u64, signed: Signed, data: Bytes) -> Filled {
        let mined = self.lop_tx(taker, data).at(time).mined();
        let escrow = self.source_escrow_created(&mined.logs);
        let (immutables, complement) = own::source_created(self, &signed, &mined.logs);
        Filled { secret: signed.secret.clone(), signed, immutables, complement, escrow, mined }
    }

    fn source_escrow_created(&self, logs: &[Log]) -> Address {
        let found = self.factory_events(logs).into_iter().find_map(|event| match event {
            ContractEvent::PostInteraction { escrow, .. } => Some(escrow),
            _ => None,
        });
        found.expect("the fill created a source escrow")
    }

    /// The factory's events among the logs, decoded.
    pub(crate) fn factory_events(&self, logs: &[Log]) -> Vec<ContractEvent> {
        let ours = logs.iter().filter(|log| log.address == self.factory);
        let emitter = Emitter::Factory(DIALECT);
        ours.filter_map(|log| decode(emitter, log.topics(), &log.data.data).unwrap()).collect()
    }
}

/// A source escrow that came out of a fill.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) signed: Signed,
    pub(crate) secret: Secret,
    pub(crate) immutables: Immutables,
    /// Where the factory states it.
    pub(crate) complement: Option<Complement>,
    pub(crate) escrow: Address,
    pub(crate) mined: Mined,
}

impl Filled {
    /// Time of the fill, unix seconds.
    pub(crate) fn time(&self) -> u64 {
        self.immutables.timelocks.deployed_at()
    }

    pub(crate) fn hashlock(&self) -> Hashlock {
        self.immutables.hashlock
    }

    /// Calldata of the taker's `withdraw`.
    pub(crate) fn withdraw(&self) -> Bytes {
        calldata::withdraw(DIALECT, &self.secret, &self.immutables)
    }

    /// Calldata of the taker's `cancel`.
    pub(crate) fn cancel(&self) -> Bytes {
        calldata::cancel(DIALECT, &self.immutables)
    }
}
