//! A development chain with the `bmn4` contracts on it, deployed as in the recording.

pub(crate) use crate::replay_bed::net::*;
use alloy::primitives::Address;
use bmn_contracts::{artifacts, calldata};
use bmn_primitives::Dialect;

pub(crate) const DIALECT: Dialect = Dialect::Bmn4;

impl Net {
    pub(crate) fn new(id: u64) -> Self {
        Self::bmn4(id, false)
    }

    /// With a factory whose escrows can be ended in public by holders of `token`.
    pub(crate) fn with_access_token(id: u64) -> Self {
        Self::bmn4(id, true)
    }

    fn bmn4(id: u64, access_token: bool) -> Self {
        let owner = Actor::Deployer.address();
        let factory = |net: &Self| {
            let access = if access_token { net.token } else { Address::ZERO };
            artifacts::bmn_factory(net.lop, owner, RESCUE_DELAY, access, net.weth)
        };
        let protocol = |net: &Self| artifacts::limit_order_protocol(net.weth);
        let net = Self::deployed(id, protocol, 0, factory);
        let add_bob = calldata::add_resolver(Actor::Bob.address());
        net.tx(Actor::Deployer, net.factory, add_bob).submit();
        net.mine_all();
        net
    }
}
