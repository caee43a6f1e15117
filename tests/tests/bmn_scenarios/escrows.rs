//! Destination escrows, and permissions to end escrows in public.

use super::orders::Filled;
use crate::net::{Actor, DIALECT, DST, Mined, Net, ONE, SRC};
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    signers::SignerSync,
};
use bmn_contracts::{ContractEvent, PublicAction, calldata, public_action_digest};
use bmn_primitives::{Hashlock, Immutables, OrderHash, Timelocks};

/// Stage offsets, seconds: source 0, 60, 600, 660; destination 30, 90, 600.
const OFFSETS: [u32; 7] = [0, 60, 600, 660, 30, 90, 600];

/// Timelocks of the usual offsets from `time`, unix seconds.
fn timelocks(time: u64) -> Timelocks {
    Timelocks::pack(u32::try_from(time).unwrap(), OFFSETS)
}

/// A destination escrow that was created in a transaction.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) immutables: Immutables,
    pub(crate) escrow: Address,
    pub(crate) mined: Mined,
}

impl Net {
    /// Immutables of a destination escrow of two tokens for Alice, created at `time` by Bob.
    pub(crate) fn destination_immutables(&self, hashlock: Hashlock, time: u64) -> Immutables {
        Immutables {
            order_hash: OrderHash(keccak256(self.draw().to_be_bytes())),
            hashlock,
            maker: Actor::Alice.address().into(),
            taker: Actor::Bob.address().into(),
            token: self.token.into(),
            amount: U256::from(2 * ONE),
            safety_deposit: U256::from(ONE / 1000),
            timelocks: timelocks(time),
            parameters: Bytes::new(),
        }
    }

    /// Bob creates a destination escrow in the next second, which is its `deployedAt` too unless
    /// `change` says otherwise, and pays the deposit.
    pub(crate) fn destination(
        &self,
        hashlock: Hashlock,
        change: impl FnOnce(&mut Immutables),
    ) -> Destination {
        let time = self.now() + 1;
        let mut immutables = self.destination_immutables(hashlock, time);
        change(&mut immutables);
        let value = immutables.safety_deposit;
        self.destination_at(immutables, time, value)
    }

    /// Bob creates this destination escrow at `time`, sending `value` wei.
    pub(crate) fn destination_at(
        &self,
        immutables: Immutables,
        time: u64,
        value: U256,
    ) -> Destination {
        let data = create_destination(&immutables);
        let mined = self.tx(Actor::Bob, self.factory, data).paying(value).at(time).mined();
        let escrow = self.destination_created(&mined);
        Destination { immutables, escrow, mined }
    }

    /// Address of the destination escrow that a transaction created.
    pub(crate) fn destination_created(&self, mined: &Mined) -> Address {
        let found = self.factory_events(&mined.logs).into_iter().find_map(|event| match event {
            ContractEvent::DestinationCreated { escrow, .. } => Some(escrow),
            _ => None,
        });
        found.expect("the transaction created a destination escrow")
    }

    /// A permission for `caller`, signed by anybody for anything. The crate's own signing function
    /// refuses to sign cancels, which is why it is not used here.
    pub(crate) fn permission(
        &self,
        signer: Actor,
        escrow: Address,
        order_hash: OrderHash,
        caller: Actor,
        action: PublicAction,
    ) -> Bytes {
        let digest = public_action_digest(self.id, escrow, order_hash, caller.address(), action);
        let signature = signer.key().sign_hash_sync(&digest).unwrap();
        Bytes::copy_from_slice(&signature.as_bytes())
    }
}

/// Calldata of `createDstEscrow`.
pub(crate) fn create_destination(immutables: &Immutables) -> Bytes {
    calldata::create_dst_escrow(DIALECT, immutables, None)
}

impl Destination {
    /// Unix seconds from which the stages count.
    pub(crate) fn time(&self) -> u64 {
        self.immutables.timelocks.deployed_at()
    }

    /// Calldata of the taker's `cancel`.
    pub(crate) fn cancel(&self) -> Bytes {
        calldata::cancel(DIALECT, &self.immutables)
    }
}

/// A source and a destination of the same swap, on their chains.
#[derive(Debug)]
pub(crate) struct Swap {
    pub(crate) src: Net,
    pub(crate) dst: Net,
    pub(crate) source: Filled,
    pub(crate) destination: Destination,
}

impl Swap {
    /// Both escrows are there; `change` is about the destination.
    pub(crate) fn running(change: impl FnOnce(&mut Immutables)) -> Self {
        Self::on(Net::new(SRC), Net::new(DST), change)
    }

    pub(crate) fn on(src: Net, dst: Net, change: impl FnOnce(&mut Immutables)) -> Self {
        let source = src.filled(|_| ());
        let destination = dst.destination(source.hashlock(), change);
        Self { src, dst, source, destination }
    }

    /// Calldata of `withdraw` at the destination.
    pub(crate) fn dst_withdraw(&self) -> Bytes {
        calldata::withdraw(DIALECT, &self.source.secret, &self.destination.immutables)
    }

    /// The words of this swap that are another's in the recording: both escrows and the secret.
    pub(crate) fn own_words(&self) -> [B256; 3] {
        let secret = B256::from(self.source.secret.expose());
        [self.source.escrow.into_word(), self.destination.escrow.into_word(), secret]
    }
}
