//! A development chain with the `bmn302` contracts on it, deployed as in the recording.

pub(crate) use crate::replay_bed::net::*;
use alloy::primitives::Address;
use bmn_contracts::{artifacts, calldata};
use bmn_primitives::Dialect;

pub(crate) const DIALECT: Dialect = Dialect::Bmn302;

impl Net {
    pub(crate) fn new(id: u64) -> Self {
        let owner = Actor::Deployer.address();
        let factory = |_: &Self| artifacts::bmn302_factory(Address::ZERO, owner, RESCUE_DELAY);
        let protocol = |net: &Self| artifacts::limit_order_protocol(net.weth);
        let net = Self::deployed(id, protocol, 0, factory);
        let add_bob = calldata::add_resolver(Actor::Bob.address());
        net.tx(Actor::Deployer, net.factory, add_bob).submit();
        net.mine_all();
        net
    }
}
