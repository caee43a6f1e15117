//! A development chain with the contracts of a 1inch dialect on it, deployed as in the recording.

pub(crate) use crate::replay_bed::net::*;
use bmn_contracts::artifacts;
use bmn_primitives::Dialect;

impl Net {
    /// `token` is the access token, and in `oneinch1` what fees are paid in.
    pub(crate) fn one_inch(dialect: Dialect, id: u64) -> Self {
        let owner = Actor::Deployer.address();
        // In the recording a library took the address before the factory of 2025.
        let skipped = u64::from(dialect == Dialect::OneInch2);
        let factory = |net: &Self| match dialect {
            Dialect::OneInch1 => {
                artifacts::oneinch1_factory(net.lop, net.token, net.token, owner, RESCUE_DELAY)
            }
            _ => artifacts::oneinch2_factory(net.lop, net.token, owner, RESCUE_DELAY),
        };
        let protocol = |net: &Self| artifacts::oneinch_limit_order_protocol(net.weth);
        let net = Self::deployed(id, protocol, skipped, factory);
        net.mine_all();
        net
    }
}
