//! A store in which every method finds something, and every method over it.

use crate::{
    fixture::{A, Fixture, block},
    rows,
};
use alloy::primitives::Address;
use bmn_swap::{PriceSourceTerms, PriceTerms, Quote};
use jsonrpsee::RpcModule;

pub(super) struct World {
    pub(super) fixture: Fixture,
}

impl World {
    pub(super) fn new() -> Self {
        let fixture = rows::answering(Ok(rows::accepted()));
        let store = &fixture.store;
        rows::decided(store, 20, |routes, policy, market| {
            let token = Address::repeat_byte(0xa1);
            let source = PriceSourceTerms { name: "feed".to_owned(), max_age: 60 };
            routes[0].limits.prices =
                vec![(token, PriceTerms { sources: vec![source], max_spread_bps: 10 })];
            let at = block(1).time - 5;
            let quote = Quote { micros: 1_000_000, at, source: "feed".to_owned() };
            market.quotes.put(A, token, quote);
            policy.limits.max_maker_value = Some(11_000_000);
            market.usage.maker = 1_000_000;
        });
        rows::shadowed(store, 30);
        rows::bury_fill(2, store);
        rows::bury_fill(3, store);
        Self { fixture }
    }

    /// What changes the node.
    pub(super) fn admin(&self) -> RpcModule<()> {
        let mut admin = rows::modes(&self.fixture.store);
        admin.merge(rows::queue(&self.fixture.store)).unwrap();
        admin
    }

    /// Every method.
    pub(super) fn everything(&self) -> RpcModule<()> {
        let mut all = self.fixture.operated.clone();
        all.merge(self.admin()).unwrap();
        all
    }
}
