//! A swap on two chains: its order, both escrows, and every call that ends them.

use crate::{
    dialects::Contracts,
    net::{Actor, DST, Net, ONE, RESCUE_DELAY, SRC, Sent},
};
use alloy::{
    primitives::{Address, Bytes, U256},
    signers::SignerSync,
};
use bmn_contracts::{
    Extension, ExtraData, LimitOrder, MakerTraits, PublicAction, calldata, destination_escrow,
    order_domain, public_action_digest, sign_order, source_escrow,
};
use bmn_primitives::{Dialect, Immutables, Leg, Secret, Stage, Timelocks};
use bmn_swap::{Basis, DestinationTimes, Progress, Role, Times, Timetable, Timing};

const SOURCE: Timing =
    Timing { block_time: 2, typical: 3, pessimistic: 12, confirmations: 5, skew: 2 };
const DESTINATION: Timing =
    Timing { block_time: 2, typical: 3, pessimistic: 12, confirmations: 10, skew: 2 };

/// Seconds from sending to a block when things go badly, on either chain.
pub(crate) const SLOW: u64 = 12;
/// Deposit of the destination, wei.
const DEPOSIT: u128 = ONE / 1_000;

/// An order that is not filled, and what its windows are.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) src: Net,
    pub(crate) dst: Net,
    pub(crate) secret: Secret,
    pub(crate) times: Times,
    extra: ExtraData,
    order: LimitOrder,
    extension: Bytes,
    expiration: Option<u64>,
}

/// An escrow, and what it is bound to.
#[derive(Debug)]
pub(crate) struct Escrow {
    pub(crate) address: Address,
    pub(crate) immutables: Immutables,
}

impl Order {
    /// Alice's order with the usual times, or with those that `change` makes of them.
    pub(crate) fn new(contracts: &Contracts, change: impl FnOnce(Times, u64) -> Times) -> Self {
        Self::expiring(contracts, change, None)
    }

    /// An order that cannot be filled after `seconds` from now.
    pub(crate) fn expiring(
        contracts: &Contracts,
        change: impl FnOnce(Times, u64) -> Times,
        seconds: Option<u64>,
    ) -> Self {
        let (src, dst) = (Net::new(SRC, contracts), Net::new(DST, contracts));
        let dialect = contracts.dialect;
        let secret = Secret::new([7; 32]);
        let times = change(contracts.times(src.now()), src.now());
        let extra = ExtraData {
            hashlock: secret.hashlock(),
            dst_chain_id: U256::from(DST.0),
            dst_token: dst.token.into(),
            deposits: ExtraData::pack_deposits(dialect, 0, DEPOSIT),
            timelocks: Contracts::order_word(times),
        };
        let data = [(contracts.header)(Actor::Bob.address()), extra.encode().to_vec()].concat();
        let extension = Extension::post_interaction_only(src.factory, &data);
        let expiration = seconds.map(|seconds| src.now() + seconds);
        let traits = MakerTraits::cross_chain().with_allowed_sender(Actor::Bob.address());
        let order = LimitOrder {
            salt: LimitOrder::salt_for(&extension, U256::ZERO),
            maker: Actor::Alice.address().into(),
            receiver: Actor::Alice.address().into(),
            maker_asset: src.token.into(),
            taker_asset: src.true_token.into(),
            making_amount: U256::from(ONE),
            taking_amount: U256::from(2 * ONE),
            maker_traits: expiration.map_or(traits, |time| traits.with_expiration(time)),
        };
        Self { src, dst, secret, times, extra, order, extension, expiration }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.src.contracts.dialect
    }

    pub(crate) fn basis(&self) -> Basis {
        Basis {
            dialect: self.dialect(),
            times: self.times,
            destination: None,
            progress: Progress::Secret,
            source_timing: SOURCE,
            destination_timing: DESTINATION,
            source_now: self.src.now(),
            destination_now: self.src.now(),
            expiration: self.expiration,
            maker_reaction: 60,
            rescue_delay: (u64::from(RESCUE_DELAY), u64::from(RESCUE_DELAY)),
            alarm_inclusions: 3,
        }
    }

    /// The source escrow that a fill in a block of this time creates. A word that the factory would revert
    /// for is taken as if the times were anything.
    pub(crate) fn source_at(&self, time: u64) -> Escrow {
        let domain = order_domain(self.dialect(), self.src.id, self.src.lop);
        let timelocks = self.extra.source_timelocks(self.dialect(), time).unwrap_or_default();
        let immutables = Immutables {
            order_hash: self.order.hash(&domain),
            hashlock: self.secret.hashlock(),
            maker: self.order.maker,
            taker: Actor::Bob.address().into(),
            token: self.order.maker_asset,
            amount: self.order.making_amount,
            safety_deposit: U256::ZERO,
            timelocks,
            parameters: Bytes::new(),
        };
        let Net { factory, implementations, .. } = &self.src;
        let address = source_escrow(self.dialect(), *factory, implementations, &immutables);
        Escrow { address, immutables }
    }

    /// Bob's fill for a block of this time.
    pub(crate) fn fill_at(&self, time: u64) -> Sent {
        let domain = order_domain(self.dialect(), self.src.id, self.src.lop);
        let hash = self.order.hash(&domain);
        let signature = sign_order(&Actor::Alice.key(), hash).unwrap();
        let escrow = self.source_at(time).address;
        let taking = self.order.taking_amount;
        let (traits, arguments) =
            self.src.contracts.fill_arguments(escrow, &self.extension, taking);
        let making = self.order.making_amount;
        let data = calldata::fill_order_args(&self.order, &signature, making, traits, arguments);
        Sent::new(Actor::Bob, self.src.lop, data)
    }

    /// Mines the fill at this time.
    pub(crate) fn filled(&self, time: u64) -> Escrow {
        self.src.mined(&self.fill_at(time), time);
        let source = self.source_at(time);
        assert!(self.src.has_code(source.address), "the fill created the source");
        source
    }

    /// The destination that answers `source`, created at `time`, with the windows of the timetable.
    pub(crate) fn destination_at(&self, source: &Escrow, table: &Timetable, time: u64) -> Escrow {
        let word = source.immutables.timelocks;
        let created = u32::try_from(time).unwrap();
        let timelocks = if self.dialect().has_absolute_times() {
            let offset = |stage| {
                let start = table.stage(stage).start;
                u32::try_from(start.saturating_sub(time)).unwrap()
            };
            Timelocks::pack(created, Stage::ALL.map(offset))
        } else {
            word.with_deployed_at(time)
        };
        self.destination(source, timelocks)
    }

    /// The destination that answers `source` with these timelocks.
    pub(crate) fn destination(&self, source: &Escrow, timelocks: Timelocks) -> Escrow {
        let immutables = Immutables {
            token: self.dst.token.into(),
            amount: self.order.taking_amount,
            safety_deposit: U256::from(DEPOSIT),
            timelocks,
            parameters: (self.dst.contracts.parameters)(),
            ..source.immutables.clone()
        };
        let Net { factory, implementations, .. } = &self.dst;
        let address = destination_escrow(self.dialect(), *factory, implementations, &immutables);
        Escrow { address, immutables }
    }

    /// Bob's creation of a destination.
    pub(crate) fn create(&self, source: &Escrow, destination: &Escrow) -> Sent {
        let latest = source.immutables.timelocks.at(Stage::SrcCancellation);
        let immutables = &destination.immutables;
        let data = calldata::create_dst_escrow(self.dialect(), immutables, Some(latest));
        let value = immutables.safety_deposit;
        Sent { value, ..Sent::new(Actor::Bob, self.dst.factory, data) }
    }
}

/// The basis once both escrows are there.
pub(crate) fn both(basis: &Basis, destination: &Escrow, created_at: u64) -> Basis {
    let timelocks = destination.immutables.timelocks;
    Basis { destination: Some(DestinationTimes { timelocks, created_at }), ..*basis }
}

/// A call of an escrow that ends it.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) name: &'static str,
    pub(crate) leg: Leg,
    pub(crate) stage: Stage,
    pub(crate) role: Role,
    pub(crate) call: Sent,
}

/// Every call by which an escrow of the swap ends before its rescue.
pub(crate) fn endings(order: &Order, source: &Escrow, destination: &Escrow) -> Vec<Ending> {
    use PublicAction::{DstPublicWithdraw, SrcPublicCancel, SrcPublicWithdraw};
    use Role::{PermitHolder, Taker, TokenHolder};
    let (dialect, secret) = (order.dialect(), &order.secret);
    let (src, dst) = (&source.immutables, &destination.immutables);
    let permit = |leg, from: Actor, action: PublicAction| {
        let (net, escrow) = match leg {
            Leg::Source => (&order.src, source),
            Leg::Destination => (&order.dst, destination),
        };
        let hash = escrow.immutables.order_hash;
        let digest = public_action_digest(net.id, escrow.address, hash, from.address(), action);
        let signature = Actor::Owner.key().sign_hash_sync(&digest).unwrap();
        Bytes::copy_from_slice(&signature.as_bytes())
    };
    let to = Actor::Carol.address();
    let at_source = |name, stage, role, from, data| {
        let call = Sent::new(from, source.address, data);
        Ending { name, leg: Leg::Source, stage, role, call }
    };
    let at_destination = |name, stage, role, from, data| {
        let call = Sent::new(from, destination.address, data);
        Ending { name, leg: Leg::Destination, stage, role, call }
    };
    let (bob, carol, alice) = (Actor::Bob, Actor::Carol, Actor::Alice);
    let by_carol = |action| permit(Leg::Source, carol, action);
    let by_alice = permit(Leg::Destination, alice, DstPublicWithdraw);
    let src_withdraw = calldata::withdraw(dialect, secret, src);
    let src_withdraw_to = calldata::withdraw_to(dialect, secret, to, src);
    let src_public = calldata::public_withdraw(dialect, secret, src);
    let src_signed =
        calldata::public_withdraw_signed(dialect, secret, src, by_carol(SrcPublicWithdraw));
    let src_cancel = calldata::cancel(dialect, src);
    let src_public_cancel = calldata::public_cancel(dialect, src);
    let src_signed_cancel = calldata::public_cancel_signed(dialect, src, by_carol(SrcPublicCancel));
    let dst_withdraw = calldata::withdraw(dialect, secret, dst);
    let dst_public = calldata::public_withdraw(dialect, secret, dst);
    let dst_signed = calldata::public_withdraw_signed(dialect, secret, dst, by_alice);
    let dst_cancel = calldata::cancel(dialect, dst);
    vec![
        at_source("withdraw", Stage::SrcWithdrawal, Taker, bob, src_withdraw),
        at_source("withdrawTo", Stage::SrcWithdrawal, Taker, bob, src_withdraw_to),
        at_source("publicWithdraw", Stage::SrcPublicWithdrawal, TokenHolder, carol, src_public),
        at_source(
            "publicWithdrawSigned",
            Stage::SrcPublicWithdrawal,
            PermitHolder,
            carol,
            src_signed,
        ),
        at_source("cancel", Stage::SrcCancellation, Taker, bob, src_cancel),
        at_source(
            "publicCancel",
            Stage::SrcPublicCancellation,
            TokenHolder,
            carol,
            src_public_cancel,
        ),
        at_source(
            "publicCancelSigned",
            Stage::SrcPublicCancellation,
            PermitHolder,
            carol,
            src_signed_cancel,
        ),
        at_destination("withdraw", Stage::DstWithdrawal, Taker, bob, dst_withdraw),
        at_destination(
            "publicWithdraw",
            Stage::DstPublicWithdrawal,
            TokenHolder,
            carol,
            dst_public,
        ),
        at_destination(
            "publicWithdrawSigned",
            Stage::DstPublicWithdrawal,
            PermitHolder,
            alice,
            dst_signed,
        ),
        at_destination("cancel", Stage::DstCancellation, Taker, bob, dst_cancel),
    ]
}

/// Bob's rescue of all that is in an escrow.
pub(crate) fn rescue(dialect: Dialect, escrow: &Escrow) -> Sent {
    let token = escrow.immutables.token.masked();
    let amount = escrow.immutables.amount;
    let data = calldata::rescue_funds(dialect, token, amount, &escrow.immutables);
    Sent::new(Actor::Bob, escrow.address, data)
}
