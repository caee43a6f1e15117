//! The contracts of each dialect: what deploys them, and what their orders look like.

use alloy::primitives::{Address, Bytes, U256};
use bmn_contracts::{ExtraData, TakerTraits, artifacts};
use bmn_primitives::{Dialect, Timelocks};
use bmn_swap::Times;

/// What a factory is constructed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    pub(crate) lop: Address,
    pub(crate) owner: Address,
    /// Whoever holds it may end escrows in public.
    pub(crate) access_token: Address,
    pub(crate) weth: Address,
    /// Seconds from `deployedAt` until the taker may rescue.
    pub(crate) rescue_delay: u32,
}

/// One dialect's contracts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contracts {
    pub(crate) dialect: Dialect,
    /// Creation code of the limit-order protocol, from the wrapped coin.
    pub(crate) limit_order_protocol: fn(Address) -> Bytes,
    /// Creation code of the factory.
    pub(crate) factory: fn(&Site) -> Bytes,
    /// What stands before the five words of an order that `taker` may fill.
    pub(crate) header: fn(Address) -> Vec<u8>,
    /// `parameters` of a destination.
    pub(crate) parameters: fn() -> Bytes,
}

/// Every dialect whose contracts can be deployed here. A new one is a line.
pub(crate) const ALL: &[Contracts] = &[BMN4, BMN302, ONEINCH1, ONEINCH2];

const BMN4: Contracts = Contracts {
    dialect: Dialect::Bmn4,
    limit_order_protocol: artifacts::limit_order_protocol,
    factory: |site| {
        let Site { lop, owner, access_token, weth, rescue_delay } = *site;
        artifacts::bmn_factory(lop, owner, rescue_delay, access_token, weth)
    },
    header: |_| Vec::new(),
    parameters: Bytes::new,
};

const BMN302: Contracts = Contracts {
    dialect: Dialect::Bmn302,
    factory: |site| artifacts::bmn302_factory(site.access_token, site.owner, site.rescue_delay),
    ..BMN4
};

/// Fees would be paid in the access token; whoever is on the order's whitelist pays none.
const ONEINCH1: Contracts = Contracts {
    dialect: Dialect::OneInch1,
    limit_order_protocol: artifacts::oneinch_limit_order_protocol,
    factory: |site| {
        let Site { lop, owner, access_token, rescue_delay, .. } = *site;
        artifacts::oneinch1_factory(lop, access_token, access_token, owner, rescue_delay)
    },
    // Allowed from the beginning; one entry without delay; one entry is counted, no fee.
    header: |taker| [&[0; 4][..], &taker[10..], &[0; 2], &[1 << 3]].concat(),
    parameters: Bytes::new,
};

const ONEINCH2: Contracts = Contracts {
    dialect: Dialect::OneInch2,
    factory: |site| {
        let Site { lop, owner, access_token, rescue_delay, .. } = *site;
        artifacts::oneinch2_factory(lop, access_token, owner, rescue_delay)
    },
    // No recipients, fees or shares, allowed from the beginning; one entry without delay.
    header: |taker| [&[0; 50][..], &[1], &taker[10..], &[0; 2]].concat(),
    parameters: || vec![0; 128].into(),
    ..ONEINCH1
};

impl Contracts {
    /// The times of an order to be filled at `time`, unix seconds: the source can be cancelled after 1800 s,
    /// the destination opens after 300 s, or what comes near to it.
    pub(crate) fn times(&self, time: u64) -> Times {
        if self.dialect.has_absolute_times() {
            Times::Absolute { src_cancellation: time + 1_800, dst_withdrawal: time + 300 }
        } else {
            let offsets = [10, 600, 1_800, 1_920, 20, 300, 1_500];
            Times::Offsets { timelocks: Timelocks::pack(0, offsets) }
        }
    }

    /// The word that states them in an order.
    pub(crate) fn order_word(times: Times) -> U256 {
        match times {
            Times::Absolute { src_cancellation, dst_withdrawal } => {
                ExtraData::pack_bmn_times(src_cancellation, dst_withdrawal)
            }
            Times::Offsets { timelocks } | Times::Source { timelocks, .. } => timelocks.0,
        }
    }

    /// Traits and arguments of a whole fill. 1inch has the tokens sent to the escrow, whose address the
    /// filler computed.
    pub(crate) fn fill_arguments(
        &self,
        escrow: Address,
        extension: &Bytes,
        taking: U256,
    ) -> (TakerTraits, Bytes) {
        let traits = TakerTraits::bmn_fill(extension.len(), taking);
        if self.dialect.has_absolute_times() {
            (traits, extension.clone())
        } else {
            (traits.with_target(), [escrow.as_slice(), extension].concat().into())
        }
    }
}
